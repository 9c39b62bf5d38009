"""A second look at words that mean nothing."""

from pathlib import Path

import pytest

from device.skills.fast_path import FastPath, alike, unlooped
from device.skills.hints import MOST_CHARS, hints
from device.skills.testing import SkillBench

HOUSE = Path(__file__).resolve().parents[2] / "bench" / "house"


@pytest.fixture(scope="module")
def path() -> FastPath:
    return SkillBench(HOUSE, builtin=False).skills.fast_path


@pytest.mark.parametrize(
    ("heard", "again", "question"),
    [
        ("Activate Woo's Lighting.", "Activate Mood Lighting.", "Did you mean: Activate Mood Lighting?"),
        ("Walk the front door.", "Lock the front door.", "Lock the front door?"),
        ("What's the temperature of the incubi?", "What's the temperature of the EcoBee?", ""),
        ("Brua Dark Rose Coffee", "Brew a dark roast coffee, brew", "Did you mean: Brew a dark roast coffee?"),
        ("Resumed.", "Resume.", "Did you mean: Resume?"),
        ("Good morning, how are you?", "Lock the front door.", None),  # what it expected, not what was said
        ("", "Lock the front door.", None),
        ("Activate Woo's Lighting.", "Activate Woo Lighting.", None),
        ("Activate Woo's Lighting.", "", None),
        ("x" * 999, "x" * 999, None),
    ],
)
def test_a_guess_is_asked(path: FastPath, heard: str, again: str, question: str | None) -> None:
    meaning = path.guess(heard, again)
    assert (meaning.question if meaning else None) == question


@pytest.mark.parametrize(
    ("again", "once"),
    [
        ("Brew a dark roast coffee, brew", "Brew a dark roast coffee"),
        ("Give me a latte, with milk, give me.", "Give me a latte, with milk"),
        ("Give me a latte, with milk.", "Give me a latte, with milk."),
        ("A latte, an espresso", "A latte, an espresso"),
        ("Stop, stop.", "Stop"),
        ("Lights,", "Lights,"),
        (", give", ", give"),
        ("", ""),
    ],
)
def test_a_second_beginning_is_left_out(again: str, once: str) -> None:
    assert unlooped(again) == once


def test_alike() -> None:
    assert alike("Set of time for three hours.", "Set a timer for 3 hours")
    assert alike("SAME", "same.")
    assert not alike("", "")
    assert not alike("The cat sat.", "Turn on the lights.")


def test_what_may_be_expected(path: FastPath) -> None:
    text = path.hints
    assert len(text) <= MOST_CHARS
    assert text.startswith("I want a coffee. Launch Firefox. ")  # a house's own skills are wanted most, and come last
    for name in ("EcoBee", "Mood Lighting", "Party Time", "Set a timer for 20 minutes.", "iced coffee", "sweetener"):
        assert name in text
    assert not set("[](){}<>|") & set(text)
    # every sentence that is expected is one that is understood
    sentences = text.rpartition(".")[0].rpartition(". ")[0].split(". ")
    assert len(sentences) > 10
    assert [each for each in sentences if path.interpret(each) is None] == []


def test_nothing_to_expect() -> None:
    skills = SkillBench(HOUSE, builtin=False).skills
    assert hints(skills.sentences.only(skills.registry.only(()))) == ""
