"""Clauses as audio, between the voice and the loudspeaker: whole, or the parts that there are so far.

    supply = Supply()
    supply.add(0, part, more=True)      # the voice works on the rest of clause 0
    supply.take(0)                      # [part]; supply.complete(0) is False: more of it comes

The voice makes the first clause of an answer in parts, so that its beginning can sound. Sans-IO.
"""

from dataclasses import dataclass

from models.protocols import Speech


@dataclass(frozen=True, slots=True)
class Made:
    """How much of a clause the voice has made."""

    chars: int = 0
    samples: int = 0

    def and_also(self, part: Speech) -> "Made":
        """This, and `part` behind it; between two parts is a space."""
        return Made(self.chars + (1 if self.chars else 0) + len(part.text), self.samples + part.pcm.size)


class Supply:
    """By index of the clause. One that was put in and has no audio has no sound."""

    def __init__(self) -> None:
        self._parts: dict[int, list[Speech]] = {}
        self._in_work: dict[int, Made] = {}  # clauses of which the voice still owes a part

    def __contains__(self, index: int) -> bool:
        """Is there anything to hand over, be it that the clause has no sound?"""
        return index in self._parts

    def __len__(self) -> int:
        return len(self._parts)

    @property
    def samples(self) -> int:
        """Audio that waits."""
        return sum(part.pcm.size for parts in self._parts.values() for part in parts)

    def add(self, index: int, speech: Speech | None, *, more: bool) -> Made:
        """Clause `index`, or its next part; None: no sound, or none behind its parts. Returns all of it so far."""
        made = self._in_work.pop(index, Made())
        parts = self._parts.setdefault(index, [])
        if speech is not None:
            parts.append(speech)
            made = made.and_also(speech)
        if more:
            self._in_work[index] = made
        return made

    def take(self, index: int) -> list[Speech]:
        """What there is of clause `index`, in order; it waits no more."""
        return self._parts.pop(index)

    def put_back(self, index: int, parts: list[Speech]) -> None:
        """`parts` of clause `index` were not heard: they come again, before what has come meanwhile."""
        self._parts[index] = parts + self._parts.get(index, [])

    def clear(self) -> None:
        """None of it is wanted any more."""
        self._parts.clear()
        self._in_work.clear()

    def complete(self, index: int) -> bool:
        """Has the voice nothing in work for clause `index`?"""
        return index not in self._in_work

    def unmade(self, index: int, text: str) -> str:
        """What of clause `index`, `text`, is not audio yet."""
        if index in self._in_work:
            return text[self._in_work[index].chars :]
        return "" if index in self._parts else text
