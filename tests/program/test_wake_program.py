"""Wake mode as a whole: the command itself, the real models, speech made on the spot, an echo at the microphone."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from nearfield_command import Command

from models.errors import ModelMissingError
from models.store import ModelStore

pytestmark = pytest.mark.models

#: It says the wake word itself, again and again.
PERSONA = """
prompt = "You are a helpful assistant. Answer in one short sentence."
greeting = "Hello there, and good morning to you. You can call me by saying okay nabu. I will say it again: okay nabu. \
That is right, okay nabu, and then your question. It is a fine day today, and there is a great deal to say about it, \
so let me go on for a while, and say it once more: okay nabu. That is all there is to it, and now it is your turn."
"""


@pytest.fixture(scope="module", autouse=True)
def _pulled(store: ModelStore) -> None:
    try:
        store.path("microwakeword", "okay_nabu")
    except ModelMissingError as error:
        pytest.skip(f"{error.message}; {error.hint}")


def run(nearfield: Command, folder: Path, *args: object) -> list[dict[str, Any]]:
    events = folder / "events.jsonl"
    nearfield(
        "converse", *args, "--events", events, "--set", "turn.listen=wake", "--set",
        f"session.database={folder / 'sessions.db'}", "--json",
    ).json()  # fmt: skip
    return [json.loads(line) for line in events.read_text().splitlines()]


def of(events: list[dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    return [event for event in events if event["type"] == kind]


def test_one_breath_and_a_follow_up(nearfield: Command, spoken: Callable[[str], Path], tmp_path: Path) -> None:
    """Without the word nothing; with it, in one breath, a turn; behind its answer another one, without the word."""
    events = run(
        nearfield, tmp_path, spoken("What is the largest planet?"), spoken("Okay Nabu, what is the capital of France?"),
        spoken("And what is the capital of Spain?"), "--echo-db", -10,
    )  # fmt: skip
    commits = [event["text"] for event in of(events, "commit")]
    assert len(commits) == 2, commits
    assert commits[0].lower().startswith("what is the capital of france"), "no more and no less than the question"
    assert "spain" in commits[1].lower()
    assert [event["word"] for event in of(events, "wake")] == ["okay_nabu"]
    assert of(events, "wake")[0]["t_ms"] < of(events, "speech_start")[0]["t_ms"]
    assert not of(events, "error")
    assert "attentive" in [event["state"] for event in of(events, "state")]


def test_its_own_wake_word_is_none_nor_do_voices_interrupt_but_stop_does(
    nearfield: Command, spoken: Callable[[str], Path], tmp_path: Path
) -> None:
    """It says the wake word; somebody speaks over it; somebody says "stop"; a person says the wake word."""
    persona = tmp_path / "caller.toml"
    persona.write_text(PERSONA)
    events = run(
        nearfield, tmp_path, spoken("Have you seen my keys?"), spoken("Stop."),
        spoken("Okay Nabu, what is the capital of Spain?"), "--at", 7, 10.5, 13, "--persona", persona, "--echo-db", -6,
    )  # fmt: skip
    assert [event["control"] for event in of(events, "controlled")] == ["stop"]
    interrupted = of(events, "interrupted")
    assert len(interrupted) == 1
    assert 10_500 < interrupted[0]["t_ms"] < 13_000
    assert interrupted[0]["heard"].lower().count("okay nabu") >= 2, "it said so, and was not woken"
    assert [event["t_ms"] > 13_000 for event in of(events, "wake")] == [True]
    assert ["spain" in event["text"].lower() for event in of(events, "commit")] == [True]
