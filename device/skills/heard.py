"""Numbers and calculations as a recogniser writes them down, made into values.

    digits("seventeen times twenty-three")    # "17 times 23"
    amount("two and a half")                  # 2.5
    evaluate("3 plus 4 times 2")              # 11

Sans-IO. What is not wholly a number or a calculation is none: `NoNumberError`, never a guess.
"""

import ast
import math
import re
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import simpleeval
from text_to_num import alpha2digit

from device.skills.spoken import LARGEST

MOST_CHARACTERS = 200


class NoNumberError(ValueError):
    """These words are no number, or no calculation."""


class TooLargeError(ValueError):
    """It is a calculation, and its result is beyond what has a name."""


_NUMBER = r"\d+(?:\.\d+)?"
_FRACTIONS = {"½": 0.5, "¼": 0.25, "¾": 0.75, "⅓": 1 / 3, "⅔": 2 / 3}
#: Longer ones first, since the first that fits is taken.
_SHARES = (("three quarters", "3/4"), ("3 quarters", "3/4"), ("two thirds", "2/3"), ("2 thirds", "2/3"),
           ("(?:a |one )?half", "1/2"), ("(?:a |one )?third", "1/3"), ("(?:a |one )?quarter", "1/4"))  # fmt: skip
_HUNDREDS = {"hundred": 10**2, "thousand": 10**3, "million": 10**6, "billion": 10**9, "trillion": 10**12}
#: What is said, and what Python calls it; longer ones first, since the first that fits is taken.
_OPERATORS = (
    (r"(?:raised )?to the power (?:of )?", "**"),
    (r"to the (\d+)(?:st|nd|rd|th)(?: power)?", r"**\1"),
    (r"squared", "**2"),
    (r"cubed", "**3"),
    (r"(?:the )?square root of", "sqrt "),
    (r"(?:the )?cube root of", "cbrt "),
    (rf"({_NUMBER}) ?(?:%|percent|per cent) of", r"(\1/100)*"),
    (r"multiplied by|times|[x×]", "*"),
    (r"divided by|over|÷", "/"),
    (r"plus", "+"),
    (r"minus|negative|less|−", "-"),
)
_TOKEN = re.compile(rf"\s*({_NUMBER}|\*\*|[-+*/()]|sqrt|cbrt)")


def digits(text: str) -> str:
    """`text` in small letters with its number words as digits, without commas within numbers, "$5" as "5 dollars"."""
    text = " ".join(text.lower().split()).strip(" .,?!")
    text = re.sub(r"(?<=\d),(?=\d{3}\b)", "", text)
    text = re.sub(r"\b(?:a|an) (?=(?:hundred|thousand|million|billion)\b)", "one ", text)
    text = re.sub(r"\b(?:a|one) dozen\b", "12", text)
    text = re.sub(r"\bhalf (?:a )?dozen\b", "6", text)
    text = re.sub(rf"\$({_NUMBER})", r"\1 dollars", text)
    text = re.sub(rf"({_NUMBER})%", r"\1 percent", text)
    # "one and two" are two numbers, "one hundred and two" is one: the library knows
    return str(alpha2digit(re.sub(rf"({_NUMBER}) ({'|'.join(_HUNDREDS)})\b", _multiplied, text), "en", 0))


def _multiplied(found: re.Match[str]) -> str:
    """ "1.5 million" as "1500000": so a recogniser writes large numbers."""
    value = round(float(found[1]) * _HUNDREDS[found[2]], 6)
    return f"{value:f}".rstrip("0").rstrip(".")


def amount(text: str) -> float:
    """One number, not negative: "2.5", "two and a half", "a", "half a", "three quarters of a". Raises NoNumberError."""
    if len(text) > MOST_CHARACTERS:
        raise NoNumberError
    if text.strip() in _FRACTIONS:
        return _FRACTIONS[text.strip()]
    for share, value in _SHARES:
        if re.fullmatch(rf"{share}(?: of)?(?: an?)?", text.strip().lower()):
            return float(Fraction(value))
    words = digits(re.sub(r"\band a (half|quarter)\b", r"and_a_\1", text.lower()))
    if words in ("a", "an"):
        return 1.0
    found = re.fullmatch(rf"({_NUMBER})(?: ?(and_a_half|and_a_quarter|[½¼¾⅓⅔]|1/2))?", words)
    if found is None:
        raise NoNumberError
    extra = {"and_a_half": 0.5, "1/2": 0.5, "and_a_quarter": 0.25, **_FRACTIONS}
    return float(found[1]) + extra.get(found[2], 0.0)


