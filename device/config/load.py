"""Defaults < file < environment < flags, and for each value where it came from.

    loaded = load_config(None, ["turn.end_silence_ms=800"])
    loaded.settings.turn.end_silence_ms, loaded.origins["turn.end_silence_ms"]

The file is the first of: the one named (`--config`), $NEARFIELD_CONFIG, ./nearfield.toml,
$XDG_CONFIG_HOME/nearfield/nearfield.toml, /etc/nearfield/nearfield.toml.
"""

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_origin

from pydantic import ValidationError
from pydantic_settings import PydanticBaseSettingsSource

from device.config.describe import allowed, did_you_mean, keys_of
from device.config.dirs import SYSTEM_CONFIG_DIR, config_dir
from device.config.schema import Settings
from device.config.sources import Assignment, Layer, environment_layer, file_layer, flag_layer
from device.errors import ConfigError

FILE_NAME = "nearfield.toml"
DEFAULT = "default"


@dataclass(frozen=True, slots=True)
class LoadedConfig:
    """The settings, the file that was read (None: there is none) and the origin of every key ("turn.listen")."""

    settings: Settings
    file: Path | None
    origins: dict[str, str]


class InvalidConfigError(ConfigError):
    """One or more keys or values are wrong; `problems` has one line for each."""

    def __init__(self, problems: Sequence[str]) -> None:
        more = len(problems) - 1
        text = problems[0] + (f" (and {more} more: 'nearfield config check' lists them)" if more else "")
        super().__init__(text)
        self.problems = tuple(problems)


def load_settings(file: Path | None = None, overrides: Sequence[str] = ()) -> Settings:
    """The settings in force. `overrides` are `section.key=value` texts. Raises ConfigError."""
    return load_config(file, overrides).settings


def load_config(
    file: Path | None = None, overrides: Sequence[str] = (), environ: Mapping[str, str] | None = None
) -> LoadedConfig:
    """As `load_settings`, with origins. `environ` is os.environ unless given. Raises ConfigError."""
    environ = os.environ if environ is None else environ
    path = find_file(file, environ)
    layers = [file_layer(path) if path else [], environment_layer(environ), flag_layer(overrides)]
    problems = [problem for layer in layers for a in layer if (problem := _key_problem(a))]
    if problems:
        raise InvalidConfigError(problems)
    origins = {".".join(a.path): a.origin for layer in layers for a in layer}
    try:
        # the last layer wins; pydantic-settings wants the strongest source first
        sources = tuple(_LayerSource(layer) for layer in reversed(layers))
        settings = Settings(_build_sources=(sources, {}))  # type: ignore[call-arg]  # unknown without the plugin
    except ValidationError as error:
        raise InvalidConfigError(_value_problems(error, origins)) from error
    return LoadedConfig(settings, path, {key: origins.get(key, DEFAULT) for key in keys_of(Settings)})


def candidate_files(environ: Mapping[str, str]) -> list[Path]:
    """Where a file is looked for when none is named, in order."""
    named = environ.get("NEARFIELD_CONFIG", "")
    return ([Path(named).expanduser()] if named else []) + [
        Path(FILE_NAME),
        config_dir() / FILE_NAME,
        SYSTEM_CONFIG_DIR / FILE_NAME,
    ]


def find_file(file: Path | None, environ: Mapping[str, str]) -> Path | None:
    """The file to read. One that was named must exist; raises ConfigError."""
    if file is not None:
        return _must_exist(file.expanduser(), "--config")
    candidates = candidate_files(environ)
    if environ.get("NEARFIELD_CONFIG"):
        return _must_exist(candidates[0], "environment variable NEARFIELD_CONFIG")
    return next((candidate for candidate in candidates if candidate.is_file()), None)


def _must_exist(path: Path, named_by: str) -> Path:
    if not path.is_file():
        what = "is a folder, not a file" if path.is_dir() else "does not exist"
        raise ConfigError(
            f"{path}: {what} (named by {named_by})",
            hint="'nearfield config show --defaults > nearfield.toml' writes one to begin with",
        )
    return path


