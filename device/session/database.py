"""Opening the SQLite file of the record, and saying what is wrong when it will not open.

    connection = connect(path)
    ...
    except sqlite3.Error as error:
        raise session_error(path, "written", error) from error

Power cuts: WAL with synchronous=FULL. WAL alone (NORMAL) cannot be corrupted by a power cut but may lose the last
commits; FULL adds one fsync a commit, and there are two or three commits a turn: some milliseconds each on an SD card,
in the writer's own thread.
"""

import contextlib
import os
import sqlite3
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from device.errors import SessionError
from device.session.schema import APPLICATION_ID, VERSION, migrate

BUSY_TIMEOUT_S = 2.0
_MAGIC = b"SQLite format 3\0"
_DAMAGED = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)

_heads: dict[tuple[int, int], int] = {}  # device and number of a file -> descriptor, see `_head`
_heads_lock = threading.Lock()
_one_reader = threading.Lock()

_REASONS = {
    sqlite3.SQLITE_FULL: ("the disk is full", "free some space, or set session.database to a file on another disk"),
    sqlite3.SQLITE_READONLY: ("it is read-only", "check its permissions and the mount, or set session.database"),
    sqlite3.SQLITE_BUSY: ("another program holds it locked", "end that program, or set session.database"),
    sqlite3.SQLITE_LOCKED: ("another program holds it locked", "end that program, or set session.database"),
    sqlite3.SQLITE_CANTOPEN: ("it cannot be opened", "check its folder and permissions, or set session.database"),
    sqlite3.SQLITE_PERM: ("there is no permission", "check its permissions, or set session.database"),
    sqlite3.SQLITE_IOERR: ("reading or writing failed", "look for disk errors with 'dmesg', or for a full disk"),
}


def connect(path: Path) -> sqlite3.Connection:
    """A connection in autocommit mode that any one thread at a time may use. Raises sqlite3.Error."""
    connection = sqlite3.connect(path, timeout=BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False)
    # a bad sector in the middle of a text is found by no check; what is left of the words is better than an error
    connection.text_factory = lambda raw: raw.decode("utf-8", "replace")
    try:
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("PRAGMA synchronous = FULL")
    except sqlite3.Error:
        connection.close()
        raise
    return connection


@contextlib.contextmanager
def reading(path: Path) -> Iterator[sqlite3.Connection]:
    """A connection for one short look, closed behind it. Raises SessionError for what SQLite raises within it.

    One at a time in this process: while the writer holds its lock SQLite cannot close the descriptor of a reader, and
    keeps it for the next one. As many as were ever open together would stay open for as long as the program runs.
    """
    try:
        with _one_reader, contextlib.closing(connect(path)) as connection:
            yield connection
    except sqlite3.Error as error:
        raise session_error(path, "read", error) from error


def primary_code(error: sqlite3.Error) -> int:
    """SQLite's primary result code, 0 when the error did not come from SQLite itself."""
    return (getattr(error, "sqlite_errorcode", 0) or 0) & 0xFF


def reason(error: sqlite3.Error) -> str:
    """What went wrong, in words."""
    return _REASONS.get(primary_code(error), (str(error) or type(error).__name__, ""))[0]


def session_error(path: Path, done: str, error: sqlite3.Error) -> SessionError:
    """`done`: "opened", "written"... as in "the session record X cannot be written"."""
    hint = _REASONS.get(primary_code(error), ("", "set session.database to another file"))[1]
    return SessionError(f"the session record {path} cannot be {done}: {reason(error)}", hint=hint)


def prepare(path: Path) -> Path | None:
    """Make `path` a sound database of the present version; returns where a damaged one was moved to, if there was.

    Raises SessionError: read-only, full disk, locked, no database of ours, written by a newer version.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        why = (error.strerror or str(error)).lower()
        raise SessionError(
            f"the folder {path.parent} of the session record cannot be made: {why}",
            hint="set session.database to a file in a folder that can be written to",
        ) from error
    set_aside = _set_aside(path) if _looks_damaged(path) else None
    _keep_from_others(path)
    try:
        connection = connect(path)
        try:
            _write_ahead(connection)
            migrate(connection)
        finally:
            connection.close()
    except sqlite3.Error as error:
        raise session_error(path, "written", error) from error
    return set_aside


def _keep_from_others(path: Path) -> None:
    """What was said is its owner's: a new file is made so, and SQLite gives its write-ahead log the same mode. Of one
    that is there the group is left as it is. Where it cannot be done, opening it says why."""
    with contextlib.suppress(OSError):
        if not path.exists():
            os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
        # never opened where it is: closing it would let go of the locks that this process has on it
        mode = path.stat().st_mode & 0o777
        if mode & 0o007:
            path.chmod(mode & 0o770)


def check(path: Path) -> None:
    """Only look: raises SessionError when `path` is not a sound database of ours; makes and moves nothing."""
    if not path.exists():
        raise SessionError(
            f"there is no session record at {path}",
            hint="talk to it first, with 'nearfield run' or 'nearfield converse'",
        )
    if _looks_damaged(path):
        raise SessionError(
            f"the session record {path} is damaged", hint="the next session sets it aside and begins a new one"
        )


def _write_ahead(connection: sqlite3.Connection) -> None:
    """SQLite does not wait for a lock by itself while it changes the journal's mode: two at once, and one fails."""
    deadline_s = time.monotonic() + BUSY_TIMEOUT_S
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if primary_code(error) != sqlite3.SQLITE_BUSY or time.monotonic() >= deadline_s:
                raise
            time.sleep(0.01)
        else:
            return


