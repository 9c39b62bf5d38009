"""Timers: several at once, by name or by length.

"Set a pasta timer for ten minutes."  "How long is left?"  "Cancel the ten minute timer."
"""

from typing import Annotated

from pydantic import AfterValidator, Field

from device.skills import spoken
from device.skills.skill import Context, SkillError, not_meant, skill
from device.skills.timer_records import Now, Ring, Ringing, Timer
from device.skills.timers import TimerBook, TimerDesk

Hours = Annotated[int, Field(ge=0, le=168)]
Minutes = Annotated[int, Field(ge=0, le=10_000)]
Seconds = Annotated[int, Field(ge=0, le=100_000)]
MOST_NAME_WORDS = 6
#: In what is called a name, they say that a second wish was taken for a part of it.
_NO_NAME = frozenset(
    "timer timers alarm alarms minute minutes hour hours second seconds today tomorrow then list".split()
)
#: No name ends with them: "start a story about a timer", "prepare for Friday" at nine.
_NOT_LAST = frozenset("a an the my our your for of about until till before every each".split())


def name_of_one(name: str) -> str:
    """A name that somebody would give: "set a timer for the pizza and a 5 minute timer for the rice" has none."""
    words = spoken.clean_name(name).split()
    cut_off = bool(words) and words[-1] in _NOT_LAST
    if len(words) > MOST_NAME_WORDS or cut_off or not _NO_NAME.isdisjoint(words) or any(c.isdigit() for c in name):
        raise not_meant("name")
    return " ".join(words)


TimerName = Annotated[
    str, AfterValidator(name_of_one), Field(max_length=60, description="such as pasta; empty: it has none")
]
_LONGEST_S = 7 * 86_400
_MOST_NAMED = 4  #: of more, nobody remembers the first


@skill
def set_timer(
    context: Context, hours: Hours = 0, minutes: Minutes = 0, seconds: Seconds = 0, name: TimerName = ""
) -> str:
    """Set a timer that rings after hours, minutes and seconds; it may have a name."""
    length_s = _length_s(hours, minutes, seconds)
    if not length_s:
        raise SkillError("For how long? Say, for example: set a timer for 5 minutes.")
    if length_s > _LONGEST_S:
        raise SkillError("A timer can run for 7 days at most.")
    with context.services.get(TimerDesk).open() as (book, now):
        book.set_timer(now, length_s, spoken.clean_name(name))
    return f"{_begun(spoken.clean_name(name))} set for {spoken.duration(length_s)}."


@skill(read_only=True)
def ask_timer_length(name: TimerName = "") -> str:
    """Ask for how long a timer is to be set, when nobody said it."""
    return f"For how long? Say, for example: set a {(spoken.clean_name(name) + ' timer').strip()} for 5 minutes."


@skill
def cancel_timer(
    context: Context, name: TimerName = "", hours: Hours = 0, minutes: Minutes = 0, seconds: Seconds = 0
) -> str:
    """Cancel one timer, by its name or by its length; without either the only one. One that rings is stopped."""
    length_s = _length_s(hours, minutes, seconds)

    def meant(entry: Ringing) -> bool:
        return entry.kind == "timer" and _rang_as(entry, name, length_s)

    with context.services.get(TimerDesk).open() as (book, now):
        rang = book.stop_those(now, meant) if name or length_s else book.stop_ringing(now)
        # "stop ... the timer": the first word has stopped it already, and no other is meant
        if not rang and not ((name or length_s) and _found(book, now, name, length_s)):
            rang = book.just_stopped(now, meant)
        if rang:
            return off(rang)
        timer = _the_one(book, now, "cancel", name, length_s)
        book.cancel(now, timer)
    return f"Your {timer.label} is cancelled."


@skill(confirm="Shall I cancel all timers?")
def cancel_all_timers(context: Context) -> str:
    """Cancel all timers."""
    with context.services.get(TimerDesk).open() as (book, now):
        rang, timers = book.stop_ringing(now), [*book.timers(now), *book.snoozed(now)]
        book.cancel(now, *timers)
    if not timers and not rang:
        raise SkillError("There are no timers.")
    amount = len(timers) + len(rang)
    return "Your timer is cancelled." if amount == 1 else f"All {spoken.number(amount)} timers are cancelled."


@skill(read_only=True)
def timer_left(
    context: Context, name: TimerName = "", hours: Hours = 0, minutes: Minutes = 0, seconds: Seconds = 0
) -> str:
    """Tell how much time is left on a timer, or on all of them."""
    with context.services.get(TimerDesk).open() as (book, now):
        found = _found(book, now, name, _length_s(hours, minutes, seconds))
        if not found:
            raise SkillError(_none(book, now, name))
        said = [_left(timer, now, named=len(found) > 1 or bool(timer.name)) for timer in found]
    return " ".join(said)


@skill
def add_to_timer(
    context: Context, hours: Hours = 0, minutes: Minutes = 0, seconds: Seconds = 0, name: TimerName = ""
) -> str:
    """Give a timer more time."""
    return _add(context, name, _length_s(hours, minutes, seconds))


