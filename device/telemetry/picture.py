"""Traces as a picture: the waterfall of a turn, and the time to first audio of many.

    draw(traces, traces[-1], Path("turns.png"))

matplotlib is an extra ("plots" in pyproject.toml): it is imported when something is drawn, and told of when it is not
there. Colours are those of Okabe and Ito (jfly.uni-koeln.de/color), which colour-blind people can tell apart; what is
over its budget is hatched as well.
"""

from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, requires
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from device.errors import NearfieldError
from device.telemetry.budgets import BY_KEY
from device.telemetry.turn_trace import TurnTrace
from device.telemetry.waterfall import Kind, Row, rows_of, window_ms

_BLUE, _SKY, _ORANGE, _VERMILION, _GREEN = "#0072B2", "#56B4E9", "#E69F00", "#D55E00", "#009E73"
_INK, _GREY, _PALE = "#222222", "#6B6B6B", "#D9D9D9"

_FILLS: dict[Kind, dict[str, Any]] = {
    "speech": {"facecolor": _PALE, "edgecolor": _GREY},
    "stage": {"facecolor": _BLUE, "edgecolor": _BLUE},
    "over": {"facecolor": "#F6D5C2", "edgecolor": _VERMILION, "hatch": "////"},
    "partial": {"facecolor": _SKY, "edgecolor": _BLUE},
    "discarded": {"facecolor": "white", "edgecolor": _ORANGE, "hatch": "...."},
    "total": {"facecolor": _INK, "edgecolor": _INK},
}
_WIDTH_IN = 8.0
_DPI = 160
_ROW_IN = 0.26
_BAR = 0.62  # of a row


def draw(traces: Sequence[TurnTrace], shown: TurnTrace, path: Path) -> None:
    """Writes `path`, .png, .svg or .pdf by its name: above the waterfall of `shown`, below the TTFA of `traces`.

    Raises NearfieldError without matplotlib, OSError when the file cannot be written.
    """
    figure_class = _figure_class()
    rows = rows_of(shown)
    upper, lower = _ROW_IN * len(rows) + 0.75, 2.1
    figure = figure_class(figsize=(_WIDTH_IN, upper + lower + 0.75), layout="constrained", facecolor="white")
    waterfall, over_turns = figure.subplots(2, 1, height_ratios=(upper, lower))
    figure.get_layout_engine().set(h_pad=0.09, w_pad=0.06)
    _draw_waterfall(waterfall, rows, shown)
    _draw_ttfa(over_turns, traces, shown)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=_DPI)


def _figure_class() -> Any:
    try:
        from matplotlib.figure import Figure  # noqa: PLC0415 - an extra, and slow to import
    except ImportError as error:
        raise NearfieldError(
            "a picture needs matplotlib, which is not installed",
            hint=f"install it with '.venv/bin/pip install {pinned_matplotlib()}' in the folder of nearfield",
        ) from error
    return Figure


def pinned_matplotlib() -> str:
    """matplotlib as pyproject.toml pins it."""
    try:
        wanted = requires("nearfield") or []
    except PackageNotFoundError:  # run from a source tree that was never installed
        wanted = []
    return next((line.partition(";")[0].strip() for line in wanted if line.startswith("matplotlib")), "matplotlib")


def _draw_waterfall(axes: Any, rows: Sequence[Row], trace: TurnTrace) -> None:
    left, right = window_ms([trace])
    reach = max((span.end_ms for span in trace.spans), default=right)
    right = min(right, max(reach * 1.05, 100.0))  # a picture is looked at alone: no room for other turns
    left = max(left, -0.3 * right)
    for place, row in enumerate(rows):
        for bar in row.bars:
            start, end = max(bar.start_ms, left), min(bar.end_ms, right)
            if end > left:
                # a bar too short to be seen is drawn as thin as can be
                axes.barh(place, max(end - start, (right - left) / 400), _BAR, start, linewidth=0.8, **_FILLS[bar.kind])
            if bar.start_ms < left:
                axes.plot(left, place, marker="<", color=_GREY, markersize=5, clip_on=False)
        for at_ms, letter in row.ticks:
            if left <= at_ms <= right:
                axes.plot([at_ms, at_ms], [place - 0.42, place + 0.42], color=_GREEN, linewidth=1.6)
                late = at_ms > left + 0.85 * (right - left)  # its name would run into the figures
                axes.annotate(
                    {"c": "commit", "w": "wait", "n": "nothing"}.get(letter, letter),
                    (at_ms, place),
                    xytext=(-3 if late else 3, 0),
                    ha="right" if late else "left",
                    textcoords="offset points",
                    fontsize=8,
                    color=_INK,
                    va="center",
                    bbox={"boxstyle": "square,pad=0.12", "facecolor": "white", "edgecolor": "none", "alpha": 0.85},
                )
        colour = _VERMILION if row.span is not None and row.span.over else _INK
        axes.text(1.01, place, _figures(row), transform=axes.get_yaxis_transform(), fontsize=9, va="center",
                  color=colour)  # fmt: skip
    axes.axvline(0, color=_INK, linewidth=1.2, zorder=0.9)
    axes.set_xlim(left, right)
    axes.set_ylim(len(rows) - 0.4, -0.6)
    axes.set_yticks(range(len(rows)), [row.label for row in rows], fontsize=9.5)
    axes.tick_params(axis="y", length=0, pad=9)  # room for the arrows of what began before
    axes.set_xlabel("ms after the end of the user's speech", fontsize=9.5)
    ttfa = "no answer was heard" if trace.ttfa_ms is None else f"time to first audio {trace.ttfa_ms:.0f} ms"
    axes.set_title(f"Turn {trace.turn} of session {trace.session}: {ttfa}", fontsize=11, loc="left", color=_INK)
    axes.set_title("took / budget", fontsize=9, loc="right", color=_GREY, x=1.16)
    _plain(axes, "x")


