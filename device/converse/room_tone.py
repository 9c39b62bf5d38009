"""The room goes on before and behind a recording that was cut out of it.

    pcm, start = in_its_room(kept, before_s=0.5, after_s=5.0)      # kept is pcm[start : start + len(kept)]

A recording that ends in digital silence ends with a step: voice detectors hear a burst there. So the quietest tenth of
a second of it, forwards and backwards in turn, is laid on both sides, and fades out. Sans-IO.
"""

import numpy as np

from models.protocols import SAMPLE_RATE_HZ, Int16s

_TONE_SAMPLES = SAMPLE_RATE_HZ // 10
_FADE_SAMPLES = SAMPLE_RATE_HZ // 5


def in_its_room(pcm: Int16s, *, before_s: float, after_s: float) -> tuple[Int16s, int]:
    """`pcm`: (n,) int16, 16 kHz. Returns it with its room around it, (m,) int16, and where it begins there."""
    tone = quietest(pcm)
    before, after = round(before_s * SAMPLE_RATE_HZ), round(after_s * SAMPLE_RATE_HZ)
    room = np.concatenate((tone, tone[::-1])) if tone.size else np.zeros(1, np.int16)
    lead = _faded(np.resize(room, before))[::-1]
    tail = _faded(np.resize(room, after))
    return np.concatenate((lead, pcm, tail)), before


def quietest(pcm: Int16s) -> Int16s:
    """The tenth of a second of `pcm` with the least power; all of it where it is shorter."""
    if pcm.size <= _TONE_SAMPLES:
        return pcm
    power = np.concatenate(([0.0], np.cumsum(pcm.astype(np.float64) ** 2)))
    start = int(np.argmin(power[_TONE_SAMPLES:] - power[:-_TONE_SAMPLES]))
    return pcm[start : start + _TONE_SAMPLES]


def _faded(pcm: Int16s) -> Int16s:
    """Its end fades out."""
    out = pcm.astype(np.float64)
    size = min(_FADE_SAMPLES, pcm.size)
    if size:
        out[-size:] *= np.linspace(1.0, 0.0, size)
    return np.rint(out).astype(np.int16)
