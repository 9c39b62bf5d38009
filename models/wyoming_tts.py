"""Text to speech on a Wyoming server (wyoming-piper, ...), a clause a call.

    voice = WyomingVoice(Server("tcp://nas:10200"), loudness_lufs=-16.0)
    speech = voice.speak("The capital of France is Paris.")     # Speech: 16 kHz int16 and a mark a word

The server may send any rate, 8 to 32 bits, any number of channels. It is made to sound like the voice on the board: the
same loudness (found once, on the same sentences), trimmed, the same pauses. Servers do not say when which word sounds:
the marks share the sounding part out by the length of the words.
"""

import threading
from dataclasses import dataclass, field

import numpy as np
import soxr
from wyoming.audio import AudioChunk, AudioStart, AudioStop
from wyoming.tts import Synthesize, SynthesizeStopped, SynthesizeVoice

from models.clause_audio import (
    CALIBRATION_TEXT,
    PEAK_CEILING_DB,
    gain_for,
    last_sign,
    pause_after,
)
from models.errors import ModelRunError
from models.loudness import limit
from models.portal import Portal
from models.protocols import SAMPLE_RATE_HZ, Cancelled, Floats, Mark, Speech, never
from models.trim import FADE_OUT_MS, audible, faded
from models.word_marks import split_words
from models.wyoming_link import Server, connected, describe, names_of

#: A clause of 500 characters takes some 40 s; a server that goes on for longer does not stop by itself.
MAX_SPEECH_S = 120.0
#: How long the first clause of all is waited for, when it is looked whether the server is there and nobody waits.
FIRST_CLAUSE_S = 10.0
RATES_HZ = (4_000, 384_000)
MAX_CHANNELS = 8
#: What a digit is worth in letters ("7" is "seven"), and a sign that one pauses at.
_DIGIT_LETTERS, _PAUSE_LETTERS = 4, 3


