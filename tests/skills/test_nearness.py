"""Which words that mean nothing are worth a second look?"""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from device.dialogue.deeds import SecondLook
from device.skills.fast_path import FastPath
from device.skills.live_skillset import LiveSkillset
from device.skills.nearness import MOST_CHARS, Nearness
from device.skills.testing import SkillBench

HOUSE = Path(__file__).resolve().parents[2] / "bench" / "house"

#: As whisper-tiny.en heard commands.
MISHEARD = """Activate Woo's Lighting.|Add apples to my chocolate list.|Resumed
Set of time for three hours in ten minutes.
What's the temperature of the incubi?|Can I have a triple shot late rose mocha?
Give me a meeting with Ralph's coffee with Sittner.|Give me a dark roast hascoffee with sweetener and almond milk.
Can I have a small single shakapuccino with soy milk?"""
#: Frames of sentences that everybody uses, and words that nobody does.
TALK = """What is the largest ocean?|What is the capital of France?|Why is the sky blue?|Tell me a joke.|Good morning.
Thank you.|How far is the moon?|What should I cook tonight?|Can you recommend a book?|How do I boil an egg?
She answered hanging her head.|7 of clubs|Today, only platforms 1 and 3 are used.|...|20|What is the?||日本語です"""


def texts(block: str) -> list[str]:
    return [text for line in block.split("\n") for text in line.split("|")]


@pytest.fixture(scope="module", params=["a house alone", "a house and all that is built in"])
def path(request: pytest.FixtureRequest) -> FastPath:
    return SkillBench(HOUSE, builtin=request.param != "a house alone").skills.fast_path


def test_what_was_misheard_is_near_and_talk_is_not(path: FastPath) -> None:
    assert isinstance(path, SecondLook)
    assert [text for text in texts(MISHEARD) if not path.near(text)] == []
    assert [text for text in texts(TALK) if path.near(text)] == []


def test_the_sentences_are_near_to_themselves(path: FastPath) -> None:
    assert path.near("Lock the front door!")
    assert path.near("LOCK THE FRONT DOR")
    assert not path.near("Lock the front door " + "x" * MOST_CHARS), "too long for a command"


def test_skills_that_come_and_go() -> None:
    live = LiveSkillset(lambda _tools: SkillBench(HOUSE, builtin=False).skills)
    assert isinstance(live.fast_path, SecondLook)
    assert live.fast_path.near("Lock the front dor.")
    assert not live.fast_path.near("Good morning.")


def test_the_same_every_time() -> None:
    sentences = SkillBench(HOUSE).skills.sentences
    one, other = Nearness(sentences), Nearness(sentences)
    for text in texts(MISHEARD) + texts(TALK):
        assert one.near(text) == other.near(text)


def test_no_sentences() -> None:
    skills = SkillBench(HOUSE, builtin=False).skills
    assert not Nearness(skills.sentences.only(skills.registry.only(()))).near("Lock the front door.")


def test_what_goes_wrong_is_no_reason_to_look(path: FastPath, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_self: Nearness, _text: str) -> bool:
        raise RuntimeError("no letters")

    monkeypatch.setattr(Nearness, "near", broken)
    assert not path.near("Lock the front door.")


HOUSE_PATH = SkillBench(HOUSE, builtin=False).skills.fast_path


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=200))
def test_any_text(text: str) -> None:
    assert HOUSE_PATH.near(text) in (True, False)
    assert not HOUSE_PATH.near(text + "z" * (MOST_CHARS + 1))
