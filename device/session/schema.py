"""The tables, and how an older file becomes a newer one.

    migrate(connection)  # brings any known version to the present one

`user_version` counts the migrations that a file has seen. A new table or column is a new entry at the end of
_MIGRATIONS; an entry that was released is never edited.
"""

import sqlite3

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

_MIGRATIONS: tuple[tuple[str, ...], ...] = ((_SESSION, _TURN), (_ENDING, _CONTINUES), (_TRACE,))
VERSION = len(_MIGRATIONS)


def migrate(connection: sqlite3.Connection) -> None:
    """All in one transaction: a power cut leaves the old version whole. `connection` must be in autocommit mode
    (isolation_level None). Raises sqlite3.Error."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        # read inside the transaction: another process may have migrated while this one waited for the lock
        seen = connection.execute("PRAGMA user_version").fetchone()[0]
        if seen < VERSION:
            for statements in _MIGRATIONS[seen:]:
                for statement in statements:
                    connection.execute(statement)
            connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            connection.execute(f"PRAGMA user_version = {VERSION}")
        connection.execute("COMMIT")
    except sqlite3.Error:
        if connection.in_transaction:
            connection.rollback()
        raise
