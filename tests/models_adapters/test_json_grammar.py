"""Grammars from schemas: what they let through is valid, and has an end."""

import re
from enum import Enum
from typing import Annotated, Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, Field, create_model

from models.json_grammar import SchemaError, call_grammar, integers
from models.protocols import ToolSpec


def as_regex(expression: str) -> re.Pattern[str]:
    return re.compile(re.sub(r'"([^"]*)"', r"\1", expression).replace(" ", ""))


@given(st.integers(-2_000, 2_000), st.integers(0, 5_000), st.integers(-10_000, 10_000))
def test_integers_within_bounds(least: int, width: int, number: int) -> None:
    pattern = as_regex(integers(least, least + width))
    for n in (number, least - 1, least, least + width // 2, least + width, least + width + 1):
        assert bool(pattern.fullmatch(str(n))) == (least <= n <= least + width)
    assert not pattern.fullmatch("-0")
    assert not pattern.fullmatch(f"0{abs(least)}")


def test_integers_without_bounds_have_an_end() -> None:
    pattern = as_regex(integers(None, None))
    for n in (0, 7, -7, 10**15 - 1, -(10**15) + 1):
        assert pattern.fullmatch(str(n))
    assert not pattern.fullmatch(str(10**15))
    with pytest.raises(SchemaError, match="no integer is from 3 to 2"):
        integers(3, 2)


def grammar_of(annotation: Any) -> str:
    schema = create_model("arguments", x=(annotation, ...)).model_json_schema()
    return call_grammar([ToolSpec("act", "", schema)])


class Colour(Enum):
    RED = "red"
    BLUE = "blue"


class Point(BaseModel):
    x: Annotated[int, Field(gt=0, lt=3)]


@pytest.mark.parametrize(
    ("annotation", "rule"),
    [
        (str, '"\\"" character{0,80} "\\""'),
        (Annotated[str, Field(min_length=1, max_length=5)], '"\\"" character{1,5} "\\""'),
        (bool, '("true" | "false")'),
        (Literal["on", 'o"ff'], '("\\"on\\"" | "\\"o\\\\\\"ff\\"")'),
        (Literal["on"], '"\\"on\\""'),
        (Colour, '("\\"red\\"" | "\\"blue\\"")'),
        (None, '"null"'),
        (Annotated[float, Field(ge=0)], '("0" | [1-9] [0-9]{0,14}) ("." [0-9]{1,6})?'),
        (int | None, '| "null")'),
        (list[bool], '"[" ((("true" | "false")) (", " (("true" | "false"))){0,11})? "]"'),
        (Annotated[list[bool], Field(min_length=2, max_length=3)], '(", " (("true" | "false"))){1,2} "]"'),
        (Point, 'object-0 ::= "{" "\\"x\\": " ([1-2])  "}"'),
    ],
)
def test_kinds_of_schemas(annotation: Any, rule: str) -> None:
    assert rule in grammar_of(annotation)


def test_optional_arguments() -> None:
    def grammar(**fields: Any) -> str:
        return call_grammar([ToolSpec("act", "", create_model("arguments", **fields).model_json_schema())])

    assert 'object-0 ::= "{"  "}"' in grammar()
    assert '"\\"a\\": " "null" (", " "\\"b\\": " "null")? "}"' in grammar(a=(None, ...), b=(None, None))
    both = grammar(a=(None, None), b=(None, None))
    assert '("\\"a\\": " "null" (", " "\\"b\\": " "null")? | "\\"b\\": " "null")?' in both


@pytest.mark.parametrize(
    "schema",
    [
        {},
        {"type": "funny"},
        {"$ref": "#/$defs/gone"},
        {"$ref": "#/$defs/itself"},
        {"anyOf": [{"type": "string"}, {}]},
        {"type": "array", "items": {}},
        {"type": "integer", "minimum": 3, "maximum": 2},
    ],
)
def test_schemas_that_are_not_known(schema: dict[str, Any]) -> None:
    whole = {"properties": {"x": schema}, "$defs": {"itself": {"$ref": "#/$defs/itself"}}}
    with pytest.raises(SchemaError):
        call_grammar([ToolSpec("act", "", whole)])


def test_no_tools() -> None:
    with pytest.raises(SchemaError, match="no tools"):
        call_grammar([])
