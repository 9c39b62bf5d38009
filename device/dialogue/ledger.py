"""The playout ledger: it alone knows what was heard.

    ledger.add(span, speech)            # a clause was queued at these ring positions
    ledger.advance(played, dac_sample)  # a block left for the converter
    ledger.heard                        # the words that left the loudspeaker

A word counts once the last of its samples has been handed to the converter: what the converter holds cannot be
called back, so it will be heard. Sans-IO.

An answer that was silenced and goes on is taken back from the first word that was not heard:

    for speech in ledger.take_back(): ...   # what is left of each clause; queue it and `add` it again
"""

from collections import deque
from dataclasses import dataclass, replace

import numpy as np

from device.card import Span
from models.protocols import SAMPLE_RATE_HZ, Int16s, Mark, Speech

# 0.5 % of full scale: the level from which playout counts as audible (docs/converse.md)
_AUDIBLE = 0.005 * 32768
#: Blocks that `cut` can take back: a second, more than a driver buffers.
_RECENT_BLOCKS = 100
_FADE_IN_SAMPLES = SAMPLE_RATE_HZ // 200  # 5 ms: a wave that begins in its middle would click
_NO_AUDIO: Int16s = np.zeros(0, np.int16)


def _voiced_end(pcm: Int16s) -> int:
    """Sample after the last audible one of a clause: its closing pause is not part of the last word."""
    loud = np.flatnonzero(np.abs(pcm.astype(np.int32)) >= _AUDIBLE)
    return int(loud[-1]) + 1 if loud.size else 0


def _faded_in(speech: Speech) -> Speech:
    """`speech`, beginning in the middle of a clause, without a click."""
    pcm = speech.pcm.copy()
    fade = min(_FADE_IN_SAMPLES, pcm.size)
    pcm[:fade] = (pcm[:fade] * np.linspace(0.0, 1.0, fade, endpoint=False)).astype(np.int16)
    return Speech(speech.text, pcm, speech.marks)


def _from_its_beginning(speech: Speech, before: Speech) -> Speech:
    """`speech` with the beginning of its first word, which sounded at the end of the part `before`."""
    begun = min(speech.begun_samples, before.pcm.size)
    if begun <= 0:
        return speech
    marks = tuple(Mark(mark.chars, mark.samples + begun) for mark in speech.marks)
    return Speech(speech.text, np.concatenate([before.pcm[-begun:], speech.pcm]), marks)


@dataclass(frozen=True, slots=True)
class _Entry:
    span: Span
    speech: Speech
    voiced_end: int

    def silent(self) -> "_Entry":
        """This, without its audio."""
        return replace(self, speech=replace(self.speech, pcm=_NO_AUDIO))

    def heard(self, played_to: int) -> str:
        samples = played_to - self.span.start
        chars = 0
        for mark in self.speech.marks:
            if min(mark.samples, self.voiced_end) > samples:
                break
            chars = mark.chars
        return self.speech.text[:chars].strip()

    def split(self, played_to: int) -> tuple[str, Speech | None]:
        """The words that were wholly played, and the rest from the next word on (None: no word is left)."""
        text, samples = self.speech.text, played_to - self.span.start
        done = Mark(0, 0)
        for mark in self.speech.marks:
            if min(mark.samples, self.voiced_end) > samples:
                break
            if not text[mark.chars : mark.chars + 1].strip():  # within a word nobody goes on
                done = mark
        rest = text[done.chars :].lstrip()
        if not rest:
            return text.strip(), None
        if done.chars == 0:
            return "", self.speech
        skipped = len(text) - len(rest)
        marks = tuple(Mark(m.chars - skipped, m.samples - done.samples) for m in self.speech.marks if m.chars > skipped)
        return text[: done.chars].strip(), Speech(rest, self.speech.pcm[done.samples :], marks)


class PlayoutLedger:
    """What one answer queued, and how much of it has been played."""

    def __init__(self) -> None:
        self._entries: list[_Entry] = []
        self._past: list[str] = []  # heard of clauses that were taken back
        self._free_from = 0  # ring position after all that was ever queued
        self._played_to: int | None = None
        self._recent: deque[tuple[int, int, int]] = deque(maxlen=_RECENT_BLOCKS)  # (dac sample, start, end)
        self.first_dac_sample: int | None = None  #: capture clock of the first sample of the answer
        self.last_dac_sample: int | None = None  #: ... and of the end of the newest one played
        self.words_end_sample: int | None = None  #: ... and of the end of the last word that was heard whole

    def add(self, span: Span, speech: Speech) -> None:
        """`speech` was queued at `span`; spans come in rising order."""
        if span.start < self._free_from:
            raise ValueError(f"span {span} begins before {self._free_from}, the end of the one before it")
        self._free_from = span.end
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
        for entry in self._entries:
            if start < (words_end := entry.span.start + entry.voiced_end) <= end:
                self.words_end_sample = dac_sample + (words_end - played.start)

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
    def between_clauses(self) -> bool:
        """Is what sounds now the pause behind a clause?"""
        to = self._played_to
        return to is not None and any(e.span.start + e.voiced_end <= to <= e.span.end for e in self._entries)

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
        to = self._played_to
        parts = [] if to is None else [e.heard(to) for e in self._entries if e.span.start < to]
        return " ".join(p for p in [*self._past, *parts] if p)

    def take_back(self) -> list[Speech | None]:
        """The ring was flushed and the answer goes on: what was not heard of each queued clause (None: nothing).

        From here on they are as if they had never been queued, but for their words that were heard. To be called when
        nothing of them can sound any more.
        """
        rest: list[Speech | None] = []
        for entry in self._entries:
            if self._played_to is None or entry.span.start >= self._played_to:
                rest.append(entry.speech)
                continue
            heard, left = entry.split(self._played_to)
            self._past.append(heard)
            rest.append(left)
        for i in range(1, len(rest)):
            speech = rest[i]
            if rest[i - 1] is None and speech is not None and speech is self._entries[i].speech:
                rest[i] = _from_its_beginning(speech, self._entries[i - 1].speech)
        begun = self._played_to is not None
        for i, speech in enumerate(rest):
            if speech is not None and begun:  # it goes on in the middle of a clause, or with its second part
                rest[i] = _faded_in(speech)
                break
        self._entries.clear()
        self._played_to = None
        return rest

    def let_audio_go(self) -> None:
        """The answer is over and does not go on: all that is known of it stays, but for its audio (32 kB a second)."""
        self._entries = [entry.silent() for entry in self._entries]
