"""What is hard to hear, and what is not meant for it: one outcome each (docs/bad-input.md), here on virtual time."""

import pytest
from placed_rim import PlacedRim
from virtual_rim import MS, VirtualRim

from device.dialogue import events as ev
from device.dialogue.commands import Decode, Play
from device.dialogue.conversation import Policy
from models.transcript_filter import clean

QUESTION = "What is the capital of France?"


def rim(**more: object) -> VirtualRim:
    return PlacedRim(answers=["Fine."] * 9, policy=Policy(turn_model=False), **more)  # type: ignore[arg-type]


def for_two_minutes(world: VirtualRim, pause_ms: int) -> VirtualRim:
    """Somebody talks from 1 s to 121 s, with a pause for breath every five seconds."""
    for n, start in enumerate(range(1000, 121_000, 5000)):
        world.say(start, start + 5000 - pause_ms, f"Part {n}.")
    world.say(128_000, 129_500, QUESTION)
    return world.run(140_000)


def test_two_minutes_without_a_breath_are_answered_after_the_first() -> None:
    world = for_two_minutes(rim(), 0)
    assert [e.reason for e in world.of(ev.Commit)] == ["cap", "silence"]
    first, second = [e.text for e in world.of(ev.Commit)]
    assert (first[:7], first.count("Part")) == ("Part 0.", 12)
    assert second == QUESTION, "what follows is heard as always"
    assert [e.heard for e in world.of(ev.PlayoutEnd)] == ["Fine.", "Fine."]


def test_two_minutes_with_breaths_are_two_turns_and_lose_nothing() -> None:
    world = for_two_minutes(rim(), 300)
    assert [e.reason for e in world.of(ev.Commit)] == ["cap", "cap", "silence"]
    told = " ".join(e.text for e in world.of(ev.Commit))
    assert [told.count(f"Part {n}.") for n in range(24)] == [1] * 24
    assert max(len(c.audio) for _, c in world.commands if isinstance(c, Decode)) <= 30_000 * MS, "bounded"


@pytest.mark.parametrize("stt_ms", [1500, 3000])
def test_a_slow_recogniser_loses_nothing_of_the_two_minutes(stt_ms: int) -> None:
    world = for_two_minutes(rim(stt_ms=stt_ms), 300)
    told = " ".join(e.text for e in world.of(ev.Commit))
    assert [told.count(f"Part {n}.") for n in range(24)] == [1] * 24


def test_a_slow_recogniser_comes_to_the_end_of_a_minute_without_a_breath() -> None:
    world = rim(stt_ms=1500)
    for start in range(1000, 41_000, 500):
        world.say(start, start + 500, "word")
    world.run(60_000)
    assert [e.text.count("word") for e in world.of(ev.Commit)] == [80]


@pytest.mark.parametrize("cough_ms", [70, 200, 600])
def test_a_cough_behind_the_question_is_no_part_of_it(cough_ms: int) -> None:
    world = rim()
    world.say(1000, 2500, QUESTION)
    world.noise(2700, 2700 + cough_ms)
    world.run(12_000)
    assert [e.text for e in world.of(ev.Commit)] == [QUESTION]
    assert world.of(ev.PlayoutEnd)[0].heard == "Fine."


def test_cough_after_cough_costs_no_turn_and_blocks_none() -> None:
    world = rim()
    for start in range(1000, 21_000, 2000):
        world.noise(start, start + 250)
    world.say(24_000, 25_500, QUESTION)
    world.run(36_000)
    assert [(e.turn, e.text) for e in world.of(ev.Commit)] == [(1, QUESTION)]
    assert not any(isinstance(c, Play) for t, c in world.commands if t < 24_000 * MS)
    assert [m.role for m in world.talk.history.messages] == ["system", "user", "assistant"]


@pytest.mark.parametrize("word", ["Yes.", "No.", "Wait.", "Next."])
@pytest.mark.parametrize("length_ms", [130, 250, 400])
def test_one_word_is_a_turn(word: str, length_ms: int) -> None:
    world = rim()
    world.say(1000, 1000 + length_ms, word)
    world.run(8000)
    assert [e.text for e in world.of(ev.Commit)] == [word]
    assert world.of(ev.PlayoutEnd)[0].heard == "Fine."


@pytest.mark.parametrize(
    "loop",
    [
        "Thank you. Thank you. Thank you.",
        "Thank you. Thank you",
        "Thank you! Thank you! Thank you! Thank you!",
    ],
)
def test_a_recogniser_that_goes_round_in_circles_says_it_once_at_most(loop: str) -> None:
    """What the adapter passes on; that "Thank you." alone is taken for silence where nobody spoke is tested there."""
    assert clean(loop).lower().count("thank you") == 1


def test_an_hour_of_noise_leaves_nothing_behind() -> None:
    """A minute of it stands for the hour: nothing is said, remembered or kept in work."""
    world = rim(hears=lambda _text: "")
    world.noise(1000, 61_000)
    world.run(70_000)
    assert not world.of(ev.Commit)
    assert not any(isinstance(c, Play) for _, c in world.commands)
    assert len(world.talk.history.messages) == 1
    assert world.talk.state == "idle"


def test_a_recogniser_that_hears_nothing_where_a_button_was_held_says_nothing_and_waits() -> None:
    world = rim(hears=lambda _text: "")
    world.press(1000)
    world.noise(1200, 2500)
    world.release(2600)
    world.run(9000)
    assert not world.of(ev.Commit)
    assert world.talk.state == "idle"
