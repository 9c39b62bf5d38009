"""A trace that was published is the same trace again, and what is none is refused."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from turn_scripts import full_turn

from device.control.desk import ControlDesk
from device.dialogue import events as ev
from device.telemetry.published import published_trace
from device.telemetry.turn_trace import TurnTrace
from device.telemetry.waterfall import notes_of, rows_of


class Nothing:
    muted, volume_percent = False, 50

    def __getattr__(self, _name: str) -> Any:
        return lambda *_: None


def test_what_a_desk_publishes_is_the_trace_that_it_keeps() -> None:
    desk = ControlDesk(Nothing(), Nothing())
    for event in full_turn(1):
        desk.on_event(event)  # nobody looks on: nothing is worked out for them
    with desk.feed.subscribe() as feed:
        for event in full_turn(2, late_ms=700.0):
            desk.on_event(event)
        items = [item for item in feed.take() if item["type"] == "trace"]
    assert len(items) == 1
    kept, again = desk.traces()[-1], published_trace(json.loads(json.dumps(items[0])))
    assert again.spans == kept.spans
    assert again.guesses == kept.guesses
    assert [mark.name for mark in again.marks] == [mark.name for mark in kept.marks]
    assert all(abs(a.sample - b.sample) <= 1 for a, b in zip(again.marks, kept.marks, strict=True))
    assert notes_of(again) == notes_of(kept)
    assert [row.label for row in rows_of(again)] == [row.label for row in rows_of(kept)]
    assert "Paris" not in json.dumps(items[0])


def test_the_name_of_a_timer_is_not_the_name_of_a_mark() -> None:
    events = [*full_turn(1)[:-1], ev.RingStart(170_000, 1, "tea time", "Your tea."), full_turn(1)[-1]]
    told = TurnTrace.of_events(1, events).to_json()
    assert [mark["name"] for mark in told["marks"]][-2:] == ["ring_start", "playout_end"]


@pytest.mark.parametrize("key", ["zero", "zero_ms", "spans", "marks", "hypotheses", "turn"])
def test_a_trace_without_a_part_is_none(key: str) -> None:
    told = TurnTrace.of_events(1, full_turn()).to_json()
    del told[key]
    with pytest.raises(ValueError, match="not a trace"):
        published_trace(told)


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
@pytest.mark.parametrize(("part", "key"), [("spans", "start_ms"), ("spans", "budget_ms"), ("hypotheses", "end_ms")])
def test_a_time_that_is_no_number_is_refused(part: str, key: str, number: float) -> None:
    told = TurnTrace.of_events(1, full_turn()).to_json()
    told[part][0][key] = number
    with pytest.raises(ValueError, match="not a trace"):
        published_trace(told)


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["stage", "name", "at_ms"]), inner),
    max_leaves=6,
)


@given(st.sampled_from(sorted(TurnTrace.of_events(1, full_turn()).to_json())), _JSON)
def test_whatever_a_part_is_replaced_by_it_is_a_trace_or_refused(key: str, value: object) -> None:
    told = TurnTrace.of_events(1, full_turn()).to_json() | {key: value}
    try:
        trace = published_trace(told)
    except ValueError:
        return
    rows_of(trace)
