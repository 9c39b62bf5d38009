"""Numbers of orders as they are dictated.

    order_number("four, twenty-one nine")    # "4219"
    spoken_number("4219")                    # "4 2 1 9"

Pure functions on text. People say them digit by digit, in pairs, with pauses, and now and then as one large number; a
recogniser writes "4-2-1-9", "42 19", "4,219", and the words that digits sound like ("for two one nine").
"""

import re
from typing import Annotated, Any

from pydantic import BeforeValidator, StringConstraints, WithJsonSchema
from pydantic_core import PydanticCustomError

DIGITS = 4

_ONES = {word: str(n) for n, word in enumerate("zero one two three four five six seven eight nine".split())}
_TEENS = "ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen".split()
_TEENS_VALUE = {word: str(n) for n, word in enumerate(_TEENS, start=10)}
_TENS = {w: n for n, w in enumerate("twenty thirty forty fifty sixty seventy eighty ninety".split(), start=2)}
#: What a recogniser writes for a digit in the midst of others.
_SOUNDS_LIKE = {
    "oh": "0", "o": "0", "nought": "0", "won": "1", "to": "2", "too": "2", "for": "4", "fore": "4", "ate": "8"
}  # fmt: skip
_FILLERS = {"um", "uh", "er", "erm", "hmm", "and", "then", "number", "order", "its", "it's", "the", "is", "was"}
_TIMES = {"double": 2, "triple": 3}


def order_number(said: str) -> str | None:
    """The digits in `said`, however many; None: there is something else in it."""
    words = re.findall(r"\d+|[a-z']+|\S", _joined_thousands(said.casefold()))
    digits, times = "", 1
    i = 0
    while i < len(words):
        word = words[i]
        found = _digits_of(words, i)
        if found is not None:
            part, used = found
            digits += part * times
            times = 1
            i += used
            continue
        if word in _TIMES:
            times = _TIMES[word]
        elif word not in _FILLERS and word not in _SIGNS:
            return None
        i += 1
    return digits if digits and times == 1 else None


_SIGNS = set("-–—,.;:#…?!/")


def _joined_thousands(text: str) -> str:
    """ "4,219" is one number; so is "four thousand two hundred and nineteen"."""
    text = re.sub(r"(?<!\d)(\d{1,3}),(\d{3})(?!\d)", r"\1\2", text)
    return _LARGE.sub(lambda match: f" {_large(match)} ", text)


_ONE = "|".join(_ONES)
_BELOW_100 = rf"(?:(?:{'|'.join(_TENS)})(?:[ -](?:{_ONE}))?|{'|'.join(_TEENS)}|{_ONE})"
_LARGE = re.compile(
    rf"\b(?:(?P<thousands>{_ONE}) thousand(?:,? (?:and )?(?P<hundreds>{_ONE}) hundred)?|(?P<tens>{_BELOW_100}) hundred)"
    rf"(?: and)?(?: (?P<rest>{_BELOW_100}))?\b"
)


def _large(match: re.Match[str]) -> str:
    if match["thousands"]:
        value = int(_ONES[match["thousands"]]) * 1000 + int(_ONES.get(match["hundreds"] or "", "0")) * 100
    else:
        value = int(_below_100(match["tens"])) * 100
    return str(value + int(_below_100(match["rest"]) if match["rest"] else 0))


def _below_100(text: str) -> str:
    words = re.split("[ -]", text)
    found = _digits_of(words, 0)
    assert found is not None  # the pattern has no other words
    return found[0]


def _digits_of(words: list[str], i: int) -> tuple[str, int] | None:
    """The digits that begin at words[i], and how many words they are."""
    word = words[i]
    if word.isdecimal() and word.isascii():
        return word, 1
    for table in (_ONES, _TEENS_VALUE, _SOUNDS_LIKE):
        if word in table:
            return table[word], 1
    if word in _TENS:
        follow = i + 1
        if follow < len(words) and words[follow] == "-":
            follow += 1
        if follow < len(words) and words[follow] in _ONES and words[follow] != "zero":
            return f"{_TENS[word]}{_ONES[words[follow]]}", follow - i + 1
        return f"{_TENS[word]}0", 1
    return None


def spoken_number(number: str) -> str:
    """Digit by digit, as it is understood best."""
    return " ".join(number)


def _validated(value: Any) -> Any:
    if not isinstance(value, str | int) or isinstance(value, bool):
        raise PydanticCustomError("order_number", "not the number of an order")
    digits = order_number(str(value))
    if digits is None:
        raise PydanticCustomError("order_number", "not the number of an order")
    if len(digits) != DIGITS:
        raise ValueError(f"an order number has {DIGITS} digits, and I heard {spoken_number(digits[:12])}")
    return digits


#: An argument of a skill: "four two one nine" becomes "4219". What is no number at all was not meant; a number of
#: another length was meant, and is told.
OrderNumber = Annotated[
    str,
    BeforeValidator(_validated),
    StringConstraints(pattern=r"^\d{4}$"),
    WithJsonSchema({"type": "string", "description": f"{DIGITS} digits"}),
]
