"""A bounded ring of int16 frames between one writer thread and one reader thread, without a lock.

    ring = Ring(min_frames=16_000)
    ring.write(pcm)                     # one thread: how many frames were taken
    block = ring.read(160)              # another: at most 160 frames

Positions are absolute frame counts. Nothing is overwritten: a full ring takes less than it was given, and says so.
"""

import numpy as np

from dsp.buffers import contiguous_int16, pointer
from dsp.native import _native
from dsp.types import Int16s

_lib = _native.lib


class Ring:
    """`channels` interleaved samples a frame; holds at least `min_frames` (rounded up to a power of two)."""

    def __init__(self, min_frames: int, channels: int = 1) -> None:
        """Raises ValueError for sizes below 1, more than 64 channels or more than 2**30 frames; MemoryError."""
        if not (1 <= min_frames <= 2**30 and 1 <= channels <= 64):
            raise ValueError(f"a ring of {min_frames} frames of {channels} channels cannot be made")
        self.channels = channels
        ring = _lib.nf_ring_new(channels, min_frames)
        if ring == _native.ffi.NULL:
            raise MemoryError(f"no memory for a ring of {min_frames} frames")
        self._ring = _native.ffi.gc(ring, _lib.nf_ring_free)
        self.capacity = int(_lib.nf_ring_capacity(ring))

    @property
    def written(self) -> int:
        """Frames ever written."""
        return int(_lib.nf_ring_written(self._ring))

    @property
    def consumed(self) -> int:
        """Frames ever read or discarded."""
        return int(_lib.nf_ring_consumed(self._ring))

    @property
    def available(self) -> int:
        """Frames that can be read now."""
        return int(_lib.nf_ring_available(self._ring))

    @property
    def room(self) -> int:
        """Frames that can be written now."""
        return int(_lib.nf_ring_room(self._ring))

    def write(self, frames: Int16s) -> int:
        """`frames`: (n,) for one channel or (n, channels). Returns how many frames were taken, from the front."""
        pcm = contiguous_int16(frames)
        if pcm.size % self.channels or (pcm.ndim == 2 and pcm.shape[1] != self.channels) or pcm.ndim > 2:
            raise ValueError(f"frames of {self.channels} channels are needed, not an array of shape {pcm.shape}")
        return int(_lib.nf_ring_write(self._ring, pointer(pcm), pcm.size // self.channels))

    def read(self, count: int) -> Int16s:
        """At most `count` frames, (n,) for one channel, else (n, channels)."""
        wanted = max(0, min(count, self.available))
        out = np.empty(wanted * self.channels, np.int16)
        _lib.nf_ring_read(self._ring, pointer(out), wanted)
        return out if self.channels == 1 else out.reshape(-1, self.channels)

    def discard(self, count: int) -> int:
        """Drop at most `count` frames from the front; returns how many."""
        return int(_lib.nf_ring_discard(self._ring, max(0, count)))
