"""What a dying SD card or a power cut makes of the file: never a crash, never a word invented, nothing thrown away."""

import os
import random
import shutil
import sqlite3
from pathlib import Path

import pytest

from device.dialogue import events as ev
from device.dialogue.deeds import Call
from device.errors import SessionError
from device.session import SessionStore, TurnCommitted
from device.session.forgetting import forget
from device.session.from_events import Scribe
from device.session.journal import Journal
from device.session.resumption import unfinished


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "here" / "sessions.db"


def words(number: int) -> str:
    return f"turn {number} " + "x" * 700


def crashed(path: Path, turns: int = 40) -> None:
    """Files as a power cut leaves them: the write-ahead log has not been folded in."""
    store = SessionStore.open(path)
    recorder = store.begin("assistant")
    journal = Journal(recorder)
    for number in range(1, turns + 1):
        recorder.commit_turn(TurnCommitted(number, words(number), 0.9, 0, 1, 2, "silence"))
        assert journal.begin_call(Call(number, 0, "note", {})) is None
    copy = path.parent.with_name("copy")
    shutil.copytree(path.parent, copy)
    recorder.close()
    shutil.rmtree(path.parent)
    copy.rename(path.parent)
    with sqlite3.connect(path) as db:
        db.execute("UPDATE session SET owner = NULL")
    db.close()


def crashed_in_wal(path: Path, turns: int = 40) -> Path:
    """The same, and all of it is in the write-ahead log."""
    SessionStore.open(path)
    recorder = SessionStore.open(path).begin("assistant")
    for number in range(1, turns + 1):
        recorder.commit_turn(TurnCommitted(number, words(number), 0.9, 0, 1, 2, "silence"))
        assert recorder.flush(20.0)
    copy = path.parent.with_name("copy")
    shutil.copytree(path.parent, copy)
    recorder.close()
    shutil.rmtree(path.parent)
    copy.rename(path.parent)
    wal = path.with_name(path.name + "-wal")
    assert wal.stat().st_size > 32
    return wal


def opened(path: Path) -> tuple[SessionStore, list[str]]:
    """It opens, it can be written, and what it says is right."""
    told: list[str] = []
    store = SessionStore.open(path, told.append)
    with store.begin("assistant") as recorder:
        recorder.commit_turn(TurnCommitted(1, "after", 0.9, 0, 1, 2, "silence"))
    again = SessionStore.open(path)
    assert again.set_aside is None, "once set aside, it is sound"
    assert [t.committed.user_text for t in again.turns(recorder.session_id)] == ["after"]
    unfinished(again, "assistant", 600)
    return store, told


@pytest.mark.parametrize("seed", range(12))
def test_a_write_ahead_log_torn_anywhere_is_a_beginning_of_what_was_written(path: Path, seed: int) -> None:
    wal = crashed_in_wal(path)
    chance = random.Random(seed)
    content = bytearray(wal.read_bytes())
    at = chance.randrange(len(content))
    if seed % 3 == 0:
        del content[at:]
    else:  # a sector that was not written, or that was written with rubbish
        content[at : at + 512] = bytes(512) if seed % 3 == 1 else chance.randbytes(512)
    wal.write_bytes(content)
    path.with_name(path.name + "-shm").unlink(missing_ok=True)
    store, told = opened(path)
    assert store.set_aside is None
    assert told == []
    left = [turn.committed.user_text for turn in store.turns(1)]
    assert left == [words(n) for n in range(1, len(left) + 1)]


@pytest.mark.parametrize("seed", range(16))
def test_rubbish_in_the_pages_is_set_aside_or_harmless(path: Path, seed: int) -> None:
    crashed(path)
    chance = random.Random(seed)
    content = bytearray(path.read_bytes())
    for _ in range(3):
        at = chance.randrange(4096, len(content))
        content[at : at + chance.randrange(1, 4000)] = chance.randbytes(1 + seed)
    path.write_bytes(content)
    store, told = opened(path)
    assert (store.set_aside is not None) == bool(told)
    if store.set_aside is not None:
        assert store.set_aside.exists()
        assert str(store.set_aside) in told[0]


