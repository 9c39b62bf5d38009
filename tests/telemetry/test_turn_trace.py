"""What a trace makes of a turn's events: spans, budgets, hypotheses; and that nothing at all makes it raise."""

import json
import math
from dataclasses import fields
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from turn_scripts import MS, WORDS, at, full_turn

from device.dialogue import events as ev
from device.telemetry.budgets import BY_KEY, STAGES
from device.telemetry.marks import TraceMark, mark_of, marks_from_json, marks_of, marks_to_json
from device.telemetry.percentiles import stage_percentiles
from device.telemetry.turn_trace import TurnTrace
from device.telemetry.waterfall import notes_of, rows_of, window_ms


def spans(trace: TurnTrace) -> dict[str, tuple[float, float]]:
    return {span.stage: (span.start_ms, span.end_ms) for span in trace.spans}


def test_a_turn_becomes_spans_from_the_end_of_speech() -> None:
    trace = TurnTrace.of_events(1, full_turn(), session=7)
    assert spans(trace) == {
        "capture": (-1900, 0),
        "vad": (0, 198),
        "end_point": (0, 196),
        "final": (30, 170),  # the partial covered all: its decode was the one that counted
        "llm_first_token": (172, 215),
        "first_clause": (172, 262),
        "tts_first_audio": (262, 310),
        "playout": (310, 330),
        "ttfa": (0, 330),
    }
    assert (trace.session, trace.turn, trace.zero, trace.zero_sample) == (7, 1, "speech_end", at(0, 1))
    assert (trace.reason, trace.interrupted, trace.ttfa_ms, trace.over) == ("complete", False, 330, ())


def test_the_discarded_hypothesis_is_wasted_work() -> None:
    trace = TurnTrace.of_events(1, full_turn())
    first, second = trace.guesses
    assert (first.committed, first.reason, first.reached) == (False, "more_speech", "first_clause")
    assert (first.start_ms, first.end_ms, trace.wasted_ms) == (-620, -520, 100)
    assert (second.committed, second.reached, second.end_ms) == (True, "first_audio", 200)


BUDGETED = [stage for stage in STAGES if stage.budget_ms and stage.key not in ("end_point", "understood")]


def test_a_skill_and_what_its_words_mean_have_spans_and_its_arguments_are_not_kept() -> None:
    events = [
        *full_turn()[:9],
        ev.Understood(at(204, 1), 1, "buy"),
        *full_turn()[9:13],
        ev.Called(at(200, 1), 1, 0, "buy", {"secret": "a thing"}),
        ev.Clause(at(201, 1), 1, 0, "Bought."),
        ev.TtsFirstAudio(at(202, 1), 1),
        ev.CallEnded(at(260, 1), 1, 0, "buy", "done", "I bought a thing.", ""),
        ev.PlayoutStart(at(280, 1), 1),
        ev.PlayoutEnd(at(900, 1), 1, "Bought.", "Bought."),
    ]
    trace = TurnTrace.of_events(1, events)
    assert spans(trace)["understood"] == (172, 204)
    assert spans(trace)["act"] == (200, 260)
    assert spans(trace)["playout"] == (260, 280), "it could not sound before it was true"
    assert trace.over == ("understood",)
    assert "thing" not in marks_to_json(trace.marks)
    assert "buy" in marks_to_json(trace.marks)


def test_what_is_carried_out_aside_is_not_waited_for() -> None:
    events = [*full_turn()[:13], ev.Called(at(200, 1), 1, 0, "buy", {})]
    events += [ev.CallEnded(at(250, 1), 1, 0, "buy", "done", "", "", aside=True), *full_turn()[13:]]
    assert "act" not in spans(TurnTrace.of_events(1, events))


@pytest.mark.parametrize("stage", BUDGETED)
def test_a_stage_over_its_budget_is_marked_and_no_other_for_it(stage: Any) -> None:
    late = {"final": 12, "first_clause": 14, "tts_first_audio": 15, "playout": 16, "ttfa": None}[stage.key]
    events = full_turn()
    if late is None:  # everything in its time, the turn as a whole is not
        events = [*events[:8], *(shifted(event, 300) for event in events[8:])]
        assert "ttfa" in TurnTrace.of_events(1, events).over
        return
    if stage.key == "final":
        events[7] = ev.Partial(at(170, 1), 1, WORDS, "", 0, 151.0, at(110, 1))
    else:
        excess_ms = stage.budget_ms + 1 - TurnTrace.of_events(1, events).span(stage.key).length_ms  # type: ignore[union-attr]
        events = [*events[:late], *(shifted(event, excess_ms) for event in events[late:])]
    assert TurnTrace.of_events(1, events).over == (stage.key,)


