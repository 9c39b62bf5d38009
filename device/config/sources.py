"""The three places a setting can come from, each value with its origin.

    layer = file_layer(path), environment_layer(os.environ), flag_layer(["turn.end_silence_ms=800"])

A layer is a list of assignments. Nothing is checked here but that it can be told which key is meant; the keys and
the values are checked in `device.config.load`, which can then name the line, the variable or the flag.
"""

import difflib
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_origin

from device.config.schema import Settings
from device.config.tomlfile import KeyPath, read_toml
from device.errors import ConfigError

ENV_PREFIX = "NEARFIELD_"
ENV_DELIMITER = "__"


@dataclass(frozen=True, slots=True)
class Assignment:
    """One value for one key; `origin` is shown to the user."""

    path: KeyPath
    value: Any
    origin: str


Layer = list[Assignment]

#: Keys of no section whose value is a table, as [webhooks.NAME] is
_TABLES = {name for name, field in Settings.model_fields.items() if get_origin(field.annotation) is dict}


def file_layer(path: Path) -> Layer:
    """All keys of a TOML file. Raises ConfigError (unreadable, not TOML)."""
    table = read_toml(path)

    def walk(values: Mapping[str, Any], above: KeyPath) -> Layer:
        layer: Layer = []
        for key, value in values.items():
            here = (*above, key)
            if isinstance(value, dict) and not above and value and key not in _TABLES:
                layer += walk(value, here)
            else:
                line = table.lines.get(here)
                layer.append(Assignment(here, value, f"{path}, line {line}" if line else str(path)))
        return layer

    # an empty [section] is not a mistake
    sections = [(name,) for name in Settings.model_fields if name not in _TABLES]
    return [a for a in walk(table.values, ()) if not (a.value == {} and a.path in sections)]


def environment_layer(environ: Mapping[str, str]) -> Layer:
    """NEARFIELD_SECTION__KEY and NEARFIELD_PERSONA.

    Other variables that begin with NEARFIELD_ belong to other parts (NEARFIELD_CONFIG, NEARFIELD_DEBUG); only one that
    looks like a mistyped key is taken for one, and refused later.
    """
    layer: Layer = []
    for name in sorted(environ):
        if not name.startswith(ENV_PREFIX):
            continue
        rest = name.removeprefix(ENV_PREFIX).lower()
        keys = tuple(rest.split(ENV_DELIMITER))
        meant = len(keys) > 1 or rest in Settings.model_fields
        if meant or (difflib.get_close_matches(rest, Settings.model_fields, 1, cutoff=0.85)):
            layer.append(Assignment(keys, environ[name], f"environment variable {name}"))
    return layer


def flag_layer(overrides: Sequence[str]) -> Layer:
    """`section.key=value` texts, as given to --set. Raises ConfigError for one without a key or a value."""
    layer: Layer = []
    for text in overrides:
        key, equals, value = text.partition("=")
        keys = tuple(part.strip() for part in key.split("."))
        if not equals or not all(keys):
            raise ConfigError(
                f"--set {text}: is not section.key=value", hint="for example --set turn.end_silence_ms=800"
            )
        layer.append(Assignment(keys, _flag_value(value.strip()), f"--set {text}"))
    return layer


def _flag_value(text: str) -> Any:
    """TOML where it is quoted or bracketed, else the bare text: the schema says whether it is a number."""
    if not text.startswith(('"', "'", "[", "{")):
        return text
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text
