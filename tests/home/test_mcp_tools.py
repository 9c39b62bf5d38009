"""A tool as a skill, and its result as data, without a server."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("mcp_types", reason="the extra mcp is not installed")

from mcp_types import CallToolResult, ImageContent, TextContent, Tool, ToolAnnotations

from device.config.home import McpServerSettings
from device.skills.mcp_tools import MOST_SAY_CHARS, result_of, skill_name, skills_of
from device.skills.skill import Result, Skill, SkillError

PLAIN: dict[str, Any] = {"type": "object"}


def never(*_: object) -> Result:
    raise AssertionError


def made(*tools: Tool, **settings: Any) -> tuple[list[Skill], list[str]]:
    settings.setdefault("allow", [tool.name for tool in tools])
    skills, complaints = skills_of(
        "house", McpServerSettings.model_validate({"command": ["x"], **settings}), tools, never
    )
    return list(skills), list(complaints)


def tool(name: str = "GetLiveContext", schema: dict[str, Any] = PLAIN, **hints: bool) -> Tool:
    annotations = ToolAnnotations.model_validate(hints) if hints else None
    return Tool(name=name, description="Does it.", input_schema=schema, annotations=annotations)


@pytest.mark.parametrize(
    ("hints", "read_only", "confirm", "asks", "counts_as_read_only"),
    [
        ({}, False, True, True, False),
        ({}, False, False, False, False),
        ({}, True, True, False, True),
        ({"readOnlyHint": True}, False, True, True, False),  # what the server says of itself opens no door
        ({"readOnlyHint": False}, True, True, True, False),
        ({"readOnlyHint": False}, True, False, True, False),  # the two contradict each other: ask
        ({"destructiveHint": True}, True, False, True, False),
        ({"destructiveHint": True}, False, False, True, False),
        ({"destructiveHint": False}, False, True, True, False),
    ],
)
def test_the_stricter_of_owner_and_server(
    hints: dict[str, bool], read_only: bool, confirm: bool, asks: bool, counts_as_read_only: bool
) -> None:
    [skill], _ = made(tool("t", **hints), read_only=["t"] if read_only else [], confirm=confirm)
    assert bool(skill.question({})) is asks
    assert skill.read_only is counts_as_read_only


def test_a_question_names_tool_and_arguments() -> None:
    schema = {"type": "object", "properties": {"area_name": {}, "on": {}, "what": {}}}
    [skill], _ = made(tool("HassTurnOn", schema))
    model = skill.arguments.model_validate({"area_name": "{kitchen} " + "x" * 100, "on": True, "what": [1, "b"]})
    asked = skill.question({field: getattr(model, field) for field in type(model).model_fields})
    assert asked.startswith("Shall I use hass turn on of house, with area name {kitchen} xxx")
    assert asked.endswith('..., on on and what [1, "b"]?')
    many = {"type": "object", "properties": {f"a{i}": {} for i in range(20)}}
    [skill], _ = made(tool("t", many))
    model = skill.arguments.model_validate({f"a{i}": i for i in range(20)})
    asked = skill.question({field: getattr(model, field) for field in type(model).model_fields})
    assert asked.endswith("and 14 more arguments?")


def test_two_tools_that_would_be_one_skill_are_one() -> None:
    skills, complaints = made(tool("a-b"), tool("a_b"), tool("bad", {"type": "array"}))
    assert [skill.name for skill in skills] == ["house_a_b"]
    assert len(complaints) == 2
    assert skill_name("s", "x" * 200) == ("s_" + "x" * 200)[:64]


def result(*texts: str, error: bool = False, structured: Any = None) -> CallToolResult:
    content = [TextContent(type="text", text=text) for text in texts]
    return CallToolResult(content=content, structured_content=structured, is_error=error)


def test_results() -> None:
    assert result_of(result("It is", "21 degrees."), 2_000).say == "It is 21 degrees."
    assert result_of(result(), 2_000).say == "Done."
    assert result_of(result('{"temperature": 21}'), 2_000).say == ""  # a language model may put it into words
    assert result_of(result("Once upon a time. " * 50), 2_000).say == ""
    assert result_of(result("x", structured={"a": 1}), 2_000).data == {"text": "x", "structured": {"a": 1}}
    assert "structured" not in result_of(result("x", structured={"a": "y" * 3_000}), 2_000).data
    picture = ImageContent(type="image", data="AAAA", mime_type="image/png")
    assert result_of(CallToolResult(content=[picture]), 2_000).say == "Done."
    with pytest.raises(SkillError, match="It says that it did not work: no fuse"):
        result_of(result("no fuse", error=True), 2_000)
    with pytest.raises(SkillError, match="It says that it failed"):
        result_of(result(error=True), 2_000)


@given(st.lists(st.text(max_size=600), max_size=4), st.booleans(), st.integers(50, 500))
def test_whatever_comes_back_is_short_and_printable(texts: list[str], error: bool, most: int) -> None:
    try:
        back = result_of(result(*texts, error=error), most)
    except SkillError as failed:
        assert error
        assert failed.message.isprintable()
        assert len(failed.message) < 300
        return
    assert len(back.say) <= MOST_SAY_CHARS
    assert back.say.isprintable()
    assert len(back.data.get("text", "")) <= most
    json.dumps(dict(back.data))
