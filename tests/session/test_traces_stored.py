"""Traces in the session record: they come with their turn and go with it, and older files get the table."""

import sqlite3
from pathlib import Path

import pytest
from old_files import old_file

from device.errors import SessionError
from device.session import SessionStore, StoredTrace, TurnCommitted, TurnTraced
from device.session.schema import VERSION

MARKS = '{"format":1,"lost":0,"marks":[["commit",7]]}'


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "sessions.db"


def record(path: Path, turns: int) -> int:
    with SessionStore.open(path).begin("assistant") as recorder:
        for number in range(1, turns + 1):
            recorder.commit_turn(TurnCommitted(number, "Hello.", 0.9, 0, 0, 0, "silence"))
            recorder.trace_turn(TurnTraced(number, MARKS))
    return recorder.session_id


def test_they_are_read_oldest_first_and_the_newest_of_them(path: Path) -> None:
    record(path, 3)
    record(path, 2)
    store = SessionStore.existing(path)
    keys = [(trace.session_id, trace.number) for trace in store.traces()]
    assert keys == [(1, 1), (1, 2), (1, 3), (2, 1), (2, 2)]
    assert [(t.session_id, t.number) for t in store.traces(last=3)] == keys[-3:]
    assert [(t.session_id, t.number) for t in store.traces(1, last=1)] == [(1, 3)]
    assert store.traces(2)[0] == StoredTrace(2, 1, MARKS)
    assert store.traces(99) == store.traces(last=0) == []


@pytest.mark.parametrize("forgotten", ["session WHERE id = 1", "turn WHERE session = 1"])
def test_who_forgets_a_session_or_its_turns_forgets_the_traces(path: Path, forgotten: str) -> None:
    record(path, 2)
    record(path, 1)
    with sqlite3.connect(path) as db:
        db.execute("PRAGMA foreign_keys = ON")
        db.execute(f"DELETE FROM {forgotten}")
    assert [trace.session_id for trace in SessionStore.existing(path).traces()] == [2]


def test_a_trace_of_no_turn_is_refused_and_named(path: Path) -> None:
    told: list[str] = []
    recorder = SessionStore.open(path, told.append).begin("assistant")
    recorder.trace_turn(TurnTraced(5, MARKS))
    with pytest.raises(SessionError, match="the trace of turn 5 could not be written"):
        recorder.close()
    assert "the trace of turn 5" in told[0]


def test_a_file_of_the_version_before_gets_the_table_and_keeps_its_turns(path: Path) -> None:
    old_file(path, 2)
    assert SessionStore.existing(path).traces() == [], "reading changes nothing"
    with sqlite3.connect(path) as db:
        assert db.execute("PRAGMA user_version").fetchone() == (2,)
    record(path, 1)
    assert [trace.session_id for trace in SessionStore.existing(path).traces()] == [3]
    assert SessionStore.existing(path).turns(1)[0].committed.user_text == "What time is it?"
    with sqlite3.connect(path) as db:
        assert db.execute("PRAGMA user_version").fetchone() == (VERSION,)
        assert db.execute("PRAGMA foreign_key_check").fetchall() == []


def test_reading_makes_and_moves_nothing(path: Path) -> None:
    with pytest.raises(SessionError, match="there is no session record"):
        SessionStore.existing(path)
    assert list(path.parent.iterdir()) == []
    path.write_bytes(b"\0" * 4096)
    with pytest.raises(SessionError, match="is damaged"):
        SessionStore.existing(path)
    assert path.read_bytes() == b"\0" * 4096
    path.write_bytes(b"Dear diary, ...")
    with pytest.raises(SessionError, match="not a session record"):
        SessionStore.existing(path)
