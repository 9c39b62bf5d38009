"""What the lights show, at invented times."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from device.gpio.light_plan import BLINKS, ERROR_MS, PATTERNS, LightPlan, Name

STATES: list[Name] = ["idle", "attentive", "listening", "thinking", "speaking", "ringing"]


def led_of(state: Name) -> Name:
    """Who is invited to speak sees the LED of who speaks: it has none of its own."""
    return "listening" if state == "attentive" else state


def edges(plan: LightPlan, start_ms: int, length_ms: int) -> list[tuple[int, bool]]:
    """When a single LED changes, ms after `start_ms`."""
    out: list[tuple[int, bool]] = []
    for t in range(length_ms):
        lit = plan.blink(start_ms + t)
        if not out or out[-1][1] != lit:
            out.append((t, lit))
    return out


def test_it_begins_idle_and_follows_the_state() -> None:
    plan = LightPlan()
    assert plan.showing(0) == "idle"
    for t, state in enumerate(STATES):
        plan.state(state, float(t))
        assert plan.light(float(t)).name == state
        assert plan.lit(float(t)) == {led_of(state)}


@pytest.mark.parametrize("state", STATES)
def test_muted_comes_before_all_else(state: Name) -> None:
    plan = LightPlan()
    plan.state(state, 0.0)
    plan.muted(True, 10.0)
    plan.error(20.0)
    assert plan.showing(20.0) == "muted"
    assert plan.lit(20.0) == {led_of(state), "muted", "error"}
    plan.muted(False, 30.0)
    assert plan.showing(30.0) == "error"


def test_an_error_is_shown_for_a_while() -> None:
    plan = LightPlan()
    plan.state("speaking", 0.0)
    plan.error(1000.0)
    assert plan.showing(1000.0 + ERROR_MS - 1) == "error"
    assert plan.showing(1000.0 + ERROR_MS) == "speaking"
    assert plan.lit(1000.0 + ERROR_MS) == {"speaking"}


def test_blink_codes() -> None:
    plan = LightPlan()
    assert edges(plan, 0, 3000) == [(0, False)]
    plan.state("listening", 3000.0)
    assert edges(plan, 3000, 3000) == [(0, True)]
    plan.state("thinking", 6050.0)
    assert edges(plan, 6050, 500) == [(0, True), (100, False), (200, True), (300, False), (400, True)]
    plan.state("speaking", 7000.0)
    assert edges(plan, 7000, 2000) == [(0, True), (500, False), (1000, True), (1500, False)]
    plan.muted(True, 9000.0)
    assert edges(plan, 9000, 2200) == [(0, True), (100, False), (250, True), (350, False), (2000, True), (2100, False)]


def test_a_state_that_is_told_again_does_not_begin_its_pattern_again() -> None:
    plan = LightPlan()
    plan.state("speaking", 0.0)
    plan.state("speaking", 400.0)
    assert not plan.blink(600.0)


def test_thinking_breathes_and_is_never_dark() -> None:
    plan = LightPlan()
    plan.state("thinking", 0.0)
    levels = [plan.light(float(t)).level for t in range(0, 2400, 10)]
    assert min(levels) == pytest.approx(0.1)
    assert max(levels) == pytest.approx(1.0)
    assert plan.light(300.0).level == pytest.approx(0.55)
    assert max(abs(a - b) for a, b in pairwise(levels)) < 0.03, "it does not jump"


def test_every_thing_has_a_pattern_of_its_own() -> None:
    assert set(PATTERNS) == set(BLINKS) == {*STATES, "muted", "error"}
    looks = {(p.colour, p.shape, p.brightness) for p in PATTERNS.values()}
    assert len(looks) == len(PATTERNS)
    assert len(set(BLINKS.values())) == len(BLINKS)
    assert all(0 < sum(code) <= 2000 for code in BLINKS.values()), "nobody waits longer for a sign"
    assert sorted(p.colour for p in PATTERNS.values() if p.shape == "steady")


steps = st.lists(
    st.tuples(st.floats(0, 5000), st.sampled_from([*STATES, "muted", "unmuted", "error", "look"])), max_size=30
)


@given(steps)
def test_whatever_happens_the_mute_light_is_lit_exactly_while_muted(script: list[tuple[float, str]]) -> None:
    plan, t, muted = LightPlan(), 0.0, False
    for wait_ms, what in script:
        t += wait_ms
        if what in ("muted", "unmuted"):
            muted = what == "muted"
            plan.muted(muted, t)
        elif what == "error":
            plan.error(t)
        elif what != "look":
            plan.state(what, t)  # type: ignore[arg-type]
        light = plan.light(t)
        assert (light.name == "muted") == muted
        assert ("muted" in plan.lit(t)) == muted
        assert 0.0 <= light.level <= 1.0
        assert isinstance(plan.blink(t), bool)
