"""What "cancel" and "stop" mean: one day of a repeat, what was just stopped, what was named while something rings."""

from datetime import datetime, timedelta

import pytest
from builtin_kit import BERLIN, World

from device.skills.journal import MemoryState
from device.skills.skill import SkillError
from device.skills.timer_records import Alarm
from device.skills.timers import TimerBook

SUNDAY = datetime(2026, 3, 8, 14, 30, tzinfo=BERLIN)
NONE = "No alarm is set."


def on_sunday(*lines: str) -> World:
    """A world of that day, with these said in it."""
    world = World(SUNDAY)
    world.book = TimerBook(world.state, zone=BERLIN, snoozable_s=15)
    for line in lines:
        world.say(line)
    return world


def every_weekday(name: str = "") -> Alarm:
    return Alarm(0, name, 6, 30, days=(0, 1, 2, 3, 4))


def alarms(world: World) -> str:
    return world.say("Which alarms are set?").partition(": ")[2].removesuffix(".")


def until(world: World, day: int, hour: int, minute: int = 0) -> list[str]:
    """The labels of what begins to ring at that time of March."""
    at = datetime(2026, 3, day, hour, minute, tzinfo=BERLIN)
    return [ring.label for ring in world.pass_time((at - world.wall).total_seconds()) if ring.kind != "missed"]


def sounding(world: World) -> list[str]:
    return [ring.label for ring in world.book.ringing]


# One day of a repeat


@pytest.mark.parametrize("said", [
    "Cancel my alarm for tomorrow.", "Cancel my Monday alarm.", "Cancel the alarm on Monday.",
    "Cancel my 6:30 alarm tomorrow.", "Cancel the alarm for tomorrow morning.",
])  # fmt: skip
def test_one_day_leaves_the_repeat(said: str) -> None:
    world = on_sunday("Wake me every weekday at 6:30.")
    assert world.say(said) == "Your 6:30 AM alarm is off tomorrow and rings again on Tuesday."
    assert alarms(world) == "6:30 AM every weekday but not tomorrow"
    assert until(world, 9, 6, 30) == []
    assert alarms(world) == "6:30 AM every weekday"
    assert until(world, 10, 6, 30) == ["6:30 AM alarm"]


def test_the_midnight_of_a_repeat_is_told_by_its_night() -> None:
    world = on_sunday("Wake me every night at 12.")
    answer = "Your midnight alarm is off tonight and rings again tomorrow night."
    assert world.say("Cancel the alarm for tonight.") == answer
    assert alarms(world) == "midnight every day but not tonight"
    assert until(world, 9, 0) == []
    assert until(world, 10, 0) == ["midnight alarm"]


def test_the_same_day_said_twice_takes_no_second_one() -> None:
    world = on_sunday("Wake me every Wednesday at 7.")
    answer = "Your 7 AM alarm is off on Wednesday and rings again on Wednesday, March 18th."
    assert [world.say("Cancel my Wednesday alarm.") for _ in range(2)] == [answer, answer]
    assert until(world, 11, 7) == []
    assert until(world, 18, 7) == ["7 AM alarm"]


def test_a_later_day_of_a_repeat_is_told_what_can_be_said() -> None:
    world = on_sunday("Wake me every weekday at 6:30.")
    answer = "That one rings every weekday. Say: cancel the weekday alarm."
    assert world.say("Cancel my Wednesday alarm.") == answer
    assert alarms(world) == "6:30 AM every weekday"
    assert world.say("Cancel the weekday alarm.") == "Your alarm for 6:30 AM every weekday is cancelled."
    assert world.say("Which alarms are set?") == NONE


@pytest.mark.parametrize(("made", "said", "answer"), [
    ("Wake me every day at 7.", "Cancel the daily alarm.", "Your alarm for 7 AM every day is cancelled."),
    ("Wake me every weekend at 9.", "Cancel the weekend alarm.",
     "Your alarm for 9 AM every Saturday and Sunday is cancelled."),
    ("Wake me every Wednesday at 7.", "Cancel the alarm for every Wednesday.",
     "Your alarm for 7 AM every Wednesday is cancelled."),
    ("Wake me every weekday at 6:30.", "Cancel the 6:30 alarm.", "Your alarm for 6:30 AM every weekday is cancelled."),
    ("Wake me every weekday at 6:30.", "Cancel the alarm.", "Your alarm for 6:30 AM every weekday is cancelled."),
])  # fmt: skip
def test_a_whole_repeat_is_named_when_it_is_cancelled(made: str, said: str, answer: str) -> None:
    world = on_sunday(made)
    assert world.say(said) == answer
    assert world.say("Which alarms are set?") == NONE


