"""How much silence is there before the first sound of an utterance? By its level; pure.

    quiet = quiet_samples(audio)        # (n,) float32 at 16 kHz: so many samples before it becomes loud

The rule is that of the end of a voice (`device.dialogue.voice_offset`), looked at with all of the utterance in hand:
30 ms are loud when they exceed three times the noise of the room (its lowest 50 ms), but at least 4 % and at most 25 %
of the loudest. It errs towards too little: a click before the voice is a sound.
"""

import numpy as np

from models.protocols import SAMPLE_RATE_HZ, Floats

_BLOCK_SAMPLES = SAMPLE_RATE_HZ // 100
_LEVEL_BLOCKS = 3
_FLOOR_BLOCKS = 5
_FLOOR_FACTOR = 3.0
_LEAST_SHARE, _MOST_SHARE = 0.04, 0.25
#: Quieter than this is digital silence, which tells nothing of a room (-84 dB of full scale).
_SILENCE_RMS = 2.0 / 32768


def quiet_samples(audio: Floats) -> int:
    """The length of the silence that `audio` (n,) begins with, to 10 ms; 0 where there is no sound at all."""
    blocks = len(audio) // _BLOCK_SAMPLES
    if blocks < _FLOOR_BLOCKS:
        return 0
    powers = np.mean(np.square(audio[: blocks * _BLOCK_SAMPLES]).reshape(blocks, _BLOCK_SAMPLES), axis=1)
    levels, floors = _means(powers, _LEVEL_BLOCKS), _means(powers, _FLOOR_BLOCKS)
    noise = float(np.min(floors[floors > _SILENCE_RMS], initial=np.inf))
    loudest = float(levels.max())
    floor = 0.0 if noise == float("inf") else _FLOOR_FACTOR * noise
    threshold = min(max(_LEAST_SHARE * loudest, floor), _MOST_SHARE * loudest)
    return int(np.argmax(levels > threshold)) * _BLOCK_SAMPLES


def _means(powers: Floats, blocks: int) -> Floats:
    """RMS of every `blocks` neighbours."""
    together: Floats = np.sqrt(np.convolve(powers, np.full(blocks, 1 / blocks), mode="valid").clip(min=0.0))
    return together
