"""The native half of a sound card's duplex stream, at the card's own rate.

    core = DuplexCore(48_000, wake_fd=fd)
    Pa_OpenStream(..., core.callback_address, core.user_address)      # or core.tick(mic, dac_offset_frames)
    core.play(pcm); core.flush(); record = core.next()

What the rings, positions and counters mean is told in dsp/native/duplex.h. One thread reads (`next`), one at a time
writes (`play`, `flush`); the callback is a third. `device.audio.duplex.Duplex` is the same at 16 kHz and safe for any
thread.
"""

from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np

from dsp.buffers import contiguous_int16, pointer
from dsp.native import _native
from dsp.types import Int16s

_ffi, _lib = _native.ffi, _native.lib

#: How a stream's samples may lie in memory, in the order in which they are tried; also NumPy's names for them.
SampleFormat = Literal["int16", "int32", "float32"]
SAMPLE_FORMATS: tuple[SampleFormat, ...] = get_args(SampleFormat)


@dataclass(frozen=True, slots=True)
class Record:
    """What one callback heard and played. Frames and positions at the card's rate."""

    frame: int  #: capture clock of mic[0]
    mic: Int16s  #: (block,)
    far: Int16s  #: (block,)
    played_from: int  #: far[: played_to - played_from] came from these positions, the rest is silence
    played_to: int
    dac_offset_frames: float  #: from mic[0] at the ADC to far[0] at the DAC
    status: int  #: PortAudio's status flags
    monotonic_ns: int  #: when the callback ran
    muted: bool  #: mic was replaced by zeros
    adc_ns: int  #: monotonic clock: mic[0] at the ADC, as the driver says
    dac_ns: int  #: monotonic clock: far[0] at the DAC


@dataclass(frozen=True, slots=True)
class Counters:
    """Counters since the start; frames at the card's rate."""

    blocks: int
    capture_lost: int
    overflows: int
    underflows: int
    starved: int
    odd_blocks: int
    last_callback_ns: int
    worst_interval_ns: int  #: longest time between two callbacks
    thread_id: int  #: of the thread that runs the callback, 0 before the first


