"""What is done is written down before it is done, so that nothing is done twice.

    journal = Journal(recorder)
    if (known := journal.begin_call(call, read_only=False)) is None:
        outcome = skill.run(...); journal.end_call(call, outcome)
    journal.state("timers").put("tea", {"rings_at": "2026-07-01T12:05:00+02:00"})

A call is named by session, turn and index. Its begin is safe on the disk before the skill runs; if it cannot be, the
skill does not run. Its end is safe when `end_call` returns, or is tried again. A begin without an end, after a crash,
is a call that may have been done: it is "unknown" for good. All may be called from any thread; all wait for the disk
but those for calls that change nothing.
"""

import json
import logging
import sqlite3
import threading
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

from device.dialogue.deeds import Call, Outcome, Undelivered
from device.errors import SessionError
from device.session.database import reading
from device.session.recorder import SessionRecorder
from device.session.records import CallBegun, CallFinished
from device.session.rows import json_of, log, text_of, utc_now, written
from device.session.undelivered import undelivered
from device.skills.skill import SkillError

END_TIMEOUT_S = 5.0
MAX_VALUE_CHARS = 256 * 1024  #: of one value of a state, as JSON
_REMEMBERED = 256  # outcomes of this session that need no look into the file

NOT_WRITTEN = "I cannot write to my memory, so I have not done that."
IN_WORK = "I am not sure whether that was done."

_log = logging.getLogger("nearfield.session")


class Journal:
    """The calls and the state of one session, through its one writer."""

    def __init__(self, recorder: SessionRecorder, *, not_written: str = NOT_WRITTEN, in_work: str = IN_WORK) -> None:
        """`not_written`, `in_work`: said when a call is not made because its begin cannot be written; because the same
        call is being made already."""
        self._recorder = recorder
        self._not_written = not_written
        self._in_work = in_work
        self._lock = threading.Lock()
        self._outcomes: OrderedDict[tuple[int, int], Outcome] = OrderedDict()  # guarded by _lock
        self._unwritten: set[tuple[int, int]] = set()  # of calls that change nothing; guarded by _lock

    def begin_call(self, call: Call, read_only: bool = False, aside: bool = False) -> Outcome | None:
        """None: run it now. An outcome: do not; it was carried out before, or cannot be. Never raises.

        `aside`: its result is told later, and is kept until then.
        """
        key = (call.turn, call.index)
        try:
            arguments = json_of(dict(call.arguments))
        except (TypeError, ValueError) as error:
            return Outcome("failed", self._not_written, error=f"its arguments are no JSON: {error}")
        begun = CallBegun(utc_now(), call.turn, call.index, call.skill, arguments, read_only, aside)
        if read_only:
            with self._lock:
                self._unwritten.add(key)
            self._recorder.write(begun, soon=aside)
            return None
        with self._lock:
            known = self._outcomes.get(key)
        if known is not None:
            return known
        session = self._recorder.session_id
        never_ran = Outcome("failed", self._not_written, error="the disk took too long")
        try:
            return self._recorder.ask(
                lambda connection: self._begun(connection, session, begun),
                late=lambda: self._recorder.write(_finished(call, never_ran)),
            )
        except SessionError as error:
            return Outcome("failed", self._not_written, error=error.message)

    def end_call(self, call: Call, outcome: Outcome) -> None:
        """Write down what came of it. Never raises: what cannot be written now is tried again, and told of."""
        key = (call.turn, call.index)
        with self._lock:
            read_only = key in self._unwritten
            self._unwritten.discard(key)
            if not read_only:
                self._outcomes[key] = outcome
                while len(self._outcomes) > _REMEMBERED:
                    self._outcomes.popitem(last=False)
        record = _finished(call, outcome)
        if read_only:
            self._recorder.write(record)
            return
        session = self._recorder.session_id
        try:
            self._recorder.ask(lambda connection: written(connection, session, record), END_TIMEOUT_S)
        except SessionError as error:
            _log.warning("the end of a call is not written yet: %s (%s)", call.skill, error.message)
            self._recorder.write(record)  # stays in the queue until it is

    def _begun(self, connection: sqlite3.Connection, session: int, begun: CallBegun) -> Outcome | None:
        row = connection.execute(
            "SELECT skill, arguments, read_only, status, say, data, error FROM call"
            " WHERE session = ? AND turn = ? AND number = ?",
            (session, begun.turn, begun.index),
        ).fetchone()
        if row is None:
            written(connection, session, begun)
            return None
        skill, arguments, read_only, status, *rest = row
        if (skill, arguments) != (begun.skill, begun.arguments) or read_only:
            error = f"call {begun.index} of turn {begun.turn} was another one: {skill}"
            return Outcome("failed", self._not_written, error=error)
        return Outcome("unknown", self._in_work, error="begun before") if status is None else Outcome(status, *rest)

    def state(self, group: str) -> "StoredState":
        """What the skills of that group keep (`device.skills.skill.State`)."""
        return StoredState(self._recorder, group)

    def undelivered(self) -> list[Undelivered]:
        """What sessions before this one have not told (`device.session.undelivered`). Raises SessionError."""
        session = self._recorder.session_id
        with reading(self._recorder.path) as connection:
            return undelivered(connection, session)


