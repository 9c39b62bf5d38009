"""NumPy arrays as C pointers, checked: the one place where a wrong shape becomes an error and not a crash.

lib.nf_ring_write(ring, int16_in(frames), len(frames))
"""

from typing import Any

import numpy as np

from dsp.native import _native
from dsp.types import Int16s


def contiguous_int16(pcm: Int16s) -> Int16s:
    """`pcm` itself, or a C-contiguous copy. Raises TypeError when it is not int16: a silent cast would lose sound."""
    array = np.asarray(pcm)
    if array.dtype != np.int16:
        raise TypeError(f"int16 samples are needed, not {array.dtype}")
    return np.ascontiguousarray(array)


def pointer(array: Int16s) -> Any:
    """`const int16_t *` to a contiguous array, which the caller keeps alive during the call."""
    return _native.ffi.from_buffer("int16_t[]", array)
