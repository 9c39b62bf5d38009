"""`nearfield sessions`: what was said and done, and forgetting it (docs/sessions.md).

nearfield sessions list
nearfield sessions forget --before 2026-06-01
"""

import sys
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from device.cli.options import ConfigOption, JsonOption, SetOption, print_json, print_text, settings_from

if TYPE_CHECKING:  # these take a while to import, and --help does not need them
    from pathlib import Path

    from device.session.records import StoredSession
    from device.session.store import SessionStore

FORMAT = 1  #: of what `export --json` prints

sessions_app = typer.Typer(no_args_is_help=True, help="Look at the record of the conversations, or forget it.")

SessionArgument = Annotated[
    int | None, typer.Argument(metavar="ID", help="Number of a session; without it the newest.", show_default=False)
]


@sessions_app.command("list")
def list_sessions(
    last: Annotated[int, typer.Option("--last", metavar="N", min=1, max=1_000_000, help="The newest N.")] = 20,
    config: ConfigOption = None,
    overrides: SetOption = None,
    as_json: JsonOption = False,
) -> None:
    """The sessions: when, with whom, how many turns, and how it ended.

    Example: nearfield sessions list --last 5
    """
    store = _store(config, overrides)
    sessions, counts = store.sessions(), store.turn_counts()
    shown = sessions[-last:]
    if as_json:
        rows = [_session_json(session, counts.get(session.id, 0)) for session in shown]
        print_json({"database": str(store.path), "total": len(sessions), "sessions": rows})
        return
    from device.cli.sessions_view import list_text  # noqa: PLC0415

    print_text(list_text(shown, counts, len(sessions), store.path), end="")


@sessions_app.command()
def show(
    session: SessionArgument = None,
    config: ConfigOption = None,
    overrides: SetOption = None,
    as_json: JsonOption = False,
) -> None:
    """What was said and done in a session: of the answers, what was heard.

    Example: nearfield sessions show 12
    """
    from device.cli.sessions_view import session_text  # noqa: PLC0415

    store = _store(config, overrides)
    chosen = _chosen(store, session)
    if as_json:
        print_json(_exported(store, chosen, with_log=False))
        return
    from rich.console import Console  # noqa: PLC0415

    print_text(session_text(chosen, store.turns(chosen.id), store.calls(chosen.id), Console().width), end="")


