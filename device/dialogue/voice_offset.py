"""Where did the voice end? By the level of the sound, to 10 ms.

    offset = VoiceOffset()
    offset.feed(pcm, sample)            # 10 ms of clean microphone
    offset.last_loud_sample             # end of the last block that was voice by its level; None: it cannot tell

A network that listens for voices goes on hearing one after it has ended: Silero for up to 350 ms. The level knows
sooner. A block is loud when the mean of the last three exceeds a threshold: three times the noise of the room, but at
least 4 % and at most 25 % of the loudest block of the utterance. The noise is the lowest level of 50 ms since shortly
before the utterance began: the closures within words and the gaps between them show it, also where the recording or a
gate opened only a moment ago. The rule is a causal form of the one that turns are measured by (`device.audio.measure`).
Sans-IO.
"""

from collections import deque

import numpy as np

from models.protocols import SAMPLE_RATE_HZ, Int16s

#: The threshold in shares of the loudest block: at least (-28 dB), and at most (-12 dB).
LEAST_SHARE = 0.04
MOST_SHARE = 0.25
#: ... and in between so many times the noise.
FLOOR_FACTOR = 3.0
#: Blocks of 10 ms that are averaged for a decision, and for the noise.
_SMOOTH_BLOCKS = 3
_FLOOR_BLOCKS = 5
#: The noise may be heard so long before the first voiced sample: 100 ms.
_BEFORE_SAMPLES = SAMPLE_RATE_HZ // 10
_BEFORE_BLOCKS = 40
#: Quieter than this is digital silence, which tells nothing of a room (-84 dB of full scale) ...
_SILENCE_RMS = 2.0
#: ... and an utterance whose loudest block is no louder is no voice: -70 dB.
_LEAST_RMS = 10.0


class VoiceOffset:
    """Feed it every block of the microphone; `begin` and `end` say where an utterance lies."""

    def __init__(self) -> None:
        self._powers: deque[float] = deque(maxlen=_FLOOR_BLOCKS)
        self._before: deque[tuple[int, float, float]] = deque(maxlen=_BEFORE_BLOCKS)  # end, level, noise
        self._floor = float("inf")
        self._loudest: float | None = None  # of the utterance; None: nobody speaks
        self._last_loud_sample = 0
        self._least_share = LEAST_SHARE

    def forget(self) -> None:
        """A new stretch of sound begins: what was known of the room does not hold."""
        self._powers.clear()
        self._before.clear()
        self.end()

    def begin(self, onset_sample: int, sample: int) -> None:
        """An utterance began at `onset_sample`, and is known to last at least until `sample`."""
        since = onset_sample - _BEFORE_SAMPLES
        near = [(level, noise) for end, level, noise in self._before if end > since]
        self._loudest = max((level for level, _ in near), default=0.0)
        self._floor = min((noise for _, noise in near if noise > _SILENCE_RMS), default=float("inf"))
        self._last_loud_sample = sample
        self._least_share = LEAST_SHARE

    def end(self) -> None:
        """The utterance is over."""
        self._loudest = None

    def doubt(self, sample: int) -> None:
        """There was a voice at `sample` though the level denied it: it has become softer than it began."""
        level = self._before[-1][1] if self._before else 0.0
        self._floor = min(self._floor, 0.7 * level / FLOOR_FACTOR)
        self._least_share = min(self._least_share / 2, 0.7 * level / max(self._loudest or 0.0, 1.0))
        self._last_loud_sample = max(self._last_loud_sample, sample)

    def feed(self, pcm: Int16s, sample: int) -> None:
        """`pcm`: (n,) int16 of 10 ms or so from `sample` on."""
        values = pcm.astype(np.float32)
        self._powers.append(float(np.mean(values * values)) if pcm.size else 0.0)
        powers = list(self._powers)
        level = float(np.sqrt(np.mean(powers[-_SMOOTH_BLOCKS:])))
        noise = float(np.sqrt(np.mean(powers)))
        self._before.append((sample + pcm.size, level, noise))
        if self._loudest is None:
            return
        self._loudest = max(self._loudest, level)
        if noise > _SILENCE_RMS:
            self._floor = min(self._floor, noise)
        if level > self._threshold:
            self._last_loud_sample = sample + pcm.size

    @property
    def last_loud_sample(self) -> int | None:
        """End of the last loud block of the utterance; None: nobody speaks, or there is no level to speak of."""
        if self._loudest is None or self._loudest < _LEAST_RMS:
            return None
        return self._last_loud_sample

    @property
    def _threshold(self) -> float:
        assert self._loudest is not None
        floor = 0.0 if self._floor == float("inf") else self._floor
        return min(max(self._least_share * self._loudest, FLOOR_FACTOR * floor), MOST_SHARE * self._loudest)
