"""What takes long is promised, carried out aside, and told at the next natural pause, until it was heard."""

import itertools
from typing import Any

import pytest
from virtual_rim import MS, VirtualRim

from device.dialogue import events as ev
from device.dialogue.acting import ActingPolicy
from device.dialogue.answer import Answer, AnswerPolicy
from device.dialogue.commands import Act, Output
from device.dialogue.conversation import Policy
from device.dialogue.deeds import Meaning, Outcome, Undelivered
from device.dialogue.doing import DoingPolicy
from device.dialogue.telling import MOST, Telling
from models.protocols import Speech

ASK = "Where is my order?"
PROMISE = "I will ask, and tell you."
RESULT = "Your order comes tomorrow at noon."


def rim(**ends: Any) -> VirtualRim:
    policy = Policy(turn_model=False, acting=ActingPolicy(doing=DoingPolicy(interpreter=True)))
    meanings = {ASK: Meaning("look_up", aside=True, promise=PROMISE)}
    does = {"does": lambda _: Outcome("done", RESULT)}
    return VirtualRim(**{"policy": policy, "meanings": meanings, "act_ms": 4000, **does, **ends})


def heard(world: VirtualRim) -> list[tuple[int, str]]:
    return [(e.turn, e.heard) for e in world.of(ev.PlayoutEnd)]  # type: ignore[attr-defined]


def told(world: VirtualRim) -> list[tuple[int, int]]:
    return [(e.turn, e.index) for e in world.of(ev.Told)]  # type: ignore[attr-defined]


def test_promised_done_aside_and_told() -> None:
    world = rim()
    world.say(1000, 2000, ASK)
    world.run(15_000)
    assert heard(world) == [(1, PROMISE), (0, RESULT)]
    (act,) = (c for _, c in world.commands if isinstance(c, Act))
    assert act.aside
    (ended,) = world.of(ev.CallEnded)
    assert (ended.turn, ended.aside, ended.say) == (1, True, RESULT)
    assert told(world) == [(1, 0)]
    assert world.of(ev.Told)[0].sample >= world.of(ev.PlayoutEnd)[1].sample
    assert [m.text for m in world.talk.history.messages[1:]] == [ASK, PROMISE, RESULT]


def test_the_conversation_goes_on_meanwhile() -> None:
    world = rim(answers=["Paris."])
    world.say(1000, 2000, ASK)
    world.say(4600, 6000, "What is the capital of France?")
    world.run(20_000)
    assert heard(world) == [(1, PROMISE), (2, "Paris."), (0, RESULT)]


def test_nobody_is_spoken_into() -> None:
    world = rim(answers=["I see."], act_ms=3000)
    world.say(1000, 2000, ASK)
    for n in range(4):  # hesitating, with pauses too short to be the end
        world.say(4500 + 1200 * n, 5200 + 1200 * n, f"and part {n} and")
    world.run(25_000)
    starts = [e.sample for e in world.of(ev.PlayoutStart) if e.turn == 0]
    speech_end = max(said.end_sample for said in world.said)
    assert starts
    assert starts[0] >= speech_end + 700 * MS
    (told_once,) = world.of(ev.Told)
    assert told_once.sample > starts[0]


def test_a_natural_pause_is_so_long_after_the_promise() -> None:
    world = rim(act_ms=100)
    world.say(1000, 2000, ASK)
    world.run(15_000)
    promise_end = world.of(ev.PlayoutEnd)[0].sample
    start = next(e.sample for e in world.of(ev.PlayoutStart) if e.turn == 0)
    assert 700 * MS <= start - promise_end <= (700 + world.tts_ms + 40) * MS


def test_what_was_interrupted_is_told_again() -> None:
    world = rim(answers=["Paris."], act_ms=100)
    world.say(1000, 2000, ASK)
    world.say(6300, 7700, "What is the capital of France?")
    world.run(25_000)
    (cut,) = world.of(ev.Interrupted)
    assert cut.turn == 0
    assert cut.heard
    assert heard(world) == [(1, PROMISE), (2, "Paris."), (0, RESULT)]
    assert told(world) == [(1, 0)], "told once it was heard whole"


def test_who_says_stop_over_it_has_heard_enough() -> None:
    world = rim(act_ms=100)
    world.say(1000, 2000, ASK)
    world.say(6300, 6700, "Stop.")
    world.run(20_000)
    assert told(world) == [(1, 0)]
    assert len(world.of(ev.PlayoutStart)) == 2
    assert world.of(ev.Interrupted)


def test_what_was_not_heard_before_a_restart_is_told_after_the_greeting() -> None:
    earlier = (Undelivered(0, 0, RESULT), Undelivered(0, 1, "The pizza is there."))
    world = rim(undelivered=earlier)
    world._take(world.talk._mine.announce("Hello there.", 0))
    world.run(15_000)
    assert [text for _, text in heard(world)] == ["Hello there.", RESULT, "The pizza is there."]
    assert told(world) == [(0, 0), (0, 1)]