@sessions_app.command()
def export(
    session: SessionArgument = None,
    as_text: Annotated[bool, typer.Option("--text", help="What was said, for people to read.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="All that is known, as JSON (the default).")] = False,
    config: ConfigOption = None,
    overrides: SetOption = None,
) -> None:
    """Write a whole session to standard output: its turns, its calls and its log.

    Example: nearfield sessions export 12 > session-12.json
    """
    from device.errors import UsageError  # noqa: PLC0415

    if as_text and as_json:
        raise UsageError("--text and --json exclude each other", hint="ask for one of the two")
    store = _store(config, overrides)
    chosen = _chosen(store, session)
    if as_text:
        from device.cli.sessions_view import session_text  # noqa: PLC0415

        print_text(session_text(chosen, store.turns(chosen.id), store.calls(chosen.id), width=None), end="")
    else:
        print_json(_exported(store, chosen, with_log=True))


@sessions_app.command()
def forget(
    sessions: Annotated[
        list[int] | None, typer.Argument(metavar="ID", help="Numbers of sessions.", show_default=False)
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="All of them, and damaged files that were kept.")] = False,
    before: Annotated[
        str | None, typer.Option("--before", metavar="DATE", help="Those begun before, e.g. 2026-06-01.")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    config: ConfigOption = None,
    overrides: SetOption = None,
    as_json: JsonOption = False,
) -> None:
    """Forget sessions: their words are overwritten in the file, and their audio is deleted. Cannot be undone.

    Timers, lists and what else skills keep stay. Examples:

      nearfield sessions forget 12

      nearfield sessions forget --before 2026-06-01 --yes
    """
    from device.errors import UsageError  # noqa: PLC0415
    from device.session.forgetting import delete_set_aside, forget  # noqa: PLC0415
    from device.session.store import SessionStore  # noqa: PLC0415
    from device.session.turn_audio import audio_folder, delete_audio  # noqa: PLC0415

    if sum((bool(sessions), everything, before is not None)) != 1:
        raise UsageError("say which: numbers of sessions, --before DATE or --all", hint="see 'nearfield sessions list'")
    store = _store(config, overrides)
    ids = _wanted(store, sessions or [], everything=everything, before=before)
    if not yes and not _confirmed(store.path, len(ids), everything=everything, as_json=as_json):
        raise typer.Exit(1)
    store = SessionStore.open(store.path)  # an older file gets the present form: what is to be forgotten is found in it
    result = forget(store, ids)
    set_aside = delete_set_aside(store) if everything else []
    if everything and not result.running:
        delete_audio(audio_folder(store.path))
    if as_json:
        forgotten = {"forgotten": list(result.sessions), "running": list(result.running), "wiped": result.wiped}
        print_json({**forgotten, "deleted": [str(path) for path in set_aside]})
    else:
        print_text(f"forgotten: {_count(len(result.sessions), 'session')}")
        for path in set_aside:
            print_text(f"deleted: {path}")
    _complain(store, result.running, wiped=result.wiped, everything=everything)


def _complain(store: "SessionStore", running: tuple[int, ...], *, wiped: bool, everything: bool) -> None:
    from device.cli.boundary import say  # noqa: PLC0415

    if running:
        numbers = ", ".join(map(str, running))
        say(f"session {numbers} is going on and was left alone", "end it and forget it then")
    if not wiped:
        say(
            f"another program has {store.path} open: old pages may hold the words until they are used again",
            "end it and forget once more",
        )
    kept = [] if everything else sorted(store.path.parent.glob(f"{store.path.name}.damaged-*"))
    if kept:
        say(f"{kept[0]} was damaged and set aside; it may hold words, too", "delete it, or use --all")
    if running or not wiped:
        raise typer.Exit(1)


def _wanted(store: "SessionStore", sessions: list[int], *, everything: bool, before: str | None) -> list[int]:
    there = store.sessions()
    if everything:
        return [session.id for session in there]
    if before is not None:
        from device.session.store import moment_of  # noqa: PLC0415

        moment = _moment(before)
        return [session.id for session in there if moment_of(session.started_at) < moment]
    for number in sessions:
        _chosen(store, number)  # all are known before the first is forgotten
    return list(dict.fromkeys(sessions))


def _moment(text: str) -> datetime:
    from device.errors import UsageError  # noqa: PLC0415

    try:
        return datetime.fromisoformat(text).astimezone()  # without a zone: that of the device
    except (ValueError, OverflowError):
        raise UsageError(f"{text!r} is not a date", hint="write it as 2026-06-01 or 2026-06-01T18:30") from None


def _confirmed(path: "Path", count: int, *, everything: bool, as_json: bool) -> bool:
    from device.errors import UsageError  # noqa: PLC0415

    if not count and not everything:
        return True
    if as_json or not sys.stdin.isatty():
        raise UsageError(f"{_count(count, 'session')} would be forgotten", hint="say --yes")
    return typer.confirm(f"Forget {_count(count, 'session')} in {path} for good?", err=True)


def _count(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"


def _store(config: "Path | None", overrides: list[str] | None) -> "SessionStore":
    from device.session.store import SessionStore  # noqa: PLC0415

    return SessionStore.existing(settings_from(config, overrides).session.database)


def _chosen(store: "SessionStore", number: int | None) -> "StoredSession":
    from device.errors import UsageError  # noqa: PLC0415

    found = store.latest() if number is None else store.session(number)
    if found is None:
        newest = store.latest()
        raise UsageError(
            f"there is no session{'' if number is None else f' {number}'} in {store.path}",
            hint=f"the newest is {newest.id}" if newest is not None else "nobody has talked to it yet",
        )
    return found


def _session_json(session: "StoredSession", turns: int) -> dict[str, Any]:
    from device.cli.sessions_view import ending  # noqa: PLC0415

    return {
        "id": session.id,
        "started_at": session.started_at,
        "ended_at": session.ended_at,
        "ending": ending(session),
        "persona": session.persona,
        "continues": session.continues,
        "software_version": session.software_version,
        "turns": turns,
    }


def _exported(store: "SessionStore", session: "StoredSession", *, with_log: bool) -> dict[str, Any]:
    """The public format of docs/sessions.md."""
    from dataclasses import asdict  # noqa: PLC0415

    from device.session.turn_audio import audio_folder, kept_audio  # noqa: PLC0415

    turns = store.turns(session.id)
    out: dict[str, Any] = {"format": FORMAT, "session": _session_json(session, len(turns))}
    out["turns"] = [
        {**asdict(turn.committed), **(asdict(turn.finished) if turn.finished is not None else {"reply_heard": None})}
        for turn in turns
    ]
    out["calls"] = [asdict(call) for call in store.calls(session.id)]
    out["audio"] = {turn: str(path) for _, turn, path in kept_audio(audio_folder(store.path), session.id)}
    if with_log:
        out["events"] = [asdict(event) for event in store.events(session.id)]
    return out
