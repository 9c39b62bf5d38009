"""A long utterance with the real recogniser: what the window hears is what whole decoding hears."""

from pathlib import Path
from typing import Any

import jiwer

from bench.long_utterances import Score, in_the_window, utterances
from bench.words import normalised


def test_cuts_lose_and_double_nothing(shared_data: Path, recogniser: Any, vad: Any) -> None:
    audio, label = utterances(shared_data / "read_misc", 25.0, 300.0, trim=False)[0]
    score = Score()
    text = in_the_window(audio, recogniser, vad, score)
    assert score.frozen >= 1
    assert score.longest_stretch_s < 16.0
    out = jiwer.process_words(normalised(label), normalised(text))
    words = len(normalised(label).split())
    assert out.insertions <= 0.04 * words  # a doubled word would be one
    assert out.deletions <= 0.04 * words
    assert out.substitutions <= 0.15 * words  # tiny.en mishears read prose
