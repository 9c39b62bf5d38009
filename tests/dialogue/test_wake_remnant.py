"""What is left of the wake word at the start of a transcript, and what only looks like it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from device.dialogue.wake_remnant import without_wake_word


@pytest.mark.parametrize(
    ("text", "phrase", "rest"),
    [
        ("Nabu, what time is it?", "Okay Nabu", "What time is it?"),
        ("Naboo what time is it?", "Okay Nabu", "What time is it?"),
        ("Okay, Nabu. Set a timer.", "Okay Nabu", "Set a timer."),
        ("okay nabu", "Okay Nabu", ""),
        ("Nabu.", "Okay Nabu", ""),
        ("Jarvis, stop!", "Hey Jarvis", "Stop!"),
        ("Hey, Jarvis - lights off", "Hey Jarvis", "Lights off"),
        ("Travis turn it off", "Hey Jarvis", "Turn it off"),
        ("Mycroft play jazz", "Hey Mycroft", "Play jazz"),
        ("Alexa, open the door", "Alexa", "Open the door"),
        ("Lexa, open the door", "Alexa", "Open the door"),
    ],
)
def test_it_is_taken_off(text: str, phrase: str, rest: str) -> None:
    assert without_wake_word(text, phrase) == rest


@pytest.mark.parametrize(
    ("text", "phrase"),
    [
        ("What is Nabu?", "Okay Nabu"),
        ("Now what time is it?", "Okay Nabu"),
        ("Okay, that will do.", "Okay Nabu"),
        ("Tell me about Jarvis.", "Hey Jarvis"),
        ("Harvest the crops", "Hey Jarvis"),
        ("Alex, open the door", "Okay Nabu"),
        ("Open the door, Alexa", "Alexa"),
        ("Next", "Alexa"),
        ("Relax", "Alexa"),
        ("", "Okay Nabu"),
        ("...", "Okay Nabu"),
    ],
)
def test_what_only_looks_like_it_stays(text: str, phrase: str) -> None:
    assert without_wake_word(text, phrase) == text


@given(st.text(max_size=80), st.sampled_from(["Okay Nabu", "Hey Jarvis", "Alexa", "Hey Mycroft", "Oh", ""]))
def test_nothing_but_the_start_is_ever_taken(text: str, phrase: str) -> None:
    rest = without_wake_word(text, phrase)
    assert rest == text or text.casefold().endswith(rest.casefold()) or rest[1:] in text
    assert len(rest.split()) >= len(text.split()) - 3 or rest == ""
