"""A card on paper: blocks for a calibration, as fast as they can be counted."""

from collections.abc import Iterator

import numpy as np

from device.audio.drifting_echo import ClockDrift
from device.audio.frontend import FrontEnd
from device.audio.rooms import BlockConvolver
from device.card import BLOCK_SAMPLES, Block, Span
from device.diagnostics.calibration import Calibration
from models.protocols import Floats, Int16s


class Room:
    """Loudspeaker -> `taps` -> microphone, `offset` samples after a block was handed over."""

    def __init__(
        self, taps: Floats | None, *, offset: int = 160, noise_rms: float = 0.0, drift_ppm: float = 0.0
    ) -> None:
        self.offset = offset
        self._drift = ClockDrift(drift_ppm, 100) if drift_ppm else None  # 100 samples that the room gains
        self._room = None if taps is None else BlockConvolver(taps, BLOCK_SAMPLES)
        self._noise_rms = noise_rms
        self._rng = np.random.default_rng(5)
        self._queue = np.zeros(0, np.int16)
        self._sounding = np.zeros(offset)
        self._position = 0
        self._sample = 0

    def play(self, pcm: Int16s) -> None:
        self._queue = np.concatenate((self._queue, pcm))

    def blocks(self) -> Iterator[Block]:
        while True:
            yield self.block()

    def block(self) -> Block:
        piece, self._queue = self._queue[:BLOCK_SAMPLES], self._queue[BLOCK_SAMPLES:]
        far = np.pad(piece, (0, BLOCK_SAMPLES - len(piece)))
        self._sounding = np.concatenate((self._sounding, far))
        sounds, self._sounding = self._sounding[:BLOCK_SAMPLES], self._sounding[BLOCK_SAMPLES:]
        if self._drift is not None:
            sounds = self._drift.process(sounds)
        heard = np.zeros(BLOCK_SAMPLES) if self._room is None else self._room.process(sounds)
        heard = heard + self._rng.standard_normal(BLOCK_SAMPLES) * self._noise_rms
        mic = np.clip(np.rint(heard), -32768, 32767).astype(np.int16)
        played = Span(self._position, self._position + len(piece))
        self._position = played.end
        self._sample += BLOCK_SAMPLES
        start = self._sample - BLOCK_SAMPLES
        return Block(start, mic, far, played, start + self.offset)


def measured(room: Room, *, sentence: Int16s | None = None, limit_s: float = 60.0) -> Calibration:
    """A whole calibration in that room."""
    with FrontEnd() as front_end:
        calibration = Calibration("paper", front_end, sentence=sentence)
        for block in room.blocks():
            sound = calibration.feed(block)
            if sound is not None:
                room.play(sound)
            if calibration.done:
                return calibration
            assert block.sample < limit_s * 16_000, "it never ends"
    raise AssertionError
