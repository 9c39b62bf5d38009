"""Speech to text with whisper.cpp.

    recogniser = WhisperCpp(store.path("whisper-tiny.en"))
    heard = recogniser.transcribe(audio)          # (n,) float32 at 16 kHz -> Transcript

Whisper was trained on windows of 30 s and spends most of its time encoding the silence it is padded with. The encoder
is given only as much of the window as the utterance needs (`context_for`); what that costs in words, and why the
figures are these, is measured by `bench/wer.py`.
"""

import atexit
import math
import threading
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import models.process  # first: the runtime reads what it sets up

# isort: split
import _pywhispercpp as pw
import numpy as np

from models.cores import MOST
from models.errors import ModelDamagedError, ModelMissingError, ModelRunError
from models.loop_guard import loop_start
from models.mel import HOP_SAMPLES, MEL_BANDS, frames_of, whisper_mel
from models.protocols import SAMPLE_RATE_HZ, Cancelled, Effort, Floats, Transcript, never
from models.transcript_filter import clean, is_phantom
from models.voice_start import quiet_samples

#: One position of the encoder is two mel frames of 10 ms.
SAMPLES_PER_POSITION = 320
#: The encoder's full window, 30 s.
FULL_CONTEXT = 1500
WINDOW_SAMPLES = FULL_CONTEXT * SAMPLES_PER_POSITION
#: Below this tiny.en begins to repeat itself or to lose words, however short the utterance is.
MIN_CONTEXT = 384
#: The same while `WhisperCpp.frugal` is set: about two thirds of the time in the encoder, and more words wrong, 114
#: of 379 in place of 111 (turns, spoken_digits, ha_commands_en and the first 78 words of read_misc).
FRUGAL_CONTEXT = 256
#: Silence the encoder wants to see behind the last word, 2.56 s; with less of it the end of the utterance is missed.
CONTEXT_MARGIN = 128
#: Fast speech has some six tokens a second; what writes more than this is a loop.
MAX_TOKENS_PER_S = 8
MAX_TOKENS_BASE = 16
#: Silence put before the first word, 0.5 s, but not more than 0.8 s together with what is there already. Words wrong of
#: 1,215 cut as a conversation hears them (from half a second before the voice on) and of 1,729 in whole files, with 0.5
#: s whatever is there: 174 and 201; with these: 162 and 193; filled up to 0.3 / 0.4 / 0.5 s: 151 / 152 / 153 and 184 /
#: 199 / 194 (read_misc, ha_commands_en, assistant_misc, librispeech_other, nonnative_speechocean). But of 57 commands
#: 96 % (cut 95) are understood with these (`bench/intents.py --again`), and 93 (88) when it is filled up to 0.3 s. With
#: 1.5 s and more before it an utterance is said twice.
LEAD_SAMPLES = SAMPLE_RATE_HZ // 2
MOST_LEAD_SAMPLES = 4 * SAMPLE_RATE_HZ // 5
#: When nothing intelligible came out, it listens once more without the first 0.3 s: what stands before a short word (a
#: click, a breath) can spoil it. Of 30 windows cut differently round the recorded command "pause", 9 gave nothing, and
#: 1 with this; of 115 windows of 2 s from recordings of noise, 3 gave words, and 7 with this (the VAD keeps most away).
SECOND_START_SAMPLES = 3 * SAMPLE_RATE_HZ // 10
#: A text that goes round in circles is decoded once more, with so many positions more. Texts that are only improbable
#: are left as they are: of the 379 words above the whole window mends none of those below 0.2 (and spoils one, in
#: 0.7 s), and changes nothing on balance below 0.3; utterance by utterance it is as often worse as better.
LOOP_CONTEXT = 384
#: Shorter audio is not worth a decode: whisper.cpp refuses less than 100 ms.
MIN_SAMPLES = SAMPLE_RATE_HZ // 10
#: "ggml", the first word of every whisper.cpp model file.
_MAGIC = b"lmgg"
_LOG_ERROR = 4

_NO_SOUND = np.zeros(0, dtype=np.float32)  # whisper.cpp is given its spectrogram

_log: deque[tuple[int, str]] = deque(maxlen=50)
pw.whisper_log_set(lambda level, text: _log.append((level, text)))
# the callback is Python's: whisper.cpp must not call it while the interpreter goes down
atexit.register(pw.whisper_log_set, None)


def context_for(samples: int, *, floor: int = MIN_CONTEXT) -> int:
    """Encoder positions for `samples` of audio at 16 kHz: its length and a margin, between a floor and the window."""
    needed = math.ceil(samples / SAMPLES_PER_POSITION) + CONTEXT_MARGIN
    return min(max(needed, floor), FULL_CONTEXT)


@dataclass(frozen=True, slots=True)
class _Decode:
    text: str
    probability: float
    loop: bool
    words: tuple[float, ...] = ()


