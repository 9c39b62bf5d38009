"""The tables, and how an older file becomes a newer one.

    migrate(connection)  # brings any known version to the present one

`event` is the log, and it counts; `turn` and `call` are its quick view, written in the same transaction. `state` is
what skills keep: there the table counts, for the log is pruned and a timer must not go with it (docs/sessions.md).

`user_version` counts the migrations that a file has seen. A new table or column is a new entry at the end of
_MIGRATIONS; an entry that was released is never edited.
"""

import json
import sqlite3
from collections.abc import Callable
from datetime import datetime, timedelta

#: "NFLD": marks the file as ours, so that a wrong path is not written into (sqlite.org/pragma.html, application_id)
APPLICATION_ID = 0x4E464C44

_SESSION = """
CREATE TABLE session (
    id INTEGER PRIMARY KEY AUTOINCREMENT,  -- never used twice, even when the last row is deleted
    started_at TEXT NOT NULL,
    ended_at TEXT,
    persona TEXT NOT NULL,
    software_version TEXT NOT NULL,
    sample_rate_hz INTEGER NOT NULL
) STRICT"""

_TURN = """
CREATE TABLE turn (
    session INTEGER NOT NULL REFERENCES session (id) ON DELETE CASCADE,
    number INTEGER NOT NULL CHECK (number >= 1),
    user_text TEXT NOT NULL,
    stt_probability REAL,
    speech_start_sample INTEGER,
    speech_end_sample INTEGER,
    commit_sample INTEGER NOT NULL,
    commit_reason TEXT NOT NULL,
    reply_generated TEXT,  -- this and what follows: NULL until the turn is finished
    reply_heard TEXT,
    interrupted INTEGER,
    playout_start_sample INTEGER,
    playout_end_sample INTEGER,
    error TEXT,
    PRIMARY KEY (session, number)
) STRICT, WITHOUT ROWID"""

# how it ended: 'done', 'failed'; NULL with ended_at NULL: without a farewell (power cut, kill)
_ENDING = "ALTER TABLE session ADD COLUMN ending TEXT"
# the session that this one goes on with, after a failure
_CONTINUES = "ALTER TABLE session ADD COLUMN continues INTEGER REFERENCES session (id) ON DELETE SET NULL"

# what happened when in a turn (device.telemetry.marks); goes when its turn goes
_TRACE = """
CREATE TABLE trace (
    session INTEGER NOT NULL,
    number INTEGER NOT NULL,
    marks TEXT NOT NULL,
    PRIMARY KEY (session, number),
    FOREIGN KEY (session, number) REFERENCES turn (session, number) ON DELETE CASCADE
) STRICT, WITHOUT ROWID"""

# the log: what happened, in the order of `seq`; times are told, and order nothing, for clocks jump
_EVENT = """
CREATE TABLE event (
    session INTEGER NOT NULL REFERENCES session (id) ON DELETE CASCADE,
    seq INTEGER NOT NULL CHECK (seq >= 1),
    at TEXT NOT NULL,  -- wall clock, UTC, ISO 8601
    sample INTEGER,  -- capture clock; NULL: it does not come from the conversation
    turn INTEGER NOT NULL,  -- 0: none
    type TEXT NOT NULL,
    json TEXT NOT NULL,
    PRIMARY KEY (session, seq)
) STRICT, WITHOUT ROWID"""

# what was done: a row before the skill runs, its status when it has run
_CALL = """
CREATE TABLE call (
    session INTEGER NOT NULL REFERENCES session (id) ON DELETE CASCADE,
    turn INTEGER NOT NULL,
    number INTEGER NOT NULL,
    skill TEXT NOT NULL,
    arguments TEXT NOT NULL,
    read_only INTEGER NOT NULL,
    aside INTEGER NOT NULL,
    status TEXT,  -- 'done', 'failed', 'unknown'; NULL: begun, and no more is known
    say TEXT NOT NULL DEFAULT '',
    data TEXT NOT NULL DEFAULT '',
    error TEXT NOT NULL DEFAULT '',
    told INTEGER NOT NULL DEFAULT 0,  -- has somebody heard what came of it?
    PRIMARY KEY (session, turn, number)
) STRICT, WITHOUT ROWID"""

