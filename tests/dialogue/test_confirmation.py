"""A question that needs a clear yes: after it was heard whole, on a committed turn, and nothing else counts."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from virtual_rim import MS, VirtualRim

from device.dialogue import events as ev
from device.dialogue.acting import ActingPolicy
from device.dialogue.confirmation import Confirmation, ConfirmationPolicy, answer_in
from device.dialogue.conversation import Policy
from device.dialogue.deeds import Meaning, Outcome
from device.dialogue.doing import DoingPolicy

CANCEL = "Actually, cancel it."
QUESTION = "Shall I cancel order four two one nine?"
MEANING = Meaning("cancel_order", {"number": 4219}, question=QUESTION, says="It is cancelled.")
TEXTS = DoingPolicy()


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("Yes.", "yes"),
        ("Yeah, do it.", "yes"),
        ("Go ahead", "yes"),
        ("Yes, please!", "yes"),
        ("Okay, do it.", "yes"),
        ("Oh yes, of course it is", None),
        ("That’s right.", "yes"),
        ("No.", "no"),
        ("No, thanks.", "no"),
        ("Don't!", "no"),
        ("Cancel.", "no"),
        ("Never mind.", "no"),
        ("Stop.", "no"),
        ("Wait, no.", "no"),
        ("Okay.", "unclear"),
        ("Mm-hm.", "unclear"),
        ("I think so.", "unclear"),
        ("Now.", "unclear"),
        ("Know.", "no"),
        ("Yes, but tomorrow.", None),
        ("Yes or no?", None),
        ("Yes no", None),
        ("No, the other one.", None),
        ("Yesterday.", None),
        ("What time is it?", None),
        ("", None),
        ("...", None),
    ],
)
def test_a_clear_yes_and_what_is_none(text: str, word: str | None) -> None:
    assert answer_in(text) == word


@pytest.mark.parametrize(
    ("text", "probability", "reading"),
    [("Though.", 0.3, "again"), ("Though.", 0.6, "other"), ("Tell me the time.", 0.3, "other"), ("Yes.", 0.3, "again")],
)
def test_a_word_or_two_that_the_recogniser_doubts_change_no_subject(
    text: str, probability: float, reading: str
) -> None:
    confirmation = Confirmation(ConfirmationPolicy(), MEANING)
    assert confirmation.reading(text, 0, probability) == reading


@given(st.text(max_size=40))
def test_whatever_is_said_a_yes_has_the_words_of_one(text: str) -> None:
    if answer_in(text) == "yes":
        words = {"yes", "yeah", "yep", "yup", "do", "go", "sure", "course", "certainly", "absolutely", "definitely"}
        assert words & set("".join(c if c.isalpha() else " " for c in text.casefold()).split())


def rim(**ends: Any) -> VirtualRim:
    policy = Policy(turn_model=False, acting=ActingPolicy(doing=DoingPolicy(interpreter=True)))
    does = {"does": lambda _: Outcome("done", "It is cancelled.")}
    return VirtualRim(**{"policy": policy, "meanings": {CANCEL: MEANING}, **does, **ends})


def asked(**ends: Any) -> VirtualRim:
    """The question has been put, and is over: at about 5.2 s."""
    world = rim(**ends)
    world.say(1000, 2000, CANCEL)
    world.run(3500)
    assert world.talk.state == "speaking"
    return world


def heard_at(world: VirtualRim) -> int:
    """Run to the end of the question; ms of its end, which is that of its last word here."""
    while not world.of(ev.PlayoutEnd):
        world.run(world.clock // MS + 10)
    return world.of(ev.PlayoutEnd)[0].sample // MS


def settled(world: VirtualRim) -> list[tuple[int, str]]:
    return [(e.asked_turn, e.answer) for e in world.of(ev.Settled)]  # type: ignore[attr-defined]


def answers(world: VirtualRim) -> list[str]:
    return [e.heard for e in world.of(ev.PlayoutEnd)]  # type: ignore[attr-defined]


def test_nothing_is_done_before_a_clear_yes_and_then_it_is() -> None:
    world = asked()
    end = heard_at(world)
    assert not world.acts
    world.say(end + 500, end + 900, "Yes, do it.")
    world.run(end + 5000)
    (question,) = world.of(ev.Asked)
    assert (question.turn, question.skill, question.question) == (1, "cancel_order", QUESTION)
    assert settled(world) == [(1, "yes")]
    ((when, call),) = world.acts
    assert (call.turn, call.skill, call.arguments) == (2, "cancel_order", {"number": 4219})
    commit = world.of(ev.Commit)[1]
    assert when >= commit.sample
    assert answers(world) == [QUESTION, "It is cancelled."]
    kinds = [k for k in world.kinds() if k in ("commit", "asked", "settled", "called", "call_ended")]
    assert kinds == ["commit", "asked", "commit", "settled", "called", "call_ended"]


def test_its_words_are_ready_before_the_commit() -> None:
    world = asked()
    end = heard_at(world)
    world.say(end + 500, end + 900, "Yes.")
    world.run(end + 5000)
    start = world.of(ev.PlayoutStart)[1]
    assert start.sample - world.of(ev.Commit)[1].sample <= (world.act_ms + 30) * MS


def test_a_yes_on_a_turn_that_is_not_committed_does_nothing() -> None:
    world = asked()
    end = heard_at(world)
    world.say(end + 500, end + 900, "Yes.")
    world.run(end + 1250)
    assert world.of(ev.Supposed)[-1].text == "Yes."
    assert len(world.of(ev.Commit)) == 1
    assert not world.acts
    world.say(end + 1300, end + 2000, "but tomorrow.")
    world.run(end + 8000)
    assert not world.acts
    assert settled(world) == [(1, "dropped")]
    assert world.of(ev.Commit)[1].text == "Yes. but tomorrow."


@pytest.mark.parametrize("before_ms", [2000, 600, 150, 40])
def test_a_yes_that_began_before_the_question_ended_does_nothing_and_it_is_put_again(before_ms: int) -> None:
    end = heard_at(asked())
    world = rim()
    world.say(1000, 2000, CANCEL)
    world.say(end - before_ms, end - before_ms + 500, "Yes.")
    world.run(end + 1500)
    assert not world.acts
    world.run(end + 6000)
    assert not world.acts
    assert [e.turn for e in world.of(ev.Asked)] == [1, 2]
    assert not world.of(ev.Settled)
    again = world.of(ev.PlayoutEnd)[-1]
    assert again.heard == QUESTION
    world.say(world.clock // MS + 100, world.clock // MS + 500, "Yes.")
    world.run(world.clock // MS + 5000)
    assert settled(world) == [(2, "yes")]
    assert len(world.acts) == 1


def test_a_yes_right_behind_the_last_word_counts() -> None:
    """Behind a sentence there is a silence that belongs to no word."""
    end = heard_at(asked())
    world = asked()
    world.say(end + 20, end + 500, "Yes.")
    world.run(end + 5000)
    assert settled(world) == [(1, "yes")]
    assert len(world.acts) == 1


@pytest.mark.parametrize("word", ["No.", "Better not.", "Never mind.", "Stop."])
def test_a_no_leaves_it(word: str) -> None:
    world = asked()
    end = heard_at(world)
    world.say(end + 500, end + 900, word)
    world.run(end + 6000)
    assert settled(world) == [(1, "no")]
    assert not world.acts
    assert answers(world)[1:] == [TEXTS.declined_text]


def test_a_no_over_the_question_counts_at_once() -> None:
    world = asked()
    world.say(3600, 4000, "No.")
    world.run(12_000)
    assert settled(world) == [(1, "no")]
    assert not world.acts


def test_stop_over_the_question_is_a_no_without_a_word() -> None:
    world = asked()
    world.say(3600, 4000, "Stop.")
    world.run(12_000)
    assert settled(world) == [(1, "no")]
    assert not world.acts
    assert len(world.of(ev.Commit)) == 1
    assert not world.of(ev.PlayoutEnd)
    world.say(13_000, 13_400, "Yes.")
    world.run(18_000)
    assert not world.acts, "it waits no longer"


def test_other_words_drop_it_and_are_answered_as_usual() -> None:
    world = asked(answers=["Paris."])
    end = heard_at(world)
    world.say(end + 500, end + 1500, "What is the capital of France?")
    world.run(end + 5000)
    assert settled(world) == [(1, "dropped")]
    world.say(end + 6000, end + 6400, "Yes.")
    world.answers = ["Good."]
    world.run(end + 12_000)
    assert not world.acts
    assert answers(world) == [QUESTION, "Paris.", "Good."]


def test_another_question_takes_the_place_of_the_first() -> None:
    other = Meaning("cancel_all", question="Really all of them?", says="All gone.")
    world = asked(meanings={CANCEL: MEANING, "Cancel all of them.": other}, does=lambda _: Outcome("done", "All gone."))
    end = heard_at(world)
    world.say(end + 500, end + 1500, "Cancel all of them.")
    world.run(end + 5000)
    assert settled(world) == [(1, "dropped")]
    world.say(end + 5500, end + 5900, "Yes.")
    world.run(end + 9000)
    assert [call.skill for _, call in world.acts] == ["cancel_all"]


@pytest.mark.parametrize(("word", "probability"), [("Okay.", 0.9), ("Mm-hm.", 0.9), ("Yes.", 0.2)])
def test_what_is_unclear_has_it_put_once_more_and_then_it_is_left(word: str, probability: float) -> None:
    world = asked()
    end = heard_at(world)
    world.probability = probability
    world.say(end + 500, end + 900, word)
    world.say(end + 8000, end + 8400, word)
    world.run(end + 16_000)
    assert answers(world) == [QUESTION, QUESTION, TEXTS.left_text]
    assert settled(world) == [(2, "dropped")]
    assert not world.acts


def test_a_yes_that_is_doubtful_after_all_does_nothing() -> None:
    """The act was prepared on a transcript that was sure; the one that is committed is not."""
    world = asked()
    end = heard_at(world)
    world.say(end + 500, end + 900, "Yes.")
    world.run(end + 1250)
    assert world.of(ev.Supposed)[-1].text == "Yes."
    listening = world.talk._floor.turn._listening  # type: ignore[union-attr]
    doubtful = replace(listening.heard.transcript, probability=0.34)  # type: ignore[union-attr]
    listening.heard = replace(listening.heard, transcript=doubtful)  # type: ignore[type-var]
    world.probability = 0.2  # also when it is heard again
    world.run(end + 8000)
    assert len(world.of(ev.Commit)) == 2
    assert not world.acts
    assert answers(world) == [QUESTION, QUESTION]


def test_who_asks_for_it_again_hears_it_again_as_often_as_they_like() -> None:
    world = asked()
    end = heard_at(world)
    for n in range(3):
        world.say(end + 500 + 6000 * n, end + 1200 + 6000 * n, "Say that again, please.")
    world.say(end + 18_500, end + 18_900, "Yes.")
    world.run(end + 24_000)
    assert answers(world) == [*[QUESTION] * 4, "It is cancelled."]
    assert len(world.acts) == 1


def test_a_question_that_a_noise_broke_off_is_put_once_more_of_its_own_accord() -> None:
    world = asked()
    world.noise(3600, 9000)
    world.run(20_000)
    assert len(world.of(ev.Interrupted)) == 1
    assert [e.turn for e in world.of(ev.Asked)] == [1, 0]
    assert answers(world) == [QUESTION]
    world.say(20_100, 20_500, "Yes.")
    world.run(26_000)
    assert settled(world) == [(0, "yes")]
    assert len(world.acts) == 1


def test_nobody_answers() -> None:
    world = asked()
    end = heard_at(world)
    world.run(end + 29_000)
    assert not world.of(ev.Settled)
    world.run(end + 31_000)
    assert settled(world) == [(1, "dropped")]
    world.answers = ["Good."]
    world.say(end + 32_000, end + 32_400, "Yes.")
    world.run(end + 38_000)
    assert not world.acts


def test_how_long_it_waits_is_a_matter_of_policy() -> None:
    policy = ActingPolicy(doing=DoingPolicy(interpreter=True), confirmation=ConfirmationPolicy(expires_ms=5000))
    world = asked(policy=Policy(turn_model=False, acting=policy))
    end = heard_at(world)
    world.run(end + 5200)
    assert settled(world) == [(1, "dropped")]


def test_a_question_from_before_a_restart_is_put_again_first() -> None:
    world = rim(pending=MEANING)
    world.run(5500)
    assert [(e.turn, e.question) for e in world.of(ev.Asked)] == [(0, QUESTION)]
    assert answers(world) == [QUESTION]
    assert not world.acts
    world.say(5600, 6000, "Yes.")
    world.run(12_000)
    assert settled(world) == [(0, "yes")]
    assert [(call.turn, call.skill) for _, call in world.acts] == [(1, "cancel_order")]


def test_a_yes_before_the_restored_question_does_nothing() -> None:
    world = rim(pending=MEANING)
    world.say(100, 500, "Yes.")
    world.run(4500)
    assert not world.acts
    assert world.of(ev.Asked)


def test_a_voice_that_fails_puts_no_question_and_a_yes_to_it_does_nothing() -> None:
    world = rim(voice_works=False)
    world.say(1000, 2000, CANCEL)
    world.say(3500, 3900, "Yes.")
    world.run(30_000)
    assert not world.acts
    assert world.of(ev.Settled)[-1].answer == "dropped"


def test_aside_and_confirmed() -> None:
    slow = Meaning("order_pizza", question="A large one with everything on it?", aside=True, promise="I am on it.")
    world = asked(meanings={CANCEL: slow}, does=lambda _: Outcome("done", "The pizza comes at eight."), act_ms=3000)
    end = heard_at(world)
    world.say(end + 500, end + 900, "Yes.")
    world.run(end + 12_000)
    assert answers(world) == ["A large one with everything on it?", "I am on it.", "The pizza comes at eight."]
    assert len(world.acts) == 1
