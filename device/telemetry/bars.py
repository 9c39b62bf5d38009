"""The bars of a waterfall in characters: what `nearfield trace` and `nearfield top` both draw.

    scale = Scale(*window_ms([trace]), columns=40)
    for row in rows_of(trace): print(bar_cells(row, scale))

All is told without colour too: what is over its budget has another shading.
"""

from rich.text import Text

from device.telemetry.waterfall import Kind, Row

_STYLES: dict[Kind, str] = {
    "speech": "cyan",
    "stage": "blue",
    "over": "bold red",
    "partial": "cyan",
    "discarded": "yellow",
    "total": "bold",
}
_FILLS: dict[Kind, tuple[str, str]] = {  # UTF-8, ASCII
    "speech": ("▒", "-"),
    "stage": ("█", "#"),
    "over": ("▓", "X"),
    "partial": ("▒", "-"),
    "discarded": ("░", "."),
    "total": ("━", "="),
}


class Scale:
    """Milliseconds to columns."""

    def __init__(self, left_ms: float, right_ms: float, columns: int) -> None:
        self.left_ms, self.right_ms, self.columns = left_ms, right_ms, columns

    def column(self, ms: float) -> int:
        share = (ms - self.left_ms) / (self.right_ms - self.left_ms)
        return min(max(round(share * self.columns), 0), self.columns)

    @property
    def zero(self) -> int:
        return self.column(0)


def axis_cells(scale: Scale) -> str:
    """The figures of the time line, `scale.columns` characters: zero, its ends, the middle of what follows zero.

    One for which there is no room is left out: two that run into each other are read as a third.
    """
    cells = [" "] * scale.columns
    right = f"{scale.right_ms:g}"
    figures = (
        (scale.zero, "0"),
        (scale.columns - len(right), right),
        (0, f"{scale.left_ms:g}"),
        (scale.column(scale.right_ms / 2), f"{scale.right_ms / 2:g}"),
    )
    for at, text in figures:
        if not "".join(cells[max(0, at - 1) : at + len(text) + 1]).strip():
            cells[at : at + len(text)] = text
    return "".join(cells)


def bar_cells(row: Row, scale: Scale, *, ascii_only: bool = False) -> Text:
    """`scale.columns` characters."""
    cells = [" "] * scale.columns
    styles = [""] * scale.columns
    if scale.zero < scale.columns:
        cells[scale.zero] = "|" if ascii_only else "│"
        styles[scale.zero] = "dim"
    for bar in row.bars:
        if bar.start_ms > scale.right_ms:
            continue
        start = min(scale.column(bar.start_ms), scale.columns - 1)
        end = max(scale.column(bar.end_ms), start + 1)
        fill = _FILLS[bar.kind][ascii_only]
        cells[start:end] = [fill] * (end - start)
        styles[start:end] = [_STYLES[bar.kind]] * (end - start)
        if bar.start_ms < scale.left_ms:  # it began before what is shown, and may have ended there
            cells[0] = "<" if ascii_only else "◂"
    for at_ms, letter in row.ticks:
        if scale.left_ms <= at_ms <= scale.right_ms:
            at = min(scale.column(at_ms), scale.columns - 1)
            cells[at], styles[at] = letter, "reverse"
    text = Text()
    for cell, style in zip(cells, styles, strict=True):
        text.append(cell, style=style)
    return text
