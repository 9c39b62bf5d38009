"""What a language model asks for is held to the same rules as what the user says."""

from typing import Annotated, Any

import pytest
from pydantic import Field

from device.dialogue.deeds import Meaning
from device.skills.meanings import Meanings, Refused
from device.skills.registry import Registry
from device.skills.skill import skill
from device.skills.templates import Templates
from device.skills.tool_calls import ToolShelf, meaning_of, tool_check, tool_specs
from models.protocols import ToolRequest


@skill
def set_timer(seconds: Annotated[int, Field(ge=1, le=86_400)]) -> str:
    """Set a timer.

    A second paragraph, for people.
    """
    return f"{seconds}."


@skill(confirm="Really delete {count} files?")
def delete(count: int = 1) -> str:
    """Delete files,
    for good."""
    return f"{count}."


REGISTRY = Registry([set_timer, delete])
MEANINGS = Meanings(REGISTRY, {"set_timer": Templates({}).compile("{{ slots.seconds }} seconds.")})


def test_what_the_model_is_told() -> None:
    specs = tool_specs(REGISTRY)
    assert [(spec.name, spec.description) for spec in specs] == [
        ("set_timer", "Set a timer."),
        ("delete", "Delete files, for good."),
    ]
    assert specs[0].schema["properties"]["seconds"]["maximum"] == 86_400


def test_arguments_without_a_grammar() -> None:
    @skill
    def anything(thing: Any) -> str:
        """Take anything."""
        return str(thing)

    assert [spec.name for spec in tool_specs(Registry([anything, set_timer]))] == ["set_timer"]


def test_of_skills_that_come_and_go_each_is_complained_of_once(caplog: pytest.LogCaptureFixture) -> None:
    @skill
    def anything(thing: Any) -> str:
        """Take anything."""
        return str(thing)

    shelf = ToolShelf()
    assert [spec.name for spec in shelf.of(Registry([anything, set_timer]))] == ["set_timer"]
    assert [spec.name for spec in shelf.of(Registry([delete, anything]))] == ["delete"]
    assert shelf.of(Registry([])) == ()
    assert len(caplog.records) == 1

    @skill(name="delete")
    def another(count: int, sure: bool) -> str:
        """Delete with care."""
        return f"{count} {sure}"

    assert shelf.of(Registry([another]))[0].description == "Delete with care.", "another skill of the same name"


def test_a_request_that_is_right() -> None:
    assert meaning_of(ToolRequest("set_timer", {"seconds": 300}), MEANINGS) == Meaning(
        "set_timer", {"seconds": 300}, says="300 seconds."
    )
    assert meaning_of(ToolRequest("delete", {"count": 9}), MEANINGS) == Meaning(
        "delete", {"count": 9}, question="Really delete 9 files?"
    )


@pytest.mark.parametrize(
    ("name", "arguments", "error"),
    [
        ("open_door", {}, "there is no tool 'open_door'"),
        ("x" * 9_999, {}, f"there is no tool '{'x' * 64}'"),
        ("set_timer", {}, "seconds: Field required"),
        ("set_timer", {"seconds": "soon"}, "seconds: Input should be a valid integer, unable to parse string as an "),
        ("set_timer", {"seconds": [1]}, "seconds: Input should be a valid integer"),
        ("set_timer", {"seconds": 0}, "seconds: Input should be greater than or equal to 1"),
        ("set_timer", {"seconds": 5, "confirm": ""}, "confirm: Extra inputs are not permitted"),
        ("set_timer", {"seconds": "1" * 5_000}, "the arguments are 5,015 characters long"),
        ("set_timer", {"seconds": object()}, "the arguments are not JSON: "),
        ("delete", {"read_only": True, "question": ""}, "read_only: Extra inputs"),
    ],
)
def test_a_request_that_is_not(name: str, arguments: dict[str, Any], error: str) -> None:
    refused = meaning_of(ToolRequest(name, arguments), MEANINGS)
    assert isinstance(refused, Refused)
    assert refused.error.startswith(error)
    assert refused.say.startswith(("I can't do that", "I don't know how to do that"))


def test_what_the_conversation_asks() -> None:
    check = tool_check(MEANINGS)
    assert check(ToolRequest("delete", {})) == Meaning("delete", {"count": 1}, question="Really delete 1 files?")
    assert check(ToolRequest("open_door", {})) == "there is no tool 'open_door'"
