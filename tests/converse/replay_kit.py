"""Models that hear loudness and say what they are told to, and a device whose turns are kept.

device = Device(tmp_path); device.talk("Open the door."); device.settings
"""

import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from device.appliance import Appliance
from device.audio.recording import MemoryRecorder
from device.audio.virtual import VirtualCard
from device.config import Settings, load_settings
from device.dialogue import events as ev
from device.dialogue.loop import Models
from device.persona import Persona
from models.protocols import Cancelled, Effort, Floats, Int16s, Mark, Message, Speech, Transcript, never

RATE = 16_000
SPEED = 4.0  # of the clock: the models take no time, but skills do
PERSONA = Persona("assistant", prompt="Be brief.", greeting="Good evening.")


class Fakes:
    """All models: loud is speech, `hears` is what was said, the answer is `answer`."""

    frame_samples = 512
    last_complete = True

    def __init__(self, hears: str = "", answer: str = "So be it.", decode_s: float = 0.0) -> None:
        """`decode_s`: how long a transcript takes, by the clock on the wall."""
        self.hears, self.answer, self.decode_s = hears, answer, decode_s
        self.told: list[tuple[Message, ...]] = []

    def probability(self, frame: Floats) -> float:
        return 0.95 if float(np.abs(frame).max()) > 0.05 else 0.01

    def reset(self) -> None:
        pass

    def fresh(self) -> "Fakes":
        return Fakes()

    def transcribe(self, audio: Floats, *, cancelled: Cancelled = never, effort: Effort = "final") -> Transcript:  # noqa: ARG002
        time.sleep(self.decode_s)
        loud = float(np.abs(audio).max()) > 0.05
        return Transcript(self.hears if loud else "", 0.9 if loud else 0.0, len(audio) / 16, 1.0)

    def reply(self, messages: Sequence[Message], *, cancelled: Cancelled = never) -> Iterator[str]:  # noqa: ARG002
        self.told.append(tuple(messages))
        yield self.answer

    def warm(self, messages: Sequence[Message], *, cancelled: Cancelled = never) -> None:
        pass

    def speak(self, text: str, *, cancelled: Cancelled = never) -> Speech:  # noqa: ARG002
        pcm = np.full(RATE // 5, 3000, np.int16)
        return Speech(text, pcm, (Mark(len(text), len(pcm)),))

    def models(self) -> Models:
        return Models(self, self, self, self)


def utterance(seconds: float = 0.8) -> Int16s:
    """(n,) int16, loud."""
    tone = 8000 * np.sin(np.arange(round(seconds * RATE)) * 0.2)
    return tone.astype(np.int16)


class Device:
    """What is kept lies in `folder`."""

    def __init__(self, folder: Path, *sets: str) -> None:
        self.settings: Settings = load_settings(
            None,
            [
                f"session.database={folder / 'sessions.db'}",
                f"skills.folder={folder / 'skills.d'}",
                "retention.audio=5",
                "audio.playback_gain_db=0",
                "turn.model=none",
                "turn.end_silence_ms=300",
                "skills.second_look=false",
                *sets,
            ],
        )

    def talk(self, *texts: str, models: Fakes | None = None, held: bool = False) -> Fakes:
        """One session: each text is said behind the answer to the one before.

        `held`: the talk button goes down 0.3 s before it, and comes up 0.4 s behind it.
        """
        fakes = models or Fakes()
        card = VirtualCard(recorder=MemoryRecorder(), speed=SPEED)
        waiting = list(texts)
        said = 0
        ended: list[int] = [0]  # when each answer did
        state = "idle"
        release_at: int | None = None

        def on_event(event: ev.Event) -> None:
            nonlocal state
            if isinstance(event, ev.StateChange):
                state = event.state
            if isinstance(event, ev.PlayoutEnd):  # the greeting too
                ended.append(event.sample)

        def on_block(now: int) -> None:
            nonlocal said, release_at
            if release_at is not None and now >= release_at:
                release_at = None
                appliance.assistant.release()
            if state != "idle" or len(ended) < said + 2 or now < ended[-1] + RATE // 2:
                return
            if not waiting:
                appliance.assistant.stop()
                return
            fakes.hears = waiting.pop(0)
            said += 1
            if not held:
                card.say(utterance())
                return
            appliance.assistant.press()
            pcm = utterance()
            release_at = card.say(pcm, now + round(0.3 * RATE)) + len(pcm) + round(0.4 * RATE)

        with Appliance(self.settings, PERSONA, fakes.models(), card, on_event=on_event, on_block=on_block) as appliance:
            appliance.run()
        return fakes
