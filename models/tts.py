"""Text to speech with Piper, a clause a call, whole or beginning with its first words.

    voice = PiperVoice(store.path("piper-en_US-joe-medium"))
    speech = voice.speak("The capital of France is Paris.")     # Speech: 16 kHz int16 and a mark a word
    for part in voice.speak_parts("The capital of France is Paris."): ...    # "The capital", "of France is Paris."
    opening = voice.open("The capital of Fra")      # while the rest is being written; opening.part: "The capital"
    for part in opening.rest("The capital of France is Paris.", never): ...     # "of France is Paris."

Loudness is set by one gain for the voice, found once when it is loaded. Normalising every clause for itself would make
a short "No." as loud as a long sentence, and the level pump from clause to clause.
"""

import math
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import models.espeak  # noqa: F401 - before a voice speaks

# isort: split
import numpy as np
import numpy.typing as npt
import soxr
from piper.config import SynthesisConfig
from piper.const import BOS, EOS, PAD

from models.clause_audio import CALIBRATION_TEXT, PEAK_CEILING_DB, gain_for, last_sign, pause_after
from models.clause_parts import QUICK, ClauseWords, Cut, growth_at
from models.errors import ModelDamagedError, ModelRunError
from models.loudness import limit
from models.piper_files import open_piper
from models.protocols import SAMPLE_RATE_HZ, Cancelled, Floats, Opening, Speech, never
from models.spoken_form import spoken_form
from models.spoken_sentence import Sentence, certain_samples, spliced
from models.trim import FADE_OUT_MS, audible, blended, faded, quietest, trimmed
from models.word_marks import Size, split_words

#: Some 3 s of speech. Longer sentences are made in parts, divided where a comma is: the memory that Piper works in
#: grows by 24 MB with each second, and a cancelled call comes back sooner.
BREATH_PHONEMES = 50
#: What is cut off is certain up to so much before the end of what has been decoded: 12.5 ms the limiter looks ahead,
#: 10 ms the resampler (to 1e-7), 5 ms a seam may be moved.
_GUARD_SAMPLES = 30 * SAMPLE_RATE_HZ // 1000
#: An opening ends so much before the first frame that may yet become another. Flow and generator reach 0.5 s far, but
#: what is 140 ms away hardly counts: the difference is 41 dB below the wave (median; 15 dB in one of ten).
_MARGIN_SAMPLES = 140 * SAMPLE_RATE_HZ // 1000
#: Behind an opening all of its clause is pictured anew, and the next part is 2.5 times as long: so much, and the
#: vocoder's share of it (`python bench/voice.py`: 65 ms, median of 50 sentences, where that is 0.059).
_BEHIND_OPENING_MS = 1100.0
_NEWEST = 0.3  # weight of the newest figure in the running mean
_SIZES_KEPT = 2_000  # words whose size is known

_Made = TypeVar("_Made", Speech, Opening)


