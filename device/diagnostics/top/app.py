"""`nearfield top` on the screen: the panels, the keys, and the connection that is kept up.

    status = show([state_dir() / "control.sock"])

One task follows the socket and comes back to it when it was away; a timer draws what is known four times a second, and
only what has changed. All that is shown is worked out in `overview` and `panels`.
"""

import asyncio
import contextlib
import signal
import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, ClassVar

from rich.text import Text
from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.widgets import Static

from device.diagnostics.health import HealthReader
from device.diagnostics.top import panels
from device.diagnostics.top.link import Link, NobodyThereError, connect
from device.diagnostics.top.overview import Overview
from device.diagnostics.top.process import ProcessReader, Usage

DRAW_S = 0.25
STATUS_S = 1.0
RETRY_S = 0.5
EARLIER_TURNS = 12  #: that are asked for at the start
FIXED_LINES = 6  #: header, levels, machine and trouble, keys
_TERMINATED = 128 + signal.SIGTERM  # as shells have it
TURN_LINES = 16  #: its title, the time line, 13 rows, a line of notes: with two lines of words this fills 24


class Top(App[None]):
    """Ends when asked to; whatever the assistant does."""

    CSS = "Screen { layout: vertical; overflow: hidden; } Static { height: auto; }"
    ENABLE_COMMAND_PALETTE = False
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("q,ctrl+c,escape", "quit", "quit", priority=True),
        Binding("m", "mute", "mute"),
        Binding("plus,equals_sign", "wish('louder')", "louder"),
        Binding("minus", "wish('softer')", "softer"),
        Binding("s", "wish('stop')", "stop it talking"),
    ]

    def __init__(self, paths: Sequence[Path], *, overview: Overview | None = None) -> None:
        """`paths`: where a socket may be. `overview`: what is known at first."""
        super().__init__()
        self.overview = overview or Overview()
        self.failure: Exception | None = None  #: what nobody foresaw, and ended it
        self._paths = paths
        self._link: Link | None = None
        self._process: ProcessReader | None = None
        self._usage = Usage()
        self._health = HealthReader()
        self._temperature_c: float | None = None
        self._drawn: dict[str, object] = {}

    def compose(self) -> ComposeResult:
        for name in ("header", "levels", "captions", "machine", "turn", "footer"):
            yield Static(id=name)

    def on_mount(self) -> None:
        with contextlib.suppress(ValueError, RuntimeError):  # not in the main thread
            # killed by it at once, it would leave a terminal that nobody can type in
            asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, self.exit, None, _TERMINATED)
        if self._paths:
            self.run_worker(self._follow(), name="socket")
            self.set_interval(STATUS_S, self._look)
        self.set_interval(DRAW_S, self.draw)
        self.draw()

    def on_resize(self) -> None:
        self.draw()

    # ------------------------------------------------------------ the connection

    @contextlib.contextmanager
    def _ending_on_failure(self) -> Iterator[None]:
        """What is raised ends it and is told by `show`: textual would print it over pages, with all that is known."""
        try:
            yield
        except Exception as error:  # noqa: BLE001 - likewise
            self.failure = self.failure or error
            self.exit(return_code=1)

    async def _follow(self) -> None:
        with self._ending_on_failure():
            await self._follow_for_ever()

    async def _follow_for_ever(self) -> None:
        while True:
            with contextlib.suppress(NobodyThereError, OSError):
                async with await connect(self._paths) as link:
                    self._process = ProcessReader(link.pid) if link.pid else None
                    await link.ask({"do": "watch", "turns": EARLIER_TURNS})
                    self._link = link
                    self.overview.on_connected()
                    async for item in link:
                        self.overview.on_item(item)
            self._link = None
            self._process, self._usage = None, Usage()
            self.overview.on_gone(datetime.now().astimezone().strftime("%H:%M:%S"))
            await asyncio.sleep(RETRY_S)

    async def _look(self) -> None:
        with self._ending_on_failure():
            if self._process is not None:
                self.show_usage(self._process.read(time.monotonic()))
                self._temperature_c = self._health.read().temperature_c
            if not self.overview.hangs:  # what nobody reads would fill the socket, and then hold us up
                self.overview.on_asked()
                await self._ask({"do": "status"})

    def show_usage(self, usage: Usage) -> None:
        """What the assistant's process takes."""
        self._usage = usage

    async def _ask(self, wish: Mapping[str, Any]) -> None:
        if self._link is not None:
            with contextlib.suppress(OSError):  # it has gone: `_follow` notices too
                await self._link.ask(wish)

    async def action_mute(self) -> None:
        """Mute, or open the microphone again."""
        await self._ask({"do": "unmute" if self.overview.muted else "mute"})

    async def action_wish(self, do: str) -> None:
        """Any wish without more to it."""
        await self._ask({"do": do})

    # ------------------------------------------------------------ the screen

    def draw(self) -> None:
        """What has changed since it was drawn last."""
        with self._ending_on_failure():
            self._draw()

    def _draw(self) -> None:
        width, height = max(self.size.width, panels.MIN_WIDTH), self.size.height
        turn, words = _shares(height)
        overview = self.overview
        self._put("header", [panels.header(overview, width)])
        self._put("levels", panels.levels(overview, width))
        self._put("captions", panels.captions(overview, width, words))
        self._put("machine", panels.machine(overview, self._usage, width, self._temperature_c))
        self._put("turn", panels.turn_lines(overview, width, turn))
        self._put("footer", [panels.footer(width)])

    def _put(self, name: str, lines: Sequence[Text]) -> None:
        if self.size.width < panels.MIN_WIDTH:  # wrapped, they would push others off the screen
            lines = [line.copy() for line in lines]
            for line in lines:
                line.truncate(self.size.width)
        joined = Text("\n", no_wrap=True).join(lines)
        joined.no_wrap = True
        if self._drawn.get(name) != (seen := (joined.plain, tuple(joined.spans))):
            self._drawn[name] = seen
            panel = self.query_one(f"#{name}", Static)
            panel.update(joined)
            panel.display = bool(lines)  # an empty one would still take a line


def _shares(height: int) -> tuple[int, int]:
    """Lines for the turn and for what is said: of what a larger terminal has, words get up to four more.

    A smaller one loses the last rows of the turn, and not the keys.
    """
    left = max(0, height - FIXED_LINES)
    words = min(6, max(2, left - TURN_LINES))
    return max(0, left - words), words


def show(paths: Sequence[Path], *, headless: bool = False) -> int:
    """Until it is quit; returns the exit status. Raises what went wrong in it, when the terminal is as it was.

    `headless`: without a terminal.
    """
    app = Top(paths)
    app.run(headless=headless)
    if app.failure is not None:
        raise app.failure
    return app.return_code or 0


def reachable(paths: Sequence[Path]) -> None:
    """Raises NobodyThereError."""

    async def look() -> None:
        async with await connect(paths):
            pass

    asyncio.run(look())
