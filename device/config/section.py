"""What all sections of the configuration are made of.

    class SpeedSettings(Section): factor: Probability = Field(default=0.5, description="...")

Types with bounds, and the base class: frozen, no unknown keys.
"""

from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
from pydantic_core import PydanticCustomError


def _expanded(value: object) -> object:
    """`~` and `~user` as the home directory; anything but a text or a path is left to pydantic to refuse."""
    if not isinstance(value, str | Path):
        return value
    if not str(value) or "\0" in str(value):
        raise PydanticCustomError("no_path", "{why}", {"why": "not a path"})
    try:
        return Path(value).expanduser()
    except RuntimeError as error:
        raise PydanticCustomError("no_path", "{why}", {"why": str(error).rstrip(".")}) from error


def none_word(value: object) -> object:
    """TOML has no null: the word "none" stands for it in a file, the environment and a flag."""
    return None if isinstance(value, str) and value.strip().lower() in ("none", "") else value


UserPath = Annotated[Path, BeforeValidator(_expanded)]
OptionalPath = Annotated[UserPath | None, BeforeValidator(none_word)]
Name = Annotated[str, Field(min_length=1)]
Probability = Annotated[float, Field(ge=0.0, le=1.0)]
Threads = Annotated[int, Field(ge=0, le=256)]


def contradiction(key: str, rule: str) -> PydanticCustomError:
    """Two keys of one section contradict each other; `key` is the one to name."""
    return PydanticCustomError("contradiction", "{rule}", {"key": key, "rule": rule})


class Section(BaseModel):
    """Base of all sections."""

    model_config = ConfigDict(frozen=True, extra="forbid", coerce_numbers_to_str=True, allow_inf_nan=False)
