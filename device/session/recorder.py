"""The one writer of a session: it takes records from the dialogue and never makes it wait or fail.

    recorder.commit_turn(TurnCommitted(...))  # returns at once
    recorder.finish_turn(TurnFinished(...))
    recorder.close()  # writes what is left; raises SessionError if it cannot

Records wait in a bounded queue and a thread writes them, each batch in one transaction. When writing fails (disk
full, card pulled) they stay in the queue, in order, and are tried again with the next record and at the end; once
PENDING_LIMIT of them wait, new ones are dropped and counted, because the old ones are what they build upon.
"""

import sqlite3
import threading
from collections import deque
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Self

from device.errors import SessionError
from device.session.database import reason
from device.session.records import Record, TurnCommitted, TurnFinished, TurnTraced

PENDING_LIMIT = 1_000
CLOSE_TIMEOUT_S = 30.0

OnError = Callable[[str], None]


class SessionRecorder:
    """Made by `SessionStore.begin`. `flush` and all that takes a record may be called from any thread."""

    def __init__(self, connection: sqlite3.Connection, session_id: int, path: Path, on_error: OnError) -> None:
        self.session_id = session_id
        self._connection = connection
        self._path = path
        self._on_error = on_error
        self._changed = threading.Condition()
        # all of what follows is guarded by _changed
        self._pending: deque[Record] = deque()
        self._tries_wanted = 0
        self._tries_made = 0
        self._closing = False
        self._failed = False
        self._failure = ""  #: why the last try failed, "" when it did not
        self._lost: list[str] = []  #: what will never be written
        self._lost_count = 0
        self._told_dropping = ""  #: the reason for dropping records that was told last
        self._thread = threading.Thread(target=self._run, name="session-writer", daemon=True)
        self._thread.start()

    def commit_turn(self, record: TurnCommitted) -> None:
        """Write down the user's half of a turn. Never raises, never blocks on the disk."""
        self._put(record)

    def finish_turn(self, record: TurnFinished) -> None:
        """Write down the assistant's half. Never raises, never blocks on the disk."""
        self._put(record)

    def trace_turn(self, record: TurnTraced) -> None:
        """Write down how long the turn took. Never raises, never blocks on the disk."""
        self._put(record)

    def flush(self, timeout_s: float) -> bool:
        """Wait until all that was handed over is safe on the disk; False when it is not (yet)."""
        with self._changed:
            self._want_try()
            wanted = self._tries_wanted
            self._changed.wait_for(lambda: self._tries_made >= wanted, timeout_s)
            return not self._pending

    def close(self, *, failed: bool = False) -> None:
        """Write what is left and the end of the session; `failed`: it did not end in order. Safe to call twice.

        Raises SessionError when something could not be written, naming it.
        """
        with self._changed:
            already = self._closing
            self._failed = self._failed or failed
            self._closing = True
            self._want_try()
        self._thread.join(CLOSE_TIMEOUT_S)
        if already:
            return
        with self._changed:
            missing = self._lost + [_name(record) for record in self._pending]
            more = self._lost_count - len(self._lost)
            failure = "the disk does not answer" if self._thread.is_alive() else self._failure
        if not missing and not failure:
            return
        what = ", ".join(missing[:6]) + (f" and {len(missing) - 6 + more} more" if len(missing) > 6 else "")
        raise SessionError(
            f"session {self.session_id} is not whole in {self._path}: {what or 'its end'} could not be written"
            + (f" ({failure})" if failure else ""),
            hint="free some space on the disk and check its permissions; the turns before are safe",
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _put(self, record: Record) -> None:
        with self._changed:
            if not self._closing and len(self._pending) < PENDING_LIMIT:
                self._pending.append(record)
                self._want_try()
                return
            self._lose(record)
            why = "it is closed" if self._closing else f"{PENDING_LIMIT} records wait already"
            tell, self._told_dropping = self._told_dropping != why, why
        if tell:
            self._on_error(f"the session record drops {_name(record)}: {why}")

    def _lose(self, record: Record) -> None:
        self._lost_count += 1
        if len(self._lost) < PENDING_LIMIT:
            self._lost.append(_name(record))

    def _want_try(self) -> None:
        self._tries_wanted += 1
        self._changed.notify_all()

    def _run(self) -> None:
        last = False
        while not last:
            with self._changed:
                self._changed.wait_for(lambda: self._tries_made < self._tries_wanted)
                tries, last, batch = self._tries_wanted, self._closing, list(self._pending)
            failure, rejected = self._write(batch, last)
            with self._changed:
                new_failure = failure and not self._failure
                self._failure = failure
                if not failure:
                    for _ in batch:
                        self._pending.popleft()
                    for record, _why in rejected:
                        self._lose(record)
                self._tries_made = tries
                self._changed.notify_all()
            for record, why in rejected if not failure else ():
                self._on_error(f"the session record refuses {_name(record)}: {why}")
            if new_failure:
                self._on_error(f"the session record {self._path} cannot be written ({failure}); it is tried again")
        self._connection.close()

    def _write(self, batch: list[Record], last: bool) -> tuple[str, list[tuple[Record, str]]]:
        """All of the batch or nothing. Returns why it failed ("" if not) and the records that make no sense."""
        rejected: list[tuple[Record, str]] = []
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            for record in batch:
                try:
                    if _execute(self._connection, self.session_id, record) != 1:
                        rejected.append((record, "there is no such turn"))
                except (sqlite3.IntegrityError, sqlite3.ProgrammingError, OverflowError) as error:
                    # the record is at fault, not the disk: it must not hold up the others for ever
                    rejected.append((record, str(error)))
            if last:
                now = datetime.now(UTC).isoformat(timespec="seconds")
                self._connection.execute(
                    "UPDATE session SET ended_at = ?, ending = ? WHERE id = ?",
                    (now, "failed" if self._failed else "done", self.session_id),
                )
            self._connection.execute("COMMIT")
        except sqlite3.Error as error:
            try:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
            except sqlite3.Error:
                pass  # SQLite has rolled back by itself; the first error is the one to tell
            return reason(error), []
        return "", rejected


def _name(record: Record) -> str:
    what = {TurnCommitted: "turn", TurnFinished: "the answer of turn", TurnTraced: "the trace of turn"}
    return f"{what[type(record)]} {record.number}"


def _text(text: str) -> str:
    """SQLite takes no lone surrogates; a reply with half a character in it is still worth keeping."""
    return text.encode("utf-8", "replace").decode("utf-8")


def _execute(connection: sqlite3.Connection, session_id: int, record: Record) -> int:
    """Rows written. Raises sqlite3.Error."""
    if isinstance(record, TurnCommitted):
        return connection.execute(
            "INSERT INTO turn (session, number, user_text, stt_probability, speech_start_sample, speech_end_sample,"
            " commit_sample, commit_reason) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (
                session_id,
                record.number,
                _text(record.user_text),
                record.stt_probability,
                record.speech_start_sample,
                record.speech_end_sample,
                record.commit_sample,
                record.commit_reason,
            ),
        ).rowcount
    if isinstance(record, TurnTraced):
        return connection.execute(
            "INSERT INTO trace (session, number, marks) VALUES (?, ?, ?)",
            (session_id, record.number, _text(record.marks)),
        ).rowcount
    return connection.execute(
        "UPDATE turn SET reply_generated = ?, reply_heard = ?, interrupted = ?, playout_start_sample = ?,"
        " playout_end_sample = ?, error = ? WHERE session = ? AND number = ?",
        (
            _text(record.reply_generated),
            _text(record.reply_heard),
            int(record.interrupted),
            record.playout_start_sample,
            record.playout_end_sample,
            None if record.error is None else _text(record.error),
            session_id,
            record.number,
        ),
    ).rowcount