def _looks_damaged(path: Path) -> bool:
    """Raises SessionError for a sound file that is not ours or is too new, and for one that cannot be read."""
    try:
        if not path.exists():
            return False
        if not path.is_file():  # a device or a pipe must never be renamed, whatever can be read from it
            raise _not_ours(path, "it is a folder" if path.is_dir() else "it is a device or a pipe, not a file")
        # SQLite has a first page before it has a write-ahead log, and would throw that one away. Looked at in the other
        # order, for somebody may be making both
        log = path.with_name(path.name + "-wal")
        logged = log.is_file() and log.stat().st_size > 0
        if path.stat().st_size == 0:
            return logged
    except OSError as error:
        raise _unreadable(path, error) from error
    head = _head(path)
    if head != _MAGIC:
        if head.strip(b"\0"):
            raise _not_ours(path, "it is not a SQLite database")
        return True  # a first page of zeros is what a dying SD card or a power cut leaves
    try:
        connection = connect(path)
        try:
            _check_identity(path, connection)
            return [row[0] for row in connection.execute("PRAGMA quick_check")] != ["ok"]
        finally:
            connection.close()
    except sqlite3.Error as error:
        if primary_code(error) in _DAMAGED:
            return True
        raise session_error(path, "opened", error) from error


def _head(path: Path) -> bytes:
    """The first bytes of a file that this process may have open as a database. Raises SessionError.

    The descriptor stays open, one for each file: POSIX takes all locks that a process has on a file when it closes any
    descriptor of it, and another program that then finds none would take the write-ahead log away from under us
    (https://sqlite.org/howtocorrupt.html, 2.2).
    """
    try:
        with _heads_lock:
            found = path.stat()
            which = (found.st_dev, found.st_ino)
            if which not in _heads:
                _heads[which] = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
            return os.pread(_heads[which], len(_MAGIC), 0)
    except OSError as error:
        raise _unreadable(path, error) from error


def _unreadable(path: Path, error: OSError) -> SessionError:
    why = (error.strerror or str(error)).lower()
    return SessionError(
        f"the session record {path} cannot be read: {why}", hint="check its permissions, or set session.database"
    )


def _check_identity(path: Path, connection: sqlite3.Connection) -> None:
    identity = connection.execute("PRAGMA application_id").fetchone()[0]
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    empty = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0] == 0
    if identity != APPLICATION_ID and not (identity == 0 and empty):
        raise _not_ours(path, "it belongs to another program")
    if version > VERSION:
        raise SessionError(
            f"the session record {path} was written by a newer version of nearfield "
            f"(format {version}, this one knows {VERSION})",
            hint="update nearfield, or set session.database to another file",
        )


def _not_ours(path: Path, why: str) -> SessionError:
    return SessionError(f"{path} is not a session record: {why}", hint="set session.database to another file")


def _set_aside(path: Path) -> Path:
    """Give the file and its write-ahead log another name, never one that exists."""
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    target, count = path.with_name(f"{path.name}.damaged-{stamp}"), 1
    while target.exists():
        count += 1
        target = path.with_name(f"{path.name}.damaged-{stamp}-{count}")
    try:
        for suffix in ("-wal", "-shm", ""):
            source = path.with_name(path.name + suffix)
            if source.exists():
                source.rename(target.with_name(target.name + suffix))
    except OSError as error:
        why = (error.strerror or str(error)).lower()
        raise SessionError(
            f"the session record {path} is damaged and cannot be set aside: {why}",
            hint="move it away by hand, or set session.database",
        ) from error
    return target
