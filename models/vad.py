"""Silero VAD: is there a voice in these 32 ms?

    vad = SileroVad(store.path("silero-vad"))
    for frame in frames_of_512: p = vad.probability(frame)

The network is recurrent and looks 4 ms back: both the state and the last 64 samples are carried from frame to frame,
as in `silero_vad/utils_vad.py` (OnnxWrapper) of the silero-vad package, version 6.2.
"""

from pathlib import Path
from typing import Any

import numpy as np

from models.errors import ModelDamagedError, ModelRunError
from models.onnx import open_session
from models.protocols import SAMPLE_RATE_HZ, Floats

FRAME_SAMPLES = 512
CONTEXT_SAMPLES = 64
_STATE_SHAPE = (2, 1, 128)
_INPUTS = {"input", "state", "sr"}


class SileroVad:
    """Speech probability of one stream of audio. Not thread-safe: one object a stream."""

    frame_samples: int = FRAME_SAMPLES

    def __init__(self, path: Path) -> None:
        """Load the model; raises ModelMissingError, or ModelDamagedError when the file is not Silero VAD v5/v6."""
        # one thread: a frame is 0.07 ms of work, handing it to a second thread costs more than it saves
        self._session: Any = open_session(path, threads=1)
        if {i.name for i in self._session.get_inputs()} != _INPUTS:
            raise ModelDamagedError(
                f"{path} is an ONNX model, but not Silero VAD", hint="pull it again: 'nearfield models pull silero-vad'"
            )
        self._begin()

    def fresh(self) -> "SileroVad":
        """Another stream through the same network, with nothing heard yet."""
        twin = SileroVad.__new__(SileroVad)
        twin._session = self._session
        twin._begin()
        return twin

    def _begin(self) -> None:
        self._rate = np.array(SAMPLE_RATE_HZ, dtype=np.int64)
        self._input = np.zeros((1, CONTEXT_SAMPLES + FRAME_SAMPLES), dtype=np.float32)
        self._state = np.zeros(_STATE_SHAPE, dtype=np.float32)

    def probability(self, frame: Floats) -> float:
        """`frame`: (512,) float32 in -1..1 at 16 kHz. Returns 0..1. Raises ModelRunError."""
        if frame.shape != (FRAME_SAMPLES,):
            raise ModelRunError(f"Silero VAD takes frames of {FRAME_SAMPLES} samples, not an array of {frame.shape}")
        self._input[0, :CONTEXT_SAMPLES] = self._input[0, -CONTEXT_SAMPLES:]
        self._input[0, CONTEXT_SAMPLES:] = frame
        try:
            out, self._state = self._session.run(None, {"input": self._input, "state": self._state, "sr": self._rate})
        except Exception as error:  # the runtime's own exception classes share no base but this one
            raise ModelRunError(f"Silero VAD failed: {error}") from error
        return float(out[0, 0])

    def reset(self) -> None:
        """Forget the past: the next frame begins a new stretch of audio."""
        self._input[:] = 0.0
        self._state = np.zeros(_STATE_SHAPE, dtype=np.float32)

    def close(self) -> None:
        """Free the runtime's memory; the object is of no use afterwards."""
        self._session = None
