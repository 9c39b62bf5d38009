"""What the wizard wants to know, and which keys of the configuration that makes.

    answers = read_answers(Path("answers.toml"))
    answers.keys()                       # {"turn.listen": "wake", "stt.model": "whisper-base", ...}

Sans-IO but for the file. What is None was not answered: its keys stay as they are.
"""

import zoneinfo
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from device.config import Settings
from device.config.describe import did_you_mean, keys_of, value_of
from device.config.load import InvalidConfigError
from device.config.section import Name
from device.config.tomlfile import read_toml
from device.config.turn_taking import Listen
from device.config.wake import WakeSettings

ModelSet = Literal["tiny", "base"]
#: The recogniser is what the sets differ in (models/catalog.toml).
RECOGNISER: Mapping[ModelSet, str] = {"tiny": "whisper-tiny.en", "base": "whisper-base"}
MODEL_SETS: tuple[ModelSet, ...] = get_args(ModelSet)
Pin = Annotated[int, Field(ge=0, le=53)] | Literal["none"]


@cache
def _zones() -> frozenset[str]:
    """All that there are; looked for in the files of the system once."""
    return frozenset(zoneinfo.available_timezones())


def _zone(name: str) -> str:
    if name not in _zones():
        near = did_you_mean(name, sorted(_zones()))
        raise ValueError(f"there is no time zone {name!r}" + (f"; {near}" if near else ", such as Europe/Vienna"))
    return name


TimeZone = Annotated[str, AfterValidator(_zone)]

#: Answer -> key of the configuration, where it is the same value. [web] may be absent from a small build.
SAME: Mapping[str, str] = {
    "microphone": "audio.input",
    "loudspeaker": "audio.output",
    "mode": "turn.listen",
    "wake_words": "wake.words",
    "voice": "tts.voice",
    "persona": "persona",
    "clock_hours": "clock.hours",
    "page": "web.enabled",
    "push_to_talk_pin": "gpio.push_to_talk_pin",
    "mute_pin": "gpio.mute_pin",
    "volume_up_pin": "gpio.volume_up_pin",
    "volume_down_pin": "gpio.volume_down_pin",
    "led_pin": "gpio.led_pin",
}
PINS = tuple(name for name in SAME if name.endswith("_pin"))


class Answers(BaseModel):
    """All of them. `time_zone` is the machine's, not a key of the configuration."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    microphone: Name | None = None
    loudspeaker: Name | None = None
    mode: Listen | None = None
    wake_words: Name | None = None
    models: ModelSet | None = None
    voice: Name | None = None
    persona: Name | None = None
    clock_hours: Literal[12, 24] | None = None
    time_zone: TimeZone | None = None
    page: bool | None = None
    push_to_talk_pin: Pin | None = None
    mute_pin: Pin | None = None
    volume_up_pin: Pin | None = None
    volume_down_pin: Pin | None = None
    led_pin: Pin | None = None

    def keys(self) -> dict[str, Any]:
        """Keys of the configuration and their values, as a file has them."""
        given = {SAME[name]: value for name in SAME if (value := getattr(self, name)) is not None}
        if self.models is not None:
            given["stt.model"] = RECOGNISER[self.models]
        return {key: value for key, value in given.items() if key in keys_of(Settings)}


def present_answers(settings: Settings, time_zone: str) -> Answers:
    """As it is configured now. `time_zone`: of the machine; "" when it is not known."""
    values = {name: value_of(settings, key) for name, key in SAME.items() if key in keys_of(Settings)}
    values |= {name: "none" for name in PINS if values[name] is None}
    models = next((name for name, recogniser in RECOGNISER.items() if recogniser == settings.stt.model), None)
    known = time_zone if time_zone in _zones() else None
    return Answers(**values, models=models, time_zone=known)


def read_answers(path: Path) -> tuple[Answers, dict[str, str]]:
    """The answers of a file, and where each stands ("answers.toml, line 3").

    Raises ConfigError: it cannot be read, or is not TOML; InvalidConfigError: unknown keys and wrong values, by line.
    """
    table = read_toml(path)
    lines = {name: table.lines.get((name,)) for name in table.values}
    places = {name: f"{path}, line {line}" if line else str(path) for name, line in lines.items()}
    try:
        return Answers.model_validate(table.values), places
    except ValidationError as error:
        details = error.errors(include_url=False)
        details.sort(key=lambda detail: lines.get(str(detail["loc"][0])) or 0)
        problems = [f"{places[str(detail['loc'][0])]}: {_problem(str(detail['loc'][0]), detail)}" for detail in details]
        raise InvalidConfigError(list(dict.fromkeys(problems))) from error


def check_answer(name: str, value: object) -> str:
    """What is wrong with this one answer; "" when nothing."""
    try:
        Answers.model_validate({name: value})
        if name == "wake_words":
            WakeSettings.model_validate({"words": value})
    except ValidationError as error:
        detail = error.errors(include_url=False)[0]
        return str(detail["ctx"]["rule"]) if detail["type"] == "contradiction" else _problem(name, detail)
    return ""


def _problem(name: str, detail: Any) -> str:
    if detail["type"] == "extra_forbidden":
        guess = did_you_mean(name, list(Answers.model_fields)) or f"allowed: {', '.join(Answers.model_fields)}"
        return f"unknown answer '{name}'; {guess}"
    shown = repr(detail["input"]) if isinstance(detail["input"], str) else str(detail["input"])
    if detail["type"] == "value_error":
        return f"{name}: {detail['ctx']['error']}"
    return f"{name} = {shown} is not allowed; allowed: {allowed(name)}"


def allowed(name: str) -> str:
    """In words."""
    if name in PINS:
        return 'the BCM number of a pin, 0 to 53, or "none"'
    if name == "page":
        return "true or false"
    if name == "clock_hours":
        return "12 or 24"
    choices = {"mode": get_args(get_args(Listen)[0]), "models": MODEL_SETS}.get(name)
    return " or ".join(f'"{each}"' for each in choices) if choices else "a text"