@pytest.mark.parametrize("left", [1, 16, 99, 512, 4095, 4096, 4097, 9000])
def test_a_file_cut_off_anywhere_is_set_aside(path: Path, left: int) -> None:
    crashed(path)
    content = path.read_bytes()
    path.write_bytes(content[:left])
    if left < 16:  # nobody can say whose it is
        with pytest.raises(SessionError, match="is not a session record"):
            SessionStore.open(path)
        return
    store, told = opened(path)
    assert store.set_aside is not None
    assert store.set_aside.read_bytes() == content[:left]
    assert len(told) == 1


def test_a_file_cut_to_nothing_does_not_take_its_write_ahead_log_with_it(path: Path) -> None:
    log = crashed_in_wal(path).read_bytes()
    path.write_bytes(b"")
    store, told = opened(path)
    assert store.set_aside is not None
    assert store.set_aside.with_name(store.set_aside.name + "-wal").read_bytes() == log
    assert len(told) == 1


def test_the_write_ahead_log_is_set_aside_with_its_file(path: Path) -> None:
    wal = crashed_in_wal(path)
    log = wal.read_bytes()
    path.write_bytes(bytes(4096) + path.read_bytes()[4096:])
    wal.write_bytes(log)
    store, _told = opened(path)
    assert store.set_aside is not None
    aside = store.set_aside.with_name(store.set_aside.name + "-wal")
    assert aside.read_bytes() == log


@pytest.mark.parametrize("spoilt", [b"turn 4 x", b'{"index":', b'{"text":', b'{"number', b'"question"'])
def test_rubbish_that_no_check_finds_is_borne(path: Path, spoilt: bytes) -> None:
    """Pages have no checksum: the middle of a text may be anything, and the next start must not fail of it."""
    recorder = SessionStore.open(path).begin("assistant")
    scribe, journal = Scribe(recorder), Journal(recorder)
    for number in range(1, 5):
        scribe.on_event(ev.Commit(number, number, words(number), "silence"))
        scribe.on_event(ev.Asked(number, number, "note", {"number": number}, "Note it?"))
        scribe.on_event(ev.Settled(number, number, number, "yes"))
        assert journal.begin_call(Call(number, 0, "note", {"number": number})) is None
    scribe.on_event(ev.Asked(9, 4, "note", {"number": 9}, "Note it?"))
    recorder.close()
    with sqlite3.connect(path) as db:
        db.execute("UPDATE session SET ended_at = NULL")
    db.close()
    content = path.read_bytes()
    assert spoilt in content
    path.write_bytes(content.replace(spoilt, b"\xff" * len(spoilt)))
    store = SessionStore.open(path)
    assert store.set_aside is None
    broken = unfinished(store, "assistant", 600)
    assert broken is not None
    assert len(broken.messages) == 4
    recorder = store.begin("assistant", broken.session_id)
    assert len(Journal(recorder).undelivered()) == 4
    recorder.close()
    assert len(store.events(1)) >= 18
    assert len(store.calls(1)) == 4
    assert forget(store, [1]).wiped


def test_a_folder_in_its_place_is_told_and_left(path: Path) -> None:
    path.mkdir(parents=True)
    (path / "photo.jpg").touch()
    with pytest.raises(SessionError, match="it is a folder"):
        SessionStore.open(path)
    assert (path / "photo.jpg").exists()


@pytest.mark.skipif(os.geteuid() == 0, reason="root writes everywhere")
def test_a_read_only_file_is_told(path: Path) -> None:
    crashed(path)
    path.chmod(0o400)
    with pytest.raises(SessionError, match="read-only"):
        SessionStore.open(path)


def test_a_disk_that_turns_read_only_runs_no_call(path: Path) -> None:
    recorder = SessionStore.open(path, lambda _: None).begin("assistant")
    journal = Journal(recorder)
    recorder.ask(lambda connection: connection.execute("PRAGMA user_version"))
    recorder._connection.execute("PRAGMA query_only = ON")
    outcome = journal.begin_call(Call(1, 0, "note", {}))
    assert outcome is not None
    assert outcome.status == "failed"
    assert "read-only" in outcome.error
    recorder._connection.execute("PRAGMA query_only = OFF")
    recorder.close()
