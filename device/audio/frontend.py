"""From what the card delivers to what the recogniser hears: the microphone without the assistant's own voice.

    with FrontEnd(tail_ms=200) as front_end:
        clean = front_end.process(block)    # clean[0] is capture sample block.sample - front_end.delay_samples

The far end is laid on the time line where it leaves the loudspeaker (`Block.dac_sample`), so the canceller's tail
models the room alone and none of it is spent on the card's output buffer; and when that buffer's length changes after
an underflow, the learned room stays valid. What the loudspeaker adds to that, as those on Bluetooth do, is found from
the sound (`alignment.py`). Whether a voice in the clean audio can be a person's is told by `evidence.py`; until it can,
`far_end_gate.py` turns down what the recogniser hears, and `for_detector` is the sound from before that. Until the room
is known the recogniser hears what the filter alone left, the detector next to nothing.
"""

from types import TracebackType
from typing import Self

import numpy as np
import numpy.typing as npt

from device.audio.alignment import DelayAlignment
from device.audio.evidence import NearEndEvidence
from device.audio.far_end_gate import FarEndGate
from device.card import BLOCK_SAMPLES, Block
from dsp.echo import QUIET_PEAK, EchoCanceller
from models.protocols import SAMPLE_RATE_HZ, Int16s

_RISE = np.arange(1, BLOCK_SAMPLES + 1, dtype=np.float32) / BLOCK_SAMPLES
Indices = npt.NDArray[np.intp]

#: The far end is put this much earlier than its DAC time: the driver's times may be wrong by so much, and the filter
#: is causal, it can use a far end that comes too early and not one that comes too late.
GUARD_SAMPLES = SAMPLE_RATE_HZ * 4 // 1000
#: The offset between ADC and DAC is followed only when it moves by more: times jitter by a sample or two.
FOLLOW_SAMPLES = SAMPLE_RATE_HZ * 2 // 1000
#: Output latencies above this are a driver's fantasy.
MAX_OFFSET_SAMPLES = SAMPLE_RATE_HZ
#: The loudspeaker counts as silent after so many blocks. Its reverberation is gone sooner, but a voice detector that
#: has heard it believes in a voice for a quarter of a second more, and what it hears then is the room's noise.
QUIET_AFTER_BLOCKS = 100

#: After a longer gap in the capture clock the card was away: where it stands now nobody knows.
FORGET_AFTER_SAMPLES = SAMPLE_RATE_HZ // 4


class FarEndLine:
    """Far-end samples by the capture time at which they sound, pulled back by the guard."""

    def __init__(self) -> None:
        self._line = np.zeros(3 * MAX_OFFSET_SAMPLES + 2 * BLOCK_SAMPLES, np.int16)  # circular, by capture sample
        self._offset = -1
        self._now = 0
        self._next_sample = 0
        self.moves = 0  #: how often the offset changed after the first block: each is an xrun or a driver's jump

    def at_capture_time(self, block: Block) -> Int16s:
        """Put the block's far end where it sounds; returns (160,), what sounds during the block's microphone.

        A loop-back channel (`Block.far_sample`) needs no guard: the card itself has dated it.
        """
        if block.sample != self._next_sample:  # blocks were lost: what lies ahead belongs to another time
            self._line[:] = 0
        self._next_sample = block.sample + BLOCK_SAMPLES
        sounds_at = block.dac_sample - GUARD_SAMPLES if block.far_sample is None else block.far_sample
        offset = min(max(sounds_at - block.sample, 0), MAX_OFFSET_SAMPLES)
        if abs(offset - self._offset) > FOLLOW_SAMPLES or self._offset < 0:
            self.moves += self._offset >= 0
            self._offset = offset
        self._now = block.sample
        self._line[self._places(-MAX_OFFSET_SAMPLES)] = 0  # the place is used again two seconds on
        self._line[self._places(self._offset)] = block.far
        return self.delayed(0)

    def delayed(self, samples: int) -> Int16s:
        """(160,): what sounded `samples` before the newest block's microphone, at most a second; negative: after it."""
        out: Int16s = self._line[self._places(-samples)]
        return out

    def _places(self, shift: int) -> Indices:
        out: Indices = (self._now + shift + np.arange(BLOCK_SAMPLES)) % len(self._line)
        return out


