"""A microphone and a loudspeaker on two cards, whose clocks drift apart, as one duplex card.

    both = TwoCards(microphone=Duplex(16_000), loudspeaker=Duplex(48_000))
    both.play(speech); block = both.next_block()      # block.far is on the microphone's clock

Each card has a stream and a C callback of its own. The drift between them is measured (`drift.py`), and what was played
is put on the microphone's time line by resampling it with that drift, so the echo canceller sees one clock. Nothing
that is heard or played is touched: only the reference is resampled.
"""

from collections import deque
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from device.audio.drift import DriftMeter
from device.audio.duplex import Duplex, TimedBlock
from device.card import BLOCK_SAMPLES, Block, CardStats, Span
from models.protocols import SAMPLE_RATE_HZ, Int16s

#: The far end is given this much before it sounds, as much as `FarEndLine` then holds it back: the lines through two
#: cards' times may be wrong by so much.
LEAD_SAMPLES = SAMPLE_RATE_HZ * 4 // 1000
#: The place in the far end is slewed to where the clocks say it is, by at most so much a block (300 ppm): a jump would
#: cost the canceller what it has learned.
SLEW_SAMPLES = BLOCK_SAMPLES * 300e-6
#: Each block goes one part in so many of the way: few at first, more the longer the lines are, so that what they wander
#: by is smoothed over up to five seconds.
SLEW_PARTS = (50, 500)
#: Off by more than this is no wander but an underflow, or another stretch of the line: it jumps.
JUMP_SAMPLES = SAMPLE_RATE_HZ * 3 // 1000
#: Half the length of the interpolating filter; at 32 taps 0.9 of the band is flat to 0.1 dB.
HALF_TAPS = 16
Floats = NDArray[np.float64]

#: Far end that is kept: more than any card's output latency.
KEEP_SAMPLES = 4 * SAMPLE_RATE_HZ


def kernel(offset: float) -> Floats:
    """The (2 * HALF_TAPS + 1,) filter that reads a signal `offset` samples (-1 to 1.5) past its centre."""
    at = np.arange(-HALF_TAPS, HALF_TAPS + 1) - offset
    window = np.cos(np.clip(at / (HALF_TAPS + 1.0), -1, 1) * np.pi / 2) ** 2
    taps: Floats = np.sinc(at) * window
    return taps


class FarLine:
    """What was played, by the loudspeaker's sample, read at any place and pace close to one sample a sample."""

    def __init__(self) -> None:
        self._line = np.zeros(KEEP_SAMPLES, np.float32)  # circular
        self._end = 0  # sample after the newest

    def put(self, sample: int, far: Int16s) -> None:
        """`far` (n,) from `sample` on; what was left out is silence."""
        if sample < self._end or sample - self._end > KEEP_SAMPLES:  # a new clock, or a gap longer than the line
            self._line[:] = 0
        else:
            self._line[np.arange(self._end, sample) % KEEP_SAMPLES] = 0
        self._line[np.arange(sample, sample + len(far)) % KEEP_SAMPLES] = far
        self._end = sample + len(far)

    def read(self, place: float, pace: float) -> Int16s:
        """(160,) int16: the signal at place, place + pace, ... Silence where nothing was put, or too long ago."""
        first = int(np.floor(place))
        at = np.arange(first - HALF_TAPS, first + BLOCK_SAMPLES + HALF_TAPS)
        there = (at >= self._end - KEEP_SAMPLES) & (at < self._end) & (at >= 0)
        signal = np.where(there, self._line[at % KEEP_SAMPLES], np.float32(0))
        # The offset changes by a few hundredths of a sample within a block, so a straight line from the first filter to
        # the last is right to -94 dB at 1 kHz and -58 dB at the edge of the band (200 ppm).
        start, end = place - first, place + (pace - 1.0) * BLOCK_SAMPLES - first
        share = np.arange(BLOCK_SAMPLES) / BLOCK_SAMPLES
        ways = [np.convolve(signal, kernel(offset)[::-1], "valid") for offset in (start, end)]
        mixed = ways[0] * (1 - share) + ways[1] * share
        out: Int16s = np.clip(np.rint(mixed), -32768, 32767).astype(np.int16)
        return out