def formula(text: str) -> str:
    """A calculation as Python writes it. Raises NoNumberError: there is a word in it that is none of a calculation."""
    if len(text) > MOST_CHARACTERS:
        raise NoNumberError
    text = text.lower()
    for share, value in _SHARES:
        text = re.sub(rf"\b{share} of\b", f"({value}) * ", text)
    text = digits(re.sub(r"\band a half\b", "and_a_half", text))
    text = re.sub(rf"\b({_NUMBER}) and_a_half\b", r"(\1+1/2)", text)
    for spoken, written in _OPERATORS:
        text = re.sub(rf"(?<![a-z]){spoken}(?![a-z])", f" {written} ", text)
    out: list[str] = []
    at = open_roots = 0
    while at < len(text.rstrip()):
        token = _TOKEN.match(text, at)
        if token is None:
            raise NoNumberError
        name, at = token[1], token.end()
        if name in ("sqrt", "cbrt"):  # of the number that follows, or the bracket
            out.append(f"{name}(")
            open_roots += 1
            continue
        if out and _is_number(name) and _is_number(out[-1]):
            raise NoNumberError  # "19 99"
        out.append(name)
        if open_roots and re.fullmatch(_NUMBER, name):
            out.append(")" * open_roots)
            open_roots = 0
    text = re.sub(r"(?<![\d.])0+(?=\d)", "", "".join(out))  # Python has no 007
    try:
        ast.parse(text, mode="eval")
    except SyntaxError as error:
        raise NoNumberError from error
    return text


def _is_number(token: str) -> bool:
    return token[0].isdigit()


def evaluate(text: str) -> float:
    """The result of a calculation in words; whole numbers stay exact.

    Raises NoNumberError (no calculation), ZeroDivisionError, TooLargeError, ValueError (the root of a negative number).
    """
    try:
        value = simpleeval.simple_eval(formula(text), operators=_SAFE, functions=_FUNCTIONS)
    except ZeroDivisionError:
        raise
    except OverflowError as error:
        raise TooLargeError("too large") from error
    except (simpleeval.InvalidExpression, SyntaxError, TypeError) as error:
        raise NoNumberError from error
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise NoNumberError
    if not abs(value) < LARGEST:
        raise TooLargeError("too large")
    return value


def _power(base: float, exponent: float) -> float:
    """Looks at the size first: 9 to the 9th to the 9th has 369 million digits."""
    size = float(base) ** float(exponent)  # OverflowError
    if isinstance(size, complex):
        raise ValueError("the root of a negative number")  # noqa: TRY004 - its type is not what is wrong
    if abs(size) >= LARGEST:
        raise TooLargeError("too large")
    exact = isinstance(base, int) and isinstance(exponent, int) and exponent >= 0
    return float(size) if not exact else base**exponent


def _root(value: float) -> float:
    if value < 0:
        raise ValueError("the root of a negative number")
    return math.sqrt(value)


def _cube_root(value: float) -> float:
    root = abs(float(value)) ** (1 / 3)
    root = float(round(root)) if round(root) ** 3 == abs(value) else root
    return -root if value < 0 else root


_FUNCTIONS: dict[str, Callable[..., Any]] = {"sqrt": _root, "cbrt": _cube_root}
_SAFE = {
    node: function
    for node, function in simpleeval.DEFAULT_OPERATORS.items()
    if node.__name__ in ("Add", "Sub", "Mult", "Div", "USub", "UAdd")
} | {node: _power for node in simpleeval.DEFAULT_OPERATORS if node.__name__ == "Pow"}
