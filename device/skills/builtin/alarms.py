"""Alarms: once or on days of the week.

"Wake me at seven."  "Set an alarm for 6:30 every weekday."  "Which alarms are set?"
"""

import re
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Annotated

from pydantic import AfterValidator, Field

from device.skills import spoken
from device.skills.builtin.clock import known
from device.skills.builtin.timers import name_of_one, off
from device.skills.moments import (
    WEEKDAY_PATTERN,
    Day,
    Every,
    Half,
    date_of,
    days_at,
    days_of,
    earlier,
    is_called,
    moment,
    repeated,
)
from device.skills.services import customs
from device.skills.skill import Context, SkillError, not_meant, skill
from device.skills.timer_records import Alarm, Now, Ring, Ringing, Timer
from device.skills.timers import TimerBook, TimerDesk

Hour = Annotated[int, Field(ge=0, le=23)]
Minute = Annotated[int, Field(ge=0, le=59)]
Before = Annotated[int, Field(ge=0, le=59, description="minutes before the hour: 15 for quarter to")]
_MOST_NAMED = 4


def _without_a_time(name: str) -> str:
    """ "Every night", "tonight" belong to the time: who says so does not mean an alarm of that name at the next such
    hour. "Prepare for Friday" is a name."""
    if _WHEN.search(name):
        raise not_meant("name")
    return name


_PART = r"(?:mornings?|afternoons?|evenings?|nights?)"
_WHEN = re.compile(
    rf"\b(?:every|each) (?:\w+ )?"
    rf"(?:{WEEKDAY_PATTERN}|{_PART}|weekdays?|workdays?|weekends?|days?|hours?|weeks?|months?)$"
    rf"|(?<=\w )(?<!for )(?<!about )(?<!of )(?<!before )(?<!until )(?<!the )(?<!my )(?<!next )"
    rf"(?:tonight|(?:this|in the) {_PART}|(?:{WEEKDAY_PATTERN}|weekdays|weekends)(?: {_PART})?"
    rf"|daily|everyday|nightly|weekly|monthly)$",
    re.IGNORECASE,
)
AlarmName = Annotated[str, AfterValidator(name_of_one), AfterValidator(_without_a_time), Field(max_length=60)]


@skill
def set_alarm(
    context: Context, hour: Hour, minute: Minute = 0, before: Before = 0, half: Half = "", day: Day = "",
    every: Every = "", name: AlarmName = "",
) -> str:  # fmt: skip
    """Set an alarm for a time of day, once or on days of every week."""
    now = known(context.now)
    hour, minute, half = earlier(hour, minute, before, half)
    hours = customs(context.services).clock_hours
    if every:
        at, days = repeated(hour, minute, half, every)
        alarm = Alarm(0, spoken.clean_name(name), at.hour, at.minute, days=days)
        when = f"{spoken.clock(at, hours)} {_days(days, at)}"
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
        said = [
            _described(alarm, book.local(at), context.now, hours) + _left_out(book, now, alarm, context.now)
            for alarm, at in book.alarms(now)
        ]
        said += [f"one that is snoozed for {spoken.remaining(t.left_s(now))}" for t in book.snoozed(now)]
    if not said:
        return "No alarm is set."
    return f"You have {spoken.count(len(said), 'alarm')}: {spoken.listed(said)}."


@dataclass(frozen=True, slots=True)
class _Meant:
    """What was said of an alarm, and when; without what was not said."""

    now: datetime
    hour: int
    minute: int
    half: Half
    day: Day
    every: Every
    name: str

    @property
    def any_one(self) -> bool:
        return self.hour < 0 and not (self.day or self.every or self.name)

    def fits(self, alarm: Alarm, at: datetime) -> bool:
        """One whose next ring is `at`; a repeat that has one on this day, be it left out."""
        if not self._is_called(alarm.name, alarm.hour, alarm.minute):
            return False
        if self.every and not self.repeats(alarm):
            return False
        if not self.day:
            return True
        on = date_of(self.now, alarm.time, self.half, self.day)
        return on.weekday() in alarm.days if alarm.days else on == at.date()

    def repeats(self, alarm: Alarm) -> bool:
        """One that rings on these days of every week, and on no others."""
        if alarm.days == days_at(alarm.time, self.half, self.every):
            return True
        # "every Friday at midnight" is one of Friday's night, and may be told so without the night
        return alarm.time == time.min and not self.half and alarm.days == days_at(alarm.time, "night", self.every)

    def rang(self, ring: Ringing, at: datetime) -> bool:
        """One that rang at that time; "tomorrow" is none."""
        if ring.kind != "alarm" or not self._is_called(ring.name, at.hour, at.minute):
            return False
        before = at - timedelta(minutes=1)  # when its day was yet to come
        return not self.day or date_of(before, at.time(), self.half, self.day) == at.date()

    def _is_called(self, name: str, hour: int, minute: int) -> bool:
        right_name = not self.name or spoken.clean_name(name) == spoken.clean_name(self.name)
        return right_name and is_called(time(hour, minute), self.hour, self.minute, self.half)


