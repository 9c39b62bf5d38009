"""What `nearfield top` shows, as text: each function a panel, of exactly the width and height that it is given.

    for line in turn_lines(overview, width=80, height=17): print(line)

All is told without colour too. Sans-IO; drawn with rich.
"""

import functools
from collections.abc import Mapping
from typing import Any

from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from device.diagnostics.top.overview import QUIETEST_DB, Overview, number, rows, table, text
from device.diagnostics.top.process import Usage
from device.telemetry.bars import Scale, axis_cells, bar_cells
from device.telemetry.budgets import BY_KEY, STAGES, StageKey
from device.telemetry.turn_trace import TurnTrace
from device.telemetry.waterfall import Row, notes_of, rows_of, window_ms

MIN_WIDTH = 80

_LABEL = 15
_FIGURES = 36  # "   took    p50    p95    p99    max"
_STATES = {  # not by name: a terminal's own white on its own blue can hardly be read
    "idle": "#ffffff on #4a4a4a",
    "attentive": "#000000 on #56b4e9",
    "listening": "#000000 on #3ddc84",
    "thinking": "#000000 on #e69f00",
    "speaking": "#ffffff on #0060b0",
    "ringing": "#000000 on #d98cc0",
}
_LOUD_DB, _CLIPPING_DB = -12.0, -3.0
_LATE_MS = 40.0  # between two callbacks, of blocks of 10 ms
_SHOWN_DB = 60.0  # of the level bars
_MORE_ROWS = {"capture": "partials", "final": "thrown away"}  # rows without a stage, and behind which they stand


def header(overview: Overview, width: int) -> Text:
    """One line: state, who on which card, session, turns, up time."""
    status = overview.status
    told = "" if overview.hangs else overview.state
    state = told or ("no answer" if overview.connected else "not running")
    line = _styled(f" {state.upper():^11} ", style=f"bold {_STATES.get(told, '#ffffff on #b00020')}")
    if overview.muted:
        line.append(" MUTED ", style="bold #ffffff on #b00020")
    line.append(f" {text(status.get('persona')) or 'nearfield'}", style="bold")
    volume, up = number(status.get("volume_percent")), number(status.get("uptime_s"))
    right = [
        f"session {_whole(status.get('session'))}",
        _count(_whole(status.get("turns")), "turn"),
        *([f"vol {volume:.0f} %"] if volume is not None else []),
        *([f"up {_duration(up)}"] if up is not None else []),
    ]
    card = text(status.get("card"))
    room = width - cell_len(line.plain) - cell_len("  ".join(right)) - 2
    if card and room > 8:
        line.append_text(_cut(_styled(f" on {card}", style="dim"), room))
    return _ends(line, _styled("  ".join(right) + " ", style="dim"), width)


def levels(overview: Overview, width: int) -> list[Text]:
    """Two lines: the microphone, and what the loudspeaker was given."""
    return [
        _level("microphone", overview.mic_db, width, muted=overview.muted),
        _level("loudspeaker", overview.far_db, width),
    ]


def _level(label: str, level_db: float, width: int, *, muted: bool = False) -> Text:
    columns = width - _LABEL - 13
    cells = round(min(max(level_db / _SHOWN_DB + 1, 0.0), 1.0) * columns)
    colour = "red" if level_db > _CLIPPING_DB else "yellow" if level_db > _LOUD_DB else "green"
    line = Text(f" {label:<{_LABEL - 1}}")
    line.append("█" * cells, style=colour)
    line.append("·" * (columns - cells), style="grey35")
    told = "muted" if muted else "silence" if level_db <= QUIETEST_DB else f"{level_db:.1f} dBFS"
    line.append(f"{told:>12} ")
    return line


def captions(overview: Overview, width: int, height: int) -> list[Text]:
    """`height` lines, half of them (rounded up) for the user; of what is too long the end is shown.

    Words that may still change are set in brackets; what of the answer was heard is bold.
    """
    stable, unstable = overview.hearing
    heard = Text(stable)
    if unstable:
        heard.append(f"{' ' if stable else ''}[{unstable}]", style="italic dim")
    answer, spoken = overview.saying
    said = _styled(spoken, style="bold")
    said.append(answer.removeprefix(spoken) if answer.startswith(spoken) else f" … {answer}" if answer else "")
    upper = (height + 1) // 2
    return [*_wrapped("you", heard, width, upper), *_wrapped("it", said, width, height - upper)]


