"""Models with nothing to do but to say a greeting, for what happens around them."""

from collections.abc import Iterator, Sequence

import numpy as np

from models.protocols import Cancelled, Effort, Floats, Mark, Message, Speech, Transcript, never

SECOND = 16_000


class Quiet:
    """All four of them: they hear nothing, and have a greeting of 2 s to say."""

    frame_samples = 512
    last_complete = True

    def probability(self, frame: Floats) -> float:  # noqa: ARG002
        return 0.0

    def reset(self) -> None:
        pass

    def fresh(self) -> "Quiet":
        return self

    def transcribe(self, audio: Floats, *, cancelled: Cancelled = never, effort: Effort = "final") -> Transcript:  # noqa: ARG002
        raise AssertionError("nothing was said")

    def reply(self, messages: Sequence[Message], *, cancelled: Cancelled = never) -> Iterator[str]:  # noqa: ARG002
        raise AssertionError("nothing was asked")

    def warm(self, messages: Sequence[Message], *, cancelled: Cancelled = never) -> None:
        pass

    def speak(self, text: str, *, cancelled: Cancelled = never) -> Speech | None:  # noqa: ARG002
        return Speech(text, np.full(2 * SECOND, 321, np.int16), (Mark(len(text), 2 * SECOND),))
