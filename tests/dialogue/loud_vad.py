"""A voice detector without a model, for the loop on real threads.

models = Models(vad=Loud(), ...)
"""

import numpy as np

from models.protocols import Floats


class Loud:
    """A VAD: loud is speech."""

    frame_samples = 512

    def probability(self, frame: Floats) -> float:
        return float(np.abs(frame).max() > 0.1)

    def reset(self) -> None:
        pass

    def fresh(self) -> "Loud":
        return Loud()
