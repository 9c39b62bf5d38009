"""What the words say about whether the speaker has finished."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from device.dialogue.wording import Wording, wording_of

FINISHED = {Wording.QUESTION, Wording.STATEMENT, Wording.OPEN}


@pytest.mark.parametrize("text", ["next", "Pause", "yes", "Stop.", "Yes.", "turn it on", "turn the lights off",
                                  "Come in.", "come in", "Thank you", "cancel all timers", "volume up",
                                  "set a timer for ten minutes", "set the light to 50 percent",
                                  "Set an alarm at 7 pm", "set a timer for 3 hours and 10 minutes",
                                  "I don't want to.", "Yes, it is.", "I need something to write with."])  # fmt: skip
def test_whole(text: str) -> None:
    assert wording_of(text) is Wording.STATEMENT


@pytest.mark.parametrize("text", ["What time is it?", "what time is it", "What is it for?", "what is it for",
                                  "Where are you from?", "Who are you talking to?", "Is the front door locked?",
                                  "How are you?", "What's the weather like?", "What would you like?",
                                  "Can you turn it on?", "What is seven plus five?"])  # fmt: skip
def test_questions(text: str) -> None:
    assert wording_of(text) is Wording.QUESTION


@pytest.mark.parametrize("text", ["Get me an espresso with...", "Get me an espresso with", "turn on the", "Turn on the.",
                                  "and a", "I would like to", "I'd like", "is it", "um", "Play, uh", "set the",
                                  "I want a latte and", "because", "I want, ", "Remind me to", "put it on my",
                                  "Do you want?", "you'll", "He said \"turn", "a coffee (with milk", "I think",
                                  "Question is...", "what is the weather in", "How do I get to", "Can I have a 12 ounce",
                                  "Set a ten minute", "when I", "give me", "Tell me about the -"])  # fmt: skip
def test_unfinished(text: str) -> None:
    assert wording_of(text) is Wording.UNFINISHED


@pytest.mark.parametrize("text", ["42", "four two", "my number is", "My name is", "My number is 555", "the code is 4 2",
                                  "order number", "pin", "555-1", "4, 2, 1.", "A B C", "A-B-C", "N", "call 0 1",
                                  "my pin is double four", "The code is one two three"])  # fmt: skip
def test_dictating(text: str) -> None:
    assert wording_of(text) is Wording.DICTATING


@pytest.mark.parametrize("text", ["What is 2 plus 2?", "what is seven times eight", "turn it to forty two", "channel 5",
                                  "set an alarm for 7 30", "set an alarm for 7:30", "It was in 1999.", "volume 5",
                                  "plan B", "cancel my order", "Wake me up at seven thirty.", "He's a man of one hundred"])  # fmt: skip
def test_quantities_are_not_dictated(text: str) -> None:
    assert wording_of(text) in FINISHED


@pytest.mark.parametrize("text", ["", "   ", "...", "Launch Firefox", "the woman look up to him", "music"])
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
