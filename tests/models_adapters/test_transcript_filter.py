"""What counts as said: notes on noises, repetitions and the phrases of silence do not."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.transcript_filter import MIN_PROBABILITY, PHANTOM_PROBABILITY, clean, is_phantom

VOICE = (0.1 * np.sin(np.arange(16_000) / 5)).astype(np.float32)
SILENCE = np.zeros(16_000, dtype=np.float32)


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        (" [BLANK_AUDIO]", ""),
        (" (keyboard clicking)", ""),
        (" (typing) (typing)", ""),
        (" [laughs] - Pause.", "Pause."),
        (" (", ""),
        (" *", ""),
        ("♪♪♪", ""),
        (" cancel all timers *", "cancel all timers"),
        ("  Turn  on\nthe light. ", "Turn on the light."),
        (" Next. Next.", "Next."),
        ("Hello. hello", "Hello."),
        ("Stop! Stop! Stop!", "Stop!"),
        ("No, no.", "No, no."),
        ("Next. Nextel.", "Next. Nextel."),
        ("...", ""),
        ("it is -5 degrees", "it is -5 degrees"),
        ("", ""),
    ],
)
def test_clean(raw: str, text: str) -> None:
    assert clean(raw) == text


@given(st.text(max_size=80))
def test_clean_text_stays_as_it_is(raw: str) -> None:
    once = clean(raw)
    assert once == once.strip()
    assert "  " not in once
    assert clean(once) == once


def test_phantoms_need_probability() -> None:
    assert is_phantom("Thank you.", probability=PHANTOM_PROBABILITY - 0.05, audio=VOICE)
    assert not is_phantom("Thank you.", probability=0.84, audio=VOICE)
    assert is_phantom("Thanks for watching!", probability=0.3, audio=VOICE)


@pytest.mark.parametrize("word", ["next", "Pause.", "Resume.", "Yes.", "no", "Stop!", "Bye."])
def test_improbable_commands_are_kept(word: str) -> None:
    assert not is_phantom(word, probability=0.1, audio=VOICE)


def test_silence_says_nothing() -> None:
    assert is_phantom("Turn on the light.", probability=0.95, audio=SILENCE)
    assert is_phantom("Turn on the light.", probability=MIN_PROBABILITY / 2, audio=VOICE)
    assert not is_phantom("", probability=0.0, audio=SILENCE)


def test_one_loud_moment_in_a_long_silence_is_a_voice() -> None:
    audio = np.concatenate([SILENCE, SILENCE, SILENCE, VOICE[:3200], SILENCE])
    assert not is_phantom("Yes.", probability=0.7, audio=audio)
