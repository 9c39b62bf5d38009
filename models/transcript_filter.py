"""Words that a recogniser writes although nobody said them.

    text = clean(" [laughs] - Pause. ")             # "Pause."
    if is_phantom(text, probability=p, audio=audio): text = ""

Whisper describes noises in brackets, and on noise without a voice it may write what stood under silent stretches of
the videos it was trained on. Pure logic; the thresholds were set on the recordings named at each of them.
"""

import re

import numpy as np

from models.protocols import Floats

#: [BLANK_AUDIO], (typing), *laughs*, and a note or bracket that was opened and never closed.
_ANNOTATION = re.compile(r"\[[^\]]*(?:\]|$)|\([^)]*(?:\)|$)|\*[^*]*(?:\*|$)|[♪♫]+|<\|[^|]*\|>")
_SPACES = re.compile(r"\s+")
_LEADING_DASH = re.compile(r"^(?:[-–—>.,;:]+\s*)+(?=\S)")
_WORD = re.compile(r"\w")
#: "Next. Next.": behind a short utterance Whisper tends to hear it again in the silence. A person who does say a
#: sentence twice means it once.
_AGAIN = re.compile(r"^(.+?)([.!?]+)(?:\s*\1\b[.!?]*)+$", re.IGNORECASE)

#: What Whisper writes on silence, in lower case and without punctuation (phrases that subtitles end with).
PHANTOMS = frozenset(
    {
        "you",
        "thank you",
        "thank you very much",
        "thank you so much",
        "thank you for watching",
        "thanks for watching",
        "please subscribe",
        "subtitles by the amara org community",
    }
)
#: A phantom phrase is believed from this probability on: really spoken, "thank you" and its kin had 0.84 to 0.92, the
#: lowest one-word command ("pause") has 0.1 and must pass, so that there is no such limit for other words.
PHANTOM_PROBABILITY = 0.6
#: Nothing at all is believed below this one. "resume" and "pause" of the test recordings were decoded at 0.10 to 0.15.
#: (With time stamps on, tiny.en wrote nothing but annotations on 33 recordings of noise and on white noise.)
MIN_PROBABILITY = 0.08
#: Loudest 100 ms below this level: no voice was near the microphone, whatever the model wrote.
MIN_LEVEL_DB = -60.0
_LEVEL_SAMPLES = 1600


def clean(text: str) -> str:
    """`text` without notes on noises, single-spaced; of one sentence that is there twice, and nothing else, one."""
    text = _SPACES.sub(" ", _ANNOTATION.sub(" ", text)).strip()
    text = _AGAIN.sub(r"\1\2", _LEADING_DASH.sub("", text))
    return text if _WORD.search(text) else ""


def is_phantom(text: str, *, probability: float, audio: Floats) -> bool:
    """True when `text` is better taken for silence. `audio`: (n,) float32 in -1..1 at 16 kHz."""
    if not text:
        return False
    if probability < MIN_PROBABILITY or _peak_level_db(audio) < MIN_LEVEL_DB:
        return True
    words = " ".join(re.findall(r"[\w']+", text.lower()))
    return words in PHANTOMS and probability < PHANTOM_PROBABILITY


def _peak_level_db(audio: Floats) -> float:
    """RMS of the loudest 100 ms, in dB of full scale."""
    n = max(1, len(audio) // _LEVEL_SAMPLES)
    power = max((float(np.mean(np.square(part))) for part in np.array_split(audio, n) if len(part)), default=0.0)
    return 10 * float(np.log10(power + 1e-12))
