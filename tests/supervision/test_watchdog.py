"""Does everything still go on?"""

from hypothesis import given
from hypothesis import strategies as st

from device.watchdog import Watchdog, WatchPolicy


def test_what_grows_is_alive_however_long() -> None:
    watchdog = Watchdog()
    for second in range(1000):
        assert watchdog.look({"card": second, "conversation": second // 9}, second) == []


def test_what_does_not_grow_is_named_once_its_time_is_over() -> None:
    watchdog = Watchdog(WatchPolicy(stale_s=10))
    assert watchdog.look({"card": 5, "conversation": 1}, 100.0) == []
    assert watchdog.look({"card": 6, "conversation": 1}, 110.0) == []
    assert watchdog.look({"card": 7, "conversation": 1}, 110.1) == ["conversation"]
    assert watchdog.look({"card": 7, "conversation": 1}, 130.0) == ["card", "conversation"]
    assert watchdog.look({"card": 8, "conversation": 2}, 131.0) == []


def test_a_card_that_is_away_is_excused_and_has_its_whole_time_when_it_is_back() -> None:
    watchdog = Watchdog(WatchPolicy(stale_s=10))
    watchdog.look({"card": 5}, 0.0)
    for second in range(1, 3600):
        assert watchdog.look({"card": 5}, second, excused=["card"]) == []
    assert watchdog.look({"card": 5}, 3609.0) == []
    assert watchdog.look({"card": 5}, 3609.5) == ["card"]


def test_a_machine_that_slept_has_not_hung() -> None:
    """The monotonic clock stands still meanwhile: nothing special is to be done, and nothing is."""
    watchdog = Watchdog(WatchPolicy(stale_s=10))
    watchdog.look({"card": 5}, 0.0)
    assert watchdog.look({"card": 6}, 0.5) == []


steps = st.lists(st.tuples(st.floats(0.01, 8.0), st.integers(0, 2), st.booleans()), max_size=60)


@given(steps, st.floats(1.0, 20.0))
def test_named_exactly_when_it_has_stood_still_too_long(steps: list[tuple[float, int, bool]], stale_s: float) -> None:
    watchdog = Watchdog(WatchPolicy(stale_s))
    now_s = grew_s = 0.0
    count = 0
    watchdog.look({"it": count}, now_s)
    for later_s, growth, excused in steps:
        now_s += later_s
        count += growth
        if growth or excused:
            grew_s = now_s
        found = watchdog.look({"it": count}, now_s, excused=["it"] if excused else ())
        assert found == (["it"] if now_s - grew_s > stale_s else [])
