"""A desk without an assistant behind it, and scenes for it: what tests, pictures and measurements of the page share.

desk = pretended_desk()
for event in SCENES["speaking"]: desk.on_event(event)
"""

from dataclasses import dataclass, field
from typing import Any

from device.control.desk import ControlDesk
from device.control.status import LiveStatus
from device.dialogue import events as ev

MS = 16  # samples
QUESTION = "What is the difference between a crocodile and an alligator?"
ANSWER = "An alligator has a broad, round snout. A crocodile's is narrow, and its teeth show when its mouth is shut."
GERMAN = "Wie heißt die größte Brücke über die Weser – und „wie lang“ ist sie?"


@dataclass
class PretendedAssistant:
    """Remembers what it was asked for."""

    calls: list[Any] = field(default_factory=list)

    def announce(self, text: str) -> None:
        self.calls.append(("say", text))

    def hush(self) -> None:
        self.calls.append("stop")

    def press(self) -> None:
        self.calls.append("press")

    def release(self) -> None:
        self.calls.append("release")


@dataclass
class PretendedControls:
    muted: bool = False
    volume_percent: int = 65

    def mute(self, muted: bool) -> None:
        self.muted = muted

    def louder(self) -> None:
        self.volume_percent = min(100, self.volume_percent + 10)

    def softer(self) -> None:
        self.volume_percent = max(0, self.volume_percent - 10)

    def set_volume_percent(self, percent: int) -> None:
        self.volume_percent = percent


class PretendedDesk(ControlDesk):
    """A desk with `assistant` and `controls` to look into, and `timers` to set."""

    def __init__(self) -> None:
        self.assistant = PretendedAssistant()
        self.controls = PretendedControls()
        self.timers: list[dict[str, Any]] = []
        super().__init__(self.assistant, self.controls, status=LiveStatus(session=41))
        stats = {
            "blocks": 120_000,
            "capture_lost_samples": 0,
            "capture_overflows": 0,
            "playback_underflows": 1,
            "starved_samples": 0,
            "worst_interval_ms": 11.2,
        }
        self.add_status(lambda: {"persona": "assistant", "card": "ReSpeaker 2-Mics HAT", "card_stats": stats})
        self.add_status(lambda: {"timers": self.timers})


def pretended_desk() -> PretendedDesk:
    """One to look at."""
    return PretendedDesk()


def timer(number: int, label: str, left_s: float, length_s: float, *, running: bool = True) -> dict[str, Any]:
    """As `device.skills.timer_list` has it."""
    kind = "timer" if length_s else "alarm"
    return {
        "kind": kind, "id": number, "label": label, "left_s": left_s, "length_s": length_s, "running": running
    }  # fmt: skip


def past_turns(count: int, first: int = 1) -> list[ev.Event]:
    """Turns that are over, each a little different; every fourth is late, every third had a false start."""
    out: list[ev.Event] = []
    for turn in range(first, first + count):
        late = 260 if turn % 4 == 0 else 11 * (turn % 7)

        def at(ms: float, turn: int = turn) -> int:
            return round((turn * 10_000 + ms) * MS)

        out += [
            ev.SpeechStart(at(-1700), turn, at(-1900)),
            ev.Partial(at(-900), turn, "What is the", "What is", 0, 110.0, at(-1050)),
        ]
        if turn % 3 == 0:
            out += [
                ev.EndPoint(at(-640), turn, "wait", 120.0, 0.2, "open", 800.0),
                ev.Supposed(at(-620), turn, "What is the"),
                ev.Discarded(at(-320), turn, "What is the", "more_speech"),
            ]
        out += [
            ev.Partial(at(170), turn, QUESTION, "What is", 0, 140.0, at(110)),
            ev.Supposed(at(172), turn, QUESTION),
            ev.EndPoint(at(196), turn, "commit", 196.0, 0.93, "complete", 200.0),
            ev.SpeechEnd(at(198), turn, at(0)),
            ev.Final(at(200), turn, QUESTION, 0.9, 140.0),
            ev.Commit(at(200), turn, QUESTION, "complete"),
            ev.LlmFirstToken(at(215), turn),
            ev.Clause(at(240 + late / 2), turn, 0, "An alligator has a broad, round snout."),
            ev.TtsFirstAudio(at(290 + late), turn),
            ev.PlayoutStart(at(306 + late), turn),
            ev.PlayoutEnd(at(2300 + late), turn, ANSWER, ANSWER),
        ]
    return out


def _heard(words: int, turn: int = 30) -> list[ev.Event]:
    text = ANSWER.split()
    return [ev.Spoken(2000 * MS, turn, " ".join(text[: i + 1])) for i in range(words)]


#: What happened, for each state that the page knows (but "disconnected", which is no event); turn 30, after no other.
SCENES: dict[str, list[ev.Event]] = {
    "idle": [ev.StateChange(0, 0, "idle")],
    "attentive": [ev.StateChange(0, 0, "attentive")],
    "listening": [
        ev.StateChange(0, 30, "listening"),
        ev.SpeechStart(0, 30, 0),
        ev.Partial(900 * MS, 30, "What is the difference between a crocodile and an", "What is the difference between"),
    ],
    "thinking": [
        ev.SpeechStart(0, 30, 0),
        ev.Commit(1000 * MS, 30, QUESTION, "complete"),
        ev.StateChange(1000 * MS, 30, "thinking"),
    ],
    "speaking": [
        ev.SpeechStart(0, 30, 0),
        ev.Commit(1000 * MS, 30, QUESTION, "complete"),
        ev.Clause(1100 * MS, 30, 0, ANSWER),
        ev.StateChange(1200 * MS, 30, "speaking"),
        ev.PlayoutStart(1200 * MS, 30),
        *_heard(12),
    ],
    "ringing": [
        ev.RingStart(0, 0, "pasta timer", "Your pasta timer is done."),
        ev.StateChange(0, 0, "ringing"),
    ],
    "muted": [ev.StateChange(0, 0, "idle"), ev.Mute(0, 0, True)],
    "card": [ev.CardLost(0, 0, "USB Audio Device is gone")],
}