@dataclass
class _Sound:
    """What has come of a clause, in one format."""

    uri: str
    rate_hz: int = 0
    width: int = 0
    channels: int = 0
    parts: list[bytes] = field(default_factory=list)
    size: int = 0

    def begin(self, event: AudioStart | AudioChunk) -> None:
        """Raises ModelRunError for a format that is none, or that changes."""
        form = (event.rate, event.width, event.channels)
        fits = (
            all(isinstance(value, int) and not isinstance(value, bool) for value in form)
            and RATES_HZ[0] <= event.rate <= RATES_HZ[1]
            and event.width in (1, 2, 3, 4)
            and 1 <= event.channels <= MAX_CHANNELS
        )
        if not fits or (self.rate_hz and form != (self.rate_hz, self.width, self.channels)):
            raise ModelRunError(f"{self.uri} sends audio in a format that makes no sense: {form}"[:200])
        self.rate_hz, self.width, self.channels = form

    def add(self, piece: bytes) -> None:
        """Raises ModelRunError when it does not end."""
        self.parts.append(piece)
        self.size += len(piece)
        if self.size > MAX_SPEECH_S * self.rate_hz * self.width * self.channels:
            raise ModelRunError(f"{self.uri} does not stop speaking: more than {MAX_SPEECH_S:g} s for one clause")

    def audio(self) -> Floats:
        """(n,) float32 in -1..1, 16 kHz, mono."""
        raw = b"".join(self.parts)
        if not self.rate_hz or not raw:
            return np.zeros(0, dtype=np.float32)
        frame = self.width * self.channels
        samples = _as_floats(raw[: len(raw) // frame * frame], self.width)
        mono = samples.reshape(-1, self.channels).mean(axis=1, dtype=np.float32)
        if self.rate_hz != SAMPLE_RATE_HZ:
            mono = soxr.resample(mono, self.rate_hz, SAMPLE_RATE_HZ)
        return np.asarray(mono, dtype=np.float32)


class WyomingVoice:
    """One server; each call has a connection of its own."""

    def __init__(
        self, server: Server, *, voice: str = "", speaker: str = "", loudness_lufs: float = -16.0, begin_s: float = 1.5
    ) -> None:
        """`voice`: its name on the server, "" for the server's own choice; `speaker`: of a voice that has several.

        `begin_s`: within which the first audio is to come; between pieces it is `server.reply_s`.
        """
        self.server = server
        self._begin_s = begin_s
        self._voice = SynthesizeVoice(name=voice, speaker=speaker or None) if voice else None
        self._loudness_lufs = loudness_lufs
        self._portal = Portal("nearfield-tts-server")
        self._lock = threading.Lock()
        self._gain: float | None = None

    def check(self) -> None:
        """Is the server there, and does it speak with that voice? Finds its gain, too. Raises ModelRunError."""
        info = self._portal.call(lambda: describe(self.server))
        if info is None:
            return
        names = {name for program in info.tts for name in names_of(program.voices)}
        if not info.tts:
            raise ModelRunError(f"{self.server.uri} is no voice", hint="see tts.server")
        if self._voice is not None and self._voice.name not in names:
            there = ", ".join(sorted(names)[:5]) or "none"
            raise ModelRunError(
                f"{self.server.uri} has no voice '{self._voice.name}'", hint=f"it has: {there}; see tts.server_voice"
            )
        # the first clause may be long in coming: wyoming-piper loads its voice for it
        self._calibrated_gain(never, within_s=max(FIRST_CLAUSE_S, self._begin_s))

    def speak(self, text: str, *, cancelled: Cancelled = never) -> Speech | None:
        """`text` as speech; None when cancelled, or when there is nothing in it to say. Raises ModelRunError.

        A pause that suits the last sign of `text` is appended.
        """
        if cancelled() or not any(c.isalnum() for c in text):
            return None
        gain = self._calibrated_gain(cancelled, within_s=self._begin_s)
        audio = None if gain is None else self._portal.call(lambda: self._ask(text, self._begin_s), cancelled=cancelled)
        if gain is None or audio is None:
            return None
        audio = np.asarray(audio * gain, dtype=np.float32)
        start, end = audible(audio)
        if start == end:
            raise ModelRunError(f"{self.server.uri} sent silence in place of speech")
        voiced = faded(limit(audio[start:end], ceiling_db=PEAK_CEILING_DB, rate_hz=SAMPLE_RATE_HZ), FADE_OUT_MS)
        whole = np.concatenate((voiced, pause_after(last_sign(text))))
        pcm = np.rint(whole * 32767).astype(np.int16)
        return Speech(text, pcm, shared_marks(text, voiced_samples=len(voiced), samples=len(pcm)))

    def close(self) -> None:
        """End what runs."""
        self._portal.close()

    def _calibrated_gain(self, cancelled: Cancelled, *, within_s: float) -> float | None:
        """Asked for once; None when cancelled."""
        with self._lock:
            if self._gain is None:
                audio = self._portal.call(lambda: self._ask(CALIBRATION_TEXT, within_s), cancelled=cancelled)
                if audio is None:
                    return None
                self._gain = gain_for(audio, self._loudness_lufs)
                if self._gain is None:
                    raise ModelRunError(f"{self.server.uri} speaks, but it cannot be heard")
            return self._gain

    async def _ask(self, text: str, within_s: float) -> Floats:
        sound = _Sound(self.server.uri)
        async with connected(self.server) as link:
            # in one piece: servers that can be sent a text as it is written can still be sent a whole one
            await link.send(Synthesize(text=text, voice=self._voice))
            while True:
                event = await link.receive(within_s)
                try:
                    if AudioStart.is_type(event.type):
                        sound.begin(AudioStart.from_event(event))
                    elif AudioChunk.is_type(event.type):
                        chunk = AudioChunk.from_event(event)
                        sound.begin(chunk)
                        sound.add(chunk.audio)
                        within_s = self.server.reply_s
                    elif AudioStop.is_type(event.type) or SynthesizeStopped.is_type(event.type):
                        return sound.audio()
                except (KeyError, TypeError, AttributeError) as error:
                    raise ModelRunError(f"{self.server.uri} sent audio without saying which format it has") from error


def shared_marks(text: str, *, voiced_samples: int, samples: int) -> tuple[Mark, ...]:
    """One mark a word of `text`: each ends where its share of the letters ends, the last one is (len(text), samples).

    Digits count as the words that they are read as, and signs that one pauses at as some letters.
    """
    words = split_words(text)
    weights = np.cumsum([_letters(word) for word in words])
    marks: list[Mark] = []
    chars = 0
    for word, weight in zip(words[:-1], weights[:-1], strict=True):
        chars = text.index(word, chars) + len(word)
        marks.append(Mark(chars, round(voiced_samples * float(weight) / float(weights[-1]))))
    return (*marks, Mark(len(text), samples))


def _letters(word: str) -> int:
    signs = sum(1 for c in word if c in ",;:.!?…") if word[-1:] in ",;:.!?…" else 0
    return 1 + sum(_DIGIT_LETTERS if c.isdigit() else c.isalpha() for c in word) + _PAUSE_LETTERS * min(signs, 1)


def _as_floats(raw: bytes, width: int) -> Floats:
    """Little-endian PCM of `width` bytes a sample; 8 bits are unsigned, as in a WAV file."""
    if width == 1:
        return np.asarray((np.frombuffer(raw, dtype=np.uint8).astype(np.float32) - 128) / 128, dtype=np.float32)
    if width == 3:  # the missing low byte in front
        wide = np.zeros((len(raw) // 3, 4), dtype=np.uint8)
        wide[:, 1:] = np.frombuffer(raw, dtype=np.uint8).reshape(-1, 3)
        raw, width = wide.tobytes(), 4
    values = np.frombuffer(raw, dtype=f"<i{width}").astype(np.float32)
    return np.asarray(values / float(1 << (8 * width - 1)), dtype=np.float32)
