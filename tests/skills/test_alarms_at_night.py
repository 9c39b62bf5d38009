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
