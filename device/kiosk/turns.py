"""The last turns as bars and figures, for the page to draw.

    body = turns_json(desk.traces())        # {"turns": [...], "stages": [...], "window_ms": [-450, 1500]}

No word of what was said is in it.
"""

from collections.abc import Sequence
from typing import Any

from device.telemetry.budgets import BY_KEY
from device.telemetry.percentiles import stage_percentiles
from device.telemetry.turn_trace import TurnTrace
from device.telemetry.waterfall import Row, notes_of, rows_of, window_ms

#: So many of the newest are drawn.
SHOWN = 8


def turns_json(traces: Sequence[TurnTrace], shown: int = SHOWN) -> dict[str, Any]:
    """A JSON object (docs/kiosk.md), the newest turn first. `traces`: newest last; all count for the percentiles."""
    newest = list(traces)[-shown:][::-1]
    return {
        "window_ms": list(window_ms(newest)),
        "turns": [_turn(trace) for trace in newest],
        "stages": [
            {"label": BY_KEY[each.stage].label, "what": BY_KEY[each.stage].what, **each.to_json()}
            for each in stage_percentiles(traces)
        ],
    }


def _turn(trace: TurnTrace) -> dict[str, Any]:
    return {
        "turn": trace.turn,
        "ttfa_ms": trace.ttfa_ms,
        "interrupted": trace.interrupted,
        "reason": trace.reason,
        "rows": [_row(row) for row in rows_of(trace)],
        "notes": notes_of(trace),
    }


def _row(row: Row) -> dict[str, Any]:
    span = row.span
    return {
        "label": row.label,
        "bars": [{"start_ms": bar.start_ms, "end_ms": bar.end_ms, "kind": bar.kind} for bar in row.bars],
        "length_ms": None if span is None else span.length_ms,
        "budget_ms": None if span is None else span.budget_ms,
        "over": span is not None and span.over,
    }
