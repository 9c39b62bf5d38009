"""Alarms: once or on days of the week.

"Wake me at seven."  "Set an alarm for 6:30 every weekday."  "Which alarms are set?"
"""

from datetime import datetime
from typing import Annotated

from pydantic import AfterValidator, Field

from device.skills import spoken
from device.skills.builtin.clock import known
from device.skills.builtin.timers import name_of_one
from device.skills.moments import WEEKDAYS, Day, Every, Half, earlier, moment, repeated
from device.skills.services import customs
from device.skills.skill import Context, SkillError, skill
from device.skills.timer_records import Alarm, Timer
from device.skills.timers import TimerDesk

Hour = Annotated[int, Field(ge=0, le=23)]
Minute = Annotated[int, Field(ge=0, le=59)]
Before = Annotated[int, Field(ge=0, le=59, description="minutes before the hour: 15 for quarter to")]
_MOST_NAMED = 4
AlarmName = Annotated[str, AfterValidator(name_of_one), Field(max_length=60)]


@skill
def set_alarm(
    context: Context, hour: Hour, minute: Minute = 0, before: Before = 0, half: Half = "", day: Day = "",
    every: Every = "", name: AlarmName = "",
) -> str:  # fmt: skip
    """Set an alarm for a time of day, once or on days of every week."""
    now = known(context.now)
    hour, minute = earlier(hour, minute, before)
    hours = customs(context.services).clock_hours
    if every:
        at, days = repeated(hour, minute, half, every)
        alarm = Alarm(0, spoken.clean_name(name), at.hour, at.minute, days=days)
        when = f"{spoken.clock(at, hours)} {_days(days)}"
    else:
        once = moment(now, hour, minute, half, day)
        alarm = Alarm(0, spoken.clean_name(name), once.hour, once.minute, day=once.date())
        when = _once(once, now, hours)
    with context.services.get(TimerDesk).open() as (book, moment_now):
        book.set_alarm(moment_now, alarm)
    return f"{_begun(alarm.name)} set for {when}."


@skill(read_only=True)
def list_alarms(context: Context) -> str:
    """Tell which alarms are set."""
    hours = customs(context.services).clock_hours
    with context.services.get(TimerDesk).open() as (book, now):
        said = [_described(alarm, book.local(at), context.now, hours) for alarm, at in book.alarms(now)]
        said += [f"one that is snoozed for {spoken.remaining(t.left_s(now))}" for t in book.snoozed(now)]
    if not said:
        return "No alarm is set."
    return f"You have {spoken.count(len(said), 'alarm')}: {spoken.listed(said)}."


@skill
def cancel_alarm(
    context: Context, hour: Annotated[int, Field(ge=-1, le=23)] = -1, minute: Minute = 0, before: Before = 0,
    half: Half = "", day: Day = "", name: AlarmName = "",
) -> str:  # fmt: skip
    """Cancel one alarm, by its time (hour -1: no time was said), its day or its name. One that rings is stopped."""
    hours = customs(context.services).clock_hours
    with context.services.get(TimerDesk).open() as (book, now):
        if hour < 0 and not name and not day and book.ringing:
            rang = book.stop_ringing(now)
            return f"Your {spoken.listed([ring.label for ring in rang])} {'is' if len(rang) == 1 else 'are'} off."
        coming = book.alarms(now)
        fitting: list[Alarm | Timer] = [
            alarm
            for alarm, at in coming
            if _fits(alarm, book.local(at), context.now, hour, minute, before, half, day, name)
        ]
        if hour < 0 and not name and not day:
            fitting += book.snoozed(now)
        if len(fitting) == 1:
            book.cancel(now, fitting[0])
            alarm = fitting[0]
            when = "that was snoozed" if isinstance(alarm, Timer) else f"for {spoken.clock(alarm.time, hours)}"
            return f"Your alarm {when} is cancelled."
        there = [f"{spoken.clock(alarm.time, hours)}{' ' + alarm.name if alarm.name else ''}" for alarm, _ in coming]
    if len(fitting) > _MOST_NAMED:
        raise SkillError(f"Which one? There are {len(fitting)}. Say its time.")
    if len(fitting) > 1:
        raise SkillError(f"Which one: {spoken.listed([f'the one {_named(alarm, hours)}' for alarm in fitting], 'or')}?")
    if not there:
        raise SkillError("No alarm is set.")
    raise SkillError(f"There is no such alarm. You have {spoken.listed(there)}.")


@skill(confirm="Shall I cancel all alarms?")
def cancel_all_alarms(context: Context) -> str:
    """Cancel all alarms."""
    with context.services.get(TimerDesk).open() as (book, now):
        rang = book.stop_ringing(now)
        alarms: list[Alarm | Timer] = [alarm for alarm, _ in book.alarms(now)]
        alarms += [timer for timer in book.snoozed(now) if timer.snoozed == "alarm"]
        book.cancel(now, *alarms)
    if not alarms and not rang:
        raise SkillError("No alarm is set.")
    amount = len(alarms) + len(rang)
    return "Your alarm is cancelled." if amount == 1 else f"All {spoken.number(amount)} alarms are cancelled."


def _begun(name: str) -> str:
    return f"{spoken.sentence(name)} alarm" if name else "Alarm"


def _days(days: tuple[int, ...]) -> str:
    if len(days) == 7:
        return "every day"
    if days == (0, 1, 2, 3, 4):
        return "every weekday"
    if days == (5, 6):
        return "every Saturday and Sunday"
    return "every " + spoken.listed([("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")[d]
                                     for d in days])  # fmt: skip


def _once(at: datetime, now: datetime, hours: int) -> str:
    """ "7 PM today"; the midnight that ends today is tonight's, though its date is tomorrow's."""
    tonight = at.hour == at.minute == 0 and (at.date() - now.date()).days == 1
    return f"{spoken.clock(at, hours)} {'tonight' if tonight else spoken.day_from(at.date(), now.date())}"


def _described(alarm: Alarm, at: datetime, now: datetime, hours: int) -> str:
    when = f"{spoken.clock(alarm.time, hours)} {_days(alarm.days)}" if alarm.days else _once(at, now, hours)
    return f"{alarm.name + ' at ' if alarm.name else ''}{when}"


def _named(alarm: Alarm | Timer, hours: int) -> str:
    if isinstance(alarm, Timer):
        return "that is snoozed"
    return f"for {spoken.clock(alarm.time, hours)}{' ' + _days(alarm.days) if alarm.days else ''}"


def _fits(
    alarm: Alarm, at: datetime, now: datetime, hour: int, minute: int, before: int, half: Half, day: Day, name: str
) -> bool:
    if name and spoken.clean_name(alarm.name) != spoken.clean_name(name):
        return False
    if hour >= 0:
        wanted, wanted_minute = earlier(hour, minute, before)
        same = wanted % 12 == alarm.hour % 12 if 1 <= wanted <= 12 else wanted == alarm.hour
        right_half = not half or (alarm.hour >= 12) == (half == "pm")
        if not (same and right_half and wanted_minute == alarm.minute):
            return False
    if day:
        away = (at.date() - now.date()).days
        if day in ("today", "tonight"):
            return away == 0
        return away == 1 if day == "tomorrow" else WEEKDAYS[at.weekday()] == day
    return True
