from datetime import UTC, datetime
from typing import Annotated, Any

import pytest
from pydantic import Field, ValidationError

from device.skills.skill import Context, Result, SkillDefinitionError, skill


@skill(read_only=True, confirm="Roll {sides}?")
def roll(context: Context, sides: Annotated[int, Field(ge=2, le=100)] = 6) -> str:
    """Roll a die."""
    return f"{context.key}: {sides}."


def test_the_signature_makes_the_schema() -> None:
    assert roll.name == "roll"
    assert roll.group == "test_skill"
    assert roll.description == "Roll a die."
    assert roll.read_only
    assert roll.wants_context
    assert roll.schema["properties"]["sides"] == {
        "default": 6,
        "maximum": 100,
        "minimum": 2,
        "title": "Sides",
        "type": "integer",
    }
    assert "context" not in roll.schema["properties"]


def test_arguments_are_checked() -> None:
    assert roll.arguments.model_validate({}).model_dump() == {"sides": 6}
    with pytest.raises(ValidationError, match="less than or equal to 100"):
        roll.arguments.model_validate({"sides": 101})
    with pytest.raises(ValidationError, match="Extra inputs"):
        roll.arguments.model_validate({"faces": 6})


def test_without_arguments() -> None:
    @skill
    def hello() -> Result:
        """Say hello."""
        return Result("Hello.")

    assert not hello.wants_context
    assert hello.schema["properties"] == {}
    assert hello.run() == Result("Hello.")


def test_no_docstring() -> None:
    with pytest.raises(SkillDefinitionError, match=r"skill 'mute' \(.*\) has no docstring"):

        @skill
        def mute() -> str:
            return ""


@pytest.mark.parametrize("kind", ["untyped", "args"])
def test_every_parameter_has_a_type(kind: str) -> None:
    def untyped(x) -> str:  # type: ignore[no-untyped-def]
        """Nothing."""
        return str(x)

    def args(*x: Any) -> str:
        """Nothing."""
        return str(x)

    with pytest.raises(SkillDefinitionError, match="parameter 'x' has no type"):
        skill({"untyped": untyped, "args": args}[kind])


def test_the_context_is_plain_data() -> None:
    context = Context(datetime(2026, 1, 2, tzinfo=UTC), "1.2.0", None, None)  # type: ignore[arg-type]
    assert roll.run(context, sides=3) == "1.2.0: 3."
