"""What rings: again and again, quieter while somebody speaks, until a word, the button or its owner stops it."""

from typing import Any

import numpy as np
import pytest
from virtual_rim import MS, VirtualRim

from device.card import Span
from device.dialogue import events as ev
from device.dialogue.acting import ActingPolicy
from device.dialogue.commands import Chime, Flush, Jobs, Output, Play, Snooze
from device.dialogue.conversation import Policy
from device.dialogue.deeds import Meaning
from device.dialogue.doing import DoingPolicy
from device.dialogue.ringing import MOST, Ringing, RingPolicy, at_gain

TEXT = "Your pasta timer is done."
LENGTH_MS = 60 * len(TEXT)
ROUND_MS = 1500 + LENGTH_MS  # a signal and the words, one behind the other; then the pause
QUESTION = "What is the capital of France?"
ANSWER = "The capital of France is Paris. It lies on the Seine, and it is a large city."


def ringing(at_ms: int = 1000, **ends: Any) -> VirtualRim:
    world = VirtualRim(**ends)
    world.at(at_ms, lambda: world.talk.ring("pasta", TEXT, world.clock))
    return world


def ended(world: VirtualRim) -> list[tuple[str, str]]:
    return [(e.name, e.reason) for e in world.of(ev.RingEnd)]  # type: ignore[attr-defined]


def states(world: VirtualRim) -> list[str]:
    return [e.state for e in world.of(ev.StateChange)]  # type: ignore[attr-defined]


def loud(world: VirtualRim) -> list[int]:
    """Peaks of the words, round for round."""
    return [int(np.abs(c.speech.pcm).max()) for _, c in world.commands if isinstance(c, Play)]


def test_it_rings_until_it_is_stopped() -> None:
    world = ringing()
    world.run(60_000)
    (start,) = world.of(ev.RingStart)
    assert (start.name, start.text, start.turn) == ("pasta", TEXT, 0)
    assert len(world.rounds) >= 55_000 // (ROUND_MS + 1000)
    assert world.rounds[0][0] <= 1020 * MS, "it does not wait for its words"
    assert len(loud(world)) >= len(world.rounds) - 1
    assert world.talk.state == "ringing"
    assert states(world) == ["idle", "ringing"]
    assert not world.of(ev.RingEnd)
    world._take(world.talk.stop_ringing("pasta", world.clock))
    assert ended(world) == [("pasta", "withdrawn")]
    count = len(world.rounds)
    world.run(65_000)
    assert len(world.rounds) == count
    assert world.talk.state == "idle"


def test_rounds_do_not_run_into_each_other() -> None:
    world = ringing()
    world.run(30_000)
    plays = [t for t, c in world.commands if isinstance(c, Play)]
    gaps = np.diff(plays) / MS
    assert (gaps >= LENGTH_MS + 1500).all()


@pytest.mark.parametrize("probability", [0.05, 0.9])
def test_stop_ends_it_at_once(probability: float) -> None:
    world = ringing(probability=probability)
    world.say(6000, 6400, "Stop.")
    world.run(6400 + 60 + 48 + world.stt_ms + 40)
    assert ended(world) == [("pasta", "stopped")]
    count = len(world.rounds)
    world.run(14_000)
    assert len(world.rounds) == count
    assert not world.of(ev.Commit)
    assert [e.control for e in world.of(ev.Controlled)] == ["stop"]
    assert world.talk.state == "idle"


def test_a_partial_stop_ends_it_before_the_sentence_does() -> None:
    world = ringing(stt_ms=50)
    world.say(6000, 8900, "Stop.")
    world.run(8000)
    assert ended(world) == [("pasta", "stopped")]


def test_quieter_while_somebody_speaks_and_loud_again() -> None:
    world = ringing(answers=["Paris."], hears=lambda _: "")
    world.say(4500, 11_000, "(coughs)")
    world.run(20_000)
    quiet = [gain for when, gain in world.rounds if 6300 * MS < when < 11_000 * MS]
    assert quiet
    assert all(gain == -12.0 for gain in quiet)
    assert world.rounds[0][1] == world.rounds[-1][1] == 0.0
    assert min(loud(world)) == round(1000 * 10 ** (-12 / 20))
    # what sounded when the voice began did not sound on at its level
    onset = world.of(ev.SpeechStart)[0]
    assert onset.sample <= 4800 * MS
    assert any(isinstance(c, Flush) and abs(t - onset.sample) <= 160 for t, c in world.commands)
    assert not world.of(ev.RingEnd)


