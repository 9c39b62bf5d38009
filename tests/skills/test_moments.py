"""Which moment is meant."""

from datetime import date, datetime, time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from device.skills.moments import Day, Half, earlier, moment, next_date, repeated
from device.skills.places import _table, zones_of
from device.skills.skill import SkillError

NOW = datetime(2026, 3, 10, 14, 30)  # a Tuesday


@pytest.mark.parametrize(
    ("hour", "minute", "half", "day", "expected"),
    [
        (7, 0, "", "", "2026-03-10 19:00"),
        (3, 0, "", "", "2026-03-10 15:00"),
        (2, 0, "", "", "2026-03-11 02:00"),
        (2, 30, "", "", "2026-03-11 02:30"),
        (2, 31, "", "", "2026-03-10 14:31"),
        (7, 0, "am", "", "2026-03-11 07:00"),
        (12, 0, "", "", "2026-03-11 00:00"),
        (12, 0, "pm", "", "2026-03-11 12:00"),
        (12, 0, "am", "", "2026-03-11 00:00"),
        (0, 0, "", "", "2026-03-11 00:00"),
        (19, 30, "", "", "2026-03-10 19:30"),
        (13, 0, "", "", "2026-03-11 13:00"),
        (15, 0, "pm", "", "2026-03-10 15:00"),
        (7, 0, "", "tomorrow", "2026-03-11 07:00"),
        (7, 0, "pm", "tomorrow", "2026-03-11 19:00"),
        (12, 0, "", "tomorrow", "2026-03-11 12:00"),
        (7, 0, "", "today", "2026-03-10 19:00"),
        (9, 0, "", "tonight", "2026-03-10 21:00"),
        (1, 0, "", "tonight", "2026-03-11 01:00"),
        (12, 0, "", "tonight", "2026-03-11 00:00"),
        (7, 0, "", "tuesday", "2026-03-17 07:00"),
        (3, 0, "pm", "tuesday", "2026-03-10 15:00"),
        (7, 0, "", "monday", "2026-03-16 07:00"),
        (7, 0, "", "friday", "2026-03-13 07:00"),
        (7, 0, "night", "friday", "2026-03-13 19:00"),
        (5, 0, "night", "tomorrow", "2026-03-11 17:00"),
        (11, 59, "night", "tomorrow", "2026-03-11 23:59"),
        (12, 30, "night", "friday", "2026-03-14 00:30"),
        (12, 0, "night", "tomorrow", "2026-03-12 00:00"),
        (4, 0, "night", "tomorrow", "2026-03-12 04:00"),
        (0, 30, "night", "tomorrow", "2026-03-12 00:30"),
        (23, 0, "night", "tomorrow", "2026-03-11 23:00"),
        (1, 0, "night", "tuesday", "2026-03-11 01:00"),
        (12, 30, "night", "today", "2026-03-11 00:30"),
        (9, 0, "night", "tonight", "2026-03-10 21:00"),
        (12, 30, "night", "", "2026-03-11 00:30"),
        (9, 0, "night", "", "2026-03-10 21:00"),
    ],
)
def test_moment(hour: int, minute: int, half: Half, day: Day, expected: str) -> None:
    assert moment(NOW, hour, minute, half, day) == datetime.fromisoformat(expected)


@pytest.mark.parametrize(
    ("hour", "half", "day"),
    [(3, "am", "today"), (14, "", "today"), (15, "am", ""), (10, "am", "tonight"), (14, "night", "friday")],
)
def test_no_such_moment(hour: int, half: Half, day: Day) -> None:
    with pytest.raises(SkillError):
        moment(NOW, hour, 0, half, day)


@pytest.mark.parametrize(("day", "expected"), [
    ("tonight", "2026-03-14 01:00"), ("friday", "2026-03-14 01:00"), ("tomorrow", "2026-03-16 01:00"),
])  # fmt: skip
def test_in_the_small_hours_the_night_is_the_one_that_goes_on(day: Day, expected: str) -> None:
    saturday = datetime(2026, 3, 14, 0, 10)
    assert moment(saturday, 1, 0, "night", day) == datetime.fromisoformat(expected)


@given(
    st.datetimes(datetime(2026, 1, 1), datetime(2030, 1, 1)),
    st.integers(0, 23),
    st.integers(0, 59),
    st.sampled_from(["", "am", "pm", "night"]),
    st.sampled_from(["", "today", "tonight", "tomorrow", "monday", "sunday"]),
)
def test_never_in_the_past(now: datetime, hour: int, minute: int, half: Half, day: Day) -> None:
    try:
        at = moment(now, hour, minute, half, day)
    except SkillError:
        return
    assert now < at <= now + timedelta(days=8)
    assert at.minute == minute and at.hour % 12 == hour % 12


