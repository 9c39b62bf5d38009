"""Whisper's spectrogram: as its definition says, and as whisper.cpp hears it."""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from device.audio.files import load_audio
from models.mel import FFT_SAMPLES, HOP_SAMPLES, MEL_BANDS, frames_of, whisper_mel
from models.protocols import Floats, Transcript
from models.stt import WhisperCpp
from models.whisper_ggml import mel_filters

FRAMES = 400


def defined(audio: Floats, frames: int) -> npt.NDArray[np.float64]:
    """`log_mel_spectrogram` of OpenAI's whisper/audio.py, frame by frame and bin by bin, with 30 s of zeros behind."""
    padded = np.concatenate([audio[200:0:-1], audio, np.zeros(480_200)]).astype(np.float64)
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(FFT_SAMPLES) / FFT_SAMPLES)
    turns = np.exp(-2j * np.pi * np.outer(np.arange(FFT_SAMPLES // 2 + 1), np.arange(FFT_SAMPLES)) / FFT_SAMPLES)
    pieces = np.stack([padded[i * HOP_SAMPLES :][:FFT_SAMPLES] * hann for i in range(frames)])
    power = np.abs(pieces @ turns.T) ** 2
    logs = np.log10(np.maximum(power @ mel_filters().T.astype(np.float64), 1e-10)).T
    return (np.maximum(logs, logs.max() - 8) + 4) / 4


@settings(max_examples=25, deadline=None)
@given(st.integers(201, 40_000), st.sampled_from([1.0, 1e-2, 1e-4]), st.integers(0, 2**32))
def test_it_is_what_its_definition_says(samples: int, level: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    audio = (rng.normal(0, level, samples) * np.linspace(1, 0.1, samples)).astype(np.float32)
    mel = whisper_mel(audio, FRAMES)
    assert (mel.shape, mel.dtype) == ((MEL_BANDS, FRAMES), np.float32)
    np.testing.assert_allclose(mel, defined(audio, FRAMES), atol=2e-4)


def test_silence_is_the_floor() -> None:
    np.testing.assert_allclose(whisper_mel(np.zeros(16_000, np.float32), FRAMES), -1.5, atol=1e-5)


@pytest.mark.parametrize(
    ("samples", "frames"), [(8_000, 49), (16_000, 99), (16_159, 100), (16_160, 100), (480_000, 2999)]
)
def test_frames_are_counted_as_whisper_cpp_counts_them(samples: int, frames: int) -> None:
    """`mel.n_len_org` of whisper.cpp 1.8: 1 + (n + 200 - 400) / 160, in whole numbers."""
    assert frames_of(samples) == frames == 1 + int((samples + 200 - 400) / 160)


@pytest.fixture(scope="module")
def own_picture(model_path: Any) -> WhisperCpp:
    """A recogniser that lets whisper.cpp make the spectrogram."""
    made = WhisperCpp(model_path("whisper-tiny.en"))
    made._bands = 0  # as a model with 128 of them would have it
    return made


def alike(one: Transcript, other: Transcript) -> bool:
    return one.text == other.text and abs(one.probability - other.probability) < 5e-3


@pytest.mark.models
def test_the_same_is_heard_as_with_whisper_cpps_own(
    recogniser: Any, own_picture: WhisperCpp, steady_voice: Any
) -> None:
    for text in ("Yes.", "Turn on the lights in the kitchen.", "Tell me about the stars. " * 12):
        pcm = (steady_voice.speak(text).pcm / 32768).astype(np.float32)
        hiss = np.random.default_rng(0).normal(0, 1e-3, pcm.size + 8000).astype(np.float32)
        hiss[4000 : 4000 + pcm.size] += pcm
        assert alike(recogniser.transcribe(hiss), own_picture.transcribe(hiss)), text


@pytest.mark.models
def test_the_same_is_heard_in_recordings(recogniser: Any, own_picture: WhisperCpp, shared_data: Path) -> None:
    for file in sorted((shared_data / "ha_commands_en").glob("*.wav"))[:8]:
        audio = load_audio(file).astype(np.float32) / 32768
        assert alike(recogniser.transcribe(audio), own_picture.transcribe(audio)), file.name


@pytest.mark.models
def test_the_end_of_the_sound_is_not_taken_for_that_of_the_one_before(recogniser: Any, steady_voice: Any) -> None:
    """The length that is named for a short utterance must not cut a long one."""
    pcm = (steady_voice.speak("One two three four five six seven eight nine ten. " * 9).pcm / 32768).astype(np.float32)
    long = np.tile(pcm, 1 + 33 * 16_000 // pcm.size)[: 33 * 16_000]
    assert 0 < len(recogniser.transcribe(pcm[:24_000]).text.split()) < 10
    assert len(recogniser.transcribe(long).text.split()) > 30