def test_a_day_without_an_alarm() -> None:
    world = on_sunday("Wake me every weekday at 6:30.")
    assert world.say("Cancel my Saturday alarm.") == "There is no such alarm. You have 6:30 AM."
    assert world.say("Cancel my alarm for today.") == "There is no such alarm. You have 6:30 AM."
    assert world.say("Cancel the daily alarm.") == "There is no such alarm. You have 6:30 AM."
    assert world.say("Cancel the morning alarm.") == "There is no such alarm. You have 6:30 AM."
    assert alarms(world) == "6:30 AM every weekday"


def test_a_part_of_the_day_is_heeded() -> None:
    world = on_sunday("Set an alarm for 7 p.m. tomorrow.")
    assert world.say("Cancel the alarm for tomorrow morning.") == "There is no such alarm. You have 7 PM."
    assert world.say("Cancel the alarm for tomorrow evening.") == "Your alarm for 7 PM is cancelled."


def test_tonight_is_not_the_afternoon() -> None:
    world = on_sunday("Set an alarm for 3 p.m.", "Set an alarm for 9 tonight.", "Set an alarm for 1 a.m.")
    answer = "Which one: the one for 9 PM or the one for 1 AM?"
    assert world.say("Cancel the alarm for tonight.") == answer
    assert world.say("Cancel the 9 alarm tonight.") == "Your alarm for 9 PM is cancelled."
    assert world.say("Cancel the alarm for tonight.") == "Your alarm for 1 AM is cancelled."


def test_one_that_is_off_that_day_is_not_asked_about() -> None:
    world = on_sunday("Wake me every weekday at 6:30.", "Cancel my alarm for tomorrow.", "Wake me at 8 tomorrow.")
    assert world.say("Cancel my alarm for tomorrow.") == "Your alarm for 8 AM is cancelled."
    assert alarms(world) == "6:30 AM every weekday but not tomorrow"


def test_a_day_that_is_left_out_is_on_disk() -> None:
    world = on_sunday("Wake me every weekday at 6:30.", "Cancel my alarm for tomorrow.")
    world.restart()
    assert until(world, 9, 6, 30) == []
    assert until(world, 10, 6, 30) == ["6:30 AM alarm"]


def test_a_clock_that_is_put_back_loses_no_alarm() -> None:
    """A day that was left out by a wrong clock may be any day: the alarm rings."""
    world = on_sunday("Wake me every weekday at 6:30.", "Cancel my alarm for tomorrow.")
    world.put_clock(timedelta(days=-28))
    assert world.book.next_due_s(world.now) == 16 * 3600
    assert [ring.label for ring in world.pass_time(16 * 3600)] == ["6:30 AM alarm"]


def test_a_full_disk_leaves_no_day_out(monkeypatch: pytest.MonkeyPatch) -> None:
    world = on_sunday()
    alarm = world.book.set_alarm(world.now, every_weekday())

    def full(_state: MemoryState, _name: str, _value: object) -> None:
        raise SkillError("My disk is full.")

    monkeypatch.setattr(MemoryState, "put", full)
    with pytest.raises(SkillError):
        world.book.skip_next(world.now, alarm)
    assert until(world, 9, 6, 30) == ["6:30 AM alarm"]


# What was just stopped


@pytest.mark.parametrize("said", ["Stop the alarm.", "Turn off the alarm.", "Stop the 6:30 alarm."])
def test_stop_in_two_breaths_keeps_the_repeat(said: str) -> None:
    """ "Stop" is obeyed before the rest of "stop the alarm" is said; or it was the button."""
    world = on_sunday("Wake me every weekday at 6:30.", "Wake me at 8 tomorrow.")
    until(world, 9, 6, 30)
    world.book.stop_ringing(world.now)
    world.pass_time(2)
    assert world.say(said) == "Your 6:30 AM alarm is off."
    assert alarms(world) == "8 AM today and 6:30 AM every weekday"


@pytest.mark.parametrize("said", ["Stop the timer.", "Stop the pasta timer.", "Stop the one minute timer."])
def test_stop_in_two_breaths_keeps_other_timers(said: str) -> None:
    world = on_sunday("Set a pasta timer for 1 minute.", "Set a tea timer for 5 minutes.")
    world.pass_time(60)
    world.book.stop_ringing(world.now)
    world.pass_time(2)
    assert world.say(said) == "Your pasta timer is off."
    assert [timer.label for timer in world.book.timers(world.now)] == ["tea timer"]


