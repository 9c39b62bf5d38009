"""Text to speech with Piper, a clause a call.

    voice = PiperVoice(store.path("piper-en_US-joe-medium"))
    speech = voice.speak("The capital of France is Paris.")     # Speech: 16 kHz int16 and a mark a word

Loudness is set by one gain for the voice, found once when it is loaded. Normalising every clause for itself would make
a short "No." as loud as a long sentence, and the level pump from clause to clause.
"""

import json
import math
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import piper
import soxr
from piper.config import PiperConfig, SynthesisConfig
from piper.const import BOS, EOS, PAD

from models.clause_audio import (
    CALIBRATION_TEXT,
    PEAK_CEILING_DB,
    audible,
    faded,
    gain_for,
    last_sign,
    pause_after,
)
from models.errors import ModelDamagedError, ModelMissingError, ModelRunError
from models.loudness import limit
from models.onnx import ShrinkingSession, open_session
from models.process import worker_threads
from models.protocols import SAMPLE_RATE_HZ, Cancelled, Floats, Mark, Speech, never
from models.spoken_form import spoken_form
from models.word_marks import Size, Timeline, split_words, word_marks

#: Some 3 s of speech. Longer sentences are made in parts, divided where a comma is: the memory that Piper works in
#: grows by 24 MB with each second, and a cancelled call comes back sooner.
BREATH_PHONEMES = 50
#: Clauses up to this length, some 2.5 s, are spoken in memory that is kept.
SHORT_PHONEMES = 40
IDS_PER_PHONEME = 2  #: each is followed by a pad


@dataclass(frozen=True, slots=True)
class _Piece:
    """One sentence, trimmed, at 16 kHz: (n,) float32 and the sample at which each phoneme ends."""

    audio: Floats
    phonemes: list[str]
    ends: list[int]


