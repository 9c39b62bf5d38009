"""What words mean by the sentences of the skills: at once, and always the same.

    path = FastPath(sentences, Meanings(registry, sentences.responses))
    path.interpret("Could you set a timer for five minutes, please?")   # Meaning("set_timer", {"minutes": 5})

hassil does the matching. A sentence that fits in two ways is decided by fewer wildcards, then by more literal words;
if two skills are still equal, it means neither: a language model may think about it. A number that the skill does not
allow is still understood: carrying it out says what is wrong. Where a word is amiss (`slips`) a question comes first,
unless nothing can be changed by it.
"""

import difflib
import json
import logging
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from hassil.errors import HassilError
from hassil.intents import Intent, IntentData, Intents, RangeSlotList
from hassil.recognize import RecognizeResult, recognize_all
from hassil.util import normalize_for_matching

from device.dialogue.deeds import Meaning, Unable
from device.skills.hints import hints
from device.skills.meanings import Meanings, Refused
from device.skills.nearness import Nearness
from device.skills.sentences import Sentences
from device.skills.slips import Slips
from device.skills.unable import unable
from device.skills.wordings import wordings

_log = logging.getLogger(__name__)

#: Longer than this is no command, whatever is in it; matching takes longer with every word.
MOST_CHARS = 240
#: A sentence with wildcards can fit in very many ways.
MOST_MATCHES = 64
#: Share of letters in common, in their order (Ratcliff and Obershelp's measure).
LEAST_ALIKE = 0.6
_EDGES = re.compile(r"^[\W_]+|[^\w)%°\"']+$")


@dataclass(frozen=True, slots=True)
class Match:
    """One way in which a text fits a sentence."""

    skill: str
    arguments: Mapping[str, Any]
    sentence: str  #: as it is written in the file
    wildcards: int
    literal_chars: int

    @property
    def rank(self) -> tuple[int, int]:
        """The least is the best."""
        return self.wildcards, -self.literal_chars


def _tell(what: str, error: Exception) -> None:
    """An error may repeat what was said, and nobody's words belong into a log: only for whoever looks for the cause."""
    _log.error("%s: %s", what, type(error).__name__)
    _log.debug("where it failed", exc_info=error)


class FastPath:
    """The `Interpreter` of the sentences of one language. Safe to use from several threads."""

    def __init__(self, sentences: Sentences, meanings: Meanings) -> None:
        self._sentences = sentences
        self._meanings = meanings
        self._slips = Slips(sentences)
        self._hints = hints(sentences)
        _prepare_numbers(sentences)
        self.matches("nothing")  # hassil parses a sentence when it first looks at it

    def interpret(self, text: str) -> Meaning | None:
        """None: not known, or not for certain. Never raises."""
        if len(text) > MOST_CHARS:
            return None
        try:
            reading = self.best_reading(text)
        except Exception as error:  # noqa: BLE001 - the conversation must go on without it
            _tell("what was said cannot be interpreted", error)
            return None
        return reading.meaning if reading is not None else None

    def unable(self, text: str) -> Unable | None:
        """Is `text`, which means nothing, an order all the same? Never raises."""
        english = self._sentences.language.partition("-")[0] == "en"
        if not (english and self._sentences.intents.intents) or len(text) > MOST_CHARS:
            return None  # who has no skills only talks, and plays what part it likes
        said = unable(text, self._meanings)
        return Unable(said) if said else None

    @property
    def hints(self) -> str:
        """What the recogniser may expect, for its second look at what means nothing (`guess`)."""
        return self._hints

    def near(self, text: str) -> bool:
        """Is `text`, which means nothing, near enough to one of the sentences for a second look? Never raises."""
        try:
            return self._nearness.near(text)
        except Exception as error:  # noqa: BLE001 - the conversation must go on without it
            _tell("it cannot be told what was said is near to", error)
            return False

    @cached_property
    def _nearness(self) -> Nearness:
        """Spelling out all sentences takes a quarter of a second: for those who ask."""
        return Nearness(self._sentences)

    def guess(self, heard: str, again: str) -> Meaning | None:
        """What was `heard` means nothing; `again` is the same audio by a recogniser that expected our sentences.

        None: that means nothing either, or it is too unlike to be a slip. Unless nothing can be changed by it, a
        question comes first. Never raises.
        """
        again = unlooped(again)
        try:
            if not alike(heard, again) or len(again) > MOST_CHARS:
                return None
            reading = self.best_reading(again)
        except Exception as error:  # noqa: BLE001 - the conversation must go on without it
            _tell("what was heard again cannot be interpreted", error)
            return None
        return _asked(reading.meaning, wordings(again)[0]) if reading is not None else None

    def best_reading(self, text: str) -> "Reading | None":
        """A wildcard takes in whatever there is: a later wording that needs none is better than an earlier one."""
        found: Reading | None = None
        for wording in wordings(text):
            reading = best(self.readings(wording), self._meanings.is_ours)
            if reading is not None and (found is None or reading.match.wildcards < found.match.wildcards):
                found = reading
            if found is not None and found.match.wildcards == 0:
                break
        return found or self._repaired_reading(text)

    def _repaired_reading(self, text: str) -> "Reading | None":
        for wording in wordings(text)[:1]:
            repaired = self._slips.repaired(wording)
            reading = best(self.readings(repaired), self._meanings.is_ours) if repaired is not None else None
            # a wildcard would have taken in the word as it was
            if reading is not None and repaired is not None and not reading.match.wildcards:
                return replace(reading, meaning=_asked(reading.meaning, repaired), repaired=repaired)
        return None

    def readings(self, wording: str) -> "list[Reading]":
        """Every way in which exactly these words can be meant, the best first."""
        pairs = [(match, self._meaning(match)) for match in self.matches(wording)]
        return [Reading(match, meaning) for match, meaning in pairs if meaning is not None]

    def matches(self, wording: str) -> list[Match]:
        """Every way in which exactly these words fit, the best first."""
        found: list[Match] = []
        try:
            for result in recognize_all(wording, self._sentences.intents, default_response=None):
                found.append(_match(result, wording))
                if len(found) >= MOST_MATCHES:
                    break
        except HassilError as error:
            _tell("the sentences cannot be looked through", error)
        return sorted(found, key=lambda match: match.rank)

    def _meaning(self, match: Match) -> Meaning | None:
        """None: a skill does not take these words for its argument; something else was meant."""
        meaning = self._meanings.of(match.skill, match.arguments)
        if not isinstance(meaning, Refused):
            return meaning
        if not meaning.understood:
            return None
        # the runner finds the same fault, does nothing, and says the same
        arguments = json.loads(json.dumps(dict(match.arguments), default=str))
        return Meaning(match.skill, arguments, says=meaning.say)