class FarAligner:
    """Far end and ring positions by the microphone's clock. Sans-IO: fed with the blocks of both cards."""

    def __init__(self) -> None:
        self.meter = DriftMeter()
        self.jumps = 0  #: how often the place had to jump after the first block
        self._line = FarLine()
        self._positions: deque[tuple[int, Span]] = deque()  # (loudspeaker's sample, positions from there on)
        self._place: float | None = None
        self._blocks = 0
        self._newest = 0  # ring position after the last one that was told
        self._sounded = False  # before the clocks were known

    def played(self, timed: TimedBlock) -> None:
        """A block of the loudspeaker's: its `far`, `played` and `dac_ns`."""
        block = timed.block
        self.meter.loudspeaker.feed(block.sample, timed.dac_ns)
        self._line.put(block.sample, block.far)
        if block.played.end > block.played.start:
            self._positions.append((block.sample, block.played))

    def heard(self, timed: TimedBlock) -> Block:
        """A block of the microphone's, with what sounds `LEAD_SAMPLES` after it as the far end."""
        block = timed.block
        self.meter.microphone.feed(block.sample, timed.adc_ns)
        aligned = replace(self._aligned(block), muted=block.muted)
        if block.far_sample is None:
            return aligned
        # the microphone's card hears the loudspeaker on a wire: no better reference than that
        return replace(aligned, far=block.far, far_sample=block.far_sample, far_known=True)

    def _aligned(self, block: Block) -> Block:
        if not self.meter.ready:
            # Two tenths of a second at the start. What was handed over meanwhile counts as played when it is.
            played = self._told(None)
            self._sounded = self._sounded or played.end > played.start
            silence = np.zeros_like(block.mic)
            return Block(block.sample, block.mic, silence, played, block.sample, far_known=not self._sounded)
        place = self.meter.frame_out_at(block.sample + LEAD_SAMPLES)
        if self._place is None or abs(place - self._place) > JUMP_SAMPLES:
            self.jumps += self._place is not None
            self._place = place
            self._blocks = 0  # since then
        pace = 1.0 + self.meter.ppm * 1e-6
        slew = (place - self._place) / min(SLEW_PARTS[0] + self._blocks, SLEW_PARTS[1])
        slew = min(max(slew, -SLEW_SAMPLES), SLEW_SAMPLES)
        self._blocks += 1
        pace += slew / BLOCK_SAMPLES
        far = self._line.read(self._place, pace)
        self._place += pace * BLOCK_SAMPLES
        return Block(block.sample, block.mic, far, self._told(int(self._place)), block.sample + LEAD_SAMPLES)

    def _told(self, until: int | None) -> Span:
        """The next stretch of ring positions that has sounded before the loudspeaker's sample `until`.

        One stretch a block: what follows a flush within the same 10 ms is told with the next block.
        """
        start = end = self._newest
        while self._positions:
            sample, span = self._positions[0]
            count = span.end - span.start if until is None else min(span.end - span.start, until - sample)
            if count <= 0:
                break
            if start == end:
                start = end = span.start
            elif span.start != end:
                break
            end += count
            self._positions.popleft()
            if span.start + count < span.end:
                self._positions.appendleft((sample + count, Span(span.start + count, span.end)))
                break
        self._newest = end
        return Span(start, end)


class TwoCards:
    """The same interface as `Duplex`, on one of each card. `read` side from one thread."""

    def __init__(self, microphone: Duplex, loudspeaker: Duplex) -> None:
        """The two are owned from here on; they may run at different rates."""
        self.microphone, self.loudspeaker = microphone, loudspeaker
        self.aligner = FarAligner()

    @property
    def drift_ppm(self) -> float:
        """By how much the loudspeaker's clock is the faster."""
        return self.aligner.meter.ppm

    def play(self, pcm: Int16s) -> Span:
        """`Duplex.play` on the loudspeaker."""
        return self.loudspeaker.play(pcm)

    def flush(self) -> None:
        """`Duplex.flush` on the loudspeaker."""
        self.loudspeaker.flush()

    def mute(self, muted: bool) -> None:
        """`Duplex.mute` on the microphone."""
        self.microphone.mute(muted)

    @property
    def muted(self) -> bool:
        """Did the microphone's newest callback zero it?"""
        return self.microphone.muted

    def set_volume(self, factor: float) -> None:
        """`Duplex.set_volume` on the loudspeaker."""
        self.loudspeaker.set_volume(factor)

    def next_block(self) -> Block | None:
        """The oldest block of the microphone that was not read yet, None when there is none."""
        timed = self.microphone.next_timed()
        # The loudspeaker's blocks are read after the microphone's: what sounds now was handed over before.
        while (played := self.loudspeaker.next_timed()) is not None:
            self.aligner.played(played)
        return None if timed is None else self.aligner.heard(timed)

    def wait(self, timeout_s: float) -> bool:
        """Sleep until the microphone's callback has run again, or until the time is up (False)."""
        return self.microphone.wait(timeout_s)

    def wake(self) -> None:
        """End a `wait` early, from any thread."""
        self.microphone.wake()

    @property
    def thread_ids(self) -> tuple[int, ...]:
        """`Duplex.thread_ids` of both."""
        return self.microphone.thread_ids + self.loudspeaker.thread_ids

    def age_s(self) -> float:
        """Seconds since the callback of the staler card ran."""
        return max(self.microphone.age_s(), self.loudspeaker.age_s())

    def stats(self) -> CardStats:
        """Blocks and losses of the microphone, underflows and starvation of the loudspeaker."""
        heard, played = self.microphone.stats(), self.loudspeaker.stats()
        return CardStats(
            blocks=heard.blocks,
            capture_lost_samples=heard.capture_lost_samples,
            capture_overflows=heard.capture_overflows,
            playback_underflows=played.playback_underflows,
            starved_samples=played.starved_samples,
            worst_interval_ms=max(heard.worst_interval_ms, played.worst_interval_ms),
        )

    @property
    def odd_blocks(self) -> int:
        """Callbacks of another length than was asked for, of both cards."""
        return self.microphone.odd_blocks + self.loudspeaker.odd_blocks

    def close(self) -> None:
        """Both; only after both callbacks have ended."""
        self.microphone.close()
        self.loudspeaker.close()
