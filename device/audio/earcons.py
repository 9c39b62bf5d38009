"""Short signals for what has no words: synthesised, so that they sound the same on every device.

card.play(card_back())
"""

import numpy as np

from models.protocols import SAMPLE_RATE_HZ, Int16s

LEVEL_DB = -18.0  #: of full scale, peak: clearly heard in a quiet room, no fright at night
_TONE_MS = 90
_FADE_MS = 12  # in and out: a tone that begins at full level is a click


def card_back() -> Int16s:
    """The sound card hears again: two rising tones, a fourth apart (A5, D6). (n,) int16 at 16 kHz, 180 ms."""
    return np.concatenate((_tone(880.0), _tone(1174.66)))


def _tone(frequency_hz: float) -> Int16s:
    n = np.arange(SAMPLE_RATE_HZ * _TONE_MS // 1000)
    fade = SAMPLE_RATE_HZ * _FADE_MS // 1000
    ramp = 0.5 - 0.5 * np.cos(np.pi * np.arange(fade) / fade)
    envelope = np.ones(n.size)
    envelope[:fade], envelope[-fade:] = ramp, ramp[::-1]
    peak = 32767 * 10 ** (LEVEL_DB / 20)
    out: Int16s = np.rint(peak * envelope * np.sin(2 * np.pi * frequency_hz * n / SAMPLE_RATE_HZ)).astype(np.int16)
    return out