def test_a_question_meanwhile_is_answered_and_then_it_rings_on() -> None:
    world = ringing(answers=["Paris."])
    world.say(6000, 7500, QUESTION)
    world.run(20_000)
    (end,) = world.of(ev.PlayoutEnd)
    assert end.heard == "Paris."
    start = world.of(ev.PlayoutStart)[0].sample
    assert not any(start <= when <= end.sample + 1000 * MS for when, _ in world.rounds)
    assert any(when > end.sample for when, _ in world.rounds)
    assert world.talk.state == "ringing"


def test_a_tap_on_the_button_ends_it() -> None:
    world = ringing(policy=Policy(turn_model=False, open_microphone=False))
    world.press(6000)
    world.release(6080)
    world.run(12_000)
    assert ended(world) == [("pasta", "button")]
    assert world.talk.state == "idle"


@pytest.mark.parametrize("muted", [True, False])
def test_the_button_ends_it_whatever_else_it_cannot_do(muted: bool) -> None:
    world = ringing()
    if not muted:
        world.at(5000, lambda: world.talk.card_lost(world.clock, "gone"))
    world.press(6000)
    world.run(6500)
    assert ended(world) == [("pasta", "button")]


def snoozed(world: VirtualRim) -> list[str]:
    return [c.name for _, c in world.commands if isinstance(c, Snooze)]


def test_snooze() -> None:
    world = ringing()
    world.say(6000, 6500, "Snooze, please.")
    world.run(12_000)
    assert ended(world) == [("pasta", "snoozed")]
    assert snoozed(world) == ["pasta"]
    assert not world.of(ev.Commit)


@pytest.mark.parametrize(("after_ms", "names"), [(500, ["pasta"]), (15_000, [])])
def test_snooze_said_after_the_button_had_silenced_it(after_ms: int, names: list[str]) -> None:
    world = ringing(answers=["What is that?"])
    world.press(6000)
    world.release(6080)
    world.say(6100 + after_ms, 6600 + after_ms, "Snooze.")
    world.run(14_000 + after_ms)
    assert snoozed(world) == names
    assert len(world.of(ev.Commit)) == (0 if names else 1)


def test_snooze_where_nothing_rings_is_a_wish_like_any_other() -> None:
    world = VirtualRim(answers=["Nothing rings."])
    world.say(1000, 1500, "Snooze.")
    world.run(8000)
    assert [e.heard for e in world.of(ev.PlayoutEnd)] == ["Nothing rings."]


def test_an_answer_makes_way_behind_its_clause() -> None:
    world = ringing(4000, answers=[ANSWER])
    world.say(1000, 2500, QUESTION)
    world.run(20_000)
    (cut,) = world.of(ev.Interrupted)
    assert cut.heard == "The capital of France is Paris."
    assert world.rounds[0][0] >= cut.sample
    assert world.rounds[0][0] <= cut.sample + 300 * MS
    assert world.truly_heard() == cut.heard


def test_an_answer_without_an_end_in_sight_makes_way_too() -> None:
    world = ringing(4000, answers=[ANSWER], policy=Policy(turn_model=False, ringing=RingPolicy(wait_ms=500)))
    world.say(1000, 2500, QUESTION)
    world.run(20_000)
    (cut,) = world.of(ev.Interrupted)
    assert 4500 * MS <= cut.sample <= 4530 * MS
    assert world.rounds[0][0] <= cut.sample + 300 * MS


def test_the_last_clause_is_let_end() -> None:
    world = ringing(3400, answers=["Paris as you know."])
    world.say(1000, 2500, QUESTION)
    world.run(12_000)
    assert [e.heard for e in world.of(ev.PlayoutEnd)] == ["Paris as you know."]
    assert world.rounds


def test_stop_over_an_answer_that_makes_way_ends_both() -> None:
    world = ringing(3600, answers=[ANSWER])
    world.say(1000, 2500, QUESTION)
    world.say(3700, 4100, "Stop.")
    world.run(14_000)
    assert ended(world) == [("pasta", "stopped")]
    assert world.talk.state == "idle"


def test_who_stops_a_ring_has_not_answered_the_question_that_waits() -> None:
    policy = Policy(turn_model=False, acting=ActingPolicy(doing=DoingPolicy(interpreter=True)))
    sell = Meaning("sell", question="Really all of it?", says="Sold.")
    world = ringing(6000, policy=policy, meanings={"Sell it all.": sell})
    world.say(1000, 2000, "Sell it all.")
    world.say(8000, 8400, "Stop.")
    world.run(11_000)
    assert ended(world) == [("pasta", "stopped")]
    assert not world.of(ev.Settled)
    world.say(11_100, 11_500, "Yes.")
    world.run(16_000)
    assert [call.skill for _, call in world.acts] == ["sell"]


