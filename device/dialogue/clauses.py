"""Tokens in, speakable clauses out: what one breath can say.

    splitter = ClauseSplitter(ClausePolicy())
    for piece in stream:
        for clause in splitter.feed(piece): say(clause)
    for clause in splitter.finish(): say(clause)

A clause ends at a sentence end, or at a comma, semicolon, colon or dash once it is long enough; the first one is
allowed to be shorter, because the user waits for it. A mark counts only when white space follows it, so that
3.14, 1,000, 5:30 and example.org stay whole; abbreviations and initials do not end a sentence. Markdown, code
and emoji never come out (`speakable`). Sans-IO.
"""

import re
from dataclasses import dataclass

from device.dialogue.speakable import CodeFences, speakable


@dataclass(frozen=True, slots=True)
class ClausePolicy:
    """Lengths in characters."""

    first_min_chars: int = 12  #: a comma may end the first clause from here on
    min_chars: int = 24  #: ... and every later one from here on
    max_chars: int = 100  #: longer than this is cut between two words


# Written out in lower case, without the final point.
_ABBREVIATIONS = frozenset(
    "dr mr mrs ms prof st sr jr rev hon gen col lt sgt capt gov sen rep pres vs etc e.g i.e cf approx dept est fig inc "
    "ltd co corp no nos vol pp ed a.m p.m u.s u.k u.n ph.d jan feb mar apr jun jul aug sep sept oct nov dec mon tue "
    "wed thu fri sat sun ave blvd rd mt ft oz lb lbs min max avg tel".split()
)
# These end a sentence as often as not: the next word decides (a capital letter means a new sentence).
_AMBIGUOUS = frozenset("etc a.m p.m inc ltd co corp u.s u.k u.n jr sr no min max ft oz lb lbs ave rd".split())
_CLOSERS = "\"'”’)]*_"
_HARD = re.compile(rf"[.!?…]+[{re.escape(_CLOSERS)}]*(?=\s)|\n+")
_SOFT = re.compile(rf"[,;:][{re.escape(_CLOSERS)}]*(?=\s)|\s[–—-]+(?=\s)|—")
_LAST_WORD = re.compile(r"(\S+)$")


def _ends_sentence(text: str, mark_start: int, after: str) -> bool:
    """Is the mark at `mark_start` of `text` the end of a sentence? `after` is what follows the white space."""
    if text[mark_start] != ".":
        return True
    match = _LAST_WORD.search(text[:mark_start])
    if match is None:
        return False  # a lone point says nothing
    word = match.group(1).lstrip("\"'“‘([*_").casefold()
    if len(word) == 1 and word.isalpha() and word != "i":
        return False  # an initial: "J. K. Rowling"
    line = text[:mark_start].rpartition("\n")[2].strip()
    if line.isdigit() and len(line) <= 2:
        return False  # the number of a list item: "1. Put the kettle on"
    if word in _AMBIGUOUS:
        return after[:1].isupper() and word != "no"
    return word not in _ABBREVIATIONS


class ClauseSplitter:
    """Holds the text that has not become a clause yet."""

    def __init__(self, policy: ClausePolicy) -> None:
        self._policy = policy
        self._fences = CodeFences()
        self._text = ""
        self._count = 0

    def feed(self, piece: str) -> list[str]:
        """Take a piece of text; return the clauses that are complete with it."""
        self._text += self._fences.feed(piece)
        return self._take(at_end=False)

    def finish(self) -> list[str]:
        """No more text comes: return what is left."""
        self._text += self._fences.finish()
        out = self._take(at_end=True)
        rest, self._text = self._text, ""
        return out + self._clause(rest)

    def _take(self, *, at_end: bool) -> list[str]:
        out: list[str] = []
        while (cut := self._cut(at_end)) is not None:
            out += self._clause(self._text[:cut])
            self._text = self._text[cut:].lstrip(" \t\r")
        return out

    def _clause(self, text: str) -> list[str]:
        clean = speakable(text)
        if not clean:
            return []
        self._count += 1
        return [clean]

    def _cut(self, at_end: bool) -> int | None:
        """Where the next clause ends, or None while that cannot be known yet."""
        text = self._text
        soft = self._soft_cut(text)
        hard = self._hard_cut(text, at_end)
        if hard is not None and (soft is None or hard <= soft):
            return hard
        if soft is not None:
            return soft
        limit = self._policy.max_chars
        if len(text) > limit:
            space = text.rfind(" ", 1, limit)
            return space if space > 0 else limit
        return None

    def _hard_cut(self, text: str, at_end: bool) -> int | None:
        for match in _HARD.finditer(text):
            if match.group().startswith("\n"):
                return match.end()
            after = text[match.end() :].lstrip()
            if not after and not at_end:
                return None if self._doubtful(text, match.start()) else match.end()
            if _ends_sentence(text, match.start(), after):
                return match.end()
        return None

    @staticmethod
    def _doubtful(text: str, mark_start: int) -> bool:
        """Can only the next word tell whether this point ends the sentence?"""
        if _ends_sentence(text, mark_start, "A") != _ends_sentence(text, mark_start, "a"):
            return True
        return not _ends_sentence(text, mark_start, "a")

    def _soft_cut(self, text: str) -> int | None:
        least = self._policy.first_min_chars if self._count == 0 else self._policy.min_chars
        for match in _SOFT.finditer(text):
            if match.end() >= least and len(speakable(text[: match.end()])) >= least:
                return match.end()
        return None
