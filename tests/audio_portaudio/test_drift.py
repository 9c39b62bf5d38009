"""The drift between two cards, from counters that come late and jump. All time is simulated."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from device.audio.drift import ClockFit, DriftMeter

JITTERS = ["none", "normal 1 ms", "late by up to 30 ms", "whole milliseconds"]


def jitter_ns(kind: str, rng: np.random.Generator, count: int) -> np.ndarray:
    if kind == "none":
        return np.zeros(count)
    if kind == "normal 1 ms":
        return rng.normal(0, 1e6, count)
    if kind == "whole milliseconds":  # added to the true time below, then cut
        return rng.uniform(-0.5e6, 0.5e6, count)
    late = rng.exponential(0.3e6, count)
    late[rng.random(count) < 0.05] += rng.uniform(0, 30e6)
    return late


def two_cards(
    in_ppm: float, out_ppm: float, seconds: float, kind: str, seed: int, step: tuple[float, int] | None = None
) -> DriftMeter:
    """Each card's block i of 160 frames comes at its own pace. `step`: the loudspeaker's counter jumps at a time."""
    rng = np.random.default_rng(seed)
    meter = DriftMeter()
    count = int(seconds * 100)
    times = [
        10**15 + np.arange(count) * 1e7 / (1 + ppm * 1e-6) + jitter_ns(kind, rng, count) for ppm in (in_ppm, out_ppm)
    ]
    for index in range(count):
        jumped = step[1] if step is not None and index >= step[0] * 100 else 0
        meter.microphone.feed(index * 160, int(times[0][index]))
        meter.loudspeaker.feed(index * 160 + jumped + 777, int(times[1][index]) + 5_000_000)
    return meter


@pytest.mark.parametrize("kind", JITTERS)
@pytest.mark.parametrize("ppm", [-200.0, -31.0, 0.0, 4.0, 200.0])
def test_a_minute_gives_the_truth_to_5_ppm(kind: str, ppm: float) -> None:
    meter = two_cards(17.0, 17.0 + ppm, 60, kind, seed=1)
    assert meter.ppm == pytest.approx(ppm, abs=5)
    assert meter.sure


@given(
    in_ppm=st.floats(-200, 200), out_ppm=st.floats(-200, 200), kind=st.sampled_from(JITTERS), seed=st.integers(0, 99)
)
@settings(max_examples=5, deadline=None)
def test_any_pair_of_clocks(in_ppm: float, out_ppm: float, kind: str, seed: int) -> None:
    meter = two_cards(in_ppm, out_ppm, 60, kind, seed)
    truth = ((1 + out_ppm * 1e-6) / (1 + in_ppm * 1e-6) - 1) * 1e6
    assert meter.ppm == pytest.approx(truth, abs=5)


def test_the_line_says_which_frame_sounds() -> None:
    meter = two_cards(-50, 120, 60, "normal 1 ms", seed=3)
    at_ns = 59e9
    frame_in = at_ns / 1e9 * 16_000 * (1 - 50e-6)
    frame_out = (at_ns - 5e6) / 1e9 * 16_000 * (1 + 120e-6) + 777
    assert meter.frame_out_at(frame_in) == pytest.approx(frame_out, abs=4)  # a quarter of a millisecond
    assert meter.loudspeaker.frame_at(meter.loudspeaker.ns_at(123_456.5)) == pytest.approx(123_456.5, abs=1e-3)


@pytest.mark.parametrize("jump", [-800, 160, 4000])
def test_an_underflow_moves_the_line_and_not_its_slope(jump: int) -> None:
    meter = two_cards(0, 80, 60, "normal 1 ms", seed=4, step=(40, jump))
    assert meter.loudspeaker.steps == 1
    assert meter.microphone.steps == 0
    assert meter.ppm == pytest.approx(80, abs=5)
    assert meter.frame_out_at(59 * 16_000) == pytest.approx(59 * 16_000 * (1 + 80e-6) - 80 + 777 + jump, abs=4)


def test_both_counters_at_once() -> None:
    meter = DriftMeter(48_000, 16_000)
    rng = np.random.default_rng(5)
    for index in range(6000):
        ns = 10_000_000 * index
        wait = int(rng.exponential(1e6))
        meter.feed(round(ns * 48e-6), round((ns + wait) * 16e-6 * (1 + 150e-6)) - round(wait * 16e-6), ns)
    assert meter.ppm == pytest.approx(150, abs=5)


def test_a_first_second_of_jitter_is_no_drift() -> None:
    assert abs(two_cards(0, 0, 1, "normal 1 ms", seed=6).ppm) < 200
    assert not two_cards(0, 0, 1, "none", seed=6).sure


def test_before_the_first_block() -> None:
    meter = DriftMeter()
    assert meter.ppm == 0
    assert not meter.ready
    with pytest.raises(ValueError, match="no block"):
        _ = ClockFit().origin_ns