def _wrapped(label: str, words: Text, width: int, height: int) -> list[Text]:
    """The last `height` lines of it."""
    if height <= 0:
        return []
    columns = width - _LABEL - 1
    lines: list[Text] = [line for line in words.wrap(_console(), columns) if line.plain.strip()] or [Text()]
    if len(lines) > height:
        lines = lines[-height:]
        lines[0] = Text("…") + lines[0]
        lines[0].truncate(columns)
    lines += [Text()] * (height - len(lines))
    labels = [label, *[""] * (height - 1)]
    named = zip(labels, lines, strict=True)
    return [_fitted(_styled(f" {name:<{_LABEL - 1}}", style="dim") + line, width) for name, line in named]


def machine(overview: Overview, usage: Usage, width: int, temperature_c: float | None = None) -> list[Text]:
    """Two lines: processor, memory, heat, xruns; and what is wrong."""
    status = overview.status
    health = table(status.get("health"))
    warmth = number(health.get("temperature_c"))
    warmth = temperature_c if warmth is None else warmth
    stats = table(status.get("card_stats"))
    xruns = sum(_whole(stats.get(key)) for key in ("capture_overflows", "playback_underflows"))
    lost_ms = sum((number(stats.get(key)) or 0.0) / 16 for key in ("capture_lost_samples", "starved_samples"))
    worst_ms = number(stats.get("worst_interval_ms"))
    grown = usage.grown_percent or 0.0
    hot = "bold red" if health.get("throttled") is True else ""
    parts = [
        Text(f"CPU {_figure(usage.cpu_percent, '.0f')} %"),
        Text(f"{_figure(_mb(usage.memory_bytes), '.0f')} MB" + (f" ({grown:+.1f} %)" if abs(grown) >= 0.05 else "")),
        *([_styled(f"{warmth:.0f} °C", style=hot)] if warmth is not None else []),
        _styled(_count(xruns, "xrun"), style="bold red" if xruns else ""),
        _styled(f"{lost_ms:.0f} ms lost", style="bold red" if lost_ms else ""),
    ]
    if worst_ms is not None:
        parts.append(_styled(f"gap {worst_ms:.0f} ms", style="yellow" if worst_ms > _LATE_MS else ""))
    line = _styled(f" {'machine':<{_LABEL - 1}}", style="dim") + Text("  ").join(parts)
    return [_fitted(line, width), _fitted(_trouble(overview), width)]


def _trouble(overview: Overview) -> Text:
    status = overview.status
    line = _styled(f" {'trouble':<{_LABEL - 1}}", style="dim")
    told = [f"{text(what)}: {text(why)}" for what, why in table(status.get("trouble")).items()]
    told += [f"{text(way)} is closed: {text(why)}" for way, why in table(status.get("outside")).items()]
    failures = _whole(status.get("failures"))
    if failures:
        told.append(f"{failures} failed, last {text(table(status.get('last')).get('error')) or 'unknown'}")
    if overview.notice:
        told.insert(0, overview.notice)
    return line.append("; ".join(told), style="bold red") if told else line.append("none")


def turn_lines(overview: Overview, width: int, height: int) -> list[Text]:
    """The waterfall of the last turn beside the percentiles of all: `height` lines (16 show all stages)."""
    trace = overview.trace
    scale = Scale(*(window_ms([trace]) if trace else (-300.0, 1_000.0)), columns=width - _LABEL - _FIGURES - 1)
    drawn: Mapping[str, Row] = {row.label: row for row in rows_of(trace)} if trace else {}
    percentiles = {text(row.get("stage")): row for row in rows(overview.status.get("stages"))}
    lines = [_turn_title(overview, width), _columns(scale)]
    for stage in STAGES:
        lines.append(_stage(stage.label, drawn.get(stage.label), scale, percentiles.get(stage.key), stage.key))
        if stage.key == "ttfa":
            lines[-1].stylize("bold")
        if more := _MORE_ROWS.get(stage.key):
            lines.append(_stage(more, drawn.get(more), scale, None, None))
    notes = "; ".join(notes_of(trace)) if trace else ""
    lines += _paragraph(notes, width) if notes else []
    earlier = list(overview.traces)[-2::-1]
    if earlier and len(lines) + 2 < height:
        lines += [Text(), _styled(" earlier", style="dim"), *(_brief(each) for each in earlier)]
    lines = [_fitted(line, width) for line in lines[:height]]
    return [*lines, *[Text(" " * width)] * (height - len(lines))]


def _paragraph(notes: str, width: int) -> list[Text]:
    return [Text(" ") + line for line in _styled(notes, style="dim").wrap(_console(), width - 2)]


