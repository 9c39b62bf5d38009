"""Sample-rate conversion: whole sounds, streams from files, and the live microphone.

    speech_16k = resample(pcm, 22_050, 16_000)
    live = LiveResampler(48_000, 16_000, channels=2); frames = live.process(block)

`resample` and `StreamResampler` are soxr at its HQ setting. A soxr *stream* works in large chunks: its output comes in
bursts, 37 ms (48 kHz) to 115 ms (8 kHz) late, which no conversation can afford. So the live path has `LiveResampler`,
SpeexDSP's polyphase filter, whose lag is a few milliseconds and constant (6 ms from 8 kHz, 3 ms from 44.1 kHz up).
"""

from typing import Any

import numpy as np
import soxr

from dsp.buffers import contiguous_int16, pointer
from dsp.native import _native
from dsp.types import Int16s

_lib = _native.lib


def resample(pcm: Int16s, from_hz: int, to_hz: int) -> Int16s:
    """`pcm`: (n,) or (n, channels) int16. Returns round(n * to_hz / from_hz) frames, time-aligned with the input."""
    pcm = contiguous_int16(pcm)
    if from_hz == to_hz or pcm.size == 0:
        return pcm
    out: Int16s = soxr.resample(pcm, from_hz, to_hz, quality="HQ")
    return out


class StreamResampler:
    """soxr over a stream. Late by up to 115 ms: for files and recordings, not for the live path."""

    def __init__(self, from_hz: int, to_hz: int, channels: int = 1) -> None:
        self.from_hz, self.to_hz, self.channels = from_hz, to_hz, channels
        self._stream: Any = soxr.ResampleStream(from_hz, to_hz, channels, dtype="int16", quality="HQ")

    def process(self, pcm: Int16s) -> Int16s:
        """What is ready: (n,) or (n, channels) like the input; often nothing, at times much."""
        out: Int16s = self._stream.resample_chunk(contiguous_int16(pcm))
        return out

    def flush(self) -> Int16s:
        """The rest; the stream begins anew after it."""
        empty = np.zeros((0, self.channels) if self.channels > 1 else 0, np.int16)
        out: Int16s = self._stream.resample_chunk(empty, last=True)
        self._stream.clear()
        return out


class LiveResampler:
    """A constant lag of a few milliseconds. Output frame k stands for input time k * from_hz / to_hz."""

    #: SpeexDSP's 0..10. More than 6 gains nothing that a recogniser hears: 8 lags 5 ms from 48 kHz, 10 lags 8 ms.
    QUALITY = 6

    def __init__(self, from_hz: int, to_hz: int, channels: int = 1) -> None:
        """Raises ValueError when SpeexDSP refuses the rates or the number of channels."""
        if from_hz <= 0 or to_hz <= 0 or channels <= 0:
            raise ValueError(f"cannot resample {channels} channels from {from_hz} to {to_hz} Hz")
        self.from_hz, self.to_hz, self.channels = from_hz, to_hz, channels
        state = _lib.nf_resampler_new(channels, from_hz, to_hz, self.QUALITY)
        if state == _native.ffi.NULL:
            raise ValueError(f"cannot resample {channels} channels from {from_hz} to {to_hz} Hz")
        self._state = _native.ffi.gc(state, _lib.nf_resampler_free)

    @property
    def lag_ms(self) -> float:
        """How long the output waits for input."""
        return float(_lib.nf_resampler_lag_frames(self._state)) * 1000 / self.from_hz

    def process(self, pcm: Int16s) -> Int16s:
        """`pcm`: (n,) or (n, channels) int16. Returns what is ready, in the same layout."""
        pcm = contiguous_int16(pcm)
        frames = pcm.size // self.channels
        room = frames * self.to_hz // self.from_hz + 2
        out = np.empty(room * self.channels, np.int16)
        made = int(_lib.nf_resampler_process(self._state, pointer(pcm), frames, pointer(out), room))
        out = out[: made * self.channels]
        return out if pcm.ndim == 1 else out.reshape(-1, self.channels)

    def reset(self) -> None:
        """Forget the past: the next frame is time 0 again."""
        _lib.nf_resampler_reset(self._state)
