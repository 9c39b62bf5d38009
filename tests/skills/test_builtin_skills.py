"""What the built-in skills say and do, sentence by sentence."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from builtin_kit import BERLIN, World

from device.skills.services import Board
from device.skills.testing import SkillBench
from device.skills.timers import MOST, TimerBook


@pytest.fixture
def world() -> World:
    return World()


def talk(world: World, *lines: tuple[str, str]) -> None:
    for text, answer in lines:
        assert (text, world.say(text)) == (text, answer)


def test_clock(world: World) -> None:
    talk(
        world,
        ("What time is it?", "It's 2:30 PM."),
        ("What time is it in Tokyo?", "It's 10:30 PM in Tokyo."),
        ("What time is it in San Francisco?", "It's 6:30 AM in San Francisco."),
        ("What time is it in Germany?", "It's 2:30 PM in Germany."),
        ("What time is it in the UK?", "It's 1:30 PM in the UK."),
        ("What time is it in Auckland?", "It's 2:30 AM tomorrow in Auckland."),
        ("What time is it in China?", "It's 9:30 PM in China."),
        ("What time is it in Samoa?", "It's 2:30 AM tomorrow in Samoa."),
        ("What time is it in American Samoa?", "It's 2:30 AM in American Samoa."),
        ("What time is it in New York City?", "It's 9:30 AM in New York City."),
        ("What time is it in Russia?", "There is more than one time in Russia. Ask me about a city."),
        ("What time is it in Narnia?", "I don't know what time it is in Narnia."),
        ("What's the date?", "It's Tuesday, March 10th."),
        ("What year is it?", "It's 2026."),
        ("What day is it tomorrow?", "Tomorrow is Wednesday, March 11th."),
        ("What day was it yesterday?", "Yesterday was Monday, March 9th."),
        ("What's the date in 300 days?", "That is Monday, January 4th, 2027."),
        ("How many days until Christmas?", "290 days until Christmas, Friday, December 25th."),
        ("How many days until Tuesday?", "7 days until Tuesday, March 17th."),
        ("How many days until March 10th?", "That's today: Tuesday, March 10th."),
        ("How many days until March 9th?", "364 days until Tuesday, March 9th, 2027."),
        ("How many days until the 29th of February?", "721 days until Tuesday, February 29th, 2028."),
        ("How many days until the 31st of June?", "There is no such date."),
        ("What day is Halloween?", "Halloween is on Saturday, October 31st."),
    )


def test_a_clock_of_24_hours() -> None:
    world = World(clock_hours=24)
    talk(
        world,
        ("What time is it?", "It's 14:30."),
        ("What time is it in Tokyo?", "It's 22:30 in Tokyo."),
        ("Set an alarm for 7.", "Alarm set for 19:00 today."),
    )


def test_a_clock_that_was_never_set() -> None:
    world = World(datetime(1970, 1, 1, 0, 5, tzinfo=BERLIN))
    answer = "I don't know what time it is: my clock has not been set yet."
    talk(world, ("What time is it?", answer), ("Set an alarm for seven.", answer), ("What's the date?", answer))
    talk(world, ("Set a timer for 5 minutes.", "Timer set for 5 minutes."))
    world.put_clock(timedelta(days=20_000))
    assert world.pass_time(299) == []
    assert len(world.pass_time(1)) == 1


def test_timers(world: World) -> None:
    talk(
        world,
        ("How long is left?", "There are no timers."),
        ("Set a timer for 0 minutes.", "For how long? Say, for example: set a timer for 5 minutes."),
        ("Set a pasta timer for 10 minutes.", "Pasta timer set for 10 minutes."),
        ("How long is left?", "Your pasta timer has 10 minutes left."),
        ("Set a timer for an hour and a half.", "Timer set for 1 hour and 30 minutes."),
        ("Cancel the timer.", "Which one shall I cancel: the pasta timer or the 1 hour 30 minute timer?"),
        ("Cancel the tea timer.", "There is no tea timer, only the pasta timer and the 1 hour 30 minute timer."),
        ("Cancel the 5 minute timer.", "There is no such timer, only the pasta timer and the 1 hour 30 minute timer."),
        ("Cancel the 90 minute timer.", "Your 1 hour 30 minute timer is cancelled."),
    )
    world.pass_time(490)
    talk(
        world,
        ("How much time is left on the pasta timer?", "Your pasta timer has 1 minute and 50 seconds left."),
        ("Pause the timer.", "Your pasta timer is paused with 1 minute and 50 seconds left."),
        ("Pause the timer.", "Your pasta timer is paused already."),
        ("How long is left?", "Your pasta timer has 1 minute and 50 seconds left. It is paused."),
        ("Resume the timer.", "Your pasta timer goes on with 1 minute and 50 seconds left."),
        ("Resume the timer.", "Your pasta timer is running."),
        ("Add 2 minutes to the pasta timer.", "Your pasta timer has 3 minutes and 50 seconds left now."),
        ("Take 1 minute off the timer.", "Your pasta timer has 2 minutes and 50 seconds left now."),
        ("Take 20 minutes off the timer.", "Your pasta timer has less time left than that."),
        ("Add 168 hours to the timer.", "A timer can run for 7 days at most."),
        ("Cancel all timers.", "Your timer is cancelled."),
        ("Cancel all timers.", "There are no timers."),
    )


def test_stop_means_what_rings_before_what_runs(world: World) -> None:
    talk(world, ("Set a timer for 1 minute.", "Timer set for 1 minute."), ("Set a tea timer for 5 minutes.",
                                                                     "Tea timer set for 5 minutes."))  # fmt: skip
    world.pass_time(60)
    talk(
        world,
        ("Stop the timer.", "Your 1 minute timer is off."),
        ("Stop ringing.", "Nothing is ringing."),
        ("Snooze.", "Nothing is ringing."),
        ("Stop the timer.", "Your tea timer is cancelled."),
    )


def test_all_timers_are_cancelled_only_when_that_was_meant(world: World) -> None:
    for text, question in (
        ("Cancel all timers.", "Shall I cancel all timers?"),
        ("Cancel all alarms.", "Shall I cancel all alarms?"),
        ("Clear my packing list.", "Shall I clear your packing list?"),
        ("Turn off the microphone.", "I would not hear you any more. Shall I turn the microphone off?"),
    ):
        assert world.bench.understand(text).question == question  # type: ignore[union-attr]
    for text in ("Cancel the timer.", "Remove milk from the list.", "Mute."):
        assert world.bench.understand(text).question == ""  # type: ignore[union-attr]


def test_more_timers_than_anybody_sets(world: World) -> None:
    for _ in range(MOST):
        world.say("Set a timer for 5 minutes.")
    talk(
        world,
        ("Set a timer for 5 minutes.", f"You have {MOST} timers already."),
        ("Cancel the timer.", f"Which one shall I cancel? There are {MOST}."),
    )


def test_alarms(world: World) -> None:
    talk(
        world,
        ("Which alarms are set?", "No alarm is set."),
        ("Set an alarm for seven.", "Alarm set for 7 PM today."),
        ("Set an alarm for 7 a.m.", "Alarm set for 7 AM tomorrow."),
        ("Which alarms are set?", "You have 2 alarms: 7 PM today and 7 AM tomorrow."),
        ("Cancel the alarm.", "Which one: the one for 7 PM or the one for 7 AM?"),
        ("Cancel the alarm for 7.", "Which one: the one for 7 PM or the one for 7 AM?"),
        ("Cancel the alarm for 4.", "There is no such alarm. You have 7 PM and 7 AM."),
        ("Cancel my 7 a.m. alarm.", "Your alarm for 7 AM is cancelled."),
        ("Wake me every weekday at 6:30.", "Alarm set for 6:30 AM every weekday."),
        ("Set an alarm called gym for 6 a.m. on Sunday.", "Gym alarm set for 6 AM on Sunday."),
        ("Set an alarm for quarter to eight tomorrow.", "Alarm set for 7:45 AM tomorrow."),
        ("Set an alarm for 3 a.m. today.", "That time has passed already."),
        ("Set an alarm for noon.", "Alarm set for noon tomorrow."),
        ("Set an alarm for midnight.", "Alarm set for midnight tonight."),
        ("Cancel the alarm.", "Which one? There are 6. Say its time."),
        ("Cancel the gym alarm.", "Your alarm for 6 AM is cancelled."),
        ("Cancel the alarm for tomorrow.", "Which one: the one for midnight, the one for 6:30 AM every weekday, "
         "the one for 7:45 AM or the one for noon?"),
        ("Cancel all alarms.", "All 5 alarms are cancelled."),
    )  # fmt: skip


def test_an_alarm_rings_is_snoozed_and_stopped(world: World) -> None:
    world.say("Set an alarm for 3 p.m.")
    (ring,) = world.pass_time(1800)
    assert ring.text == "This is your 3 PM alarm."
    talk(world, ("Snooze for five minutes.", "Snoozed for 5 minutes."),
         ("Which alarms are set?", "You have 1 alarm: one that is snoozed for 5 minutes."))  # fmt: skip
    (ring,) = world.pass_time(300)
    assert ring.text == "This is your 3 PM alarm."
    talk(world, ("Stop the alarm.", "Your 3 PM alarm is off."), ("Cancel the alarm.", "No alarm is set."))


def test_five_more_minutes_for_what_the_button_has_silenced(world: World) -> None:
    world.book = TimerBook(world.state, zone=BERLIN, snoozable_s=10)
    world.say("Set an alarm for 3 p.m.")
    world.pass_time(1800)
    world.book.stop_ringing(world.now)
    world.pass_time(5)
    talk(world, ("Five more minutes.", "Snoozed for 5 minutes."))
    (ring,) = world.pass_time(300)
    assert ring.text == "This is your 3 PM alarm."


def test_volume(world: World) -> None:
    talk(world, ("Set the volume to 40%.", "Volume at 40 percent."), ("Volume 7.", "Volume at 7."))
    assert world.controls.volume_percent == 70
    talk(world, ("Louder.", "Louder."), ("What's the volume?", "The volume is at 80 percent."))
    talk(world, ("Set the volume to 140 percent.", "I can't do that. The percent can be 100 at most."))
    world.say("Mute.")
    assert world.controls.volume_percent == 0
    talk(world, ("Quieter.", "I am silent already."), ("Unmute.", "Volume at 80 percent."),
         ("Unmute.", "I am not muted."), ("Full volume.", "Volume at 100 percent."),
         ("Louder.", "I am as loud as I can be."))  # fmt: skip
    assert not world.controls.muted
    talk(world, ("Turn off the microphone.", "The microphone is off. Press the mute button to turn it on again."))
    assert world.controls.muted


def test_unmuted_after_a_volume_of_zero(world: World) -> None:
    talk(world, ("Set the volume to 0 percent.", "Volume at 0 percent."), ("Unmute.", "Volume at 60 percent."))


def test_sums(world: World) -> None:
    talk(
        world,
        ("What is seventeen times twenty-three?", "It's 391."),
        ("What's 15% of 80?", "It's 12."),
        ("What's the square root of 2?", "That's about 1.41."),
        ("What is 1,000 divided by 8?", "It's 125."),
        ("What is 10 minus 3 plus 2?", "It's 9."),
        ("What is 2 plus 3 times 4?", "It's 14."),
        ("What is 2 plus 3 times 4 minus 1?", "It's 13."),
        ("Multiply 2 plus 3 by 4.", "It's 20."),
        ("Multiply two plus three by four plus one.", "It's 25."),
        ("What is the product of 2 plus 3 and 4?", "It's 20."),
        ("Divide 12 by 2 plus 4.", "It's 2."),
        ("Divide 10 plus 2 by 4.", "It's 3."),
        ("Subtract 2 plus 3 from 10.", "It's 5."),
        ("Subtract 3 minus 2 from 10.", "It's 9."),
        ("What is the difference between 10 and 2 plus 3?", "It's 5."),
        ("What is 5 minus 8?", "It's minus 3."),
        ("What's 7 divided by 0?", "Nothing can be divided by zero."),
        ("What is 9 to the power of 9 to the power of 9?", "That is too large for me to say."),
        ("What is the square root of minus 4?", "A negative number has no root that I could tell."),
        ("What is 0.1 plus 0.2?", "It's 0.3."),
        ("What's half of 31?", "It's 15.5."),
        ("What is 20 million times 30 million?", "It's 600 trillion."),
    )


def test_units(world: World) -> None:
    talk(
        world,
        ("Convert ten miles to kilometers.", "10 miles is about 16.1 kilometers."),
        ("How many grams in three ounces?", "3 ounces is about 85 grams."),
        ("How many milliliters in 8 ounces?", "8 ounces is about 237 milliliters."),
        ("What is 350 Fahrenheit in Celsius?", "350 degrees Fahrenheit is about 177 degrees Celsius."),
        ("What is minus 40 Celsius in Fahrenheit?", "Minus 40 degrees Celsius is minus 40 degrees Fahrenheit."),
        ("What is 5 foot 11 in centimeters?", "5 feet 11 inches is 180.34 centimeters."),
        ("How many ounces are there in a pound?", "1 pound is 16 ounces."),
        ("How much is 1 kilo in grams?", "1 kilogram is 1,000 grams."),
        ("Convert 0.0001 km to meters.", "0.0001 kilometers is 0.1 meters."),
        ("Convert 0.0625 inches to millimeters.", "0.0625 inches is about 1.59 millimeters."),
        ("Convert minus 0.0005 Celsius to kelvin.", "Minus 0.0005 degrees Celsius is about 273 kelvin."),
        ("Convert 1.5 miles to yards.", "1.5 miles is 2,640 yards."),
        ("Convert 3 hours to kilograms.", "Hours can't be converted to kilograms."),
        ("Convert 900 trillion miles to light years.", "900 trillion miles is about 153 light years."),
        ("Convert 9000 trillion miles to inches.", "That is more than I can convert."),
    )


def test_lists(world: World) -> None:
    talk(
        world,
        ("What's on my shopping list?", "Your shopping list is empty."),
        ("Add milk, eggs and bread to my shopping list.", "Added milk, eggs and bread to your shopping list."),
        ("Add milk and some butter to the list.", "Added butter to your shopping list."),
        ("Add an egg to the list.", "Egg is on your shopping list already."),
        ("Add salt and pepper to the grocery list.", "Added salt and pepper to your shopping list."),
        (
            "What's on the list?",
            "There are 5 items on your shopping list: milk, eggs, bread, butter and salt and pepper.",
        ),
        ("Is there milk on the list?", "Yes, milk is on your shopping list."),
        ("Is caviar on the list?", "No, caviar is not on your shopping list."),
        ("Remove milk and eggs from the list.", "Took milk and eggs off your shopping list."),
        ("Remove milk from the list.", "Milk is not on your shopping list."),
        ("Put a tent on the camping list.", "Added tent to your camping list."),
        ("What lists do I have?", "You have 2 lists: camping and shopping."),
        ("Clear the camping list.", "Your camping list is empty now."),
        ("Clear the camping list.", "Your camping list is empty already."),
        ("What lists do I have?", "You have 1 list: shopping."),
    )


@pytest.mark.parametrize(
    ("one", "many"),
    [("tomato", "tomatoes"), ("strawberry", "strawberries"), ("potato", "potatoes"), ("peach", "peaches"),
     ("box", "boxes"), ("sandwich", "sandwiches"), ("radish", "radishes"), ("glass", "glasses"), ("bus", "buses"),
     ("shoe", "shoes"), ("cookie", "cookies"), ("pie", "pies"), ("egg", "eggs"), ("cheese", "cheeses"),
     ("cherry tomato", "cherry tomatoes")],
)  # fmt: skip
def test_one_and_many_are_the_same_on_a_list(world: World, one: str, many: str) -> None:
    for there, asked in ((one, many), (many, one)):
        talk(
            world,
            (f"Add {there} to the shopping list.", f"Added {there} to your shopping list."),
            (f"Add {asked} to the shopping list.", f"{asked.capitalize()} is on your shopping list already."),
            (f"Is {asked} on the shopping list?", f"Yes, {asked} is on your shopping list."),
            (f"Remove {asked} from the shopping list.", f"Took {there} off your shopping list."),
        )


def test_words_that_only_look_alike_are_not_the_same_on_a_list(world: World) -> None:
    for one, other in (("glass", "gla"), ("peas", "pears"), ("pie", "pigs"), ("box", "boxers"), ("bass", "bases")):
        talk(world, (f"Add {one} to the shopping list.", f"Added {one} to your shopping list."),
             (f"Is {other} on the shopping list?", f"No, {other} is not on your shopping list."))  # fmt: skip


def test_what_was_not_on_the_list_is_said(world: World) -> None:
    talk(
        world,
        ("Add milk, eggs and bread to the list.", "Added milk, eggs and bread to your shopping list."),
        ("Remove milk and caviar from the list.", "Took milk off your shopping list. Caviar was not on it."),
        (
            "Remove an egg, caviar and tofu from the list.",
            "Took eggs off your shopping list. Caviar and tofu were not on it.",
        ),
        ("What's on the list?", "On your shopping list: bread."),
    )


def test_articles_are_taken_off_whatever_the_next_word_begins_with(world: World) -> None:
    talk(
        world,
        ("Add a lotion to the list.", "Added lotion to your shopping list."),
        ("Add a bitter lemon to the list.", "Added bitter lemon to your shopping list."),
        ("Add the lottery ticket to the list.", "Added lottery ticket to your shopping list."),
        ("Add a few lemons to the list.", "Added a few lemons to your shopping list."),
        ("Add a dozen eggs to the list.", "Added a dozen eggs to your shopping list."),
    )


def test_a_damaged_list_is_an_empty_one(world: World) -> None:
    state = world.bench.state("lists")
    state.put("camping", {"not": "a list"})
    state.put("shopping", ["milk", 3])
    talk(world, ("What's on my camping list?", "Your camping list is empty."),
         ("What's on the list?", "On your shopping list: milk."))  # fmt: skip


def test_about(world: World) -> None:
    talk(
        world,
        ("What did you hear?", "I heard: turn on the light."),
        ("What did you say?", "I said: I can't do that."),
        ("How are you?", "I am well. I am 54 degrees Celsius warm."),
        ("How warm are you?", "My processor is at 54 degrees Celsius."),
        ("Is the network there?", "I am connected to the wireless network. My address is 192 dot 168 dot 1 dot 7."),
        ("How much memory do you have left?", "61 percent of my memory and 12 gigabytes on my disk are free."),
        ("How long have you been running?", "I have been running for about 2 hours and 2 minutes."),
        ("Which version are you?", "I am version 1 point 2 point 3."),
        ("What can you do?", "I can set timers, wake you and keep your shopping list, and we can talk. "
         "All of it stays on this device."),
    )  # fmt: skip
    world.memory.heard = world.memory.said = None
    talk(world, ("What did you hear?", "I have heard nothing yet."), ("What did you say?", "I have said nothing yet."))


def test_a_machine_in_trouble_and_one_that_says_nothing(world: World) -> None:
    world.status.board = Board(84.6, True, True, 4.0, 200_000_000, 60.0, "", None)
    talk(
        world,
        ("How are you?", "Not so well: I am slowed down at 85 degrees Celsius, my power supply is too weak, "
         "only 4 percent of my memory is free and only 200 megabytes are free on my disk."),
        ("How warm are you?", "My processor is at 85 degrees Celsius. That is too warm: I am slowed down."),
        ("Is the network there?", "There is no network. I don't need one."),
    )  # fmt: skip
    world.status.board = Board()
    talk(
        world,
        ("How are you?", "I am well."),
        ("How warm are you?", "This machine does not tell how warm it is."),
        ("Is the network there?", "I can't tell whether there is a network."),
        ("How much memory do you have left?", "This machine does not tell."),
        ("How long have you been running?", "This machine does not tell."),
    )


def test_what_is_not_there_has_words() -> None:
    bench = SkillBench(skills=World().bench.skills, now=datetime(2026, 3, 10, 14, 30, tzinfo=ZoneInfo("UTC")))
    for text in (
        "Set a timer for 5 minutes.",
        "Louder.",
        "How warm are you?",
        "What did you hear?",
        "Cancel the alarm.",
    ):
        outcome = bench.do(bench.understand(text))  # type: ignore[arg-type]
        assert outcome.status == "failed"
        assert "here" in outcome.say
    assert bench.say("What can you do?").startswith("I can ")
