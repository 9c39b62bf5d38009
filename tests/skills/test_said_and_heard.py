"""The real voice says what skills say so that the real recogniser writes it down; what it writes, they understand."""

import re
from datetime import date, time
from typing import Any

import jiwer
import numpy as np
import pytest
from builtin_kit import builtin_skills

from device.skills import spoken

pytestmark = pytest.mark.models

_SAID = [
    f"It's {spoken.clock(time(15, 10))}.",
    f"It's {spoken.clock(time(7))}.",
    f"It's {spoken.clock(time(12))}.",
    f"Your alarm is set for {spoken.clock(time(6, 30))} tomorrow.",
    f"It's {spoken.date(date(2026, 3, 2), date(2026, 1, 1))}.",
    f"There are {spoken.count(34, 'day')} until Christmas.",
    f"Timer set for {spoken.duration(330)}.",
    f"Your pasta timer has {spoken.remaining(730)} left.",
    f"That's {spoken.about(2**0.5)}.",
    f"Added {spoken.listed(['milk', 'eggs', 'bread'])} to your shopping list.",
    f"The answer is {spoken.number(-4)}.",
    f"That makes {spoken.number(1234)}.",
    "350 degrees Fahrenheit is about 177 degrees Celsius.",
]
_COMMANDS = [
    "What time is it?",
    "What time is it in Tokyo?",
    "How many days until Christmas?",
    "Set a timer for five minutes.",
    "Set a timer for an hour and a half.",
    "Set a pasta timer for ten minutes.",
    "Cancel the timer.",
    "Wake me up at seven in the morning.",
    "Set the volume to forty percent.",
    "What's fifteen percent of eighty?",
    "Convert ten miles to kilometers.",
    "Add milk, eggs and bread to my shopping list.",
    "What's on my shopping list?",
    "What can you do?",
]


def heard(voice: Any, recogniser: Any, text: str) -> str:
    pcm = voice.speak(text).pcm.astype(np.float32) / 32768
    room = [np.zeros(4_000, np.float32), pcm, np.zeros(8_000, np.float32)]
    return str(recogniser.transcribe(np.concatenate(room)).text)


def letters(text: str) -> str:
    """Without spaces and signs: "3 10pm" and "3:10 PM" sound alike."""
    return re.sub(r"[^a-z0-9]", "", text.lower().replace("%", "percent"))


def figures(text: str) -> str:
    return re.sub(r"[^0-9]", "", text)


@pytest.mark.parametrize("text", _SAID)
def test_said_and_heard(steady_voice: Any, recogniser: Any, text: str) -> None:
    """Every figure as it was said, and but for a letter or two ("in" for "and") every word."""
    written = heard(steady_voice, recogniser, text)
    assert figures(written) == figures(text)
    assert jiwer.cer(letters(text), letters(written)) <= 0.1


@pytest.mark.parametrize("text", _COMMANDS)
def test_commands_by_voice(steady_voice: Any, recogniser: Any, text: str) -> None:
    path = builtin_skills().fast_path
    written, understood = path.interpret(text), path.interpret(heard(steady_voice, recogniser, text))
    assert written is not None and understood is not None
    assert understood.skill == written.skill
    if written.skill != "calculate":  # "fifteen" and "15" are its own affair
        assert understood.arguments == written.arguments
