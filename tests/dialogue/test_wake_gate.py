"""When the gate stands open, what is shown and sounded, and that it never stays open by itself."""

from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from device.dialogue.commands import Chime, Output
from device.dialogue.events import WakeTimeout
from device.dialogue.wake_gate import WakeGate, WakePolicy, samples

POLICY = WakePolicy(attend_ms=3000, follow_up_ms=2000, follow_up_question_ms=5000)
STEP_MS = 10


class Run:
    def __init__(self, policy: WakePolicy = POLICY) -> None:
        self.gate = WakeGate(policy)
        self.ms = 0
        self.out: list[tuple[int, Output]] = []

    def until(self, ms: int, *, turn: bool = False, sounding: bool = False) -> "Run":
        while self.ms < ms:
            self.ms += STEP_MS
            self.out += [(self.ms, o) for o in self.gate.tick(samples(self.ms), turn=turn, sounding=sounding)]
        return self

    @property
    def chimes(self) -> list[tuple[int, str]]:
        return [(ms, o.name) for ms, o in self.out if isinstance(o, Chime)]

    @property
    def timeouts(self) -> list[tuple[int, str]]:
        return [(ms, o.after) for ms, o in self.out if isinstance(o, WakeTimeout)]


def test_closed_until_somebody_is_invited() -> None:
    run = Run().until(10_000)
    assert not run.gate.open and not run.gate.attentive and run.out == []


@pytest.mark.parametrize("by", ["word", "button"])
def test_who_pauses_is_told_and_who_says_nothing_too(by: Literal["word", "button"]) -> None:
    run = Run()
    run.gate.woken(0, by)
    assert run.gate.open and run.gate.attentive
    run.until(10_000)
    assert run.chimes == [(300, "listening"), (3000, "not listening")]
    assert run.timeouts == [(3000, by)]
    assert not run.gate.open


def test_who_goes_on_in_one_breath_is_not_talked_into() -> None:
    run = Run()
    run.gate.woken(0)
    run.until(200).until(2000, turn=True)
    assert run.chimes == []


def test_a_turn_holds_the_time_and_a_cough_leaves_some() -> None:
    run = Run()
    run.gate.woken(0)
    run.until(2900).until(6000, turn=True)
    assert run.gate.open
    run.until(7400)
    assert run.gate.open
    run.until(8000)
    assert run.timeouts == [(7500, "word")]


def test_a_second_word_begins_anew() -> None:
    run = Run()
    run.gate.woken(0)
    run.until(2000)
    run.gate.woken(samples(2000))
    run.until(9000)
    assert run.timeouts == [(5000, "word")]
    assert [name for _, name in run.chimes] == ["listening", "listening", "not listening"]


@pytest.mark.parametrize(("question", "ms"), [(False, 2000), (True, 5000)])
def test_after_an_answer(question: bool, ms: int) -> None:
    run = Run()
    run.gate.answered(0, question=question)
    assert run.gate.open and run.gate.attentive
    run.until(10_000)
    assert run.timeouts == [(ms, "answer")]
    assert run.chimes == [], "behind every answer it would be one sound too many"


def test_without_a_follow_up() -> None:
    run = Run(WakePolicy(follow_up_ms=0, follow_up_question_ms=1000))
    run.gate.answered(0, question=False)
    assert not run.gate.open
    run.gate.answered(0, question=True)
    assert run.gate.open


def test_a_sentence_goes_on_behind_the_commit_but_not_for_long() -> None:
    run = Run()
    run.gate.woken(0)
    run.gate.committed(0)
    assert run.gate.open and not run.gate.attentive
    run.until(1400)
    assert run.gate.open
    run.until(2000)
    assert not run.gate.open and run.out == []


def test_an_answer_that_sounds_closes_it_without_a_word() -> None:
    run = Run()
    run.gate.committed(0)
    run.until(100, sounding=True)
    assert not run.gate.open and run.out == []


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["woken", "answered", "question", "committed", "close", "turn", "sounding", "wait"]),
            st.integers(1, 400),
        ),
        max_size=30,
    )
)
def test_it_always_closes_in_the_end(steps: list[tuple[str, int]]) -> None:
    run = Run()
    for step, blocks in steps:
        match step:
            case "woken":
                run.gate.woken(samples(run.ms))
            case "answered" | "question":
                run.gate.answered(samples(run.ms), question=step == "question")
            case "committed":
                run.gate.committed(samples(run.ms))
            case "close":
                run.gate.close()
        run.until(run.ms + blocks * STEP_MS, turn=step == "turn", sounding=step == "sounding")
        assert run.gate.open or not run.gate.attentive
    run.until(run.ms + 5100)
    assert not run.gate.open
    said = [name for _, name in run.chimes]
    assert said.count("not listening") <= len([s for s, _ in steps if s == "woken"])


def test_no_sound_into_a_voice_that_may_be_the_command() -> None:
    gate = WakeGate(POLICY)
    gate.woken(0)
    heard = [gate.tick(samples(ms), turn=False, sounding=False, voice=ms < 450) for ms in range(0, 600, 10)]
    assert [i * 10 for i, out in enumerate(heard) if out] == [450]
