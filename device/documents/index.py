"""Which section of the documents answers a question, if any.

    index = DocumentIndex(Path("documents"))
    found = index.search("How long does a refund take?")
    found.sentences                        # () : they do not say

SQLite's full text search (FTS5, Porter's stemmer) finds the words. A section answers when it has enough of what was
asked: each word of the question counts by how rare it is in the documents (the idf of BM25; Robertson and Zaragoza
2009, equation 3.3), one that is nowhere in them as the rarest. Words that only make it a question do not count. What
must be had together is looked for within two sentences and their heading: a section that has one word here and another
there is about something else. Safe to use from several threads.
"""

import itertools
import logging
import math
import re
import sqlite3
import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from device.documents.reading import Library, Section, read_folder, signature
from device.documents.stop_words import STOP_WORDS
from device.skills.complaints import Complaint

_log = logging.getLogger(__name__)

#: A section answers from this share of what was asked on. Measured: bench/documents.py.
LEAST_COVERAGE = 0.5
#: Sentences and characters of an answer: three sentences are some 15 s of speech.
MOST_SENTENCES = 3
MOST_CHARS = 320
#: Passages for a language model.
MOST_PASSAGES = 3
_WINDOW = 2
#: A section that has the kind of thing that is asked for goes before one that has not, by this share of the question.
KIND_SHARE = 0.2
#: Between sections that have as much of the question: by their headings, and by how much of them is about it.
TITLE_SHARE, BODY_SHARE = 0.05, 0.05
#: Of questions and of answers: a length or point of time, an amount, a place.
_KINDS = (
    (
        r"when|how long|how many (?:days|weeks|hours)|how (?:soon|fast|quickly)|until|what time|which days?|hours",
        r"\b(?:days?|weeks?|hours?|months?|years?|evening|(?:mon|tues|wednes|thurs|fri|satur|sun)day|[ap]\.m\.)",
    ),
    (r"how much|costs?|price|fee|charge|expensive|free", r"\b(?:euros?|cents?|free|no cost)\b|[€$£]"),
    (r"where is|where are you|where's", r"\b(?:street|road|square|station|at \d+)\b"),
)
_KIND_PATTERNS = tuple((re.compile(rf"\b(?:{q})\b", re.I), re.compile(a, re.I)) for q, a in _KINDS)
#: Between the words of a phrase there may be so many others: "send the broken one back".
_GAP = 3
_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")


@dataclass(frozen=True, slots=True)
class Found:
    """What the documents say. `sentences` answer the question, in their order; () they do not say."""

    sentences: tuple[str, ...]
    passages: tuple[Section, ...]  #: the best, for a language model; () when there is no answer
    coverage: float  #: of what was asked, 0..1, in the best of them
    title: str = ""
    asked: bool = True  #: False: there is nothing in the question but words that ask: "How are you?"


