"""A card that plays softer: what is handed to it is turned down first, so the canceller's reference is what sounds.

    with with_playback_gain(card, -6.0) as card: card.play(speech)

Softer only, so nothing can clip here. Capture and everything else is the card's own.
"""

from types import TracebackType
from typing import Self

import numpy as np

from device.card import Block, Card, CardStats, Span
from models.protocols import Int16s


def with_playback_gain(card: Card, gain_db: float) -> Card:
    """`card` itself at 0 dB. Raises ValueError for a gain above 0 dB or no number."""
    if not gain_db <= 0.0:
        raise ValueError(f"a playback gain of {gain_db} dB would clip")
    return card if gain_db == 0.0 else SofterCard(card, gain_db)


class SofterCard:
    """A `device.card.Card` in front of another. Thread-safe where that one is."""

    def __init__(self, card: Card, gain_db: float) -> None:
        self.inner = card
        self.name = card.name
        self.rate_hz = card.rate_hz
        self.gain_db = gain_db
        self._factor = 10 ** (gain_db / 20)

    def start(self) -> None:
        self.inner.start()

    def read(self, timeout_s: float) -> Block | None:
        return self.inner.read(timeout_s)

    def play(self, pcm: Int16s) -> Span:
        """Queue (n,) int16 at 16 kHz, turned down. Raises AudioError when the ring has no room."""
        return self.inner.play(np.rint(pcm * self._factor).astype(np.int16))

    def flush(self) -> None:
        self.inner.flush()

    def mute(self, muted: bool) -> None:
        self.inner.mute(muted)

    @property
    def muted(self) -> bool:
        return self.inner.muted

    def set_volume(self, factor: float) -> None:
        self.inner.set_volume(factor)

    def stats(self) -> CardStats:
        return self.inner.stats()

    def stop(self) -> None:
        self.inner.stop()

    def __enter__(self) -> Self:
        self.inner.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.inner.__exit__(kind, error, traceback)
