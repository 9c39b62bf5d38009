"""A language model that asks for skills while somebody types."""

from collections.abc import Iterator, Sequence

import pytest

from device.personas.typed import TypedTurns
from device.skills.registry import Registry
from device.skills.sentences import Sentences, load_sentences
from device.skills.skill import Result, SkillError, skill
from device.skills.skillset import assemble
from device.skills.templates import Templates
from device.skills.testing import SkillBench
from device.skills.tool_calls import tool_specs
from models.protocols import Cancelled, Message, ToolRequest, ToolSpec, never

done: list[str] = []


@skill
def ring_bell(times: int = 1) -> str:
    """Ring the bell."""
    done.append(f"rung {times}")
    return f"Rung {times} times."


@skill(confirm="Shut the door?")
def shut_door() -> str:
    """Shut the door."""
    done.append("shut")
    return "Shut."


@skill(read_only=True)
def read_meter() -> Result:
    """Read the meter."""
    return Result(data={"kwh": 7})


@skill
def lose() -> str:
    """Fail."""
    raise SkillError("It is lost.")


def no_sentences(registry: Registry) -> Sentences:
    return load_sentences([], registry, Templates(), "en")


class Caller:
    """Asks for `wish`; what it is told of it, it says again."""

    last_complete = True

    def __init__(self, wish: ToolRequest | None) -> None:
        self.wish = wish

    def reply(self, messages: Sequence[Message], *, cancelled: Cancelled = never) -> Iterator[str]:  # noqa: ARG002
        yield f"[{messages[-1].role}] "
        yield messages[-1].text

    def reply_with_tools(
        self,
        messages: Sequence[Message],
        tools: Sequence[ToolSpec],  # noqa: ARG002
        *,
        cancelled: Cancelled = never,
    ) -> Iterator[str | ToolRequest]:
        if self.wish is None:
            yield from self.reply(messages, cancelled=cancelled)
        else:
            yield self.wish

    def warm(self, messages: Sequence[Message], *, cancelled: Cancelled = never) -> None:
        pass


@pytest.fixture
def bench() -> SkillBench:
    done.clear()
    registry = Registry([ring_bell, shut_door, read_meter, lose])
    return SkillBench(skills=assemble(registry, no_sentences(registry)))


def turns(bench: SkillBench, wish: ToolRequest | None) -> TypedTurns:
    return TypedTurns(bench, Caller(wish), tool_specs(bench.skills.registry))


def said(to: TypedTurns, text: str) -> str:
    return "".join(to.reply([Message("system", "Be brief."), Message("user", text)]))


@pytest.mark.parametrize(
    ("wish", "says", "did"),
    [
        (None, "[user] Hello.", []),
        (ToolRequest("ring_bell", {"times": 2}), "Rung 2 times.", ["rung 2"]),
        (ToolRequest("shut_door", {}), "Shut the door?", []),
        (ToolRequest("read_meter", {}), '[tool] {"kwh": 7}', []),
        (ToolRequest("lose", {}), "It is lost.", []),
    ],
)
def test_what_a_model_asks_for(bench: SkillBench, wish: ToolRequest | None, says: str, did: list[str]) -> None:
    assert said(turns(bench, wish), "Hello.") == says
    assert done == did


@pytest.mark.parametrize("wish", [ToolRequest("fly", {}), ToolRequest("ring_bell", {"times": "many"})])
def test_what_cannot_be_done_is_told_to_the_model(bench: SkillBench, wish: ToolRequest) -> None:
    assert said(turns(bench, wish), "Hello.").startswith("[tool] ")
    assert done == []


def test_a_question_to_a_wish_of_the_model_needs_a_yes(bench: SkillBench) -> None:
    one = turns(bench, ToolRequest("shut_door", {}))
    assert said(one, "Close it.") == "Shut the door?"
    assert said(one, "Yes.") == "Shut."
    assert done == ["shut"]


def test_a_model_that_is_offered_nothing_is_asked_as_ever(bench: SkillBench) -> None:
    assert said(TypedTurns(bench, Caller(ToolRequest("ring_bell", {}))), "Ring.") == "[user] Ring."
    assert done == []
