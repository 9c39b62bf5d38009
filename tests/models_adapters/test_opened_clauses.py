"""Piper: a clause of which only the first words are known when it is begun."""

from typing import Any

import numpy as np
import pytest
from test_tts import check_marks

from bench.words import count_errors
from models.errors import ModelRunError
from models.protocols import joined, never
from models.tts import PiperVoice

OPENED = [
    ("The capital of France is Paris.", "The capital of Fra"),
    ("I'm sorry for any confusion, but I am here to help.", "I'm sorry for any con"),
    ("Three of the five lamps in the living room are on.", "Three of the five"),  # "of the" is one word to espeak-ng
    ("There is no such thing as a free lunch.", "There is no such thi"),
    ("The weather in Paris is quite unique, with a lot of rain. It may be warm.", "The weather in Paris"),
    ("The capital of", "The capital of"),  # no more came
    ("No, I'm sorry for any confusion.", "No, I'm sorry"),
    ("Resume: A professional resume is a document.", "Resume: A prof"),
    ("Of course, here is a short poem about the moon.", "Of course, here"),
    ("The answer is 42, as you know.", "The answer is 4"),
]


@pytest.mark.models
@pytest.mark.parametrize(("text", "words"), OPENED)
def test_a_clause_that_was_begun_before_it_was_written(
    steady_voice: Any, recogniser: Any, monkeypatch: pytest.MonkeyPatch, text: str, words: str
) -> None:
    """Every word once, in parts that follow each other as those of a whole clause do, and without a click."""
    monkeypatch.setattr(steady_voice, "_real_time_factor", 0.05)
    opening = steady_voice.open(words)
    assert opening is not None
    assert words.startswith(opening.part.text)
    # a first word with a sign behind it comes whole; `Pace` counts on 0.36 s then
    least_s, most_s = (0.36, 0.7) if words.split(maxsplit=1)[0][-1] in ",:" else (0.25, 0.5)
    assert least_s < len(opening.part.pcm) / 16_000 < most_s
    rest = list(opening.rest(text, never))
    parts = [opening.part, *rest]
    assert " ".join(part.text for part in parts) == text
    for part in parts:
        check_marks(part)
    together = joined(parts).pcm.astype(int)
    for seam in np.cumsum([len(part.pcm) for part in parts[:-1]]):
        step = abs(together[seam] - together[seam - 1])
        assert step <= np.abs(np.diff(together[max(0, seam - 400) : seam + 400])).max()
    assert 0 <= rest[0].begun_samples < len(opening.part.pcm)
    audio = np.pad((together / 32768).astype(np.float32), 4000)
    errors, count = count_errors(text, recogniser.transcribe(audio).text)
    assert errors <= max(2, 0.3 * count)  # what it says whole has one in ten


@pytest.mark.models
def test_it_is_as_long_as_the_clause_is(steady_voice: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is left out at the seam, and nothing is there twice."""
    for text, words in OPENED:
        monkeypatch.setattr(steady_voice, "_real_time_factor", 0.05)
        opening = steady_voice.open(words)
        assert opening is not None
        length = len(opening.part.pcm) + sum(len(part.pcm) for part in opening.rest(text, never))
        assert length == pytest.approx(len(steady_voice.speak(text).pcm), rel=0.15)


@pytest.mark.models
@pytest.mark.parametrize("words", ["Well I", "It is in a", "The", "Unquestionably yes", "", "..."])
def test_too_little_to_begin_with(steady_voice: Any, monkeypatch: pytest.MonkeyPatch, words: str) -> None:
    """What is given away must not depend on what may still follow."""
    monkeypatch.setattr(steady_voice, "_real_time_factor", 0.05)
    assert steady_voice.open(words) is None


@pytest.mark.models
def test_nothing_is_begun_where_it_does_not_pay(
    steady_voice: Any, model_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(steady_voice, "_real_time_factor", 0.05)
    assert steady_voice.open("The capital of Fra", cancelled=lambda: True) is None
    opening = steady_voice.open("The capital of Fra")
    assert list(opening.rest("The capital of France is Paris.", lambda: True)) == []
    for factor in (0.2, 0.0):
        monkeypatch.setattr(steady_voice, "_real_time_factor", factor)
        assert steady_voice.open("The capital of Fra") is None, "a machine that has to hurry, or may have to"
    monkeypatch.setattr("models.vits_graph._FIRST_WEIGHT", "no such weight")
    whole = PiperVoice(model_path("piper-en_US-joe-medium"))
    assert whole.open("The capital of Fra") is None, "a voice that cannot be split"
    whole.close()
    with pytest.raises(ModelRunError):
        whole.open("The capital of Fra")