def shifted(event: ev.Event, ms: float) -> ev.Event:
    values = {each.name: getattr(event, each.name) for each in fields(event)}
    return type(event)(**{**values, "sample": event.sample + round(ms * MS)})


def test_exactly_the_budget_is_not_over() -> None:
    trace = TurnTrace.of_events(1, [*full_turn()[:7], *(shifted(e, 4) for e in full_turn()[7:])])
    assert trace.span("end_point").length_ms == BY_KEY["end_point"].budget_ms == 200  # type: ignore[union-attr]
    assert "end_point" not in trace.over


def test_a_button_that_was_held_is_nobodys_delay() -> None:
    """The user stopped talking and let go 900 ms later: time runs from there."""
    events: list[ev.Event] = [
        ev.SpeechStart(at(-1000, 1), 1, at(-1000, 1)),
        ev.SpeechEnd(at(900, 1), 1, at(0, 1)),
        ev.Partial(at(1050, 1), 1, WORDS),
        ev.Final(at(1050, 1), 1, WORDS, 0.9, 140.0),
        ev.Commit(at(1050, 1), 1, WORDS, "release"),
        ev.LlmFirstToken(at(1090, 1), 1),
        ev.Clause(at(1120, 1), 1, 0, "Paris."),
        ev.TtsFirstAudio(at(1160, 1), 1),
        ev.PlayoutStart(at(1180, 1), 1),
    ]
    trace = TurnTrace.of_events(1, events)
    assert trace.ttfa_ms == 280
    assert trace.over == ()
    assert spans(trace)["end_point"] == (0, 900)


def test_words_that_came_after_the_last_partial_are_the_final_ones_decode() -> None:
    events = full_turn()
    events[7] = ev.Partial(at(-100, 1), 1, "What is the", "", 0, 90.0, at(-200, 1))  # covers not all
    events[11] = ev.Final(at(200, 1), 1, WORDS, 0.9, 160.0)
    assert spans(TurnTrace.of_events(1, events))["final"] == (40, 200)


def test_two_blocks_of_jitter_make_no_negative_span_and_nonsense_makes_none() -> None:
    events = full_turn()
    events[16] = ev.PlayoutStart(at(295, 1), 1)  # 15 ms before its sound was reported
    assert spans(TurnTrace.of_events(1, events))["playout"] == (310, 310)
    events[16] = ev.PlayoutStart(at(100, 1), 1)
    assert "playout" not in spans(TurnTrace.of_events(1, events))


def test_without_an_end_of_speech_the_commit_is_zero_and_says_so() -> None:
    commit: list[ev.Event] = [ev.Commit(at(0, 1), 1, WORDS, "silence")]
    trace = TurnTrace.of_events(1, commit)
    assert (trace.zero, trace.zero_sample) == ("commit", at(0, 1))
    assert trace.ttfa_ms is None
    assert TurnTrace.of(0, 1, []).spans == ()


def test_what_happened_besides_is_noted() -> None:
    events = [
        *full_turn()[:-1],
        ev.Acknowledged(at(250, 1), 1, "One moment."),
        ev.Degraded(at(210, 1), 1, 2, ("partials", "speculation"), "load"),
        ev.Resumed(at(1500, 1), 1, at(900, 1), "The", "no_words"),
        ev.Failure(at(1600, 1), 1, "tts", "out of memory"),
        ev.Interrupted(at(2000, 1), 1, at(1900, 1), "one two three", "one"),
    ]
    trace = TurnTrace.of_events(1, events)
    notes = "; ".join(notes_of(trace))
    assert trace.interrupted
    for said in (
        "-640 wait (open, finished 0.20, up to 800 ms)", "+196 commit (complete, finished 0.93)",
        "+210 degraded to level 2, without partials, speculation (load)", "+250 acknowledged",
        "+1500 went on (no words)", "+1600 error in tts", "+2000 interrupted after 1 of 3 words",
        "thrown away: 1 x, 100 ms (more speech)", "stable words retracted: 3",
    ):  # fmt: skip
        assert said in notes


# --- privacy --------------------------------------------------------------------------------------------------------


def test_no_word_that_was_said_is_in_a_trace() -> None:
    secret = "xylophone"
    every: list[ev.Event] = []
    for kind in ev.Event.__subclasses__():
        values: dict[str, Any] = {"sample": 1, "turn": 1}
        for each in fields(kind):
            if each.name not in values:
                said = each.name in ("text", "stable", "generated", "heard", "message")
                values[each.name] = secret if said else "label" if "str" in str(each.type) else 1
        if kind is ev.Degraded:
            values["without"] = ("partials",)
        if kind is ev.EndPoint:
            values |= {"verdict": "wait", "wording": "open"}
        every.append(kind(**values))
    text = marks_to_json(marks_of(every))
    assert secret not in text
    assert '"words":1' in text


# --- storing --------------------------------------------------------------------------------------------------------