def _brief(trace: TurnTrace) -> Text:
    """A turn on one line."""
    ttfa = "no answer" if trace.ttfa_ms is None else f"{trace.ttfa_ms:.0f} ms"
    line = Text(f" {trace.turn:>6}  {trace.reason:<10}{ttfa:>10}")
    if trace.interrupted:
        line.append("  interrupted")
    if trace.over:
        over = ", ".join(BY_KEY[stage].label for stage in trace.over)
        line.append(f"  ! {over}", style="bold red")
    return line


def _turn_title(overview: Overview, width: int) -> Text:
    trace = overview.trace
    if trace is None:
        turns = _whole(overview.status.get("turns"))
        line = _styled(" No turn yet" if not turns else " The next turn will be shown here", style="bold")
    else:
        line = _styled(f" Turn {trace.turn}", style="bold")
        line.append(f"  {trace.reason}{', interrupted' if trace.interrupted else ''}")
        ttfa = "  no answer was heard" if trace.ttfa_ms is None else f"  TTFA {trace.ttfa_ms:.0f} ms"
        line.append(ttfa, style="bold")
        if trace.over:
            line.append(f"  ! {len(trace.over)} over budget", style="bold red")
    counts = [_whole(row.get("count")) for row in rows(overview.status.get("stages"))]
    return _ends(line, _styled(f"of the last {_count(max(counts, default=0), 'turn')}  ", style="dim"), width)


def _columns(scale: Scale) -> Text:
    figures = "".join(f"{name:>{size}}" for name, size in (("took", 8), ("p50", 7), ("p95", 7), ("p99", 7), ("max", 6)))
    return _styled(f" {'ms':>{_LABEL - 2}} {axis_cells(scale)}{figures}", style="dim")


def _stage(
    label: str, row: Row | None, scale: Scale, figures: Mapping[str, Any] | None, stage: StageKey | None
) -> Text:
    line = Text(f" {label:<{_LABEL - 1}}")
    line.append(bar_cells(row or Row(label, ()), scale))
    span = row.span if row is not None else None
    if span is None:
        line.append(" " * 8)
    else:
        line.append(f"{span.length_ms:>7.0f}")
        line.append("!" if span.over else " ", style="bold red")
    if figures is None or stage == "capture":  # how long people speak is not a matter of speed
        return line
    budget = number(figures.get("budget_ms"))
    for key in ("p50_ms", "p95_ms", "p99_ms"):
        value = number(figures.get(key))
        late = budget is not None and value is not None and value > budget
        line.append(f"{_figure(value, '.0f'):>7}", style="bold red" if late else "")
    line.append("" if budget is None else f"{budget:>6.0f}", style="dim")
    return line


def footer(width: int) -> Text:
    """One line: the keys."""
    line = Text()
    for key, what in (("q", "quit"), ("m", "mute"), ("+ -", "volume"), ("s", "hush")):
        line.append(f" {key} ", style="bold reverse")
        line.append(f" {what}   ")
    return _ends(line, _styled("max: the budget; !: over it ", style="dim"), width)


# ------------------------------------------------------------ small things


def _styled(words: str, style: str) -> Text:
    """With a style of these words alone: that of `Text(words, style)` is the style of whatever is appended too."""
    return Text().append(words, style=style)


def _whole(value: object) -> int:
    return int(number(value) or 0)


def _count(many: int, what: str) -> str:
    return f"{many} {what}{'' if many == 1 else 's'}"


def _figure(value: float | None, form: str) -> str:
    return "-" if value is None else format(value, form)


def _mb(value: int | None) -> float | None:
    return None if value is None else value / 1e6


def _duration(seconds: float) -> str:
    minutes, hours = int(seconds) // 60, int(seconds) // 3600
    if hours >= 48:
        return f"{hours // 24}d"
    return f"{hours}h{minutes % 60:02}m" if hours else f"{minutes}m"


def _ends(left: Text, right: Text, width: int) -> Text:
    """Both on one line of `width`; the left one gives way."""
    room = max(0, width - cell_len(right.plain))
    left = _fitted(left, room)
    return left + right


def _cut(line: Text, width: int) -> Text:
    """Of `width` cells at most; what is cut ends with an ellipsis."""
    out = line.copy()
    out.truncate(width, overflow="ellipsis")
    return out


def _fitted(line: Text, width: int) -> Text:
    """Of exactly `width` cells."""
    out = _cut(line, width)
    out.append(" " * max(0, width - cell_len(out.plain)))
    return out


@functools.cache
def _console() -> Console:
    """To wrap with; nothing is printed on it."""
    return Console(color_system=None)
