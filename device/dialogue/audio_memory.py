"""The last minute of the microphone, addressed by capture sample.

memory = AudioMemory(seconds=70); memory.append(0, pcm); memory.cut(4800, 16000)
"""

import numpy as np

from models.protocols import SAMPLE_RATE_HZ, Floats, Int16s


class AudioMemory:
    """A ring of (cleaned) microphone samples; bounded, the oldest are overwritten."""

    def __init__(self, seconds: float) -> None:
        self._ring = np.zeros(int(seconds * SAMPLE_RATE_HZ), np.int16)
        self.end_sample = 0

    def append(self, sample: int, pcm: Int16s) -> None:
        """`pcm`: (n,) int16 that begins at capture sample `sample`; a gap before it is silence."""
        if sample < self.end_sample:
            pcm = pcm[self.end_sample - sample :]
            sample = self.end_sample
        if sample > self.end_sample:
            self._write(self.end_sample, np.zeros(min(sample - self.end_sample, self._ring.size), np.int16))
        newest = pcm[-self._ring.size :]
        self._write(sample + pcm.size - newest.size, newest)
        self.end_sample = sample + pcm.size

    def forget(self) -> None:
        """All of it is silence from now on."""
        self._ring[:] = 0

    def _write(self, sample: int, pcm: Int16s) -> None:
        at = sample % self._ring.size
        head = min(pcm.size, self._ring.size - at)
        self._ring[at : at + head] = pcm[:head]
        self._ring[: pcm.size - head] = pcm[head:]

    def cut(self, start_sample: int, end_sample: int) -> Floats:
        """(n,) float32 in -1..1 of [start, end), as far as it is still (and already) here."""
        end = min(end_sample, self.end_sample)
        start = max(start_sample, 0, self.end_sample - self._ring.size)
        if end <= start:
            return np.zeros(0, np.float32)
        index = np.arange(start, end) % self._ring.size
        return self._ring[index].astype(np.float32) / np.float32(32768)
