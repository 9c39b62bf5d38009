"""Audio files in: whatever libsndfile reads, as 16 kHz mono.

    pcm = load_audio(Path("question.flac"))   # (n,) int16 at 16 kHz; AudioFileError says what is wrong with the file

A file that cannot be used whole is refused with one line: half a question answered is worse than a question asked
again. What cannot be noticed: a file cut exactly between two pages (Ogg) or frames whose length the header leaves open.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import numpy.typing as npt
import soundfile
import soxr

from device.audio.containers import promised_seconds
from device.errors import AudioFileError
from models.protocols import SAMPLE_RATE_HZ, Floats, Int16s

MAX_SECONDS = 2 * 3600  #: longer inputs are refused; also what a bogus header can make us allocate is bounded by it
RATES_HZ = range(1_000, 1_000_001)
_CHUNK_FRAMES = 65_536
_ACTIVE_DB = 20.0  #: channels this much below the loudest carry no speech of their own
_CANCELLED_SHARE = 0.1  #: a mix with less than this share of the energy expected of it has cancelled itself out

_Weights = npt.NDArray[np.float32]


def load_audio(path: Path | str) -> Int16s:
    """A whole file as (n,) int16, 16 kHz mono, n >= 1.

    Any format, sample width, rate (1 kHz to 1 MHz) and channel count that libsndfile knows; resampled by soxr HQ. Of
    several channels the mean is taken of those within 20 dB of the loudest, so that silent channels (speech on the
    centre of 5.1 alone) do not make it faint; where that mean cancels (one channel is the other's inverse), the
    loudest channel alone. 16 kHz 16 bit mono comes out bit for bit. Samples beyond full scale are clipped.

    Raises AudioFileError: missing, unreadable, not audio, empty, cut short, longer than two hours.
    """
    path = Path(path)
    with _opened(path) as sound:
        weights = _mono_weights(path, sound)
        pieces = list(_resampled(path, sound, weights))
    pcm = np.concatenate(pieces) if pieces else np.zeros(0, np.float32)
    if not len(pcm):
        raise AudioFileError(f"{path} is empty: less than one sample at {SAMPLE_RATE_HZ} Hz")
    out: Int16s = np.clip(np.rint(pcm * 32768.0), -32768, 32767).astype(np.int16)
    return out


def load_first_channel(path: Path | str, max_s: float) -> Floats:
    """The first channel's first `max_s` seconds as (n,) float32 in -1..1 at 16 kHz (for impulse responses).

    Raises AudioFileError as `load_audio` does.
    """
    path = Path(path)
    with _opened(path) as sound:
        weights = np.zeros(sound.channels, np.float32)
        weights[0] = 1.0
        out: list[Floats] = []
        have = 0
        for piece in _resampled(path, sound, weights):
            out.append(piece)
            have += len(piece)
            if have >= max_s * SAMPLE_RATE_HZ:
                break
    return np.concatenate(out)[: int(max_s * SAMPLE_RATE_HZ)] if out else np.zeros(0, np.float32)


@contextmanager
def _opened(path: Path) -> Iterator[soundfile.SoundFile]:
    """The file opened and its header checked."""
    try:
        if not path.exists():
            raise AudioFileError(f"{path}: no such file")
        if path.is_dir():
            raise AudioFileError(f"{path} is a directory", hint="name an audio file in it")
        if not path.is_file():
            raise AudioFileError(f"{path} is not a regular file", hint="copy the audio to a file first")
        with path.open("rb") as raw:
            if not raw.read(1):
                raise AudioFileError(f"{path} is empty (0 bytes)")
            promise = promised_seconds(raw)
    except (OSError, ValueError) as error:  # ValueError: a zero byte in the name
        reason = getattr(error, "strerror", None) or str(error)
        raise AudioFileError(f"cannot read {path}: {reason}") from error
    try:
        sound = soundfile.SoundFile(str(path))
    # TypeError: the name ends in .raw and soundfile wants to be told the format
    except (soundfile.SoundFileError, TypeError, ValueError, OSError) as error:
        if promise is not None and promise.missing:
            raise _cut_short(path, 0.0, promise.seconds) from error
        raise AudioFileError(
            f"{path} is not an audio file that can be read ({_reason(error)})",
            hint="WAV, FLAC, OGG and AIFF are; convert it with 'ffmpeg -i IN OUT.wav'",
        ) from error
    with sound:
        if sound.samplerate not in RATES_HZ:
            raise AudioFileError(f"{path} claims a sample rate of {sound.samplerate} Hz", hint="the header is damaged")
        have_s = sound.frames / sound.samplerate
        if promise is not None and promise.missing:
            raise _cut_short(path, have_s, promise.seconds)
        if sound.frames <= 0:
            raise AudioFileError(
                f"{path} is empty (0 samples)",
                hint="if it was being recorded when the power went, 'sox --ignore-length IN OUT.wav' may save it",
            )
        if have_s > MAX_SECONDS:
            raise AudioFileError(f"{path} is {have_s / 3600:.1f} h long, 2 h is the limit", hint="cut it into pieces")
        yield sound


def _cut_short(path: Path, have_s: float, promised_s: float | None) -> AudioFileError:
    of = f" of {promised_s:.2f} s" if promised_s is not None else ""
    return AudioFileError(
        f"{path} is cut short: {have_s:.2f} s{of} are there",
        hint="copy it again, or keep what is there with 'ffmpeg -i IN OUT.wav'",
    )


def _reason(error: Exception) -> str:
    text = str(getattr(error, "error_string", "") or error)
    return text.strip().rstrip(".").splitlines()[0] if text.strip() else type(error).__name__


def _chunks(path: Path, sound: soundfile.SoundFile) -> Iterator[npt.NDArray[np.float32]]:
    """The frames from the start, (<= 65536, channels) float32; finite. Raises AudioFileError when some are missing."""
    promised, got = sound.frames, 0
    while got < promised:
        try:
            if got == 0 and sound.tell() != 0:  # the second pass
                sound.seek(0)
            chunk = sound.read(_CHUNK_FRAMES, dtype="float32", always_2d=True)
        except (soundfile.SoundFileError, RuntimeError) as error:
            raise _cut_short(path, got / sound.samplerate, promised / sound.samplerate) from error
        if not len(chunk):
            raise _cut_short(path, got / sound.samplerate, promised / sound.samplerate)
        got += len(chunk)
        # a damaged float file may hold anything: beyond +-4 (12 dB over full scale) it is noise, not level
        yield np.clip(np.nan_to_num(chunk, nan=0.0), -4.0, 4.0)


def _resampled(path: Path, sound: soundfile.SoundFile, weights: _Weights) -> Iterator[Floats]:
    """The weighted sum of the channels at 16 kHz, piece by piece."""
    resampler = (
        None
        if sound.samplerate == SAMPLE_RATE_HZ
        else soxr.ResampleStream(sound.samplerate, SAMPLE_RATE_HZ, 1, dtype="float32", quality="HQ")
    )
    for chunk in _chunks(path, sound):
        mono: Floats = chunk[:, 0] if chunk.shape[1] == 1 else chunk @ weights
        yield mono if resampler is None else resampler.resample_chunk(np.ascontiguousarray(mono))
    if resampler is not None:
        yield resampler.resample_chunk(np.zeros(0, np.float32), last=True)


def _mono_weights(path: Path, sound: soundfile.SoundFile) -> _Weights:
    """How much of each channel goes into the mono mix; (channels,) float32 (see `load_audio`)."""
    channels: int = sound.channels
    if channels == 1:
        return np.ones(1, np.float32)
    gram = np.zeros((channels, channels), np.float64)  # the energy of any mix w is w' gram w
    for chunk in _chunks(path, sound):
        gram += chunk.T.astype(np.float64) @ chunk
    energy = np.diag(gram)
    loudest = int(np.argmax(energy))
    active = energy >= energy[loudest] * 10 ** (-_ACTIVE_DB / 10)
    weights: npt.NDArray[np.float64] = active / active.sum()
    # energy of the mean of k channels of equal energy E that have nothing in common: E / k
    expected = float(energy[active].mean() / active.sum())
    if float(weights @ gram @ weights) < _CANCELLED_SHARE * expected:
        weights = np.eye(channels)[loudest]
    return weights.astype(np.float32)
