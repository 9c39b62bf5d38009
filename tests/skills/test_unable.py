"""Orders that mean nothing are told from questions, stories and talk about orders."""

import pytest
from builtin_kit import builtin_skills

from device.skills.skillset import load_skillset
from device.skills.unable import unable

SKILLS = frozenset({"set_alarm", "cancel_alarm", "set_timer", "cancel_timer"})
UNKNOWN = "I don't know how to do that."


@pytest.mark.parametrize(("order", "begins"), [
    ("Wake me at 7 every weekday except Friday.", "I have set no alarm: I did not understand when."),
    ("Could you wake me up the day after tomorrow at 9, please?", "I have set no alarm"),
    ("Set my gym alarm for when the sun rises", "I have set no alarm"),
    ("Set an alarm.", "I have set no alarm"),
    ("Delete the gym alarm for Tuesdays.", "I have cancelled no alarm"),
    ("Can you set a timer until noon?", "I have set no timer: I did not understand for how long."),
    ("Set a timer for five minutes and a timer for ten.", "I have set no timer"),
    ("Cancel the second timer but one.", "I have cancelled no timer"),
    ("Remind me to buy milk when I am at the shop.", "I will not remind you: I did not understand when."),
    ("Turn on the light.", UNKNOWN),
    ("Turn the heating in the bathroom off, please.", UNKNOWN),
    ("Dim the living room lights to ten percent.", UNKNOWN),
    ("Lock the front door.", UNKNOWN),
    ("Play me a song by the Beatles.", UNKNOWN),
    ("Call my mother.", UNKNOWN),
    ("Call an ambulance!", UNKNOWN),
    ("Send a message to Tom.", UNKNOWN),
    ("Order me a pizza.", UNKNOWN),
])  # fmt: skip
def test_orders(order: str, begins: str) -> None:
    assert unable(order, SKILLS).startswith(begins)


@pytest.mark.parametrize("text", [
    "", "...", "How do I set an alarm?", "What is an alarm?", "Tell me a story about an alarm.",
    "Make a joke about a timer.", "Create a poem about an alarm.", "Give me a story about alarm clocks.",
    "I want an alarm system. Which is good?", "I set a timer for five minutes.", "Don't set an alarm.",
    "Remind me what the capital of France is.", "Remind me of my childhood.", "Wake up.", "Get me a joke.",
    "Turn left at the corner.", "Can you turn off a phone by voice?", "Play a game with me.", "Play the role of a fox.",
    "Call me Ishmael.", "Call it a day.", "Write a message to my boss that I am sick.", "Open your mind.",
    "Order of the planets.", "Lock in the flavour?", "Message in a bottle.", "Set the table.",
])  # fmt: skip
def test_no_orders(text: str) -> None:
    assert unable(text, SKILLS) == ""


def test_what_no_skill_is_there_for_is_not_explained() -> None:
    assert unable("Set an alarm.", frozenset()) == UNKNOWN


def test_the_fast_path_knows_orders_in_english_where_there_are_skills() -> None:
    path = builtin_skills().fast_path
    told = path.unable("Set an alarm for the day after tomorrow at 9.")
    assert told is not None and told.say.startswith("I have set no alarm")
    assert path.unable("Why is the sky blue?") is None
    assert path.unable("Turn on the light." + " And then" * 50) is None
    assert load_skillset(None, language="de").fast_path.unable("Turn on the light.") is None
    assert load_skillset(None, builtin=False).fast_path.unable("Turn on the light.") is None
