"""The one writer of a session: it takes records from the dialogue and never makes it wait or fail.

    recorder.commit_turn(TurnCommitted(...))  # returns at once
    recorder.ask(lambda connection: ...)      # returns when it is safe on the disk; SessionError when it is not
    recorder.close()  # writes what is left; raises SessionError if it cannot

Records wait in a bounded queue and a thread writes them, each batch in one transaction. When writing fails (disk
full, card pulled) they stay in the queue, in order, and are tried again with the next record, every RETRY_S and at the
end; once PENDING_LIMIT of them wait, new ones are dropped and counted, because the old ones are what they build upon.

What must be safe before something happens (a call, a timer) is asked for and waited for. It is in the same thread and
the same transaction, behind all records that were handed over before, and is not tried again: who asked knows.
"""

import contextlib
import logging
import sqlite3
import threading
from collections import deque
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

from device.errors import SessionError
from device.session.database import BUSY_TIMEOUT_S, reason
from device.session.records import RELOAD, Record, TurnCommitted, TurnFinished, TurnTraced
from device.session.rows import log, name_of, utc_now, written

PENDING_LIMIT = 4_000
CLOSE_TIMEOUT_S = 30.0
LAZY_S = 1.0  #: the log's by-the-way entries wait so long for company: one flush to the disk for all
RETRY_S = 5.0
ASK_TIMEOUT_S = 5.0
CHECKPOINT_BYTES = 1 << 20  #: a write-ahead log of this size is folded in while nobody waits

_IDLE_S = 0.5  # quiet for so long: a good moment to fold the write-ahead log in

_log = logging.getLogger("nearfield.session")
_T = TypeVar("_T")
OnError = Callable[[str], None]
#: Runs in the writer's transaction; what it raises of sqlite3.IntegrityError and ProgrammingError is its own fault.
Work = Callable[[sqlite3.Connection], _T]


class _Errand:
    """Something that was asked of the writer. Guarded by the recorder's lock."""

    def __init__(self, work: Work[Any], late: Callable[[], None] | None) -> None:
        self.work = work
        self.late = late  #: called when it was written though nobody waited any more
        self.answered = False
        self.abandoned = False  #: nobody waits any more
        self.failure = ""
        self.result: Any = None


