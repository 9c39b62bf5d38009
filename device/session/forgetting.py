"""Forgetting: on purpose, and for good.

    prune(store, keep_days=90, keep_mb=50)      # at the start of `nearfield run`
    forget(store, [3, 4])            # a person asked; not a word of it is left in the files

SQLite only marks what is deleted as free; `secure_delete` overwrites it, VACUUM gives the pages back, and the
write-ahead log is emptied, for it has the old pages too. What skills keep (timers, lists) is no conversation and stays.
"""

import contextlib
import itertools
import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from device.session.database import connect, primary_code, session_error
from device.session.owner import alive
from device.session.records import StoredSession
from device.session.store import SessionStore, moment_of
from device.session.turn_audio import audio_folder, delete_audio

#: Pruned by age, but never these: after a clock that was wrong, the newest conversation must not go.
ALWAYS_KEPT = 20


@dataclass(frozen=True, slots=True)
class Forgotten:
    """What came of it."""

    sessions: tuple[int, ...]
    running: tuple[int, ...]  #: left alone: a process is writing them
    wiped: bool  #: False: another program reads the file, and until it ends old pages may still hold the words


def prune(store: SessionStore, keep_days: int, keep_mb: int = 0, now: datetime | None = None) -> tuple[int, ...]:
    """Delete sessions of more than `keep_days` ago, and the oldest beyond `keep_mb`; returns their numbers.

    0: none for that reason. Raises SessionError. The file does not shrink, but is used again: each start reads all that
    is in use (`database.prepare`), and that takes a second for 50 MB from a slow SD card.
    The order is that of the numbers: a session goes only when none before it is young enough to stay, so that one whose
    clock was wrong stays as long as its neighbours.
    """
    may_go = store.sessions()[:-ALWAYS_KEPT]
    gone: list[int] = []
    if keep_days > 0:
        cutoff = (now or datetime.now(UTC)) - timedelta(days=keep_days)
        old = itertools.takewhile(lambda session: moment_of(session.started_at) < cutoff, may_go)
        gone += _deleted(store, old)
    rest = [session for session in may_go if session.id not in gone]
    while keep_mb > 0 and rest and store.used_bytes() > keep_mb * 1_000_000:
        some = max(1, len(rest) // 10)
        gone += _deleted(store, rest[:some])
        rest = rest[some:]
    return tuple(gone)


def _deleted(store: SessionStore, sessions: Iterable[StoredSession]) -> list[int]:
    """The numbers of those that are deleted: not what a process is writing."""
    numbers = [session.id for session in sessions if not alive(session.owner)]
    if numbers:
        _delete(store.path, numbers)
    return numbers


def forget(store: SessionStore, sessions: Sequence[int]) -> Forgotten:
    """Delete these sessions and every copy of their words. Raises SessionError."""
    wanted = set(sessions)
    there = [session for session in store.sessions() if session.id in wanted]
    running = tuple(session.id for session in there if alive(session.owner))
    gone = tuple(session.id for session in there if session.id not in running)
    _delete(store.path, gone)
    return Forgotten(gone, running, _wipe(store.path))


def delete_set_aside(store: SessionStore) -> list[Path]:
    """Delete the damaged files that were set aside: they hold words, too. Returns which."""
    gone = []
    for path in sorted(store.path.parent.glob(f"{store.path.name}.damaged-*")):
        with contextlib.suppress(OSError):
            path.unlink()
            gone.append(path)
    return gone


def _delete(path: Path, sessions: Iterable[int]) -> None:
    try:
        connection = connect(path)
        try:
            connection.execute("PRAGMA secure_delete = ON")
            for session in sessions:  # one transaction each: a conversation that goes on does not wait for all of them
                # first: after a power cut between the two its number is still there, and can be forgotten again
                delete_audio(audio_folder(path), session)
                connection.execute("DELETE FROM session WHERE id = ?", (session,))  # the rest goes with it
        finally:
            connection.close()
    except sqlite3.Error as error:
        raise session_error(path, "written", error) from error


def _wipe(path: Path) -> bool:
    """No old page is left, neither in the file nor in the write-ahead log. False: somebody else reads it."""
    try:
        connection = connect(path)
        try:
            connection.execute("PRAGMA secure_delete = ON")
            connection.execute("VACUUM")
            busy: int = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
            return not busy
        finally:
            connection.close()
    except sqlite3.Error as error:
        if primary_code(error) in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
            return False
        raise session_error(path, "written", error) from error