@skill
def take_from_timer(
    context: Context, hours: Hours = 0, minutes: Minutes = 0, seconds: Seconds = 0, name: TimerName = ""
) -> str:
    """Take time off a timer."""
    return _add(context, name, -_length_s(hours, minutes, seconds))


@skill
def pause_timer(context: Context, name: TimerName = "") -> str:
    """Pause a timer."""
    with context.services.get(TimerDesk).open() as (book, now):
        running = [t for t in _found(book, now, name, 0) if t.due_s is not None]
        timer = running[0] if len(running) == 1 else _the_one(book, now, "pause", name, 0)
        if timer.due_s is None:
            raise SkillError(f"Your {timer.label} is paused already.")
        book.pause(now, timer)
        left = spoken.remaining(timer.left_s(now))
    return f"Your {timer.label} is paused with {left} left."


@skill
def resume_timer(context: Context, name: TimerName = "") -> str:
    """Let a paused timer go on."""
    with context.services.get(TimerDesk).open() as (book, now):
        paused = [t for t in _found(book, now, name, 0) if t.due_s is None]
        timer = paused[0] if len(paused) == 1 else _the_one(book, now, "resume", name, 0)
        if timer.due_s is not None:
            raise SkillError(f"Your {timer.label} is running.")
        book.resume(now, timer)
        left = spoken.remaining(timer.left_s(now))
    return f"Your {timer.label} goes on with {left} left."


@skill
def stop_ringing(context: Context) -> str:
    """Stop a timer or alarm that rings now."""
    with context.services.get(TimerDesk).open() as (book, now):
        rang = book.stop_ringing(now)
    if not rang:
        raise SkillError("Nothing is ringing.")
    return off(rang)


@skill
def snooze(context: Context, minutes: Annotated[int, Field(ge=1, le=120)] = 9) -> str:
    """Let what rings now ring again in a few minutes."""
    with context.services.get(TimerDesk).open() as (book, now):
        rang = book.snooze(now, minutes * 60.0)
    if not rang:
        raise SkillError("Nothing is ringing.")
    return f"Snoozed for {spoken.count(minutes, 'minute')}."


def off(rang: list[Ring]) -> str:
    """The answer when these were stopped."""
    return f"Your {spoken.listed([ring.label for ring in rang])} {'is' if len(rang) == 1 else 'are'} off."


def _begun(name: str) -> str:
    return f"{spoken.sentence(name)} timer" if name else "Timer"


def _length_s(hours: int, minutes: int, seconds: int) -> int:
    return hours * 3600 + minutes * 60 + seconds


def _found(book: TimerBook, now: Now, name: str, length_s: int) -> list[Timer]:
    """All that fit; neither name nor length: all."""
    timers, wanted = book.timers(now), spoken.clean_name(name)
    if wanted:
        return [t for t in timers if spoken.clean_name(t.name) == wanted]
    return [t for t in timers if t.length_s == length_s] if length_s else timers


def _rang_as(entry: Ringing, name: str, length_s: int) -> bool:
    """As `_found`; one that was put off has its length as its name. Neither name nor length: any."""
    if name:
        return spoken.clean_name(entry.name) == spoken.clean_name(name)
    return not length_s or entry.length_s == length_s or entry.name == spoken.short_duration(length_s)


def _the_one(book: TimerBook, now: Now, verb: str, name: str, length_s: int) -> Timer:
    found = _found(book, now, name, length_s)
    if not found:
        raise SkillError(_none(book, now, name))
    if len(found) > 1:
        if len(found) > _MOST_NAMED:
            raise SkillError(f"Which one shall I {verb}? There are {len(found)}.")
        labels = spoken.listed([f"the {timer.label}" for timer in found], "or")
        raise SkillError(f"Which one shall I {verb}: {labels}?")
    return found[0]


def _none(book: TimerBook, now: Now, name: str) -> str:
    timers = book.timers(now)
    if not timers:
        return "There are no timers."
    there = spoken.listed([f"the {timer.label}" for timer in timers])
    return f"There is no {spoken.clean_name(name) + ' ' if name else 'such '}timer, only {there}."


def _left(timer: Timer, now: Now, *, named: bool) -> str:
    left = spoken.remaining(timer.left_s(now))
    state = " It is paused." if timer.due_s is None else ""
    return f"Your {timer.label} has {left} left.{state}" if named else f"{spoken.sentence(left)} left.{state}"


def _add(context: Context, name: str, seconds: int) -> str:
    if not seconds:
        raise SkillError("How much time?")
    with context.services.get(TimerDesk).open() as (book, now):
        timer = _the_one(book, now, "change", name, 0)
        if timer.left_s(now) + seconds > _LONGEST_S:
            raise SkillError("A timer can run for 7 days at most.")
        book.add_time(now, timer, seconds)
        left = spoken.remaining(timer.left_s(now))
    return f"Your {timer.label} has {left} left now."
