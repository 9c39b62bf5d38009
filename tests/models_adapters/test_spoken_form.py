"""Words as they are read out."""

import pytest

from models.spoken_form import spoken_form


@pytest.mark.parametrize(
    ("word", "spoken"),
    [
        ("Dr.", "Dr"),
        ("(Mrs.", "(Mrs"),
        ("$5.20", "5 dollars 20"),
        ("$1", "1 dollar"),
        ("€1,000.", "1,000 euros."),
        ("£3.05", "3 pounds and 5 cents"),
        ("3:45", "3 45"),
        ("10:05,", "10 oh 5,"),
        ("7:00", "7 o'clock"),
        ("20:00", "20 hundred"),
        ("180°F.", "180 degrees Fahrenheit."),
        ("Paris.", "Paris."),
        ("3.14", "3.14"),
        ("a\x00b", "ab"),
    ],
)
def test_spoken_form(word: str, spoken: str) -> None:
    assert spoken_form(word, last=False) == spoken


@pytest.mark.parametrize(
    ("word", "following", "spoken"),
    [
        ("No.", "5", "No"),
        ("(No.", "12,", "(No"),
        ("No.", "#3", "No"),
        ("No.", "That", "No."),
        ("No.", "", "No."),
        ("Dr.", "Who", "Dr"),
    ],
)
def test_no_is_a_word_except_before_a_number(word: str, following: str, spoken: str) -> None:
    """ "No. That is wrong." pauses behind "No"."""
    assert spoken_form(word, last=False, following=following) == spoken


def test_the_point_at_the_end_ends_the_sentence() -> None:
    assert spoken_form("St.", last=True) == "St."
