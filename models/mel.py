"""Whisper's picture of sound: 25 ms every 10 ms, in 80 bands up to half the sample rate, as logarithms.

    mel = whisper_mel(audio, frames=3000)         # (80, 3000) float32, what whisper.cpp would make of `audio` itself

The mathematics is that of OpenAI's `whisper/audio.py` (MIT), which Smart Turn's features follow too (`models.turn`).
whisper.cpp has a Fourier transform of its own, in plain C, that takes 3.5 ms for each second of sound on two cores:
numpy's takes 0.7 ms on one (`python bench/mel.py`), and a long utterance is decoded many times. What is heard is the
same (tests/models_adapters/test_mel.py).
"""

import numpy as np

from models.protocols import SAMPLE_RATE_HZ, Floats

FFT_SAMPLES = 400
HOP_SAMPLES = 160
MEL_BANDS = 80
#: Below this the power of a band is 0 (-100 dB), and nothing is further than 8 decades below the loudest band.
_POWER_FLOOR = np.float32(1e-10)
_DECADES = np.float32(8.0)


def _mel_filters() -> Floats:
    """(FFT_SAMPLES // 2 + 1, MEL_BANDS) float32: triangles of equal area on Slaney's mel scale.

    The scale (M. Slaney, Auditory Toolbox, 1998) is linear up to 1 kHz = 15 mel, then 27 mel to a factor of 6.4.
    """
    top_mel = 15.0 + 27.0 * np.log(SAMPLE_RATE_HZ / 2 / 1000.0) / np.log(6.4)
    mels = np.linspace(0.0, top_mel, MEL_BANDS + 2)
    edges_hz = np.where(mels < 15.0, mels * 200.0 / 3.0, 1000.0 * 6.4 ** ((mels - 15.0) / 27.0))
    bins_hz = np.linspace(0.0, SAMPLE_RATE_HZ / 2, FFT_SAMPLES // 2 + 1)[:, np.newaxis]
    low, centre, high = edges_hz[:-2], edges_hz[1:-1], edges_hz[2:]
    triangles = np.minimum((bins_hz - low) / (centre - low), (high - bins_hz) / (high - centre))
    filters: Floats = (np.maximum(triangles, 0.0) * 2.0 / (high - low)).astype(np.float32)
    return filters


_FILTERS = _mel_filters()
_HANN: Floats = np.hanning(FFT_SAMPLES + 1)[:-1].astype(np.float32)  # periodic


def log_bands(padded: Floats, frames: int) -> Floats:
    """log10 of the power of each band in the first `frames` frames of `padded` (n,) float32: (frames, MEL_BANDS).

    `padded` has the half of a frame before and behind the sound: frame i begins at sample i * HOP_SAMPLES of it.
    """
    windows = np.lib.stride_tricks.sliding_window_view(padded, FFT_SAMPLES)[::HOP_SAMPLES][:frames]
    spectrum = np.fft.rfft(windows * _HANN, axis=-1)
    bands = (np.square(spectrum.real) + np.square(spectrum.imag)) @ _FILTERS
    logs: Floats = np.log10(np.maximum(bands, _POWER_FLOOR))
    return logs


def normalised(logs: Floats) -> Floats:
    """No further than 8 decades below the loudest band, and about -1..1.5."""
    out: Floats = (np.maximum(logs, logs.max() - _DECADES) + np.float32(4.0)) / np.float32(4.0)
    return out


def frames_of(samples: int) -> int:
    """How many frames whisper.cpp counts as sound (its `mel.n_len_org`); what is behind them is silence."""
    return 1 + (samples - FFT_SAMPLES // 2) // HOP_SAMPLES


def whisper_mel(audio: Floats, frames: int) -> Floats:
    """`audio` (n,) float32 in -1..1, 16 kHz, and silence behind it, as (MEL_BANDS, frames) float32 for whisper.cpp.

    n is more than FFT_SAMPLES // 2: the sound is mirrored at its beginning.
    """
    half = FFT_SAMPLES // 2
    heard = min(frames, (len(audio) + half) // HOP_SAMPLES + 1)  # the others see nothing of it
    padded = np.zeros(half + len(audio) + FFT_SAMPLES, dtype=np.float32)
    padded[:half] = audio[half:0:-1]
    padded[half : half + len(audio)] = audio
    logs = np.full((heard + 1, MEL_BANDS), np.log10(_POWER_FLOOR), dtype=np.float32)  # and one of silence
    logs[:heard] = log_bands(padded, heard)
    pictured = normalised(logs).T
    mel = np.empty((MEL_BANDS, frames), dtype=np.float32)
    mel[:, :heard] = pictured[:, :heard]
    mel[:, heard:] = pictured[:, heard:]
    return mel
