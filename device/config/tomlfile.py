"""A TOML file whose keys know their lines.

    table = read_toml(Path("nearfield.toml"))
    table.values, table.lines[("audio", "input")]

tomllib tells neither the line of a key nor reads a file that it cannot decode without a traceback; both matter to
somebody who mistyped a key.
"""

import re
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from device.errors import ConfigError

KeyPath = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class TomlTable:
    """A parsed file: its values as nested dicts and, for each key and each table, the line it is on (from 1)."""

    path: Path
    values: dict[str, Any]
    lines: dict[KeyPath, int]


def read_toml(path: Path) -> TomlTable:
    """Raises ConfigError: cannot be read, is not UTF-8, is not TOML (with line and reason)."""
    try:
        text = path.read_text("utf-8-sig")
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise ConfigError(f"{path}, line {line}: is not UTF-8 text", hint="save the file as UTF-8") from error
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise ConfigError(f"{path}: cannot be read ({reason})", hint="check its path and its permissions") from error
    try:
        values = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        where, reason = _syntax_error(str(error), text)
        raise ConfigError(
            f"{path}{where}: is not valid TOML: {reason}",
            hint="a line is 'key = value' under its [section], text is in quotes: input = \"auto\"",
        ) from error
    return TomlTable(path, values, _lines_of_keys(text))


def _syntax_error(message: str, text: str) -> tuple[str, str]:
    """tomllib's "Reason (at line 3, column 7)" as (", line 3", "reason")."""
    if found := re.fullmatch(r"(.*) \(at line (\d+), column (\d+)\)", message, re.DOTALL):
        return f", line {found[2]}", f"{_lower(found[1])} (column {found[3]})"
    if found := re.fullmatch(r"(.*) \(at end of document\)", message, re.DOTALL):
        return f", line {max(1, len(text.splitlines()))}", f"{_lower(found[1])} (end of the file)"
    return "", _lower(message)


def _lower(reason: str) -> str:
    return reason[:1].lower() + reason[1:]


def _lines_of_keys(text: str) -> dict[KeyPath, int]:
    """Lines of a text that is known to be valid TOML.

    A statement of TOML ends at the end of a line, and each parses on its own: lines are gathered until they do.
    """
    lines: dict[KeyPath, int] = {}
    table: KeyPath = ()
    statement, first_line = "", 1
    for number, line in enumerate(text.split("\n"), start=1):
        statement += line + "\n"
        try:
            parsed = tomllib.loads(statement)
        except tomllib.TOMLDecodeError:
            continue
        is_header = statement.lstrip().startswith("[")
        paths = _paths(parsed)
        if is_header and paths:
            table = max(paths, key=len)
            lines.setdefault(table, first_line)
        else:
            for path in paths:
                lines.setdefault(table + path, first_line)
        statement, first_line = "", number + 1
    return lines


def _paths(values: dict[str, Any]) -> list[KeyPath]:
    """Every key of nested tables, outer ones first; arrays of tables count as their last table."""
    paths: list[KeyPath] = []
    for key, value in values.items():
        paths.append((key,))
        if isinstance(value, dict):
            paths += [(key, *rest) for rest in _paths(value)]
    return paths
