"""When each line of a rehearsed conversation is said."""

import numpy as np
import pytest

from device.converse.script import Action, Finish, Line, Say, Script, Timing
from device.dialogue.events import PlayoutEnd, SpeechEnd, StateChange

S = 16_000


def line(seconds: float) -> Line:
    return Line("x.wav", np.zeros(int(seconds * S), np.int16))


def wait(script: Script, start_s: float, end_s: float) -> list[Action]:
    out: list[Action] = []
    for sample in range(int(start_s * S), int(end_s * S) + 1, 160):
        out += script.on_block(sample)
    return out


def answer(script: Script, speech_end_s: float, end_s: float) -> None:
    script.on_event(StateChange(0, 1, "listening"))
    script.on_event(SpeechEnd(int(speech_end_s * S), 1, 0))
    assert wait(script, speech_end_s, end_s) == []
    script.on_event(PlayoutEnd(int(end_s * S), 1, "Yes.", "Yes."))
    script.on_event(StateChange(int(end_s * S), 1, "idle"))


def test_the_next_line_follows_the_answer() -> None:
    script = Script([line(2), line(1)], Timing(lead_s=0.5, gap_s=0.8, tail_s=1.0))
    assert script.begin() == [Say(0, S // 2)]
    answer(script, 2.5, 6.0)
    assert wait(script, 6.0, 6.79) == []
    assert wait(script, 6.79, 7.0) == [Say(1, int(6.8 * S))]
    answer(script, 7.8, 9.0)
    assert wait(script, 9.0, 12.0) == [Finish(10 * S)]
    assert wait(script, 12.0, 13.0) == []


def test_a_line_is_never_said_into_the_one_before() -> None:
    script = Script([line(9), line(1)], Timing(lead_s=0))
    script.begin()
    answer(script, 2.0, 4.0)  # the recording goes on, silent, for five more seconds
    assert wait(script, 4.0, 8.99) == []
    assert wait(script, 9.0, 9.5) == [Say(1, 9 * S)]


def test_a_line_that_nobody_answers_is_given_up() -> None:
    script = Script([line(1), line(1)], Timing(lead_s=0, patience_s=4))
    script.begin()
    assert wait(script, 0, 4.99) == []
    assert wait(script, 5.0, 5.1) == [Say(1, 5 * S)]
    assert wait(script, 5.1, 20.0) == [Finish(10 * S)]


def test_fixed_times_are_kept_and_the_end_is_awaited() -> None:
    script = Script([line(2), line(1)], Timing(at_s=(1.0, 5.0), tail_s=2))
    assert script.begin() == [Say(0, S), Say(1, 5 * S)]
    answer(script, 3.0, 5.5)
    assert wait(script, 5.5, 7.4) == []
    assert wait(script, 7.4, 9.0) == [Finish(int(7.5 * S))]


def test_an_answer_to_an_earlier_line_is_not_taken_for_the_last_ones() -> None:
    script = Script([line(2), line(1)], Timing(at_s=(0.0, 10.0), patience_s=4))
    script.begin()
    answer(script, 2.0, 5.0)
    assert wait(script, 5.0, 14.9) == []
    assert wait(script, 15.0, 16.0) == [Finish(15 * S)]


def test_as_many_times_as_lines() -> None:
    with pytest.raises(ValueError, match="1 times for 2 lines"):
        Script([line(1), line(1)], Timing(at_s=(1.0,)))
