"""A turn as rows of bars on one time line: what the terminal and the picture both draw.

for row in rows_of(trace): draw(row.label, row.bars)
left_ms, right_ms = window_ms(traces)
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal

from device.telemetry.budgets import BY_KEY, StageKey
from device.telemetry.marks import TraceMark
from device.telemetry.turn_trace import Span, TurnTrace

Kind = Literal["speech", "stage", "over", "partial", "discarded", "total"]

#: Ends of the time line, ms: few, so that the same bar is as long from one look to the next.
_RIGHT_ENDS_MS = (500, 1_000, 1_500, 2_000, 3_000, 5_000, 8_000, 12_000, 20_000, 40_000, 60_000, 120_000)
_LEFT_SHARE = 0.3  # of what is right of zero: partials and the beginnings of hypotheses lie there

_KINDS: dict[StageKey, Kind] = {"capture": "speech", "ttfa": "total"}
_VERDICTS = {"commit": "c", "wait": "w", "nothing": "n"}


@dataclass(frozen=True, slots=True)
class Bar:
    start_ms: float
    end_ms: float
    kind: Kind


@dataclass(frozen=True, slots=True)
class Row:
    """`span` is the stage that the figures of this row are about; None: it has none."""

    label: str  #: at most 14 characters
    bars: tuple[Bar, ...]
    span: Span | None = None
    ticks: tuple[tuple[float, str], ...] = field(default=())  #: (ms, one character): verdicts on the end-point


def rows_of(trace: TurnTrace) -> list[Row]:
    """From the first that happened to the last; what did not happen has no row."""
    out: list[Row] = []
    for span in trace.spans:
        kind: Kind = "over" if span.over else _KINDS.get(span.stage, "stage")
        ticks = _verdicts(trace) if span.stage == "end_point" else ()
        bar = Bar(span.start_ms, span.end_ms, kind)
        row = Row(BY_KEY[span.stage].label, (bar,), span, ticks)
        out.append(row)
        if span.stage == "capture":
            out += _partials(trace)
        if span.stage == "final":
            out += _discarded(trace)
    return out


def _partials(trace: TurnTrace) -> list[Row]:
    bars = []
    for mark in trace.marks:
        if mark.name == "partial" and (decode_ms := mark.number("decode_ms") or 0.0) > 0:
            end_ms = trace.at_ms(mark.sample)
            bars.append(Bar(end_ms - decode_ms, end_ms, "partial"))
    return [Row("partials", tuple(bars))] if bars else []


def _discarded(trace: TurnTrace) -> list[Row]:
    bars = [
        Bar(guess.start_ms, guess.end_ms, "discarded")
        for guess in trace.guesses
        if not guess.committed and guess.end_ms is not None
    ]
    return [Row("thrown away", tuple(bars))] if bars else []


def _verdicts(trace: TurnTrace) -> tuple[tuple[float, str], ...]:
    return tuple(
        (trace.at_ms(mark.sample), _VERDICTS.get(str(mark.data.get("verdict")), "?"))
        for mark in trace.marks
        if mark.name == "end_point"
    )


def window_ms(traces: Sequence[TurnTrace]) -> tuple[float, float]:
    """The time line that shows all these turns, ms: up to where the last of them begins to sound."""
    ends = [span.end_ms for trace in traces for span in trace.spans]
    last = max(ends, default=0.0)
    right = next((end for end in _RIGHT_ENDS_MS if last <= end), _RIGHT_ENDS_MS[-1])
    return -_LEFT_SHARE * right, float(right)


def notes_of(trace: TurnTrace) -> list[str]:
    """What a bar does not show, a phrase each: verdicts, wasted work, interruptions, trouble."""
    told = sorted((mark for mark in trace.marks if mark.name in _NOTES), key=lambda mark: mark.sample)
    out = [f"{trace.at_ms(mark.sample):+.0f} {_NOTES[mark.name](mark)}" for mark in told]
    discarded = [guess for guess in trace.guesses if not guess.committed and guess.end_ms is not None]
    if discarded:
        reasons = ", ".join(sorted({guess.reason.replace("_", " ") for guess in discarded if guess.reason}))
        out.append(f"thrown away: {len(discarded)} x, {trace.wasted_ms:.0f} ms ({reasons or 'no reason told'})")
    retracted = sum(round(mark.number("retracted") or 0) for mark in trace.marks)
    if retracted:
        out.append(f"stable words retracted: {retracted}")
    return out


def _verdict_note(mark: TraceMark) -> str:
    finished, wait_ms, ends = (mark.number(name) for name in ("finished", "wait_ms", "sentence_end"))
    judged = "" if finished is None else f", finished {finished:.2f}"
    judged += "" if ends is None else f", sentence ends {ends:.2f}"
    wait = f", up to {wait_ms:.0f} ms" if mark.data.get("verdict") == "wait" and wait_ms is not None else ""
    return f"{mark.data.get('verdict')} ({mark.data.get('wording') or 'no words'}{judged}{wait})"


def _degraded_note(mark: TraceMark) -> str:
    without = mark.data.get("without") or "nothing"
    return f"degraded to level {mark.data.get('level')}, without {without} ({_reason(mark)})"


def _reason(mark: TraceMark) -> str:
    return str(mark.data.get("reason")).replace("_", " ")


_NOTES: dict[str, Callable[[TraceMark], str]] = {
    "end_point": _verdict_note,
    "commit": lambda mark: f"commit ({_reason(mark)})",
    "called": lambda mark: f"skill {mark.data.get('skill')}",
    "call_ended": lambda mark: f"{mark.data.get('skill')}: {mark.data.get('status')}",
    "asked": lambda mark: f"asked before {mark.data.get('skill')}",
    "settled": lambda mark: f"settled: {mark.data.get('answer')}",
    "acknowledged": lambda _mark: "acknowledged",
    "interrupted": lambda mark: f"interrupted after {mark.data.get('heard')} of {mark.data.get('generated')} words",
    "resumed": lambda mark: f"went on ({_reason(mark)})",
    "degraded": _degraded_note,
    "error": lambda mark: f"error in {mark.data.get('stage')}",
    "card_lost": lambda _mark: "card lost",
    "card_back": lambda _mark: "card back",
}