def test_what_was_stopped_a_while_ago_is_forgotten() -> None:
    world = on_sunday("Set a timer for 1 minute.", "Set a tea timer for 5 minutes.", "Wake me every day at 7.")
    world.pass_time(60)
    world.book.stop_ringing(world.now)
    assert world.say("Cancel the alarm.") == "Your alarm for 7 AM every day is cancelled.", "no alarm was stopped"
    world.pass_time(15)
    assert world.say("Cancel the timer.") == "Your tea timer is cancelled."


def test_one_of_that_name_runs_though_another_was_just_stopped() -> None:
    world = on_sunday("Set a tea timer for 1 minute.", "Set a tea timer for 5 minutes.")
    world.pass_time(60)
    world.book.stop_ringing(world.now)
    assert world.say("Cancel the tea timer.") == "Your tea timer is cancelled."
    assert world.book.timers(world.now) == []


def test_a_repeat_that_is_named_is_cancelled_though_it_was_just_stopped() -> None:
    world = on_sunday("Wake me every weekday at 6:30.")
    until(world, 9, 6, 30)
    world.book.stop_ringing(world.now)
    assert world.say("Cancel the weekday alarm.") == "Your alarm for 6:30 AM every weekday is cancelled."


# What is named while something rings


def test_what_rings_is_stopped_by_its_name() -> None:
    world = on_sunday(
        "Set a pasta timer for 1 minute.", "Set a timer for 20 minutes.", "Set a rice timer for 1 minute."
    )
    world.pass_time(60)
    assert world.say("Stop the pasta timer.") == "Your pasta timer is off."
    assert sounding(world) == ["rice timer"]
    assert world.say("Stop the 1 minute timer.") == "Your rice timer is off."
    assert [timer.label for timer in world.book.timers(world.now)] == ["20 minute timer"]


def test_what_runs_is_cancelled_by_its_length_and_what_rings_goes_on() -> None:
    world = on_sunday("Set a pasta timer for 1 minute.", "Set a timer for 20 minutes.")
    world.pass_time(60)
    assert world.say("Cancel the 20 minute timer.") == "Your 20 minute timer is cancelled."
    assert sounding(world) == ["pasta timer"]
    world.say("Cancel the tea timer.")
    assert sounding(world) == ["pasta timer"]


def test_one_that_was_put_off_is_stopped_by_its_length() -> None:
    world = on_sunday("Set a timer for 10 minutes.")
    world.pass_time(600)
    world.say("Snooze.")
    world.pass_time(540)
    assert world.say("Stop the 10 minute timer.") == "Your 10 minute timer is off."


@pytest.mark.parametrize("said", [
    "Stop the 6:30 alarm.", "Stop the alarm for 6:30 a.m.", "Cancel the gym alarm.", "Cancel my Monday alarm.",
    "Cancel my alarm for today.", "Stop the weekday alarm.", "Stop the alarm.",
])  # fmt: skip
def test_an_alarm_that_rings_is_stopped_as_it_is_called(said: str) -> None:
    world = on_sunday()
    world.book.set_alarm(world.now, every_weekday("gym"))
    assert until(world, 9, 6, 30) == ["gym alarm"]
    assert world.say(said) == "Your gym alarm is off."
    assert sounding(world) == []
    assert alarms(world) == "gym at 6:30 AM every weekday"


def test_another_alarm_than_the_one_that_rings() -> None:
    world = on_sunday("Wake me every weekday at 6:30.", "Wake me at 8 tomorrow.")
    until(world, 9, 6, 30)
    assert world.say("Cancel the 8 a.m. alarm.") == "Your alarm for 8 AM is cancelled."
    answer = "Your 6:30 AM alarm is off tomorrow and rings again on Wednesday."
    assert world.say("Cancel my alarm for tomorrow.") == answer
    assert sounding(world) == ["6:30 AM alarm"]


def test_a_timer_that_rings_is_no_alarm_of_that_name() -> None:
    world = on_sunday("Set a gym timer for 1 minute.")
    world.book.set_alarm(world.now, every_weekday("gym"))
    world.pass_time(60)
    assert world.say("Cancel the gym alarm.") == "Your alarm for 6:30 AM every weekday is cancelled."
    assert sounding(world) == ["gym timer"]