def test_marks_survive_their_json() -> None:
    marks = marks_of(full_turn())
    assert marks_from_json(marks_to_json(marks)) == marks
    assert TurnTrace.from_json(1, 1, marks_to_json(marks)) == TurnTrace.of(1, 1, marks)


@pytest.mark.parametrize(
    "text",
    ["", "nonsense", "[]", "{}", "null", '{"format":1}', '{"format":99,"marks":[]}', '{"format":1,"marks":[["a"]]}',
     '{"format":1,"marks":[["a","b"]]}', '{"format":1,"marks":[[1,2]]}', '{"format":1,"marks":[["a",1,2]]}',
     '{"format":1,"marks":7}', "[" * 100_000],
)  # fmt: skip
def test_what_is_no_trace_is_a_value_error(text: str) -> None:
    with pytest.raises(ValueError):  # json and we each say it in our own words
        marks_from_json(text)


def test_a_trace_as_json_is_plain_and_in_ms() -> None:
    shown = json.loads(json.dumps(TurnTrace.of_events(1, full_turn(), 3).to_json(), allow_nan=False))
    assert (shown["session"], shown["turn"], shown["zero"], shown["zero_ms"]) == (3, 1, "speech_end", 10_000)
    span = next(span for span in shown["spans"] if span["stage"] == "first_clause")
    assert span == {
        "stage": "first_clause", "start_ms": 172, "end_ms": 262, "length_ms": 90, "budget_ms": 100, "over": False,
    }  # fmt: skip
    assert shown["marks"][0] == {"name": "speech_start", "at_ms": -1700, "onset_ms": -1900}
    assert shown["marks"][1]["covered_ms"] == -1050


# --- percentiles ----------------------------------------------------------------------------------------------------


def test_percentiles_are_numpys_over_the_turns_that_have_the_stage() -> None:
    late_ms = [0.0, 10.0, 20.0, 300.0]
    traces = [TurnTrace.of_events(n, full_turn(n, late)) for n, late in enumerate(late_ms, 1)]
    traces.append(TurnTrace.of_events(9, full_turn(9)[:10]))  # no answer
    rows = {row.stage: row for row in stage_percentiles(traces)}
    lengths = np.array(late_ms) + 330
    ttfa = rows["ttfa"]
    assert (ttfa.count, ttfa.over, ttfa.max_ms, ttfa.budget_ms) == (4, 1, 630, 600)
    assert [ttfa.p50_ms, ttfa.p95_ms, ttfa.p99_ms] == pytest.approx(np.percentile(lengths, [50, 95, 99]), abs=0.01)
    assert rows["capture"].count == 4  # without an end of speech nobody knows how long it was
    assert stage_percentiles([]) == []


# --- anything goes --------------------------------------------------------------------------------------------------

NAMES = [mark.name for mark in marks_of(full_turn())] + ["interrupted", "resumed", "degraded", "error", "unheard_of"]
VALUES = st.one_of(st.none(), st.booleans(), st.integers(-(10**7), 10**7), st.floats(), st.text(max_size=3))
KEYS = "onset offset covered decode_ms reason verdict finished wait_ms retracted without level heard".split()
MARKS = st.lists(
    st.builds(
        TraceMark,
        st.sampled_from(NAMES),
        st.integers(0, 10**7),
        st.dictionaries(st.sampled_from(KEYS), VALUES),
    ),
    max_size=15,
)
ANYTHING = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])


def holds(trace: TurnTrace) -> None:
    assert len({span.stage for span in trace.spans}) == len(trace.spans)
    for span in trace.spans:
        assert span.length_ms >= 0
        assert math.isfinite(span.start_ms)
        assert math.isfinite(span.end_ms)
    for guess in trace.guesses:
        assert guess.end_ms is None or guess.end_ms >= guess.start_ms
    assert trace.wasted_ms >= 0
    assert sum(guess.committed for guess in trace.guesses) <= 1
    left, right = window_ms([trace])
    assert left < 0 < right
    for row in rows_of(trace):
        assert len(row.label) <= 14
    notes_of(trace)
    trace.to_json()
    stage_percentiles([trace])


@ANYTHING
@given(MARKS)
def test_marks_of_any_kind_in_any_order(marks: list[TraceMark]) -> None:
    holds(TurnTrace.of(1, 1, marks))


@ANYTHING
@given(st.permutations(full_turn()), st.integers(0, 18))
def test_the_events_of_a_turn_in_any_order_and_any_of_them_missing(events: list[ev.Event], count: int) -> None:
    holds(TurnTrace.of_events(1, events[:count]))


def test_a_mute_switch_leaves_no_mark() -> None:
    assert mark_of(ev.Mute(0, 0, True)) is None
    assert mark_of(ev.StateChange(0, 0, "idle")) is None
