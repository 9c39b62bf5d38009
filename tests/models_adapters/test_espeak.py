"""What espeak-ng leaves behind with every call is not left behind with every word."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from piper import espeakbridge

import models.espeak

ROOT = Path(__file__).resolve().parents[2]

_TALKS = """
import models.espeak
from piper.phonemize_espeak import EspeakPhonemizer
from bench.processor_time import memory_mb

speaker = EspeakPhonemizer()
speaker.phonemize("en-us", "Paris.")
before = memory_mb()
for _ in range(20_000):
    speaker.phonemize("en-us", "Paris.")
print(memory_mb() - before)
"""


@pytest.fixture
def chosen(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The languages that espeak-ng was told; none so far."""
    told: list[str] = []
    monkeypatch.setattr(models.espeak, "_choose", told.append)
    monkeypatch.setattr(models.espeak, "_chosen", [])
    return told


def test_the_language_is_told_when_it_changes(chosen: list[str]) -> None:
    for voice in ("en-us", "en-us", "de", "en-us", "en-us"):
        espeakbridge.set_voice(voice)
    assert chosen == ["en-us", "de", "en-us"]


def test_a_language_that_was_refused_is_tried_again(chosen: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(voice: str) -> None:
        chosen.append(voice)
        raise RuntimeError("no such voice")

    espeakbridge.set_voice("en-us")
    with monkeypatch.context() as refusing:
        refusing.setattr(models.espeak, "_choose", refuse)
        with pytest.raises(RuntimeError):
            espeakbridge.set_voice("xx")
    espeakbridge.set_voice("en-us")
    assert chosen == ["en-us", "xx", "en-us"]


@pytest.mark.models
def test_a_voice_says_the_same_words_in_a_call(steady_voice: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """One for the text, none for its words once they are known."""
    steady_voice.speak("Turn on the lights in the kitchen.")
    calls: list[str] = []
    phonemize = steady_voice._voice.phonemize
    monkeypatch.setattr(steady_voice._voice, "phonemize", lambda text: (calls.append(text), phonemize(text))[1])
    steady_voice.speak("Turn on the lights in the kitchen.")
    assert calls == ["Turn on the lights in the kitchen."]


def test_talking_for_hours_takes_no_memory() -> None:
    """20,000 texts: 31 MB when the language was chosen for each."""
    done = subprocess.run([sys.executable, "-c", _TALKS], cwd=ROOT, capture_output=True, text=True, check=True)
    assert float(done.stdout) < 15