class DuplexCore:
    """Owns the native state. It must outlive the stream that was given its addresses."""

    def __init__(
        self,
        rate_hz: int,
        channels_in: int = 1,
        channels_out: int = 1,
        mic_channel: int = 0,
        wake_fd: int = -1,
        *,
        format_in: SampleFormat = "int16",
        format_out: SampleFormat = "int16",
        reference_channel: int = -1,
    ) -> None:
        """`reference_channel`: the input channel that stands in for `far`, -1 for none.

        Raises ValueError for a rate that is no multiple of 25, channels outside 1..8 or an unknown format; MemoryError.
        """
        if rate_hz % 25 or not 4000 <= rate_hz <= 768_000:
            raise ValueError(f"a card cannot run at {rate_hz} Hz: a multiple of 25 between 4000 and 768000 is needed")
        if not (1 <= channels_in <= 8 and 1 <= channels_out <= 8 and 0 <= mic_channel < channels_in):
            raise ValueError(f"channel {mic_channel} of {channels_in} in and {channels_out} out cannot be served")
        self.rate_hz = rate_hz
        state = _lib.nf_duplex_new(rate_hz, channels_in, channels_out, mic_channel, wake_fd)
        if state == _ffi.NULL:
            raise MemoryError("no memory for the rings of a sound card")
        self._state = _ffi.gc(state, _lib.nf_duplex_free)
        formats = [SAMPLE_FORMATS.index(each) for each in (format_in, format_out)]  # ValueError for another
        if not _lib.nf_duplex_configure(state, *formats, reference_channel):
            raise ValueError(f"there is no input channel {reference_channel} to take the reference from")
        self.channels_in, self.format_in = channels_in, format_in
        self.channels_out, self.format_out = channels_out, format_out
        self.block_frames = int(_lib.nf_duplex_block_frames(state))
        self._record = _ffi.new("nf_record *")

    @property
    def callback_address(self) -> int:
        """Address of the `PaStreamCallback`."""
        return int(_ffi.cast("uintptr_t", _ffi.addressof(_lib, "nf_duplex_callback")))

    @property
    def user_address(self) -> int:
        """Address of the state, the callback's `userData`."""
        return int(_ffi.cast("uintptr_t", self._state))

    @property
    def written(self) -> int:
        """Position that the next `play` starts at."""
        return int(_lib.nf_duplex_written(self._state))

    @property
    def consumed(self) -> int:
        """Position that the next callback plays from."""
        return int(_lib.nf_duplex_consumed(self._state))

    @property
    def room(self) -> int:
        """Frames that `play` would take now."""
        return int(_lib.nf_duplex_room(self._state))

    def set_default_dac_offset(self, frames: float) -> None:
        """What to assume where the driver gives no times."""
        _lib.nf_duplex_set_default_dac_offset(self._state, frames)

    def play(self, pcm: Int16s) -> bool:
        """Queue (n,) int16, all of it or, when there is no room, nothing (False)."""
        pcm = contiguous_int16(pcm)
        return bool(_lib.nf_duplex_play(self._state, pointer(pcm), pcm.size))

    def flush(self) -> None:
        """Drop all that is queued now; the next callback obeys, with a ramp of 3 ms."""
        _lib.nf_duplex_flush(self._state)

    def set_muted(self, muted: bool) -> None:
        """From the next callback on the microphone's blocks are zeros; any thread."""
        _lib.nf_duplex_set_muted(self._state, muted)

    @property
    def muted(self) -> bool:
        """What the newest callback did, not what was asked: True once a block has been zeroed."""
        return bool(_lib.nf_duplex_muted(self._state))

    def set_volume(self, factor: float) -> None:
        """Multiply what is played by 0..1 (clipped to that), from the next callback on; any thread."""
        _lib.nf_duplex_set_volume(self._state, factor)

    def next(self) -> Record | None:
        """The oldest block not read yet."""
        mic, far = np.empty(self.block_frames, np.int16), np.empty(self.block_frames, np.int16)
        record = self._record
        if not _lib.nf_duplex_next(self._state, record, pointer(mic), pointer(far)):
            return None
        return Record(
            record.frame,
            mic,
            far,
            record.played_from,
            record.played_to,
            record.dac_offset,
            record.status,
            record.monotonic_ns,
            bool(record.muted),
            record.adc_ns,
            record.dac_ns,
        )

    def tick(self, mic: Int16s, dac_offset_frames: float) -> Int16s:
        """Be the card: hand in one block (block_frames,), get what the loudspeaker plays in the same block."""
        mic = contiguous_int16(mic)
        if mic.shape != (self.block_frames,):
            raise ValueError(f"a block of {self.block_frames} samples is needed, not {mic.shape}")
        return self.tick_frames(mic[:, None], dac_offset_frames)[:, 0]

    def tick_frames(self, frames: np.ndarray[Any, Any], dac_offset_frames: float) -> np.ndarray[Any, Any]:
        """Be a card of any layout: (block_frames, channels_in) of `format_in` in, the same of the output out.

        Raises ValueError for another shape or dtype.
        """
        shape = (self.block_frames, self.channels_in)
        if frames.shape != shape or frames.dtype != self.format_in:
            raise ValueError(f"{shape} {self.format_in} are needed, not {frames.shape} {frames.dtype}")
        out = np.empty((self.block_frames, self.channels_out), self.format_out)
        frames = np.ascontiguousarray(frames)
        _lib.nf_duplex_tick(self._state, _ffi.from_buffer(frames), _ffi.from_buffer(out), dac_offset_frames)
        return out

    def counters(self) -> Counters:
        """A snapshot of the counters. Safe from any thread: the struct is filled on the caller's own copy."""
        c = _ffi.new("nf_counters *")
        _lib.nf_duplex_count(self._state, c)
        return Counters(
            c.blocks,
            c.capture_lost,
            c.overflows,
            c.underflows,
            c.starved,
            c.odd_blocks,
            c.last_callback_ns,
            c.worst_interval_ns,
            c.thread_id,
        )


def monotonic_ns() -> int:
    """The clock of `Record.monotonic_ns` (CLOCK_MONOTONIC)."""
    return int(_lib.nf_monotonic_ns())
