"""A recorded evening for `nearfield top`: replies and news as the control socket has them. Tests and the picture."""

from desk_kit import FakeAssistant, FakeControls

from device.control.desk import ControlDesk
from device.dialogue import events as ev

MS = 16
ASKED = "What is the capital of France?"
ANSWER = "The capital of France is Paris."
CARD_STATS = {
    "blocks": 1_482_113,
    "capture_lost_samples": 0,
    "capture_overflows": 0,
    "playback_underflows": 1,
    "starved_samples": 0,
    "worst_interval_ms": 12.4,
}


def desk_of_an_evening(turns: int = 23) -> ControlDesk:
    """A desk that has seen `turns` turns, with the status of a board."""
    desk = ControlDesk(FakeAssistant(), FakeControls(70))
    desk.add_status(
        lambda: {
            "session": 7,
            "persona": "assistant",
            "card": "USB Audio: ReSpeaker 2-Mics",
            "card_stats": dict(CARD_STATS),
            "uptime_s": 15_204.0,
            "health": {"temperature_c": 58.2, "throttled": False},
        }
    )
    for turn in range(1, turns + 1):
        for event in turn_events(turn, late_ms=(turn * 37) % 160):
            desk.on_event(event)
    return desk


def turn_events(turn: int, late_ms: float = 0.0) -> list[ev.Event]:
    """One question: two partials, a hypothesis thrown away, one committed, an answer that is heard to its end."""

    def at(ms: float) -> int:
        return round((turn * 10_000 + ms) * MS)

    return [
        ev.StateChange(at(-1900), turn, "listening"),
        ev.SpeechStart(at(-1700), turn, at(-1900)),
        ev.Partial(at(-120), turn, "What is the cap", "What is the", 0, 110.0, at(-270)),
        ev.EndPoint(at(60), turn, "wait", 60.0, 0.4, "open", 400.0),
        ev.Supposed(at(-100), turn, "What is the cap"),
        ev.Discarded(at(90), turn, "What is the cap", "other_words"),
        ev.Partial(at(130), turn, ASKED, "What is the capital", 0, 100.0, at(110)),
        ev.Supposed(at(132), turn, ASKED),
        ev.Understood(at(140), turn, ""),
        ev.EndPoint(at(176), turn, "commit", 176.0, 0.93, "complete", 200.0),
        ev.SpeechEnd(at(178), turn, at(0)),
        ev.Final(at(180), turn, ASKED, 0.9, 100.0),
        ev.Commit(at(180), turn, ASKED, "complete"),
        ev.StateChange(at(180), turn, "thinking"),
        ev.LlmFirstToken(at(185), turn),
        ev.Clause(at(222 + late_ms), turn, 0, ANSWER),
        ev.TtsFirstAudio(at(286 + late_ms), turn),
        ev.PlayoutStart(at(306 + late_ms), turn),
        ev.StateChange(at(306 + late_ms), turn, "speaking"),
        ev.PlayoutEnd(at(2300 + late_ms), turn, ANSWER, "The capital of France"),
    ]
