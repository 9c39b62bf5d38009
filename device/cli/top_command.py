"""`nearfield top`: a running assistant, live in the terminal (docs/ssh.md)."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from device.cli.options import ConfigOption, SetOption, settings_from


def top(
    socket: Annotated[
        Path | None,
        typer.Option("--socket", metavar="PATH", help="Its control socket, if not the configured one."),
    ] = None,
    config: ConfigOption = None,
    overrides: SetOption = None,
) -> None:
    """A running assistant, live: levels, words, the last turn, percentiles, processor, memory, heat, xruns.

    Over ssh, in 80x24 or more. q quits, m mutes, + and - change the volume, s silences an answer. When it ends, that
    is said, and top goes on when it is back. Examples:

      nearfield top

      ssh -t kitchen nearfield top
    """
    from device.errors import UsageError  # noqa: PLC0415

    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise UsageError("top needs a terminal", hint="over ssh give '-t'; for scripts there is 'nearfield ctl status'")
    from device.control.paths import likely_paths  # noqa: PLC0415

    paths = [socket] if socket is not None else likely_paths(settings_from(config, overrides).control)
    from device.diagnostics.top.app import reachable, show  # noqa: PLC0415 - textual takes a while to import

    reachable(paths)
    if not sys.stderr.isatty():  # textual draws there
        raise UsageError("top draws on standard error, which is no terminal", hint="leave out '2>'")
    raise typer.Exit(show(paths))
