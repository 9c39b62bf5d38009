"""What means nothing but is near to a command is listened to once more: on virtual time, without a thread."""

from typing import Any

import pytest
from virtual_rim import MS, VirtualRim

from device.dialogue import events as ev
from device.dialogue.acting import ActingPolicy
from device.dialogue.commands import Reply, Understand
from device.dialogue.conversation import Policy
from device.dialogue.deeds import Meaning
from device.dialogue.doing import DoingPolicy

MISHEARD = "Set of time for three hours."
QUESTION = "Did you mean: set a timer for 3 hours?"
GUESS = Meaning("set_timer", {"hours": 3}, question=QUESTION, says="Timer set for 3 hours.")
TELL = Meaning("temperature", read_only=True)


def rim(*, second_look: bool = True, **ends: Any) -> VirtualRim:
    doing = DoingPolicy(interpreter=True, second_look=second_look)
    policy = Policy(turn_model=False, acting=ActingPolicy(doing=doing))
    return VirtualRim(**{"policy": policy, "guesses": {MISHEARD: GUESS, "What is it of the incubi?": TELL}, **ends})


def asked(world: VirtualRim) -> list[Understand]:
    return [c for _, c in world.commands if isinstance(c, Understand)]


def heard(world: VirtualRim) -> list[str]:
    return [e.heard for e in world.of(ev.PlayoutEnd)]  # type: ignore[attr-defined]


def test_a_guess_is_asked_about_and_done_after_a_yes() -> None:
    world = rim()
    world.say(1000, 2500, MISHEARD)
    world.say(9000, 9400, "Yes.")
    world.run(14_000)
    assert heard(world)[0] == QUESTION
    assert [call.skill for _, call in world.acts] == ["set_timer"]
    assert world.acts[0][0] > 9400 * MS
    assert not [c for _, c in world.commands if isinstance(c, Reply)], "no language model is asked"


def test_nothing_is_done_without_a_yes() -> None:
    world = rim()
    world.say(1000, 2500, MISHEARD)
    world.say(9000, 9400, "No.")
    world.run(14_000)
    assert heard(world) == [QUESTION, DoingPolicy().declined_text]
    assert world.acts == []


def test_what_changes_nothing_is_done_at_once() -> None:
    world = rim()
    world.say(1000, 2500, "What is it of the incubi?")
    world.run(9000)
    assert heard(world) == ["temperature is done."]


def test_the_audio_is_what_was_said_and_a_little_before_it() -> None:
    world = rim()
    world.say(1000, 2500, MISHEARD)
    world.run(9000)
    (command,) = asked(world)
    assert command.audio is not None
    assert 1500 * MS < command.audio.size < 3000 * MS


def test_a_second_look_that_finds_nothing_leaves_it_to_the_language_model() -> None:
    world = rim(guesses={MISHEARD: None}, answers=["I do not follow."])
    world.say(1000, 2500, MISHEARD)
    world.run(9000)
    assert heard(world) == ["I do not follow."]
    assert asked(world)[0].audio is not None


@pytest.mark.parametrize("look_ms", [100, 900, 2500])
def test_before_the_commit_or_behind_it(look_ms: int) -> None:
    world = rim(look_ms=look_ms)
    world.say(1000, 2500, MISHEARD)
    world.run(12_000)
    assert QUESTION in heard(world)
    (question,) = world.of(ev.Asked)
    assert question.sample >= world.of(ev.Commit)[0].sample
    assert world.acts == []


def test_an_interpreter_that_does_not_come_back_leaves_it_to_the_language_model() -> None:
    world = rim(look_ms=60_000, answers=["I do not follow.", "Nor that."])
    world.say(1000, 2500, MISHEARD)
    world.say(12_000, 13_000, "What is that?")
    world.run(90_000)
    assert heard(world) == ["I do not follow.", "Nor that."]
    first = world.of(ev.PlayoutStart)[0]
    assert first.sample - 2500 * MS < 6_000 * MS
    assert world.acts == [], "what it would have meant a minute later is not asked any more"
    assert world.of(ev.Asked) == []


def test_a_hypothesis_that_is_gone_is_not_answered_when_its_look_takes_too_long() -> None:
    world = rim(look_ms=60_000, answers=["One.", "Two."])
    world.say(1000, 2000, MISHEARD)
    world.say(2300, 4000, "That is what they say.")
    world.run(20_000)
    assert heard(world) == ["One."]


def test_who_speaks_on_meanwhile_has_said_something_else() -> None:
    world = rim(look_ms=1500, answers=["Who knows."])
    world.say(1000, 2500, MISHEARD)
    world.say(2800, 3800, "That is what they say.")
    world.run(12_000)
    assert world.of(ev.Asked) == []
    assert heard(world) == ["Who knows."]


def test_it_can_be_switched_off() -> None:
    world = rim(second_look=False, answers=["I do not follow."])
    world.say(1000, 2500, MISHEARD)
    world.run(9000)
    assert asked(world)[0].audio is None
    assert heard(world) == ["I do not follow."]


def test_a_control_word_is_not_misheard() -> None:
    world = rim(guesses={"Cancel.": GUESS})
    world.say(1000, 1600, "Cancel.")
    world.run(6000)
    assert [command.audio for command in asked(world) if command.audio is not None] == []
    assert world.of(ev.Asked) == []


def test_what_is_too_long_for_a_command_is_heard_once() -> None:
    world = rim(guesses={}, answers=["Well."])
    world.say(1000, 15_000, "Once upon a time there was a queen who had a mirror on a wall that knew it all.")
    world.run(24_000)
    assert asked(world)
    assert asked(world)[-1].audio is None


def test_a_machine_that_is_behind_hears_nothing_twice() -> None:
    world = rim(answers=["I do not follow."] * 2)
    sample = 0
    while world.talk.degrade.context_scale == 1:
        sample += 16_000
        world.talk.degrade.decoded(sample, 1000.0, 5000.0)
        assert sample < 200 * 16_000
    world.say(1000, 2500, MISHEARD)
    world.run(9000)
    assert asked(world)
    assert [command.audio for command in asked(world) if command.audio is not None] == []