class SessionRecorder:
    """Made by `SessionStore.begin`. All that takes a record, `ask` and `flush` may be called from any thread."""

    def __init__(self, connection: sqlite3.Connection, session_id: int, path: Path, on_error: OnError) -> None:
        self.session_id = session_id
        self.path = path
        self._connection = connection
        self._on_error = on_error
        self._changed = threading.Condition()
        # all of what follows is guarded by _changed
        self._pending: deque[Record] = deque()
        self._errands: list[_Errand] = []
        self._tries_wanted = 0
        self._tries_made = 0
        self._closing = False
        self._failed = False
        self._reloads = False
        self._failure = ""  #: why the last try failed, "" when it did not
        self._lost: list[str] = []  #: what will never be written
        self._lost_count = 0
        self._told_dropping = ""  #: the reason for dropping records that was told last
        self._unfolded = False  # has anything been written since the write-ahead log was looked at? the writer's own
        self._thread = threading.Thread(target=self._run, name="session-writer", daemon=True)
        self._thread.start()

    def commit_turn(self, record: TurnCommitted) -> None:
        """Write down the user's half of a turn. Never raises, never blocks on the disk."""
        self.write(record)

    def finish_turn(self, record: TurnFinished) -> None:
        """Write down the assistant's half. Never raises, never blocks on the disk."""
        self.write(record)

    def trace_turn(self, record: TurnTraced) -> None:
        """Write down how long the turn took. Never raises, never blocks on the disk."""
        self.write(record)

    def write(self, *records: Record, soon: bool = True) -> None:
        """Write all of these in one transaction. Never raises, never blocks on the disk.

        Not `soon`: with the next that is, or in a second.
        """
        with self._changed:
            room = PENDING_LIMIT - len(self._pending)
            if not self._closing and len(records) <= room:
                self._pending.extend(records)
                if soon:
                    self._want_try()
                else:
                    self._changed.notify_all()
                return
            for record in records:
                self._lose(record)
            why = "it is closed" if self._closing else f"{PENDING_LIMIT} records wait already"
            tell, self._told_dropping = self._told_dropping != why, why
        if tell:
            self._on_error(f"the session record drops {name_of(records[0])}: {why}")

    def ask(self, work: Work[_T], timeout_s: float = ASK_TIMEOUT_S, late: Callable[[], None] | None = None) -> _T:
        """Have the writer do `work` and wait until it is safe on the disk; what it returned.

        Raises SessionError when it is not: then nothing of it was written, unless the disk gave no answer within
        `timeout_s`; should it be written after all, `late` is called from the writer's thread.
        """
        errand = _Errand(work, late)
        with self._changed:
            if self._closing:
                raise SessionError(f"session {self.session_id} is closed")
            self._errands.append(errand)
            self._changed.notify_all()
            self._changed.wait_for(lambda: errand.answered, timeout_s)
            failure = errand.failure
            if not errand.answered:
                errand.abandoned = True
                failure = "the disk does not answer"
                if errand in self._errands:  # not begun: nor will it be
                    self._errands.remove(errand)
        if failure:
            raise SessionError(
                f"the session record {self.path} cannot be written: {failure}",
                hint="free some space on the disk and check its permissions",
            )
        result: _T = errand.result
        return result

    def flush(self, timeout_s: float) -> bool:
        """Wait until all that was handed over is safe on the disk; False when it is not (yet)."""
        with self._changed:
            self._want_try()
            wanted = self._tries_wanted
            made = self._changed.wait_for(lambda: self._tries_made >= wanted, timeout_s)
            return made and not self._failure

    def close(self, *, failed: bool = False, reloads: bool = False) -> None:
        """Write what is left and the end of the session. Safe to call twice.

        `failed`: it did not end in order; `reloads`: it did, and the next session goes on with the conversation.

        Raises SessionError when something could not be written, naming it.
        """
        with self._changed:
            already = self._closing
            self._failed = self._failed or failed
            self._reloads = self._reloads or reloads
            self._closing = True
            self._want_try()
        self._thread.join(CLOSE_TIMEOUT_S)
        if already:
            return
        with self._changed:
            missing = self._lost + [name_of(record) for record in self._pending]
            more = self._lost_count - len(self._lost)
            failure = "the disk does not answer" if self._thread.is_alive() else self._failure
        if not missing and not failure:
            return
        what = ", ".join(missing[:6]) + (f" and {len(missing) - 6 + more} more" if len(missing) > 6 else "")
        raise SessionError(
            f"session {self.session_id} is not whole in {self.path}: {what or 'its end'} could not be written"
            + (f" ({failure})" if failure else ""),
            hint="free some space on the disk and check its permissions; the turns before are safe",
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _lose(self, record: Record) -> None:
        self._lost_count += 1
        if len(self._lost) < PENDING_LIMIT:
            self._lost.append(name_of(record))

    def _want_try(self) -> None:
        self._tries_wanted += 1
        self._changed.notify_all()

    # --- the writer's thread ------------------------------------------------------------------------------------

    def _run(self) -> None:
        last = False
        while not last:
            with self._changed:
                quiet = not self._changed.wait_for(self._wanted, self._patience_s) and not self._pending
            if quiet:
                self._fold_in()
                continue
            with self._changed:
                tries, last, batch = self._tries_wanted, self._closing, list(self._pending)
                errands, self._errands = self._errands, []
            failure, rejected = self._write(batch, errands, last)
            self._unfolded = True
            with self._changed:
                new_failure = failure and not self._failure
                self._failure = failure
                if not failure:
                    for _ in batch:
                        self._pending.popleft()
                    for record, _why in rejected:
                        self._lose(record)
                self._tries_made = tries
                for errand in errands:
                    errand.failure = failure or errand.failure
                    errand.answered = True
                late = [e.late for e in errands if e.abandoned and e.late is not None and not e.failure]
                self._changed.notify_all()
            for tell in late:
                tell()
            for record, why in rejected if not failure else ():
                self._on_error(f"the session record refuses {name_of(record)}: {why}")
            if new_failure:
                self._on_error(f"the session record {self.path} cannot be written ({failure}); it is tried again")
        with self._changed:
            for errand in self._errands:  # asked while the last batch was written
                errand.failure, errand.answered = "it is closed", True
            self._changed.notify_all()
        self._connection.close()

    def _wanted(self) -> bool:
        return self._tries_made < self._tries_wanted or bool(self._errands)

    @property
    def _patience_s(self) -> float | None:
        if not self._pending:
            return _IDLE_S if self._unfolded else None
        return RETRY_S if self._failure else LAZY_S

    def _fold_in(self) -> None:
        """A long write-ahead log goes into the file now, when nobody waits."""
        self._unfolded = False
        with contextlib.suppress(OSError, sqlite3.Error):  # it will be tried again, and lacks nothing until then
            if self.path.with_name(self.path.name + "-wal").stat().st_size <= CHECKPOINT_BYTES:
                return
            self._connection.execute("PRAGMA busy_timeout = 50")  # who reads just now is not waited for
            try:
                self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            finally:
                self._connection.execute(f"PRAGMA busy_timeout = {round(BUSY_TIMEOUT_S * 1000)}")

    def _write(self, batch: list[Record], errands: list[_Errand], last: bool) -> tuple[str, list[tuple[Record, str]]]:
        """All of the batch or nothing. Returns why it failed ("" if not) and the records that make no sense."""
        rejected: list[tuple[Record, str]] = []
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            for record in batch:
                try:
                    if not written(self._connection, self.session_id, record):
                        rejected.append((record, "there is no such turn"))
                except (sqlite3.IntegrityError, sqlite3.ProgrammingError, OverflowError) as error:
                    # the record is at fault, not the disk: it must not hold up the others for ever
                    rejected.append((record, str(error)))
            for errand in errands:
                self._do(errand)
            if last:
                self._end()
            self._connection.execute("COMMIT")
        except sqlite3.Error as error:
            try:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
            except sqlite3.Error:
                pass  # SQLite has rolled back by itself; the first error is the one to tell
            return reason(error), []
        return "", rejected

    def _do(self, errand: _Errand) -> None:
        """What is wrong with the errand itself undoes it alone; what is wrong with the disk undoes all."""
        self._connection.execute("SAVEPOINT errand")
        try:
            errand.result = errand.work(self._connection)
        except (sqlite3.IntegrityError, sqlite3.ProgrammingError, OverflowError) as error:
            errand.failure = str(error) or type(error).__name__
        except sqlite3.Error:
            raise
        except Exception as error:  # noqa: BLE001 - a mistake in the program must not end the thread that writes
            _log.exception("what was asked of the session record failed")
            errand.failure = str(error) or type(error).__name__
        if errand.failure:
            self._connection.execute("ROLLBACK TO errand")
        self._connection.execute("RELEASE errand")

    def _end(self) -> None:
        now, ending = utc_now(), "failed" if self._failed else RELOAD if self._reloads else "done"
        self._connection.execute(
            "UPDATE session SET ended_at = ?, ending = ?, owner = NULL WHERE id = ?", (now, ending, self.session_id)
        )
        log(self._connection, self.session_id, now, None, 0, "session_ended", f'{{"ending":"{ending}"}}')
