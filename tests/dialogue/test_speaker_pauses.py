"""The waits follow the speaker's own pauses, within bounds."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from device.dialogue.speaker_pauses import SpeakerPausePolicy, SpeakerPauses

POLICY = SpeakerPausePolicy()
PAUSES = st.lists(st.one_of(st.floats(0.0, 5_000.0), st.none()), max_size=50)  # None: a turn ended


def speaker(pauses: list[float | None]) -> SpeakerPauses:
    out = SpeakerPauses(POLICY)
    for pause in pauses:
        if pause is None:
            out.ended()
        else:
            out.went_on(pause)
    return out


def test_without_evidence_it_is_the_shortest() -> None:
    assert speaker([]).least_wait_ms == POLICY.lowest_ms
    assert speaker([None] * 5).least_wait_ms == POLICY.lowest_ms


def test_a_slow_speaker_gets_more_time() -> None:
    assert speaker([600.0] * 8).least_wait_ms == pytest.approx(700.0)
    assert speaker([80.0] * 24).least_wait_ms == POLICY.lowest_ms


def test_one_long_thought_is_not_a_habit() -> None:
    assert speaker([300.0] * 9 + [3_000.0]).least_wait_ms == pytest.approx(400.0)
    assert speaker([3_000.0]).least_wait_ms < 800.0


def test_it_comes_back() -> None:
    pauses = speaker([1_500.0] * 10)
    assert pauses.least_wait_ms == POLICY.highest_ms
    waits = []
    for _ in range(80):
        pauses.ended()
        waits.append(pauses.least_wait_ms)
    assert waits == sorted(waits, reverse=True)
    assert waits[-1] == POLICY.lowest_ms


def test_somebody_else() -> None:
    pauses = speaker([1_500.0] * 10)
    pauses.forget()
    assert pauses.least_wait_ms == POLICY.lowest_ms


@given(PAUSES)
def test_in_bounds(pauses: list[float | None]) -> None:
    assert POLICY.lowest_ms <= speaker(pauses).least_wait_ms <= POLICY.highest_ms


@given(PAUSES, st.data())
def test_longer_pauses_never_shorten_the_wait(pauses: list[float | None], data: st.DataObject) -> None:
    longer = [None if p is None else p + data.draw(st.floats(0.0, 1_000.0)) for p in pauses]
    assert speaker(longer).least_wait_ms >= speaker(pauses).least_wait_ms - 1e-6


@given(PAUSES)
def test_all_is_forgotten(pauses: list[float | None]) -> None:
    assert speaker([*pauses, *[None] * 400]).least_wait_ms == pytest.approx(POLICY.lowest_ms)
