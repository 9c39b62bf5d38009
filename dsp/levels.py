"""How loud a sound is.

    rms_dbfs(pcm), peak_dbfs(pcm)
    meter = LevelMeter(); reading = meter.update(block); reading.peak_hold_dbfs

dBFS here: 0 is a full-scale square wave (RMS = 32768), so a full-scale sine has -3 dBFS RMS. Silence is -120, not
-inf, so that levels can be averaged and drawn.
"""

from dataclasses import dataclass

import numpy as np

from dsp.types import SAMPLE_RATE_HZ, Int16s

FULL_SCALE = 32768.0
FLOOR_DBFS = -120.0


def to_dbfs(amplitude: float) -> float:
    """An amplitude in int16 units as dBFS, not below -120."""
    if amplitude <= 0:
        return FLOOR_DBFS
    return max(FLOOR_DBFS, float(20 * np.log10(amplitude / FULL_SCALE)))


def rms_dbfs(pcm: Int16s) -> float:
    """RMS level of (n,) int16; -120 for silence and for nothing."""
    if pcm.size == 0:
        return FLOOR_DBFS
    return to_dbfs(float(np.sqrt(np.mean(np.square(pcm, dtype=np.float64)))))


def peak_dbfs(pcm: Int16s) -> float:
    """Level of the largest sample of (n,) int16; -120 for silence and for nothing."""
    if pcm.size == 0:
        return FLOOR_DBFS
    # In int32: the magnitude of -32768 does not fit in int16.
    return to_dbfs(float(np.max(np.abs(pcm.astype(np.int32)))))


@dataclass(frozen=True, slots=True)
class Reading:
    """What a meter shows after a block."""

    rms_dbfs: float  #: over the last window
    peak_dbfs: float  #: of this block
    peak_hold_dbfs: float  #: highest peak of the last hold time
    clipped_samples: int  #: ever: samples in runs of two or more at full scale


class LevelMeter:
    """Short-term RMS, peak with hold, and a count of clipped samples. Time is what it is fed, not a clock."""

    def __init__(self, window_ms: float = 300.0, hold_ms: float = 1500.0, rate_hz: int = SAMPLE_RATE_HZ) -> None:
        """300 ms: the integration time of a VU meter (IEC 60268-17)."""
        if window_ms <= 0 or hold_ms < 0:
            raise ValueError("a meter needs a window above 0 ms and a hold of at least 0 ms")
        self._window_samples = window_ms * rate_hz / 1000
        self._hold_samples = int(hold_ms * rate_hz / 1000)
        self._power = 0.0
        self._hold = 0.0
        self._held_samples = 0
        self._clipped = 0
        self._last_at_limit = False
        self._run_counted = False

    def update(self, pcm: Int16s) -> Reading:
        """Feed (n,) int16."""
        if pcm.size == 0:
            return Reading(to_dbfs(self._power**0.5), FLOOR_DBFS, to_dbfs(self._hold), self._clipped)
        wide = pcm.astype(np.int32)
        keep = float(np.exp(-pcm.size / self._window_samples))
        self._power = keep * self._power + (1 - keep) * float(np.mean(wide.astype(np.float64) ** 2))
        peak = float(np.max(np.abs(wide)))
        if peak >= self._hold or self._held_samples >= self._hold_samples:
            self._hold, self._held_samples = peak, 0
        else:
            self._held_samples += pcm.size
        self._count_clipped(wide)
        return Reading(to_dbfs(self._power**0.5), to_dbfs(peak), to_dbfs(self._hold), self._clipped)

    def _count_clipped(self, wide: np.ndarray[tuple[int, ...], np.dtype[np.int32]]) -> None:
        """One sample at the limit may be a loud peak; two in a row are a flattened one. Runs go on across blocks."""
        at_limit = (wide >= 32767) | (wide <= -32768)
        before = np.concatenate(([self._last_at_limit], at_limit[:-1]))
        second_or_later = at_limit & before
        starts = second_or_later & ~np.concatenate(([self._run_counted], second_or_later[:-1]))
        self._clipped += int(np.count_nonzero(second_or_later)) + int(np.count_nonzero(starts))
        self._last_at_limit = bool(at_limit[-1])
        self._run_counted = bool(second_or_later[-1])
