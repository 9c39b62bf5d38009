"""Which sample of a spoken clause belongs to the end of which word of its text.

    marks = word_marks(text, sizes=[Size(5, 1), Size(9, 2)], timeline=Timeline(ends, breaks), samples=len(pcm))

The phonemizer gives one stream of phonemes for the whole text. Mostly each word of the text is one word of that
stream, but "42" becomes two, and "of the" becomes one. So a word's end is expected where its share of the phonemes
ends (each word was phonemized alone for its weight), and then moved to the nearest word boundary of the stream, if
there is one near. Pure logic.
"""

import re
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass

from models.protocols import Mark

_WORD = re.compile(r"\S+")
#: How far, as a share of all phonemes and at least in phonemes, the boundary may lie from where it is expected.
_SNAP_SHARE = 0.06
_SNAP_MIN = 3.0


@dataclass(frozen=True, slots=True)
class Timeline:
    """The phonemes of a clause in the order in which they sound."""

    ends: Sequence[int]  #: sample at which each phoneme ends, never falling
    breaks: Sequence[int]  #: a word of the stream ends before the phonemes with these indices, rising


@dataclass(frozen=True, slots=True)
class Size:
    """What one word of the text becomes when it is phonemized alone."""

    phonemes: int
    words: int  #: words of the stream: 2 for "42", 0 for a dash


def split_words(text: str) -> list[str]:
    """The words that marks are made for: what stands between white space."""
    return _WORD.findall(text)


def word_marks(text: str, *, sizes: Sequence[Size], timeline: Timeline, samples: int) -> tuple[Mark, ...]:
    """One mark a word of `text` (`split_words`), the last one (len(text), samples).

    `sizes`: one a word. Marks rise strictly in chars, never fall in samples and
    never pass `samples`.
    """
    ends = word_ends(text)
    places = word_places(sizes, breaks=timeline.breaks, phonemes=len(timeline.ends))
    marks: list[Mark] = []
    reached = 0
    for chars, place in zip(ends[:-1], places[:-1], strict=True):
        at = timeline.ends[min(place, len(timeline.ends)) - 1] if place > 0 and timeline.ends else 0
        reached = min(max(reached, at), samples)
        marks.append(Mark(chars, reached))
    return (*marks, Mark(len(text), samples))


def word_ends(text: str) -> list[int]:
    """Characters up to the end of each word."""
    return [m.end() for m in _WORD.finditer(text)]


def word_places(sizes: Sequence[Size], *, breaks: Sequence[int], phonemes: int) -> list[int]:
    """For each word how many of the `phonemes` of the stream have sounded at its end; `breaks` as in `Timeline`."""
    limits = [*breaks, phonemes]
    if sum(size.words for size in sizes) == len(limits):
        done, out = 0, []
        for size in sizes:
            done += size.words
            out.append(limits[done - 1] if done else 0)
        return out
    return _places_by_share(sizes, breaks, phonemes)


def _places_by_share(sizes: Sequence[Size], breaks: Sequence[int], phonemes: int) -> list[int]:
    total = sum(size.phonemes for size in sizes)
    snap = max(_SNAP_MIN, _SNAP_SHARE * phonemes)
    done, here, out = 0, 0, []
    for size in sizes:
        done += size.phonemes
        expected = phonemes * done / total if total else phonemes
        near = _nearest(breaks, expected)
        place = near if near is not None and abs(near - expected) <= snap else round(expected)
        here = max(here, place) if size.phonemes > 0 else here
        out.append(here)
    return out


def _nearest(breaks: Sequence[int], expected: float) -> int | None:
    i = bisect_left(breaks, expected)
    return min(breaks[max(0, i - 1) : i + 1], key=lambda b: abs(b - expected), default=None)
