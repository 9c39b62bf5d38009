"""Records as rows: the one place that writes the tables of a session.

    connection.execute("BEGIN IMMEDIATE"); written(connection, session_id, TurnCommitted(...)); ...

What belongs together (a commit in the log and its row in `turn`) is in one transaction; which counts: see `schema`.
"""

import json
import sqlite3
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from device.session.records import (
    CallAside,
    CallBegun,
    CallFinished,
    Logged,
    Record,
    TurnCommitted,
    TurnFinished,
    TurnTraced,
)


def utc_now() -> str:
    """The wall clock as the record has it."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def text_of(text: str) -> str:
    """SQLite takes no lone surrogates; a reply with half a character in it is still worth keeping."""
    return text.encode("utf-8", "replace").decode("utf-8")


def json_of(value: Any) -> str:
    """Compact JSON. Raises TypeError or ValueError for what is none."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"), default=_plain)


def _plain(value: object) -> object:
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"{type(value).__name__} is not JSON")


def object_of(text: str) -> dict[str, Any]:
    """A JSON object that was written; what is none any more (a bad sector) says so, and raises nothing."""
    try:
        value = json.loads(text)
    except ValueError:
        value = None
    return value if isinstance(value, dict) else {"lost": "it is damaged"}


def name_of(record: Record) -> str:
    """A record in words, for who is told that it was not written."""
    match record:
        case TurnCommitted():
            return f"turn {record.number}"
        case TurnFinished():
            return f"the answer of turn {record.number}"
        case TurnTraced():
            return f"the trace of turn {record.number}"
        case Logged():
            return f"'{record.type}' of turn {record.turn}"
        case CallBegun() | CallFinished() | CallAside():
            return f"call {record.index} of turn {record.turn}"


def log(
    connection: sqlite3.Connection, session: int, at: str, sample: int | None, turn: int, kind: str, content: str
) -> None:
    """Append to the log. Raises sqlite3.Error."""
    connection.execute(
        "INSERT INTO event (session, seq, at, sample, turn, type, json)"
        " VALUES (?1, (SELECT coalesce(max(seq), 0) + 1 FROM event WHERE session = ?1), ?2, ?3, ?4, ?5, ?6)",
        (session, at, sample, turn, kind, text_of(content)),
    )


def written(connection: sqlite3.Connection, session: int, record: Record) -> bool:
    """Write it; False: there is no turn that it belongs to. Raises sqlite3.Error."""
    match record:
        case TurnCommitted():
            return _turn_committed(connection, session, record)
        case TurnFinished():
            return _turn_finished(connection, session, record)
        case TurnTraced():
            connection.execute(
                "INSERT INTO trace (session, number, marks) VALUES (?, ?, ?)",
                (session, record.number, text_of(record.marks)),
            )
        case Logged():
            log(connection, session, record.at, record.sample, record.turn, record.type, record.content)
            if record.type == "told":
                _told(connection, session, record.turn, json.loads(record.content)["index"])
        case CallBegun():
            _call_begun(connection, session, record)
        case CallFinished():
            _call_finished(connection, session, record)
        case CallAside():
            connection.execute(
                "UPDATE call SET aside = 1 WHERE session = ? AND turn = ? AND number = ?",
                (session, record.turn, record.index),
            )
    return True


def _turn_committed(connection: sqlite3.Connection, session: int, record: TurnCommitted) -> bool:
    connection.execute(
        "INSERT INTO turn (session, number, user_text, stt_probability, speech_start_sample, speech_end_sample,"
        " commit_sample, commit_reason) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (
            session,
            record.number,
            text_of(record.user_text),
            record.stt_probability,
            record.speech_start_sample,
            record.speech_end_sample,
            record.commit_sample,
            record.commit_reason,
        ),
    )
    return True


def _turn_finished(connection: sqlite3.Connection, session: int, record: TurnFinished) -> bool:
    rows = connection.execute(
        "UPDATE turn SET reply_generated = ?, reply_heard = ?, interrupted = ?, playout_start_sample = ?,"
        " playout_end_sample = ?, error = ? WHERE session = ? AND number = ?",
        (
            text_of(record.reply_generated),
            text_of(record.reply_heard),
            int(record.interrupted),
            record.playout_start_sample,
            record.playout_end_sample,
            None if record.error is None else text_of(record.error),
            session,
            record.number,
        ),
    ).rowcount
    if record.reply_heard:  # the answer was what came of its calls, but for those that were promised
        connection.execute(
            "UPDATE call SET told = 1 WHERE session = ? AND turn = ? AND aside = 0 AND status IS NOT NULL",
            (session, record.number),
        )
    return rows == 1


def left_over(connection: sqlite3.Connection, session: int) -> dict[int, tuple[int, int, int]]:
    """What sessions before left to `session` to tell: its index there -> session, turn and index of the call.

    Raises sqlite3.Error.
    """
    out = {}
    rows = connection.execute("SELECT json FROM event WHERE session = ? AND type = 'left_over'", (session,)).fetchall()
    for content in (object_of(row[0]) for row in rows):
        origin = content.get("from")
        if isinstance(origin, list) and len(origin) == 3:
            out[int(content.get("index", -1))] = (origin[0], origin[1], origin[2])
    return out


def _told(connection: sqlite3.Connection, session: int, turn: int, index: int) -> None:
    key = (session, turn, index) if turn else left_over(connection, session).get(index)
    if key is not None:
        connection.execute("UPDATE call SET told = 1 WHERE session = ? AND turn = ? AND number = ?", key)


def _call_begun(connection: sqlite3.Connection, session: int, record: CallBegun) -> None:
    # a call that changes nothing may be made again for other words: the newest counts
    instead = "OR REPLACE " if record.read_only else ""
    connection.execute(
        f"INSERT {instead}INTO call (session, turn, number, skill, arguments, read_only, aside)"
        " VALUES (?, ?, ?, ?, ?, ?, ?)",
        (
            session,
            record.turn,
            record.index,
            text_of(record.skill),
            text_of(record.arguments),
            int(record.read_only),
            int(record.aside),
        ),
    )
    content = json_of({"index": record.index, "skill": record.skill, "arguments": json.loads(record.arguments)})
    log(connection, session, record.at, None, record.turn, "called", content)


def _call_finished(connection: sqlite3.Connection, session: int, record: CallFinished) -> None:
    key = (session, record.turn, record.index)
    values = (record.status, text_of(record.say), text_of(record.data), text_of(record.error))
    connection.execute(
        "UPDATE call SET status = ?, say = ?, data = ?, error = ? WHERE session = ? AND turn = ? AND number = ?",
        (*values, *key),
    )
    # an answer that was over before cannot have told it
    connection.execute(
        "UPDATE call SET aside = 1 WHERE session = ? AND turn = ? AND number = ? AND read_only = 0 AND told = 0"
        " AND EXISTS (SELECT 1 FROM turn WHERE session = ? AND number = ? AND reply_heard <> '')",
        (*key, session, record.turn),
    )
    content = dict(zip(("index", "status", "say", "data", "error"), (record.index, *values), strict=True))
    log(connection, session, record.at, None, record.turn, "call_ended", json_of(content))
