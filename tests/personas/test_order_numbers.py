"""Numbers of orders: dictated in any way, and what is none."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from device.personas.store.order_number import order_number, spoken_number

WORDS = "zero one two three four five six seven eight nine".split()
TEENS = "ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen".split()
TENS = "twenty thirty forty fifty sixty seventy eighty ninety".split()


def pair(n: int) -> str:
    if n < 20:
        return TEENS[n - 10]
    return TENS[n // 10 - 2] + (f"-{WORDS[n % 10]}" if n % 10 else "")


@settings(deadline=None)
@given(st.text("0123456789", min_size=1, max_size=8), st.sampled_from([" ", ", ", "-", " - ", ". ", ", um, ", "... "]))
def test_digit_by_digit(digits: str, between: str) -> None:
    assert order_number(between.join(digits)) == digits
    assert order_number(between.join(WORDS[int(digit)] for digit in digits)) == digits
    assert order_number(spoken_number(digits)) == digits


@settings(deadline=None)
@given(st.integers(10, 99), st.integers(10, 99), st.sampled_from([" ", ", ", "; "]))
def test_in_pairs(first: int, second: int, between: str) -> None:
    assert order_number(f"{pair(first)}{between}{pair(second)}") == f"{first}{second}"
    assert order_number(f"{first}{between}{second}") == f"{first}{second}"


@settings(deadline=None)
@given(st.integers(1000, 9999))
def test_as_one_number(n: int) -> None:
    assert order_number(str(n)) == order_number(f"{n:,}") == str(n)
    thousands, rest = divmod(n, 1000)
    hundreds, small = divmod(rest, 100)
    text = f"{WORDS[thousands]} thousand" + (f" {WORDS[hundreds]} hundred" if hundreds else "")
    if small:
        text += f" and {pair(small) if small >= 10 else WORDS[small]}"
    assert order_number(text) == str(n)


@pytest.mark.parametrize(
    ("said", "digits"),
    [
        ("four twenty-one nine", "4219"),
        ("four twenty one nine", "4219"),
        ("forty-two hundred nineteen", "4219"),
        ("double two one nine", "2219"),
        ("four two double one", "4211"),
        ("for two won ate", "4218"),
        ("four oh nine eight", "4098"),
        ("number #4219", "4219"),
        ("42 19.", "4219"),
        ("Four-two-one-nine", "4219"),
        ("twenty zero five", "2005"),
    ],
)
def test_as_people_and_recognisers_have_it(said: str, digits: str) -> None:
    assert order_number(said) == digits


@pytest.mark.parametrize("said", ["", "the kettle", "four two one nine and the kettle", "4219b", "double", "and", "½"])
def test_what_is_no_number(said: str) -> None:
    assert order_number(said) is None


@settings(deadline=None)
@given(st.text(max_size=40))
def test_whatever_is_said(said: str) -> None:
    digits = order_number(said)
    assert digits is None or digits.isdecimal()
