"""The models, as the doctor tries them: whole, the right ones, and working together.

    trial = ModelTrial()
    trial.say_and_hear(settings, persona, "The capital of France is Paris.").text
    trial.turns(settings, persona, ["What time is it?"]).ttfa_ms

They are loaded once. The test turn is the whole program on the virtual card, in real time, with a record of its own
that is thrown away: nothing of it is in the owner's sessions.
"""

import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from device.assembly import load_models, open_store
from device.config.home import McpSettings, MqttSettings
from device.config.schema import Settings
from device.diagnostics.doctor.probe import SaidAndHeard, TestTurns
from device.errors import NearfieldError
from device.persona import Persona
from models.protocols import SAMPLE_RATE_HZ, Int16s

if TYPE_CHECKING:
    from device.dialogue.loop import Models

#: Asked by the assistant's own voice, a little higher.
_PITCH = 1.12
_REPLY_TOKENS = 24  #: nobody listens to the answer
_SILENCE_SAMPLES = SAMPLE_RATE_HZ // 2
_ECHO_DB, _ECHO_DELAY_MS = -20.0, 8.0


class ModelTrial:
    """Fulfils `probe.Trial`. Not thread-safe."""

    def __init__(self) -> None:
        self._models: Models | None = None
        self._load_s = 0.0

    def verify(self, settings: Settings, model_id: str) -> None:
        """Hashes every file. Raises ModelMissingError, ModelDamagedError."""
        store = open_store(settings)
        store.verify(model_id) if "/" not in model_id else store.path(model_id)

    def task(self, settings: Settings, model_id: str) -> str:
        """Of the catalogue; "" for a file of the owner's."""
        return "" if "/" in model_id else open_store(settings).catalog.model(model_id).task

    def say_and_hear(self, settings: Settings, persona: Persona, sentence: str) -> SaidAndHeard:
        models = self._loaded(settings, persona)
        began_s = time.monotonic()
        pcm = self._spoken(models, sentence)
        spoken_s = time.monotonic()
        around = np.zeros(_SILENCE_SAMPLES, np.float32)  # as in a recording
        audio = np.concatenate((around, pcm.astype(np.float32) / np.float32(32768), around))
        transcript = models.recogniser.transcribe(audio)
        return SaidAndHeard(
            transcript.text,
            load_s=self._load_s,
            speak_s=spoken_s - began_s,
            hear_s=time.monotonic() - spoken_s,
            audio_s=pcm.size / SAMPLE_RATE_HZ,
        )

    def turns(self, settings: Settings, persona: Persona, questions: Sequence[str]) -> TestTurns:
        # all of these need the compiled part, of which the doctor is to say that it is missing
        from device.audio.recording import MemoryRecorder  # noqa: PLC0415
        from device.audio.rooms import delay_and_gain  # noqa: PLC0415
        from device.audio.virtual import VirtualCard  # noqa: PLC0415
        from device.converse.rehearsal import Rehearsal  # noqa: PLC0415
        from device.converse.script import Line, Timing  # noqa: PLC0415
        from device.dialogue.events import Failure  # noqa: PLC0415

        models = self._loaded(settings, persona)
        rest = np.zeros(_SILENCE_SAMPLES, np.int16)
        said = [self._spoken(models, text, pitch=_PITCH) for text in questions]
        lines = [Line("said", np.concatenate((pcm, rest))) for pcm in said]
        with tempfile.TemporaryDirectory(prefix="nearfield-doctor-") as folder:
            rehearsal = Rehearsal(
                _apart(settings, Path(folder)),
                replace(persona, greeting="", database=Path(folder) / "persona.db" if persona.database else None),
                models,
                lines,
                Timing(lead_s=0.3, tail_s=0.1),
                VirtualCard(impulse_response=delay_and_gain(_ECHO_DB, _ECHO_DELAY_MS), recorder=MemoryRecorder()),
            )
            rehearsal.run()
            result = rehearsal.result()
        errors = tuple(dict.fromkeys(e.stage for e in result.events if isinstance(e, Failure)))
        answered = [each for each in result.turns if each.ttfa_ms is not None]
        stages_ms = answered[-1].stages_ms if answered else {}
        return TestTurns(tuple(each.ttfa_ms for each in answered if each.ttfa_ms is not None), stages_ms, errors)

    def _loaded(self, settings: Settings, persona: Persona) -> "Models":
        if self._models is None:
            began_s = time.monotonic()
            llm = settings.llm
            brief = llm.model_copy(update={"max_reply_tokens": min(_REPLY_TOKENS, llm.max_reply_tokens)})
            self._models = load_models(settings.model_copy(update={"llm": brief}), persona)
            self._load_s = time.monotonic() - began_s
        return self._models

    @staticmethod
    def _spoken(models: "Models", text: str, pitch: float = 1.0) -> Int16s:
        from dsp.resample import resample  # noqa: PLC0415 - as above

        speech = models.voice.speak(text)
        if speech is None or not speech.pcm.size:
            raise NearfieldError("the voice makes no sound of a sentence", hint="nearfield models verify")
        return speech.pcm if pitch == 1.0 else resample(speech.pcm, round(SAMPLE_RATE_HZ * pitch), SAMPLE_RATE_HZ)


def _apart(settings: Settings, folder: Path) -> Settings:
    """The same assistant, but it listens all the time, keeps nothing, and reaches nobody."""
    return settings.model_copy(
        update={
            "turn": settings.turn.model_copy(update={"listen": "open"}),
            "session": settings.session.model_copy(update={"database": folder / "sessions.db"}),
            "retention": settings.retention.model_copy(update={"audio": 0}),
            "mcp": McpSettings(),
            "mqtt": MqttSettings(),
        }
    )
