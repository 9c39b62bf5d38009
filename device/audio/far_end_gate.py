"""What is left while only the loudspeaker speaks is turned down once more, for the recogniser.

    gate = FarEndGate()
    words = gate.process(clean, shut=sounding and adapted and not near_end_likely)      # each block

A loudspeaker that distorts, or whose clock is not the microphone's, leaves an echo that no linear filter takes away.
While nothing is evidence of a person (`evidence.py`) it need not be heard. The voice detector is given the sound from
before the gate: behind it interruptions came up to 0.5 s later at the 95th percentile (14 dB deep, three seeds).
Sans-IO.
"""

import numpy as np

from device.card import BLOCK_SAMPLES
from models.protocols import Int16s

#: How far it is turned down. Recorded speech needs 10 dB more than the canceller's own; a first syllable that comes
#: before its evidence is still to be understood.
SHUT_DB = 12.0
#: It opens within a block, which the canceller's lag makes up for, and shuts by so much a block.
SHUTTING_DB = 1.0
_RISE = np.arange(1, BLOCK_SAMPLES + 1) / BLOCK_SAMPLES


class FarEndGate:
    """Feed it every block in order. One thread."""

    def __init__(self) -> None:
        self._db = 0.0

    def reset(self) -> None:
        """Open."""
        self._db = 0.0

    def process(self, clean: Int16s, *, shut: bool) -> Int16s:
        """`clean`: (160,) int16. Returns (160,) int16, the same array while the gate stands open."""
        before, self._db = self._db, max(self._db - SHUTTING_DB, -SHUT_DB) if shut else 0.0
        if before == self._db == 0.0:
            return clean
        first, last = 10 ** (before / 20), 10 ** (self._db / 20)
        out: Int16s = (clean * (first + (last - first) * _RISE)).astype(np.int16)
        return out
