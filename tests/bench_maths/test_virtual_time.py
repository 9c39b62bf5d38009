"""A recording heard in virtual time by the real ears: when it is answered, and that the clock is the recording's."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from bench.options import Utterance
from bench.virtual_time import Heard, VirtualEars
from device.audio.measure import speech_end_sample
from device.dialogue.conversation import Policy
from device.dialogue.events import Commit, Final, to_ms

MS = 16


@pytest.fixture
def hear(vad: Any, recogniser: Any, steady_voice: Any) -> Any:
    """hear(text, text, pause_ms=...): said with a pause between. `finished`: what is thought of every pause."""

    def hear(
        *texts: str, pause_ms: int = 0, finished: float = 0.97, recogniser_ms: float = 100, chat: Any = None
    ) -> Heard:
        parts = [steady_voice.speak(text).pcm for text in texts]
        gap = np.zeros(pause_ms * MS, np.int16)
        pcm = np.concatenate([part for each in parts for part in (gap, each)][1:])
        turn = SimpleNamespace(finished=lambda _audio: finished)
        models = SimpleNamespace(vad=vad, recogniser=recogniser, turn=turn, chat=chat)
        said = Utterance("said", " ".join(texts), pcm, speech_end_sample(pcm) or pcm.size)
        return VirtualEars(models, Policy(), recogniser_ms=recogniser_ms).hear(said)  # type: ignore[arg-type]

    return hear


def test_a_whole_sentence_is_answered_once_and_behind_its_end(hear: Any) -> None:
    heard = hear("What is the capital of France?")
    (commit_ms,) = heard.ending.commits_ms
    assert 150 <= commit_ms <= 500
    assert "capital of France" in heard.transcript
    assert commit_ms <= heard.ending.sound_ms() <= commit_ms + 200
    assert heard.ending.looks[-1].verdict == "commit"


def test_time_is_what_the_models_are_said_to_take(hear: Any) -> None:
    quick, slow = (hear("What is the capital of France?", recogniser_ms=ms) for ms in (100, 1_100))
    assert slow.ending.commit_ms() - quick.ending.commit_ms() >= 500
    assert hear("What is the capital of France?") == quick, "the same every time"


def test_an_answer_within_a_pause_is_seen_in_it(hear: Any) -> None:
    eager = hear("What is the capital of France?", "And of Spain?", pause_ms=1_000)
    patient = hear("What is the capital of France?", "And of Spain?", pause_ms=400, finished=0.02)
    (first, _end), *_ = eager.sounds
    assert eager.ending.sound_ms() < 0, "before the end of speech"
    assert first > 0
    assert len(eager.ending.commits_ms) == 2
    assert len(patient.ending.commits_ms) == 1
    assert patient.ending.sound_ms() > 0


def test_with_the_button_held_the_release_decides(vad: Any, recogniser: Any, steady_voice: Any) -> None:
    pcm = np.concatenate([np.zeros(1_500 * MS, np.int16), steady_voice.speak("What is the capital of France?").pcm])
    said = Utterance("said", "", pcm, speech_end_sample(pcm) or pcm.size)
    models = SimpleNamespace(vad=vad, recogniser=recogniser, turn=None, chat=None)
    ears = VirtualEars(models, Policy(open_microphone=False), recogniser_ms=100)  # type: ignore[arg-type]
    events, release = ears.held(said)
    (commit,) = [e for e in events if isinstance(e, Commit)]
    (final,) = [e for e in events if isinstance(e, Final)]
    assert commit.reason == "release"
    assert 0 <= to_ms(commit.sample - release) <= 150
    assert "capital of France" in final.text


@pytest.mark.models
def test_what_the_language_model_expects_is_asked_of_the_real_one(hear: Any, chat_model: Any) -> None:
    """Neither sounds like an end."""
    whole, begun = (
        hear(text, finished=0.3, chat=chat_model) for text in ("What is the capital of France?", "What is the capital?")
    )
    assert whole.ending.looks[-1].sentence_end > 0.5
    assert begun.ending.looks[-1].sentence_end < 0.05
    assert whole.ending.commit_ms() <= 500 < begun.ending.commit_ms()
