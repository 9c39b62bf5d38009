"""Did what was called stable stay? Words of the stable prefix that were taken back, counted from the outside.

count = stability(["turn", "turn off"], "Turn on the lamp."); count.percent
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import jiwer

from bench.words import normalised


@dataclass(frozen=True, slots=True)
class Stability:
    """`declared`: words that were ever called stable; `retracted`: those of them that were changed after all.

    `erased`: how many would have to be wiped out and written again by somebody who can only write on: from the first
    change of a prefix on all that was there, changed or not. (Normalised erasure, of Arivazhagan, Cherry, Macherey and
    Foster, "Re-translation versus Streaming for Simultaneous Translation", IWSLT 2020, is this by words of the end.)
    """

    declared: int = 0
    retracted: int = 0
    erased: int = 0

    def __add__(self, other: "Stability") -> "Stability":
        return Stability(self.declared + other.declared, self.retracted + other.retracted, self.erased + other.erased)

    @property
    def percent(self) -> float | None:
        """Of the words that were called stable, those retracted; None where nothing ever was."""
        return round(100 * self.retracted / self.declared, 2) if self.declared else None


def stability(stable: Iterable[str], final: str) -> Stability:
    """`stable`: the stable prefixes of a turn, in order; `final`: what was committed.

    A word counts as retracted when a later prefix, or the final text, has something else or nothing in its place, by
    the fewest changes that lead from the one to the other. Case and punctuation do not count.
    """
    before: Sequence[str] = ()
    out = Stability()
    for text in stable:
        words = _words(text)
        kept = _kept(before, words)
        out += Stability(len(words) - kept, len(before) - kept, len(before) - _common(before, words))
        before = words
    words = _words(final)
    return out + Stability(0, len(before) - _kept(before, words), len(before) - _common(before, words))


def _words(text: str) -> list[str]:
    return normalised(text).split()


def _kept(a: Sequence[str], b: Sequence[str]) -> int:
    """How many words of `a` are in `b` too, in their place."""
    return jiwer.process_words(" ".join(a), " ".join(b)).hits if a and b else 0


def _common(a: Sequence[str], b: Sequence[str]) -> int:
    return next((n for n, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), min(len(a), len(b)))
