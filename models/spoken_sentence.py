"""A sentence on its way from a voice's network to audio, and how one that was begun early goes on.

    sentence = Sentence(phonemes, begins, ends, timed=True, latent=latent, raw=raw)
    certain_samples(sentence)           # so far it sounds the same whatever follows its last word
    spliced(opening, whole, frame_samples=185.8)        # the whole sentence, beginning as the opening did

The latent of a sentence is a picture of it, some 86 frames a second, which flow and generator make audio of; each
frame of sound depends on some 40 around it. So a picture may be pasted together of two, of the same words, where one
ends: what makes it audio blends the seam. Positions are samples at 16 kHz unless they are called frames. Pure logic.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from models.protocols import Floats


@dataclass(slots=True)
class Sentence:
    """One sentence, or a breath of a long one; samples at 16 kHz, before anything is trimmed."""

    phonemes: list[str]
    begins: float  #: where the first phoneme begins
    ends: npt.NDArray[np.float64]  #: ... and where each one ends
    timed: bool  #: as the voice itself says
    latent: Floats  #: (1, channels, frames); of a voice that cannot be split the audio
    raw: Floats  #: (n,) at the rate of the voice: what has been decoded
    frames: int = 0  #: ... and how many frames that are
    again: int = 0  #: so many of these, the last, are made once more with what follows, and blended in
    given: float = 0.0  #: up to here it was given away


def certain_samples(sentence: Sentence) -> float:
    """The end of the last word but one of what is the beginning of a sentence; 0: it is one word.

    The last word may yet become another, and how it sounds depends on what follows.
    """
    breaks = _breaks(sentence.phonemes)
    return float(sentence.ends[breaks[-1] - 1]) if breaks else 0.0


def spliced(begun: Sentence, whole: Sentence, *, frame_samples: float, margin_samples: int = 0) -> Sentence:
    """`whole`, with the first words as they are in `begun`: what was decoded and given of it stays.

    The seam lies at the first end of a word, of those that both have, that is `margin_samples` behind what `begun` has
    decoded.
    """
    here, there = _seam(begun, whole, begun.frames * frame_samples + margin_samples)
    first, second = (round(float(s.ends[n - 1]) / frame_samples) for s, n in ((begun, here), (whole, there)))
    first = max(first, begun.frames)
    begins = begun.ends[:here] if here == there else whole.ends[:there] * (begun.ends[here - 1] / whole.ends[there - 1])
    ends = np.concatenate((begins, whole.ends[there:] + (first - second) * frame_samples))
    return Sentence(
        whole.phonemes,
        begun.begins,
        np.maximum.accumulate(ends),
        timed=True,
        latent=np.concatenate((begun.latent[:, :, :first], whole.latent[:, :, second:]), axis=2),
        raw=begun.raw,
        frames=begun.frames,
        again=min(1, begun.frames),
        given=begun.given,
    )


def _seam(begun: Sentence, whole: Sentence, least: float) -> tuple[int, int]:
    """How many phonemes of each lie before the seam."""
    breaks = _breaks(begun.phonemes) or [len(begun.phonemes)]
    here = [n for n in breaks if begun.ends[n - 1] >= least] or breaks[-1:]
    for n in here:
        if begun.phonemes[:n] == whole.phonemes[:n]:
            return n, n
    # a word was said differently because of the one behind it: the same number of words, then
    n = here[0]
    words = sum(1 for b in breaks if b <= n)
    there = [*_breaks(whole.phonemes), len(whole.phonemes)]  # it may have no more words than these
    return n, there[min(words, len(there)) - 1]


def _breaks(phonemes: list[str]) -> list[int]:
    """The phonemes before each word but the first, rising."""
    return [n for n, phoneme in enumerate(phonemes, start=1) if phoneme == " "]
