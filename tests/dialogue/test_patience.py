"""When a model counts as stuck, and what does not."""

import numpy as np
import pytest

from device.dialogue.commands import Decode, Reply, Speak, Warm
from device.dialogue.patience import HOPELESS_LIMITS, LIMITS_S, Patience, Ticket


def looked(patience: Patience, from_s: float, to_s: float) -> list[Ticket]:
    """Four times a second, as the rim does; what was told as failed."""
    out: list[Ticket] = []
    while from_s < to_s:
        out += patience.overdue(from_s)
        from_s += 0.25
    return out + patience.overdue(to_s)


def decode(job: int) -> Decode:
    return Decode(job, np.zeros(0, np.float32), "final")


def test_what_comes_back_in_time_is_never_overdue() -> None:
    patience = Patience()
    for job in range(5):
        now_s = 10.0 * job
        ticket = patience.given("stt", decode(job), now_s)
        patience.life(ticket, now_s + 0.1)
        assert looked(patience, now_s, now_s + 3.9) == []
        assert patience.done(ticket, now_s + 3.9)
    assert looked(patience, 45.0, 200.0) == []
    assert patience.hopeless(10_000.0) is None


def test_a_hung_decode_is_told_once_and_what_comes_of_it_late_is_not_wanted() -> None:
    patience = Patience()
    ticket = patience.given("stt", decode(1), 0.0)
    patience.life(ticket, 0.0)
    assert looked(patience, 0.0, 3.9) == []
    assert looked(patience, 3.9, 4.1) == [ticket]
    assert looked(patience, 4.1, 6.0) == []
    assert not patience.done(ticket, 6.0)


def test_a_process_that_stood_still_is_no_model_that_hangs() -> None:
    patience = Patience()
    ticket = patience.given("stt", decode(1), 0.0)
    assert looked(patience, 0.0, 2.0) == []
    assert looked(patience, 902.0, 903.9) == []
    assert patience.hopeless(903.9) is None
    assert looked(patience, 903.9, 904.3) == [ticket]


def test_what_is_given_to_a_model_that_hangs_fails_at_the_next_look() -> None:
    patience = Patience()
    first = patience.given("tts", Speak(1, 0, "One."), 0.0)
    patience.life(first, 0.0)
    assert looked(patience, 0.0, 4.1) == [first]
    assert looked(patience, 4.1, 20.0) == []
    second = patience.given("tts", Speak(2, 0, "Two."), 20.0)
    assert patience.overdue(20.25) == [second]
    assert not patience.done(first, 21.0)  # it came to itself
    third = patience.given("tts", Speak(3, 0, "Three."), 21.0)
    patience.life(third, 21.0)
    assert looked(patience, 20.5, 24.9) == []
    assert patience.done(third, 24.9)


def test_a_long_recording_may_take_longer() -> None:
    patience = Patience()
    ticket = patience.given("stt", decode(1), 0.0, work_s=20.0)
    assert looked(patience, 0.0, 13.9) == []
    assert patience.overdue(14.1) == [ticket]


def test_tokens_are_signs_of_life() -> None:
    patience = Patience()
    ticket = patience.given("llm", Reply(1, ()), 0.0)
    for second in range(0, 300, 15):
        patience.life(ticket, float(second))
        assert looked(patience, float(second), second + 14.9) == []
    assert looked(patience, 300.0, 285 + 20.1) == [ticket]


def test_what_had_to_make_room_in_the_queue_is_not_waited_for() -> None:
    patience = Patience()
    patience.given("stt", decode(1), 0.0)  # dropped: it never begins
    second = patience.given("stt", decode(2), 0.5)
    patience.life(second, 1.0)
    assert patience.done(second, 1.5)
    assert looked(patience, 1.5, 300.0) == []
    assert patience.hopeless(300.0) is None


def test_a_stage_does_not_answer_for_another() -> None:
    patience = Patience()
    hung = patience.given("tts", Speak(1, 0, "One."), 0.0)
    fine = patience.given("stt", decode(2), 0.0)
    patience.life(fine, 3.0)
    assert looked(patience, 3.0, 4.5) == [hung]


@pytest.mark.parametrize("stage", list(LIMITS_S))
def test_far_too_long_is_hopeless_though_nobody_waits_any_more(stage: str) -> None:
    patience = Patience()
    ticket: Ticket = patience.given(stage, Warm(()), 0.0)  # type: ignore[arg-type]
    limit_s = HOPELESS_LIMITS * LIMITS_S[stage]  # type: ignore[index]
    looked(patience, 0.0, limit_s - 1)
    assert patience.hopeless(limit_s - 1) is None
    assert patience.hopeless(limit_s + 1) == stage
    patience.done(ticket, limit_s + 2)
    assert patience.hopeless(limit_s + 3) is None
