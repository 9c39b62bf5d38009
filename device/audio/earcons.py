"""Short sounds that say what words would take too long for, made on the spot.

    card.play(earcon("muted"))

Rising is "on" or "go ahead", falling is "off", two equal low tones are trouble: told apart by contour, not by pitch, by
people who have no ear for music too. Pure tones with soft edges: straight into the microphone at `LEVEL_DB`, Silero
gives none of them more than 0.29 (speech begins at 0.5), and the echo canceller comes before it.
"""

from functools import cache
from typing import Literal, get_args

import numpy as np

from models.protocols import SAMPLE_RATE_HZ, Floats, Int16s

EarconName = Literal["listening", "not listening", "muted", "unmuted", "error", "card back", "stopped", "alarm"]
NAMES: tuple[EarconName, ...] = get_args(EarconName)
LEVEL_DB = -18.0  #: peak against full scale: below the voice (-16 LUFS has peaks near -3 dB), above a quiet room
EDGE_MS = 8.0  #: raised-cosine ramps: a tone that is switched on clicks

#: (frequency in Hz, 0 is a pause; duration in ms). Notes of A major, where small loudspeakers and old ears are good.
_SCORES: dict[str, tuple[tuple[float, float], ...]] = {
    "listening": ((880.0, 70.0),),
    "not listening": ((659.3, 50.0), (554.4, 70.0)),
    "unmuted": ((659.3, 80.0), (880.0, 110.0)),
    "muted": ((659.3, 80.0), (440.0, 110.0)),
    "error": ((330.0, 120.0), (0.0, 60.0), (330.0, 160.0)),
    "stopped": ((523.3, 90.0),),
    "alarm": ((880.0, 80.0), (0.0, 40.0), (880.0, 80.0), (0.0, 40.0), (880.0, 120.0)),
    "card back": ((440.0, 80.0), (659.3, 80.0), (880.0, 140.0)),
}


@cache
def earcon(name: str, level_db: float = LEVEL_DB) -> Int16s:
    """The sound `name` (one of `NAMES`), (n,) int16 at 16 kHz, read-only, its peak at `level_db` (dBFS, at most 0).

    Raises KeyError for a name that there is not, ValueError for a level above full scale.
    """
    if level_db > 0:
        raise ValueError(f"{level_db} dB is above full scale")
    tones = [_tone(frequency_hz, duration_ms) for frequency_hz, duration_ms in _SCORES[name]]
    pcm: Int16s = np.rint(np.concatenate(tones) * (32767 * 10 ** (level_db / 20))).astype(np.int16)
    pcm.setflags(write=False)  # it is shared
    return pcm


def earcons(level_db: float = LEVEL_DB) -> dict[str, Int16s]:
    """All of them by name."""
    return {name: earcon(name, level_db) for name in NAMES}


def _tone(frequency_hz: float, duration_ms: float) -> Floats:
    """(n,) float32 in -1..1."""
    t = np.arange(round(duration_ms * SAMPLE_RATE_HZ / 1000)) / SAMPLE_RATE_HZ
    edge = round(EDGE_MS * SAMPLE_RATE_HZ / 1000)
    ramp = 0.5 - 0.5 * np.cos(np.pi * (np.arange(edge) + 0.5) / edge)
    envelope = np.ones(t.size)
    envelope[:edge], envelope[-edge:] = ramp, ramp[::-1]
    tone: Floats = (np.sin(2 * np.pi * frequency_hz * t) * envelope).astype(np.float32)
    return tone
