"""Cuts and joins of recordings that make no click: more of a room's own noise, pauses, dictated digits.

    longer = extended(pcm, seconds=1.2)               # the clip, and 1.2 s of the room it was recorded in
    paused = with_pause(utterance, seconds=0.8)       # a pause where the speaker came closest to one
    number = dictated(digits, pauses_s=[0.3, 1.2])    # "four [0.3 s] two [1.2 s] nine"

Room noise is made of pieces of the quietest stretch of the clip itself, laid over each other with windows whose powers
add up to one: as loud as it is, without a seam and without the rhythm of a loop.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bench.options import Utterance
from device.audio.measure import LOUDEST_SHARE, block_rms, speech_end_sample, speech_start_sample
from device.card import BLOCK_SAMPLES
from device.errors import UsageError
from models.protocols import SAMPLE_RATE_HZ, Floats, Int16s

SEAM_SAMPLES = SAMPLE_RATE_HZ * 20 // 1000  #: of a cross-fade
GRAIN_SAMPLES = SAMPLE_RATE_HZ * 60 // 1000  #: pieces that room noise is laid of
QUIET_SAMPLES = SAMPLE_RATE_HZ * 120 // 1000  #: the stretch that they are taken from
NOISE_CEILING = LOUDEST_SHARE / 2  #: of the loudest block: what is made must never pass for speech
_EDGE_SHARE = 0.2  # of an utterance on either side: no hesitation is cut in there
_EDGE_SAMPLES = SAMPLE_RATE_HZ // 4
_DIP_BLOCKS = 5  # a dip is as low as its mean over 50 ms: a closed stop within a word is shorter


@dataclass(frozen=True, slots=True)
class Paused:
    """An utterance with pauses in it: (first, end) of each, in samples. No speech in any of them."""

    utterance: Utterance
    pauses: tuple[tuple[int, int], ...]


def quietest(pcm: Int16s, samples: int = QUIET_SAMPLES) -> Int16s:
    """The stretch of `samples` with the least energy (the whole clip where that is shorter), on the grid of blocks.

    A stretch of digital zeros is no room: it counts only where there is nothing else.
    """
    blocks = max(1, samples // BLOCK_SAMPLES)
    power = block_rms(pcm) ** 2
    if len(power) <= blocks:
        return pcm
    sums = np.convolve(power, np.ones(blocks), mode="valid")
    sounding = np.convolve(power > 0, np.ones(blocks), mode="valid") >= blocks
    first = int(np.argmin(np.where(sounding, sums, np.inf) if sounding.any() else sums)) * BLOCK_SAMPLES
    return pcm[first : first + blocks * BLOCK_SAMPLES]


def room_noise(pcm: Int16s, samples: int, *, seed: int = 0) -> Floats:
    """(samples,) float32 in int16 units that sound like the quietest 120 ms of `pcm`, but never like speech.

    Where even those are speech (a clip cut tightly) they are turned down to half of what the rule of `measure` takes
    for it. The same seed gives the same noise.
    """
    if pcm.size == 0:
        return np.zeros(samples, np.float32)
    source = quietest(pcm).astype(np.float64)
    rms = block_rms(pcm)
    ceiling = NOISE_CEILING * float(rms.max()) if len(rms) else 0.0
    level = float(np.sqrt(np.mean(source * source)))
    if level > ceiling:
        source *= ceiling / level
    grain = min(GRAIN_SAMPLES, len(source)) // 2 * 2
    if grain < 2:
        return np.zeros(samples, np.float32)
    window = np.sin(np.pi * (np.arange(grain) + 0.5) / grain)  # its square and its neighbour's add up to 1
    random = np.random.default_rng(seed)
    out = np.zeros(samples + 2 * grain)
    for at in range(0, samples + grain, grain // 2):
        first = int(random.integers(0, len(source) - grain + 1))
        sign = random.choice((-1.0, 1.0))  # pieces of one stretch resemble each other: they must not add up
        out[at : at + grain] += sign * window * source[first : first + grain]
    return out[grain // 2 : grain // 2 + samples].astype(np.float32)


def joined(parts: Sequence[Int16s | Floats]) -> Int16s:
    """`parts` one behind the other, each faded over 20 ms into the next (or over half the shorter, if that is less).

    A part loses what is faded: n parts are up to (n - 1) * 320 samples shorter together.
    """
    out = np.zeros(0)
    for part in parts:
        values = part.astype(np.float64)
        seam = min(SEAM_SAMPLES, len(out) // 2, len(values) // 2)
        if seam:
            angle = (np.arange(seam) + 0.5) / seam * np.pi / 2
            over = out[-seam:] * np.cos(angle) + values[:seam] * np.sin(angle)
            out = np.concatenate((out[:-seam], over, values[seam:]))
        else:
            out = np.concatenate((out, values))
    return np.clip(np.rint(out), -32768, 32767).astype(np.int16)


def extended(pcm: Int16s, seconds: float, *, seed: int = 0) -> Int16s:
    """`pcm` and `seconds` more of its room; (n + seconds * 16000,) int16. All but its last 20 ms stay as they are."""
    samples = round(seconds * SAMPLE_RATE_HZ)
    seam = min(SEAM_SAMPLES, pcm.size // 2, samples)  # of the noise it is the half at most, as `joined` wants it
    return joined([pcm, room_noise(pcm, samples + seam, seed=seed)])


def dip(pcm: Int16s, first: int, end: int) -> int:
    """Where in the speech [first, end) the speaker came closest to a pause: the middle of the quietest 50 ms.

    Not in the first or the last fifth, nor within 0.25 s of either end. Raises UsageError: too short for that.
    """
    margin = max(_EDGE_SAMPLES, round(_EDGE_SHARE * (end - first)))
    low, high = -(-(first + margin) // BLOCK_SAMPLES), (end - margin) // BLOCK_SAMPLES
    if high - low < _DIP_BLOCKS:
        raise UsageError(f"{(end - first) / SAMPLE_RATE_HZ:.2f} s of speech are too short to hesitate in")
    smooth = np.convolve(block_rms(pcm)[low:high], np.ones(_DIP_BLOCKS), mode="valid")
    return (low + int(np.argmin(smooth))) * BLOCK_SAMPLES + _DIP_BLOCKS * BLOCK_SAMPLES // 2


def with_pause(said: Utterance, seconds: float, *, seed: int = 0) -> Paused:
    """`said` with a pause of `seconds` at its dip, filled with its own room. Raises UsageError: too short for one."""
    start = speech_start_sample(said.pcm) or 0
    cut = dip(said.pcm, start, said.speech_end)
    samples = round(seconds * SAMPLE_RATE_HZ)
    noise = room_noise(said.pcm, samples + 2 * SEAM_SAMPLES, seed=seed)
    pcm = joined([said.pcm[:cut], noise, said.pcm[cut:]])
    paused = Utterance(f"{said.name} [{seconds:.1f} s]", said.text, pcm, said.speech_end + samples)
    return Paused(paused, ((cut, cut + samples),))


def dictated(digits: Sequence[Utterance], pauses_s: Sequence[float], *, tail_s: float = 1.0, seed: int = 0) -> Paused:
    """Digits said one by one, `pauses_s[i]` between the speech of digit i and that of digit i + 1.

    A room's noise lies before (0.3 s), between, and behind them (`tail_s`). Raises ValueError unless there is one pause
    fewer than digits.
    """
    if len(pauses_s) != len(digits) - 1:
        raise ValueError(f"{len(pauses_s)} pauses for {len(digits)} digits")
    bare = [_bare(each) for each in digits]
    room = np.concatenate(bare)
    gaps_s = [0.3, *pauses_s, tail_s]
    bed = room_noise(room, sum(map(len, bare)) + sum(round(s * SAMPLE_RATE_HZ) for s in gaps_s), seed=seed)
    out = bed.astype(np.float64)
    at = round(gaps_s[0] * SAMPLE_RATE_HZ)
    pauses = []
    for pcm, gap_s in zip(bare, gaps_s[1:], strict=True):
        out[at : at + len(pcm)] += _faded(pcm)
        at += len(pcm)
        pauses.append((at, at + round(gap_s * SAMPLE_RATE_HZ)))
        at = pauses[-1][1]
    name = " ".join(each.text for each in digits) + f" [{', '.join(f'{s:.1f}' for s in pauses_s)} s]"
    pcm16 = np.clip(np.rint(out), -32768, 32767).astype(np.int16)
    return Paused(Utterance(name, " ".join(d.text for d in digits), pcm16, pauses[-1][0]), tuple(pauses[:-1]))


def _bare(digit: Utterance) -> Int16s:
    """The speech alone, by the rule; the clip where the rule finds none (it is cut so tightly that all is speech)."""
    start, end = speech_start_sample(digit.pcm), speech_end_sample(digit.pcm)
    return digit.pcm if start is None or end is None else digit.pcm[start:end]


def _faded(pcm: Int16s) -> Floats:
    edge = min(SAMPLE_RATE_HZ * 5 // 1000, len(pcm) // 2)
    out = pcm.astype(np.float32)
    rise = np.linspace(0.0, 1.0, edge, endpoint=False, dtype=np.float32)
    out[:edge] *= rise
    out[len(out) - edge :] *= rise[::-1]
    return out
