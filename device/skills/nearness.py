"""Is a text near to one of the sentences, though it is none of them?

    near = Nearness(sentences)
    near.near("Set of time for three hours in ten minutes.")    # True: "set a timer for 3 hours and 10 minutes"
    near.near("What is the largest ocean?")                     # False, though "what is the time" looks like it

A cheap test before a dear one: whether words that mean nothing are worth a second look (`FastPath.guess`). Each
sentence is spelled out in a few ways. Those that share the most groups of three letters with the text are compared with
it twice: letter by letter, and by the words that carry the meaning, for "what is the ... of" is in every other
question. Deterministic. Figures: docs/skills.md.
"""

import difflib
import random
import re
from collections.abc import Callable, Collection, Sequence
from typing import Any, TypeVar

import numpy as np
from hassil.expression import Alternative, Expression, ListReference
from hassil.intents import IntentData, RangeSlotList, TextSlotList

from device.skills.expressions import Speller
from device.skills.sentences import Sentences

_T = TypeVar("_T")

#: Each sentence is spelled out so often for each choice in it, with other alternatives each time,
WAYS = 3
#: ... and so often at most.
MOST_WAYS = 64
#: So many of the spelled-out sentences are looked at closely.
CANDIDATES = 8
#: Share of letters in common, in their order (Ratcliff and Obershelp's measure), with such a sentence,
LEAST_ALIKE = 0.55
#: ... share of the words that carry the meaning which its skill has too, and both together. Found on the recordings:
#: every text that `guess` mends has them; of chat and reading few have.
LEAST_SHARED = 0.4
LEAST_TOGETHER = 0.95
#: From here on a word counts as the same one misheard, by as much as it is alike.
SAME_WORD = 0.7
#: Longer is no command.
MOST_CHARS = 120
#: They are in sentences of all kinds. Numbers are, too.
_COMMON = frozenset(
    "a an the this that these those it its is are was were be been am do does did have has had will would shall should "
    "can could may might must i me my mine you your he him his she her we us our they them their and or but nor so if "
    "of to in on at for from by with about into over under up down out off as than then there here what whats which "
    "who whos whom whose when where why how hows not no yes please some any all each every let lets just now ive im "
    "id youre theres dont tell zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen "
    "fifteen sixteen seventeen eighteen nineteen twenty thirty forty fifty sixty seventy eighty ninety hundred "
    "thousand".split()
)
_NO_LETTERS = re.compile(r"[\W_]+")


class Nearness:
    """Knows the sentences of one language. Safe to use from several threads."""

    def __init__(self, sentences: Sentences) -> None:
        examples: dict[str, set[int]] = {}  # spelled out -> the blocks that it is of
        self._words: list[set[str]] = []  # by block
        for block in (block for intent in sentences.intents.intents.values() for block in intent.data):
            number = len(self._words)
            texts = {_plain(text) for text in _spelled(block)} - {""}
            self._words.append({word for text in texts for word in _telling(text)})
            for text in texts:
                examples.setdefault(text, set()).add(number)
        self._examples = sorted(examples.items())
        postings: dict[str, list[int]] = {}
        for index, (text, _) in enumerate(self._examples):
            for group in _groups(text):
                postings.setdefault(group, []).append(index)
        self._postings = {group: np.array(indices, np.int32) for group, indices in postings.items()}
        self._sizes = np.array([len(_groups(text)) for text, _ in self._examples], np.int32)

    def near(self, text: str) -> bool:
        """Could `text` be one of the sentences with some words misheard? Some milliseconds at most."""
        said = _plain(text)
        words = _telling(said)
        if not words or len(said) > MOST_CHARS:
            return False
        for example, blocks in self._candidates(said):
            alike = difflib.SequenceMatcher(None, example, said, autojunk=False).ratio()
            if alike < LEAST_ALIKE:
                continue
            shared = max(_shared(words, self._words[block]) for block in blocks)
            if shared >= LEAST_SHARED and alike + shared >= LEAST_TOGETHER:
                return True
        return False

    def _candidates(self, said: str) -> list[tuple[str, set[int]]]:
        groups = _groups(said)
        found = [self._postings[group] for group in groups if group in self._postings]
        if not found:
            return []
        common = np.bincount(np.concatenate(found), minlength=len(self._examples))
        share = common / (self._sizes + len(groups))
        return [self._examples[index] for index in np.argsort(-share, kind="stable")[:CANDIDATES]]


def _plain(text: str) -> str:
    return _NO_LETTERS.sub(" ", text.casefold().replace("'", "").replace("’", "")).strip()


def _groups(plain: str) -> set[str]:
    padded = f" {plain} "
    return {padded[i : i + 3] for i in range(len(padded) - 2)}


def _telling(plain: str) -> list[str]:
    """The words that carry the meaning."""
    return [word for word in plain.split() if word not in _COMMON and not word.isdigit()]


def _shared(words: Collection[str], others: set[str]) -> float:
    return sum(1.0 if word in others else _misheard(word, others) for word in words) / len(words)


def _misheard(word: str, others: set[str]) -> float:
    matcher = difflib.SequenceMatcher(None, autojunk=False)
    matcher.set_seq2(word)
    best = 0.0
    for other in others:
        matcher.set_seq1(other)
        if matcher.real_quick_ratio() >= SAME_WORD and matcher.quick_ratio() >= SAME_WORD:
            best = max(best, matcher.ratio())
    return best if best >= SAME_WORD else 0.0


def _spelled(block: IntentData) -> list[str]:
    found: list[str] = []
    for sentence in block.sentences:
        speller = _Shuffled()
        for way in range(MOST_WAYS):
            if way > WAYS * speller.choices:
                break
            found.append(speller.text(sentence.expression, block.expansion_rules, block))
    return found


class _Shuffled(Speller):
    """Spells a sentence out: of several alternatives each comes before one comes twice, in a random order.

    The same ways in every run, whatever else there is.
    """

    def __init__(self) -> None:
        self._random = random.Random(0)
        self._left: dict[int, list[Any]] = {}  # by alternative or list: what has not come yet

    @property
    def choices(self) -> int:
        """How many have been come across."""
        return len(self._left)

    def chosen(self, alternative: Alternative, spell: Callable[[Expression], str]) -> str:
        """Another one each time."""
        return spell(self._one_of(alternative, alternative.items))

    def _one_of(self, owner: Expression | TextSlotList, items: Sequence[_T]) -> _T:
        left = self._left.setdefault(id(owner), [])
        if not left:
            left += self._random.sample(items, len(items))
        item: _T = left.pop()
        return item

    def value(self, reference: ListReference, block: IntentData) -> str:
        """What a wildcard stands for is left out."""
        found = block.slot_lists.get(reference.list_name)
        if isinstance(found, TextSlotList) and found.values:
            return self.text(self._one_of(found, found.values).text_in, {}, None)
        return "20" if isinstance(found, RangeSlotList) or reference.is_inline_range else ""
