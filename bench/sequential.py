"""The honest baseline: one step after the other, as a voice assistant is usually put together.

    arm = Sequential(models, settings, prompt)
    print(arm.run(utterance).ttfa_ms)

Silero says when a voice begins; 700 ms without one end the turn; then the whole utterance is recognised, then the
whole answer written, then all of it synthesised, then it is played. Same card, same models, same settings as the
program beside it, all loaded and warm, the KV cache filled with the prompt before the user speaks. Nothing is prepared
while anything else goes on.
"""

from dataclasses import dataclass

import numpy as np

from bench.options import Utterance
from bench.processor_time import cpu_s
from device.audio.measure import first_audible_sample
from device.audio.virtual import VirtualCard
from device.config import Settings
from device.dialogue.events import to_ms
from device.dialogue.loop import Models
from models.protocols import SAMPLE_RATE_HZ, Floats, Int16s, Message

END_SILENCE_MS = 700.0
_LEAD_S = 0.5  # silence before the utterance, as in a rehearsal
_PATIENCE_S = 4.0  # after the end of the recording: nothing will come any more
_HEAR_S = 0.5  # of the answer; the rest changes nothing
_READ_TIMEOUT_S = 0.25


@dataclass(frozen=True, slots=True)
class SequentialTurn:
    """What it made of one utterance; times in ms after the end of speech."""

    file: str
    transcript: str
    reply: str
    ttfa_ms: float | None
    early: bool
    cpu_s: float  #: of this process, listening included
    seconds: float


class Sequential:
    """The pipeline. `run` once for each utterance: each is a conversation of its own."""

    def __init__(self, models: Models, settings: Settings, prompt: str) -> None:
        self._models, self._settings = models, settings
        self._messages = [Message("system", prompt)] if prompt else []

    def run(self, said: Utterance) -> SequentialTurn:
        """Say `said` to it, in real time."""
        self._models.chat.warm(self._messages)
        heard, replies, looks = [], [], []
        card = VirtualCard()
        ear = SilenceEnd(self._models, self._settings)
        start = card.say(said.pcm, round(_LEAD_S * SAMPLE_RATE_HZ))
        end = start + said.speech_end
        card.end_at(start + said.pcm.size + round(_PATIENCE_S * SAMPLE_RATE_HZ))
        cpu = cpu_s()
        with card:
            while (block := card.read(_READ_TIMEOUT_S)) is not None or not card.ended:
                if block is None or (audio := ear.feed(block.mic)) is None:
                    continue
                if not (text := self._models.recogniser.transcribe(audio).text):
                    continue
                reply = "".join(self._models.chat.reply([*self._messages, Message("user", text)]))
                speech = self._models.voice.speak(reply)
                heard.append(text)
                replies.append(reply)
                if speech is None:
                    continue
                looks.append(card.now)
                card.play(speech.pcm)
                if card.now > end:
                    card.end_at(card.now + round(_HEAR_S * SAMPLE_RATE_HZ))
        _mic, speaker = card.recording()
        sound = first_audible_sample(speaker, looks[-1]) if looks else None
        first = first_audible_sample(speaker, looks[0]) if looks else None
        return SequentialTurn(
            file=said.name,
            transcript=" | ".join(heard),
            reply=replies[-1] if replies else "",
            ttfa_ms=None if sound is None else round(to_ms(sound) - to_ms(end), 1),
            early=first is not None and first < end,
            cpu_s=round(cpu_s() - cpu, 3),
            seconds=round(len(speaker) / SAMPLE_RATE_HZ, 2),
        )


class SilenceEnd:
    """The end of a turn by silence alone: feed it blocks, it returns the utterance once it is over."""

    def __init__(self, models: Models, settings: Settings, end_silence_ms: float = END_SILENCE_MS) -> None:
        self._vad = models.vad.fresh()
        self._on, self._off = settings.vad.start_probability, settings.vad.stop_probability
        self._onset_samples = settings.vad.min_speech_ms * SAMPLE_RATE_HZ // 1000
        self._pre_roll_samples = settings.vad.pre_roll_ms * SAMPLE_RATE_HZ // 1000
        self._end_samples = round(end_silence_ms * SAMPLE_RATE_HZ / 1000)
        self._rest = np.zeros(0, np.float32)  # less than a frame
        self._begin([])

    def _begin(self, kept: list[Floats]) -> None:
        self._frames = kept  # of the utterance, or of what precedes it
        self._talking = False
        self._voiced_samples = self._silent_samples = 0

    def feed(self, mic: Int16s) -> Floats | None:
        """`mic`: (n,) int16, 16 kHz. Returns the utterance that ended with it, (m,) float32 in -1..1, or None."""
        self._rest = np.concatenate((self._rest, mic.astype(np.float32) / 32768))
        size = self._vad.frame_samples
        while len(self._rest) >= size:
            frame, self._rest = self._rest[:size], self._rest[size:]
            if (utterance := self._hear(frame, self._vad.probability(frame))) is not None:
                return utterance
        return None

    def _hear(self, frame: Floats, probability: float) -> Floats | None:
        self._frames.append(frame)
        if not self._talking:
            self._voiced_samples = 0 if probability < self._off else self._voiced_samples
            self._voiced_samples += len(frame) if probability >= self._on else 0
            self._talking = probability >= self._on and self._voiced_samples >= self._onset_samples
            keep = self._pre_roll_samples // len(frame) + 1 + self._voiced_samples // len(frame)
            self._frames = self._frames[-keep:]
            return None
        self._silent_samples = self._silent_samples + len(frame) if probability < self._off else 0
        if self._silent_samples < self._end_samples:
            return None
        utterance = np.concatenate(self._frames)
        self._begin([])
        return utterance
