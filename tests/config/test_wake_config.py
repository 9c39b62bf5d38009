"""Modes in any form, words with a sensitivity of their own, and what they come to in the conversation's rules."""

from pathlib import Path

import pytest

from device.appliance import policy_of
from device.config import load_settings
from device.dialogue.wake_gate import WakePolicy
from device.errors import ConfigError


@pytest.mark.parametrize(
    ("given", "listen", "open_microphone", "wake"),
    [
        ("open", "open", True, False),
        ("push-to-talk", "push-to-talk", False, False),
        ("wake", "wake", False, True),
        ("wake,push-to-talk", "wake", False, True),
        ("push-to-talk, wake", "wake", False, True),
        ("wake, open", "open,wake", True, True),
        ("open,push-to-talk", "open", True, False),
    ],
)
def test_modes(given: str, listen: str, open_microphone: bool, wake: bool) -> None:
    settings = load_settings(None, [f"turn.listen={given}"])
    assert settings.turn.listen == listen
    policy = policy_of(settings)
    assert (policy.open_microphone, policy.wake is not None) == (open_microphone, wake)


def test_modes_as_a_list_in_the_file(tmp_path: Path) -> None:
    file = tmp_path / "nearfield.toml"
    file.write_text('[turn]\nlisten = ["push-to-talk", "wake"]\n[wake]\nwords = "alexa"\nlisten_ms = 2000\n')
    settings = load_settings(file)
    assert settings.turn.listen == "wake"
    assert policy_of(settings).wake == WakePolicy(2000, 4000, 8000, "word")


@pytest.mark.parametrize("given", ["", ",", "wake,closed", "wake;open"])
def test_modes_that_there_are_not(given: str) -> None:
    with pytest.raises(ConfigError, match=r"turn\.listen"):
        load_settings(None, [f"turn.listen={given}"])


def test_each_word_has_a_sensitivity() -> None:
    wake = load_settings(None, ["wake.words= okay_nabu, hey_jarvis:0.7 ,~/a:b/my.json", "wake.sensitivity=0.4"]).wake
    assert wake.each() == [("okay_nabu", 0.4), ("hey_jarvis", 0.7), ("~/a:b/my.json", 0.4)]


@pytest.mark.parametrize("words", ["", " ", "alexa,,okay_nabu", "alexa:2", "alexa:x", ":0.5", "alexa,alexa:0.2"])
def test_words_that_are_none(words: str) -> None:
    with pytest.raises(ConfigError, match=r"wake\.words"):
        load_settings(None, [f"wake.words={words}"])
