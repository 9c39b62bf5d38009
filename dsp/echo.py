"""Acoustic echo cancellation on blocks of 10 ms at 16 kHz.

    with EchoCanceller(tail_ms=200) as canceller:
        clean = canceller.process(near, far)       # int16[160] each; near without echo, `delay_samples` late

SpeexDSP's adaptive filter (MDF, Valin 2007) takes away what the loudspeaker adds to the microphone, and its
preprocessor, tied to the filter, turns down what the filter left over. The preprocessor works on overlapping windows
and lags by one block. While nothing is played it is cross-faded out, because then it could only shave the voice of the
user. Until the filter has adapted, the first 0.6 to 2 s of the first answer, the output is turned down by 24 dB while
the loudspeaker sounds: it would be the echo itself.

How the suppression defaults were chosen is told in docs/audio.md.
"""

import math
from dataclasses import dataclass
from types import TracebackType
from typing import Self

import numpy as np

from dsp.buffers import contiguous_int16, pointer
from dsp.native import _native
from dsp.types import BLOCK_SAMPLES, SAMPLE_RATE_HZ, Int16s

_lib = _native.lib

#: A far-end block whose samples all stay within this is silence (-72 dBFS): it makes no echo that a microphone hears.
QUIET_PEAK = 8


@dataclass(frozen=True, slots=True)
class EchoPowers:
    """Of one block: mean squares of the first difference, in int16 units squared. `near` is not delayed."""

    near: float  #: the microphone
    linear: float  #: what the filter left: the near end, and the echo that it cannot model
    estimate: float  #: what it took away


class EchoCanceller:
    """Not thread-safe: one thread feeds it. `process` releases the GIL."""

    block_samples = BLOCK_SAMPLES
    #: How many samples `process`'s output lags its input: out[i] stands for near[i - delay_samples].
    delay_samples = BLOCK_SAMPLES

    def __init__(
        self,
        tail_ms: float = 200,
        *,
        noise_suppress_db: int = -30,
        residual_db: int = -60,
        residual_active_db: int = -40,
        dereverb_passes: int = 0,
    ) -> None:
        """`tail_ms`: the longest echo it can follow, output latency included; each `_db` the most that is turned down.

        `residual_active_db` holds while the near end seems to speak. Raises ValueError for values out of range.
        """
        if not 10 <= tail_ms <= 1000:
            raise ValueError(f"tail_ms must lie in 10..1000, not {tail_ms}")
        if max(noise_suppress_db, residual_db, residual_active_db) > 0:
            raise ValueError("suppression is given as dB below 0")
        if dereverb_passes not in (0, 1):
            raise ValueError("dereverb_passes must be 0 or 1")
        tail_samples = math.ceil(tail_ms * SAMPLE_RATE_HZ / 1000 / BLOCK_SAMPLES) * BLOCK_SAMPLES
        options = _native.ffi.new(
            "nf_echo_options *",
            {
                "rate_hz": SAMPLE_RATE_HZ,
                "block": BLOCK_SAMPLES,
                "tail": tail_samples,
                "noise_suppress_db": noise_suppress_db,
                "residual_db": residual_db,
                "residual_active_db": residual_active_db,
                "dereverb": dereverb_passes,
                "quiet_peak": QUIET_PEAK,
                "quiet_blocks": tail_samples // BLOCK_SAMPLES + 2,
            },
        )
        state = _lib.nf_echo_new(options)
        if state == _native.ffi.NULL:
            raise MemoryError("no memory for an echo canceller")
        self.tail_samples = tail_samples
        self._state = _native.ffi.gc(state, _lib.nf_echo_free)
        self._powers = _native.ffi.new("nf_echo_powers *")
        self._open = True

    def process(self, near: Int16s, far: Int16s) -> Int16s:
        """`near`, `far`: (160,) int16 of one time. Returns (160,) int16, `delay_samples` late.

        Raises ValueError for another length, TypeError for another dtype, RuntimeError after `close`.
        """
        near, far = contiguous_int16(near), contiguous_int16(far)
        if near.shape != (BLOCK_SAMPLES,) or far.shape != (BLOCK_SAMPLES,):
            raise ValueError(f"blocks of {BLOCK_SAMPLES} samples are needed, not {near.shape} and {far.shape}")
        clean = np.empty(BLOCK_SAMPLES, np.int16)
        _lib.nf_echo_process(self._live(), pointer(near), pointer(far), pointer(clean))
        return clean

    @property
    def adapted(self) -> bool:
        """False while the filter still learns the room: whatever it lets through then may be the loudspeaker."""
        return bool(_lib.nf_echo_adapted(self._live()))

    def powers(self) -> EchoPowers:
        """Of the block that was processed last."""
        _lib.nf_echo_last_powers(self._live(), self._powers)
        return EchoPowers(self._powers.near, self._powers.linear, self._powers.estimate)

    def linear(self) -> Int16s:
        """(160,) int16: what the filter alone left, of the same time as `process` last returned; not turned down."""
        left = np.empty(BLOCK_SAMPLES, np.int16)
        _lib.nf_echo_last_linear(self._live(), pointer(left))
        return left

    def reset(self) -> None:
        """Forget the room: after a change of card or of its latency."""
        _lib.nf_echo_reset(self._live())

    def close(self) -> None:
        """Free the state; safe to call twice."""
        if self._open:
            self._open = False
            _native.ffi.release(self._state)

    def _live(self) -> object:
        if not self._open:
            raise RuntimeError("this echo canceller is closed")
        return self._state

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self.close()
