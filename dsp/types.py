"""The array types that sound travels in.

def quieter(pcm: Int16s) -> Int16s: ...
"""

import numpy as np
import numpy.typing as npt

Int16s = npt.NDArray[np.int16]
Floats = npt.NDArray[np.float32]

SAMPLE_RATE_HZ = 16_000
BLOCK_SAMPLES = 160  # 10 ms
