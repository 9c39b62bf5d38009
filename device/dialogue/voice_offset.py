"""Where did the voice end? By the level of the sound, to 10 ms.

    offset = VoiceOffset()
    offset.feed(pcm, sample)            # 10 ms of clean microphone
    offset.last_loud_sample             # end of the last block that was voice by its level; None: it cannot tell

A network that listens for voices goes on hearing one after it has ended: Silero for up to 240 ms. The level knows
sooner. A block is loud when the mean RMS of the last three exceeds 4 % of the loudest block of the utterance and three
times the noise of the room; where the room is so loud that both are nearly the same it cannot tell. The rule is a
causal form of the one that turns are measured by (`device.audio.measure`). Sans-IO.
"""

from collections import deque

import numpy as np

from models.protocols import Int16s

#: A block counts from this share of the loudest one (-28 dB),
LOUDEST_SHARE = 0.04
#: and this many times the noise floor, which is a low percentile of the last seconds.
FLOOR_FACTOR = 3.0
FLOOR_PERCENTILE = 10
#: Below this ratio between the loudest block and the threshold, 8 dB, speech and room are too close to be told apart.
LEAST_CONTRAST = 2.5
#: Blocks of 10 ms whose power is averaged, and how many the noise floor is taken from (3 s).
_SMOOTH_BLOCKS = 3
_FLOOR_BLOCKS = 300
_FLOOR_BLOCKS_LEAST = 20
#: Quieter than this is no voice whatever the contrast: -70 dB of full scale.
_LEAST_RMS = 10.0


class VoiceOffset:
    """Feed it every block of the microphone; `begin` and `end` say where an utterance lies."""

    def __init__(self) -> None:
        self._recent: deque[float] = deque(maxlen=_SMOOTH_BLOCKS)
        self._smooth: deque[float] = deque(maxlen=_FLOOR_BLOCKS)
        self._floor = 0.0
        self._loudest: float | None = None  # of the utterance; None: nobody speaks
        self._last_loud_sample = 0
        self._share = LOUDEST_SHARE

    def forget(self) -> None:
        """A new stretch of sound begins: what was known of the room does not hold."""
        self._recent.clear()
        self._smooth.clear()
        self.end()

    def begin(self, sample: int) -> None:
        """An utterance has begun; it is known to last at least until `sample`."""
        self._floor = self._noise()
        self._loudest = max(list(self._smooth)[-_FLOOR_BLOCKS_LEAST:], default=0.0)
        self._last_loud_sample = sample
        self._share = LOUDEST_SHARE

    def end(self) -> None:
        """The utterance is over."""
        self._loudest = None

    def doubt(self, sample: int) -> None:
        """There was a voice at `sample` though the level denied it: it has become softer than it began."""
        newest = self._smooth[-1] if self._smooth else 0.0
        self._share = min(self._share / 2, 0.7 * newest / max(self._loudest or 0.0, 1.0))
        self._last_loud_sample = max(self._last_loud_sample, sample)

    def feed(self, pcm: Int16s, sample: int) -> None:
        """`pcm`: (n,) int16 of 10 ms or so from `sample` on."""
        values = pcm.astype(np.float32)
        self._recent.append(float(np.mean(values * values)) if pcm.size else 0.0)
        rms = float(np.sqrt(sum(self._recent) / len(self._recent)))
        self._smooth.append(rms)
        if self._loudest is None:
            return
        self._loudest = max(self._loudest, rms)
        if rms > self._threshold:
            self._last_loud_sample = sample + pcm.size

    @property
    def last_loud_sample(self) -> int | None:
        """End of the last loud block of the utterance; None: nobody speaks, or the room is too loud to tell."""
        if self._loudest is None or self._loudest < max(_LEAST_RMS, LEAST_CONTRAST * self._threshold):
            return None
        return self._last_loud_sample

    @property
    def _threshold(self) -> float:
        assert self._loudest is not None
        return max(self._share * self._loudest, FLOOR_FACTOR * self._floor)

    def _noise(self) -> float:
        """The room before the utterance; 0 while too little of it is known."""
        if len(self._smooth) < _FLOOR_BLOCKS_LEAST:
            return 0.0
        return float(np.percentile(np.fromiter(self._smooth, np.float64), FLOOR_PERCENTILE))
