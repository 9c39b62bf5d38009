"""Which moment is meant by "seven", "tomorrow at quarter past eight", "the 3rd of May".

    moment(now, 7)                          # the next seven o'clock
    moment(now, 7, half="pm", day="friday")
    moment(now, 12, 30, half="night", day="friday")     # half an hour into Saturday
    next_date(today, day=25, month=12)

A night is that of the day on which it begins: from five in the afternoon to before five in the morning.

Sans-IO. Times are those of the local clock, without a zone.
"""

from datetime import date, datetime, time, timedelta
from typing import Literal

from device.skills.skill import SkillError

Half = Literal["", "am", "pm", "night"]
Day = Literal["", "today", "tonight", "tomorrow", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday",
              "sunday"]  # fmt: skip
Every = Literal["", "day", "weekday", "weekend", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday",
                "sunday"]  # fmt: skip
WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
WEEKDAY_PATTERN = rf"(?:{'|'.join(WEEKDAYS)})s?"  #: of a regular expression: one of them, or each of its kind

_NIGHT_BEGINS, _NIGHT_ENDS = 17, 5  #: hours

#: Day of the month and month, where they are the same every year.
HOLIDAYS = {
    "christmas": (25, 12), "christmas eve": (24, 12), "boxing day": (26, 12), "new year": (1, 1),
    "new year's eve": (31, 12), "valentine's day": (14, 2), "halloween": (31, 10), "april fools' day": (1, 4),
    "saint patrick's day": (17, 3), "independence day": (4, 7),
}  # fmt: skip


def moment(now: datetime, hour: int, minute: int = 0, half: Half = "", day: Day = "") -> datetime:
    """The next such time behind `now`.

    Without am or pm, today's is the next of the two, and another day's is the morning's (at 12: noon).
    Raises SkillError: it has passed, or there is no such time ("15 am").
    """
    now = now.replace(tzinfo=None)
    hours = _hours(hour, half)
    if half == "night" or day == "tonight":
        hours = [_at_night(hours)]
    elif day not in ("", "today"):
        hours = [_first(hours)]
    today = now.date()
    days = [date_of(now, time(hours[0], minute), half, day)] if day else [today, today + timedelta(days=1)]
    for on in days:
        for h in hours:
            if (at := datetime.combine(on, time(h, minute))) > now:
                return at
    raise SkillError("That time has passed already.")


def date_of(now: datetime, at: time, half: Half, day: Day) -> date:
    """The date on which it is `at` when that is said to be on `day`; of a day of the week the next one.

    At night the small hours are those of the next date, or of today where that night still goes on.
    """
    now = now.replace(tzinfo=None)
    today = now.date()
    passed = datetime.combine(today, at) <= now
    small = at.hour < _NIGHT_ENDS and (half == "night" or day == "tonight")
    if day == "tomorrow":
        return today + timedelta(days=2 if small else 1)
    if day in WEEKDAYS:
        away = (WEEKDAYS.index(day) + small - now.weekday()) % 7
        return today + timedelta(days=7 if away == 0 and passed else away)
    return today + timedelta(days=1 if small and passed else 0)


def is_called(at: time, hour: int, minute: int, half: Half) -> bool:
    """Whether a clock that shows `at` may be said to show that; `hour` -1: only a part of the day was said."""
    if half == "night":
        right_half = at.hour >= _NIGHT_BEGINS or at.hour < _NIGHT_ENDS
    else:
        right_half = not half or (at.hour >= 12) == (half == "pm")
    if hour < 0:
        return right_half
    same = hour % 12 == at.hour % 12 if 1 <= hour <= 12 else hour == at.hour
    return right_half and same and minute == at.minute


def repeated(hour: int, minute: int, half: Half, every: Every) -> tuple[time, tuple[int, ...]]:
    """The time and the days of a repeated alarm (0 is Monday); without am or pm it is the morning's.

    Raises SkillError: there is no such time.
    """
    hours = _hours(hour, half)
    at = time(_at_night(hours) if half == "night" else _first(hours), minute)
    return at, days_at(at, half, every)


def days_at(at: time, half: Half, every: Every) -> tuple[int, ...]:
    """The days (0 is Monday) on which it is `at` when that is said to be on `every`: at night, small hours are of the
    days that follow."""
    days = days_of(every)
    return tuple(sorted((d + 1) % 7 for d in days)) if half == "night" and at.hour < _NIGHT_ENDS else days


def days_of(every: Every) -> tuple[int, ...]:
    """The days of "every weekday" and the like (0 is Monday); of "" none."""
    groups = {"": (), "day": tuple(range(7)), "weekday": tuple(range(5)), "weekend": (5, 6)}
    return groups[every] if every in groups else (WEEKDAYS.index(every),)


def earlier(hour: int, minute: int, before: int, half: Half = "") -> tuple[int, int, Half]:
    """`before` minutes before hour:minute: "quarter to eight" is (7, 45), "ten to one" (12, 50).

    With its half of the day, where that is known: "quarter to 13" is (12, 45, "pm"), "ten to twelve a.m."
    (23, 50, "pm"). Raises SkillError: there is no such time.
    """
    if not before:
        return hour, minute, half
    hours = _hours(hour, half)
    hour, minute = divmod((hours[0] * 60 + minute - before) % 1440, 60)
    if len(hours) == 1:
        return hour, minute, "pm" if hour >= 12 else "am"
    return hour % 12 or 12, minute, half


def next_date(today: date, day: int, month: int) -> date:
    """The next `day` of `month`; today's counts. Raises SkillError: there is no such date."""
    for year in range(today.year, today.year + 9):  # February 29th: up to eight years
        try:
            on = date(year, month, day)
        except ValueError:
            continue
        if on >= today:
            return on
    raise SkillError("There is no such date.")


def _hours(hour: int, half: Half) -> list[int]:
    """On a clock of 24 hours; both, where that can be both."""
    if half in ("am", "pm") and 1 <= hour <= 12:
        return [hour % 12 + (12 if half == "pm" else 0)]
    if half == "am" and hour > 12:
        raise SkillError(f"There is no {hour} AM.")
    if hour == 0 or hour > 12:
        return [hour]
    return [hour % 12, hour % 12 + 12]


def _first(hours: list[int]) -> int:
    """Seven is in the morning; twelve is noon."""
    return hours[-1] if hours[0] == 0 and len(hours) == 2 else hours[0]


def _at_night(hours: list[int]) -> int:
    """Eleven is in the evening; twelve and four are in the small hours."""
    for h in hours:
        if h >= _NIGHT_BEGINS or h < _NIGHT_ENDS:
            return h
    raise SkillError("That is not at night.")
