"""Is what the microphone delivers what a microphone hears? Told once when not, and once when it is again.

    health = MicHealth()
    for news in health.feed(block.mic, block.sample): print(news.message)

A muted capture switch, a broken cable, an amplifier turned up too far and a source that was swapped for another all
look like a running card: samples keep coming. Sans-IO; fed with the microphone before anything is taken out of it.
"""

from collections import deque
from dataclasses import dataclass
from typing import Literal

import numpy as np

from models.protocols import SAMPLE_RATE_HZ, Int16s

Kind = Literal["silent", "stuck", "clipping", "swapped"]

_FRAME_SAMPLES = SAMPLE_RATE_HZ // 10  # 100 ms
#: Zeros, or one value, for longer than this: every real converter has noise in its last bit.
DEAD_FRAMES = 30
#: So much of something better, and a dead or clipping microphone is believed to be alive.
CURED_FRAMES = 10
#: A constant offset of a quarter of full scale leaves no room for a voice; a healthy card has none.
OFFSET = 8192
FULL_SCALE = 32_700
#: Over 5 s of sound: 1 % of the samples at full scale is clipping, 0.1 % is a door that was slammed.
CLIPPING_FRAMES = 50
CLIPPING_SHARE = 0.01
CLEAN_SHARE = 0.001
#: The noise floor is the 5th percentile of the levels of 100 ms over 10 s: pauses in speech, not speech.
FLOOR_FRAMES = 100
FLOOR_PERCENTILE = 5
QUIETEST_DB = -90.0
#: It must stand so far off for three stretches of 10 s in a row. A ventilator makes 10 to 15 dB.
SWAPPED_DB = 20.0
RETURNED_DB = 10.0
SWAPPED_STRETCHES = 3
#: The usual floor is the median of the newest stretches, five minutes of them.
USUAL_STRETCHES = 30

_TOLD: dict[Kind, tuple[str, str]] = {
    "silent": (
        "the microphone delivers nothing but zeros: it is muted, or the wrong input is chosen",
        "the microphone delivers sound again",
    ),
    "stuck": (
        "the microphone delivers one value and no sound: check its cable and its plug",
        "the microphone delivers sound again",
    ),
    "clipping": (
        "the microphone clips: turn its level down, or move it away from what is loud",
        "the microphone clips no longer",
    ),
    "swapped": (
        "the microphone's background noise has changed by {change:+.0f} dB for half a minute: "
        "another source, or another level?",
        "the microphone's background noise is as usual again",
    ),
}


@dataclass(frozen=True, slots=True)
class Trouble:
    """Something is wrong, noticed at `sample`."""

    kind: Kind
    sample: int
    message: str


@dataclass(frozen=True, slots=True)
class Cured:
    """It is over, noticed at `sample`."""

    kind: Kind
    sample: int
    message: str


News = Trouble | Cured


class MicHealth:
    """One microphone. `feed` costs some 10 us a block of 10 ms."""

    def __init__(self) -> None:
        self._pending = np.zeros(0, np.int16)
        self._next_sample = 0
        self._ill: set[Kind] = set()
        self._zero_frames = self._stuck_frames = self._live_frames = 0
        self._clipped: deque[int] = deque(maxlen=CLIPPING_FRAMES)  # samples at full scale, a frame
        self._levels: list[float] = []  # dB of full scale, of the stretch that is being collected
        self._floors: deque[float] = deque(maxlen=USUAL_STRETCHES)
        self._odd_stretches = 0

    def feed(self, pcm: Int16s, sample: int) -> list[News]:
        """`pcm`: (n,) int16, 16 kHz, from capture sample `sample` on. A gap begins a new stretch; nothing is forgotten
        that was told.
        """
        if sample != self._next_sample:
            self._pending = self._pending[:0]
            self._zero_frames = self._stuck_frames = self._live_frames = 0
            self._levels.clear()
        self._next_sample = sample + pcm.size
        self._pending = np.concatenate((self._pending, pcm))
        out: list[News] = []
        while self._pending.size >= _FRAME_SAMPLES:
            frame, self._pending = self._pending[:_FRAME_SAMPLES], self._pending[_FRAME_SAMPLES:]
            out += self._frame(frame, self._next_sample - self._pending.size)
        return out

    def _frame(self, frame: Int16s, sample: int) -> list[News]:
        low, high = int(frame.min()), int(frame.max())
        zeros = low == high == 0
        stuck = not zeros and (low == high or abs(float(frame.mean())) >= OFFSET)
        self._zero_frames = self._zero_frames + 1 if zeros else 0
        self._stuck_frames = self._stuck_frames + 1 if stuck else 0
        self._live_frames = 0 if zeros or stuck else self._live_frames + 1
        out: list[News] = []
        if self._zero_frames > DEAD_FRAMES:
            out += [*self._well("stuck", sample), *self._bad("silent", sample)]
        if self._stuck_frames > DEAD_FRAMES:
            out += [*self._well("silent", sample), *self._bad("stuck", sample)]
        if self._live_frames >= CURED_FRAMES:
            out += [*self._well("silent", sample), *self._well("stuck", sample)]
        if zeros or stuck:
            return out
        # a frame at one rail is stuck, so what is counted here moves
        self._clipped.append(int(np.count_nonzero(np.abs(frame.astype(np.int32)) >= FULL_SCALE)))
        share = sum(self._clipped) / (CLIPPING_FRAMES * _FRAME_SAMPLES)
        if share >= CLIPPING_SHARE:
            out += self._bad("clipping", sample)
        elif share <= CLEAN_SHARE:
            out += self._well("clipping", sample)
        return out + self._level(frame, sample)

    def _level(self, frame: Int16s, sample: int) -> list[News]:
        power = float(np.var(frame.astype(np.float32) / np.float32(32768)))
        self._levels.append(max(QUIETEST_DB, 10 * float(np.log10(power + 1e-12))))
        if len(self._levels) < FLOOR_FRAMES:
            return []
        floor = float(np.percentile(self._levels, FLOOR_PERCENTILE))
        self._levels.clear()
        if len(self._floors) < SWAPPED_STRETCHES:
            self._floors.append(floor)
            return []
        return self._compare(floor, sample)

    def _compare(self, floor: float, sample: int) -> list[News]:
        """The floor of a stretch of 10 s against the usual one."""
        change = floor - float(np.median(self._floors))
        if abs(change) < RETURNED_DB:
            self._odd_stretches = 0
            self._floors.append(floor)
            return self._well("swapped", sample)
        if abs(change) < SWAPPED_DB:
            self._odd_stretches = 0
            if "swapped" not in self._ill:
                self._floors.append(floor)
            return []
        self._odd_stretches += 1
        if self._odd_stretches < SWAPPED_STRETCHES:
            return []
        if self._odd_stretches >= USUAL_STRETCHES:  # it stays: that is how this microphone is now
            self._floors.clear()
            self._odd_stretches = 0
            return self._well("swapped", sample)
        return self._bad("swapped", sample, change)

    def _bad(self, kind: Kind, sample: int, change: float = 0.0) -> list[News]:
        if kind in self._ill:
            return []
        self._ill.add(kind)
        return [Trouble(kind, sample, _TOLD[kind][0].format(change=change))]

    def _well(self, kind: Kind, sample: int) -> list[News]:
        if kind not in self._ill:
            return []
        self._ill.discard(kind)
        return [Cured(kind, sample, _TOLD[kind][1])]
