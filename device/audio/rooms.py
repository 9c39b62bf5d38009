"""How the loudspeaker gets into the microphone: impulse responses, and the convolution that applies them.

    ir = synthetic_room(echo_db=-12, delay_ms=8)        # or delay_and_gain(...), load_impulse_response(path, ...)
    room = BlockConvolver(ir, BLOCK_SAMPLES)
    echo = room.process(speaker_block)                  # float64, 160 samples, exact

An impulse response is (n,) float32 at 16 kHz; tap 0 is what arrives in the same sample that leaves the loudspeaker.
`echo_db` is the gain of the path: the level of the echo at the microphone over the level of the signal played, both
digital. At 0 dB the echo is as loud in the recording as the answer is in the file. For responses with more than one
tap it is the gain for white noise, which is the root of the taps' energy.
"""

from pathlib import Path

import numpy as np
import numpy.typing as npt

from device.audio.files import load_first_channel
from device.errors import AudioFileError, UsageError
from models.protocols import SAMPLE_RATE_HZ, Floats

MAX_SECONDS = 2.0  #: longest impulse response; later reverberation is cut off
DECAY_DB = -60.0  #: a loaded response ends where the energy still to come falls below this
_READ_SECONDS = 20.0

_Float64s = npt.NDArray[np.float64]


def delay_and_gain(echo_db: float, delay_ms: float) -> Floats:
    """One reflection: `delay_ms` late (rounded to a sample), `echo_db` loud. Raises UsageError outside 0..2000 ms."""
    delay = _delay_samples(delay_ms)
    taps = np.zeros(delay + 1, np.float32)
    taps[delay] = 10 ** (_gain(echo_db) / 20)
    return taps


def synthetic_room(echo_db: float, delay_ms: float = 8.0, *, rt60_ms: float = 250.0, seed: int = 1) -> Floats:
    """A small room: a direct path at `delay_ms`, six early reflections within 30 ms, a noise tail that decays by 60 dB
    in `rt60_ms` (Polack's model of late reverberation). Unit energy times `echo_db`; ends where the tail has decayed.
    The same seed gives the same room. Raises UsageError for a delay outside 0..2000 ms or a tail outside 1..2000 ms.
    """
    delay = _delay_samples(delay_ms)
    if not 1.0 <= rt60_ms <= MAX_SECONDS * 1000:
        raise UsageError(f"a reverberation time of {rt60_ms} ms is outside 1..{MAX_SECONDS * 1000:.0f}")
    rng = np.random.default_rng(seed)
    tail_ms = max(rt60_ms, 32.0)  # the early reflections need room
    n = np.arange(int(tail_ms * SAMPLE_RATE_HZ / 1000))
    after = 0.08 * rng.standard_normal(len(n)) * 10 ** (-3 * n / (rt60_ms * SAMPLE_RATE_HZ / 1000))
    after[: int(0.003 * SAMPLE_RATE_HZ)] = 0.0  # nothing between the direct path and the first wall
    after[0] = 1.0
    for _ in range(6):
        after[int(SAMPLE_RATE_HZ * rng.uniform(0.002, 0.030))] += rng.choice([-1, 1]) * rng.uniform(0.2, 0.5)
    taps = np.concatenate((np.zeros(delay), after))[: int(MAX_SECONDS * SAMPLE_RATE_HZ)]
    return _scaled(taps, echo_db)


def load_impulse_response(path: Path | str, echo_db: float = 0.0) -> Floats:
    """The first channel of a measured response, at 16 kHz, scaled to unit energy times `echo_db`.

    Any rate and channel count. It ends where the energy still to come (Schroeder's backward integral) is 60 dB below
    the whole, at 2 s at the latest. The delay before the direct path is kept: it is the room's.
    Raises AudioFileError as `load_audio` does, and for a response of zeros.
    """
    path = Path(path)
    taps = load_first_channel(path, _READ_SECONDS).astype(np.float64)
    to_come = np.cumsum((taps * taps)[::-1])[::-1]
    if not len(taps) or to_come[0] <= 0.0:
        raise AudioFileError(f"{path} is no impulse response: its first channel is silent")
    length = int(np.count_nonzero(to_come > to_come[0] * 10 ** (DECAY_DB / 10)))
    taps = taps[: min(length, int(MAX_SECONDS * SAMPLE_RATE_HZ))]
    if not np.any(taps):
        raise AudioFileError(f"{path} is no impulse response: its first {MAX_SECONDS:.0f} s are silent")
    return _scaled(taps, echo_db)


class BlockConvolver:
    """Convolution of an endless signal, block by block with no delay: uniformly partitioned overlap-save.

    The response is cut into partitions of one block; the spectra of the newest blocks are kept, each multiplied with
    its partition, and the sum transformed back (Wefers, "Partitioned convolution algorithms for real-time
    auralization", 2015, ch. 5). In float64: the result differs from direct convolution by rounding only.
    """

    def __init__(self, taps: Floats, block_samples: int) -> None:
        """`taps`: (n,) float32, n >= 1."""
        if taps.ndim != 1 or not len(taps):
            raise ValueError("an impulse response has one dimension and at least one tap")
        self._block = block_samples
        self._parts = -(-len(taps) // block_samples)
        padded = np.zeros((self._parts, 2 * block_samples))
        padded[:, :block_samples].flat[: len(taps)] = taps  # the second half of each row stays zero
        self._filters = np.fft.rfft(padded, axis=1)
        # twice as many rows as needed, so that the newest `parts` spectra always lie in one piece, newest first
        self._spectra = np.zeros((2 * self._parts, block_samples + 1), np.complex128)
        self._newest = self._parts
        self._window = np.zeros(2 * block_samples)

    def process(self, block: npt.NDArray[np.int16] | _Float64s) -> _Float64s:
        """`block`: (block_samples,). Returns (block_samples,) float64: the convolution at the same samples."""
        size, parts = self._block, self._parts
        self._window[:size] = self._window[size:]
        self._window[size:] = block
        self._newest = (self._newest - 1) % parts
        spectrum = np.fft.rfft(self._window)
        self._spectra[self._newest] = spectrum
        self._spectra[self._newest + parts] = spectrum
        recent = self._spectra[self._newest : self._newest + parts]
        out: _Float64s = np.fft.irfft(np.einsum("pf,pf->f", recent, self._filters))[size:]
        return out


def _delay_samples(delay_ms: float) -> int:
    if not 0.0 <= delay_ms <= MAX_SECONDS * 1000:
        raise UsageError(f"an echo delay of {delay_ms} ms is outside 0..{MAX_SECONDS * 1000:.0f}")
    return min(round(delay_ms * SAMPLE_RATE_HZ / 1000), int(MAX_SECONDS * SAMPLE_RATE_HZ) - 1)


def _gain(echo_db: float) -> float:
    if not -200.0 <= echo_db <= 60.0:  # also refuses NaN
        raise UsageError(f"an echo of {echo_db} dB is outside -200..60")
    return echo_db


def _scaled(taps: _Float64s, echo_db: float) -> Floats:
    gain = 10 ** (_gain(echo_db) / 20) / float(np.sqrt(np.sum(taps * taps)))
    out: Floats = (taps * gain).astype(np.float32)
    return out
