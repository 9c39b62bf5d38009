"""Echo cancellation over whole recordings, and how much it took away.

clean = without_echo(settings.echo, near_pcm, far_pcm)
erle_db(near_pcm, far_pcm, clean)
"""

import math

import numpy as np

from device.config.schema import EchoSettings
from dsp.echo import EchoCanceller
from models.protocols import Int16s

#: a far-end block below this RMS (0.5 % of full scale) makes no echo worth measuring
_ACTIVE_RMS = 0.005 * 32768


def without_echo(echo: EchoSettings, near: Int16s, far: Int16s) -> Int16s:
    """`near`, `far`: int16 at 16 kHz from the same moment on. Returns int16 of near's length, aligned with it."""
    canceller = EchoCanceller(
        echo.tail_ms,
        residual_db=echo.residual_suppression_db,
        residual_active_db=echo.residual_suppression_active_db,
    )
    size, delay = canceller.block_samples, canceller.delay_samples
    blocks = math.ceil((len(near) + delay) / size)
    near_padded, far_padded = _fit(near, blocks * size), _fit(far, blocks * size)
    clean = np.empty(blocks * size, np.int16)
    with canceller:
        for at in range(0, blocks * size, size):
            clean[at : at + size] = canceller.process(near_padded[at : at + size], far_padded[at : at + size])
    return clean[delay : delay + len(near)]


def erle_db(near: Int16s, far: Int16s, clean: Int16s) -> float | None:
    """Echo return loss enhancement (ITU-T G.168): 10 log10 of near-end power over output power, in dB, summed over
    the blocks of 10 ms in which the far end is active; None when it never is."""
    size = EchoCanceller.block_samples
    count = len(near) // size
    active = _power(_fit(far, count * size), size) > _ACTIVE_RMS**2
    if not active.any():
        return None
    before = float(_power(near[: count * size], size)[active].sum())
    after = float(_power(clean[: count * size], size)[active].sum())
    # below one quantisation step there is nothing left to measure
    floor = float(active.sum()) / 12
    return round(10 * math.log10(max(before, floor) / max(after, floor)), 2)


def _power(pcm: Int16s, size: int) -> "np.typing.NDArray[np.float64]":
    blocks = pcm.reshape(-1, size).astype(np.float64)
    return np.asarray((blocks**2).mean(axis=1))


def _fit(pcm: Int16s, samples: int) -> Int16s:
    return np.pad(pcm[:samples], (0, max(0, samples - len(pcm))))