class _LayerSource(PydanticBaseSettingsSource):
    """One layer as pydantic-settings takes it: a nested dict."""

    def __init__(self, layer: Layer) -> None:
        super().__init__(Settings)
        self._layer = layer

    def get_field_value(self, field: object, field_name: str) -> tuple[Any, str, bool]:  # noqa: ARG002
        """Part of the interface; values are given whole by __call__."""
        return None, field_name, False

    def __call__(self) -> dict[str, Any]:
        values: dict[str, Any] = {}
        for a in self._layer:
            table = values
            for key in a.path[:-1]:
                table = table.setdefault(key, {})
            table[a.path[-1]] = a.value
        return values


def _key_problem(a: Assignment) -> str:
    """What is wrong with the key of an assignment, "" if nothing."""
    name = ".".join(a.path)
    known = keys_of(Settings)
    if name in known and len(a.path) == name.count(".") + 1:  # a quoted "turn.listen" is one key with a dot in it
        return ""
    sections = sorted({key.split(".")[0] for key in known if "." in key})
    if name in sections:
        example = next(key for key in known if key.startswith(f"{name}."))
        return f"{a.origin}: '{name}' is a section, not a key; its keys are like {example}"
    section_keys = [key for key in known if key.startswith(f"{a.path[0]}.")]
    if section_keys:
        names = [key.partition(".")[2] for key in section_keys]
        guess = did_you_mean(".".join(a.path[1:]), names)
        return f"{a.origin}: unknown key '{name}'; {guess or 'allowed in [' + a.path[0] + ']: ' + ', '.join(names)}"
    elsewhere = [key for key in known if key.partition(".")[2] == a.path[-1]]
    guess = f"did you mean '{elsewhere[0]}'?" if len(elsewhere) == 1 else did_you_mean(name, list(known))
    guess = guess or did_you_mean(a.path[0], [*sections, "persona"])
    return f"{a.origin}: unknown key '{name}'; {guess or 'allowed: persona and the sections ' + ', '.join(sections)}"


def _value_problems(error: ValidationError, origins: Mapping[str, str]) -> list[str]:
    """A line for each value that pydantic refused."""
    problems: list[str] = []
    for detail in error.errors(include_url=False):
        name = ".".join(str(part) for part in detail["loc"])
        if detail["type"] == "contradiction":
            section, rule = name, str(detail["ctx"]["rule"])
            # name the origin of the key at fault, or of the other one if that is what the user has set
            touched = [key for key in origins if key.startswith(f"{section}.") and key in rule]
            named = f"{section}.{detail['ctx']['key']}"
            origin = origins.get(named) or next((origins[key] for key in touched), DEFAULT)
            problems.append(f"{origin}: {rule}")
            continue
        key = next((k for k in (name, name.split(".")[0]) if k in keys_of(Settings)), ".".join(name.split(".")[:2]))
        if key != name and get_origin(keys_of(Settings)[key].annotation) is dict:
            problems.append(f"{origins.get(key, DEFAULT)}: {name}: {_table_problem(detail)}")
            continue
        why = f" ({detail['msg']})" if detail["type"] in ("no_path", "no_address", "not_usable") else ""
        line = (
            f"{origins.get(key, DEFAULT)}: {key} = {_shown(detail['input'])} is not allowed{why}; "
            f"allowed: {allowed(keys_of(Settings)[key])}"
        )
        problems.append(_PASSWORD.sub("//...@", line))
    return list(dict.fromkeys(problems))  # a key that may be of two types is refused twice


def _table_problem(detail: Any) -> str:
    """What is wrong within a table whose keys are not all known beforehand, such as [mcp.servers.NAME]."""
    if detail["type"] == "extra_forbidden":
        return "unknown key"
    if detail["type"] == "not_usable":
        return str(detail["msg"])
    return f"{_shown(detail['input'])} is not allowed ({_lower(detail['msg'])})"


def _lower(text: str) -> str:
    return text[:1].lower() + text[1:]


#: Before the host in an address; a flag that sets it is shown as well.
_PASSWORD = re.compile(r"//[^/@\s]*@")


def _shown(value: object) -> str:
    text = repr(value) if isinstance(value, str) else str(value).lower() if isinstance(value, bool) else str(value)
    return text if len(text) <= 80 else text[:77] + "..."
