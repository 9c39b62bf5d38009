"""Which texts are commands that are obeyed at once, and which only look so."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from device.dialogue.control_words import control_in


@pytest.mark.parametrize(
    ("text", "control"),
    [
        ("Stop.", "stop"),
        ("STOP!!", "stop"),
        ("Stop, stop, stop!", "stop"),
        ("Okay, stop it, please.", "stop"),
        ("Could you stop now?", "stop"),
        ("Stop, that's enough.", "stop"),
        ("That’s enough, thank you.", "stop"),
        ("Be quiet.", "stop"),
        ("Never mind.", "never_mind"),
        ("Oh, nevermind.", "never_mind"),
        ("Forget it.", "never_mind"),
        ("Cancel.", "never_mind"),
        ("Stop, never mind.", "stop"),
        ("Say that again, please.", "repeat"),
        ("Can you repeat that?", "repeat"),
        ("Pardon?", "repeat"),
        ("Again.", "repeat"),
        ("Snooze.", "snooze"),
        ("Stop. Snooze.", "snooze"),
        ("Please.", None),
        ("Stop the timer.", None),
        ("Stop the music", None),
        ("Cancel it.", None),
        ("Cancel my order.", None),
        ("Don't stop.", None),
        ("Stop me if you have heard this.", None),
        ("Repeat after me.", None),
        ("Remind me again.", None),
        ("Full stop.", None),
        ("Stopped.", None),
        ("Stop " * 13, None),
        ("No.", None),
        ("Okay.", None),
        ("", None),
        ("?!", None),
    ],
)
def test_the_whole_text_must_be_the_command(text: str, control: str | None) -> None:
    assert control_in(text) == control


@given(st.text(max_size=60))
def test_whatever_was_understood(text: str) -> None:
    assert control_in(text) == control_in(f"  {text.swapcase()} ...") or not text.isascii()
    assert control_in(f"{text} elephant") is None