class FrontEnd:
    """Echo canceller and residual suppressor on the card's blocks. One thread feeds it."""

    def __init__(self, tail_ms: float = 200, *, residual_db: int = -60, residual_active_db: int = -40) -> None:
        """`tail_ms`: the longest echo in the room. `residual_db`: how far what the filter leaves is turned down,
        `residual_active_db` while somebody speaks over it. Raises ValueError for values out of range.
        """
        self._canceller = EchoCanceller(tail_ms, residual_db=residual_db, residual_active_db=residual_active_db)
        self._far = FarEndLine()
        self._next_sample = 0
        self._muted = False
        self._alignment = DelayAlignment(reach_samples=self._canceller.tail_samples // 4)
        self._evidence = NearEndEvidence()
        self._gate = FarEndGate()
        self._tail_blocks = self._canceller.tail_samples // BLOCK_SAMPLES
        self._quiet_for = QUIET_AFTER_BLOCKS
        self._near_end_likely = True
        self._knew = False
        self._for_detector: Int16s = np.zeros(BLOCK_SAMPLES, np.int16)
        self.delay_samples: int = self._canceller.delay_samples

    def process(self, block: Block) -> Int16s:
        """(160,) int16: the microphone from capture sample `block.sample - delay_samples` on, without the echo."""
        if block.sample - self._next_sample > FORGET_AFTER_SAMPLES and self._next_sample:
            self.reset()
        self._next_sample = block.sample + BLOCK_SAMPLES
        far = self._far.at_capture_time(block)
        if block.muted:  # zeros beside a far end would teach the filter a room without an echo: it waits instead
            self._muted = True
            self._for_detector = np.zeros(BLOCK_SAMPLES, np.int16)
            return self._for_detector
        if self._alignment.feed(far, block.mic):  # the filter learnt nothing of use where the far end lay before
            self._canceller.reset()
            self._evidence.reset()
        if self._alignment.delay_samples:
            far = self._far.delayed(self._alignment.delay_samples)
        clean = self._canceller.process(block.mic, far)
        words = self._for_recogniser(clean)
        if self._muted:  # the canceller lags by a block: this is the one from before the mute
            self._muted = False
            clean = words = np.zeros(BLOCK_SAMPLES, np.int16)
        sounds = not block.far_known or int(np.abs(far).max()) > QUIET_PEAK
        self._quiet_for = 0 if sounds else min(self._quiet_for + 1, QUIET_AFTER_BLOCKS)
        likely = self._evidence.feed(
            self._canceller.powers(),
            sounding=self._quiet_for < QUIET_AFTER_BLOCKS,
            adapted=self.knows_the_room or self._quiet_for > self._tail_blocks,
        )
        self._near_end_likely = likely and block.far_known  # nothing of an unknown far end is taken away
        self._for_detector = clean
        alone = self._quiet_for <= self._tail_blocks and self.knows_the_room and not self._near_end_likely
        return self._gate.process(words, shut=alone)

    def _for_recogniser(self, clean: Int16s) -> Int16s:
        """Until the room is known `clean` is turned down by 24 dB, with whoever speaks: then what the filter left.

        A detector must not hear that, for it is the echo itself; words that somebody said over the echo are in it.
        """
        knew, self._knew = self._knew, self.knows_the_room
        if knew and self._knew:
            return clean
        left = self._canceller.linear()
        if not self._knew:
            return left
        out: Int16s = (left + (clean.astype(np.float32) - left) * _RISE).astype(np.int16)
        return out

    @property
    def for_detector(self) -> Int16s:
        """(160,) int16: what `process` last returned, from before the gate; not to be written to."""
        return self._for_detector

    @property
    def near_end_likely(self) -> bool:
        """False: what is in the clean audio just now may be the loudspeaker's own voice, music or click."""
        return self._near_end_likely

    @property
    def knows_the_room(self) -> bool:
        """False in the first second or two that the loudspeaker ever sounds: a voice heard then may be its own."""
        return self._canceller.adapted

    @property
    def erle_db(self) -> float:
        """How far the echo is turned down by the filter alone, in its worse moments; 0 while nothing is known."""
        return self._evidence.erle_db

    @property
    def extra_delay_samples(self) -> int:
        """By how much the loudspeaker is later than the card says, as found from the sound."""
        return self._alignment.delay_samples

    def reset(self) -> None:
        """Forget the room and what was played: after a change of card."""
        self._canceller.reset()
        self._far = FarEndLine()
        self._alignment.reset()
        self._evidence.reset()
        self._gate.reset()
        self._quiet_for = QUIET_AFTER_BLOCKS

    def close(self) -> None:
        """Free the canceller; safe to call twice."""
        self._canceller.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self.close()


class PassThrough:
    """The microphone as it is, for a card that cancels echo by itself or a headset. No delay."""

    delay_samples = 0
    near_end_likely = True

    def __init__(self) -> None:
        self.for_detector: Int16s = np.zeros(BLOCK_SAMPLES, np.int16)

    def process(self, block: Block) -> Int16s:
        """`block.mic`."""
        self.for_detector = block.mic
        return block.mic

    def close(self) -> None:
        """Nothing to free."""