class PiperVoice:
    """One loaded voice. Calls from several threads wait for each other."""

    def __init__(
        self,
        path: Path,
        *,
        loudness_lufs: float = -16.0,
        variation: float = 1.0,
        threads: int = 0,
        config_path: Path | None = None,
    ) -> None:
        """Load the voice `path` (.onnx) and its `config_path` (default: `path` with .json behind), and find its gain.

        `loudness_lufs`: where the voice as a whole lies. `variation`: of its melody and rhythm, as a share
        of what the voice was trained with; at 0 the same text sounds the same every time. `threads`: 0 is
        min(2, cores). Raises ModelMissingError,
        ModelDamagedError.
        """
        self._lock = threading.Lock()
        self._path = path
        self._voice: Any = _load(path, config_path or path.with_name(path.name + ".json"), threads)
        self._voice_config: Any = self._voice.config
        self._style = SynthesisConfig(
            noise_scale=self._voice_config.noise_scale * variation,
            noise_w_scale=self._voice_config.noise_w_scale * variation,
        )
        self._english = self._voice_config.espeak_voice.startswith("en")
        self._gain = 1.0
        self._gain = self._calibrated_gain(loudness_lufs)

    @property
    def gain_db(self) -> float:
        """What the voice's own output is amplified by."""
        return 20 * math.log10(self._gain)

    def speak(self, text: str, *, cancelled: Cancelled = never) -> Speech | None:
        """`text` as speech; None when cancelled, or when there is nothing in it to say. Raises ModelRunError.

        `cancelled` is asked before each sentence, and at the commas of long ones. A pause that suits the last sign of
        `text` is appended.
        """
        with self._lock:
            if self._voice is None:
                raise ModelRunError(f"{self._path.name} is closed")
            words = split_words(text)
            spoken = [self._spoken(w, last=i == len(words) - 1) for i, w in enumerate(words)]
            try:
                pieces = list(self._pieces(" ".join(spoken), cancelled))
                if cancelled() or not any(len(p.audio) for p in pieces):
                    return None
                return self._speech(text, pieces, sizes=[self._size(word) for word in spoken])
            except Exception as error:
                # the phonemizer and the runtime raise whatever they like
                # not the text itself: errors are logged, and what is said to people is nobody else's business
                raise ModelRunError(
                    f"{self._path.name} could not say a text of {len(text)} characters: {error}"
                ) from error

    def close(self) -> None:
        """Free the voice; the object is of no use afterwards."""
        with self._lock:
            self._voice = None

    def _spoken(self, word: str, *, last: bool) -> str:
        if self._english:
            word = spoken_form(word, last=last)
        return word.replace("[[", "[").replace("]]", "]")  # Piper takes [[ ]] for raw phonemes

    def _size(self, word: str) -> Size:
        """`word` said alone; punctuation and stress marks are no phonemes here."""
        parts = " ".join("".join(sentence) for sentence in self._voice.phonemize(word)).split()
        letters = [n for part in parts if (n := sum(1 for p in part if p.isalpha()))]
        return Size(phonemes=sum(letters), words=len(letters))

    def _pieces(self, spoken: str, cancelled: Cancelled) -> Iterator[_Piece]:
        """Sentence by sentence, and long ones breath by breath, until cancelled."""
        for phonemes in self._voice.phonemize(spoken):
            known = [p for p in phonemes if p in self._voice_config.phoneme_id_map]
            for part in _breaths(known):
                if cancelled():
                    return
                if any(p.isalpha() for p in part):
                    yield self._synthesise(part)

    def _synthesise(self, phonemes: list[str]) -> _Piece:
        ids = self._voice.phonemes_to_ids(phonemes)
        # not `voice.synthesize`: that scales every sentence to the same peak
        raw, durations = self._voice.phoneme_ids_to_audio(ids, self._style, include_alignments=True)
        rate = self._voice_config.sample_rate
        raw = np.atleast_1d(np.asarray(raw, dtype=np.float32))
        audio = soxr.resample(raw, rate, SAMPLE_RATE_HZ) if rate != SAMPLE_RATE_HZ else raw
        audio = np.asarray(audio * self._gain, dtype=np.float32)
        start, end = audible(audio)
        ends = self._phoneme_ends(phonemes, durations, len(raw)) * (SAMPLE_RATE_HZ / rate)
        return _Piece(
            faded(limit(audio[start:end], ceiling_db=PEAK_CEILING_DB, rate_hz=SAMPLE_RATE_HZ)),
            phonemes,
            [int(e) for e in np.clip(ends - start, 0, end - start)],
        )

    def _phoneme_ends(
        self, phonemes: list[str], durations: npt.NDArray[np.int64] | None, samples: int
    ) -> npt.NDArray[np.float64]:
        """Sample, at the voice's rate, at which each phoneme ends: as the model says, else in equal shares."""
        ids = self._voice_config.phoneme_id_map
        pads = len(ids[PAD])
        counts = np.array([len(ids[BOS]) + pads, *(len(ids[p]) + pads for p in phonemes), len(ids[EOS])])
        if durations is None or np.size(durations) != counts.sum():
            return np.linspace(0, samples, len(phonemes) + 1)[1:]
        ends = np.cumsum(durations)[np.cumsum(counts) - 1]
        return np.asarray(ends[1:-1], dtype=np.float64)

    def _speech(self, text: str, pieces: list[_Piece], *, sizes: list[Size]) -> Speech:
        parts: list[Floats] = []
        ends: list[int] = []
        breaks: list[int] = []
        offset = 0
        for i, piece in enumerate(pieces):
            pause = pause_after(last_sign(text) if i == len(pieces) - 1 else piece.phonemes[-1])
            if i > 0:
                breaks.append(len(ends))
            gap = True  # a space that follows another, or begins the sentence, ends no word
            for phoneme, end in zip(piece.phonemes, piece.ends, strict=True):
                if phoneme == " " and not gap:
                    breaks.append(len(ends))
                if phoneme.isalpha() or phoneme == " ":
                    gap = phoneme == " "
                ends.append(offset + end)
            if gap and breaks and breaks[-1] != 0:
                breaks.pop()  # the sentence ended in a space: the break is that of the sentence
            parts += [piece.audio, pause]
            offset += len(piece.audio) + len(pause)
        pcm = np.rint(np.concatenate(parts) * 32767).astype(np.int16)
        marks: tuple[Mark, ...] = word_marks(text, sizes=sizes, timeline=Timeline(ends, breaks), samples=len(pcm))
        return Speech(text, pcm, marks)

    def _calibrated_gain(self, target_lufs: float) -> float:
        audio = np.concatenate([p.audio for p in self._pieces(CALIBRATION_TEXT, never)])
        gain = gain_for(audio, target_lufs)
        if gain is None:
            raise ModelDamagedError(
                f"{self._path} is loaded, but what it says cannot be heard",
                hint="check it with 'nearfield models verify'",
            )
        return gain


def _load(path: Path, config_path: Path, threads: int) -> Any:
    if not config_path.is_file():
        raise ModelMissingError(f"no voice description {config_path}", hint="fetch it with 'nearfield models pull'")
    # more than two threads gain nothing on a network this small
    session = ShrinkingSession(
        open_session(path, threads=worker_threads(threads, most=2)), keep_below=IDS_PER_PHONEME * SHORT_PHONEMES
    )
    try:
        config = PiperConfig.from_dict(json.loads(config_path.read_text("utf-8")))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ModelDamagedError(
            f"{config_path} is not the description of a Piper voice: {error!r}",
            hint="check it with 'nearfield models verify'",
        ) from error
    if "input" not in {i.name for i in session.get_inputs()}:
        raise ModelDamagedError(
            f"{path} is an ONNX model, but not a Piper voice", hint="check it with 'nearfield models verify'"
        )
    return piper.PiperVoice(session=session, config=config)


def _breaths(phonemes: list[str]) -> Iterator[list[str]]:
    """`phonemes` whole if they are few, else cut behind commas, semicolons and colons into parts of some length."""
    start = 0
    for i, phoneme in enumerate(phonemes, start=1):
        if phoneme in ",;:" and i - start >= BREATH_PHONEMES and len(phonemes) - i >= BREATH_PHONEMES // 2:
            yield phonemes[start:i]
            start = i
    yield phonemes[start:]
