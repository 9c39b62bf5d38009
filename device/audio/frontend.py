"""From what the card delivers to what the recogniser hears: the microphone without the assistant's own voice.

    with FrontEnd(tail_ms=200) as front_end:
        clean = front_end.process(block)    # clean[0] is capture sample block.sample - front_end.delay_samples

The far end is laid on the time line where it leaves the loudspeaker (`Block.dac_sample`), so the canceller's tail
models the room alone and none of it is spent on the card's output buffer; and when that buffer's length changes after
an underflow, the learned room stays valid.
"""

from types import TracebackType
from typing import Self

import numpy as np

from device.card import BLOCK_SAMPLES, Block
from dsp.echo import EchoCanceller
from models.protocols import SAMPLE_RATE_HZ, Int16s

#: The far end is put this much earlier than its DAC time: the driver's times may be wrong by so much, and the filter
#: is causal, it can use a far end that comes too early and not one that comes too late.
GUARD_SAMPLES = SAMPLE_RATE_HZ * 4 // 1000
#: The offset between ADC and DAC is followed only when it moves by more: times jitter by a sample or two.
FOLLOW_SAMPLES = SAMPLE_RATE_HZ * 2 // 1000
#: Output latencies above this are a driver's fantasy.
MAX_OFFSET_SAMPLES = SAMPLE_RATE_HZ

#: After a longer gap in the capture clock the card was away: where it stands now nobody knows.
FORGET_AFTER_SAMPLES = SAMPLE_RATE_HZ // 4


class FarEndLine:
    """Far-end samples by the capture time at which they sound, pulled back by the guard."""

    def __init__(self) -> None:
        self._line = np.zeros(2 * MAX_OFFSET_SAMPLES + 2 * BLOCK_SAMPLES, np.int16)  # circular, by capture sample
        self._offset = -1
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
        size = len(self._line)
        ahead = (block.sample + self._offset + np.arange(BLOCK_SAMPLES)) % size
        now = (block.sample + np.arange(BLOCK_SAMPLES)) % size
        self._line[ahead] = block.far
        out: Int16s = self._line[now]
        self._line[now] = 0  # the place is used again two seconds on
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
        self.delay_samples: int = self._canceller.delay_samples

    def process(self, block: Block) -> Int16s:
        """(160,) int16: the microphone from capture sample `block.sample - delay_samples` on, without the echo."""
        if block.sample - self._next_sample > FORGET_AFTER_SAMPLES and self._next_sample:
            self.reset()
        self._next_sample = block.sample + BLOCK_SAMPLES
        far = self._far.at_capture_time(block)
        if block.muted:  # zeros beside a far end would teach the filter a room without an echo: it waits instead
            self._muted = True
            return np.zeros(BLOCK_SAMPLES, np.int16)
        clean = self._canceller.process(block.mic, far)
        if self._muted:  # the canceller lags by a block: this is the one from before the mute
            self._muted = False
            return np.zeros(BLOCK_SAMPLES, np.int16)
        return clean

    @property
    def knows_the_room(self) -> bool:
        """False in the first second or two that the loudspeaker ever sounds: a voice heard then may be its own."""
        return self._canceller.adapted

    def reset(self) -> None:
        """Forget the room and what was played: after a change of card."""
        self._canceller.reset()
        self._far = FarEndLine()

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
    knows_the_room = True

    def process(self, block: Block) -> Int16s:
        """`block.mic`."""
        return block.mic

    def close(self) -> None:
        """Nothing to free."""
