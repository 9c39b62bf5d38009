"""The playout ledger: it alone knows what was heard.

    ledger.add(span, speech)            # a clause was queued at these ring positions
    ledger.advance(played, dac_sample)  # a block left for the converter
    ledger.heard                        # the words that left the loudspeaker

A word counts once the last of its samples has been handed to the converter: what the converter holds cannot be
called back, so it will be heard. Sans-IO.
"""

from collections import deque
from dataclasses import dataclass

import numpy as np

from device.card import Span
from models.protocols import Int16s, Speech

# 0.5 % of full scale: the level from which playout counts as audible (docs/converse.md)
_AUDIBLE = 0.005 * 32768
#: Blocks that `cut` can take back: a second, more than a driver buffers.
_RECENT_BLOCKS = 100


def _voiced_end(pcm: Int16s) -> int:
    """Sample after the last audible one of a clause: its closing pause is not part of the last word."""
    loud = np.flatnonzero(np.abs(pcm.astype(np.int32)) >= _AUDIBLE)
    return int(loud[-1]) + 1 if loud.size else 0


@dataclass(frozen=True, slots=True)
class _Entry:
    span: Span
    speech: Speech
    voiced_end: int

    def heard(self, played_to: int) -> str:
        samples = played_to - self.span.start
        chars = 0
        for mark in self.speech.marks:
            if min(mark.samples, self.voiced_end) > samples:
                break
            chars = mark.chars
        return self.speech.text[:chars].strip()


class PlayoutLedger:
    """What one answer queued, and how much of it has been played."""

    def __init__(self) -> None:
        self._entries: list[_Entry] = []
        self._played_to: int | None = None
        self._recent: deque[tuple[int, int, int]] = deque(maxlen=_RECENT_BLOCKS)  # (dac sample, start, end)
        self.first_dac_sample: int | None = None  #: capture clock of the first sample of the answer
        self.last_dac_sample: int | None = None  #: ... and of the end of the newest one played

    def add(self, span: Span, speech: Speech) -> None:
        """`speech` was queued at `span`; spans come in rising order."""
        if self._entries and span.start < self._entries[-1].span.end:
            raise ValueError(f"span {span} begins before the end of {self._entries[-1].span}")
        self._entries.append(_Entry(span, speech, _voiced_end(speech.pcm)))

    def advance(self, played: Span, dac_sample: int) -> None:
        """Ring positions `played` begin to sound at `dac_sample`. Positions of other sounds are passed over."""
        if not self._entries or played.end <= played.start:
            return
        first, last = self._entries[0].span.start, self._entries[-1].span.end
        start, end = max(played.start, first), min(played.end, last)
        if end <= start:
            return
        if self.first_dac_sample is None:
            self.first_dac_sample = dac_sample + (start - played.start)
        self.last_dac_sample = dac_sample + (end - played.start)
        self._played_to = end
        self._recent.append((dac_sample + (start - played.start), start, end))

    def cut(self, sample: int) -> None:
        """The card died at `sample`: what the converter held by then was not heard after all."""
        while self._recent:
            dac_sample, start, end = self._recent[-1]
            if dac_sample + (end - start) <= sample:
                return
            self._played_to = max(start, min(end, start + sample - dac_sample))
            if self._played_to > start:
                return
            self._recent.pop()

    @property
    def queued_to(self) -> int:
        """Ring position after the last queued sample; 0 when nothing is queued."""
        return self._entries[-1].span.end if self._entries else 0

    @property
    def waiting_samples(self) -> int:
        """Queued, not yet played."""
        if not self._entries:
            return 0
        return self.queued_to - (self._played_to if self._played_to is not None else self._entries[0].span.start)

    @property
    def heard(self) -> str:
        """The words that left the loudspeaker, clauses joined by a space."""
        if self._played_to is None:
            return ""
        parts = [e.heard(self._played_to) for e in self._entries if e.span.start < self._played_to]
        return " ".join(p for p in parts if p)
