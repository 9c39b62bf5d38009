"""A skill that looks before it is asked."""

from datetime import UTC, datetime
from pathlib import Path

from device.dialogue.deeds import Meaning
from device.skills.fast_path import FastPath
from device.skills.journal import MemoryState
from device.skills.lent import Lent
from device.skills.meanings import Refused
from device.skills.prepared import PreparingMeanings
from device.skills.registry import Registry
from device.skills.sentences import load_sentences
from device.skills.skill import Context, Prepared, Result, Skill, SkillError, skill
from device.skills.templates import Templates


def look(what: str = "") -> Prepared:
    if what == "car":
        raise SkillError("There is no car.")
    if what == "bug":
        raise RuntimeError("a mistake in the skill")
    if what == "rubbish":
        return Prepared("Sell it?", {"how": "fast"})
    return Prepared(f"Shall I sell the {what or 'old lamp'}?", {"what": what or "lamp"})


@skill(confirm="Shall I sell it?", prepare=look)
def sell(what: str = "") -> str:
    """Sell a thing."""
    return f"Sold: {what}."


@skill(confirm="Shall I lend it?", prepare=look)
def lend(what: str = "") -> str:
    """Lend a thing."""
    return f"Lent: {what}."


@skill(confirm="Shall I sell {what}?")
def plain(what: str) -> Result:
    """Sell without looking."""
    return Result(what)


def context_of(_: Skill) -> Context:
    return Context(datetime(2026, 1, 2, tzinfo=UTC), "", MemoryState(), Lent())


MEANINGS = PreparingMeanings(Registry([sell, plain]), {}, context_of)


def test_the_question_names_it_and_the_yes_means_it() -> None:
    assert MEANINGS.of("sell", {}) == Meaning("sell", {"what": "lamp"}, question="Shall I sell the old lamp?")


def test_what_cannot_be_done_is_said_instead() -> None:
    meaning = MEANINGS.of("sell", {"what": "car"})
    assert isinstance(meaning, Meaning)
    assert (meaning.question, meaning.says, meaning.read_only) == ("", "There is no car.", True)
    assert meaning.skill != "sell"


def test_a_skill_that_raises_is_not_asked_about() -> None:
    meaning = MEANINGS.of("sell", {"what": "bug"})
    assert isinstance(meaning, Meaning)
    assert (meaning.question, meaning.says) == ("", "Sorry, I can't look that up now.")


def test_arguments_that_do_not_fit_are_refused() -> None:
    assert isinstance(MEANINGS.of("sell", {"what": "rubbish"}), Refused)
    assert isinstance(MEANINGS.of("sell", {"where": "here"}), Refused)


def test_what_says_why_not_is_ours() -> None:
    assert MEANINGS.is_ours("say_why_not")


def test_two_skills_that_cannot_are_still_two(tmp_path: Path) -> None:
    file = tmp_path / "both.yaml"
    data = "{data: [{sentences: ['get rid of the {what}']}]}"
    lists = "{what: {values: [car, lamp]}}"
    file.write_text(f"language: en\nintents: {{sell: {data}, lend: {data}}}\nlists: {lists}\n")
    registry = Registry([sell, lend])
    found = load_sentences([file], registry, Templates(), "en")
    assert not found.complaints
    path = FastPath(found, PreparingMeanings(registry, {}, context_of))
    assert path.interpret("Get rid of the car.") is None, "which of the two was meant is not known"


def test_others_are_as_they_were() -> None:
    assert MEANINGS.of("plain", {"what": "it"}) == Meaning("plain", {"what": "it"}, question="Shall I sell it?")
    assert isinstance(MEANINGS.of("nothing", {}), Refused)
