"""A loudspeaker whose clock is not the microphone's: for the virtual card.

    clock = ClockDrift(ppm=40, delay_samples=128)
    heard = clock.process(speaker_block)        # (160,) float64, 128 samples late at first, then later and later

At `ppm` above 0 the microphone's clock is the faster one: it counts more samples in the same time, and the echo arrives
ever later. Below 0 the echo arrives ever earlier; it cannot arrive before it was played, so there the drift ends once
it has used up the delay.
"""

import numpy as np
import numpy.typing as npt

from models.protocols import SAMPLE_RATE_HZ

#: Of the interpolating filter (a sinc under a Hann window), on each side: flat to 0.1 dB up to 7.5 kHz.
HALF_WIDTH = 16
MAX_PPM = 1000.0
_HISTORY = 2 * SAMPLE_RATE_HZ  # longest delay; the drift ends there

_Float64s = npt.NDArray[np.float64]


class ClockDrift:
    """Reads a signal at another clock's pace. One thread feeds it."""

    def __init__(self, ppm: float, delay_samples: int) -> None:
        """Raises ValueError beyond 1000 ppm, or for a delay below 16 samples: the filter looks ahead by so much."""
        if not abs(ppm) <= MAX_PPM:  # also refuses NaN
            raise ValueError(f"a drift of {ppm} ppm is outside -{MAX_PPM:.0f}..{MAX_PPM:.0f}")
        if not HALF_WIDTH <= delay_samples < _HISTORY // 2:
            raise ValueError(f"a drifting echo must be {HALF_WIDTH} to {_HISTORY // 2 - 1} samples late")
        self._pace = 1 / (1 + ppm * 1e-6)
        self._delay = delay_samples
        self._line = np.zeros(_HISTORY)  # circular, by the loudspeaker's sample number
        self._next = 0

    def process(self, block: npt.NDArray[np.int16] | _Float64s) -> _Float64s:
        """`block`: (n,), what the loudspeaker plays. Returns (n,) float64, what arrives during the same n samples."""
        now = self._next + np.arange(len(block))
        self._line[now % _HISTORY] = block
        self._next += len(block)
        at = np.clip(now * self._pace - self._delay, now - _HISTORY // 2, now - HALF_WIDTH)
        whole = np.floor(at).astype(np.int64)
        steps = np.arange(1 - HALF_WIDTH, HALF_WIDTH + 1)
        away = (at - whole)[:, None] - steps
        weights = np.sinc(away) * (0.5 + 0.5 * np.cos(np.pi * away / HALF_WIDTH)) * (np.abs(away) < HALF_WIDTH)
        around = whole[:, None] + steps
        heard: _Float64s = np.sum(np.where(around >= 0, self._line[around % _HISTORY], 0.0) * weights, axis=1)
        return heard
