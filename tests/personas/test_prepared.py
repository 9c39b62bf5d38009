"""A skill that looks before it is asked."""

from datetime import UTC, datetime

from device.dialogue.deeds import Meaning
from device.skills.journal import MemoryState
from device.skills.meanings import Refused
from device.skills.prepared import PreparingMeanings
from device.skills.registry import Registry
from device.skills.runner import NoServices
from device.skills.skill import Context, Prepared, Result, Skill, SkillError, skill


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


@skill(confirm="Shall I sell {what}?")
def plain(what: str) -> Result:
    """Sell without looking."""
    return Result(what)


def context_of(_: Skill) -> Context:
    return Context(datetime(2026, 1, 2, tzinfo=UTC), "", MemoryState(), NoServices())


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


def test_others_are_as_they_were() -> None:
    assert MEANINGS.of("plain", {"what": "it"}) == Meaning("plain", {"what": "it"}, question="Shall I sell it?")
    assert isinstance(MEANINGS.of("nothing", {}), Refused)
