"""Silero VAD on speech and on what is none."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from models.errors import ModelDamagedError, ModelMissingError, ModelRunError
from models.vad import FRAME_SAMPLES, SileroVad


def probabilities(vad: Any, audio: np.ndarray) -> np.ndarray:
    vad.reset()
    frames = audio[: len(audio) // FRAME_SAMPLES * FRAME_SAMPLES].reshape(-1, FRAME_SAMPLES)
    return np.array([vad.probability(frame) for frame in frames.astype(np.float32)])


@pytest.mark.models
def test_speech_and_silence(vad: Any, steady_voice: Any) -> None:
    speech = steady_voice.speak("Please turn on the lamp in the living room, thank you.").pcm / 32768
    audio = np.concatenate([np.zeros(16_000), speech, np.zeros(16_000)])
    p = probabilities(vad, audio)
    assert p[:30].max() < 0.2
    assert np.mean(p[33 : 31 + len(speech) // FRAME_SAMPLES - 12] > 0.5) > 0.9
    assert p[-10:].max() < 0.2


@pytest.mark.models
def test_noise_is_no_speech(vad: Any) -> None:
    noise = np.random.default_rng(0).normal(0, 0.05, 32_000)
    assert np.mean(probabilities(vad, noise) > 0.5) < 0.05


@pytest.mark.models
def test_reset_forgets(vad: Any, steady_voice: Any) -> None:
    speech = (steady_voice.speak("Good morning.").pcm / 32768).astype(np.float32)
    first = probabilities(vad, speech)
    assert np.array_equal(first, probabilities(vad, speech))
    vad.reset()
    fresh = vad.probability(speech[3 * FRAME_SAMPLES : 4 * FRAME_SAMPLES])
    assert fresh != pytest.approx(float(first[3]), abs=1e-6)  # state and context were carried into the fourth frame


@pytest.mark.models
def test_a_frame_of_another_length(vad: Any) -> None:
    with pytest.raises(ModelRunError, match="512"):
        vad.probability(np.zeros(160, dtype=np.float32))


def test_no_such_file(tmp_path: Path) -> None:
    with pytest.raises(ModelMissingError, match="silero") as failure:
        SileroVad(tmp_path / "silero.onnx")
    assert "nearfield models pull" in failure.value.hint


def test_not_a_model(tmp_path: Path) -> None:
    path = tmp_path / "silero.onnx"
    path.write_bytes(b"nothing of the kind" * 100)
    with pytest.raises(ModelDamagedError, match="silero"):
        SileroVad(path)


@pytest.mark.models
def test_another_model(model_path: Any) -> None:
    with pytest.raises(ModelDamagedError, match="not Silero"):
        SileroVad(model_path("piper-en_US-joe-medium"))
