"""From a sentence, or a request of a language model, to the tool of an MCP server and back."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("mcp", reason="the extra mcp is not installed")

from device.config.home import McpSettings
from device.dialogue.deeds import Call, Meaning
from device.skills.journal import MemoryJournal
from device.skills.mcp_bridge import McpBridge
from device.skills.meanings import Refused
from device.skills.registry import Registry
from device.skills.runner import SkillRunner
from device.skills.sentences import load_sentences, sentence_files
from device.skills.skillset import Skillset, assemble
from device.skills.templates import Templates
from device.skills.tool_calls import meaning_of, tool_specs
from models.protocols import ToolRequest

SENTENCES = """
language: en
intents:
  house_set_lamp:
    data: [{ sentences: ["[turn|switch] on the {room} (light|lamp)"] }]
  house_temperature:
    data: [{ sentences: ["how warm is it"] }]
lists:
  room: { values: [kitchen, hall] }
responses:
  intents:
    house_temperature: { default: "Outside: {{ result.text }}" }
"""


@pytest.fixture
def house(tmp_path: Path) -> Iterator[tuple[Skillset, SkillRunner]]:
    (tmp_path / "house.yaml").write_text(SENTENCES)
    server = {
        "command": [sys.executable, str(Path(__file__).with_name("mcp_house_server.py")), str(tmp_path)],
        "env": {"PYTHONPATH": os.environ.get("PYTHONPATH", "")},
        "allow": ["set_lamp", "temperature", "die", "fails"],
        "read_only": ["temperature"],
    }
    bridge = McpBridge(McpSettings.model_validate({"connect_timeout_s": 20, "servers": {"house": server}}))
    bridge.start(20.0)
    registry = Registry(bridge.skills)
    files = [file for file in sentence_files(tmp_path, "en") if str(tmp_path) in str(file)]
    sentences = load_sentences(files, registry, Templates({}), "en")
    assert not sentences.complaints
    skills = assemble(registry, sentences)
    yield skills, SkillRunner(skills.meanings, MemoryJournal(), session="s")
    bridge.close()


def do(runner: SkillRunner, meaning: Meaning | Refused | None, turn: int = 1) -> tuple[str, str]:
    assert isinstance(meaning, Meaning)
    outcome = runner.carry_out(Call(turn, 0, meaning.skill, meaning.arguments))
    return outcome.status, outcome.say


def test_a_sentence_of_the_owners(house: tuple[Skillset, SkillRunner], tmp_path: Path) -> None:
    skills, runner = house
    meaning = skills.fast_path.interpret("Turn on the kitchen light.")
    assert meaning is not None
    assert meaning.question == "Shall I use set lamp of house, with room kitchen?"
    assert do(runner, meaning) == ("done", "The lamp in the kitchen is at 100 percent.")
    assert do(runner, meaning) == ("done", "The lamp in the kitchen is at 100 percent.")  # the same call again
    assert (tmp_path / "calls").read_text() == "kitchen 100 s.1.0\n"


def test_the_owners_words_go_before_the_servers(house: tuple[Skillset, SkillRunner]) -> None:
    skills, runner = house
    meaning = skills.fast_path.interpret("How warm is it?")
    assert meaning is not None
    assert meaning.read_only
    assert do(runner, meaning) == ("done", "Outside: It is 21 degrees.")


def test_a_language_model_is_held_to_the_same_rules(house: tuple[Skillset, SkillRunner]) -> None:
    skills, runner = house
    assert {spec.name for spec in tool_specs(skills.registry)} == {
        "house_set_lamp",
        "house_temperature",
        "house_die",
        "house_fails",
    }
    meant = meaning_of(ToolRequest("house_set_lamp", {"room": "hall", "level": 5}), skills.meanings)
    assert isinstance(meant, Meaning)
    assert meant.question == "Shall I use set lamp of house, with room hall and level 5?"
    refused = meaning_of(ToolRequest("house_set_lamp", {"room": "attic"}), skills.meanings)
    assert isinstance(refused, Refused)
    assert refused.say == "I can't do that: the room can be kitchen or hall."
    assert isinstance(meaning_of(ToolRequest("house_secrets", {}), skills.meanings), Refused)
    status, said = do(runner, meaning_of(ToolRequest("house_fails", {}), skills.meanings), 5)
    assert status == "failed"
    assert said.startswith("It says that it did not work")


def test_a_server_that_dies_leaves_it_open_and_nothing_is_tried_again(
    house: tuple[Skillset, SkillRunner], caplog: pytest.LogCaptureFixture
) -> None:
    skills, runner = house
    meaning = meaning_of(ToolRequest("house_die", {}), skills.meanings)
    assert do(runner, meaning)[0] == "unknown"
    assert do(runner, meaning)[0] == "unknown"
    assert "Traceback" not in caplog.text
