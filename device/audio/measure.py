"""Where speech ends and where an answer becomes audible: two rules on a finished recording.

    said = load_audio("question.wav")
    end = speech_end_sample(said)                   # the user's last voiced sample, about
    heard = first_audible_sample(loudspeaker, end)  # the answer's first: TTFA is the difference

Both work on the waveform alone and know nothing of the models, so they can judge them. Silero's own probability stays
high up to 240 ms after the voice and drops early on a final "s"; a plain RMS threshold fails on noisy clips.

The speech rule. Cut the clip into blocks of 10 ms (a remainder is dropped), take each block's RMS, smooth by the mean
of five neighbouring blocks (50 ms, zeros beyond both ends). A block is speech when its smoothed RMS exceeds both 3 % of
the loudest block's (unsmoothed) RMS and three times the noise floor, which is the 10th percentile of the smoothed RMS.
"""

import numpy as np
import numpy.typing as npt

from device.card import BLOCK_SAMPLES
from models.protocols import Int16s

FULL_SCALE = 32768.0
AUDIBLE_RMS = 0.005 * FULL_SCALE  #: a block is audible above 0.5 % of full scale
LOUDEST_SHARE = 0.03
FLOOR_FACTOR = 3.0
FLOOR_PERCENTILE = 10
SMOOTH_BLOCKS = 5

_Float64s = npt.NDArray[np.float64]
_Bools = npt.NDArray[np.bool_]


def block_rms(pcm: Int16s) -> _Float64s:
    """RMS of each whole 10 ms block of `pcm` (n,) int16 at 16 kHz, in int16 units; (n // 160,) float64."""
    blocks = pcm[: len(pcm) // BLOCK_SAMPLES * BLOCK_SAMPLES].reshape(-1, BLOCK_SAMPLES).astype(np.float64)
    power: _Float64s = np.mean(blocks * blocks, axis=1)
    return np.sqrt(power)


def speech_blocks(pcm: Int16s) -> _Bools:
    """Which 10 ms blocks of `pcm` (n,) int16 at 16 kHz are speech by the rule above; (n // 160,) bool."""
    rms = block_rms(pcm)
    if len(rms) < SMOOTH_BLOCKS:
        return np.zeros(len(rms), dtype=np.bool_)
    smooth = np.convolve(rms, np.full(SMOOTH_BLOCKS, 1 / SMOOTH_BLOCKS), mode="same")
    threshold = max(LOUDEST_SHARE * float(rms.max()), FLOOR_FACTOR * float(np.percentile(smooth, FLOOR_PERCENTILE)))
    return smooth > threshold


def speech_start_sample(pcm: Int16s) -> int | None:
    """First sample of the first speech block; None when nothing stands out (silence, a steady noise or tone)."""
    found = np.flatnonzero(speech_blocks(pcm))
    return int(found[0]) * BLOCK_SAMPLES if len(found) else None


def speech_end_sample(pcm: Int16s) -> int | None:
    """One past the last sample of the last speech block; None when nothing stands out."""
    found = np.flatnonzero(speech_blocks(pcm))
    return (int(found[-1]) + 1) * BLOCK_SAMPLES if len(found) else None


def first_audible_sample(pcm: Int16s, from_sample: int = 0) -> int | None:
    """Start of the first audible 10 ms block at or after `from_sample`; None when all is silent.

    Blocks lie on the grid of sample 0. A block that `from_sample` cuts in two does not count: what sounds in it may
    have sounded before.
    """
    first = -(-max(0, from_sample) // BLOCK_SAMPLES)
    found = np.flatnonzero(block_rms(pcm)[first:] > AUDIBLE_RMS)
    return (first + int(found[0])) * BLOCK_SAMPLES if len(found) else None


def last_audible_sample(pcm: Int16s, from_sample: int = 0) -> int | None:
    """One past the last sample of the last audible 10 ms block at or after `from_sample`; None when all is silent."""
    first = -(-max(0, from_sample) // BLOCK_SAMPLES)
    found = np.flatnonzero(block_rms(pcm)[first:] > AUDIBLE_RMS)
    return (first + int(found[-1]) + 1) * BLOCK_SAMPLES if len(found) else None


def speech_rms(*clips: Int16s) -> float:
    """RMS over the speech blocks of all clips together, int16 units: the level that signal-to-noise ratios refer to.

    A clip in which nothing stands out counts whole. 0.0 for silence or no clips.
    """
    power, count = 0.0, 0
    for clip in clips:
        rms = block_rms(clip)
        active = speech_blocks(clip)
        chosen = rms[active] if active.any() else rms
        power += float(np.sum(chosen * chosen))
        count += len(chosen)
    return float(np.sqrt(power / count)) if count else 0.0
