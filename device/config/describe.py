"""The configuration put into words: allowed values, a commented file, a file with origins.

print(as_toml(Settings()))  # a nearfield.toml with every key, its meaning and its default
"""

import difflib
import json
import types
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import annotated_types
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from device.config.schema import Settings


@cache
def keys_of(model: type[BaseModel]) -> Mapping[str, FieldInfo]:
    """Every key in dotted form ("turn.listen"), in the order of the schema."""
    keys: dict[str, FieldInfo] = {}
    for name, field in model.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            keys |= {f"{name}.{below}": info for below, info in keys_of(field.annotation).items()}
        else:
            keys[name] = field
    return keys


def allowed(field: FieldInfo) -> str:
    """Type, range or values that a key takes, in words: "a whole number, 100 to 10000"."""
    annotation: Any = field.annotation
    none = ""
    if get_origin(annotation) in (Union, types.UnionType):
        members = [member for member in get_args(annotation) if member is not type(None)]
        none = ', or "none"' if len(members) < len(get_args(annotation)) else ""
        # a number or a word: the word comes last
        none += "".join(f', or "{word}"' for member in members[1:] for word in get_args(member))
        annotation = members[0]
    if get_origin(annotation) is Annotated:  # a member of a union has bounds of its own
        annotation, *bounds = get_args(annotation)
        field = FieldInfo.from_annotation(Annotated[annotation, *bounds])
    if get_origin(annotation) is Literal:
        return " or ".join(f'"{value}"' for value in get_args(annotation)) + none
    if get_origin(annotation) is dict:
        return "tables"
    words = {bool: "true or false", int: "a whole number", float: "a number", str: "a text", Path: "a path"}
    return words.get(annotation, str(annotation)) + _range(field) + none


def _range(field: FieldInfo) -> str:
    low = next((m.ge for m in field.metadata if isinstance(m, annotated_types.Ge)), None)
    high = next((m.le for m in field.metadata if isinstance(m, annotated_types.Le)), None)
    return f", {low} to {high}" if low is not None and high is not None else ""


def did_you_mean(word: str, known: Sequence[str]) -> str:
    """ "did you mean 'x'?" for the closest known word, "" if none is close."""
    close = difflib.get_close_matches(word, known, 1, cutoff=0.6)
    return f"did you mean '{close[0]}'?" if close else ""


def toml_value(value: object) -> str:
    """A value as TOML writes it; None as "none", which the schema reads back."""
    if value is None:
        return '"none"'
    if isinstance(value, bool | int | float):
        return json.dumps(value)
    if isinstance(value, BaseModel):
        written = [name for name in type(value).model_fields if name in value.model_fields_set]
        value = {name: item for name in written if (item := getattr(value, name)) is not None}
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{toml_value(str(key))} = {toml_value(item)}" for key, item in value.items()) + "}"
    if isinstance(value, tuple | list):
        return "[" + ", ".join(toml_value(item) for item in value) + "]"
    return json.dumps(str(value), ensure_ascii=False).replace("\x7f", "\\u007f")  # JSON may leave DEL raw, TOML may not


def value_of(settings: Settings, key: str) -> Any:
    """The value of a dotted key."""
    value: Any = settings
    for name in key.split("."):
        value = getattr(value, name)
    return value


def as_toml(settings: Settings) -> str:
    """A whole nearfield.toml, each key with what it means and what is allowed."""

    def lines(key: str, field: FieldInfo) -> list[str]:
        name = key.rpartition(".")[2]
        description = f"# {field.description} ({allowed(field)})"
        return [description, f"{name} = {toml_value(value_of(settings, key))}"]

    return _sections(lines)


def as_toml_with_origins(settings: Settings, origins: Mapping[str, str]) -> str:
    """The settings in force, each with its origin as a comment. Valid TOML."""
    assigned = {key: f"{key.rpartition('.')[2]} = {toml_value(value_of(settings, key))}" for key in keys_of(Settings)}
    width = min(48, max(len(line) for line in assigned.values()))
    return _sections(lambda key, _field: [f"{assigned[key]:<{width}}  # {origins[key]}"])


def _sections(lines_of: Any) -> str:
    out: list[str] = []
    section = ""
    for key, field in keys_of(Settings).items():
        here = key.rpartition(".")[0]
        if here != section:
            section = here
            doc = (Settings.model_fields[here].annotation.__doc__ or "").strip()
            out += ["", f"# {doc}", f"[{here}]"]
        out += lines_of(key, field)
    return "\n".join(out) + "\n"
