"""One sentence, list or rule of a YAML file: is it what hassil takes, and does it fit the skill?

    checked_sentence("set a timer for {minutes} minutes", skill, {}, lists, rules)

hassil itself finds most of this only when somebody says the sentence.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from hassil.expression import Expression, Group, ListReference, RuleReference, Sentence, TextChunk
from hassil.intents import RangeFractionType, RangeSlotList, RangeType, SlotList, TextSlotList, WildcardSlotList
from hassil.intents import TextSlotValue as Value
from hassil.parse_expression import parse_sentence
from hassil.util import is_template, normalize_text
from pydantic import BaseModel, ConfigDict, Field, StrictStr, TypeAdapter, ValidationError

from device.errors import NearfieldError
from device.skills.skill import Skill

#: A range is spelt out in words, number by number.
MOST_NUMBERS = 20_000


class SentenceError(NearfieldError):
    """Why it cannot be used."""


class _Range(BaseModel):
    model_config = ConfigDict(extra="forbid")
    start: int = Field(alias="from")
    stop: int = Field(alias="to")
    step: int = Field(default=1, ge=1)
    type: RangeType = RangeType.NUMBER
    fractions: RangeFractionType | None = None
    multiplier: float | None = None
    digits: bool = True
    words: bool = True
    words_language: str | None = None


class _Pair(BaseModel):
    model_config = ConfigDict(extra="forbid")
    text: StrictStr = Field(alias="in", min_length=1)
    out: Any = None
    context: dict[str, Any] | None = None
    metadata: dict[str, Any] | None = None


class _List(BaseModel):
    model_config = ConfigDict(extra="forbid")
    values: list[StrictStr | _Pair] | None = Field(default=None, min_length=1)
    range: _Range | None = None
    wildcard: bool = False
    metadata: dict[str, Any] | None = None


def checked_list(name: str, body: Any) -> SlotList:
    """Raises SentenceError."""
    try:
        given = _List.model_validate(body)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(p) for p in first["loc"] if p not in ("_Pair", "constrained-str", "str"))
        raise SentenceError(f"list {{{name}}}: {place + ': ' if place else ''}{first['msg']}") from None
    if given.values is not None:
        return TextSlotList(name=name, values=[_value(name, value) for value in given.values])
    if given.range is not None:
        return _range(name, given.range)
    if given.wildcard:
        return WildcardSlotList(name=name)
    raise SentenceError(f"list {{{name}}} needs 'values:', 'range:' or 'wildcard: true'")


def _value(name: str, given: str | _Pair) -> Value:
    pair = _Pair.model_validate({"in": given, "out": given}) if isinstance(given, str) else given
    if not is_template(pair.text):
        text: Expression = TextChunk(normalize_text(pair.text))
    else:
        sentence = _parsed(pair.text)
        for item in _walk(sentence.expression):
            if isinstance(item, ListReference | RuleReference):
                raise SentenceError(f"list {{{name}}}: a value may not refer to other lists or rules: {pair.text}")
        text = sentence.expression
    return Value(text_in=text, value_out=pair.out, context=pair.context, metadata=pair.metadata)


def _range(name: str, given: _Range) -> RangeSlotList:
    if given.start > given.stop:
        raise SentenceError(f"list {{{name}}}: from {given.start} is more than to {given.stop}")
    if not (given.digits or given.words):
        raise SentenceError(f"list {{{name}}}: digits, words or both")
    numbers = (given.stop - given.start) // given.step + 1
    numbers *= 1 + len(RangeFractionType.get_fractions(given.fractions))
    if numbers > MOST_NUMBERS and given.words:
        raise SentenceError(f"list {{{name}}}: {numbers:,} numbers in words are too many; 'words: false', or a step")
    return RangeSlotList(
        name=name,
        start=given.start,
        stop=given.stop,
        step=given.step,
        type=given.type,
        fraction_type=given.fractions,
        multiplier=given.multiplier,
        digits=given.digits,
        words=given.words,
        words_language=given.words_language,
    )


def checked_sentence(
    text: Any,
    skill: Skill | None,
    slots: Mapping[str, Any],
    lists: Mapping[str, SlotList],
    rules: Mapping[str, Sentence] | None,
) -> Sentence:
    """`skill` None: a rule, for whatever skill uses it; `rules` None: what it uses is looked at later.

    Raises SentenceError.
    """
    if not isinstance(text, str):
        raise SentenceError(f"a sentence is a text: put {text!r} in quotes")
    if not text.strip():
        raise SentenceError("an empty sentence")
    sentence = _parsed(text)
    named: set[str] = set()
    references = list(_references(sentence.expression, rules, ()))
    for reference in references:
        if not reference.is_inline_range and reference.list_name not in lists:
            raise SentenceError(f"there is no list {{{reference.list_name}}}: {text}")
        if not reference.is_capture:
            named.add(reference.slot_name)
    if skill is None:
        return sentence
    arguments = skill.arguments.model_fields
    if unknown := sorted(named - set(arguments)):
        raise SentenceError(f"'{unknown[0]}' is no argument of skill '{skill.name}' ({_listed(arguments)}): {text}")
    needed = {name for name, argument in arguments.items() if argument.is_required()}
    if missing := sorted(needed - named - set(slots)):
        raise SentenceError(f"skill '{skill.name}' needs '{missing[0]}', and nothing gives it: {text}")
    open_ended = any(isinstance(lists.get(r.list_name), WildcardSlotList) for r in references)
    if open_ended and not sentence.get_required_clauses(dict(rules or {})):
        raise SentenceError(f"anything that is said could mean it: words beside the wildcard must be needed: {text}")
    return sentence


def checked_rule(rule: Sentence, rules: Mapping[str, Sentence], through: tuple[str, ...]) -> None:
    """Raises SentenceError: it refers to a rule that does not exist, or to itself."""
    for _ in _references(rule.expression, rules, through):
        pass


def wrong_slots(skill: Skill, slots: Mapping[str, Any]) -> str:
    """What is wrong with fixed values for the arguments of `skill`; "" nothing."""
    for name, value in slots.items():
        argument = skill.arguments.model_fields.get(name)
        if argument is None:
            return f"'{name}' is no argument of skill '{skill.name}' ({_listed(skill.arguments.model_fields)})"
        try:
            TypeAdapter(argument.rebuild_annotation()).validate_python(value)
        except ValidationError as error:
            return f"{name}: {error.errors()[0]['msg']}"
    return ""


def _listed(arguments: Mapping[str, Any]) -> str:
    return "it has: " + ", ".join(arguments) if arguments else "it has none"


def _parsed(text: str) -> Sentence:
    try:
        return parse_sentence(text, keep_text=True)
    except Exception as error:  # noqa: BLE001 - ParseError, AssertionError and whatever a new version has
        reason = str(error).partition(" from index ")[0] or type(error).__name__
        raise SentenceError(f"it does not parse ({reason}): {text}") from None


def _walk(expression: Expression) -> Iterator[Expression]:
    yield expression
    if isinstance(expression, Group):
        for item in expression.items:
            yield from _walk(item)


def _references(
    expression: Expression, rules: Mapping[str, Sentence] | None, through: tuple[str, ...]
) -> Iterator[ListReference]:
    """All lists that `expression` uses, by way of rules too. Raises SentenceError."""
    if isinstance(expression, ListReference):
        yield expression
    elif isinstance(expression, Group):
        for item in expression.items:
            yield from _references(item, rules, through)
    elif isinstance(expression, RuleReference) and rules is not None:
        name = expression.rule_name
        if name in through:
            raise SentenceError(f"rule <{name}> refers to itself")
        if name not in rules:
            raise SentenceError(f"there is no rule <{name}>")
        yield from _references(rules[name].expression, rules, (*through, name))