def _figures(row: Row) -> str:
    span = row.span
    if span is None:
        return ""
    budget = "" if span.budget_ms is None else f" / {span.budget_ms:.0f}"
    return f"{span.length_ms:.0f}{budget} ms{'  over' if span.over else ''}"


def _draw_ttfa(axes: Any, traces: Sequence[TurnTrace], shown: TurnTrace) -> None:
    answered = [(place, trace) for place, trace in enumerate(traces, 1) if trace.ttfa_ms is not None]
    places = np.array([place for place, _ in answered], dtype=float)
    ttfa_ms = np.array([trace.ttfa_ms for _, trace in answered], dtype=float)
    budget_ms = BY_KEY["ttfa"].budget_ms or 0.0
    count = f"{len(answered)} turn{'s' if len(answered) != 1 else ''}"
    axes.set_title(f"Time to first audio of {count}", fontsize=11, loc="left", color=_INK)
    over = ttfa_ms > budget_ms
    axes.plot(places[~over], ttfa_ms[~over], "o", color=_BLUE, markersize=5)
    axes.plot(places[over], ttfa_ms[over], "^", color=_VERMILION, markersize=7)
    here = [(place, trace.ttfa_ms) for place, trace in answered if trace is shown]
    if here:
        axes.plot(*here[0], "o", markersize=11, markerfacecolor="none", markeredgecolor=_INK)
    lines: list[tuple[float, str, str, Any]] = [(budget_ms, "budget", _VERMILION, (0, (4, 2)))]
    if ttfa_ms.size > 1:
        p50, p95 = np.percentile(ttfa_ms, (50, 95))
        lines += [(p50, "p50", _BLUE, "solid"), (p95, "p95", _GREY, (0, (1, 1)))]
    top = max([value for value, *_ in lines] + ttfa_ms.tolist()) * 1.12
    for value, _, colour, style in lines:
        axes.axhline(value, color=colour, linewidth=1.1, linestyle=style, zorder=1)
    for (value, name, colour, _), at in zip(lines, _apart([line[0] for line in lines], top), strict=True):
        axes.text(1.01, at, f"{name} {value:.0f} ms", transform=axes.get_yaxis_transform(), fontsize=9, va="center",
                  color=colour)  # fmt: skip
    axes.set_ylim(0, top)
    axes.set_xlim(0.5, len(traces) + 0.5)
    axes.set_xlabel("turn, oldest first (the ringed one is above)", fontsize=9.5)
    axes.set_ylabel("ms", fontsize=9.5)
    axes.xaxis.get_major_locator().set_params(integer=True, min_n_ticks=1)
    _plain(axes, "y")


def _apart(values: Sequence[float], top: float) -> list[float]:
    """Heights for labels of `values`, moved up as far as they must be not to lie upon each other."""
    least = top * 0.11
    order = sorted(range(len(values)), key=values.__getitem__)
    out = list(values)
    for below, above in pairwise(order):
        out[above] = max(out[above], out[below] + least)
    return out


def _plain(axes: Any, grid: str) -> None:
    """Only what tells something."""
    axes.grid(axis=grid, color=_PALE, linewidth=0.7)
    axes.set_axisbelow(True)
    axes.tick_params(labelsize=9, color=_GREY)
    for side in ("top", "right", "left") if grid == "x" else ("top", "right"):
        axes.spines[side].set_visible(False)
