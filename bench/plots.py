"""Pictures of what was measured. matplotlib is asked for only when there is something to draw.

need_matplotlib()                                    # before the long measurement, not after it
plot_ttfa(Path("ttfa.png"), {"nearfield": [310.0, 350.0], "sequential": [1400.0, 1500.0]})
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from device.errors import NearfieldError, UsageError

Points = Sequence[tuple[float, float]]


def need_matplotlib(path: Path | None = None) -> Any:
    """`matplotlib.pyplot`, drawing to files only. Raises NearfieldError, and UsageError for a path without folder."""
    if path is not None and not path.parent.is_dir():
        raise UsageError(f"there is no folder {path.parent} to put {path.name} in")
    try:
        import matplotlib  # noqa: PLC0415 - an extra, and slow to import

        matplotlib.use("Agg")
        from matplotlib import pyplot  # noqa: PLC0415
    except ImportError as error:
        raise NearfieldError("a plot needs matplotlib", hint="pip install matplotlib, or leave the plot out") from error
    return pyplot


def plot_ttfa(path: Path, arms: Mapping[str, Sequence[float]]) -> None:
    """How many of the turns had been answered after how long, a line an arm, with its median. Times in ms."""
    pyplot = need_matplotlib(path)
    figure, axes = pyplot.subplots(figsize=(8, 4.5), layout="constrained")
    for name, values_ms in arms.items():
        if not values_ms:
            continue
        ordered = np.sort(np.asarray(values_ms, dtype=float))
        shares = np.arange(1, len(ordered) + 1) / len(ordered) * 100
        p50 = float(np.percentile(ordered, 50))
        (line,) = axes.step(ordered, shares, where="post", marker="o", markersize=3, label=f"{name}: p50 {p50:.0f} ms")
        axes.axvline(p50, color=line.get_color(), linestyle=":", linewidth=1)
    axes.set(
        xlabel="time to first audio after the end of speech, ms",
        ylabel="turns answered, %",
        ylim=(0, 102),
        xlim=(0, None),
    )
    axes.grid(alpha=0.3)
    axes.legend(loc="lower right")
    _save(pyplot, figure, path)


def plot_trade_off(path: Path, curves: Mapping[str, Points], goal: tuple[float, float]) -> None:
    """Wrong answers to unfinished utterances (x, %) against quick ones to finished (y, %), a curve a name.

    `goal`: at most so much x, at least so much y. A curve of one point is drawn as a star.
    """
    pyplot = need_matplotlib(path)
    figure, axes = pyplot.subplots(figsize=(7, 5), layout="constrained")
    axes.axvspan(0, goal[0], ymin=goal[1] / 102, color="tab:green", alpha=0.12, label="goal")
    for name, points in curves.items():
        xs, ys = zip(*sorted(points), strict=True) if points else ((), ())
        axes.plot(xs, ys, "*" if len(points) == 1 else ".-", markersize=14 if len(points) == 1 else 5, label=name)
    axes.set(
        xlabel="unfinished: answered within 0.8 s of the end of speech, %",
        ylabel="finished: committed within 500 ms of the end of speech, %",
        xlim=(-2, 102),
        ylim=(0, 102),
    )
    axes.grid(alpha=0.3)
    axes.legend(loc="lower right")
    _save(pyplot, figure, path)


def _save(pyplot: Any, figure: Any, path: Path) -> None:
    try:
        figure.savefig(path, dpi=130)
    except ValueError as error:  # a suffix that is no format
        raise UsageError(f"cannot draw {path}: {error}", hint="name a .png file") from error
    finally:
        pyplot.close(figure)
