"""The record of all conversations: one SQLite file.

store = SessionStore.open(settings.session.database)
with store.begin("assistant") as recorder:
    recorder.commit_turn(TurnCommitted(...))
store.turns(recorder.session_id)
"""

import logging
import sqlite3
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

from device.session.database import check, connect, prepare, reading, session_error
from device.session.owner import this_process
from device.session.recorder import OnError, SessionRecorder
from device.session.records import (
    StoredCall,
    StoredEvent,
    StoredSession,
    StoredTrace,
    StoredTurn,
    TurnCommitted,
    TurnFinished,
)
from device.session.rows import json_of, log, object_of, utc_now
from device.session.undelivered import settle
from device.version import software_version
from models.protocols import SAMPLE_RATE_HZ

_log = logging.getLogger("nearfield.session")
_T = TypeVar("_T")

#: When it was, where nothing can be made of what the record says.
LONG_AGO = datetime.min.replace(tzinfo=UTC)

_SESSION_COLUMNS = (
    "id",
    "started_at",
    "ended_at",
    "persona",
    "software_version",
    "sample_rate_hz",
    "ending",
    "continues",
    "owner",
)


class SessionStore:
    """Holds no connection of its own: each session has one writer, each question a short reader."""

    def __init__(self, path: Path, set_aside: Path | None, on_error: OnError) -> None:
        self.path = path
        self.set_aside = set_aside  #: where a damaged file was moved to when this one was opened
        self._on_error = on_error

    @classmethod
    def open(cls, path: Path, on_error: OnError = _log.warning) -> "SessionStore":
        """Open or make the file. A damaged one is set aside under a new name, reported, and a new one begun.

        `on_error` is told, in one line, of what cannot be raised: it is called from the writer's thread.
        Raises SessionError: read-only, full disk, locked, not a session record, written by a newer version.
        """
        set_aside = prepare(path)
        if set_aside:
            on_error(f"the session record {path} was damaged; it is kept as {set_aside} and a new one is begun")
        return cls(path, set_aside, on_error)

    @classmethod
    def existing(cls, path: Path) -> "SessionStore":
        """Open a file to read from it: nothing is made, set aside or brought to the present version.

        Raises SessionError: there is none, it is damaged, not a session record, written by a newer version.
        """
        check(path)
        return cls(path, None, _log.warning)

    def begin(self, persona: str, continues: int | None = None) -> SessionRecorder:
        """Begin a session and start its writer. `continues`: the session that it goes on with. Raises SessionError."""
        try:
            connection = connect(self.path)
            try:
                connection.execute("BEGIN IMMEDIATE")
                now, version = utc_now(), software_version()
                cursor = connection.execute(
                    "INSERT INTO session (started_at, persona, software_version, sample_rate_hz, continues, owner)"
                    " VALUES (?, ?, ?, ?, ?, ?)",
                    (now, persona, version, SAMPLE_RATE_HZ, continues, this_process()),
                )
                session = int(cursor.lastrowid or 0)
                content = json_of({"persona": persona, "software_version": version, "continues": continues})
                log(connection, session, now, None, 0, "session_begun", content)
                settle(connection, session)
                connection.execute("COMMIT")
            except sqlite3.Error:
                connection.close()
                raise
        except sqlite3.Error as error:
            raise session_error(self.path, "written", error) from error
        return SessionRecorder(connection, session, self.path, self._on_error)

    def latest(self) -> StoredSession | None:
        """The session that was begun last; None when there is none. Raises SessionError."""
        found = self._sessions("ORDER BY id DESC LIMIT 1")
        return found[0] if found else None

    def session(self, session_id: int) -> StoredSession | None:
        """The session of that number; None when there is none. Raises SessionError."""
        found = self._sessions("WHERE id = ?", session_id)
        return found[0] if found else None

    def sessions(self) -> list[StoredSession]:
        """All of them, in the order in which they were begun. Raises SessionError."""
        return self._sessions("ORDER BY id")

    def _sessions(self, which: str, *values: int) -> list[StoredSession]:
        there = {row[0] for row in self._read("SELECT name FROM pragma_table_info('session')", (), lambda r: r)}
        columns = ", ".join(name if name in there else "NULL" for name in _SESSION_COLUMNS)  # an older file has fewer
        return self._read(f"SELECT {columns} FROM session {which}", values, lambda r: StoredSession(*r))

    def turns(self, session_id: int) -> list[StoredTurn]:
        """The turns of a session in order; empty for an unknown session. Raises SessionError."""
        return self._read(
            "SELECT number, user_text, stt_probability, speech_start_sample, speech_end_sample, commit_sample,"
            " commit_reason, reply_generated, reply_heard, interrupted, playout_start_sample, playout_end_sample,"
            " error FROM turn WHERE session = ? ORDER BY number",
            (session_id,),
            _stored_turn,
        )

    def turn_counts(self) -> dict[int, int]:
        """Session -> how many turns it has, but for those without any. Raises SessionError."""
        return dict(self._read("SELECT session, count(*) FROM turn GROUP BY session", (), lambda r: (r[0], r[1])))

    def traces(self, session_id: int | None = None, last: int | None = None) -> list[StoredTrace]:
        """The newest `last` traces, or all, of one session or of all, oldest first. Raises SessionError.

        Empty for an unknown session, and for a file of a version before there were traces.
        """
        if not self._has("trace"):
            return []
        which, values = ("", ()) if session_id is None else (" WHERE session = ?", (session_id,))
        sql = f"SELECT session, number, marks FROM trace{which} ORDER BY session DESC, number DESC LIMIT ?"
        limit = -1 if last is None else last  # SQLite: a negative limit is none
        return self._read(sql, (*values, limit), lambda r: StoredTrace(*r))[::-1]

    def events(self, session_id: int) -> list[StoredEvent]:
        """The log of a session, in order; empty for an unknown one and in a file of an older version.

        Raises SessionError.
        """
        if not self._has("event"):
            return []
        sql = "SELECT seq, at, sample, turn, type, json FROM event WHERE session = ? ORDER BY seq"
        return self._read(sql, (session_id,), _stored_event)

    def newest_event(self, session_id: int, *types: str) -> StoredEvent | None:
        """The last entry of these types; None when there is none. Raises SessionError."""
        if not self._has("event"):
            return None
        kinds = ", ".join("?" * len(types))
        sql = f"SELECT seq, at, sample, turn, type, json FROM event WHERE session = ? AND type IN ({kinds})"
        found = self._read(f"{sql} ORDER BY seq DESC LIMIT 1", (session_id, *types), _stored_event)
        return found[0] if found else None

    def calls(self, session_id: int) -> list[StoredCall]:
        """What was done in a session, in order; empty for an unknown one. Raises SessionError."""
        if not self._has("call"):
            return []
        return self._read(
            "SELECT turn, number, skill, arguments, read_only, aside, status, say, data, error, told"
            " FROM call WHERE session = ? ORDER BY turn, number",
            (session_id,),
            _stored_call,
        )

    def used_bytes(self) -> int:
        """Of the file, without what is free to be used again. Raises SessionError."""
        sql = "SELECT (c.page_count - f.freelist_count) * s.page_size"
        sql += " FROM pragma_page_count c, pragma_freelist_count f, pragma_page_size s"
        return int(self._read(sql, (), lambda r: r[0])[0])

    def _has(self, table: str) -> bool:
        sql = "SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = ?"
        return bool(self._read(sql, (table,), lambda r: r))

    def _read(self, sql: str, values: tuple[Any, ...], make: Callable[[tuple[Any, ...]], _T]) -> list[_T]:
        with reading(self.path) as connection:
            return [make(row) for row in connection.execute(sql, values)]


def moment_of(stamp: str) -> datetime:
    """A time as it is in the record. Without a zone it is UTC; of a damaged one `LONG_AGO`: it must stop no start."""
    try:
        moment = datetime.fromisoformat(stamp)
    except (ValueError, OverflowError, TypeError):
        return LONG_AGO
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _stored_turn(row: tuple[Any, ...]) -> StoredTurn:
    number, generated, heard, interrupted, *rest = row[0], *row[7:]
    finished = None if generated is None else TurnFinished(number, generated, heard, bool(interrupted), *rest)
    return StoredTurn(TurnCommitted(*row[:7]), finished)


def _stored_event(row: tuple[Any, ...]) -> StoredEvent:
    seq, at, sample, turn, kind, content = row
    return StoredEvent(seq, at, sample, turn, kind, object_of(content))


def _stored_call(row: tuple[Any, ...]) -> StoredCall:
    turn, index, skill, arguments, read_only, aside, status, say, data, error, told = row
    flags = bool(read_only), bool(aside)
    return StoredCall(turn, index, skill, object_of(arguments), *flags, status, say, data, error, bool(told))
