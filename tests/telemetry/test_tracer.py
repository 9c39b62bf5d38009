"""The tracer: which turn a mark belongs to, when a turn is over, and that it never grows without end."""

from hypothesis import given, settings
from hypothesis import strategies as st
from turn_scripts import at, full_turn

from device.dialogue import events as ev
from device.telemetry.tracer import MAX_MARKS, MAX_OPEN_TURNS, TracedTurn, Tracer
from device.telemetry.turn_trace import TurnTrace


def feed(tracer: Tracer, events: list[ev.Event]) -> list[TracedTurn]:
    return [traced for event in events for traced in tracer.on_event(event)]


def test_a_turn_is_over_with_its_answer_and_only_then() -> None:
    tracer = Tracer()
    events = full_turn()
    assert feed(tracer, events[:-1]) == []
    (traced,) = feed(tracer, events[-1:])
    assert (traced.number, len(traced.marks), traced.lost) == (1, len(events), 0)
    assert feed(tracer, events[-1:]) == [], "it is told once"


def test_what_came_to_nothing_leaves_no_trace_in_the_turn_that_follows_under_its_number() -> None:
    cough = full_turn()[:8]
    (traced,) = feed(Tracer(), [*cough, *full_turn()])
    assert len(traced.marks) == len(full_turn())


def test_turns_that_overlap_are_kept_apart() -> None:
    first, second = full_turn(1), full_turn(2)
    first[-1] = ev.Interrupted(at(1500, 1), 1, at(1400, 1), "a b", "a")
    both = [*first[:-1], *second[:5], first[-1], *second[5:]]
    one, two = feed(Tracer(), both)
    assert (one.number, two.number) == (1, 2)
    assert (len(one.marks), len(two.marks)) == (len(first), len(second))


def test_a_greeting_is_no_turn() -> None:
    greeting: list[ev.Event] = [ev.Clause(0, 0, 0, "Hello."), ev.PlayoutStart(1, 0), ev.PlayoutEnd(2, 0, "Hello.", "")]
    assert feed(Tracer(), greeting) == []


def test_degradation_concerns_the_turns_in_hand_and_those_that_begin_under_it() -> None:
    tracer = Tracer()
    worse = ev.Degraded(0, 0, 1, ("partials",), "load")
    (first,) = feed(tracer, [worse, *full_turn(1)])
    (second,) = feed(tracer, [*full_turn(2)[:3], ev.Degraded(at(0, 2), 0, 0, (), "load"), *full_turn(2)[3:]])
    (third,) = feed(tracer, full_turn(3))
    assert [[m.data["level"] for m in each.marks if m.name == "degraded"] for each in (first, second, third)] == [
        [1], [1, 0], [],
    ]  # fmt: skip


def test_a_turn_of_endless_partials_keeps_its_commit() -> None:
    events = full_turn()
    noise = [ev.Partial(at(-1000, 1), 1, "a") for _ in range(5 * MAX_MARKS)]
    (traced,) = feed(Tracer(), [*events[:2], *noise, *events[2:]])
    assert len(traced.marks) <= MAX_MARKS
    assert traced.lost >= 4 * MAX_MARKS
    assert {"speech_end", "final", "commit", "playout_start", "playout_end"} <= {mark.name for mark in traced.marks}


def test_turns_that_never_end_give_way() -> None:
    tracer = Tracer()
    out = [traced for n in range(1, 101) for traced in feed(tracer, full_turn(n)[:-1])]
    assert [traced.number for traced in out] == list(range(1, 101 - MAX_OPEN_TURNS))
    uncommitted = [traced for n in range(101, 201) for traced in feed(tracer, full_turn(n)[:5])]
    assert [traced.number for traced in uncommitted] == [97, 98, 99, 100], "what was no turn has no trace"
    assert len(tracer._open) <= MAX_OPEN_TURNS


EVERY = [event for n in range(1, 9) for event in full_turn(n)]


@settings(deadline=None, max_examples=60)
@given(st.lists(st.sampled_from(EVERY), max_size=80))
def test_any_order_of_events_is_taken(events: list[ev.Event]) -> None:
    tracer = Tracer()
    for traced in feed(tracer, events):
        assert any(mark.name == "commit" for mark in traced.marks)
        for span in TurnTrace.of(1, traced.number, traced.marks).spans:
            assert span.length_ms >= 0
    assert len(tracer._open) <= MAX_OPEN_TURNS
