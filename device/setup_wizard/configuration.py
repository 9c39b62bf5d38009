"""Answers as a configuration file: its comments and other keys stay.

    text = merged(before, answers.keys())
    difference(before, text, path)
    check(text, path, answers_places)

Sans-IO but for `check`, which reads a copy as the assistant would.
"""

import difflib
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import tomlkit
from tomlkit.exceptions import TOMLKitError
from tomlkit.items import Table

from device.assembly import WAKE_MODEL
from device.config import Settings
from device.config.describe import keys_of, toml_value, value_of
from device.config.load import InvalidConfigError, load_config
from device.errors import ConfigError
from device.persona import load_persona
from device.setup_wizard.answers import SAME

_HEADER = "# Nearfield: 'nearfield config show --defaults' has every key and what it means.\n"


def merged(before: str, values: Mapping[str, Any]) -> str:
    """`before` with these keys set. A key that is not in it, and would be set to its default, is left out.

    Raises ConfigError: `before` is not TOML.
    """
    try:
        document = tomlkit.parse(before)
    except TOMLKitError as error:
        raise ConfigError(f"the configuration is not valid TOML: {error}", hint="'nearfield config check'") from error
    defaults, changed, first = Settings(), False, ""
    for key, value in values.items():
        section, _, name = key.rpartition(".")
        table: Any = document.get(section) if section else document
        if table is not None and name in table:
            if table[name] != value or isinstance(table[name], bool) != isinstance(value, bool):
                table[name] = value
                changed = True
        elif toml_value(value_of(defaults, key)) != toml_value(value):
            meaning = keys_of(Settings)[key].description or ""
            if section:
                _add(document, section, name, value, meaning)
            else:  # a key of the top level stands before the first section, or it would belong to that
                first += f"# {meaning}\n{name} = {toml_value(value)}\n\n"
            changed = True
    if not changed:
        return before
    text: str = tomlkit.dumps(document)
    return ("" if before.strip() else _HEADER) + first + text


def _add(document: tomlkit.TOMLDocument, section: str, name: str, value: Any, meaning: str) -> None:
    if section not in document:
        if document.body:
            document.add(tomlkit.nl())
        document.add(section, tomlkit.table())
    table: Any = document[section]
    if isinstance(table, Table):
        table.add(tomlkit.comment(meaning))
    table[name] = value


def difference(before: str, after: str, path: Path) -> str:
    """As `diff -u` shows it; "" when they are the same."""
    lines = difflib.unified_diff(
        before.splitlines(), after.splitlines(), f"{path} (now)", f"{path} (then)", lineterm="", n=2
    )
    return "\n".join(lines)


def check(text: str, path: Path, places: Mapping[str, str]) -> Settings:
    """The settings that `text` makes. `places`: where each answer stands, for the message.

    Raises InvalidConfigError: values that are not allowed, or contradict one another; ConfigError: the persona.
    """
    with tempfile.TemporaryDirectory(prefix="nearfield-setup-") as folder:
        copy = Path(folder) / path.name
        copy.write_text(text, "utf-8")
        try:
            settings = load_config(copy, (), {}).settings
        except InvalidConfigError as error:
            raise InvalidConfigError([_placed(each, str(copy), path, places) for each in error.problems]) from error
    try:
        load_persona(settings.persona)
    except ConfigError as error:
        raise ConfigError(f"{places.get('persona', path)}: {error.message}", hint=error.hint) from error
    return settings


def _placed(problem: str, copy: str, path: Path, places: Mapping[str, str]) -> str:
    """The problem with the place of the answer that made it, or of the file."""
    for name, place in places.items():
        key = "stt.model" if name == "models" else SAME.get(name, "")
        if key and key in problem and problem.startswith(copy):
            return f"{place}: {problem.split(': ', 1)[1]}"
    return problem.replace(copy, str(path))


def wanted_models(settings: Settings) -> dict[str, str]:
    """Ids of the models that these settings need, and the answer that asks for each ("": none does)."""
    named = {
        settings.vad.model: "",
        settings.turn.model: "",
        settings.stt.model: "models",
        settings.llm.model: "",
        settings.tts.voice: "voice",
    }
    if settings.turn.wake_words:
        named[WAKE_MODEL] = "wake_words"
    return {name: answer for name, answer in named.items() if "/" not in name and name != "none"}