# asked at every start; nearly all calls are told
_UNTOLD = "CREATE INDEX call_untold ON call (session) WHERE told = 0"

# small JSON values that skills find again after a power cut
_STATE = """
CREATE TABLE state (
    family TEXT NOT NULL,  -- the group of skills
    name TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (family, name)
) STRICT, WITHOUT ROWID"""

# the process that writes it (device.session.owner); NULL once it has ended
_OWNER = "ALTER TABLE session ADD COLUMN owner TEXT"


def _log_from_turns(connection: sqlite3.Connection) -> None:
    """Sessions from before there was a log get one of what is known of them."""
    sessions = connection.execute("SELECT id, started_at, ended_at, persona, software_version, ending FROM session")
    for session, started_at, ended_at, persona, version, ending in sessions.fetchall():
        rows: list[tuple[str, int | None, int, str, object]] = []
        rows.append((started_at, None, 0, "session_begun", {"persona": persona, "software_version": version}))
        columns = "number, commit_sample, user_text, commit_reason, stt_probability, reply_generated, reply_heard"
        turns = connection.execute(
            f"SELECT {columns}, interrupted, playout_end_sample FROM turn WHERE session = ? ORDER BY number", (session,)
        )
        for number, sample, text, reason, probability, generated, heard, interrupted, end_sample in turns.fetchall():
            at = _later(started_at, sample)
            if probability is not None:
                rows.append((at, sample, number, "final", {"text": text, "probability": probability}))
            rows.append((at, sample, number, "commit", {"text": text, "reason": reason}))
            if generated is not None:
                kind = "interrupted" if interrupted else "playout_end"
                content = {"generated": generated, "heard": heard}
                rows.append((_later(started_at, end_sample or sample), end_sample, number, kind, content))
        if ended_at is not None:
            rows.append((ended_at, None, 0, "session_ended", {"ending": ending}))
        connection.executemany(
            "INSERT INTO event (session, seq, at, sample, turn, type, json) VALUES (?, ?, ?, ?, ?, ?, ?)",
            [
                (session, seq, *row, json.dumps(content, ensure_ascii=False))
                for seq, (*row, content) in enumerate(rows, 1)
            ],
        )


def _later(started_at: str, sample: int) -> str:
    try:
        at = datetime.fromisoformat(started_at) + timedelta(seconds=sample / 16_000)
    except (ValueError, OverflowError):
        return started_at
    return at.isoformat(timespec="milliseconds")


_Step = str | Callable[[sqlite3.Connection], None]
_MIGRATIONS: tuple[tuple[_Step, ...], ...] = (
    (_SESSION, _TURN),
    (_ENDING, _CONTINUES),
    (_TRACE,),
    (_EVENT, _CALL, _UNTOLD, _STATE, _OWNER, _log_from_turns),
)
VERSION = len(_MIGRATIONS)


def migrate(connection: sqlite3.Connection, to: int = VERSION) -> None:
    """All in one transaction: a power cut leaves the old version whole. `connection` must be in autocommit mode
    (isolation_level None). `to`: an older version, for tests. Raises sqlite3.Error."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        # read inside the transaction: another process may have migrated while this one waited for the lock
        seen = connection.execute("PRAGMA user_version").fetchone()[0]
        if seen < to:
            for steps in _MIGRATIONS[seen:to]:
                for step in steps:
                    if isinstance(step, str):
                        connection.execute(step)
                    else:
                        step(connection)
            connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            connection.execute(f"PRAGMA user_version = {to}")
        connection.execute("COMMIT")
    except sqlite3.Error:
        if connection.in_transaction:
            connection.rollback()
        raise
