"""Loudness as ITU-R BS.1770-4 measures it, and a limiter for what becomes too loud.

    level = loudness_lufs(pcm_float, rate_hz=16_000)
    safe = limit(pcm_float * gain, ceiling_db=-1.0, rate_hz=16_000)

The standard gives its K-weighting as two biquads for 48 kHz. A signal of a lower rate has no content above half its
rate, so the response of those biquads at its own frequencies, applied to its spectrum, is the same as resampling it to
48 kHz first.
"""

import math

import numpy as np
import numpy.typing as npt

from models.protocols import Floats

#: BS.1770-4, table 1: the head as a sphere, a shelf of +4 dB; (b0, b1, b2), (a0, a1, a2).
_SHELF = ((1.53512485958697, -2.69169618940638, 1.19839281085285), (1.0, -1.69065929318241, 0.73248077421585))
#: BS.1770-4, table 2: the revised low-frequency B curve.
_HIGH_PASS = ((1.0, -2.0, 1.0), (1.0, -1.99004745483398, 0.99007225036621))
_STANDARD_RATE_HZ = 48_000
#: -0.691 makes a 997 Hz sine at full scale in one channel read -3.01 LUFS.
_OFFSET = -0.691
_BLOCK_S = 0.4
_STEP_S = 0.1
_ABSOLUTE_GATE_LUFS = -70.0
_RELATIVE_GATE_LU = -10.0
_LIMITER_BLOCK_S = 0.005


def loudness_lufs(audio: Floats, *, rate_hz: int) -> float:
    """Integrated loudness of one channel, `audio` (n,) in -1..1, gated as in BS.1770-4 annex 1; -inf for silence.

    Audio shorter than a block of 400 ms is taken as one block.
    """
    if len(audio) == 0:
        return -math.inf
    power = np.square(_k_weighted(audio, rate_hz))
    block, step = round(_BLOCK_S * rate_hz), round(_STEP_S * rate_hz)
    sums = np.concatenate(([0.0], np.cumsum(power)))
    if len(audio) <= block:
        means = np.array([sums[-1] / len(audio)])
    else:
        starts = np.arange(0, len(audio) - block + 1, step)
        means = (sums[starts + block] - sums[starts]) / block
    loud = means[means > _mean_square(_ABSOLUTE_GATE_LUFS)]
    if len(loud) == 0:
        return -math.inf
    gate = float(np.mean(loud)) * 10 ** (_RELATIVE_GATE_LU / 10)
    return _OFFSET + 10 * math.log10(float(np.mean(loud[loud > gate])))


def limit(audio: Floats, *, ceiling_db: float, rate_hz: int) -> Floats:
    """`audio` (n,) with every sample at or below `ceiling_db` of full scale.

    The gain falls before a peak and rises after it in straight lines over 5 ms, so that nothing clicks; audio that
    stays below the ceiling comes back as it is.
    """
    ceiling = 10 ** (ceiling_db / 20)
    if len(audio) == 0 or float(np.max(np.abs(audio))) <= ceiling:
        return audio
    block = max(1, round(_LIMITER_BLOCK_S * rate_hz))
    padded = np.pad(np.abs(audio), (0, -len(audio) % block))
    peaks = padded.reshape(-1, block).max(axis=1)
    needed = np.minimum(1.0, ceiling / np.maximum(peaks, 1e-9))
    edges = np.pad(needed, 1, constant_values=1.0)
    # at the centre of each block what the block and both neighbours need: then no line between two centres is too high
    at_centre = np.minimum(np.minimum(edges[:-2], edges[1:-1]), edges[2:])
    centres = np.arange(len(needed)) * block + (block - 1) / 2
    gain = np.interp(np.arange(len(audio)), centres, at_centre)
    return np.asarray(np.clip(audio * gain, -ceiling, ceiling), dtype=np.float32)


def _mean_square(lufs: float) -> float:
    return float(10 ** ((lufs - _OFFSET) / 10))


def _k_weighted(audio: Floats, rate_hz: int) -> npt.NDArray[np.float64]:
    size = 2 * len(audio) + rate_hz // 10  # room for the filters to ring out, so that the spectrum does not wrap round
    spectrum = np.fft.rfft(audio.astype(np.float64), size)
    z = np.exp(-2j * np.pi * np.fft.rfftfreq(size, 1 / rate_hz) / _STANDARD_RATE_HZ)
    for b, a in (_SHELF, _HIGH_PASS):
        spectrum *= (b[0] + b[1] * z + b[2] * z**2) / (a[0] + a[1] * z + a[2] * z**2)
    return np.fft.irfft(spectrum, size)[: len(audio)]
