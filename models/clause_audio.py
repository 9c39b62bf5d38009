"""What a voice's audio goes through, once it is trimmed (`models.trim`), before it is a clause of an answer.

    piece = limit(audio * gain_for(audio, -16.0), ...); pause = pause_after(last_sign(text))

Audio is (n,) float32 in -1..1, 16 kHz. Pure functions, the same for the voice on the board and one on a server.
"""

import math

import numpy as np

from models.loudness import limit, loudness_lufs
from models.protocols import SAMPLE_RATE_HZ, Floats

PEAK_CEILING_DB = -1.0
#: The gain is found on sentences as short as the answers are: long ones are some 1 LU softer.
CALIBRATION_TEXT = "Hello there. The lamp is on. First, it rains in Spain. What would you like to do?"
#: A voice that came out silent in calibration is broken; it must not be amplified without end.
MAX_GAIN_DB = 30.0
#: Silence behind a clause by its last sign. Readers pause 100-150 ms at a comma and 250-500 ms at a full stop
#: (Goldman-Eisler 1968; Krivokapic 2007); a spoken answer is brisker.
PAUSES_MS = {",": 120, ";": 160, ":": 160, "—": 120, "–": 120, ".": 250, "!": 250, "?": 250, "…": 250}
_CLOSERS = "\"'”’)]}» "


def gain_for(audio: Floats, target_lufs: float) -> float | None:
    """What brings a voice that spoke `audio` (`CALIBRATION_TEXT`) to `target_lufs`; None when nothing can be heard."""
    gain = 1.0
    for _ in range(4):  # the limiter takes some of the gain away again; that converges quickly
        heard = limit(np.asarray(audio * gain, dtype=np.float32), ceiling_db=PEAK_CEILING_DB, rate_hz=SAMPLE_RATE_HZ)
        loudness = loudness_lufs(heard, rate_hz=SAMPLE_RATE_HZ)
        if not math.isfinite(loudness):
            return None
        gain *= float(10 ** ((target_lufs - loudness) / 20))
    return gain if 0 < gain < 10 ** (MAX_GAIN_DB / 20) else None


def pause_after(sign: str) -> Floats:
    """The silence that suits the sign that a clause ends with."""
    return np.zeros(PAUSES_MS.get(sign, 0) * SAMPLE_RATE_HZ // 1000, dtype=np.float32)


def last_sign(text: str) -> str:
    """The sign that `text` ends with, behind which only quotation marks and brackets may stand."""
    bare = text.rstrip(_CLOSERS + "\n\t")
    return bare[-1:]
