"""When it is said that the answer takes a while."""

from hypothesis import given
from hypothesis import strategies as st

from device.dialogue.lateness import Lateness, LatenessPolicy

MS = 16


def test_after_a_while_and_not_before() -> None:
    lateness = Lateness(LatenessPolicy(after_ms=1500), since=1000 * MS)
    assert not lateness.due(2490 * MS, None)
    assert lateness.due(2500 * MS, None)


def test_an_answer_that_is_about_to_sound_is_waited_for() -> None:
    lateness = Lateness(LatenessPolicy(after_ms=1500, worth_ms=800), since=0)
    assert not lateness.due(1600 * MS, remaining_ms=300)
    assert lateness.due(1600 * MS, remaining_ms=900)


def test_who_knows_that_it_takes_long_says_so_sooner() -> None:
    lateness = Lateness(LatenessPolicy(after_ms=1500, sure_after_ms=900), since=0)
    assert not lateness.due(890 * MS, remaining_ms=9000)
    assert lateness.due(900 * MS, remaining_ms=9000)
    assert not lateness.due(900 * MS, remaining_ms=1000)


def test_switched_off_or_with_nothing_to_say() -> None:
    for policy in (LatenessPolicy(enabled=False), LatenessPolicy(text="")):
        lateness = Lateness(policy, since=0)
        assert not lateness.soon(60_000 * MS)
        assert not lateness.due(60_000 * MS, None)


@given(st.integers(0, 10**6), st.integers(0, 10**6), st.none() | st.floats(0, 1e5))
def test_never_once_it_is_over_and_never_too_soon(since: int, now: int, remaining_ms: float | None) -> None:
    policy = LatenessPolicy()
    lateness = Lateness(policy, since)
    if lateness.due(now, remaining_ms):
        assert now - since >= policy.sure_after_ms * MS
        assert lateness.soon(now)
    lateness.over()
    assert not lateness.due(now, remaining_ms)
