import pytest
from hypothesis import given
from hypothesis import strategies as st

from device.skills.wordings import plain_numbers, stripped, wordings


@pytest.mark.parametrize(
    ("said", "first"),
    [
        ("Set a timer.", "Set a timer"),
        ("Hey, could you set a timer, please?", "set a timer"),
        ("Um, set a, uh, timer.", "set a, timer"),
        ("Okay. Thank you. Pause.", "Pause"),
        ("Would you mind, well, stop it for me, thanks!", "stop it"),
        ("What can you do?", "What can you do"),
        ("Don't set a timer please", "Don't set a timer"),
        ("Wake me at 7 a.m.", "Wake me at 7 a.m."),
        ("Thank you.", "Thank you"),
        ("…please?!", "please"),
        ("  Set\n a   timer ", "Set a timer"),
        ("Sonata in E flat", "Sonata in E flat"),  # no "so" within a word
        ("errands", "errands"),
    ],
)
def test_what_is_asked_comes_first(said: str, first: str) -> None:
    assert wordings(said)[0] == first


def test_the_words_as_they_were_are_kept() -> None:
    assert wordings("So long, please.") == ["long", "So long, please"]
    assert wordings("Hey, half an hour") == ["half an hour", "30 minutes", "Hey, half an hour", "Hey, 30 minutes"]
    assert wordings("...") == []
    assert wordings("") == []
    assert stripped("please, thank you") == ""


@pytest.mark.parametrize(
    ("said", "plain"),
    [
        ("twenty-five", "25"),
        ("twenty five minutes", "25 minutes"),
        ("a hundred", "100"),
        ("one hundred and one", "101"),
        ("twelve hundred", "1200"),
        ("three thousand four hundred and five", "3405"),
        ("ten and twenty", "ten and twenty"),
        ("five five", "five five"),
        ("twenty twelve", "twenty twelve"),
        ("zero", "0"),
        ("half an hour", "30 minutes"),
        ("a half hour", "30 minutes"),
        ("an hour and a half", "1 hour and 30 minutes"),
        ("one and a half hours", "1 hour and 30 minutes"),
        ("two and a half minutes", "2 minutes and 30 seconds"),
        ("2.5 hours", "2 hours and 30 minutes"),
        ("12.5 hours", "12 hours and 30 minutes"),
        ("half a minute", "30 seconds"),
        ("a day and a half", "1 day and 12 hours"),
        ("three quarters of an hour", "45 minutes"),
        ("a quarter of an hour", "15 minutes"),
        ("a minute", "1 minute"),
        ("three hours in ten minutes", "3 hours and 10 minutes"),
        ("a couple of minutes", "2 minutes"),
        ("10-minute timer", "10 minute timer"),
        ("the one that got away", "the 1 that got away"),
        ("none of the tenors", "none of the tenors"),
        ("an egg", "an egg"),
    ],
)
def test_numbers_in_digits_and_lengths_of_time_in_whole_units(said: str, plain: str) -> None:
    assert plain_numbers(said) == plain


@given(st.integers(0, 99_999))
def test_every_number_in_words_is_found(number: int) -> None:
    assert plain_numbers(f"set it to {_words(number)} please") == f"set it to {number} please"


@given(st.text())
def test_whatever_is_said(text: str) -> None:
    found = wordings(text)
    assert len(found) == len(set(found)) <= 4
    assert all(wording.strip() for wording in found)


_SMALL = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen nineteen"
).split()
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety".split()


def _words(number: int) -> str:
    if number < 20:
        return _SMALL[number]
    if number < 100:
        return _TENS[number // 10 - 2] + (f"-{_SMALL[number % 10]}" if number % 10 else "")
    size, name = (100, "hundred") if number < 1000 else (1000, "thousand")
    rest = number % size
    joint = " and " if size == 100 or rest < 100 else " "
    return f"{_words(number // size)} {name}" + (f"{joint}{_words(rest)}" if rest else "")
