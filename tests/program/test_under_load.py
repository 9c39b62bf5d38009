"""The whole program on a machine that has more to do than it can: nothing that is said is lost."""

import multiprocessing
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from nearfield_command import Command

pytestmark = pytest.mark.models


def _spin() -> None:
    parent = os.getppid()
    while os.getppid() == parent:  # never outlives the tests
        sum(range(10_000))


@pytest.fixture
def busy_machine() -> Iterator[None]:
    """Two processes a core that never rest."""
    context = multiprocessing.get_context("spawn")
    spinning = [context.Process(target=_spin, daemon=True) for _ in range(2 * (os.cpu_count() or 1))]
    for process in spinning:
        process.start()
    yield
    for process in spinning:
        process.kill()
        process.join()


@pytest.mark.usefixtures("busy_machine")
def test_every_sample_is_kept_and_every_question_answered(nearfield: Command, spoken: Callable[[str], Path]) -> None:
    questions = ["What is the capital of France?", "What is the largest planet?"]
    result = nearfield("converse", *map(spoken, questions), "--json").json()
    assert result["card"]["capture_lost_samples"] == 0
    assert [turn["input"] for turn in result["turns"]] == [str(spoken(q)) for q in questions]
    assert all(turn["reply_heard"] == turn["reply_generated"] != "" for turn in result["turns"])
    assert "capital of france" in result["turns"][0]["transcript"].lower()
    assert result["errors"] == []
