"""A short pulse, and where it lies: to measure delays to a fraction of a sample.

assert centre(resampled(pulse(48_000, at_s=0.2))) == pytest.approx(0.2 * 16_000, abs=1)
"""

import numpy as np

from models.protocols import Int16s


def pulse(rate_hz: int, at_s: float, seconds: float = 1.0, *, width_ms: float = 0.25) -> Int16s:
    """(rate_hz * seconds,) int16: a Gaussian of that standard deviation. 0.25 ms is within the band of 8 kHz."""
    t = np.arange(int(rate_hz * seconds)) / rate_hz
    return (20_000 * np.exp(-0.5 * ((t - at_s) * 1000 / width_ms) ** 2)).astype(np.int16)


def centre(pcm: Int16s) -> float:
    """The pulse's place in samples."""
    weights = pcm.astype(float) ** 2  # soxr dithers the last bit: a plain mean would see it
    return float((weights * np.arange(len(pcm))).sum() / weights.sum())
