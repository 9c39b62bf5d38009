"""A JSON Schema as a grammar of llama.cpp (GBNF): a model that is held to it can write nothing else.

    grammar = call_grammar([ToolSpec("set_timer", "Set a timer.", {"type": "object", "properties": {...}})])

What pydantic makes of a function's arguments: objects, arrays, texts, numbers, truth values, enums, constants, unions,
references. No white space, keys in the order of the schema. Unlike llama-cpp-python's own converter this one keeps
integers within their bounds, and gives every text and array an end: a small model that falls into a loop within a text
would never close it.
"""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from models.protocols import ToolSpec

#: Longest text and array where the schema does not say.
MOST_CHARS = 80
MOST_ITEMS = 12
_DEEPEST = 16

_CHARACTER = r'character ::= [^"\\\x00-\x1F\x7F] | "\\" ["\\/bfnrt]'
_DAY = r'[0-9]{4} "-" ("0" [1-9] | "1" [0-2]) "-" ("0" [1-9] | [1-2] [0-9] | "3" [0-1])'
_CLOCK = r'([0-1] [0-9] | "2" [0-3]) ":" [0-5] [0-9] ":" [0-5] [0-9]'
_FORMATS = {
    "date": rf'"\"" {_DAY} "\""',
    "time": rf'"\"" {_CLOCK} "\""',
    "date-time": rf'"\"" {_DAY} "T" {_CLOCK} "\""',
}


class SchemaError(ValueError):
    """A schema that this does not know."""


def call_grammar(tools: Sequence[ToolSpec]) -> str:
    """`{"name": "...", "arguments": {...}}` for one of `tools`. Raises SchemaError."""
    if not tools:
        raise SchemaError("no tools")
    rules = _Rules()
    calls = []
    for tool in tools:
        rules.definitions = tool.schema.get("$defs", {})
        arguments = rules.of({**tool.schema, "type": "object"}, 0)
        calls.append(f'{_literal(json.dumps({"name": tool.name})[:-1])} ", \\"arguments\\": " {arguments} "}}"')
    return "\n".join([f"root ::= {' | '.join(calls)}", *rules.lines, _CHARACTER]) + "\n"


def integers(least: int | None, most: int | None) -> str:
    """An expression for the integers from `least` to `most`, both included; None: 15 digits."""
    least = -(10**15) + 1 if least is None else least
    most = 10**15 - 1 if most is None else most
    if least > most:
        raise SchemaError(f"no integer is from {least} to {most}")
    parts = []
    if least < 0:
        parts += [f'"-" {digits}' for digits in _spans(max(1, -most), -least)]
    if most >= 0:
        parts += _spans(max(0, least), most)
    return f"({' | '.join(parts)})"


def _spans(least: int, most: int) -> list[str]:
    """Digit patterns that together are `least`..`most`, not negative: 5..123 is 5-9, 10-99, 100-119, 120-123."""
    parts = []
    while least <= most:
        step = 1  # the longest run of digits at the end that may be anything
        while least % (step * 10) == 0 and least + step * 10 - 1 <= most and least >= step * 10:
            step *= 10
        free = len(str(step)) - 1
        head, digit = str(least // step)[:-1], least // step % 10
        last = min(9, digit + (most - least + 1) // step - 1)
        shown = f"[{digit}-{last}]" if last > digit else f'"{digit}"'
        tail = f" [0-9]{{{free}}}" if free else ""
        parts.append((f'"{head}" ' if head else "") + shown + tail)
        least += (last - digit + 1) * step
    return parts


class _Rules:
    """Collects named rules, one an object or reference, so that the grammar stays short."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.definitions: Mapping[str, Any] = {}

    def of(self, schema: Mapping[str, Any], depth: int) -> str:  # noqa: PLR0911, PLR0912 - one return a kind of schema
        if depth > _DEEPEST:
            raise SchemaError("the schema is too deep, or refers to itself")
        if "$ref" in schema:
            name = str(schema["$ref"]).removeprefix("#/$defs/")
            if name not in self.definitions:
                raise SchemaError(f"{schema['$ref']} is not there")
            return self.of(self.definitions[name], depth + 1)
        if "const" in schema:
            return _literal(json.dumps(schema["const"]))
        if "enum" in schema:
            return f"({' | '.join(_literal(json.dumps(value)) for value in schema['enum'])})"
        for union in ("anyOf", "oneOf"):
            if union in schema:
                return f"({' | '.join(self.of(each, depth + 1) for each in schema[union])})"
        if len(schema.get("allOf", ())) == 1:
            return self.of(schema["allOf"][0], depth + 1)
        match schema.get("type"):
            case "object":
                return self._object(schema, depth)
            case "array":
                return self._array(schema, depth)
            case "string":
                return _text(schema)
            case "integer":
                return integers(*_integer_bounds(schema))
            case "number":
                sign = "" if schema.get("minimum", schema.get("exclusiveMinimum", -1)) >= 0 else '"-"? '
                return f'{sign}("0" | [1-9] [0-9]{{0,14}}) ("." [0-9]{{1,6}})?'
            case "boolean":
                return '("true" | "false")'
            case "null":
                return '"null"'
        raise SchemaError(f"this schema is not known: {json.dumps(schema)[:200]}")

    def _object(self, schema: Mapping[str, Any], depth: int) -> str:
        properties = schema.get("properties", {})
        required = schema.get("required", ())
        pairs = {name: f"{_literal(json.dumps(name) + ': ')} {self.of(s, depth + 1)}" for name, s in properties.items()}
        needed = [pair for name, pair in pairs.items() if name in required]
        others = [pair for name, pair in pairs.items() if name not in required]
        optional = [f'(", " {pair})?' for pair in others]
        if needed:
            body = ' ", " '.join(needed) + " " + " ".join(optional)
        else:
            starts = [" ".join([pair, *optional[i + 1 :]]) for i, pair in enumerate(others)]
            body = f"({' | '.join(starts)})?" if starts else ""
        name = f"object-{len(self.lines)}"
        self.lines.append(f'{name} ::= "{{" {body} "}}"')
        return name

    def _array(self, schema: Mapping[str, Any], depth: int) -> str:
        item = self.of(schema.get("items", {"type": "string"}), depth + 1)
        least, most = schema.get("minItems", 0), min(schema.get("maxItems", MOST_ITEMS), MOST_ITEMS)
        if most < 1:
            return '"[]"'
        full = f'({item}) (", " ({item})){{{max(0, least - 1)},{max(least, most) - 1}}}'
        return f'"[" {full} "]"' if least else f'"[" ({full})? "]"'


def _text(schema: Mapping[str, Any]) -> str:
    if schema.get("format") in _FORMATS:
        return _FORMATS[schema["format"]]
    least = schema.get("minLength", 0)
    most = max(least, min(schema.get("maxLength", MOST_CHARS), MOST_CHARS))
    return f'"\\"" character{{{least},{most}}} "\\""'


def _integer_bounds(schema: Mapping[str, Any]) -> tuple[int | None, int | None]:
    least, most = schema.get("minimum"), schema.get("maximum")
    if "exclusiveMinimum" in schema:
        least = schema["exclusiveMinimum"] + 1
    if "exclusiveMaximum" in schema:
        most = schema["exclusiveMaximum"] - 1
    return least, most


def _literal(text: str) -> str:
    """`text` as GBNF has it in quotes."""
    return '"' + re.sub(r'(["\\])', r"\\\1", text) + '"'
