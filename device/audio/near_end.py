"""What is said into the virtual microphone, and when: a timeline that speech is put on while it runs.

near = NearEnd(noise=scaled_noise(fan, [question], snr_db=10))
start = near.say(question)         # from any thread; begins with the next block
block = near.take()                # (160,) float64 in int16 units: the next 10 ms
"""

import threading
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from device.audio.measure import speech_rms
from device.card import BLOCK_SAMPLES
from device.errors import UsageError
from models.protocols import Floats, Int16s

MAX_CLIPS = 10_000  #: sounds on the timeline at a time


class NearEnd:
    """The timeline. Sounds that overlap add up; what has been taken is forgotten. Thread-safe."""

    def __init__(self, noise: Floats | None = None) -> None:
        """`noise`: (n,) float32 in int16 units, repeated without end from sample 0 on. None or empty: silence."""
        self._noise = None if noise is None or not len(noise) else noise.astype(np.float64)
        self._lock = threading.Lock()
        self._next = 0
        self._clips: list[tuple[int, Int16s]] = []  # (start, pcm)

    @property
    def next_sample(self) -> int:
        """The first sample that has not been taken yet; also how much has been."""
        return self._next

    def say(self, pcm: Int16s, at_sample: int | None = None) -> int:
        """Put `pcm` (n,) int16 at 16 kHz on the timeline; returns the sample it begins at.

        That is `at_sample`, or the next sample where `at_sample` is None or already past. The array is copied.
        Raises UsageError when 10,000 sounds are waiting.
        """
        with self._lock:
            if len(self._clips) >= MAX_CLIPS:
                raise UsageError(f"{MAX_CLIPS} sounds are waiting to be said already")
            start = self._next if at_sample is None else max(at_sample, self._next)
            self._clips.append((start, np.array(pcm, np.int16)))
            return start

    def take(self) -> npt.NDArray[np.float64]:
        """The next block; (160,) float64 in int16 units, not clipped."""
        with self._lock:
            start = self._next
            end = start + BLOCK_SAMPLES
            block = self._noise_block(start)
            for at, pcm in self._clips:
                first, last = max(at, start), min(at + len(pcm), end)
                if first < last:
                    block[first - start : last - start] += pcm[first - at : last - at]
            self._clips = [(at, pcm) for at, pcm in self._clips if at + len(pcm) > end]
            self._next = end
        return block

    def _noise_block(self, start: int) -> npt.NDArray[np.float64]:
        if self._noise is None:
            return np.zeros(BLOCK_SAMPLES)
        return np.take(self._noise, np.arange(start, start + BLOCK_SAMPLES), mode="wrap")


def scaled_noise(noise: Int16s, speech: Sequence[Int16s], snr_db: float) -> Floats:
    """`noise` (n,) int16 at the level that gives `snr_db` against `speech`; (n,) float32 in int16 units.

    The ratio is the RMS of all clips' speech blocks together (`measure.speech_rms`: pauses do not count) over the RMS
    of the whole noise clip. Where the speech is louder or fainter than its average, so is the ratio.
    Raises UsageError for silent noise or silent speech.
    """
    if not -100.0 <= snr_db <= 100.0:  # also refuses NaN
        raise UsageError(f"a signal-to-noise ratio of {snr_db} dB is outside -100..100")
    level = float(np.sqrt(np.mean(noise.astype(np.float64) ** 2))) if len(noise) else 0.0
    if level == 0.0:
        raise UsageError("the noise is silent: no signal-to-noise ratio can be set")
    speech_level = speech_rms(*speech)
    if speech_level == 0.0:
        raise UsageError("the inputs are silent: no signal-to-noise ratio can be set")
    scaled = noise.astype(np.float64) * (speech_level / level * 10 ** (-snr_db / 20))
    return scaled.astype(np.float32)
