"""Stop, never mind, say that again: on any transcript, without a language model."""

from typing import Any

import pytest
from virtual_rim import MS, VirtualRim

from device.dialogue import events as ev
from device.dialogue.acting import ActingPolicy
from device.dialogue.backchannels import BACKCHANNELS
from device.dialogue.commands import Chime, Reply, Speak
from device.dialogue.conversation import Policy
from device.dialogue.deeds import Meaning
from device.dialogue.doing import DoingPolicy
from device.dialogue.interruption import ResumePolicy

QUESTION = "What is the capital of France?"
ANSWER = "The capital of France is Paris. It lies on the Seine, and it is a large city."
TEXTS = DoingPolicy()


def answering(**ends: Any) -> VirtualRim:
    """The answer sounds from 3.2 s to 8 s."""
    world = VirtualRim(**{"answers": [ANSWER, "Fine.", "Fine."], **ends})
    world.say(1000, 2500, QUESTION)
    return world


def obeyed(world: VirtualRim) -> list[str]:
    return [e.control for e in world.of(ev.Controlled)]  # type: ignore[attr-defined]


def chimes(world: VirtualRim) -> list[str]:
    return [c.name for _, c in world.commands if isinstance(c, Chime)]


@pytest.mark.parametrize("words", ["Stop.", "Okay, stop it.", "Never mind.", "Be quiet, please."])
def test_it_ends_the_answer_for_good_without_a_turn_or_a_word(words: str) -> None:
    world = answering()
    world.say(5000, 5500, words)
    world.run(14_000)
    (cut,) = world.of(ev.Interrupted)
    assert cut.heard == world.truly_heard()
    assert len(obeyed(world)) == 1
    assert [e.text for e in world.of(ev.Commit)] == [QUESTION]
    assert not world.of(ev.Resumed)
    assert sum(isinstance(c, Reply) for _, c in world.commands) == 1, "no language model is asked"
    assert world.talk.state == "idle"
    assert "stopped" not in chimes(world), "the silence says it"
    assert [m.text for m in world.talk.history.messages[1:]] == [QUESTION, cut.heard]


def test_it_falls_silent_at_the_voice_and_not_at_the_word() -> None:
    world = answering(stt_ms=2000)
    world.say(5000, 5500, "Stop.")
    world.run(16_000)
    assert max(dac for *_, dac in world.sounded) <= 5260 * MS
    assert obeyed(world) == ["stop"]


@pytest.mark.parametrize("probability", [0.05, 0.9])
def test_also_where_recognition_is_unsure(probability: float) -> None:
    world = answering()
    world.run(4900)
    world.probability = probability
    world.say(5000, 5400, "Stop.")
    world.run(5400 + 60 + 48 + world.stt_ms + 40)
    assert obeyed(world) == ["stop"], "with the first decode behind the word"
    assert world.of(ev.Interrupted)
    world.run(14_000)
    assert obeyed(world) == ["stop"], "once"


def test_a_partial_decode_is_enough() -> None:
    """Long before the sentence ends the answer is given up; the sentence is a turn like any other."""
    world = answering(stt_ms=50)
    world.say(5000, 6300, "Stop.")
    world.say(6300, 8900, "the timer in the kitchen, will you, it is done.")
    world.hears = lambda text: text.replace("Stop. the", "Stop the")
    world.run(6800)
    assert obeyed(world) == ["stop"]
    assert world.talk.state == "listening"
    assert world.of(ev.Interrupted), "given up before the sentence has ended"
    world.run(18_000)
    assert world.of(ev.Commit)[1].text == "Stop the timer in the kitchen, will you, it is done."
    assert world.of(ev.PlayoutEnd)[-1].heard == "Fine."


def test_while_it_still_thinks() -> None:
    world = answering(first_token_ms=3000)
    world.say(4000, 4400, "Stop.")
    world.run(14_000)
    assert obeyed(world) == ["stop"]
    assert world.truly_heard() == ""
    assert world.talk.state == "idle"


def test_stop_is_never_a_listeners_noise() -> None:
    world = answering(policy=Policy(turn_model=False, resume=ResumePolicy(backchannels=f"{BACKCHANNELS}, stop")))
    world.say(5000, 5400, "Stop.")
    world.run(14_000)
    assert obeyed(world) == ["stop"]
    assert not world.of(ev.Resumed)


