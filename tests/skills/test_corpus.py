"""Every sentence of corpus_en.tsv means what it says there, or nothing, and every answer has words."""

import json
from pathlib import Path
from typing import Any

import pytest
from builtin_kit import World, builtin_skills

from device.skills.tool_calls import tool_specs
from models.json_grammar import call_grammar

_ROWS = [
    line.split("\t")
    for line in Path(__file__).with_name("corpus_en.tsv").read_text("utf-8").splitlines()
    if line and not line.startswith("#")
]
_MEANT = [(text, skill, json.loads(rest[0])) for text, skill, *rest in _ROWS if skill != "-"]
_NOT_MEANT = [text for text, skill, *_ in _ROWS if skill == "-"]


def test_no_file_of_ours_is_complained_of() -> None:
    assert [str(complaint) for complaint in builtin_skills().complaints] == []


def test_the_corpus_is_large_enough() -> None:
    assert len(_MEANT) >= 150
    assert len(_NOT_MEANT) >= 60
    said = {skill for _, skill, _ in _MEANT}
    assert {skill.name for skill in builtin_skills().registry} == said, "a skill that nobody can call, or no sentence"


@pytest.mark.parametrize(("text", "skill", "arguments"), _MEANT, ids=[text for text, *_ in _MEANT])
def test_understood(text: str, skill: str, arguments: dict[str, Any]) -> None:
    skills = builtin_skills()
    meaning = skills.fast_path.interpret(text)
    assert meaning is not None
    fields = skills.registry.get(meaning.skill).arguments.model_fields  # type: ignore[union-attr]
    given = {k: v for k, v in meaning.arguments.items() if fields[k].is_required() or v != fields[k].default}
    assert (meaning.skill, given) == (skill, arguments)


@pytest.mark.parametrize("text", _NOT_MEANT)
def test_not_understood(text: str) -> None:
    assert builtin_skills().fast_path.interpret(text) is None


@pytest.mark.parametrize("text", [text for text, *_ in _MEANT if builtin_skills().fast_path.interpret(text).says])  # type: ignore[union-attr]
def test_said_beforehand_as_said_afterwards(text: str) -> None:
    """Else other words would have to be synthesised when they are to sound."""
    world = World()
    meaning = world.bench.understand(text)
    assert meaning is not None
    assert world.bench.do(meaning).say == meaning.says


@pytest.mark.parametrize("text", [text for text, *_ in _MEANT])
def test_every_answer_has_words(text: str) -> None:
    world = World()
    outcome = world.bench.do(world.bench.understand(text))  # type: ignore[arg-type]
    assert outcome.status in ("done", "failed"), outcome.error
    assert outcome.say
    assert outcome.say[-1] in ".?"
    assert "{" not in outcome.say and "None" not in outcome.say and "  " not in outcome.say


def test_a_language_model_may_call_each_of_them() -> None:
    """Its arguments have a grammar, so that they come out valid."""
    specs = tool_specs(builtin_skills().registry)
    assert {spec.name for spec in specs} == {skill.name for skill in builtin_skills().registry}
    for spec in specs:
        assert spec.name in call_grammar([spec])
        assert spec.description.endswith(".")


@pytest.mark.parametrize(("skill", "arguments", "answer"), [
    ("set_timer", {"minutes": 5, "name": "tea"}, "Tea timer set for 5 minutes."),
    ("set_alarm", {"hour": 7, "half": "am", "day": "tomorrow"}, "Alarm set for 7 AM tomorrow."),
    ("add_to_list", {"items": ["milk", "eggs"], "list": "groceries"}, "Added milk and eggs to your shopping list."),
    ("convert", {"value": 10, "unit": "mile", "to": "kilometer"}, "10 miles is about 16.1 kilometers."),
    ("calculate", {"left": "17", "operator": "times", "right": "23"}, "It's 391."),
])  # fmt: skip
def test_called_as_a_language_model_does(skill: str, arguments: dict[str, Any], answer: str) -> None:
    assert World().bench.call(skill, **arguments).say == answer
