"""Recogniser, chat and voice in one, for tests of the rim: whatever is heard is a hello, and it is returned."""

from collections.abc import Iterator, Sequence

import numpy as np

from models.protocols import Cancelled, Effort, Floats, Mark, Message, Speech, Transcript, never


class HelloEnds:
    """`_work` is where a test lets one of them fail."""

    last_complete = True

    def _work(self, stage: str) -> None:
        """`stage`, "stt", "llm" or "tts", begins its work."""

    def transcribe(self, audio: Floats, *, cancelled: Cancelled = never, effort: Effort = "final") -> Transcript:  # noqa: ARG002
        self._work("stt")
        return Transcript("Hello?", 0.9, len(audio) / 16, 1.0)

    def reply(self, messages: Sequence[Message], *, cancelled: Cancelled = never) -> Iterator[str]:  # noqa: ARG002
        self._work("llm")
        yield from ("Hello ", "to you.")

    def warm(self, messages: Sequence[Message], *, cancelled: Cancelled = never) -> None:
        pass

    def speak(self, text: str, *, cancelled: Cancelled = never) -> Speech | None:  # noqa: ARG002
        self._work("tts")
        return Speech(text, np.full(4800, 3000, np.int16), (Mark(len(text), 4800),))