def test_without_resuming_too() -> None:
    world = answering(policy=Policy(turn_model=False, resume=ResumePolicy(enabled=False)))
    world.say(5000, 5400, "Stop.")
    world.run(14_000)
    assert [e.text for e in world.of(ev.Commit)] == [QUESTION]
    assert world.talk.state == "idle"


@pytest.mark.parametrize("words", ["Stop the timer.", "Stop me if you know it."])
def test_what_only_begins_so_is_a_wish_like_any_other(words: str) -> None:
    world = answering()
    world.say(5000, 6500, words)
    world.run(16_000)
    assert world.of(ev.Commit)[1].text == words


def test_where_nothing_sounds_there_is_a_short_signal() -> None:
    world = VirtualRim(answers=["Fine."])
    world.say(1000, 1400, "Stop.")
    world.run(6000)
    assert obeyed(world) == ["stop"]
    assert chimes(world) == ["stopped"]
    assert not world.of(ev.Commit)
    assert not world.of(ev.Supposed)
    assert not world.sounded
    assert world.talk.state == "idle"


def test_by_the_button() -> None:
    world = answering(policy=Policy(turn_model=False, open_microphone=False))
    world.said.clear()
    world.press(900)
    world.say(1000, 2500, QUESTION)
    world.release(2600)
    world.press(5000)
    world.say(5100, 5500, "Stop.")
    world.release(5600)
    world.run(14_000)
    assert obeyed(world) == ["stop"]
    assert len(world.of(ev.Commit)) == 1
    assert world.talk.state == "idle"


def test_more_words_behind_it_are_a_turn() -> None:
    world = answering()
    world.say(5000, 5400, "Stop.")
    world.say(5700, 6700, "And of Spain?")
    world.run(14_000)
    assert obeyed(world) == ["stop"]
    assert world.of(ev.Commit)[1].text == "Stop. And of Spain?"
    assert world.of(ev.PlayoutEnd)[-1].heard == "Fine."


@pytest.mark.parametrize("words", ["Say that again, please.", "Repeat that."])
def test_the_last_answer_again(words: str) -> None:
    world = answering()
    world.say(10_000, 10_900, words)
    world.run(20_000)
    assert [e.heard for e in world.of(ev.PlayoutEnd)] == [ANSWER, ANSWER]
    assert obeyed(world) == ["repeat"]
    assert [e.text for e in world.of(ev.Commit)] == [QUESTION, words]
    assert sum(isinstance(c, Reply) for _, c in world.commands) == 1
    first_audio = next(t for t, c in world.commands if isinstance(c, Speak) and t > 9000 * MS)
    assert first_audio < world.of(ev.Commit)[1].sample, "prepared like any answer"


def test_again_what_was_generated_not_what_was_heard() -> None:
    world = answering()
    world.say(5000, 5900, "Say that again.")
    world.run(18_000)
    assert world.of(ev.Interrupted)[0].heard != ANSWER
    assert [e.heard for e in world.of(ev.PlayoutEnd)] == [ANSWER]


def test_nothing_to_repeat() -> None:
    world = VirtualRim()
    world.say(1000, 1900, "Say that again.")
    world.run(8000)
    assert [e.heard for e in world.of(ev.PlayoutEnd)] == [TEXTS.nothing_said_text]


def test_what_has_been_given_stays_done() -> None:
    policy = Policy(turn_model=False, acting=ActingPolicy(doing=DoingPolicy(interpreter=True)))
    world = VirtualRim(policy=policy, meanings={"Add milk.": Meaning("add", says="Added.")}, act_ms=3000)
    world.say(1000, 2000, "Add milk.")
    world.say(3000, 3400, "Stop.")
    world.run(12_000)
    assert len(world.acts) == 1
    assert [e.status for e in world.of(ev.CallEnded)] == ["done"]
    assert world.truly_heard() == ""


def test_a_panel_can_ask_for_silence() -> None:
    world = answering()
    world.at(5000, lambda: world.talk.hush(world.clock))
    world.run(14_000)
    (cut,) = world.of(ev.Interrupted)
    assert cut.sample >= 5000 * MS
    assert cut.heard == world.truly_heard() != cut.generated
    assert not world.of(ev.Resumed)
    assert world.talk.state == "idle"


def test_silence_that_is_asked_for_in_silence_disturbs_nobody() -> None:
    world = answering()
    world.at(500, lambda: world.talk.hush(world.clock))
    world.run(14_000)
    (end,) = world.of(ev.PlayoutEnd)
    assert end.heard == end.generated == world.truly_heard()
