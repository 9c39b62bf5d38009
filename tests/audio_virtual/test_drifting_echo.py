"""The virtual card's second clock."""

import numpy as np
import pytest

from device.audio.drifting_echo import ClockDrift
from device.audio.rooms import delay_and_gain
from device.audio.virtual import VirtualCard
from device.errors import UsageError

RATE = 16_000


def through(clock: ClockDrift, sound: np.ndarray) -> np.ndarray:
    return np.concatenate([clock.process(sound[at : at + 160]) for at in range(0, len(sound), 160)])


def sine(hertz: float, seconds: float) -> np.ndarray:
    return 10_000 * np.sin(2 * np.pi * hertz * np.arange(int(seconds * RATE)) / RATE)


@pytest.mark.parametrize("ppm", [-1000.0, -40.0, 40.0, 1000.0])
def test_a_tone_is_detuned_by_the_drift(ppm: float) -> None:
    out = through(ClockDrift(ppm, 100), sine(1000, 2))
    n = np.arange(len(out))
    expected = 10_000 * np.sin(2 * np.pi * 1000 * (n / (1 + ppm * 1e-6) - 100) / RATE)
    settled = slice(400, RATE)
    assert np.abs(out - expected)[settled].max() < 30


def test_without_drift_it_is_a_delay() -> None:
    sound = sine(3000, 0.5)
    out = through(ClockDrift(0.0, 16), sound)
    assert np.allclose(out[16:], sound[:-16])
    assert np.abs(out[:16]).max() < 1e-9


def test_an_early_echo_stops_where_it_would_be_heard_before_it_is_played() -> None:
    out = through(ClockDrift(-1000, 17), sine(500, 2))  # one sample of delay is used up after 1000 samples
    assert np.allclose(out[8000:], sine(500, 2)[8000 - 16 : -16], atol=1)


@pytest.mark.parametrize(("ppm", "delay"), [(1001, 100), (float("nan"), 100), (10, 15), (10, 10**6)])
def test_what_cannot_be_is_refused(ppm: float, delay: int) -> None:
    with pytest.raises(ValueError, match="drift"):
        ClockDrift(ppm, delay)


def test_card_refuses_in_words() -> None:
    for ppm, delay_ms in ((2000, 8), (10, 0.5)):
        with pytest.raises(UsageError, match="drift"):
            VirtualCard(impulse_response=delay_and_gain(-6, delay_ms), drift_ppm=ppm)
