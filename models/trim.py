"""The ends of a clause: silence trimmed, fades, and where it may be cut in two. Pure functions on 16 kHz audio.

start, end = audible(audio)
clause = faded(audio[start:end], fade_out_ms=FADE_OUT_MS)
"""

import numpy as np
import numpy.typing as npt

from models.protocols import SAMPLE_RATE_HZ, Floats

#: Silence is where 5 ms, at the final loudness, stay below this level: 35 dB under the speech, above Piper's hiss.
SILENCE_DBFS = -52.0
_LEVEL_SAMPLES = 80
#: Kept before the first and behind the last audible 5 ms: soft onsets begin, and endings fade, below the threshold.
LEAD_MS, TAIL_MS = 10, 25
FADE_IN_MS, FADE_OUT_MS = 4, 12
#: A seam may be moved by so much.
_SEAM_SAMPLES = 5 * SAMPLE_RATE_HZ // 1000


def audible(audio: Floats) -> tuple[int, int]:
    """The stretch of `audio` from the first to the last audible 5 ms, and a little on both sides; (0, 0) if none."""
    blocks = np.pad(audio, (0, -len(audio) % _LEVEL_SAMPLES)).reshape(-1, _LEVEL_SAMPLES)
    loud = np.flatnonzero(np.mean(np.square(blocks), axis=1) > 10 ** (SILENCE_DBFS / 10))
    if len(loud) == 0:
        return 0, 0
    lead, tail = (ms * SAMPLE_RATE_HZ // 1000 for ms in (LEAD_MS, TAIL_MS))
    return max(0, int(loud[0]) * _LEVEL_SAMPLES - lead), min(len(audio), (int(loud[-1]) + 1) * _LEVEL_SAMPLES + tail)


def faded(audio: Floats, fade_out_ms: int) -> Floats:
    """`audio` with its ends drawn to zero, so that no cut clicks."""
    out = audio.copy()
    rise, fall = (min(len(out), ms * SAMPLE_RATE_HZ // 1000) for ms in (FADE_IN_MS, fade_out_ms))
    out[:rise] *= np.linspace(0.0, 1.0, rise, endpoint=False, dtype=np.float32)
    out[len(out) - fall :] *= np.linspace(1.0, 0.0, fall, dtype=np.float32)
    return out


def blended(first: Floats, second: Floats, samples: int) -> Floats:
    """`first` and `second` as one; the last `samples` of the one fade into the first of the other."""
    if samples == 0:
        return np.concatenate((first, second))
    rise = np.linspace(0.0, 1.0, samples, endpoint=False, dtype=np.float32)
    middle = first[-samples:] * (1 - rise) + second[:samples] * rise
    return np.concatenate((first[:-samples], middle, second[samples:]))


def trimmed(ends: npt.NDArray[np.float64], start: int, samples: int) -> list[int]:
    """`ends` in audio of which `start` samples were cut off and `samples` are left."""
    return [int(e) for e in np.clip(ends - start, 0, samples)]


def quietest(audio: Floats, at: int) -> int:
    """The sample near `at` where `audio` is nearest to zero: if the next part comes late, it stops without a click."""
    first = max(0, at - _SEAM_SAMPLES)
    near = np.abs(audio[first : at + _SEAM_SAMPLES])
    return first + int(np.argmin(near)) if len(near) else min(max(at, 0), len(audio))