class StoredState:
    """`device.skills.skill.State` in the session record. The table counts; the log tells how it came about."""

    def __init__(self, recorder: SessionRecorder, group: str) -> None:
        self._recorder = recorder
        self._group = group

    def get(self, name: str) -> Any:
        """None: there is none. Raises SkillError when it cannot be read."""
        rows = self._read("SELECT value FROM state WHERE family = ? AND name = ?", (self._group, name))
        return _value(rows[0][0], self._group) if rows else None

    def all(self) -> Mapping[str, Any]:
        """Every value by name, in the order of their names. Raises SkillError when it cannot be read."""
        rows = self._read("SELECT name, value FROM state WHERE family = ? ORDER BY name", (self._group,))
        values = ((name, _value(text, self._group)) for name, text in rows)
        return {name: value for name, value in values if value is not None}

    def put(self, name: str, value: Any) -> None:
        """Safe on the disk when it returns; None: forget it. Raises SkillError when it cannot be written."""
        try:
            text = None if value is None else text_of(json_of(value))
        except (TypeError, ValueError) as error:
            raise SkillError("I cannot keep that.", hint=f"{self._group}.{name} is no JSON: {error}") from error
        if text is not None and len(text) > MAX_VALUE_CHARS:
            raise SkillError("That is too much for me to keep.", hint=f"{self._group}.{name}: {len(text)} characters")
        session, now = self._recorder.session_id, utc_now()

        def work(connection: sqlite3.Connection) -> None:
            if text is None:
                connection.execute("DELETE FROM state WHERE family = ? AND name = ?", (self._group, name))
            else:
                connection.execute("INSERT OR REPLACE INTO state VALUES (?, ?, ?)", (self._group, name, text))
            content = json_of({"group": self._group, "name": name, "value": value})
            log(connection, session, now, None, 0, "kept", content)

        try:
            self._recorder.ask(work)
        except SessionError as error:
            raise SkillError("I cannot write that down.", hint=error.message) from error

    def _read(self, sql: str, values: tuple[Any, ...]) -> list[tuple[Any, ...]]:
        try:
            with reading(self._recorder.path) as connection:  # everything that `ask` has acknowledged is there
                return connection.execute(sql, values).fetchall()
        except SessionError as error:
            raise SkillError("I cannot read what I wrote down.", hint=error.message) from error


def _value(text: str, group: str) -> Any:
    """None: it is damaged, which is told, and as good as forgotten."""
    try:
        return json.loads(text)
    except ValueError:
        _log.warning("something that the skills of '%s' kept is damaged and cannot be read", group)
        return None


def _finished(call: Call, outcome: Outcome) -> CallFinished:
    return CallFinished(utc_now(), call.turn, call.index, outcome.status, outcome.say, outcome.data, outcome.error)