def test_earlier_and_repeated() -> None:
    assert [earlier(h, 0, b)[:2] for h, b in ((8, 15), (1, 10), (12, 15), (19, 5), (7, 0))] == [
        (7, 45),
        (12, 50),
        (11, 45),
        (18, 55),
        (7, 0),
    ]
    assert repeated(7, 30, "", "weekday") == (datetime(2026, 1, 1, 7, 30).time(), (0, 1, 2, 3, 4))
    assert repeated(9, 0, "pm", "sunday") == (datetime(2026, 1, 1, 21).time(), (6,))
    assert repeated(12, 0, "", "day")[0].hour == 12


def test_every_night() -> None:
    """The small hours of a night are those of the next day."""
    every_day = tuple(range(7))
    assert repeated(12, 30, "night", "day") == (time(0, 30), every_day)
    assert repeated(10, 0, "night", "day") == (time(22), every_day)
    assert repeated(1, 0, "night", "friday") == (time(1), (5,))
    assert repeated(1, 0, "night", "sunday") == (time(1), (0,))
    assert repeated(1, 0, "night", "weekend") == (time(1), (0, 6))
    assert repeated(9, 0, "night", "friday") == (time(21), (4,))
    with pytest.raises(SkillError):
        repeated(14, 0, "night", "day")


@pytest.mark.parametrize(("hour", "before", "half", "expected"), [
    (13, 15, "", (12, 45, "pm")),
    (12, 10, "am", (23, 50, "pm")),
    (12, 10, "pm", (11, 50, "am")),
    (1, 15, "am", (0, 45, "am")),
    (1, 15, "pm", (12, 45, "pm")),
    (0, 5, "", (23, 55, "pm")),
    (8, 15, "am", (7, 45, "am")),
    (12, 15, "night", (11, 45, "night")),
    (12, 15, "", (11, 45, "")),
    (12, 0, "am", (12, 0, "am")),
])  # fmt: skip
def test_the_half_of_the_day_is_carried(hour: int, before: int, half: Half, expected: tuple[int, int, Half]) -> None:
    assert earlier(hour, 0, before, half) == expected


def test_next_date() -> None:
    today = date(2026, 3, 10)
    assert next_date(today, 10, 3) == today
    assert next_date(today, 9, 3) == date(2027, 3, 9)
    assert next_date(today, 29, 2) == date(2028, 2, 29)
    assert next_date(date(2097, 1, 1), 29, 2) == date(2104, 2, 29)
    with pytest.raises(SkillError):
        next_date(today, 31, 6)


@pytest.mark.parametrize(
    ("place", "zone"),
    [
        ("Tokyo", "Asia/Tokyo"),
        ("new york", "America/New_York"),
        ("San Francisco", "America/Los_Angeles"),
        ("the Netherlands", "Europe/Amsterdam"),
        ("Japan", "Asia/Tokyo"),
        ("Washington, DC", "America/New_York"),
        ("England", "Europe/London"),
        ("Kiev", "Europe/Kyiv"),
        ("Samoa", "Pacific/Apia"),
        ("American Samoa", "Pacific/Pago_Pago"),
        ("Pago Pago", "Pacific/Pago_Pago"),
        ("China", "Asia/Shanghai"),
        ("Spain", "Europe/Madrid"),
        ("Ceuta", "Africa/Ceuta"),
        ("Portugal", "Europe/Lisbon"),
        ("the Azores", "Atlantic/Azores"),
        ("New Zealand", "Pacific/Auckland"),
        ("Ukraine", "Europe/Kyiv"),
        ("Chile", "America/Santiago"),
        ("Urumqi", "Asia/Urumqi"),
        ("New York City", "America/New_York"),
        ("Singapore", "Asia/Singapore"),
    ],
)
def test_places(place: str, zone: str) -> None:
    found = zones_of(place)
    assert found is not None and found[1] == (zone,)


def test_no_city_takes_the_name_of_a_country() -> None:
    """Pacific/Samoa is an old name of what American Samoa has: zone.tab knows only the names in use."""
    in_use = {zone for _, zone in _table("zone.tab", 0, 2)}
    for _, name in _table("iso3166.tab", 0, 1):
        found = zones_of(name.partition("(")[0])
        assert found is None or set(found[1]) <= in_use, name


def test_no_places() -> None:
    assert [zones_of(p) for p in ("Narnia", "", "the", "love")] == [None] * 4
    usa = zones_of("the USA")
    assert usa is not None and len(usa[1]) > 6
