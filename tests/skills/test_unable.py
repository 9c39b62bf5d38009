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
    ("Set alarms for 7 and 8.", "I have set no alarm"),
    ("I want to set an alarm.", "I have set no alarm"),
    ("Get me up the day after tomorrow.", "I have set no alarm"),
    ("Change my 7 a.m. alarm to 8.", "I have set no alarm"),
    ("Cancel tomorrow's alarm.", "I have cancelled no alarm"),
    ("Stop all timers but one.", "I have cancelled no timer"),
    ("Remind me of the meeting at 3.", "I will not remind you"),
    ("Remind me again in five minutes.", "I will not remind you"),
    ("Remind me when I get home to call Anna.", "I will not remind you"),
    ("Call me a taxi.", UNKNOWN),
    ("Turn up the heating.", UNKNOWN),
    ("Turn the lights off in ten minutes.", UNKNOWN),
    ("Play some rock music.", UNKNOWN),
    ("Put the light on.", UNKNOWN),
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
    # an alarm, and none of ours
    "Give me an alarm clock recommendation.", "Make an alarm sound.", "Make a timer joke.", "Give me some timer facts.",
    "I need an alarm clock, which one should I buy?", "I need a smoke alarm for my kitchen.",
    "Create a timer in JavaScript.", "Add a timer to the story.", "Stop talking about alarms.",
    "End the story when the alarm rings.", "Skip the alarm story.", "Delete the word timer from this sentence.",
    "Turn off a smoke alarm, how is that done?", "Cancel a timer is what in German?",
    # other meanings of the same words
    "Get me out of here.", "Get me up to speed on the election.", "Get us out of this dungeon.",
    "Get me two jokes.", "Play rock paper scissors.", "Count down from ten.", "Count down to zero.",
    "Count down the top five songs.", "Start by explaining timers.", "Remind me when to use whom.",
    "Let's play rock, paper, scissors.", "Play a radio host.", "Play a music quiz with me.",
    "Play a jazz musician and let me interview you.", "Put on a British accent.", "Turn on your imagination.",
    "Put the following words in order: on, the, cat, is, table, off", "Turn around and move on.",
    "Call my bluff.", "Call the shots.", "Ring the bell.", "Text the whole alphabet.", "Call the midwife is a series.",
    "Order some numbers: 5, 3, 9", "Order a list of planets by size.", "Order me to do something.",
    # somebody plays with it
    "Open the door to the dungeon.", "Open the gate, guard!", "Open the door and tell me what I see.",
    "Open the pod bay doors, HAL.", "Buy me a drink, bartender!",
    # questions
    "Remind me, what is the capital of France?", "Remind me when the war ended.", "Remind me when Anna's birthday is.",
    "Can you remind me when Easter is?", "Remind me whose turn it is.", "Remind me your name.",
    "Remind me in which year the wall fell.", "Give me a reminder of what happened in chapter one.",
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
