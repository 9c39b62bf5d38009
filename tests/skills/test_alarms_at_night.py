"""Alarms at night, whose small hours are of the next day; and a time before an hour that has a half of the day."""

import pytest
from builtin_kit import World


def talk(world: World, *lines: tuple[str, str]) -> None:
    for text, answer in lines:
        assert (text, world.say(text)) == (text, answer)


@pytest.fixture
def world() -> World:
    return World()


def test_alarms_at_night(world: World) -> None:
    talk(
        world,
        ("Set an alarm for Friday night at 12:30.", "Alarm set for 12:30 AM on Saturday."),
        ("Wake me tomorrow night at 12.", "Alarm set for midnight tomorrow night."),
        ("Wake me tomorrow night at 11.", "Alarm set for 11 PM tomorrow."),
        ("Wake me tomorrow evening at 7.", "Alarm set for 7 PM tomorrow."),
        ("Wake me this night at 1.", "Alarm set for 1 AM tomorrow."),
        ("Wake me tonight at quarter to 12.", "Alarm set for 11:45 PM today."),
        ("Cancel the alarm for Friday night.", "Your alarm for 12:30 AM is cancelled."),
        ("Cancel the 1 a.m. alarm tonight.", "Your alarm for 1 AM is cancelled."),
        ("Cancel all alarms.", "All 4 alarms are cancelled."),
        ("Set an alarm every night at 12:30.", "Alarm set for 12:30 AM every day."),
        ("Set an alarm for 10 every night.", "Alarm set for 10 PM every day."),
        ("Set an alarm for 7 every evening.", "Alarm set for 7 PM every day."),
    )


def test_nights_of_every_week(world: World) -> None:
    """Half an hour into Saturday is Friday's night; who cancels that means it."""
    talk(
        world,
        ("Set an alarm every Friday night at 12:30.", "Alarm set for 12:30 AM every Saturday."),
        ("Set an alarm every Friday night at 11.", "Alarm set for 11 PM every Friday."),
        ("Set an alarm every Saturday at 1 a.m.", "Alarm set for 1 AM every Saturday."),
        ("Cancel the 12:30 alarm every Saturday.", "Your alarm for 12:30 AM every Saturday is cancelled."),
        ("Set an alarm every Friday night at 12:30.", "Alarm set for 12:30 AM every Saturday."),
        ("Cancel the 11 p.m. alarm every Friday.", "Your alarm for 11 PM every Friday is cancelled."),
        ("Cancel the 1 a.m. alarm every Saturday.", "Your alarm for 1 AM every Saturday is cancelled."),
        ("Cancel the alarm for every Saturday night.", "There is no such alarm. You have 12:30 AM."),
        ("Cancel the alarm for every Friday night.", "Your alarm for 12:30 AM every Saturday is cancelled."),
        ("Set an alarm every night at midnight.", "Alarm set for midnight every day."),
        ("Cancel the alarm for every night.", "Your alarm for midnight every day is cancelled."),
    )


def test_midnight_and_noon(world: World) -> None:
    talk(
        world,
        ("Set an alarm for midnight.", "Alarm set for midnight tonight."),
        ("Set an alarm for midnight tomorrow.", "Alarm set for midnight tomorrow night."),
        ("Set an alarm for noon on Friday.", "Alarm set for noon on Friday."),
        ("Cancel the midnight alarm tomorrow.", "Your alarm for midnight is cancelled."),
        ("Cancel my midnight alarm.", "Your alarm for midnight is cancelled."),
        ("Cancel my noon alarm.", "Your alarm for noon is cancelled."),
        ("Which alarms are set?", "No alarm is set."),
    )


def test_the_midnight_of_a_repeat_is_told_by_its_night(world: World) -> None:
    """ "Midnight every Saturday" would be heard as the one that ends Saturday."""
    talk(
        world,
        ("Set an alarm every Friday at midnight.", "Alarm set for midnight every Friday night."),
        ("Which alarms are set?", "You have 1 alarm: midnight every Friday night."),
        ("Cancel the alarm for every Saturday night.", "There is no such alarm. You have midnight."),
        ("Cancel the alarm for every Friday.", "Your alarm for midnight every Friday night is cancelled."),
        ("Wake me at midnight on weekdays.", "Alarm set for midnight every weekday night."),
        ("Cancel the alarm for every weekday night.", "Your alarm for midnight every weekday night is cancelled."),
        ("Wake me every Sunday night at 12.", "Alarm set for midnight every Sunday night."),
        ("Cancel the alarm for every Sunday night.", "Your alarm for midnight every Sunday night is cancelled."),
        ("Set an alarm for midnight on Friday night.", "Alarm set for midnight on Friday night."),
        ("Wake me Friday night at midnight.", "Alarm set for midnight on Friday night."),
    )


def test_a_repeat_is_no_part_of_what_one_is_reminded_of(world: World) -> None:
    talk(
        world,
        ("Remind me to lock the door every night at 10.", "Lock the door alarm set for 10 PM every day."),
        ("Remind me every evening at 7 to eat.", "Eat alarm set for 7 PM every day."),
        ("Remind me at 8 to take my pills every day.", "Take my pills alarm set for 8 AM every day."),
        ("Remind me to call Anna Thursday night at 9.", "Call anna alarm set for 9 PM on Thursday."),
        ("Remind me to go to bed at midnight.", "Go to bed alarm set for midnight tonight."),
        ("Remind me to prepare for Friday at 9.", "Prepare for friday alarm set for 9 PM today."),
        ("Set an alarm on Monday for 9.", "Alarm set for 9 AM on Monday."),
    )


def test_before_an_hour_that_has_a_half_of_the_day() -> None:
    world = World(clock_hours=24)
    talk(
        world,
        ("Set an alarm for quarter to 13.", "Alarm set for 12:45 tomorrow."),
        ("Set an alarm for ten to twelve a.m.", "Alarm set for 23:50 today."),
        ("Set an alarm for quarter to 19.", "Alarm set for 18:45 today."),
        ("Cancel the alarm for quarter to 13.", "Your alarm for 12:45 is cancelled."),
        ("Cancel the alarm for ten to twelve a.m.", "Your alarm for 23:50 is cancelled."),
    )
