"""Numbers and sums as a recogniser writes them."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from device.skills.heard import NoNumberError, TooLargeError, amount, digits, evaluate


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("17 times 23", 391),
        ("seventeen times twenty-three", 391),
        ("12 x 12", 144),
        ("144 / 12", 12),
        ("5+5", 10),
        ("15% of 80", 12),
        ("fifteen percent of eighty", 12),
        ("1,000 divided by 8", 125),
        ("2.5 million plus 1", 2_500_001),
        ("a hundred minus one", 99),
        ("2 to the power of 10", 1024),
        ("2 to the 3rd", 8),
        ("twelve squared", 144),
        ("the cube root of 27", 3),
        ("square root of 16 plus 9", 13),
        ("3 plus 4 times 2", 11),
        ("minus 4 times 3", -12),
        ("three quarters of 80", 60),
        ("two and a half plus 1", 3.5),
        ("half of 30", 15),
        ("007 plus 1", 8),
        ("one hundred and five plus two", 107),
        ("2 to the power of 100", 2**100),
    ],
)
def test_sums(text: str, value: float) -> None:
    assert evaluate(text) == pytest.approx(value, abs=1e-12)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "the point",
        "what",
        "19 99",
        "nineteen ninety nine",
        "2 plus",
        "times 3",
        "__import__('os')",
        "1 if 2 else 3",
        "2;3",
        "square root of",
        "1e400",
        "x",
        "5 plus you",
        "9" * 300,
        "2 / / 3",
        ")",
        "( 2",
    ],
)
def test_no_sums(text: str) -> None:
    with pytest.raises(NoNumberError):
        evaluate(text)


def test_sums_without_a_result() -> None:
    with pytest.raises(ZeroDivisionError):
        evaluate("5 divided by 0")
    for text in (
        "9 to the power of 9 to the power of 9",
        "10 to the power of 400",
        "10 to the power of 36",
        "9 trillion times 9 trillion times 9 trillion times 9 trillion",
    ):
        with pytest.raises(TooLargeError):
            evaluate(text)
    with pytest.raises(ValueError, match="negative"):
        evaluate("square root of minus 4")


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("ten", 10),
        ("two and a half", 2.5),
        ("two and a quarter", 2.25),
        ("half a", 0.5),
        ("half", 0.5),
        ("a", 1),
        ("an", 1),
        ("1,000", 1000),
        ("2.5", 2.5),
        ("½", 0.5),
        ("2½", 2.5),
        ("2 1/2", 2.5),
        ("three quarters of a", 0.75),
        ("one hundred and five", 105),
        ("a dozen", 12),
        ("1.5 million", 1_500_000),
        ("Twenty-Six", 26),
    ],
)
def test_amounts(text: str, value: float) -> None:
    assert amount(text) == value


@pytest.mark.parametrize("text", ["", "a few", "minus 3", "five five", "many", "a football", "1 2", "9" * 300])
def test_no_amounts(text: str) -> None:
    with pytest.raises(NoNumberError):
        amount(text)


@given(st.integers(0, 999_999_999))
def test_numbers_with_commas(value: int) -> None:
    assert amount(f"{value:,}") == value


@given(st.text(max_size=60))
def test_whatever_is_said(text: str) -> None:
    digits(text)
    for read in (amount, evaluate):
        with contextlib.suppress(NoNumberError, ZeroDivisionError, ValueError):
            read(text)  # type: ignore[operator]


@given(
    st.lists(
        st.sampled_from(
            [
                "3",
                "1,000",
                "2.5",
                "plus",
                "minus",
                "times",
                "divided by",
                "squared",
                "the square root of",
                "to the power of",
                "half of",
                "percent of",
                "twenty",
                "million",
                "-",
                "0",
            ]
        ),
        max_size=9,
    )
)
def test_sums_of_any_kind_end(words: list[str]) -> None:
    try:
        value = evaluate(" ".join(words))
    except (NoNumberError, ZeroDivisionError, ValueError):
        return
    assert abs(value) < 1e36
