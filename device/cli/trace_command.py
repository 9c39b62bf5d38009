"""`nearfield trace`: how long each step of a turn took (docs/trace.md)."""

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from device.cli.options import ConfigOption, JsonOption, SetOption, print_json, print_text, settings_from

if TYPE_CHECKING:  # these take a while to import, and --help does not need them
    from device.session.records import StoredTrace
    from device.session.store import SessionStore
    from device.telemetry.turn_trace import TurnTrace

_log = logging.getLogger(__name__)
_PICTURES = (".png", ".svg", ".pdf")


def trace(
    last: Annotated[
        int | None, typer.Option("--last", metavar="N", min=1, max=100_000, help="The newest N turns.")
    ] = None,
    turn: Annotated[int | None, typer.Option("--turn", metavar="ID", help="This turn of the session.")] = None,
    session: Annotated[
        int | None,
        typer.Option("--session", metavar="ID", max=2**63 - 1, help="The session; without it the newest."),
    ] = None,
    plot: Annotated[
        Path | None,
        typer.Option("--plot", metavar="FILE.png", help="Draw the waterfall and the time to first audio over turns."),
    ] = None,
    config: ConfigOption = None,
    overrides: SetOption = None,
    as_json: JsonOption = False,
) -> None:
    """How long each step of a turn took, and what was over its budget.

    A waterfall of the newest turn and the percentiles over all turns of its session; with --last N, of and over
    the newest N turns, whatever their session. 0 is the end of the user's speech. Examples:

      nearfield trace

      nearfield trace --last 30 --json

      nearfield trace --turn 3 --plot turn.png
    """
    from device.errors import UsageError  # noqa: PLC0415
    from device.session.store import SessionStore  # noqa: PLC0415

    if last is not None and turn is not None:
        raise UsageError("--last and --turn exclude each other", hint="ask for one of the two")
    if plot is not None and plot.suffix.lower() not in _PICTURES:
        raise UsageError(f"--plot cannot draw {plot.name}", hint=f"name a file that ends in {', '.join(_PICTURES)}")
    store = SessionStore.existing(settings_from(config, overrides).session.database)
    scope, shown = _chosen(store, last, turn, session)
    if plot is not None:
        from device.telemetry.picture import draw  # noqa: PLC0415

        draw(scope, shown[-1], plot)
    if as_json:
        print_json(_json(scope, shown))
        return
    _show(scope, shown)
    if plot is not None:
        print_text(f"Picture  {plot}")


def _chosen(
    store: "SessionStore", last: int | None, turn: int | None, session: int | None
) -> "tuple[list[TurnTrace], list[TurnTrace]]":
    """The turns that the percentiles are over, and those that are shown, which are among them."""
    from device.errors import NearfieldError, UsageError  # noqa: PLC0415

    if session is not None and store.session(session) is None:
        newest = store.latest()
        raise UsageError(
            f"there is no session {session} in {store.path}",
            hint=f"the newest is {newest.id}" if newest is not None else "nobody has talked to it yet",
        )
    if last is None and session is None:
        newest_trace = store.traces(last=1)
        session = newest_trace[0].session_id if newest_trace else None
    stored = store.traces(session, last)
    if not stored:
        where = "" if session is None else f" of session {session}"
        raise NearfieldError(f"no turn{where} has been traced in {store.path}", hint="a turn is, once it was answered")
    traces = _readable(store.path, stored, turn)
    if turn is None:
        return traces, traces if last is not None else traces[-1:]
    shown = [trace for trace in traces if trace.turn == turn]
    if not shown:
        raise UsageError(
            f"session {traces[0].session} has no trace of a turn {turn}",
            hint=f"its newest is {traces[-1].turn}",
        )
    return traces, shown


def _readable(path: Path, stored: "list[StoredTrace]", turn: int | None) -> "list[TurnTrace]":
    """Those that can be read; of others it is told, but that of `turn` and the last that is left raise SessionError."""
    from device.errors import SessionError  # noqa: PLC0415

    traces: list[TurnTrace] = []
    for left, each in zip(range(len(stored) - 1, -1, -1), stored, strict=True):
        try:
            traces.append(_trace(path, each))
        except SessionError as error:
            if each.number == turn or not (traces or left):
                raise
            _log.warning("%s; it is left out", error.message)
    return traces


def _trace(path: Path, stored: "StoredTrace") -> "TurnTrace":
    from device.errors import SessionError  # noqa: PLC0415
    from device.telemetry.turn_trace import TurnTrace  # noqa: PLC0415

    try:
        return TurnTrace.from_json(stored.session_id, stored.number, stored.marks)
    except ValueError as error:
        raise SessionError(
            f"the trace of turn {stored.number} of session {stored.session_id} in {path} cannot be read: {error}",
            hint="look at another with --turn",
        ) from error


def _json(scope: "list[TurnTrace]", shown: "list[TurnTrace]") -> dict[str, Any]:
    from device.telemetry.percentiles import stage_percentiles  # noqa: PLC0415

    return {
        "turns": [trace.to_json() for trace in shown],
        "percentiles": [row.to_json() for row in stage_percentiles(scope)],
        "percentiles_over": len(scope),
    }


def _show(scope: "list[TurnTrace]", shown: "list[TurnTrace]") -> None:
    from rich.console import Console  # noqa: PLC0415

    from device.cli.trace_view import percentile_text, waterfall_text  # noqa: PLC0415
    from device.telemetry.percentiles import stage_percentiles  # noqa: PLC0415
    from device.telemetry.waterfall import window_ms  # noqa: PLC0415

    console = Console(highlight=False)
    plain = console.options.ascii_only
    for each in shown:
        console.print(waterfall_text(each, window_ms(shown), console.width, ascii_only=plain), soft_wrap=True)
        console.print()
    count = f"{len(scope)} turn{'s' if len(scope) != 1 else ''}"
    sessions = {each.session for each in scope}
    where = f" of session {scope[0].session}" if len(sessions) == 1 else f" of {len(sessions)} sessions"
    console.print(percentile_text(stage_percentiles(scope), count + where), soft_wrap=True)
