"""Arguments by somebody else's JSON Schema."""

from typing import Any

import pytest
from hypothesis import given as for_all
from hypothesis import strategies as st
from pydantic import ValidationError

pytest.importorskip("jsonschema", reason="the extra mcp is not installed")

from device.skills.json_arguments import MOST_SCHEMA_CHARS, NOT_GIVEN, arguments_of, given
from device.skills.skill import SkillDefinitionError

LAMP = {
    "type": "object",
    "properties": {
        "room": {"type": "string"},
        "light-level": {"type": "integer", "minimum": 0, "maximum": 100},
        "class": {"type": "boolean"},
        "model_dump": {"type": "string"},
        "copy": {},
    },
    "required": ["room"],
}


def test_names_that_python_has_no_use_for_come_back_as_they_were() -> None:
    kind = arguments_of("lamp", LAMP)
    model = kind.model_validate({"room": "hall", "light-level": 7, "class": True, "model_dump": "x", "copy": None})
    values = {field: getattr(model, field) for field in kind.model_fields}
    assert all(field.isidentifier() for field in values)
    asked = {"room": "hall", "light-level": 7, "class": True, "model_dump": "x", "copy": None}
    assert given(kind, values) == model.model_dump(mode="json") == asked
    assert kind.model_validate(model.model_dump(mode="json")) == model  # as a call is checked again


def test_what_is_left_out_stays_out() -> None:
    kind = arguments_of("lamp", LAMP)
    model = kind.model_validate({"room": "hall"})
    values = {field: getattr(model, field) for field in kind.model_fields}
    assert values["light_level"] is NOT_GIVEN
    assert f"{values['light_level']}" == ""
    assert given(kind, values) == {"room": "hall"}


def test_two_properties_that_would_be_one_field_stay_two() -> None:
    schema = {"type": "object", "properties": {"a-b": {}, "a_b": {}, "a b": {}}}
    kind = arguments_of("x", schema)
    asked = {"a-b": 1, "a_b": 2, "a b": 3}
    assert kind.model_validate(asked).model_dump() == asked


@pytest.mark.parametrize(
    "raw",
    [{}, {"room": 3}, {"room": "hall", "light-level": 101}, {"room": "hall", "light-level": "many"}, [], None, "room"],
)
def test_what_does_not_fit_is_refused(raw: Any) -> None:
    with pytest.raises(ValidationError):
        arguments_of("lamp", LAMP).model_validate(raw)


@pytest.mark.parametrize(
    "schema",
    [
        {},
        {"type": "array"},
        {"type": "object", "properties": []},
        {"type": "object", "properties": {"a": {"type": "no such type"}}},
        {"type": "object", "properties": {str(i): {} for i in range(41)}},
        {"type": "object", "description": "x" * MOST_SCHEMA_CHARS},
    ],
)
def test_what_is_no_schema_of_an_object_is_no_skill(schema: dict[str, Any]) -> None:
    with pytest.raises(SkillDefinitionError, match="tool 'x'"):
        arguments_of("x", schema)


def test_a_reference_out_of_the_schema_is_never_followed() -> None:
    kind = arguments_of("x", {"type": "object", "properties": {"a": {"$ref": "http://127.0.0.1:9/schema"}}})
    with pytest.raises(ValidationError, match="does not hold"):
        kind.model_validate({"a": 1})


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@for_all(st.dictionaries(st.text(max_size=12), _JSON, max_size=5))
def test_any_property_may_have_any_name_and_value(asked: dict[str, Any]) -> None:
    kind = arguments_of("x", {"type": "object", "properties": {name: {} for name in asked}})
    model = kind.model_validate(asked)
    values = {field: getattr(model, field) for field in kind.model_fields}
    assert given(kind, values) == asked


@for_all(_JSON)
def test_any_schema_is_a_class_or_refused(schema: Any) -> None:
    try:
        arguments_of("x", {"type": "object", "properties": schema})
    except SkillDefinitionError as error:
        assert "tool 'x'" in error.message


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        ({"room": "attic"}, "the room can be kitchen or hall"),
        ({}, "I don't know the room"),
        ({"room": "hall", "light-level": 101}, "light level: 101 is greater"),
    ],
)
def test_a_mistake_can_be_said(raw: dict[str, Any], said: str) -> None:
    schema = {**LAMP, "properties": {**LAMP["properties"], "room": {"enum": ["kitchen", "hall"]}}}  # type: ignore[dict-item]
    with pytest.raises(ValidationError, match=said):
        arguments_of("lamp", schema).model_validate(raw)