def test_anybody_may_have_something_announced() -> None:
    world = rim()
    world.at(1000, lambda: world.talk.announce("Dinner is ready."))
    world.run(6000)
    assert heard(world) == [(0, "Dinner is ready.")]
    assert not told(world), "it is the result of no call"


def test_failures_are_told_too() -> None:
    world = rim(does=lambda _: Outcome("unknown", error="no network"))
    world.say(1000, 2000, ASK)
    world.run(18_000)
    assert heard(world) == [(1, PROMISE), (0, DoingPolicy().unknown_text)]


def test_while_a_question_waits_nothing_else_is_said() -> None:
    world = rim(act_ms=3000)
    world.meanings["Cancel it then."] = Meaning("cancel", question="Shall I?", says="Gone.")
    world.say(1000, 2000, ASK)
    world.say(4300, 5000, "Cancel it then.")
    world.run(12_000)
    assert heard(world) == [(1, PROMISE), (2, "Shall I?")]
    world.say(12_100, 12_500, "No.")
    world.run(22_000)
    assert [text for _, text in heard(world)][2:] == [DoingPolicy().declined_text, RESULT]


def test_a_voice_that_fails_is_tried_a_few_times_and_it_stays_untold() -> None:
    world = rim(undelivered=(Undelivered(0, 2, RESULT),), voice_works=False)
    world.run(30_000)
    assert len(world.of(ev.PlayoutEnd)) == 3
    assert not told(world)


def test_once_an_answer_has_sounded_what_had_no_sound_is_tried_again(caplog: pytest.LogCaptureFixture) -> None:
    world = rim(undelivered=(Undelivered(0, 2, RESULT),), voice_works=False, answers=["Paris."])
    world.run(30_000)
    assert not heard(world)[0][1]
    gave_up = [r.getMessage() for r in caplog.records if "announcement" in r.getMessage()]
    assert len(gave_up) == 1, gave_up
    world.voice_works = True
    world.run(40_000)
    assert not told(world), "nobody knows yet that the voice is back"
    world.say(40_500, 41_900, "What is the capital of France?")
    world.run(55_000)
    assert [text for _, text in heard(world)][-2:] == ["Paris.", RESULT]
    assert told(world) == [(0, 2)]


def test_an_answer_without_sound_brings_nothing_back() -> None:
    world = rim(undelivered=(Undelivered(0, 2, RESULT),), voice_works=False, answers=["Paris."])
    world.run(10_000)
    world.say(10_500, 11_900, "What is the capital of France?")
    world.run(30_000)
    assert len([e for e in world.of(ev.PlayoutEnd) if e.turn == 0]) == 3


def test_a_new_announcement_is_tried_though_those_before_it_had_no_sound() -> None:
    world = rim(undelivered=(Undelivered(0, 2, RESULT),), voice_works=False)
    world.run(20_000)
    world.voice_works = True
    world.at(20_500, lambda: world.talk.announce("Dinner is ready."))
    world.run(32_000)
    assert [text for _, text in heard(world)][-2:] == [RESULT, "Dinner is ready."]


def test_an_announcement_of_which_a_part_never_sounds_is_not_repeated_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    mute, text = "This half of it has no sound.", "The first half of what there is to tell sounds. "
    world = rim(undelivered=(Undelivered(0, 2, text + mute),))
    spoken = world.talk.spoken

    def half(job: int, index: int, speech: Speech | None, now: int, *, more: bool = False) -> list[Output]:
        return spoken(job, index, None if index else speech, now, more=more)

    monkeypatch.setattr(world.talk, "spoken", half)
    world.run(40_000)
    assert [said for _, said in heard(world)] == [text.strip()] * 3


def test_people_who_are_not_listened_to_are_not_interrupted_either() -> None:
    policy = Policy(turn_model=False, open_microphone=False)
    world = rim(policy=policy, undelivered=(Undelivered(0, 2, RESULT),))
    world.say(300, 5000, "They talk to each other.")
    world.run(10_000)
    assert not world.of(ev.SpeechStart)
    assert world.of(ev.PlayoutStart)[0].sample >= (5000 + 650) * MS


def test_a_lost_card_is_waited_for() -> None:
    world = rim(undelivered=(Undelivered(0, 2, RESULT),))
    world._take(world.talk.card_lost(0, "unplugged"))
    world.run(5000)
    assert not world.of(ev.PlayoutStart)
    world._take(world.talk.card_back(world.clock, 5000.0))
    world.run(12_000)
    assert told(world) == [(0, 2)]


def test_too_many_results() -> None:
    telling = Telling(tuple(Undelivered(1, n, f"Result {n}.") for n in range(MOST + 2)))
    numbers = []
    for n in itertools.count(1):
        if (notice := telling.next()) is None:
            break
        telling.began(notice, Answer(n, 0, AnswerPolicy()))
        assert telling.next() is None, "one at a time"
        assert len(telling.waved_away(0)) == 1
        numbers.append(notice.index)
    assert numbers == list(range(2, MOST + 2))
