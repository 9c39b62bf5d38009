"""Degrading by rule: what is given up when, and that it comes back."""

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from device.dialogue.degrade import STEPS, Degrade, DegradePolicy
from device.dialogue.events import Degraded

S = 16_000  # samples a second


def behind(degrade: Degrade, start_s: float, end_s: float, late_ms: float, every_ms: int = 100) -> list[Degraded]:
    """The microphone is `late_ms` behind from `start_s` to `end_s`."""
    out = []
    for sample in range(int(start_s * S), int(end_s * S), every_ms * 16):
        out += degrade.ear_late(sample, late_ms)
    return out


def test_all_is_well_at_first_and_under_an_ordinary_load() -> None:
    degrade = Degrade(DegradePolicy())
    for n in range(100):
        assert degrade.decoded(n * S, 3000, 250) == []
        assert degrade.judged(n * S, 40) == []
        assert degrade.waited(n * S, "stt", 5) == []
        assert degrade.heat(n * S, 61.0, throttled=False) == []
        assert degrade.ear_late(n * S, 20) == []
    assert (degrade.level, degrade.partial_interval_factor, degrade.speculate, degrade.context_scale) == (0, 1, True, 1)


def test_things_are_given_up_in_order_and_each_is_told() -> None:
    degrade = Degrade(DegradePolicy())
    seen = []
    for sample in range(0, 5 * S, 1600):
        for event in degrade.ear_late(sample, 250, turn=3):
            assert event.sample == sample
            assert event.turn == 3
            assert "250 ms behind" in event.reason
            assert event.without == STEPS[: event.level]
            seen.append((event.level, degrade.partial_interval_factor, degrade.speculate, degrade.context_scale))
    assert seen == [(1, 2.0, True, 1.0), (2, 4.0, True, 1.0), (3, 4.0, False, 1.0), (4, 4.0, False, 0.75)]


