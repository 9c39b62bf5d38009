"""Models that are there, or missing, or damaged, as the doctor asks for them.

models = PretendedModels(); models.missing = "whisper-tiny.en"
models.verify(settings, "whisper-tiny.en")      # raises ModelMissingError
"""

from collections.abc import Sequence

from device.config.schema import Settings
from device.diagnostics.doctor.probe import SaidAndHeard, TestTurns
from models.errors import ModelDamagedError, ModelMissingError


class PretendedModels:
    """`device.diagnostics.doctor.probe.Trial` without models."""

    def __init__(self) -> None:
        self.missing = self.damaged = ""
        self.understood = "The capital of France is Paris."
        self.ttfa_ms: tuple[float, ...] = (320.0, 480.0)

    def task(self, _settings: Settings, model_id: str) -> str:
        marks = {"whisper": "stt", "piper": "tts", "silero": "vad", "turn": "turn", "smollm": "llm", "wake": "wake"}
        return next(task for mark, task in marks.items() if mark in model_id)

    def verify(self, _settings: Settings, model_id: str) -> None:
        mend = f"nearfield models pull {model_id}"
        if model_id == self.missing:
            raise ModelMissingError(f"model {model_id} is missing", hint=mend)
        if model_id == self.damaged:
            raise ModelDamagedError(f"{model_id} is altered: its sha256 is 0123…, not as catalogued", hint=mend)

    def say_and_hear(self, _settings: Settings, _persona: object, _sentence: str) -> SaidAndHeard:
        return SaidAndHeard(self.understood, 2.1, 0.2, 0.3, 2.0)

    def turns(self, settings: Settings, _persona: object, _questions: Sequence[str]) -> TestTurns:
        waits = settings.turn.sure_silence_ms - 200
        return TestTurns(tuple(ms + waits for ms in self.ttfa_ms), {"commit": 200.0}, ())
