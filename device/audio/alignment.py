"""How late is the echo? Found from the sound alone, for loudspeakers that are later than their driver says.

    alignment = DelayAlignment()
    alignment.feed(far, mic)            # each block, far where the driver says that it sounds
    alignment.delay_samples             # what the far end must be delayed by for the canceller's filter to reach it

A Bluetooth or HDMI loudspeaker buffers 20 to 400 ms that no driver reports. The canceller's filter covers 200 ms of
room; an echo beyond that it cannot take away. So the far end is compared with the microphone: generalised cross
correlation with phase transform (Knapp and Carter 1976), 512 ms of microphone against 1,024 ms of far end, four times a
second while the loudspeaker sounds, the transforms averaged. A delay is believed when one peak stands out of the rest
and out of every other peak in several windows in a row, and it is moved only when the filter as it lies cannot use the
echo: every move makes it learn the room again.

Limits: echoes from 60 ms before to 440 ms after the reported time. Sounds that repeat themselves exactly within that
(a loop, a steady tone) show no single delay: then the old one stands. Sans-IO.
"""

import numpy as np
import numpy.typing as npt

from device.card import BLOCK_SAMPLES
from models.protocols import SAMPLE_RATE_HZ, Int16s

EARLIEST_SAMPLES = -SAMPLE_RATE_HZ * 60 // 1000
LATEST_SAMPLES = SAMPLE_RATE_HZ * 440 // 1000
#: The strongest arrival is laid this far into the filter: a weaker direct path may come before it.
MARGIN_SAMPLES = SAMPLE_RATE_HZ * 8 // 1000

_FRAME = 16_384  # far end compared with
_HEARD = 8_192  # microphone, which ends _AHEAD before the newest far end
_AHEAD = 1_024
_HOP_BLOCKS = 25
_FORGET = 0.75  # of the averaged transform a window: some 1 s
_SAME_SAMPLES = SAMPLE_RATE_HZ * 2 // 1000
_CONFIRM = 4  # windows in a row: two that share no sound, and two between them
_MOVED_CONFIRM = 6  # as many when a delay was found before: it seldom changes
#: Height of the peak over the deviation of all lags. The highest of 8,000 lags of noise lies at 4 to 5, and that of
#: recorded echoes at 14 to 78 (whole files of the AEC challenge).
_PEAK_OVER_NOISE = 9.0
#: Height over that of the highest peak that lies 10 ms off or more.
_PEAK_OVER_NEXT = 1.5
_NEXT_SAMPLES = SAMPLE_RATE_HZ * 10 // 1000
_BAND_HZ = (200.0, 6000.0)
_LOUD_POWER = 100.0**2  # mean square: -50 dBFS
_LOUD_SHARE = 0.3  # of the blocks of the window of the microphone


class DelayAlignment:
    """Feed it every block in order. One thread."""

    def __init__(self, reach_samples: int = SAMPLE_RATE_HZ * 50 // 1000) -> None:
        """`reach_samples`: how late within the filter the strongest arrival may lie before the far end is moved."""
        self._reach = reach_samples
        self._far = np.zeros(_FRAME, np.float32)
        self._mic = np.zeros(_HEARD + _AHEAD, np.float32)
        bins = np.fft.rfftfreq(_FRAME, 1 / SAMPLE_RATE_HZ)
        self._band = (bins >= _BAND_HZ[0]) & (bins <= _BAND_HZ[1])
        self._window = np.hanning(_HEARD).astype(np.float32)
        self.delay_samples = 0  #: may be negative: the driver says more than is true
        self.measured_samples: int | None = None  #: where the strongest arrival was last confirmed
        self.moves = 0
        self.reset()

    def reset(self) -> None:
        """Another card: nothing is known."""
        self.delay_samples = 0
        self.measured_samples = None
        self._candidate: int | None = None
        self._gap()

    def _gap(self) -> None:
        self._far[:] = 0
        self._mic[:] = 0
        self._blocks = 0
        self._filled = 0
        self._average: npt.NDArray[np.complex64] | None = None
        self._confirmed = 0

    def feed(self, far: Int16s, mic: Int16s) -> bool:
        """`far`, `mic`: (160,) int16 of one time as the driver tells it. True: `delay_samples` has changed."""
        self._far[:-BLOCK_SAMPLES] = self._far[BLOCK_SAMPLES:]
        self._far[-BLOCK_SAMPLES:] = far
        self._mic[:-BLOCK_SAMPLES] = self._mic[BLOCK_SAMPLES:]
        self._mic[-BLOCK_SAMPLES:] = mic
        self._filled = min(self._filled + BLOCK_SAMPLES, _FRAME)
        self._blocks += 1
        if self._blocks < _HOP_BLOCKS:
            return False
        self._blocks = 0
        lag = self._peak()
        if lag is None:
            return False
        same = self._candidate is not None and abs(lag - self._candidate) <= _SAME_SAMPLES
        self._confirmed = self._confirmed + 1 if same else 1
        self._candidate = lag
        if self._confirmed < (_CONFIRM if self.measured_samples is None else _MOVED_CONFIRM):
            return False
        self.measured_samples = lag
        return self._follow(lag)

    def _follow(self, lag: int) -> bool:
        within = lag - self.delay_samples
        if 0 <= within <= self._reach:
            return False
        self.delay_samples = max(lag - MARGIN_SAMPLES, EARLIEST_SAMPLES)
        self.moves += 1
        return True

    def _peak(self) -> int | None:
        """The lag of the one peak that stands out, in samples; None when there is none (or nothing sounds)."""
        far = self._far.reshape(-1, 256)
        loud = np.mean(np.mean(far * far, axis=1) > _LOUD_POWER)
        heard = self._mic[:_HEARD]
        if self._filled < _FRAME or loud < _LOUD_SHARE or float(np.mean(heard * heard)) < 1.0:
            return None
        frame = np.zeros(_FRAME, np.float32)
        at = _FRAME - _AHEAD - _HEARD
        frame[at : at + _HEARD] = heard * self._window
        cross = np.fft.rfft(frame) * np.conj(np.fft.rfft(self._far))
        white = np.where(self._band, cross / (np.abs(cross) + 1e-9), 0).astype(np.complex64)
        self._average = white if self._average is None else _FORGET * self._average + (1 - _FORGET) * white
        correlation = np.fft.irfft(self._average)
        lags = np.concatenate((correlation[EARLIEST_SAMPLES:], correlation[: LATEST_SAMPLES + 1]))
        height = np.abs(lags)
        best = int(np.argmax(height))
        rest = np.concatenate((height[: max(0, best - _NEXT_SAMPLES)], height[best + _NEXT_SAMPLES :]))
        if height[best] < _PEAK_OVER_NOISE * float(np.sqrt(np.mean(rest * rest))):
            return None
        if height[best] < _PEAK_OVER_NEXT * float(np.max(rest)):
            return None
        return best + EARLIEST_SAMPLES