@skill
def cancel_alarm(
    context: Context, hour: Annotated[int, Field(ge=-1, le=23)] = -1, minute: Minute = 0, before: Before = 0,
    half: Half = "", day: Day = "", every: Every = "", name: AlarmName = "",
) -> str:  # fmt: skip
    """Cancel one alarm, by its time (hour -1: no time was said), its day, its days or its name. Stop one that rings."""
    hours = customs(context.services).clock_hours
    if hour >= 0:
        hour, minute, half = earlier(hour, minute, before, half)
    half = half or ("night" if day == "tonight" else "")
    meant = _Meant(context.now.replace(tzinfo=None), hour, minute, half, day, every, name)
    with context.services.get(TimerDesk).open() as (book, now):
        if rang := _silenced(book, now, meant):
            return off(rang)
        coming = [(alarm, book.local(at)) for alarm, at in book.alarms(now)]
        fitting: list[Alarm | Timer] = [alarm for alarm, at in coming if meant.fits(alarm, at)]
        if day:  # those that ring on that day, before those that leave it out
            ringing = {alarm.id for alarm, at in coming if at.date() <= date_of(meant.now, alarm.time, half, day)}
            fitting = [alarm for alarm in fitting if alarm.id in ringing] or fitting
        if meant.any_one:
            fitting += book.snoozed(now)
        if len(fitting) == 1:
            alarm = fitting[0]
            if day and isinstance(alarm, Alarm) and alarm.days:
                return _without_a_day(book, now, alarm, meant, hours)
            book.cancel(now, alarm)
            when = "that was snoozed" if isinstance(alarm, Timer) else _named(alarm, hours)
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


def _days(days: tuple[int, ...], at: time) -> str:
    """ "every Friday"; of midnight "every Friday night", though its date is Saturday's."""
    if len(days) == 7:
        return "every day"
    if at == time.min:
        return f"{_days(tuple(sorted((d - 1) % 7 for d in days)), time.max)} night"
    if days == (0, 1, 2, 3, 4):
        return "every weekday"
    if days == (5, 6):
        return "every Saturday and Sunday"
    return "every " + spoken.listed([("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")[d]
                                     for d in days])  # fmt: skip


def _once(at: datetime, now: datetime, hours: int) -> str:
    """ "7 PM today", "midnight tomorrow night"."""
    return f"{spoken.clock(at, hours)} {_day(at, now)}"


def _day(at: datetime, now: datetime) -> str:
    """ "tomorrow"; the midnight that ends today is tonight's, though its date is tomorrow's, and so on."""
    today, before = now.date(), at.date() - timedelta(days=1)
    if at.hour or at.minute or before < today:
        return spoken.day_from(at.date(), today)
    return "tonight" if before == today else f"{spoken.day_from(before, today)} night"


def _described(alarm: Alarm, at: datetime, now: datetime, hours: int) -> str:
    when = f"{spoken.clock(alarm.time, hours)} {_days(alarm.days, alarm.time)}" if alarm.days else _once(at, now, hours)
    return f"{alarm.name + ' at ' if alarm.name else ''}{when}"


def _left_out(book: TimerBook, now: Now, alarm: Alarm, today: datetime) -> str:
    """ " but not tomorrow", of a repeat that leaves its next day out (`TimerBook.skip_next`)."""
    return f" but not {_day(book.local(alarm.handled_s), today)}" if alarm.days and alarm.handled_s > now.wall_s else ""


def _named(alarm: Alarm | Timer, hours: int) -> str:
    if isinstance(alarm, Timer):
        return "that is snoozed"
    return f"for {spoken.clock(alarm.time, hours)}{' ' + _days(alarm.days, alarm.time) if alarm.days else ''}"


def _silenced(book: TimerBook, now: Now, meant: _Meant) -> list[Ring]:
    """What rings and is meant, and is stopped with this; else what was meant and stopped just before."""
    repeats = {alarm.id for alarm, _ in book.alarms(now) if meant.repeats(alarm)}

    def rang(ring: Ringing) -> bool:
        return meant.rang(ring, book.local(ring.at_s)) and (not meant.every or ring.id in repeats)

    silenced = book.stop_ringing(now) if meant.any_one else book.stop_those(now, rang)
    if silenced or meant.every:  # who says "the weekday alarm" when nothing rings means all of it
        return silenced
    return book.just_stopped(now, rang)  # "stop ... the alarm": the first word has stopped it already


def _without_a_day(book: TimerBook, now: Now, alarm: Alarm, meant: _Meant, hours: int) -> str:
    """One day of a repeat, which rings on all others; only the next can be left out.

    Raises SkillError: it is a later one, or it cannot be written down.
    """
    following = next(at for each, at in book.alarms(now) if each is alarm)
    on = date_of(meant.now, alarm.time, meant.half, meant.day)
    if book.local(following).date() < on:
        raise SkillError(f"That one rings {_days(alarm.days, alarm.time)}. Say: cancel the {_called(alarm)}.")
    if book.local(following).date() == on:
        following = book.skip_next(now, alarm) or following
    without, again = _day(datetime.combine(on, alarm.time), meant.now), _day(book.local(following), meant.now)
    return f"Your {alarm.name or spoken.clock(alarm.time, hours)} alarm is off {without} and rings again {again}."


def _called(alarm: Alarm) -> str:
    """As a sentence of ours calls such a repeat."""
    names = {days_of("day"): "daily alarm", days_of("weekday"): "weekday alarm", days_of("weekend"): "weekend alarm"}
    return names.get(alarm.days, f"alarm for {_days(alarm.days, alarm.time)}")