class WhisperCpp:
    """One loaded model. Calls from several threads wait for each other."""

    #: True: short utterances get a narrower window from the next call on, for a machine that does not keep up. Any
    #: thread may set it.
    frugal: bool = False

    def __init__(self, path: Path, *, language: str = "en", threads: int = 0, initial_prompt: str = "") -> None:
        """Load `path` (ggml, f16 or quantised) and decode some silence, so that the first utterance is not slower.

        `language`: ISO 639-1 code; the English-only models take "en". `threads`: 0 is min(4, cores). `initial_prompt`:
        words to expect, such as names of rooms. Raises ModelMissingError, ModelDamagedError.
        """
        self._lock = threading.Lock()
        self._path = path
        self._prompt = initial_prompt
        self._context = _load(path)
        self._bands: int = pw.whisper_model_n_mels(self._context)  # the newest large ones have 128
        self._params: Any = pw.whisper_full_default_params(pw.whisper_sampling_strategy.WHISPER_SAMPLING_GREEDY)
        self._params.language = language
        self._params.n_threads = models.process.worker_threads(threads, most=MOST)
        self._params.no_context = True  # an utterance does not depend on the one before
        self._params.suppress_blank = True
        for name in ("print_progress", "print_realtime", "print_timestamps", "print_special"):
            setattr(self._params, name, False)
        self._decode(np.zeros(SAMPLE_RATE_HZ // 2, dtype=np.float32), MIN_CONTEXT, never)

    def transcribe(self, audio: Floats, *, cancelled: Cancelled = never, effort: Effort = "final") -> Transcript:
        """`audio`: (n,) float32 in -1..1, 16 kHz, of any length. Raises ModelRunError.

        "partial" is one pass. "final" may take a second one, when the first gave nothing or went round in circles; a
        third when the second then gave nothing. Beyond 30 s it is decoded until it is plausible.

        whisper.cpp asks `cancelled` before and after the encoder and after every token. The encoder itself cannot be
        stopped (1.8.5 hands the callback to none of the graphs it computes), so that a cancelled call comes back after
        at most one pass of it.
        """
        return self._transcribe(audio, cancelled, effort, self._prompt)

    def _transcribe(self, audio: Floats, cancelled: Cancelled, effort: Effort, prompt: str) -> Transcript:
        started = time.perf_counter()
        audio = np.ascontiguousarray(audio, dtype=np.float32)
        decode: _Decode | None = None
        if not cancelled() and len(audio) >= MIN_SAMPLES:
            with self._lock:
                self._params.initial_prompt = prompt
                decode = self._intelligible(audio, cancelled, effort)
                later = audio[SECOND_START_SAMPLES:]
                again = effort == "final" and len(later) >= SECOND_START_SAMPLES
                if decode is not None and not (decode.text or decode.loop) and again:
                    decode = self._intelligible(later, cancelled, "partial")
        text, probability = ("", 0.0) if decode is None else (decode.text, decode.probability)
        return Transcript(
            text=text,
            probability=probability,
            audio_ms=len(audio) * 1000 / SAMPLE_RATE_HZ,
            decode_ms=(time.perf_counter() - started) * 1000,
            complete=decode is not None or len(audio) < MIN_SAMPLES,
            word_probabilities=() if decode is None else decode.words,
        )

    def transcribe_expecting(self, audio: Floats, expected: str, *, cancelled: Cancelled = never) -> Transcript:
        """A second look at `audio` (n,), in one pass, with `expected` (sentences, names) as its prompt.

        Words that are not expected suffer for it, and short ones may go: for what made no sense without. Raises
        ModelRunError.
        """
        return self._transcribe(audio, cancelled, "partial", expected)

    def close(self) -> None:
        """Free the model; the object is of no use afterwards."""
        with self._lock:
            if self._context is not None:
                pw.whisper_free(self._context)
                self._context = None

    def _intelligible(self, audio: Floats, cancelled: Cancelled, effort: Effort) -> _Decode | None:
        """Decode behind a lead of silence; what nobody can have said has no text."""
        lead = np.zeros(min(LEAD_SAMPLES, max(0, MOST_LEAD_SAMPLES - quiet_samples(audio))), dtype=np.float32)
        decode = self._decode_well(np.concatenate((lead, audio)), cancelled, effort)
        if decode is not None and is_phantom(decode.text, probability=decode.probability, audio=audio):
            return _Decode("", 0.0, decode.loop)
        return decode

    def _decode_well(self, audio: Floats, cancelled: Cancelled, effort: Effort) -> _Decode | None:
        """Decode; for a final text once more, with a wider window, when the first attempt went round in circles."""
        if self._context is None:
            raise ModelRunError(f"{self._path.name} is closed")
        context = context_for(len(audio), floor=FRUGAL_CONTEXT if self.frugal else MIN_CONTEXT)
        first = self._decode(audio, context, cancelled, effort)
        if first is None or not (first.loop and first.text) or effort == "partial" or context == FULL_CONTEXT:
            return first
        second = self._decode(audio, min(context + LOOP_CONTEXT, FULL_CONTEXT), cancelled, effort)
        # nobody says one thing for sixteen tokens in both windows: a baby cries, a motor turns
        return _Decode("", 0.0, True) if second is not None and second.loop else second

    def _decode(self, audio: Floats, context: int, cancelled: Cancelled, effort: Effort = "final") -> _Decode | None:
        """One run over `audio`; None when cancelled."""
        if cancelled():  # while it waited for another call, or during the first attempt
            return None
        params, long = self._params, len(audio) > WINDOW_SAMPLES
        params.audio_ctx = context
        # Time stamps cost a token or two, but without them a model that sees a short window repeats itself.
        # Up to 30 s are one segment: with several, the silence behind the first would be encoded and decoded again.
        params.no_timestamps = False
        params.single_segment = not long
        params.max_tokens = 0 if long else MAX_TOKENS_BASE + MAX_TOKENS_PER_S * len(audio) // SAMPLE_RATE_HZ
        # One pass: whisper.cpp's answer to a doubtful decode is up to five more, each as long as the first. Only long
        # audio, for which nobody waits in a conversation, gets them: there a loop would swallow what follows it.
        params.temperature_inc = 0.2 if long and effort == "final" else 0.0
        aborted = False

        def abort() -> bool:
            nonlocal aborted
            aborted = aborted or cancelled()
            return aborted

        sound = audio
        params.duration_ms = 0
        if not long and self._bands == MEL_BANDS:  # the others whisper.cpp pictures itself
            mel = whisper_mel(audio, 2 * FULL_CONTEXT)
            pw.whisper_set_mel(self._context, mel, mel.shape[1], MEL_BANDS)
            sound, params.duration_ms = _NO_SOUND, frames_of(len(audio)) * 1000 * HOP_SAMPLES // SAMPLE_RATE_HZ
        pw.assign_abort_callback(params, abort)
        _log.clear()
        try:
            status = pw.whisper_full(self._context, params, sound, len(sound))
        except Exception as error:  # the binding raises bare C++ exceptions
            raise ModelRunError(f"{self._path.name} failed: {error}") from error
        finally:
            pw.assign_abort_callback(params, None)
        if aborted:
            return None
        if status != 0:
            raise ModelRunError(f"{self._path.name} failed: {_last_error() or f'whisper_full returned {status}'}")
        return self._read(long=long)

    def _read(self, *, long: bool) -> _Decode:
        """Text and probability of the words alone: time stamps and other marks are tokens from `eot` on."""
        context, end = self._context, pw.whisper_token_eot(self._context)
        ids: list[int] = []
        logs: list[float] = []
        for segment in range(pw.whisper_full_n_segments(context)):
            for i in range(pw.whisper_full_n_tokens(context, segment)):
                token = pw.whisper_full_get_token_id(context, segment, i)
                if token < end:
                    ids.append(token)
                    logs.append(math.log(max(pw.whisper_full_get_token_p(context, segment, i), 1e-9)))
        circle = None if long else loop_start(ids)
        spoken = ids if circle is None else ids[:circle]
        pieces = [pw.whisper_token_to_bytes(context, token) for token in spoken]
        text = clean(b"".join(pieces).decode("utf-8", errors="replace"))
        probability = math.exp(sum(logs) / len(logs)) if logs and text else 0.0
        return _Decode(text, probability, circle is not None, least_of_words(text, pieces, logs))


def least_of_words(text: str, pieces: Sequence[bytes], logs: Sequence[float]) -> tuple[float, ...]:
    """For each word of `text` (as white space parts them) the least probability of the tokens that have a letter of it.

    `pieces` and `logs`: the tokens that `text` was made of, and their log probabilities; some may be missing in it.
    (): they do not fit together.
    """
    letters = [(letter, log) for piece, log in zip(pieces, logs, strict=False) for letter in piece]
    raw, at = bytes(letter for letter, _ in letters), 0
    out: list[float] = []
    for word in text.split():
        sought = word.encode("utf-8")
        at = raw.find(sought, at)
        if at < 0:
            return ()
        # marks say nothing of the word, and a recogniser is never sure of them
        spoken = [log for letter, log in letters[at : at + len(sought)] if letter >= 0x80 or chr(letter).isalnum()]
        out.append(math.exp(min(spoken, default=0.0)))
        at += len(sought)
    return tuple(out)


def _load(path: Path) -> Any:
    if not path.is_file():
        raise ModelMissingError(f"no model file {path}", hint="fetch it with 'nearfield models pull'")
    repair = "check it with 'nearfield models verify'"
    with path.open("rb") as file:
        if file.read(4) != _MAGIC:
            raise ModelDamagedError(f"{path} is not a whisper.cpp model", hint=repair)
    options: Any = pw.whisper_context_default_params()
    options.use_gpu = False
    # Flash attention pads the encoder's window to a multiple of 256 and reads what an earlier decode left in the
    # padding (whisper.cpp 1.8.5): the same audio then gives different words from call to call. It is no faster here.
    options.flash_attn = False
    _log.clear()
    context = pw.whisper_init_from_file_with_params(str(path), options)
    # on failure the binding hands out an object round a null pointer; only the log tells
    if problem := _last_error():
        raise ModelDamagedError(f"{path} cannot be loaded: {problem}", hint=repair)
    return context


def _last_error() -> str:
    """The first error that whisper.cpp logged since the log was cleared."""
    return next((text.strip() for level, text in _log if level == _LOG_ERROR), "")
