"""Before a list is begun that nobody has had it is asked: its name may have been misheard."""

from pathlib import Path

import pytest

from device.persona import load_persona
from device.personas.skillset import load_persona_skills
from device.skills.journal import MemoryJournal
from device.skills.skillset import Skillset


@pytest.fixture
def journal() -> MemoryJournal:
    return MemoryJournal()


@pytest.fixture
def skills(journal: MemoryJournal) -> Skillset:
    return load_persona_skills(load_persona("assistant"), None, state=journal.state)


def test_a_new_list_is_asked_about(skills: Skillset) -> None:
    meaning = skills.fast_path.interpret("Add apples to my chocolate list.")
    assert meaning is not None
    assert meaning.skill == "add_to_list"
    assert meaning.arguments == {"items": ["apples"], "list": "chocolate"}
    assert meaning.question == "There is no chocolate list yet. Shall I begin one, with apples?"


@pytest.mark.parametrize("name", ["shopping", "grocery", "to do"])
def test_the_usual_ones_are_not(skills: Skillset, name: str) -> None:
    meaning = skills.fast_path.interpret(f"Add apples and pears to my {name} list.")
    assert meaning is not None
    assert meaning.question == ""


def test_one_that_is_there_is_not(skills: Skillset, journal: MemoryJournal) -> None:
    journal.state("lists").put("packing", ["socks"])
    meaning = skills.fast_path.interpret("Add a towel to my packing list.")
    assert meaning is not None
    assert meaning.question == ""
    assert meaning.arguments == {"items": ["towel"], "list": "packing"}


def test_what_the_owner_adds_comes_before_what_is_built_in(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(
        "from device.skills.skill import skill\n\n"
        '@skill\ndef my_list(item: str) -> str:\n    """Mine."""\n    return item\n'
    )
    (tmp_path / "mine.yaml").write_text(
        "language: en\nlists: {item: {wildcard: true}}\n"
        'intents: {my_list: {data: [{sentences: ["add {item} to [my] shopping list"]}]}}\n'
    )
    skills = load_persona_skills(load_persona("assistant"), tmp_path)
    assert skills.complaints == ()
    meaning = skills.fast_path.interpret("Add apples to my shopping list.")
    assert meaning is not None
    assert meaning.skill == "my_list"
