"""Does a sentence end behind the question's last word? The real language model, asked beside its answer."""

from typing import Any

import pytest

from models.protocols import ExpectsEnds, Message

SYSTEM = Message("system", "You are a voice assistant. Answer in one or two short plain sentences.")
pytestmark = pytest.mark.models


def end_behind(model: Any, *texts: str) -> float | None:
    next(model.reply([SYSTEM, *(Message("user", text) for text in texts)]), "")
    value: float | None = model.sentence_end
    return value


def test_it_is_one_that_can_tell(chat_model: Any) -> None:
    assert isinstance(chat_model, ExpectsEnds)


@pytest.mark.parametrize(
    ("whole", "begun"),
    [
        ("What is the capital of France?", "What is the capital of?"),
        ("Turn on the light in the kitchen.", "Turn on the light in the."),
        ("Can I have a latte with brown sugar?", "Can I have a large?"),
        ("Cancel all timers.", "Cancel all."),
    ],
)
def test_behind_a_sentence_it_is_likelier_than_behind_its_beginning(chat_model: Any, whole: str, begun: str) -> None:
    ends, goes_on = end_behind(chat_model, whole), end_behind(chat_model, begun)
    assert ends is not None
    assert goes_on is not None
    assert ends > 0.05 > goes_on


@pytest.mark.parametrize("marks", ["", ".", "?", "...", " ...", ",", '."'])
def test_the_marks_of_the_recogniser_do_not_count(chat_model: Any, marks: str) -> None:
    plain = end_behind(chat_model, "Turn on the light in the kitchen")
    assert plain is not None
    assert end_behind(chat_model, "Turn on the light in the kitchen" + marks) == pytest.approx(plain, rel=0.05)


def test_the_same_words_again_though_all_of_them_are_in_the_cache(chat_model: Any) -> None:
    first = end_behind(chat_model, "How far away is the moon?")
    assert end_behind(chat_model, "How far away is the moon?") == pytest.approx(first, rel=0.05)
    assert end_behind(chat_model, "How far away is the.") != pytest.approx(first, rel=0.5), "cut within what is cached"
    chat_model.warm([SYSTEM, Message("user", "How far away is the moon")])
    assert end_behind(chat_model, "How far away is the moon?") == pytest.approx(first, rel=0.05)


def test_the_answer_is_the_one_that_it_gives_unasked(chat_model: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    chat = [SYSTEM, Message("user", "Which colours does a rainbow have?")]
    asked = "".join(chat_model.reply(chat))
    monkeypatch.setattr(chat_model._ends, "head", lambda *_: 0)
    chat_model.warm([SYSTEM])
    assert "".join(chat_model.reply(chat)) == asked
    assert chat_model.sentence_end is None


@pytest.mark.parametrize("text", ["", "?!", "..."])
def test_of_no_words_it_says_nothing(chat_model: Any, text: str) -> None:
    assert end_behind(chat_model, text) is None


def test_of_more_than_one_pass_takes_too(chat_model: Any) -> None:
    """Two hundred words that were not read before: all but the last piece is read first."""
    long = " ".join(f"The number {n} comes behind the number {n - 1}," for n in range(30))
    assert end_behind(chat_model, f"{long} and so it goes on.") is not None


def test_nothing_is_said_of_an_answer_to_a_tool(chat_model: Any) -> None:
    next(chat_model.reply([SYSTEM, Message("user", "What time is it?"), Message("tool", "noon")]), "")
    assert chat_model.sentence_end is None
