"""Turns in the terminal: a waterfall each, and a table of percentiles.

    console.print(waterfall_text(trace, window, width=80))
    console.print(percentile_text(stage_percentiles(traces), "23 turns"))

All is told without colour too: what is over its budget has a bar of another shading and an exclamation mark.
"""

from collections.abc import Sequence

from rich.text import Text

from device.telemetry.bars import Scale, axis_cells, bar_cells
from device.telemetry.budgets import BY_KEY
from device.telemetry.percentiles import StagePercentiles
from device.telemetry.turn_trace import TurnTrace
from device.telemetry.waterfall import Row, notes_of, rows_of

_LABEL = 14
_FIGURES = 22  # " start    took budget!"
MIN_WIDTH, MAX_WIDTH = 60, 120


def waterfall_text(trace: TurnTrace, window_ms: tuple[float, float], width: int, *, ascii_only: bool = False) -> Text:
    """`width` columns (60 to 120) of as many lines as the turn has stages, and its notes."""
    width = min(max(width, MIN_WIDTH), MAX_WIDTH)
    scale = Scale(*window_ms, columns=width - _LABEL - _FIGURES - 2)
    lines = [_title(trace), _axis(scale)]
    lines += [_row(row, scale, ascii_only=ascii_only) for row in rows_of(trace)]
    notes = notes_of(trace)
    if notes:
        lines.append(_notes(notes, width))
    for line in lines:
        line.rstrip()
    return Text("\n").join(lines)


def _title(trace: TurnTrace) -> Text:
    text = Text(f"Turn {trace.turn} of session {trace.session}", style="bold")
    text.append(f"  commit: {trace.reason or 'none'}", style="not bold")
    ttfa = "no answer was heard" if trace.ttfa_ms is None else f"TTFA {trace.ttfa_ms:.0f} ms"
    text.append(f"  {ttfa}", style="bold")
    if trace.interrupted:
        text.append("  interrupted", style="not bold")
    if trace.over:
        over = f"  ! {len(trace.over)} over budget"
        text.append(over, style="bold red")
    return text


def _axis(scale: Scale) -> Text:
    """Zero is the end of speech."""
    return Text(f"{'ms':>{_LABEL}} {axis_cells(scale)} {'from':>7}{'took':>7}{'max':>6}", style="dim")


def _row(row: Row, scale: Scale, *, ascii_only: bool) -> Text:
    return Text(f"{row.label:<{_LABEL}} ") + bar_cells(row, scale, ascii_only=ascii_only) + _figures(row)


def _figures(row: Row) -> Text:
    span = row.span
    if span is None:
        return Text("")
    took = Text(f" {span.start_ms:>+7.0f}{span.length_ms:>7.0f}")
    if span.budget_ms is not None:
        took.append(f"{span.budget_ms:>6.0f}", style="dim")
    if span.over:
        took.append("!", style="bold red")
    return took


def _notes(notes: list[str], width: int) -> Text:
    """Phrases, wrapped between them and never inside one that fits."""
    lines, line = [], ""
    for note in notes:
        joined = f"{line}; {note}" if line else note
        if len(joined) > width and line:
            lines.append(line + ";")
            joined = note
        line = joined
    return Text("\n".join([*lines, line]), style="dim")


def percentile_text(rows: Sequence[StagePercentiles], title: str) -> Text:
    """A line a stage, ms. `title`: over what, e.g. "23 turns"."""
    lines = [
        Text(f"{title:<22}{'n':>5}{'p50':>8}{'p95':>8}{'p99':>8}{'longest':>9}{'budget':>8}{'over':>6}", style="dim")
    ]
    for row in rows:
        if row.stage == "capture":  # how long people speak is not a matter of speed
            continue
        figures = f"{row.p50_ms:>8.0f}{row.p95_ms:>8.0f}{row.p99_ms:>8.0f}{row.max_ms:>9.0f}"
        line = Text(f"{BY_KEY[row.stage].label:<22}{row.count:>5}{figures}")
        if row.stage == "ttfa":
            line.stylize("bold")
        if row.budget_ms is not None:
            line.append(f"{row.budget_ms:>8.0f}", style="dim")
            line.append(f"{row.over:>5}{'!' if row.over else ' '}", style="bold red" if row.over else "dim")
        line.rstrip()
        lines.append(line)
    return Text("\n").join(lines)