def test_a_backlog_is_met_within_a_second_a_worse_one_sooner() -> None:
    def steps_at(late_ms: float) -> list[int]:
        return [e.sample // 16 for e in behind(Degrade(DegradePolicy()), 0, 5, late_ms)]

    assert steps_at(250) == [100, 600, 1100, 1600]
    assert steps_at(2000) == [100, 300, 500, 700]


def test_one_slow_decode_changes_nothing_two_in_a_row_do() -> None:
    degrade = Degrade(DegradePolicy())
    assert degrade.decoded(1 * S, 3000, 9000) == []
    assert degrade.decoded(2 * S, 3000, 300) == []
    assert degrade.decoded(3 * S, 3000, 9000) == []
    (event,) = degrade.decoded(4 * S, 3000, 2400)
    assert event.level == 1
    assert "0.80" in event.reason


def test_a_short_word_is_not_measured_by_its_own_length() -> None:
    """The recogniser's window has a least length: 300 ms for "yes" (400 ms) are no sign of load."""
    degrade = Degrade(DegradePolicy())
    assert [e for n in range(10) for e in degrade.decoded(n * S, 400, 300)] == []


def test_heat_takes_its_steps_slowly_and_throttling_counts_without_a_thermometer() -> None:
    degrade = Degrade(DegradePolicy())
    hot = [e for t in range(0, 60, 5) for e in degrade.heat(t * S, 83.0, throttled=False)]
    assert [(e.sample // S, e.level) for e in hot] == [(5, 1), (15, 2), (25, 3), (35, 4)]
    assert "83 °C" in hot[0].reason
    degrade = Degrade(DegradePolicy())
    (event,) = [e for t in (0, 5) for e in degrade.heat(t * S, None, throttled=True)]
    assert "slows itself down" in event.reason


def test_a_little_below_the_limit_it_stays_and_well_below_it_recovers() -> None:
    degrade = Degrade(DegradePolicy())
    behind(degrade, 0, 0.5, 250)
    assert degrade.level == 1
    assert behind(degrade, 1, 60, 160) == [], "neither better nor worse: between the two it does not move"
    back = behind(degrade, 60, 75, 20)
    assert [(e.level, e.without) for e in back] == [(0, ())]
    assert 69 <= back[0].sample / S <= 71


def test_who_is_never_told_of_again_recovers_too() -> None:
    """The models rest while nobody speaks; what measured the temperature may have died."""
    degrade = Degrade(DegradePolicy())
    behind(degrade, 0, 3, 2000)
    assert degrade.level == 4
    events = [e for t in range(3, 60) for e in degrade.tick(t * S)]
    assert [e.level for e in events] == [3, 2, 1, 0]


def test_a_machine_that_is_too_slow_for_good_does_not_swing() -> None:
    """Every turn is slow, with 12 s of rest between: long enough to recover, and wrong each time."""
    degrade = Degrade(DegradePolicy())
    changes = []
    for turn in range(100):  # half an hour
        for k in range(4):
            changes += degrade.decoded(turn * 18 * S + k * S, 3000, 2000)
        for t in range(4, 18):
            changes += degrade.tick((turn * 18 + t) * S)
    late = [e for e in changes if e.sample > 600 * S]
    assert len(late) <= 20, "twenty minutes: a change a minute at the very most"
    assert degrade.level >= 3


def test_switched_off_it_gives_up_nothing() -> None:
    degrade = Degrade(DegradePolicy(enabled=False))
    assert behind(degrade, 0, 60, 5000) == []
    assert degrade.heat(61 * S, 99.0, throttled=True) == []
    assert degrade.level == 0


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -5.0])
def test_a_measurement_that_cannot_be_does_no_harm(value: float) -> None:
    degrade = Degrade(DegradePolicy())
    for n in range(10):
        degrade.ear_late(n * S, value)
        degrade.decoded(n * S, 0.0, value)
    for n in range(10, 100):
        degrade.tick(n * S)
    assert degrade.level == 0


FACTS = st.lists(
    st.tuples(
        st.integers(0, 3 * S),  # after so much time
        st.sampled_from(["decode", "ear", "wait", "judge", "heat", "tick"]),
        st.floats(0, 4),  # of the limit
    ),
    max_size=200,
)


def feed(degrade: Degrade, kind: str, sample: int, share: float) -> list[Degraded]:
    policy = DegradePolicy()
    match kind:
        case "decode":
            return degrade.decoded(sample, 4000, 4000 * policy.decode_share * share)
        case "ear":
            return degrade.ear_late(sample, policy.ear_late_ms * share)
        case "wait":
            return degrade.waited(sample, "llm", policy.wait_ms * share)
        case "judge":
            return degrade.judged(sample, policy.turn_model_ms * share)
        case "heat":
            return degrade.heat(sample, 40 + 40 * share, throttled=share > 3)
        case _:
            return degrade.tick(sample)


@settings(max_examples=200, deadline=None)
@given(FACTS)
def test_whatever_is_measured(facts: list[tuple[int, str, float]]) -> None:
    degrade = Degrade(DegradePolicy())
    now, events, level = 0, [], 0
    for after, kind, share in facts:
        now += after
        for event in feed(degrade, kind, now, share):
            assert abs(event.level - level) == 1, "a step at a time"
            assert event.without == STEPS[: event.level]
            assert event.reason
            level = event.level
            events.append(event)
        assert degrade.level == level, "every change is told"
    downs = [e.sample for e, f in itertools.pairwise(events) if f.level < e.level]
    assert len(downs) <= now / (10 * S), "down slowly: no input makes it flap"
    assert len(events) <= 2 * len(downs) + len(STEPS)
    # and when the load goes, so does the level, however hard the times were
    for t in range(0, 5 * 165):
        degrade.tick(now + t * S)
    assert degrade.level == 0


@settings(max_examples=100, deadline=None)
@given(
    st.sampled_from(["decode", "ear", "wait", "judge"]),
    st.floats(0, 4),
    st.floats(0, 4),
    st.integers(1, 200),
    st.integers(10, 2000),
)
def test_more_load_never_means_that_less_is_given_up(kind: str, a: float, b: float, count: int, every_ms: int) -> None:
    levels = []
    for share in sorted((a, b)):
        degrade = Degrade(DegradePolicy())
        for n in range(count):
            feed(degrade, kind, n * every_ms * 16, share)
        levels.append(degrade.level)
    assert levels[0] <= levels[1]