def test_a_question_that_a_ring_broke_off_is_put_again() -> None:
    policy = Policy(turn_model=False, acting=ActingPolicy(doing=DoingPolicy(interpreter=True)))
    sell = Meaning("sell", question="Do you really want to sell all of it? It is a lot.", says="Sold.")
    world = ringing(3500, policy=policy, meanings={"Sell it all.": sell})
    world.say(1000, 2000, "Sell it all.")
    world.say(10_000, 10_400, "Stop.")
    world.run(20_000)
    assert [e.turn for e in world.of(ev.Asked)] == [1, 0]
    assert world.of(ev.PlayoutEnd)[-1].heard == sell.question


def test_two_ring_together_and_stop_together() -> None:
    world = ringing()
    world.at(3000, lambda: world.talk.ring("eggs", "Your egg timer is done.", world.clock))
    world.run(12_000)
    last = world.rounds[-2][0]
    words = [c.speech.text for t, c in world.commands if isinstance(c, Play) and t == last]
    assert words == [TEXT, "Your egg timer is done."]
    world.say(12_100, 12_500, "Stop.")
    world.run(18_000)
    assert ended(world) == [("pasta", "stopped"), ("eggs", "stopped")]


def test_one_of_two_is_taken_back() -> None:
    world = ringing()
    world.at(3000, lambda: world.talk.ring("eggs", "Your egg timer is done.", world.clock))
    world.at(5000, lambda: world.talk.stop_ringing("pasta", world.clock))
    world.at(5500, lambda: world.talk.stop_ringing("nobody", world.clock))
    world.run(20_000)
    assert ended(world) == [("pasta", "withdrawn")]
    assert world.rounds[-1][0] > 15_000 * MS


def test_the_same_name_again_begins_anew() -> None:
    world = ringing()
    world.at(3000, lambda: world.talk.ring("pasta", "Again.", world.clock))
    world.run(8000)
    assert ended(world) == [("pasta", "withdrawn")]
    assert [e.text for e in world.of(ev.RingStart)] == [TEXT, "Again."]


def test_a_voice_that_fails_leaves_the_signal() -> None:
    world = ringing(voice_works=False)
    world.run(12_000)
    assert len(world.rounds) >= 4
    assert not loud(world)


def test_nobody_comes() -> None:
    world = ringing(policy=Policy(turn_model=False, ringing=RingPolicy(longest_ms=10_000)))
    world.run(20_000)
    assert ended(world) == [("pasta", "unanswered")]
    assert world.talk.state == "idle"


def test_it_does_not_open_a_turn_by_itself_where_the_room_is_not_known() -> None:
    world = ringing(room_known=False)
    world.say(1400, 2300, "(its own words)")
    world.run(9000)
    assert not world.of(ev.SpeechStart)


def test_a_job_of_a_ring_outlives_many_turns() -> None:
    """The boundary remembers a few jobs; what rings for half an hour must not be forgotten by it."""
    world = ringing(answers=["Yes."] * 20)
    for n in range(18):
        world.say(6000 + 4000 * n, 6800 + 4000 * n, f"Question {n}?")
    world.run(90_000)
    assert len(world.of(ev.Commit)) == 18
    last_answer = world.of(ev.PlayoutEnd)[-1].sample
    assert any(isinstance(c, Play) and t > last_answer and c.speech.text == TEXT for t, c in world.commands)


def test_an_alarm_without_words() -> None:
    world = VirtualRim()
    world.at(1000, lambda: world.talk.ring("alarm", "", world.clock))
    world.run(8000)
    assert len(world.rounds) >= 3


def test_more_than_can_ring() -> None:
    machine = Ringing(RingPolicy(), Jobs(), lambda _job: None)
    out: list[Output] = []
    for n in range(MOST + 1):
        out += machine.ring(str(n), "", 0, answering=False)
    assert [e.name for e in out if isinstance(e, ev.RingEnd)] == ["0"]
    assert any(isinstance(c, Chime) for c in machine.hear(160, Span(0, 0), talking=False, busy=False))
    assert [e.name for e in machine.stop("stopped", 200)[0] if isinstance(e, ev.RingEnd)] == list("12345678")


def test_gain() -> None:
    pcm = np.array([1000, -1000, 0], np.int16)
    assert at_gain(pcm, 0.0) is pcm
    assert at_gain(pcm, -20.0).tolist() == [100, -100, 0]
    assert at_gain(pcm, -20.0).dtype == np.int16
