"""Which moment is meant by "seven", "tomorrow at quarter past eight", "the 3rd of May".

    moment(now, 7)                          # the next seven o'clock
    moment(now, 7, half="pm", day="friday")
    next_date(today, day=25, month=12)

Sans-IO. Times are those of the local clock, without a zone.
"""

from datetime import date, datetime, time, timedelta
from typing import Literal

from device.skills.skill import SkillError

Half = Literal["", "am", "pm"]
Day = Literal["", "today", "tonight", "tomorrow", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday",
              "sunday"]  # fmt: skip
Every = Literal["", "day", "weekday", "weekend", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday",
                "sunday"]  # fmt: skip
WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")

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
    hours = _hours(hour, half)
    now = now.replace(tzinfo=None)
    if day == "tonight":
        return _tonight(now, hours, minute)
    if day in ("", "today"):
        days = [now.date()] if day else [now.date(), now.date() + timedelta(days=1)]
        for on in days:
            for h in hours:
                if (at := datetime.combine(on, time(h, minute))) > now:
                    return at
        raise SkillError("That time has passed already.")
    if day == "tomorrow":
        return datetime.combine(now.date() + timedelta(days=1), time(_first(hours), minute))
    away = (WEEKDAYS.index(day) - now.weekday()) % 7
    at = datetime.combine(now.date() + timedelta(days=away), time(_first(hours), minute))
    return at if at > now else at + timedelta(days=7)


def repeated(hour: int, minute: int, half: Half, every: Every) -> tuple[time, tuple[int, ...]]:
    """The time and the days of a repeated alarm (0 is Monday); without am or pm it is the morning's.

    Raises SkillError: there is no such time.
    """
    days = {"day": tuple(range(7)), "weekday": tuple(range(5)), "weekend": (5, 6)}.get(every)
    return time(_first(_hours(hour, half)), minute), (WEEKDAYS.index(every),) if days is None else days


def earlier(hour: int, minute: int, before: int) -> tuple[int, int]:
    """`before` minutes before hour:minute: "quarter to eight" is (7, 45), "ten to one" (12, 50)."""
    if not before:
        return hour, minute
    hour, minute = divmod((hour * 60 + minute - before) % 1440, 60)
    return (12 if hour == 0 else hour), minute


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
    if half and 1 <= hour <= 12:
        return [hour % 12 + (12 if half == "pm" else 0)]
    if half == "am" and hour > 12:
        raise SkillError(f"There is no {hour} AM.")
    if half or hour == 0 or hour > 12:
        return [hour]
    return [hour % 12, hour % 12 + 12]


def _first(hours: list[int]) -> int:
    """Seven is in the morning; twelve is noon."""
    return hours[-1] if hours[0] == 0 and len(hours) == 2 else hours[0]


def _tonight(now: datetime, hours: list[int], minute: int) -> datetime:
    """From five in the afternoon to the small hours."""
    for away in (0, 1):
        for h in hours:
            at = datetime.combine(now.date() + timedelta(days=away), time(h, minute))
            if at > now and (h >= 17 if away == 0 else h < 5):
                return at
    raise SkillError("That is not tonight.")