@dataclass(frozen=True, slots=True)
class Reading:
    """A match that means something."""

    match: Match
    meaning: Meaning
    repaired: str = ""  #: the words it was made of, if they are not those that were said


def best(readings: Sequence[Reading], is_ours: Callable[[str], bool] = lambda _: False) -> Reading | None:
    """The best of `readings`, which are sorted; None: there is none, or the best ones name different skills.

    `is_ours`: a skill that comes with the software stands back for one that somebody has added.
    """
    first = [reading for reading in readings if reading.match.rank == readings[0].match.rank]
    # by the skill that the sentence is of: what several cannot do may mean one and the same (`prepared.say_why_not`)
    first = [reading for reading in first if not is_ours(reading.match.skill)] or first
    return first[0] if first and len({reading.match.skill for reading in first}) == 1 else None


def alike(heard: str, again: str) -> bool:
    """Could two texts be the same audio, one of them with some words wrong?"""
    one, other = (re.sub(r"[\W_]+", " ", text).strip().lower() for text in (heard, again))
    return bool(one) and difflib.SequenceMatcher(None, one, other, autojunk=False).ratio() >= LEAST_ALIKE


def unlooped(again: str) -> str:
    """Less of a second beginning: told what to expect, Whisper likes to start anew ("Brew a coffee, brew")."""
    whole, comma, tail = again.rpartition(",")
    begins = [re.sub(r"[\W_]+", " ", text).strip().lower() for text in (whole, tail)]
    return whole if comma and begins[1] and f"{begins[0]} ".startswith(f"{begins[1]} ") else again


def _asked(meaning: Meaning, words: str) -> Meaning:
    """Only with a yes, unless it changes nothing."""
    question = "" if meaning.read_only else meaning.question or f"Did you mean: {words}?"
    return replace(meaning, question=question)


def _prepare_numbers(sentences: Sentences) -> None:
    """hassil spells a range out when it first needs it, 40 ms for a thousand numbers: not while somebody waits."""
    blocks = [block for intent in sentences.intents.intents.values() for block in intent.data]
    lists = {name: item for block in blocks for name, item in block.slot_lists.items()}
    ranges = {name: item for name, item in lists.items() if isinstance(item, RangeSlotList)}
    data = IntentData(sentence_texts=[f"{{{name}}}" for name in ranges], slot_lists=dict(ranges))
    probe = Intents(language=sentences.intents.language, intents={"probe": Intent("probe", [data])})
    for _ in recognize_all("nothing", probe):
        pass


def _match(result: RecognizeResult, wording: str) -> Match:
    arguments = dict(result.intent_data.slots)
    wildcards = 0
    for entity in result.entities_list:
        wildcards += entity.is_wildcard
        arguments[entity.name] = _as_said(entity, wording) if entity.is_wildcard else _whole(entity.value)
    sentence = result.intent_sentence.text if result.intent_sentence else ""
    return Match(result.intent.name, arguments, sentence or "", wildcards, result.text_chunks_matched)


def _whole(value: Any) -> Any:
    """hassil makes "5" a fraction, and "five" a whole number."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _as_said(entity: Any, wording: str) -> str:
    """What a wildcard stands for, with the commas that hassil takes away before it matches."""
    clean: str = entity.text_clean
    if entity.text_span is None:
        return clean
    said = _EDGES.sub("", wording[slice(*entity.text_span)])
    return said if normalize_for_matching(said).text.casefold() == clean.casefold() else clean
