"""Tokens in, speakable clauses out: what one breath can say.

    splitter = ClauseSplitter(ClausePolicy())
    for piece in stream:
        for clause in splitter.feed(piece): say(clause)
    for clause in splitter.finish(): say(clause)

A clause ends at a sentence end, or at a comma, semicolon, colon or dash once it is long enough; the first one is
allowed to be shorter, because the user waits for it. A mark counts only when white space follows it, so that
3.14, 1,000, 5:30 and example.org stay whole; abbreviations and initials do not end a sentence. Markdown, code
and emoji never come out (`speakable`).

Short is good only while nobody has to wait for what comes next. `Flow` says so, by what text and voice take: a clause
ends where the next one will be audio before it has been played, else at a later mark. A first clause that would become
long (also a later one, when the loudspeaker is about to run dry) ends where a phrase begins, as a speaker who
thinks while he talks would breathe: "The sky looks blue | because sunlight ...". Sans-IO.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from device.dialogue.speakable import CodeFences, speakable


@dataclass(frozen=True, slots=True)
class ClausePolicy:
    """Lengths in characters."""

    first_min_chars: int = 4  #: a comma may end the first clause from here on
    min_chars: int = 24  #: ... and every later one from here on
    max_chars: int = 100  #: longer than this is cut between two words
    first_max_chars: int = 48  #: the first clause, if no mark has come by then, ends where a phrase begins
    early_words: bool = True  #: its first words may be said before it is complete


class Flow(Protocol):
    """Does the answer go on without a gap? (`device.dialogue.answer` asks `Pace`.)"""

    def flows(self, clause_chars: int, rest_chars: int, next_chars: int, tolerated_ms: float) -> bool:
        """Is the next clause audio before this one has been played? `tolerated_ms`: of silence between them."""
        ...

    def runs_dry(self, chars: int) -> bool:
        """Will the loudspeaker be silent before `chars` more have been written and made audio?"""
        ...

    def opens(self, rest_chars: int, clause_chars: int, *, pauses: bool) -> bool:
        """Will the last `rest_chars` of a first clause be written, and audio, while its first words sound?

        `pauses`: there is a sign behind the first word.
        """
        ...


class Unhurried:
    """A `Flow` for texts that are there as a whole."""

    def flows(self, clause_chars: int, rest_chars: int, next_chars: int, tolerated_ms: float) -> bool:  # noqa: ARG002
        return True

    def runs_dry(self, chars: int) -> bool:  # noqa: ARG002
        return False

    def opens(self, rest_chars: int, clause_chars: int, *, pauses: bool) -> bool:  # noqa: ARG002
        return False


#: Behind a sentence nobody minds that a speaker thinks; within one a silence that no comma explains is a stutter.
_SENTENCE_TOLERANCE_MS = 1000.0
#: A first clause of fewer characters is not cut at a phrase: "It is | in Spain" sounds like a machine.
_PHRASE_MIN_CHARS = 18
#: Fewer letters and spaces than these, the last word not counted, are hardly the 0.5 s of speech that an opening takes
#: (`models.tts` refused 3 of 12 beginnings that had 10, 4 of 94 that had more; "I'm here to" has 10) ...
_OPENING_MIN_CHARS = 11
#: ... and a sign within them sounds as long as so many ("Sure," takes 0.51 s or more in nine of ten).
_MARK_CHARS = 7
#: Behind these the clause is nearly complete, and begins sooner as a whole.
_OPENING_MAX_CHARS = 34
#: The last word only tells how the one before it ends. A letter alone is said by its name: "package s" became "package
#: had" ("package should") once it was spliced; of 50 sentences 7.8 % of the words were wrong then, 1.9 % otherwise.
_LAST_MIN_CHARS = 3
#: Where phrases begin, the strongest boundary first (Gee & Grosjean 1983: pauses fall between clauses, then in front of
#: prepositional phrases, then between subject and verb). "of" and "that" hold together what they join.
_PHRASES = tuple(
    frozenset(words.split())
    for words in (
        "and but or because which who when where while if although though so unless until since before after as than",
        "in on at by for from with without into through during between about under over around near to like",
        "is are was were has have had can could will would should may might must does do did",
    )
)


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
_WORD = re.compile(r"\s([A-Za-z]+)(?=\s)")
#: What may be said before the clause it begins is complete: words, also with a comma, semicolon or colon behind them
#: ("No, I'm sorry"), whatever follows. Digits only in the last one, which may grow ("24" may become "24,000"), and no
#: mark that may end a sentence.
_OPENING_WORD = r"[^\W\d_](?:[^\W\d_]|['’-])*"
_OPENING = re.compile(rf"\s*((?:{_OPENING_WORD}[,;:]? )+(?:{_OPENING_WORD}|\d\S*))")


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


#: No phrase begins behind these: "the process by | which".
_BINDING = frozenset("of that the a an this his her its my your our their not".split()).union(*_PHRASES)


class ClauseSplitter:
    """Holds the text that has not become a clause yet."""

    def __init__(self, policy: ClausePolicy, flow: Flow | None = None) -> None:
        """`flow`: how fast things go; None: nobody waits."""
        self._policy = policy
        self._flow = flow or Unhurried()
        self._fences = CodeFences()
        self._text = ""
        self._count = 0
        # so many characters were given away before their clause was complete; None: whether any are is open
        self._opened: int | None = None if policy.early_words else 0

    def feed(self, piece: str) -> list[str]:
        """Take a piece of text; return the clauses that are complete with it."""
        self._text += self._fences.feed(piece)
        return list(self._take(at_end=False))

    def clauses(self, piece: str) -> Iterator[str]:
        """As `feed`, but one at a time: `flow` is asked anew after each."""
        self._text += self._fences.feed(piece)
        return self._take(at_end=False)

    def finish(self) -> list[str]:
        """No more text comes: return what is left."""
        whole, rest = self.finish_parts()
        return whole + rest

    def finish_parts(self) -> tuple[list[str], list[str]]:
        """As `finish`: the clauses that end with a mark, and what stands behind the last mark (one clause or none)."""
        self._text += self._fences.finish()
        whole = list(self._take(at_end=True))
        rest, self._text = self._text, ""
        return whole, self._clause(rest)

    def opening(self) -> str | None:
        """The first words of the first clause, once, as soon as they can be said before it is complete.

        The last may grow; whatever comes: the clause will begin with all but that.
        """
        if self._count or self._opened is not None or (words := _OPENING.fullmatch(self._text)) is None:
            return None
        text = words.group(1)
        before, _, last = text.rpartition(" ")
        first, *others = before.split(" ")
        sounding = sum(_MARK_CHARS if sign in ",;:" else sign.isalpha() or sign == " " for sign in before)
        if not others or sounding < _OPENING_MIN_CHARS or (len(last) < _LAST_MIN_CHARS and not last[0].isdigit()):
            return None
        if len(text) > _OPENING_MAX_CHARS:
            self._opened = 0
            return None
        longest, pauses = self._policy.first_max_chars, first[-1] in ",;:"
        if not self._flow.opens(longest - len(text), longest, pauses=pauses):
            return None
        self._opened = words.start(1) + len(before)
        return text

    @property
    def waiting_chars(self) -> int:
        """Text that has not become a clause yet."""
        return len(self._text)

    def _take(self, *, at_end: bool) -> Iterator[str]:
        while (cut := self._cut(at_end)) is not None:
            head, self._text, self._opened = self._text[:cut], self._text[cut:].lstrip(" \t\r"), 0
            yield from self._clause(head)

    def _clause(self, text: str) -> list[str]:
        clean = speakable(text)
        if not clean:
            return []
        self._count += 1
        return [clean]

    def _cut(self, at_end: bool) -> int | None:
        """Where the next clause ends, or None while that cannot be known yet."""
        text, policy = self._text, self._policy
        marks = sorted(
            [
                *((end, _SENTENCE_TOLERANCE_MS) for end in self._hard_cuts(text, at_end)),
                *((end, 0.0) for end in self._soft_cuts(text)),
            ]
        )
        first = marks[0][0] if marks else len(text)
        if (phrase := self._phrase_cut(text[:first], at_end=at_end and not marks)) is not None:
            return phrase
        for end, tolerated_ms in marks:
            if end > policy.max_chars:
                break
            if at_end or self._flows(end, tolerated_ms):
                return end
        if len(text) > policy.max_chars:
            space = text.rfind(" ", 1, policy.max_chars)
            return space if space > 0 else policy.max_chars
        return None

    def _flows(self, end: int, tolerated_ms: float) -> bool:
        next_chars = self._policy.first_max_chars  # what can be made of the text behind it, if there is no mark in it
        clause = speakable(self._text[:end])
        return not clause or self._flow.flows(len(clause), len(self._text) - end, next_chars, tolerated_ms)

    def _hard_cuts(self, text: str, at_end: bool) -> Iterator[int]:
        for match in _HARD.finditer(text):
            if match.group().startswith("\n"):
                yield match.end()
                continue
            after = text[match.end() :].lstrip()
            if not after and not at_end:
                if not self._doubtful(text, match.start()):
                    yield match.end()
                return
            if _ends_sentence(text, match.start(), after):
                yield match.end()

    @staticmethod
    def _doubtful(text: str, mark_start: int) -> bool:
        """Can only the next word tell whether this point ends the sentence?"""
        if _ends_sentence(text, mark_start, "A") != _ends_sentence(text, mark_start, "a"):
            return True
        return not _ends_sentence(text, mark_start, "a")

    def _soft_cuts(self, text: str) -> Iterator[int]:
        least = self._policy.first_min_chars if self._count == 0 else self._policy.min_chars
        for match in _SOFT.finditer(text):
            if match.end() >= max(least, self._opened or 0) and len(speakable(text[: match.end()])) >= least:
                yield match.end()

    def _phrase_cut(self, text: str, *, at_end: bool) -> int | None:
        """Where a phrase begins in `text`, which has no mark, if it has become long and somebody waits for it."""
        limit = min(self._policy.first_max_chars, self._policy.max_chars)
        if at_end or len(text) <= limit or not (self._count == 0 or self._hurried()):
            return None
        least = max(_PHRASE_MIN_CHARS, self._opened or 0)
        starts = [(m.start(), m.group(1).casefold()) for m in _WORD.finditer(text, least, limit)]
        for openers in _PHRASES:
            for start, word in starts:
                before = text[:start].rsplit(maxsplit=1)[-1].casefold()
                if word in openers and before not in _BINDING and self._flows(start, 0.0):
                    return start
        return None

    def _hurried(self) -> bool:
        return self._flow.runs_dry(self._policy.max_chars - len(self._text))