@dataclass(slots=True)
class _Audio:
    """The audio of a clause so far: (n,) float32 at 16 kHz, where each phoneme ends, and how much was given away."""

    parts: list[Floats]
    ends: list[int]
    samples: int = 0
    words_given: int = 0
    samples_given: int = 0
    begun: int = 0  # samples given away of a word that is not


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
        gain_db: float | None = None,
    ) -> None:
        """Load the voice `path` (.onnx) and its `config_path` (default: `path` with .json behind), and find its gain.

        `loudness_lufs`: where the voice as a whole lies. `variation`: of its melody and rhythm, as a share
        of what the voice was trained with; at 0 the same text sounds the same every time. `threads`: 0 is
        min(2, cores). `gain_db`: what was found before for the same voice and loudness; it is not measured again then.
        Raises ModelMissingError, ModelDamagedError.
        """
        self._lock = threading.Lock()
        self._path = path
        description = config_path or path.with_name(path.name + ".json")
        self._voice, self._vocoder = open_piper(path, description, threads)
        self._sizes: dict[str, Size] = {}
        self._real_time_factor = 0.0  # of the vocoder, newest calls count most
        self._voice_config: Any = self._voice.config
        self._style = SynthesisConfig(
            noise_scale=self._voice_config.noise_scale * variation,
            noise_w_scale=self._voice_config.noise_w_scale * variation,
        )
        self._english = self._voice_config.espeak_voice.startswith("en")
        self._gain = 1.0
        try:
            self._gain = self._calibrated_gain(loudness_lufs) if gain_db is None else 10 ** (gain_db / 20)
        except Exception as error:  # the runtime's own exception classes share no base but this one
            raise ModelDamagedError(
                f"{path.name} cannot speak with {description.name}: {error}",
                hint="check it with 'nearfield models verify'",
            ) from error

    @property
    def gain_db(self) -> float:
        """What the voice's own output is amplified by."""
        return 20 * math.log10(self._gain)

    def speak(self, text: str, *, cancelled: Cancelled = never) -> Speech | None:
        """`text` as speech; None when cancelled, or when there is nothing in it to say. Raises ModelRunError.

        `cancelled` is asked before each sentence, and at the commas of long ones. A pause that suits the last sign of
        `text` is appended.
        """
        return next(self._guarded(text, self._parts(text, cancelled, whole=True)), None)

    def speak_parts(self, text: str, *, cancelled: Cancelled = never) -> Iterator[Speech]:
        """What `speak` says, in parts of whole words, the first as soon as 300 ms of it are made. Raises ModelRunError.

        Laid end to end the parts are the clause, sample by sample. A voice that cannot be split, or that is so slow
        that the parts would not follow each other in time, gives one.
        """
        yield from self._guarded(text, self._parts(text, cancelled, whole=False))

    @property
    def behind_opening_ms(self) -> float | None:
        """See `OpeningVoice`; None of a voice that cannot be split or has not spoken yet."""
        return _BEHIND_OPENING_MS * self._real_time_factor if self._real_time_factor > 0 else None

    def open(self, text: str, *, cancelled: Cancelled = never) -> Opening | None:
        """The first 300 ms of a clause that begins with `text`, see `OpeningVoice`; None on a machine that is slow.

        How the words of the opening sound was decided without those behind them; the seam lies between two words.
        Raises ModelRunError.
        """
        return next(self._guarded(text, self._openings(text, cancelled)), None)

    def _guarded(self, text: str, parts: Iterator[_Made]) -> Iterator[_Made]:
        """`parts`, each made while nobody else uses the voice."""
        while True:
            with self._lock:
                if self._voice is None:
                    raise ModelRunError(f"{self._path.name} is closed")
                try:
                    part = next(parts, None)
                except Exception as error:
                    # the phonemizer and the runtime raise whatever they like
                    # not the text itself: errors are logged, and what is said to people is nobody else's business
                    raise ModelRunError(
                        f"{self._path.name} could not say a text of {len(text)} characters: {error}"
                    ) from error
            if part is None:
                return
            yield part

    def close(self) -> None:
        """Free the voice; the object is of no use afterwards."""
        with self._lock:
            self._voice = self._vocoder = None

    def _spoken(self, word: str, *, last: bool, following: str) -> str:
        if self._english:
            word = spoken_form(word, last=last, following=following)
        return word.replace("[[", "[").replace("]]", "]")  # Piper takes [[ ]] for raw phonemes

    def _size(self, word: str) -> Size:
        """`word` said alone; punctuation and stress marks are no phonemes here."""
        size = self._sizes.get(word)
        if size is None:
            parts = " ".join("".join(sentence) for sentence in self._voice.phonemize(word)).split()
            letters = [n for part in parts if (n := sum(1 for p in part if p.isalpha()))]
            size = Size(phonemes=sum(letters), words=len(letters))
            if len(self._sizes) >= _SIZES_KEPT:
                self._sizes.clear()
            self._sizes[word] = size  # looked up for every word of every text, and espeak-ng leaks with every look
        return size

    def _sentences(self, spoken: str) -> list[list[str]]:
        """The phonemes sentence by sentence, and of long ones breath by breath; only what can be said."""
        parts: list[list[str]] = []
        for phonemes in self._voice.phonemize(spoken):
            parts += _breaths([p for p in phonemes if p in self._voice_config.phoneme_id_map])
        return [part for part in parts if any(p.isalpha() for p in part)]

    def _clause(self, text: str, *, ends: bool = True) -> tuple[ClauseWords, list[list[str]]]:
        """The words of `text`, and the phonemes of its sentences; `ends`: with its last word."""
        words = split_words(text)
        pairs = zip(words, [*words[1:], ""], strict=False)
        spoken = [self._spoken(word, last=ends and not following, following=following) for word, following in pairs]
        sentences = self._sentences(" ".join(spoken))
        return ClauseWords(text, sizes=[self._size(word) for word in spoken], sentences=sentences), sentences

    def _openings(self, text: str, cancelled: Cancelled) -> Iterator[Opening]:
        """One, or none."""
        if self._vocoder is None or not 0 < self._real_time_factor < QUICK or cancelled():
            return
        clause, sentences = self._clause(text, ends=False)
        if len(sentences) != 1:
            return
        # the voice has learnt from sentences that end in a sign; without one it swallows sounds, also early ones
        goes_on = [","] if "," in self._voice_config.phoneme_id_map else []
        sentence, audio = self._begin([*sentences[0], *goes_on]), _Audio([], [])
        cut = self._next_cut(clause, sentence, audio) if sentence.timed else None
        if cut is None or cut.sample + _GUARD_SAMPLES + _MARGIN_SAMPLES > certain_samples(sentence):
            return
        part = self._cut_off(clause, sentence, audio, cut)
        if part is None:
            return

        def rest(whole: str, cancelled: Cancelled) -> Iterator[Speech]:
            return self._guarded(whole, self._parts(whole, cancelled, whole=False, begun=(sentence, audio)))

        yield Opening(part, rest)

    def _parts(
        self, text: str, cancelled: Cancelled, *, whole: bool, begun: tuple[Sentence, _Audio] | None = None
    ) -> Iterator[Speech]:
        """`text` as one `Speech`, or in parts. `begun`: what there is of its first sentence, and what was given."""
        clause, sentences = self._clause(text)
        audio = _Audio([], []) if begun is None else begun[1]
        for i, phonemes in enumerate(sentences):
            if cancelled():
                return
            sentence = self._begin(phonemes)
            if i == 0 and begun is not None:
                sentence = spliced(
                    begun[0], sentence, frame_samples=self._frame_samples, margin_samples=_MARGIN_SAMPLES
                )
            if not whole:
                yield from self._early_parts(clause, sentence, audio, cancelled)
            last = i == len(sentences) - 1
            self._append(audio, sentence, pause_sign=last_sign(text) if last else phonemes[-1])
            if cancelled():
                return
            words_so_far = clause.words if last else clause.words_within(len(audio.ends))
            if not last and (whole or words_so_far is None):
                continue
            if words_so_far is not None and any(len(part) for part in audio.parts):
                made = np.concatenate(audio.parts)
                yield self._given(clause, audio, words_so_far, made, audio.ends, within_word=False)

    def _early_parts(
        self, clause: ClauseWords, sentence: Sentence, audio: _Audio, cancelled: Cancelled
    ) -> Iterator[Speech]:
        """The beginning of `sentence`, as long as it pays to cut something off."""
        if self._vocoder is None or not sentence.timed:
            return
        while cut := self._next_cut(clause, sentence, audio):
            part = self._cut_off(clause, sentence, audio, cut)
            if cancelled():
                return
            if part is not None:
                yield part

    def _next_cut(self, clause: ClauseWords, sentence: Sentence, audio: _Audio) -> Cut | None:
        return clause.cut(
            sentence.ends,
            before=len(audio.ends),
            begins=sentence.begins,
            given=sentence.given,
            earlier=min(audio.samples_given, audio.samples),
            growth=growth_at(self._real_time_factor),
            within_words=self._real_time_factor < QUICK,
        )

    def _cut_off(self, clause: ClauseWords, sentence: Sentence, audio: _Audio, cut: Cut) -> Speech | None:
        """The next part of `sentence`, up to `cut`; None: there is nothing to be heard yet."""
        self._decode(sentence, math.ceil((cut.sample + _GUARD_SAMPLES) / self._frame_samples))
        so_far, start = self._finished(sentence)
        sentence.given = cut.sample
        if len(so_far) == 0:
            return None
        at = quietest(so_far, cut.sample - start)
        known = [audio.samples + e for e in trimmed(sentence.ends[sentence.ends <= cut.sample], start, at)]
        made, ends = np.concatenate([*audio.parts, so_far[:at]]), [*audio.ends, *known]
        return self._given(clause, audio, cut.words, made, ends, within_word=cut.within_word)

    def _given(
        self, clause: ClauseWords, audio: _Audio, words: int, so_far: Floats, ends: list[int], *, within_word: bool
    ) -> Speech:
        """Words and audio up to here that have not been given away yet; `so_far` is all of the clause's audio."""
        pcm = np.rint(so_far[audio.samples_given :] * 32767).astype(np.int16)
        marks = clause.marks(ends, len(so_far))
        part = clause.part(audio.words_given, words, pcm, marks, begins=audio.samples_given, begun=audio.begun)
        audio.words_given, audio.samples_given = words, len(so_far)
        audio.begun = len(so_far) - marks[words - 1].samples if within_word else 0
        return part

    def _begin(self, phonemes: list[str]) -> Sentence:
        """All but the sound."""
        ids = self._voice.phonemes_to_ids(phonemes)
        # not `voice.synthesize`: that scales every sentence to the same peak
        latent, durations = self._voice.phoneme_ids_to_audio(ids, self._style, include_alignments=True)
        latent = np.asarray(latent, dtype=np.float32)
        if self._vocoder is None:
            raw = latent.reshape(-1)
            samples = len(raw)
        else:
            raw = np.zeros(0, dtype=np.float32)
            latent = latent.reshape(1, self._vocoder.channels, -1)
            samples = latent.shape[2] * self._vocoder.frame_samples
        to_16k = SAMPLE_RATE_HZ / self._voice_config.sample_rate
        ends, timed = self._phoneme_ends(phonemes, durations, samples)
        return Sentence(phonemes, ends[0] * to_16k, ends[1:] * to_16k, timed, latent, raw)

    @property
    def _frame_samples(self) -> float:
        """Samples at 16 kHz that a frame of the latent becomes."""
        return (
            0
            if self._vocoder is None
            else self._vocoder.frame_samples * SAMPLE_RATE_HZ / self._voice_config.sample_rate
        )

    def _decode(self, sentence: Sentence, to_frame: int | None = None) -> None:
        """Make the audio of `sentence` up to a frame (None: all of it)."""
        if self._vocoder is None:
            return
        frames = sentence.latent.shape[2]
        end = frames if to_frame is None else min(to_frame, frames)
        if end <= sentence.frames:
            return
        begun_s = time.perf_counter()
        raw = self._vocoder.decode(sentence.latent, sentence.frames - sentence.again, end)
        took_s = time.perf_counter() - begun_s
        factor = took_s * self._voice_config.sample_rate / len(raw)
        known = self._real_time_factor or factor
        self._real_time_factor = known + _NEWEST * (factor - known)
        sentence.raw = blended(sentence.raw, raw, sentence.again * self._vocoder.frame_samples)
        sentence.frames, sentence.again = end, 0

    def _finished(self, sentence: Sentence) -> tuple[Floats, int]:
        """What has been decoded of `sentence`, loud as it should be and trimmed, and how much was cut off before it.

        Of a sentence that is not whole yet the last `_GUARD_SAMPLES` may still change.
        """
        rate_hz, raw = self._voice_config.sample_rate, sentence.raw
        audio = soxr.resample(raw, rate_hz, SAMPLE_RATE_HZ) if rate_hz != SAMPLE_RATE_HZ else raw
        audio = np.asarray(audio * self._gain, dtype=np.float32)
        start, end = audible(audio)
        whole = self._vocoder is None or sentence.frames == sentence.latent.shape[2]
        if not whole and end > start:
            end = len(audio)
        audio = limit(audio[start:end], ceiling_db=PEAK_CEILING_DB, rate_hz=SAMPLE_RATE_HZ)
        return faded(audio, FADE_OUT_MS if whole else 0), start

    def _append(self, audio: _Audio, sentence: Sentence, *, pause_sign: str) -> None:
        """`sentence` as a whole, and the silence that suits its last sign."""
        self._decode(sentence)
        made, start = self._finished(sentence)
        # what was given away already stays, should more of it be trimmed now that the end is known
        made = np.pad(made, (0, max(0, audio.samples_given - audio.samples - len(made))))
        pause = pause_after(pause_sign)
        audio.ends += [audio.samples + e for e in trimmed(sentence.ends, start, len(made))]
        audio.parts += [made, pause]
        audio.samples += len(made) + len(pause)

    def _phoneme_ends(
        self, phonemes: list[str], durations: npt.NDArray[np.int64] | None, samples: int
    ) -> tuple[npt.NDArray[np.float64], bool]:
        """Sample, at the voice's rate, at which the first phoneme begins, and those at which each one ends.

        As the model says, and True; else in equal shares.
        """
        ids = self._voice_config.phoneme_id_map
        pads = len(ids[PAD])
        counts = np.array([len(ids[BOS]) + pads, *(len(ids[p]) + pads for p in phonemes), len(ids[EOS])])
        if durations is None or np.size(durations) != counts.sum():
            return np.linspace(0, samples, len(phonemes) + 1), False
        ends = np.cumsum(durations)[np.cumsum(counts) - 1]
        return np.asarray(ends[:-1], dtype=np.float64), True

    def _calibrated_gain(self, target_lufs: float) -> float:
        sentences = [self._begin(phonemes) for phonemes in self._sentences(CALIBRATION_TEXT)]
        for sentence in sentences:
            self._decode(sentence)
        audio = np.concatenate([self._finished(sentence)[0] for sentence in sentences])
        gain = gain_for(audio, target_lufs)
        if gain is None:
            raise ModelDamagedError(
                f"{self._path} is loaded, but what it says cannot be heard",
                hint="check it with 'nearfield models verify'",
            )
        return gain


def _breaths(phonemes: list[str]) -> Iterator[list[str]]:
    """`phonemes` whole if they are few, else cut behind commas, semicolons and colons into parts of some length."""
    start = 0
    for i, phoneme in enumerate(phonemes, start=1):
        if phoneme in ",;:" and i - start >= BREATH_PHONEMES and len(phonemes) - i >= BREATH_PHONEMES // 2:
            yield phonemes[start:i]
            start = i
    yield phonemes[start:]
