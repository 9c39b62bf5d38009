"""Words that the recogniser got wrong, put right where the sentences leave no doubt.

    Slips(sentences).repaired("give me a mocha with skin milk")    # "give me a mocha with skim milk", or None

Only a word that no sentence has is looked at, and only one that a sentence has takes its place: the nearest by letters
if it is the only nearest one. Whoever asks must ask back before something is done by a repaired sentence
(`fast_path` does): "fights" is near to "lights", and may have been meant.
"""

import itertools
import re
from collections.abc import Iterator

from hassil.expression import Alternative, Expression, Group, TextChunk
from hassil.intents import TextSlotList

from device.skills.sentences import Sentences

#: More words than this amiss, and it is another sentence.
MOST_REPAIRS = 2
#: Shorter ones are near to far too much.
LEAST_LETTERS = 4
#: Of a sentence with many alternatives only so many ways are spelt out; its parts are looked at one by one as well.
MOST_WAYS = 64
#: Known, and never put in place of another word: a wrong number is as good a number.
_NUMBERS = frozenset(
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen nineteen twenty thirty forty fifty sixty seventy eighty ninety hundred thousand million half quarter "
    "first second third fourth fifth sixth seventh eighth ninth tenth dozen".split()
)
_WORD = re.compile(r"[a-z']+", re.IGNORECASE)


class Slips:
    """Knows the words of all sentences and lists."""

    def __init__(self, sentences: Sentences) -> None:
        self._words = {word.lower() for text in _texts(sentences) for word in _WORD.findall(text)}
        self._words |= _NUMBERS
        self._by_initial: dict[str, list[str]] = {}
        for word in sorted(self._words - _NUMBERS):
            if len(word) >= LEAST_LETTERS:
                self._by_initial.setdefault(word[0], []).append(word)

    def repaired(self, wording: str) -> str | None:
        """None: nothing is amiss, or too much is."""
        wrong = [m for m in _WORD.finditer(wording) if m[0].lower() not in self._words]
        if not 0 < len(wrong) <= MOST_REPAIRS or len(wrong) * 2 > len(wording.split()):
            return None
        for match in reversed(wrong):
            nearest = self._nearest(match[0].lower())
            if nearest is None:
                return None
            wording = wording[: match.start()] + nearest + wording[match.end() :]
        return wording

    def _nearest(self, word: str) -> str | None:
        """The word that is nearest, if it is near and no other is as near."""
        if len(word) < LEAST_LETTERS:
            return None
        if word[1:] in self._words - _NUMBERS and len(word) > LEAST_LETTERS:
            return word[1:]  # "diced mocha"
        found: dict[int, list[str]] = {}
        for other in self._by_initial.get(word[0], ()):
            most = max(1, max(len(word), len(other)) * 2 // 5)
            if abs(len(word) - len(other)) <= most and (away := distance(word, other)) <= most:
                found.setdefault(away, []).append(other)
        nearest = found[min(found)] if found else []
        return nearest[0] if len(nearest) == 1 else None


def distance(a: str, b: str) -> int:
    """Levenshtein's: the fewest letters to put in, take out or exchange."""
    row = list(range(len(b) + 1))
    for i, x in enumerate(a, start=1):
        before, row[0] = row[0], i
        for j, y in enumerate(b, start=1):
            before, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, before + (x != y))
    return row[-1]


def _texts(sentences: Sentences) -> Iterator[str]:
    blocks = [block for intent in sentences.intents.intents.values() for block in intent.data]
    # every block has all lists and rules of its file: each is looked at once
    rules = {id(rule): rule for block in blocks for rule in block.expansion_rules.values()}
    lists = {id(item): item for block in blocks for item in block.slot_lists.values()}
    for sentence in itertools.chain(rules.values(), *(block.sentences for block in blocks)):
        yield from _literals(sentence.expression)
    for slot_list in lists.values():
        if isinstance(slot_list, TextSlotList):
            for value in slot_list.values:
                yield from _literals(value.text_in)


def _literals(expression: Expression) -> Iterator[str]:
    """The texts of `expression`; where parts of a word are optional ("ice[d]"), each way to write it."""
    yield from itertools.islice(_ways(expression), MOST_WAYS)
    if isinstance(expression, Group):
        for item in expression.items:
            yield from _literals(item)


def _ways(expression: Expression) -> Iterator[str]:
    if isinstance(expression, TextChunk):
        yield expression.text
    elif isinstance(expression, Alternative):
        for item in expression.items:
            yield from _ways(item)
    elif isinstance(expression, Group):
        for parts in itertools.product(*(tuple(itertools.islice(_ways(i), MOST_WAYS)) for i in expression.items)):
            yield "".join(parts)
    else:
        yield " "