class DocumentIndex:
    """Of one folder, in memory; made anew when a file in it changes."""

    def __init__(self, folder: Path, least_coverage: float = LEAST_COVERAGE) -> None:
        """A folder that cannot be read is complained of, and read when it can be."""
        self._folder = folder
        self._least = least_coverage
        self._lock = threading.Lock()
        self._signature: object = None
        self._library = Library()
        self._database = _database(self._library)
        self.refresh()

    @property
    def complaints(self) -> tuple[Complaint, ...]:
        """What was left out, and why."""
        return tuple(self._library.complaints)

    @property
    def sections(self) -> int:
        """How many there are."""
        return len(self._library.sections)

    def refresh(self) -> bool:
        """Read the folder again if something in it has changed. True: it was read. Never raises."""
        with self._lock:
            try:
                now = signature(self._folder)
                if now == self._signature:
                    return False
                library = read_folder(self._folder)
            except OSError as error:  # what is known stays known
                reason = (error.strerror or str(error)).lower()
                complaint = Complaint(str(self._folder), 0, f"cannot be read: {reason}")
                if complaint not in self._library.complaints:
                    self._library.complaints.append(complaint)
                    _log.warning("documents: %s", complaint)
                return False
            self._database.close()
            self._library, self._database, self._signature = library, _database(library), now
            for complaint in library.complaints:
                _log.warning("documents: %s", complaint)
            return True

    def search(self, question: str, context: str = "") -> Found:
        """`context`: what was asked before, for a question that refers to it: "And how much does it cost?" """
        self.refresh()
        with self._lock:
            terms = self._terms(question)
            if context and len(terms) < 2 and _refers_back(question):
                both = [*terms, *(term for term in self._terms(context) if term not in terms)]
                # what is asked now must be in it; what was asked before says of what
                found = self._best(both, question, only=terms)
                if found.sentences:
                    return found
            return self._best(terms, question)

    def _best(self, terms: "Sequence[_Term]", question: str, only: "Sequence[_Term]" = ()) -> Found:
        """Of the sections that have one of `only`, or one of `terms`."""
        total = sum(term.weight for term in terms)
        candidates = sorted({row for term in only or terms for row in term.sections})
        if not candidates or total == 0:
            return Found((), (), 0.0, asked=bool(terms))
        kinds = [answer for asked, answer in _KIND_PATTERNS if asked.search(question)]
        coverages = {row: self._score(row, terms) / total for row in candidates}
        ranks = {row: coverages[row] + KIND_SHARE * self._has(row, kinds) for row in candidates}
        scored = sorted(candidates, key=lambda row: (-ranks[row], row))
        row = scored[0]
        section = self._library.sections[row]
        if coverages[row] < self._least:
            return Found((), (), coverages[row], section.title)
        passages = tuple(self._library.sections[r] for r in scored[:MOST_PASSAGES] if coverages[r] >= self._least / 2)
        return Found(self._chosen(row, terms), passages, min(1.0, coverages[row]), section.title)

    def _score(self, row: int, terms: "Sequence[_Term]") -> float:
        """What of `terms` the best two sentences and the heading have; a little more for what the rest has."""
        title = {t.word for t in terms if row in t.titles}
        parts = [{t.word for t in terms if (row, i) in t.sentences} for i in range(self._length(row))]
        weights = {t.word: t.weight for t in terms}
        best = max(_sum(weights, title.union(*parts[i : i + _WINDOW])) for i in range(max(1, len(parts))))
        # between equals: the heading that names it, then how much of the section is about it
        share = sum(_sum(weights, part) for part in parts) / max(1, len(parts))
        return best + TITLE_SHARE * _sum(weights, title) + BODY_SHARE * share

    def _has(self, row: int, kinds: Sequence[re.Pattern[str]]) -> bool:
        text = " ".join(self._library.sections[row].sentences)
        return bool(kinds) and all(kind.search(text) for kind in kinds)

    def _chosen(self, row: int, terms: "Sequence[_Term]") -> tuple[str, ...]:
        """The whole section if it is short; else the sentence that has most of the question, and those behind it."""
        sentences = self._library.sections[row].sentences
        if len(sentences) > MOST_SENTENCES:
            weights = {t.word: t.weight for t in terms}
            scores = [_sum(weights, {t.word for t in terms if (row, i) in t.sentences}) for i in range(len(sentences))]
            start = max(range(len(sentences)), key=lambda i: (scores[i] + 0.5 * sum(scores[i + 1 : i + 2]), -i))
            sentences = sentences[start : start + MOST_SENTENCES]
        lengths = itertools.accumulate(len(sentence) + 1 for sentence in sentences)
        kept = [s for s, length in zip(sentences, lengths, strict=True) if length <= MOST_CHARS]
        return tuple(kept) or sentences[:1]

    def _length(self, row: int) -> int:
        return len(self._library.sections[row].sentences)

    def _terms(self, question: str) -> "list[_Term]":
        """What is asked for: phrases that have synonyms first, then words, without those that only ask."""
        text = " ".join(_WORD.findall(question.casefold().replace("’", "'")))
        terms: list[_Term] = []
        for group in self._library.synonyms:
            patterns = [_phrase(phrase) for phrase in group]
            if not any(pattern.search(text) for pattern in patterns):
                continue
            for pattern in patterns:
                text = pattern.sub(r" \1 ", text)
            terms.append(self._term(group))
        for word in dict.fromkeys(text.split()):
            bare = word.removesuffix("'s")
            if word not in STOP_WORDS and bare not in STOP_WORDS and not bare.isdecimal():
                terms.append(self._term((bare,)))
        return terms

    def _term(self, alternatives: Iterable[str]) -> "_Term":
        query = " OR ".join(part for phrase in alternatives if (part := _query(phrase)))
        find = "SELECT section, sentence FROM texts WHERE texts MATCH ?"
        rows = self._database.execute(find, (query,)).fetchall() if query else []
        titles = frozenset(section for section, sentence in rows if sentence < 0)
        sentences = frozenset((section, sentence) for section, sentence in rows if sentence >= 0)
        sections = titles | {section for section, _ in sentences}
        n, df = len(self._library.sections), len(sections)
        weight = math.log(1 + (n - df + 0.5) / (df + 0.5))
        return _Term(next(iter(alternatives)), weight, sections, titles, sentences)


@dataclass(frozen=True, slots=True)
class _Term:
    word: str
    weight: float
    sections: frozenset[int]
    titles: frozenset[int]
    sentences: frozenset[tuple[int, int]]


def _database(library: Library) -> sqlite3.Connection:
    """A row a sentence, and one a title (sentence -1)."""
    connection = sqlite3.connect(":memory:", check_same_thread=False)
    connection.execute(
        "CREATE VIRTUAL TABLE texts USING fts5(text, section UNINDEXED, sentence UNINDEXED, "
        'tokenize = "porter unicode61 remove_diacritics 2")'
    )
    for row, section in enumerate(library.sections):
        texts = [(section.title, row, -1)] + [(text, row, i) for i, text in enumerate(section.sentences)]
        connection.executemany("INSERT INTO texts VALUES (?, ?, ?)", texts)
    return connection


def _phrase(phrase: str) -> re.Pattern[str]:
    """`phrase` in a question, with what may be between its words as group 1."""
    first, *rest = phrase.split()
    if not rest:
        return re.compile(rf"\b{re.escape(first)}(?:e?s|ed|ing)?\b()")
    between = rf"((?:\s+\w+){{0,{_GAP}}}?)\s+" if len(rest) == 1 else r"()\s+"
    return re.compile(rf"\b{re.escape(first)}{between}{re.escape(' '.join(rest))}(?:e?s|ed|ing)?\b")


def _query(phrase: str) -> str:
    """`phrase` in the documents, for FTS5; "" if there is no word in it, which FTS5 would not parse."""
    words = [f'"{word}"' for word in _WORD.findall(phrase)]
    return f"NEAR({words[0]} {words[1]}, {_GAP})" if len(words) == 2 else " + ".join(words)


def _sum(weights: dict[str, float], words: Iterable[str]) -> float:
    return sum(weights[word] for word in words)


def _refers_back(question: str) -> bool:
    words = _WORD.findall(question.casefold())
    begins = words[:1] == ["and"] or words[:2] in (["what", "about"], ["how", "about"])
    return begins or bool({"it", "that", "they", "them", "this", "these", "those"} & set(words))
