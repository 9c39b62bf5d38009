"""Loudness against the standard's own reference, and the limiter."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.loudness import limit, loudness_lufs


def sine(hz: float, rate_hz: int, *, level_db: float = 0.0, seconds: float = 5.0) -> np.ndarray:
    t = np.arange(round(seconds * rate_hz)) / rate_hz
    return (10 ** (level_db / 20) * np.sin(2 * np.pi * hz * t)).astype(np.float32)


@pytest.mark.parametrize("rate_hz", [16_000, 22_050, 48_000])
def test_the_reference_of_the_standard(rate_hz: int) -> None:
    """BS.1770-4: 0 dBFS at 997 Hz in one channel reads -3.01 LUFS."""
    assert loudness_lufs(sine(997, rate_hz), rate_hz=rate_hz) == pytest.approx(-3.01, abs=0.02)


def biquad(x: list[float], b: tuple[float, ...], a: tuple[float, ...]) -> list[float]:
    """The recursion of the standard, sample by sample."""
    x1 = x2 = y1 = y2 = 0.0
    out = []
    for x0 in x:
        y0 = b[0] * x0 + b[1] * x1 + b[2] * x2 - a[1] * y1 - a[2] * y2
        x1, x2, y1, y2 = x0, x1, y0, y1
        out.append(y0)
    return out


def test_against_the_filters_of_the_standard_in_the_time_domain() -> None:
    """A fifth of a second at 48 kHz is one block, so that no gate is involved."""
    noise = np.random.default_rng(3).normal(0, 0.1, 9600).astype(np.float32)
    shelf = ((1.53512485958697, -2.69169618940638, 1.19839281085285), (1.0, -1.69065929318241, 0.73248077421585))
    high_pass = ((1.0, -2.0, 1.0), (1.0, -1.99004745483398, 0.99007225036621))
    weighted = biquad(biquad(noise.tolist(), *shelf), *high_pass)
    expected = -0.691 + 10 * math.log10(sum(y * y for y in weighted) / len(weighted))
    assert loudness_lufs(noise, rate_hz=48_000) == pytest.approx(expected, abs=0.001)


def test_level_is_linear() -> None:
    loud, soft = (loudness_lufs(sine(997, 16_000, level_db=db), rate_hz=16_000) for db in (-10, -33))
    assert loud - soft == pytest.approx(23.0, abs=0.01)


def test_silence_around_speech_does_not_count() -> None:
    tone, quiet = sine(997, 16_000), np.zeros(160_000, dtype=np.float32)
    padded = np.concatenate([quiet, tone, quiet])
    assert loudness_lufs(padded, rate_hz=16_000) == pytest.approx(loudness_lufs(tone, rate_hz=16_000), abs=0.4)


def test_silence_has_no_loudness() -> None:
    assert loudness_lufs(np.zeros(16_000, dtype=np.float32), rate_hz=16_000) == -math.inf
    assert loudness_lufs(np.zeros(0, dtype=np.float32), rate_hz=16_000) == -math.inf


def test_less_than_a_block() -> None:
    assert loudness_lufs(sine(997, 16_000, seconds=0.1), rate_hz=16_000) == pytest.approx(-3.0, abs=0.5)


def test_what_is_below_the_ceiling_is_left_alone() -> None:
    tone = sine(440, 16_000, level_db=-6)
    assert limit(tone, ceiling_db=-1.0, rate_hz=16_000) is tone


def test_a_peak_is_drawn_down_without_touching_what_is_far_from_it() -> None:
    tone = sine(440, 16_000, level_db=-6)
    tone[8000] = 3.0
    out = limit(tone, ceiling_db=-1.0, rate_hz=16_000)
    assert np.max(np.abs(out)) <= 10 ** (-1 / 20) + 1e-6
    assert np.array_equal(out[:7700], tone[:7700])
    assert np.array_equal(out[8300:], tone[8300:])


@given(st.lists(st.floats(-20, 20, width=32), max_size=500))
def test_nothing_passes_the_ceiling(samples: list[float]) -> None:
    out = limit(np.array(samples, dtype=np.float32), ceiling_db=-1.0, rate_hz=16_000)
    assert len(out) == len(samples)
    assert np.all(np.abs(out) <= 10 ** (-1 / 20) + 1e-6)
