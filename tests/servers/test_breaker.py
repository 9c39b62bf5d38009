"""The circuit breaker: when a server is left alone, and how it gets back in."""

from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.breaker import LONGEST_WAIT, Breaker


def opened(now_s: float = 0.0) -> Breaker:
    """One that has just opened."""
    breaker = Breaker(failures=2, recover_s=10)
    for _ in range(2):
        assert breaker.permits()
        breaker.failed(now_s)
    return breaker


def test_opens_at_so_many_failures_in_a_row() -> None:
    breaker = Breaker(failures=2, recover_s=10)
    for end in (breaker.succeeded, lambda: breaker.failed(0.0), breaker.succeeded, lambda: breaker.failed(0.0)):
        assert breaker.permits()
        end()
    assert breaker.state == "closed"
    breaker.failed(1.0)
    assert breaker.state == "open"
    assert not breaker.permits()
    assert breaker.probe_at_s == 11.0


def test_a_probe_that_finds_it_lets_one_call_through_at_a_time() -> None:
    breaker = opened()
    breaker.probed(10.0, found=True)
    assert breaker.state == "half-open"
    assert breaker.permits()
    assert not breaker.permits()
    breaker.released()
    assert breaker.permits()
    breaker.succeeded()
    assert breaker.state == "closed"
    assert breaker.permits()
    assert breaker.permits()


def test_a_call_that_fails_when_half_open_opens_it_for_longer() -> None:
    breaker = opened()
    breaker.probed(10.0, found=True)
    assert breaker.permits()
    breaker.failed(11.0)
    assert breaker.state == "open"
    assert breaker.probe_at_s == 11.0 + 20


def test_probes_become_rarer_but_never_stop() -> None:
    breaker = opened()
    now_s, waits = 0.0, []
    for _ in range(10):
        assert breaker.probe_at_s is not None
        waits.append(breaker.probe_at_s - now_s)
        now_s = breaker.probe_at_s
        breaker.probed(now_s, found=False)
    assert waits == [10.0 * min(2**n, LONGEST_WAIT) for n in range(10)]


def test_once_closed_the_wait_is_short_again() -> None:
    breaker = opened()
    breaker.probed(10.0, found=False)
    breaker.probed(30.0, found=True)
    breaker.permits()
    breaker.succeeded()
    for _ in range(2):
        breaker.permits()
        breaker.failed(100.0)
    assert breaker.probe_at_s == 110.0


def test_known_to_be_away() -> None:
    breaker = Breaker(failures=5, recover_s=3)
    breaker.trip(2.0)
    assert not breaker.permits()
    assert breaker.probe_at_s == 5.0
    breaker.trip(4.0)
    assert breaker.probe_at_s == 5.0


def test_a_late_success_does_not_close_it() -> None:
    breaker = opened()
    breaker.succeeded()  # of a call that had begun before
    assert breaker.state == "open"


def test_a_probe_nobody_asked_for_changes_nothing() -> None:
    breaker = Breaker()
    breaker.probed(1.0, found=False)
    assert breaker.state == "closed"


@pytest.mark.parametrize("options", [{"failures": 0}, {"recover_s": 0.0}])
def test_options_that_make_no_sense(options: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="makes no sense"):
        Breaker(**options)  # type: ignore[arg-type]


@given(st.lists(st.sampled_from(["ok", "fail", "cancel", "found", "lost", "trip"]), max_size=60), st.integers(1, 4))
def test_whatever_happens(steps: list[str], failures: int) -> None:
    breaker = Breaker(failures=failures, recover_s=1.0)
    now_s = 0.0
    for step in steps:
        now_s += 1.0
        before = breaker.state
        match step:
            case "found" | "lost":
                breaker.probed(now_s, found=step == "found")
            case "trip":
                breaker.trip(now_s)
            case _:
                permitted = breaker.permits()
                assert permitted == (before != "open")  # calls end before the next begins
                if permitted:
                    ends = {"ok": breaker.succeeded, "fail": partial(breaker.failed, now_s), "cancel": breaker.released}
                    ends[step]()
        assert (breaker.probe_at_s is not None) == (breaker.state == "open")
        assert breaker.probe_at_s is None or breaker.probe_at_s <= now_s + LONGEST_WAIT
        if breaker.state == "closed" and before != "closed":
            assert step == "ok"  # nothing but an answer closes it
    # and in the end a server that is well is in use again
    breaker.probed(now_s, found=True)
    assert breaker.permits()
    breaker.succeeded()
    assert breaker.state == "closed"
