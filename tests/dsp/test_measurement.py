"""Deconvolution, shifts and levels against rooms that are known."""

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from dsp.levels import peak_dbfs
from dsp.measurement import (
    clipped_samples,
    deconvolve,
    exponential_sweep,
    shift_samples,
    suppression_db,
    voice_like,
)
from dsp.types import Int16s

RATE = 16_000
SWEEP = exponential_sweep(0.5)


def heard(sound: Int16s, delay: int, gain_db: float, noise_rms: float = 0.0, tail: int = 9000) -> tuple[Int16s, Int16s]:
    """(played, recorded) through one reflection."""
    played = np.concatenate((sound, np.zeros(tail, np.int16)))
    echo = np.concatenate((np.zeros(delay), played * 10 ** (gain_db / 20)))[: len(played)]
    noise = np.random.default_rng(3).standard_normal(len(played)) * noise_rms
    return played, np.clip(np.rint(echo + noise), -32768, 32767).astype(np.int16)


@settings(max_examples=40, deadline=None)
@given(delay=st.integers(0, 7999), gain_db=st.floats(-40, 12), noise_rms=st.sampled_from([0.0, 3.0, 20.0]))
@example(delay=7999, gain_db=-32.0, noise_rms=3.0)
@example(delay=0, gain_db=-32.0, noise_rms=3.0)
def test_delay_is_found_to_the_sample_and_level_to_a_tenth(delay: int, gain_db: float, noise_rms: float) -> None:
    response = deconvolve(*heard(SWEEP, delay, gain_db, noise_rms), max_delay_samples=8000)
    assert response.heard
    assert response.delay_samples == delay
    assert response.gain_db == pytest.approx(gain_db, abs=0.1 if noise_rms < 10 else 1.0)


@pytest.mark.parametrize("delay", [0, 1, 4000, 7990, 7998, 7999])
def test_the_first_and_the_last_delay_lose_nothing_of_the_level(delay: int) -> None:
    """A tap of a band has two sides, of which one may lie before 0 or behind the longest delay."""
    assert deconvolve(*heard(SWEEP, delay, -20.0), max_delay_samples=8000).gain_db == pytest.approx(-20.0, abs=0.01)


@settings(max_examples=15, deadline=None)
@given(delay=st.integers(0, 4000), gain_db=st.floats(-30, -3))
def test_speech_measures_too(delay: int, gain_db: float) -> None:
    response = deconvolve(*heard(voice_like(1.5), delay, gain_db, 3.0), max_delay_samples=4800)
    assert response.delay_samples == delay
    assert response.gain_db == pytest.approx(gain_db, abs=1.0)


def test_level_of_a_room_is_its_gain_for_white_noise() -> None:
    room = np.random.default_rng(8).standard_normal(2000) * np.exp(-np.arange(2000) / 400)
    room *= 10 ** (-9 / 20) / np.sqrt(np.sum(room**2))
    played = np.concatenate((SWEEP, np.zeros(9000, np.int16)))
    recorded = np.rint(np.convolve(played, room)[: len(played)]).astype(np.int16)
    assert deconvolve(played, recorded, 8000).gain_db == pytest.approx(-9, abs=0.5)


def test_inverted_loudspeaker_is_found_as_well() -> None:
    played, recorded = heard(SWEEP, 300, -6)
    assert deconvolve(played, -recorded, 8000).delay_samples == 300


def test_harmonics_of_a_bad_loudspeaker_do_not_move_the_peak() -> None:
    played, recorded = heard(exponential_sweep(0.5, peak_dbfs=0), 300, -6)
    squashed = np.clip(recorded, -8000, 8000)
    assert deconvolve(played, squashed, 8000).delay_samples == 300


@pytest.mark.parametrize("noise_rms", [0.0, 1.0, 300.0])
def test_where_nothing_sounds_nothing_is_heard(noise_rms: float) -> None:
    played, recorded = heard(SWEEP, 300, -200, noise_rms)
    assert not deconvolve(played, recorded, 8000).heard
    assert not deconvolve(np.zeros_like(played), recorded, 8000).heard


def test_a_hum_is_no_echo() -> None:
    played, _ = heard(SWEEP, 0, -200)
    hum = (3000 * np.sin(2 * np.pi * 100 * np.arange(len(played)) / RATE)).astype(np.int16)
    assert not deconvolve(played, hum, 8000).heard


def test_what_cannot_be_measured_is_refused() -> None:
    played, recorded = heard(SWEEP, 0, 0)
    with pytest.raises(ValueError, match="shape"):
        deconvolve(played, recorded[:-1], 100)
    with pytest.raises(ValueError, match="delay"):
        deconvolve(played, recorded, len(played) + 1)
    for bad in (0.0, 0.05, float("nan")):
        with pytest.raises(ValueError, match="s "):
            exponential_sweep(bad)
    with pytest.raises(ValueError, match="dBFS"):
        exponential_sweep(1, peak_dbfs=1)


@settings(max_examples=25, deadline=None)
@given(shift=st.floats(-40, 40))
def test_shift_is_found_between_the_samples(shift: float) -> None:
    """0.05 samples over 4.5 s are 0.7 ppm."""
    played = np.concatenate((np.zeros(200, np.int16), SWEEP, np.zeros(9000, np.int16)))
    spectrum = np.fft.rfft(played)
    turns = np.exp(-2j * np.pi * np.arange(len(spectrum)) / len(played) * (shift + 100))
    moved = np.rint(np.fft.irfft(spectrum * turns, len(played)) * 0.5).astype(np.int16)
    straight = np.rint(np.roll(played, 100) * 0.5).astype(np.int16)
    first, later = deconvolve(played, straight, 4000), deconvolve(played, moved, 4000)
    assert shift_samples(first, later) == pytest.approx(shift, abs=0.05)
    assert shift_samples(later, first) == pytest.approx(-shift, abs=0.05)


def test_sweep_and_voice_have_the_level_asked_for() -> None:
    assert peak_dbfs(exponential_sweep(1, peak_dbfs=-18)) == pytest.approx(-18, abs=0.05)
    assert peak_dbfs(voice_like(1)) == pytest.approx(0, abs=0.01)
    assert np.array_equal(voice_like(1, seed=4), voice_like(1, seed=4))


def test_clipping_is_two_samples_in_a_row() -> None:
    pcm = np.array([0, 32767, 0, -32768, -32768, 5, 32767, 32767, 32767, -32768], np.int16)
    assert clipped_samples(pcm) == 6
    assert clipped_samples(np.zeros(0, np.int16)) == 0


def test_suppression_is_a_ratio_of_powers_with_a_floor() -> None:
    loud = np.full(1000, 1000, np.int16)
    assert suppression_db(loud, loud // 10) == pytest.approx(20)
    assert suppression_db(loud, loud * 0) == pytest.approx(20 * np.log10(1000 * 12**0.5))
    assert suppression_db(loud * 0, loud * 0) == 0
