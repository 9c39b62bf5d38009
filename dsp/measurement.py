"""Signals to measure a room with, and what a recording of them says.

    sweep = exponential_sweep(1.0, peak_dbfs=-18)
    response = deconvolve(played, recorded, max_delay_samples=8000)   # (n,) int16 each, from the same moment on
    response.heard, response.delay_samples, response.gain_db

The sweep is exponential (Farina 2000, "Simultaneous measurement of impulse response and distortion with a swept-sine
technique"): harmonics that a loudspeaker adds come out *before* the response, at negative delays, and do not disturb
it. The response is the recording's spectrum over the played one's, regularised where little was played. What was
played may be anything broadband: a spoken sentence works too, less sharply.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from dsp.levels import FLOOR_DBFS, FULL_SCALE
from dsp.types import SAMPLE_RATE_HZ, Int16s

#: The band of the sweep: below it small loudspeakers are silent, above it the filters of the converters begin.
LOW_HZ, HIGH_HZ = 60.0, 7800.0
#: Spectral power below this share of the largest counts as not played (-40 dB; a sweep's own spectrum falls by 21 dB).
_REGULARISATION = 1e-4
#: A peak that stands out by less over the noise of the response is no echo: of 10,000 Gaussian values the largest is
#: about 4 standard deviations.
_HEARD_SIGMAS = 10.0
#: ... and over the largest value where no echo can be (before the sound was played). Music and speech are not Gaussian.
_HEARD_OVER_EARLY = 2.0
_LOBE = 32  # samples beside its largest that a tap reaches to, so also before delay 0
_BEFORE_PEAK = SAMPLE_RATE_HZ * 3 // 1000
_AFTER_PEAK = SAMPLE_RATE_HZ // 2
_FINE = 16  # steps a sample in which a shift is looked for, before the parabola

_Float64s = npt.NDArray[np.float64]


def exponential_sweep(duration_s: float, *, peak_dbfs: float = -18.0) -> Int16s:
    """(duration_s * 16000,) int16: 60 to 7800 Hz, each octave as long as the other, faded over 10 ms at both ends.

    Raises ValueError for less than 0.1 s or a peak above 0 dBFS.
    """
    if not duration_s >= 0.1:
        raise ValueError(f"a sweep of {duration_s} s is too short to measure with")
    samples = round(duration_s * SAMPLE_RATE_HZ)
    t = np.arange(samples) / SAMPLE_RATE_HZ
    octaves = np.log(HIGH_HZ / LOW_HZ)
    phase = 2 * np.pi * LOW_HZ * duration_s / octaves * (np.exp(t / duration_s * octaves) - 1)
    return _to_int16(np.sin(phase) * _fades(samples), peak_dbfs)


def voice_like(duration_s: float, *, peak_dbfs: float = 0.0, seed: int = 1) -> Int16s:
    """(duration_s * 16000,) int16 that is as loud, as broad and as uneven as speech: noise in syllables.

    Falls by 6 dB an octave from 500 Hz on, as the long-term spectrum of speech does roughly (Byrne et al. 1994), four
    syllables a second. The same seed gives the same sound. Raises ValueError for less than 0.1 s or above 0 dBFS.
    """
    if not duration_s >= 0.1:
        raise ValueError(f"{duration_s} s are too short for a voice")
    samples = round(duration_s * SAMPLE_RATE_HZ)
    spectrum = np.fft.rfft(np.random.default_rng(seed).standard_normal(samples))
    hertz = np.fft.rfftfreq(samples, 1 / SAMPLE_RATE_HZ)
    spectrum *= (hertz > 100) / np.maximum(1.0, hertz / 500)
    syllables = np.clip(0.3 + np.sin(2 * np.pi * 4 * np.arange(samples) / SAMPLE_RATE_HZ), 0.02, None)
    return _to_int16(np.fft.irfft(spectrum, samples) * syllables * _fades(samples), peak_dbfs)


@dataclass(frozen=True, slots=True)
class Response:
    """From loudspeaker to microphone. Tap k is what arrives k samples after it was played."""

    taps: _Float64s  #: (max_delay_samples,), of the band that was played; 1 = recorded as loud as played
    noise: float  #: standard deviation of the taps that noise alone gives
    heard: bool  #: False: nothing stands out of the noise, and what follows means nothing
    delay_samples: int  #: of the largest tap: the direct sound
    gain_db: float  #: level of the echo over the level played, for white noise in the band played; -120 for none

    def clean_taps(self) -> _Float64s:
        """(n,) float64: the taps around the direct sound, those that may be noise set to 0."""
        taps = np.zeros(len(self.taps))
        window = _window(self.delay_samples, len(taps))
        taps[window] = np.where(np.abs(self.taps[window]) > 3 * self.noise, self.taps[window], 0.0)
        return taps

    def peak_of(self, sound: Int16s) -> float:
        """The largest sample, in int16 units and not clipped, that the microphone records of (n,) int16 played."""
        size = 1 << (len(sound) + len(self.taps)).bit_length()
        echo = np.fft.irfft(np.fft.rfft(sound, size) * np.fft.rfft(self.clean_taps(), size), size)
        return float(np.abs(echo).max())


def deconvolve(played: Int16s, recorded: Int16s, max_delay_samples: int) -> Response:
    """`played`, `recorded`: (n,) int16 from the same moment on, the sound whole in `played` and its echo in `recorded`.

    Delays from 0 to `max_delay_samples` are looked at. Raises ValueError for other shapes, and for a delay that is
    longer than the recording.
    """
    if played.shape != recorded.shape or played.ndim != 1:
        raise ValueError(f"played and recorded differ in shape: {played.shape}, {recorded.shape}")
    if not 0 < max_delay_samples <= len(played):
        raise ValueError(f"{len(played)} samples cannot show a delay of up to {max_delay_samples}")
    size = 1 << (2 * len(played) - 1).bit_length()
    x, y = np.fft.rfft(played / FULL_SCALE, size), np.fft.rfft(recorded / FULL_SCALE, size)
    power = np.abs(x) ** 2
    strongest = float(power.max())
    if strongest == 0.0:
        return Response(np.zeros(max_delay_samples), 0.0, False, 0, FLOOR_DBFS)
    floor = _REGULARISATION * strongest
    whole = np.fft.irfft(y * np.conj(x) / (power + floor), size)
    # what a path of gain 1 gives: less than 1, because not every frequency was played
    unit = float(np.sum(np.fft.irfft(power / (power + floor), size) ** 2))
    early = np.abs(whole[-max_delay_samples:-_LOBE])
    noise = _noise(early) if early.size else 0.0
    taps = whole[:max_delay_samples]
    delay = int(np.argmax(np.abs(taps)))
    peak = float(np.abs(taps[delay]))
    loudest_early = float(early.max()) if early.size else 0.0
    heard = peak > 0.0 and peak > _HEARD_SIGMAS * noise and peak > _HEARD_OVER_EARLY * loudest_early
    # a tap has two sides, of which one may lie before delay 0 or behind the longest: without it 0.08 dB are missing
    around = np.roll(whole, _LOBE)[_window(delay + _LOBE, len(taps) + 2 * _LOBE)]
    energy = (float(np.sum(around**2)) - len(around) * noise**2) / unit
    gain_db = max(FLOOR_DBFS, 10 * float(np.log10(energy))) if energy > 0 else FLOOR_DBFS
    return Response(taps, noise, heard, delay, gain_db)


def shift_samples(first: Response, later: Response) -> float:
    """How many samples later `later` arrives than `first`, to a few hundredths: the peak of their cross-correlation.

    The room cancels out, and so does what a drifting clock does to the shape of the sweep. Raises ValueError when the
    two have different lengths.
    """
    if first.taps.shape != later.taps.shape:
        raise ValueError("the two responses differ in length")
    size = 1 << (2 * len(first.taps) - 1).bit_length()
    cross = np.fft.rfft(later.clean_taps(), size) * np.conj(np.fft.rfft(first.clean_taps(), size))
    coarse = int(np.argmax(np.fft.irfft(cross, size)))
    coarse -= size if coarse > size // 2 else 0
    # the fine grid: the same correlation between the samples
    steps = np.arange(-2 * _FINE, 2 * _FINE + 1) / _FINE + coarse
    turns = np.exp(2j * np.pi * np.outer(steps, np.arange(len(cross))) / size)
    fine = (turns @ cross).real
    best = min(max(int(np.argmax(fine)), 1), len(fine) - 2)
    left, top, right = fine[best - 1], fine[best], fine[best + 1]
    bend = left - 2 * top + right
    return float(steps[best] + (0.5 * (left - right) / bend if bend else 0.0) / _FINE)


def clipped_samples(pcm: Int16s) -> int:
    """How many samples of (n,) int16 lie in runs of two or more at full scale: one alone may be a loud peak."""
    limit = (pcm >= 32767) | (pcm <= -32768)
    beside = np.zeros_like(limit)
    beside[1:] |= limit[:-1]
    beside[:-1] |= limit[1:]
    return int(np.count_nonzero(limit & beside))


def suppression_db(before: Int16s, after: Int16s) -> float:
    """Power of `before` over power of `after`, (n,) int16 each, in dB: the ERLE (ITU-T G.168) while only echo sounds.

    Below the noise of one quantisation step there is nothing to measure: both count as at least that.
    """
    step = 1 / 12
    powers = [
        max(step, float(np.mean(np.square(pcm, dtype=np.float64))) if pcm.size else 0.0) for pcm in (before, after)
    ]
    return float(10 * np.log10(powers[0] / powers[1]))


def _noise(early: _Float64s) -> float:
    """Standard deviation of taps, (n,) float64, whose sizes these are; what distortion put among them does not count.

    By the median (Hampel 1974) it is 4 % too small where the noise is uneven, as that of a short sweep is: it only says
    which taps are noise.
    """
    deviation = float(np.median(early)) / 0.6745
    return float(np.sqrt(np.mean(np.square(early[early <= 4 * deviation]))))


def _window(delay: int, length: int) -> slice:
    return slice(max(0, delay - _BEFORE_PEAK), min(length, delay + _AFTER_PEAK))


def _fades(samples: int) -> _Float64s:
    fade = SAMPLE_RATE_HZ // 100
    shape = np.ones(samples)
    ramp = 0.5 - 0.5 * np.cos(np.pi * np.arange(fade) / fade)
    shape[:fade] = ramp
    shape[-fade:] = ramp[::-1]
    return shape


def _to_int16(sound: _Float64s, peak_dbfs: float) -> Int16s:
    if not peak_dbfs <= 0:
        raise ValueError(f"a peak of {peak_dbfs} dBFS does not fit")
    scaled = sound / np.max(np.abs(sound)) * 10 ** (peak_dbfs / 20) * 32767
    out: Int16s = np.rint(scaled).astype(np.int16)
    return out
