"""Known signals have known levels."""

import numpy as np
import pytest

from dsp.levels import LevelMeter, peak_dbfs, rms_dbfs


def test_full_scale_square_is_zero() -> None:
    assert rms_dbfs(np.array([-32768, -32768], np.int16)) == pytest.approx(0)
    assert peak_dbfs(np.array([0, -32768], np.int16)) == pytest.approx(0)


def test_full_scale_sine_is_minus_three() -> None:
    sine = (32767 * np.sin(2 * np.pi * np.arange(16_000) / 16)).astype(np.int16)
    assert rms_dbfs(sine) == pytest.approx(-3.01, abs=0.02)


@pytest.mark.parametrize("level", [rms_dbfs, peak_dbfs])
@pytest.mark.parametrize("pcm", [np.zeros(0, np.int16), np.zeros(5, np.int16)])
def test_silence_and_nothing_have_a_floor(level: object, pcm: np.ndarray) -> None:
    assert callable(level)
    assert level(pcm) == -120


def test_peak_holds_then_lets_go() -> None:
    meter = LevelMeter(hold_ms=100)
    loud, quiet = np.full(160, 16_384, np.int16), np.full(160, 164, np.int16)
    meter.update(loud)
    held = [meter.update(quiet).peak_hold_dbfs for _ in range(20)]
    assert held[8] == pytest.approx(-6.02, abs=0.01)
    assert held[-1] == pytest.approx(-46, abs=0.1)


def test_rms_settles_on_the_level() -> None:
    meter = LevelMeter(window_ms=50)
    for _ in range(100):
        reading = meter.update(np.full(160, 3277, np.int16))
    assert reading.rms_dbfs == pytest.approx(-20, abs=0.1)


@pytest.mark.parametrize(
    ("blocks", "clipped"),
    [
        ([[0, 32767, 0, 0]], 0),  # one sample at the limit may be a peak
        ([[0, 32767, 32767, 0]], 2),
        ([[0, -32768, -32768, -32768]], 3),
        ([[0, 0, 0, 32767], [32767, 0, 0, 0]], 2),  # a run across blocks
        ([[0, 0, 32767, 32767], [32767, 0, 0, 0]], 3),
        ([[], [32767, 32767]], 2),
    ],
)
def test_clipping_is_runs_at_the_limit(blocks: list[list[int]], clipped: int) -> None:
    meter = LevelMeter()
    for block in blocks:
        reading = meter.update(np.array(block, np.int16))
    assert reading.clipped_samples == clipped


@pytest.mark.parametrize(("window_ms", "hold_ms"), [(0, 10), (-1, 10), (10, -1)])
def test_impossible_meters_are_refused(window_ms: float, hold_ms: float) -> None:
    with pytest.raises(ValueError, match="meter"):
        LevelMeter(window_ms, hold_ms)
