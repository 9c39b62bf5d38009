"""How much silence an utterance begins with, by its level."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.protocols import Floats
from models.voice_start import quiet_samples

MS = 16


def noise(ms: int, level: float, seed: int = 0) -> Floats:
    return np.random.default_rng(seed).normal(0.0, level, ms * MS).astype(np.float32)


@pytest.mark.parametrize("quiet_ms", [0, 40, 300, 2_000])
@pytest.mark.parametrize("room", [0.0, 0.0005, 0.005])
def test_the_silence_before_a_voice(quiet_ms: int, room: float) -> None:
    voice = noise(800, 0.1, seed=1)
    audio = np.concatenate([noise(quiet_ms, room), voice, noise(100, room, seed=2)])
    assert quiet_ms - 30 <= quiet_samples(audio) / MS <= quiet_ms + 10


def test_a_soft_beginning_is_no_silence() -> None:
    audio = np.concatenate([noise(500, 0.0005), noise(200, 0.008, seed=1), noise(500, 0.1, seed=2)])
    assert quiet_samples(audio) / MS <= 510


def test_a_click_is_a_sound() -> None:
    audio = np.concatenate([noise(100, 0.0005), noise(10, 0.3, seed=1), noise(900, 0.0005), noise(500, 0.1, seed=2)])
    assert quiet_samples(audio) / MS <= 110


@pytest.mark.parametrize("audio", [np.zeros(0), np.zeros(700), np.zeros(16_000), np.full(16_000, 0.1)])
def test_where_nothing_becomes_loud_there_is_no_silence_before_it(audio: Floats) -> None:
    assert quiet_samples(audio.astype(np.float32)) == 0


@given(st.integers(0, 30_000), st.floats(0.0, 1.0), st.integers(0, 2**32 - 1))
def test_it_lies_within_the_audio(samples: int, level: float, seed: int) -> None:
    audio = np.random.default_rng(seed).normal(0.0, level, samples).astype(np.float32)
    assert 0 <= quiet_samples(audio) <= samples


@given(st.floats(0.001, 50.0))
def test_the_volume_does_not_matter(gain: float) -> None:
    audio = np.concatenate([noise(400, 0.001), noise(600, 0.1, seed=1)])
    assert abs(quiet_samples((gain * audio).astype(np.float32)) - quiet_samples(audio)) <= 160
