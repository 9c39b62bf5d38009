"""Numbers, times and lists as people say them."""

import math
from datetime import date, datetime, time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from device.skills import spoken


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (0, "0"),
        (-0.0001, "0"),
        (1234, "1,234"),
        (2.5, "2.5"),
        (-4, "minus 4"),
        (1e9, "1 billion"),
        (2.43e18, "2.43 quintillion"),
        (999_999_999, "999,999,999"),
        (123_456_789_012, "123.46 billion"),
    ],
)
def test_number(value: float, said: str) -> None:
    assert spoken.number(value) == said


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (math.sqrt(2), "about 1.41"),
        (0.1 + 0.2, "0.3"),
        (16.09344, "about 16.1"),
        (176.666, "176.666"),
        (176.6667, "about 177"),
        (1 / 3, "about 0.333"),
        (2.54, "2.54"),
        (0.000123456, "about 0.000123"),
        (1e10 / 3, "about 3.33 billion"),
        (1e12, "1 trillion"),
        (-1 / 3, "about minus 0.333"),
        (0, "0"),
    ],
)
def test_about(value: float, said: str) -> None:
    assert spoken.about(value) == said


@pytest.mark.parametrize("value", [1e36, -1e40, math.inf, math.nan])
def test_what_has_no_name(value: float) -> None:
    with pytest.raises(ValueError, match="no name"):
        spoken.number(value)


@given(st.floats(-1e35, 1e35))
def test_any_number_can_be_said(value: float) -> None:
    said = spoken.about(value)
    assert said.replace("about ", "").replace("minus ", "")[0].isdigit()
    assert "e" not in said.split()[-1] or said.split()[-1].isalpha()


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0, "0 seconds"),
        (1, "1 second"),
        (90, "1 minute and 30 seconds"),
        (5400, "1 hour and 30 minutes"),
        (90_061, "1 day, 1 hour, 1 minute and 1 second"),
        (600, "10 minutes"),
        (-5, "0 seconds"),
    ],
)
def test_duration(seconds: float, said: str) -> None:
    assert spoken.duration(seconds) == said


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0.2, "1 second"),
        (61, "1 minute and 1 second"),
        (599.5, "10 minutes"),
        (754, "about 13 minutes"),
        (780, "13 minutes"),
        (7_300, "about 2 hours and 2 minutes"),
        (90_000, "1 day and 1 hour"),
        (200_001, "about 2 days and 8 hours"),
    ],
)
def test_remaining(seconds: float, said: str) -> None:
    assert spoken.remaining(seconds) == said


@pytest.mark.parametrize(
    ("at", "twelve", "twenty_four"),
    [
        (time(15, 10), "3:10 PM", "15:10"),
        (time(3, 5), "3:05 AM", "3:05"),
        (time(7), "7 AM", "7:00"),
        (time(12), "noon", "12:00"),
        (time(0), "midnight", "0:00"),
        (time(0, 30), "12:30 AM", "0:30"),
        (time(12, 1), "12:01 PM", "12:01"),
        (time(23), "11 PM", "23:00"),
    ],
)
def test_clock(at: time, twelve: str, twenty_four: str) -> None:
    assert (spoken.clock(at), spoken.clock(at, 24)) == (twelve, twenty_four)


@given(st.times())
def test_no_two_minutes_sound_alike(at: time) -> None:
    later = (datetime.combine(date(2026, 1, 1), at) + timedelta(minutes=1)).time()
    assert spoken.clock(at) != spoken.clock(later)
    assert spoken.clock(at, 24) != spoken.clock(later, 24)


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (1, "1st"),
        (2, "2nd"),
        (3, "3rd"),
        (4, "4th"),
        (11, "11th"),
        (12, "12th"),
        (13, "13th"),
        (21, "21st"),
        (112, "112th"),
    ],
)
def test_ordinal(value: int, said: str) -> None:
    assert spoken.ordinal(value) == said


def test_dates() -> None:
    today = date(2026, 3, 3)
    assert spoken.date(today) == "Tuesday, March 3rd, 2026"
    assert spoken.date(today, today) == "Tuesday, March 3rd"
    said = [spoken.day_from(today + timedelta(days=d), today) for d in (-1, 0, 1, 2, 6, 7, 400)]
    assert said == [
        "yesterday",
        "today",
        "tomorrow",
        "on Thursday",
        "on Monday",
        "on Tuesday, March 10th",
        "on Wednesday, April 7th, 2027",
    ]


def test_lists_and_money_and_names() -> None:
    assert [spoken.listed(x) for x in ([], ["a"], ["a", "b"], ["a", "b", "c"], "abc")] == [
        "",
        "a",
        "a and b",
        "a, b and c",
        "abc",
    ]
    assert spoken.listed([1, 2], "or") == "1 or 2"
    assert [spoken.money(x) for x in (4.5, 1, 0, 0.01, -2)] == [
        "4 dollars and 50 cents",
        "1 dollar",
        "0 dollars",
        "1 cent",
        "minus 2 dollars",
    ]
    assert spoken.count(1, "foot", "feet") + spoken.count(3, "foot", "feet") == "1 foot3 feet"
    assert spoken.clean_name("The Big-Pot.") == "big pot"
    assert spoken.short_duration(5400) == "1 hour 30 minute"
