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


def test_without_evidence_nothing_changes() -> None:
    assert speaker([]).factor == 1.0
    assert speaker([None] * 5).factor == 1.0


def test_a_slow_speaker_gets_more_time_and_a_fast_one_less() -> None:
    assert speaker([900.0] * 8).factor > 1.5
    assert speaker([150.0] * 24).factor < 0.9


def test_one_long_thought_is_not_a_habit() -> None:
    assert speaker([300.0] * 9 + [3_000.0]).factor < 1.2


def test_it_comes_back() -> None:
    pauses = speaker([1_500.0] * 10)
    assert pauses.factor == POLICY.highest_factor
    for _ in range(80):
        pauses.ended()
    assert pauses.factor == pytest.approx(1.0, abs=0.05)


def test_somebody_else() -> None:
    pauses = speaker([1_500.0] * 10)
    pauses.forget()
    assert pauses.factor == 1.0


@given(PAUSES)
def test_in_bounds(pauses: list[float | None]) -> None:
    assert POLICY.lowest_factor <= speaker(pauses).factor <= POLICY.highest_factor


@given(PAUSES, st.data())
def test_longer_pauses_never_shorten_the_wait(pauses: list[float | None], data: st.DataObject) -> None:
    longer = [None if p is None else p + data.draw(st.floats(0.0, 1_000.0)) for p in pauses]
    assert speaker(longer).factor >= speaker(pauses).factor - 1e-9


@given(PAUSES)
def test_forgetting_goes_towards_the_configured_wait(pauses: list[float | None]) -> None:
    old = speaker([*pauses, *[None] * 400])
    assert old.factor == pytest.approx(1.0, abs=1e-3)
