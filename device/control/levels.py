"""How loud it is, ten times a second, for a page or a terminal. Sans-IO.

levels = Levels()
reading = levels.feed(block)      # {"type": "levels", "mic_db": -41.2, "far_db": -90.0}, or None: not yet
"""

from typing import Any

import numpy as np

from device.card import Block
from models.protocols import Int16s

#: In dB of full scale; less is none.
QUIETEST_DB = -90.0
BLOCKS = 10  #: of 10 ms a reading


class Levels:
    """RMS of the microphone and of what the loudspeaker was given, dB of full scale, over 100 ms each."""

    def __init__(self) -> None:
        self._mic = self._far = 0.0
        self._blocks = 0

    def feed(self, block: Block) -> dict[str, Any] | None:
        """Every block."""
        self._mic += _power(block.mic)
        self._far += _power(block.far)
        self._blocks += 1
        if self._blocks < BLOCKS:
            return None
        reading = {"type": "levels", "mic_db": _db(self._mic / BLOCKS), "far_db": _db(self._far / BLOCKS)}
        self._mic = self._far = 0.0
        self._blocks = 0
        return reading


def _power(pcm: Int16s) -> float:
    return float(np.mean(np.square(pcm.astype(np.float32) / 32768))) if pcm.size else 0.0


def _db(power: float) -> float:
    return round(max(QUIETEST_DB, 10 * float(np.log10(power + 1e-12))), 1)
