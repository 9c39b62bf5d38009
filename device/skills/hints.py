"""What the recogniser may expect to hear: a few of the sentences, and names.

    expected = hints(sentences)   # "Set a timer for 20 minutes. Turn on the kitchen lamp. ... Mood Lighting, EcoBee."
    recogniser.transcribe_expecting(audio, expected)

For a second look at words that mean nothing (`FastPath.guess`), not for every decode: a recogniser that expects
commands leaves out "is the" before "front door locked", and a short word now and then altogether.
"""

import itertools
import re
from collections.abc import Callable, Iterator

from hassil.expression import Alternative, Expression, ListReference
from hassil.intents import IntentData, RangeSlotList, TextSlotList

from device.skills.expressions import Speller
from device.skills.sentences import Sentences

#: Whisper takes 224 tokens of a prompt, the last ones if there are more; English has some four letters a token.
MOST_CHARS = 760
#: Of that for sentences; names come last, where they weigh most.
SENTENCE_CHARS = 520
#: "[the]" and "[my]" belong to what is said, "[just now]" does not.
MOST_OPTIONAL = 3
_NAME = re.compile(r"[A-Za-z][A-Za-z' -]{3,}")


def hints(sentences: Sentences) -> str:
    """One sentence of each skill as far as there is room, then values of lists that are not in them. Deterministic."""
    sampler = _Sampler()
    blocks = [intent.data for intent in reversed(sentences.intents.intents.values())]  # the owner's come last there
    turns = itertools.chain.from_iterable(itertools.zip_longest(*blocks))  # a block of each skill, then the second ones
    spoken = (sampler.sentence(block) for block in turns if block is not None)
    text = " ".join(_fitting((f"{each[:1].upper()}{each[1:]}." for each in spoken if each), SENTENCE_CHARS))
    lists = {id(item): item for data in blocks for block in data for item in block.slot_lists.values()}
    values = [_values(item) for item in lists.values() if isinstance(item, TextSlotList)]
    names = (n for n in itertools.chain.from_iterable(itertools.zip_longest(*values)) if n)
    others = (name for name in dict.fromkeys(names) if _NAME.fullmatch(name) and name.lower() not in text.lower())
    listed = ", ".join(_fitting(others, MOST_CHARS - len(text)))
    return f"{text} {listed}.".strip() if listed else text


def _fitting(texts: Iterator[str], most_chars: int) -> Iterator[str]:
    left = most_chars
    for text in texts:
        if len(text) + 2 <= left:
            left -= len(text) + 2
            yield text


def _values(slot_list: TextSlotList) -> list[str]:
    sampler = _Sampler()
    return [" ".join(sampler.text(value.text_in, {}, None).split()) for value in slot_list.values]


class _Sampler(Speller):
    """Spells sentences out; of a list it takes another value each time."""

    def __init__(self) -> None:
        self._next: dict[int, int] = {}
        self._open = False  #: was there a wildcard?

    def sentence(self, block: IntentData) -> str:
        """The first sentence in which everything has a name, else the first."""
        for sentence in block.sentences:
            self._open = False
            text = " ".join(self.text(sentence.expression, block.expansion_rules, block).split())
            if not self._open:
                return text
        return " ".join(self.text(block.sentences[0].expression, block.expansion_rules, block).split())

    def chosen(self, alternative: Alternative, spell: Callable[[Expression], str]) -> str:
        """The first; nothing in place of an option that is longer than an article."""
        was_open = self._open
        first = spell(alternative.items[0])
        if alternative.is_optional and len(first.strip()) > MOST_OPTIONAL:
            self._open = was_open
            return ""
        return first

    def value(self, reference: ListReference, block: IntentData) -> str:
        """The next one of a list; of what has no values its name."""
        found = block.slot_lists.get(reference.list_name)
        if isinstance(found, TextSlotList):
            index = self._next.get(id(found), 0)
            self._next[id(found)] = index + 1
            return self.text(found.values[index % len(found.values)].text_in, {}, None)
        if isinstance(found, RangeSlotList):
            return str(min(max(20, found.start), found.stop))
        if reference.is_inline_range:
            return "20"
        self._open = True
        return str(reference.slot_name)
