"""A press is believed when the contact has stood still; times are invented here, nothing sleeps."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from device.gpio.debounce import Change, Debouncer


def test_press_is_believed_after_standing_and_dated_back() -> None:
    contact = Debouncer(30)
    assert contact.feed(True, 1000) is None
    assert contact.due_ms == 1030
    assert contact.feed(True, 1029) is None
    assert contact.feed(True, 1030) == Change(True, 1000)
    assert contact.pressed
    assert contact.due_ms is None


def test_bounce_moves_the_date_to_where_the_contact_comes_to_stand() -> None:
    contact = Debouncer(30)
    for t_ms, level in ((0, True), (3, False), (5, True), (9, False), (12, True)):
        assert contact.feed(level, t_ms) is None
    assert contact.feed(True, 42) == Change(True, 12)


def test_glitch_is_no_press_and_leaves_nothing_due() -> None:
    contact = Debouncer(30)
    contact.feed(True, 0)
    assert contact.feed(False, 29) is None
    assert contact.due_ms is None
    assert not contact.pressed


def test_glitch_of_the_hand_is_no_release() -> None:
    contact = Debouncer(30, pressed=True)
    contact.feed(False, 100)
    contact.feed(True, 110)
    assert contact.feed(True, 1000) is None
    assert contact.pressed


def test_no_debounce_believes_at_once() -> None:
    assert Debouncer(0).feed(True, 7) == Change(True, 7)


def test_negative_debounce_is_refused() -> None:
    with pytest.raises(ValueError, match="-1"):
        Debouncer(-1)


@given(st.lists(st.tuples(st.booleans(), st.floats(0, 100)), max_size=60), st.booleans())
def test_changes_alternate_and_each_stood_long_enough(steps: list[tuple[bool, float]], first: bool) -> None:
    contact = Debouncer(30, pressed=first)
    now = 0.0
    levels = [(now, first)]
    believed = first
    for level, gap in steps:
        now += gap
        levels.append((now, level))
        change = contact.feed(level, now)
        if change is None:
            continue
        assert change.pressed != believed
        believed = change.pressed
        assert now - change.t_ms >= 30
        assert all(seen == believed for t, seen in levels if t > change.t_ms)
    assert contact.pressed == believed
