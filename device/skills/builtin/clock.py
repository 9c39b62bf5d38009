"""What time it is, here and elsewhere; what day it is; how long until one.

"What's the time?"  "What time is it in Tokyo?"  "How many days until Christmas?"
"""

from datetime import date, datetime, timedelta
from typing import Annotated
from zoneinfo import ZoneInfo

from pydantic import Field

from device.skills import spoken
from device.skills.moments import HOLIDAYS, WEEKDAYS, next_date
from device.skills.places import zones_of
from device.skills.services import customs
from device.skills.skill import Context, SkillError, skill

_Day = Annotated[int, Field(ge=0, le=31)]  #: of the month; 0: none was said
_Month = Annotated[int, Field(ge=0, le=12)]
_Name = Annotated[str, Field(max_length=40)]  #: of a weekday or a holiday
#: A clock that says less has never been set (a Raspberry Pi without a network begins anywhere).
_EARLIEST_YEAR = 2026


@skill(read_only=True)
def tell_time(context: Context) -> str:
    """Tell the time of day."""
    return f"It's {spoken.clock(known(context.now), customs(context.services).clock_hours)}."


@skill(read_only=True)
def tell_time_in(context: Context, place: Annotated[str, Field(max_length=60)]) -> str:
    """Tell what time it is in a city or country."""
    here = known(context.now)
    found = zones_of(place)
    if found is None:
        raise SkillError(f"I don't know what time it is in {place.strip()}.")
    name, zones = found
    times = {(there.date(), there.time()): there for zone in zones if (there := here.astimezone(ZoneInfo(zone)))}
    if len(times) > 1:
        raise SkillError(f"There is more than one time in {name}. Ask me about a city.")
    there = next(iter(times.values()))
    said = spoken.clock(there, customs(context.services).clock_hours)
    day = "" if there.date() == here.date() else f" {spoken.day_from(there.date(), here.date())}"
    return f"It's {said}{day} in {name}."


@skill(read_only=True)
def tell_date(context: Context, days_ahead: Annotated[int, Field(ge=-1, le=366)] = 0) -> str:
    """Tell the date and the day of the week, of today or so many days ahead."""
    today = known(context.now).date()
    on = today + timedelta(days=days_ahead)
    name = {0: "It's", 1: "Tomorrow is", -1: "Yesterday was"}.get(days_ahead, "That is")
    return f"{name} {spoken.date(on, on if days_ahead in (-1, 0, 1) else today)}."


@skill(read_only=True)
def tell_year(context: Context) -> str:
    """Tell the year."""
    return f"It's {known(context.now).year}."


@skill(read_only=True)
def days_until(context: Context, day: _Day = 0, month: _Month = 0, name: _Name = "") -> str:
    """Tell how many days there are until a date (day and month), or a weekday or holiday by name."""
    on = _named_day(context, day, month, name)
    away = (on - context.now.date()).days
    whole = f"{_capitals(name)}, " if name and name not in WEEKDAYS else ""
    said = spoken.date(on, context.now.date())
    if away == 0:
        return f"That's today: {said}."
    if away == 1:
        return f"That's tomorrow: {said}."
    return f"{spoken.count(away, 'day')} until {whole}{said}."


@skill(read_only=True)
def weekday_of(context: Context, day: _Day = 0, month: _Month = 0, name: _Name = "") -> str:
    """Tell on which day of the week a date falls: day and month, or a holiday by name."""
    on = _named_day(context, day, month, name)
    return f"{_capitals(name) + ' is on' if name else 'That is'} {spoken.date(on, context.now.date())}."


def known(now: datetime) -> datetime:
    """`now`, if the clock has been set. Raises SkillError."""
    if now.year < _EARLIEST_YEAR:
        raise SkillError("I don't know what time it is: my clock has not been set yet.")
    return now


def _named_day(context: Context, day: int, month: int, name: str) -> date:
    today = known(context.now).date()
    name = name.lower()
    if name in WEEKDAYS:
        return today + timedelta(days=(WEEKDAYS.index(name) - today.weekday() - 1) % 7 + 1)
    if name:
        if name not in HOLIDAYS:
            raise SkillError(f"I don't know when {name} is.")
        day, month = HOLIDAYS[name]
    if not (day and month):
        raise SkillError("Which day do you mean?")
    return next_date(today, day, month)


def _capitals(name: str) -> str:
    """ "valentine's day" as "Valentine's Day"; str.title would make it "Valentine'S"."""
    return " ".join(word[:1].upper() + word[1:] for word in name.split())
