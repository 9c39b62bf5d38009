"""Did what was called stable stay? Words of the stable prefix that were taken back, counted from the outside.

count = retractions([("turn on", ...)], final)
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from bench.words import normalised


@dataclass(frozen=True, slots=True)
class Stability:
    """`declared`: words that were ever called stable; `retracted`: those of them that were changed after all."""

    declared: int = 0
    retracted: int = 0

    def __add__(self, other: "Stability") -> "Stability":
        return Stability(self.declared + other.declared, self.retracted + other.retracted)

    @property
    def percent(self) -> float | None:
        """None where nothing was ever called stable."""
        return round(100 * self.retracted / self.declared, 2) if self.declared else None


def stability(stable: Iterable[str], final: str) -> Stability:
    """`stable`: the stable prefixes of a turn, in order; `final`: what was committed.

    A word counts as retracted when a later prefix, or the final text, has something else in its place. Case and
    punctuation do not count. A prefix that is only shorter than the one before takes the words back that it lacks.
    """
    before: Sequence[str] = ()
    declared = retracted = 0
    for text in stable:
        words = _words(text)
        same = _common(before, words)
        retracted += len(before) - same
        declared += len(words) - same
        before = words
    return Stability(declared, retracted + len(before) - _common(before, _words(final)))


def _words(text: str) -> list[str]:
    return normalised(text).split()


def _common(a: Sequence[str], b: Sequence[str]) -> int:
    return next((n for n, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), min(len(a), len(b)))
