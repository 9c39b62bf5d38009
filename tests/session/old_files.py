"""Session records as older versions left them: the real statements of those versions, and rows of that time."""

import sqlite3
from pathlib import Path

from device.session.schema import migrate


def old_file(path: Path, version: int) -> None:
    """A file of that version: session 1 ended in order, session 2 did not end; two turns each."""
    db = sqlite3.connect(path, isolation_level=None)
    db.execute("PRAGMA journal_mode = WAL")
    migrate(db, to=version)
    for session, ended_at in ((1, "2026-05-01T10:05:00+00:00"), (2, None)):
        db.execute(
            "INSERT INTO session (id, started_at, ended_at, persona, software_version, sample_rate_hz)"
            " VALUES (?, '2026-05-01T10:00:00+00:00', ?, 'assistant', '0.0.9', 16000)",
            (session, ended_at),
        )
        db.execute(
            "INSERT INTO turn VALUES (?, 1, 'What time is it?', 0.9, 16000, 32000, 40000, 'silence',"
            " 'It is noon.', 'It is', 1, 41000, 48000, NULL)",
            (session,),
        )
        db.execute(
            "INSERT INTO turn (session, number, user_text, commit_sample, commit_reason)"
            " VALUES (?, 2, ?, 64000, 'typed')",
            (session, "And\0 now?"),
        )
    if version >= 3:
        db.execute("INSERT INTO trace VALUES (1, 1, '{}')")
    db.close()
