"""What the words say about whether the speaker has finished."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from device.dialogue.wording import Wording, wording_of

FINISHED = {Wording.QUESTION, Wording.STATEMENT, Wording.OPEN}


WHOLE = """Okay. Stop.|Hello.|Thanks.|set it on fire.
next|Pause|yes|Stop.|Yes.|turn it on|turn the lights off|Come in.|come in|Thank you|cancel all timers
volume up|set a timer for ten minutes|set the light to 50 percent|Set an alarm at 7 pm
set a timer for 3 hours and 10 minutes
I don't want to.|Yes, it is.|I need something to write with.|Turn it up.|I like that.|Call her.
He was moved to the 12th of May.
They had no country to go back to.|Tell me where the keys are.|It is easy to work with.
That's what I am.|If you like.|When I say so turn it off.|If it rains tell me."""
QUESTIONS = """What time is it?|what time is it|What is it for?|what is it for|Where are you from?|How are you?|Is it?
Who are you talking to?|Is the front door locked?|What's the weather like?|What would you like?|Can you turn it on?
What is seven plus five?|Is the light on?|What do you want?|who is it|what is it|what's that|when do you open?"""
UNFINISHED = """Get me an espresso with...|Get me an espresso with|turn on the|Turn on the.|and a|I would like to
I'd like|is it|um|Play, uh|set the|I want a latte and|because|I want, |Remind me to|put it on my|Do you want?|you'll
I think|He said "turn|a coffee (with milk|Question is...|what is the weather in|How do I get to|Can I have a 12 ounce
Set a ten minute|when I|give me
Tell me about the -
what is|What time is|when is|I want to go to.|I'd like to have a coffee with.|It may
Turn on the light. And|can I have|it was|what is the|Add
Would you please?|could you just|Set bed light brightness|Set a timer.|set the volume
Turn off.|switch on|Brew a coffee with some
When I get home.|if it rains tomorrow|As you are going to the shop"""
DICTATING = """42|four two|my number is|My name is|My number is 555|the code is 4 2|order number|pin|555-1|4, 2, 1.
A B C|A-B-C|N|call 0 1|my pin is double four|The code is one two three|4. 2.|Call 5|order 7 7 3|my code is 7"""
QUANTITIES = """What is 2 plus 2?|what is seven times eight|turn it to forty two|channel 5|set an alarm for 7 30|plan B
set an alarm for 7:30|It was in 1999.|volume 5|cancel my order|Wake me up at seven thirty.|It costs two thousand
order a pizza|a quarter past nine|The number of people is large|What's my order number?"""
LONE = """music|Launch|Okay.|Hey.|Bye.|Heaven. Bye.|Board.|What?|Resid"""
NO_EVIDENCE = "|   |...|Launch Firefox|the woman look up to him|the music|Brew a single shot medium roast"


def cases(text: str) -> list[str]:
    return text.replace("\n", "|").split("|")


@pytest.mark.parametrize("text", cases(WHOLE))
def test_whole(text: str) -> None:
    assert wording_of(text) is Wording.STATEMENT


@pytest.mark.parametrize("text", cases(QUESTIONS))
def test_questions(text: str) -> None:
    assert wording_of(text) is Wording.QUESTION


@pytest.mark.parametrize("text", cases(UNFINISHED))
def test_unfinished(text: str) -> None:
    assert wording_of(text) is Wording.UNFINISHED


@pytest.mark.parametrize("text", cases(LONE))
def test_a_word_alone_is_a_beginning(text: str) -> None:
    assert wording_of(text) is Wording.LONE


@pytest.mark.parametrize("text", cases(DICTATING))
def test_dictating(text: str) -> None:
    assert wording_of(text) is Wording.DICTATING


@pytest.mark.parametrize("text", cases(QUANTITIES))
def test_quantities_are_not_dictated(text: str) -> None:
    assert wording_of(text) in FINISHED


@pytest.mark.parametrize("text", cases(NO_EVIDENCE))
def test_no_evidence(text: str) -> None:
    assert wording_of(text) is Wording.OPEN


@pytest.mark.parametrize(("language", "text", "wording"), [
    ("de", "Schalte das Licht in der", Wording.UNFINISHED), ("de", "Schalte das Licht ein.", Wording.STATEMENT),
    ("de", "meine Nummer ist", Wording.DICTATING), ("de", "Wie spät ist es?", Wording.QUESTION),
    ("fr", "allume la lumière de", Wording.UNFINISHED), ("fr", "Allume la lumière.", Wording.STATEMENT),
    ("es", "enciende la luz de", Wording.OPEN), ("es", "enciende la luz de...", Wording.UNFINISHED),
    ("es", "¿Qué hora es?", Wording.QUESTION),
])  # fmt: skip
def test_other_languages(language: str, text: str, wording: Wording) -> None:
    assert wording_of(text, language) is wording


@given(st.text(max_size=60), st.sampled_from(["en", "fr", "de", "ja"]))
def test_any_text_has_a_verdict(text: str, language: str) -> None:
    assert wording_of(text, language) in Wording
