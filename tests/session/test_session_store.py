"""The session record: what is written, what survives, and what is said when it cannot be written."""

import os
import signal
import sqlite3
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path

import pytest

from device.errors import SessionError
from device.session import SessionStore, StoredTurn, TurnCommitted, TurnFinished
from device.session.recorder import CHECKPOINT_BYTES, PENDING_LIMIT
from device.session.schema import APPLICATION_ID, VERSION, migrate

ROOT = Path(__file__).resolve().parents[2]
SAFE_S = 20.0  # long enough for a slow disk; a sound one takes milliseconds


def committed(number: int, text: str = "What time is it?") -> TurnCommitted:
    return TurnCommitted(
        number=number,
        user_text=text,
        stt_probability=0.9,
        speech_start_sample=16_000 * number,
        speech_end_sample=16_000 * number + 8_000,
        commit_sample=16_000 * number + 12_000,
        commit_reason="silence",
    )


def finished(number: int, heard: str = "It is") -> TurnFinished:
    return TurnFinished(
        number=number,
        reply_generated="It is noon.",
        reply_heard=heard,
        interrupted=True,
        playout_start_sample=16_000 * number + 13_000,
        playout_end_sample=16_000 * number + 15_000,
        error=None,
    )


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "deep" / "down" / "sessions.db"


@pytest.mark.parametrize("before", [None, 0o644, 0o660], ids=["new", "of an older version", "shared with a group"])
def test_what_was_said_is_its_owners_to_read(path: Path, before: int | None) -> None:
    if before is not None:
        SessionStore.open(path)
        path.chmod(before)
    mask = os.umask(0o022)
    try:
        with SessionStore.open(path).begin("assistant") as recorder:
            recorder.commit_turn(committed(1))
            assert recorder.flush(SAFE_S)
            modes = {file.name: file.stat().st_mode & 0o777 for file in path.parent.iterdir()}
    finally:
        os.umask(mask)
    assert set(modes) == {"sessions.db", "sessions.db-wal", "sessions.db-shm"}
    expected = {None: 0o600, 0o644: 0o640, 0o660: 0o660}[before]
    assert set(modes.values()) == {expected}, "a group is the owner's own doing"


def test_what_was_recorded_reads_back_whole(path: Path) -> None:
    store = SessionStore.open(path)
    assert store.latest() is None
    with store.begin("assistant") as recorder:
        recorder.commit_turn(committed(1, "naïve 🙂 'quoted'; --"))
        recorder.finish_turn(finished(1))
        typed = TurnCommitted(2, "typed", None, None, None, 99, "typed")
        recorder.commit_turn(typed)
    session = store.latest()
    assert session is not None
    assert (session.id, session.persona, session.sample_rate_hz) == (recorder.session_id, "assistant", 16_000)
    assert session.ended_at is not None
    assert session.ended_at >= session.started_at
    assert store.turns(session.id) == [
        StoredTurn(committed(1, "naïve 🙂 'quoted'; --"), finished(1)),
        StoredTurn(typed, None),
    ]
    assert store.turns(12345) == []
    assert not path.with_name("sessions.db-wal").exists(), "the log was not folded into the file at the end"


def test_sessions_are_kept_apart_and_numbers_are_never_used_again(path: Path) -> None:
    store = SessionStore.open(path)
    for text in ("first", "second"):
        with store.begin("assistant") as recorder:
            recorder.commit_turn(committed(1, text))
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute("DELETE FROM session WHERE id = 2")
    connection.commit()
    assert connection.execute("SELECT count(*) FROM turn").fetchone() == (1,)
    connection.close()
    with SessionStore.open(path).begin("assistant") as third:
        assert third.session_id == 3
    assert store.turns(1)[0].committed.user_text == "first"


def test_the_file_is_ready_for_later_versions_and_safe_in_a_power_cut(path: Path) -> None:
    SessionStore.open(path)
    connection = sqlite3.connect(path)
    assert connection.execute("PRAGMA user_version").fetchone() == (VERSION,)
    assert connection.execute("PRAGMA application_id").fetchone() == (APPLICATION_ID,)
    assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    connection.close()


def test_several_threads_may_open_a_new_file_at_once(path: Path) -> None:
    errors: list[Exception] = []

    def work() -> None:
        try:
            SessionStore.open(path).begin("assistant").close()
        except Exception as error:  # noqa: BLE001 - handed to the test
            errors.append(error)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    session = SessionStore.open(path).latest()
    assert session is not None
    assert session.id == 4


@pytest.mark.parametrize("look_number", [1, 2, 3, 4, 5])
def test_a_file_that_somebody_makes_at_this_moment_is_not_damaged(
    path: Path, monkeypatch: pytest.MonkeyPatch, look_number: int
) -> None:
    """Empty at one look at it, and with a write-ahead log at the next."""
    path.parent.mkdir(parents=True)
    path.touch()
    look, looks, others = Path.stat, list[Path](), list[sqlite3.Connection]()

    def stat(self: Path, **how: bool) -> os.stat_result:
        seen = look(self, **how)
        looks.append(self)
        if looks.count(path) == look_number and not others:
            others.append(sqlite3.connect(path))
            others[0].execute("PRAGMA journal_mode = WAL")
            migrate(others[0])
        return seen

    monkeypatch.setattr(Path, "stat", stat)
    store = SessionStore.open(path)
    assert store.set_aside is None
    assert others
    others[0].close()


def test_looking_at_a_record_lets_go_of_no_lock_on_it(path: Path) -> None:
    """POSIX takes all of a process's locks on a file when it closes any descriptor of it."""
    SessionStore.open(path).begin("assistant").close()
    holder = sqlite3.connect(path, isolation_level=None)
    holder.execute("PRAGMA journal_mode = DELETE")
    holder.execute("BEGIN EXCLUSIVE")
    words = f"import sqlite3; sqlite3.connect({str(path)!r}, timeout=0).execute('SELECT * FROM session')"

    def other() -> str:
        return subprocess.run([sys.executable, "-c", words], capture_output=True, text=True, check=False).stderr

    assert "locked" in other()
    with pytest.raises(SessionError):
        SessionStore.existing(path)
    assert "locked" in other()
    holder.execute("ROLLBACK")
    holder.close()
    assert other() == ""


@pytest.mark.skipif(sys.platform != "linux", reason="descriptors are counted by way of /proc")
def test_many_who_read_at_once_leave_no_more_open_than_one(path: Path) -> None:
    """SQLite cannot close a reader's descriptor while the writer holds its lock, and keeps it for the next."""

    def still_open() -> int:
        links = [str(each.readlink()) for each in Path("/proc/self/fd").iterdir() if each.is_symlink()]
        return links.count(str(path))

    store = SessionStore.open(path)
    with store.begin("assistant") as recorder:
        recorder.commit_turn(committed(1))
        recorder.flush(SAFE_S)
        store.turns(recorder.session_id)
        after_one = still_open()
        together = threading.Barrier(8)

        def read() -> None:
            together.wait()
            for _ in range(20):
                store.turns(recorder.session_id)

        readers = [threading.Thread(target=read) for _ in range(8)]
        for each in readers:
            each.start()
        for each in readers:
            each.join()
        assert still_open() == after_one


def test_half_a_character_does_not_hold_up_the_record(path: Path) -> None:
    store = SessionStore.open(path)
    with store.begin("assistant") as recorder:
        recorder.commit_turn(committed(1, "caf\udce9 \0 end"))
    assert store.turns(recorder.session_id)[0].committed.user_text == "caf? \0 end"


def test_records_that_make_no_sense_are_refused_and_the_others_written(path: Path) -> None:
    told: list[str] = []
    store = SessionStore.open(path, told.append)
    recorder = store.begin("assistant")
    recorder.commit_turn(committed(1))
    recorder.commit_turn(committed(1))
    recorder.finish_turn(finished(7))
    recorder.commit_turn(committed(2))
    with pytest.raises(SessionError, match=r"turn 1, the answer of turn 7 could not be written"):
        recorder.close()
    assert [turn.committed.number for turn in store.turns(recorder.session_id)] == [1, 2]
    assert len(told) == 2
    recorder.close()  # the second time is quiet
    recorder.commit_turn(committed(3))
    assert "it is closed" in told[-1]


def test_kill_at_any_moment_leaves_every_turn_that_was_safe(path: Path) -> None:
    program = textwrap.dedent("""
        import sys
        from pathlib import Path
        from device.session import SessionStore, TurnCommitted, TurnFinished
        recorder = SessionStore.open(Path(sys.argv[1])).begin("assistant")
        number = 0
        while True:
            number += 1
            recorder.commit_turn(TurnCommitted(number, "text" * 500, 0.5, 0, 1, 2, "silence"))
            recorder.finish_turn(TurnFinished(number, "reply" * 500, "rep", False, 3, 4, None))
            if recorder.flush(20.0):
                print(number, flush=True)
    """)
    process = subprocess.Popen([sys.executable, "-c", program, str(path)], stdout=subprocess.PIPE, text=True, cwd=ROOT)
    assert process.stdout is not None
    safe = 0
    for line in process.stdout:
        safe = int(line)
        if safe == 25:
            os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert process.returncode == -signal.SIGKILL
    store = SessionStore.open(path)
    assert store.set_aside is None
    session = store.latest()
    assert session is not None
    assert session.ended_at is None
    turns = store.turns(session.id)
    assert [turn.committed.number for turn in turns[:safe]] == list(range(1, safe + 1))
    assert all(turn.finished is not None and turn.committed.user_text == "text" * 500 for turn in turns[:safe])


def test_a_lock_held_by_another_program_costs_nothing_but_time(path: Path) -> None:
    told: list[str] = []
    store = SessionStore.open(path, told.append)
    recorder = store.begin("assistant")
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    recorder.commit_turn(committed(1))
    assert recorder.flush(SAFE_S) is False
    recorder.commit_turn(committed(2))
    assert recorder.flush(SAFE_S) is False
    assert len(told) == 1, "one failure is told once, not with each try"
    assert "another program holds it locked" in told[0]
    other.execute("ROLLBACK")
    other.close()
    recorder.commit_turn(committed(3))
    assert recorder.flush(SAFE_S) is True
    recorder.close()
    assert [turn.committed.number for turn in store.turns(recorder.session_id)] == [1, 2, 3]


def test_what_could_not_be_written_is_named_at_the_end(path: Path) -> None:
    recorder = SessionStore.open(path, lambda _: None).begin("assistant")
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    for number in range(1, PENDING_LIMIT + 11):
        recorder.commit_turn(committed(number))
    with pytest.raises(SessionError) as caught:
        recorder.close()
    other.close()
    message = caught.value.message
    assert f"session {recorder.session_id} is not whole in {path}" in message
    assert f"turn {PENDING_LIMIT + 1}" in message, "the oldest are kept, the newest are dropped"
    assert f"and {PENDING_LIMIT + 4} more" in message
    assert "another program holds it locked" in message


def test_a_full_disk_in_the_middle_is_survived(path: Path) -> None:
    """A limit on the size of a file stands in for the disk: the system refuses the write just the same."""
    program = textwrap.dedent("""
        import resource, signal, sys
        from pathlib import Path
        from device.session import SessionStore, TurnCommitted
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        told = []
        store = SessionStore.open(Path(sys.argv[1]), told.append)
        recorder = store.begin("assistant")
        def commit(number):
            recorder.commit_turn(TurnCommitted(number, "x" * 20000, 0.5, 0, 1, 2, "silence"))
            return recorder.flush(20.0)
        assert commit(1)
        hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
        resource.setrlimit(resource.RLIMIT_FSIZE, (4096, hard))
        assert not commit(2) and not commit(3)
        assert len(told) == 1 and "cannot be written" in told[0], told
        resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
        assert commit(4)
        recorder.close()
        print([turn.committed.number for turn in store.turns(recorder.session_id)])
    """)
    done = subprocess.run(
        [sys.executable, "-c", program, str(path)], capture_output=True, text=True, cwd=ROOT, timeout=120, check=False
    )
    assert (done.stdout, done.stderr) == ("[1, 2, 3, 4]\n", "")


def test_a_long_write_ahead_log_is_folded_in_while_nobody_writes(path: Path) -> None:
    recorder = SessionStore.open(path).begin("assistant")
    log = path.with_name("sessions.db-wal")
    for number in range(1, 21):
        recorder.commit_turn(committed(number, "x" * 100_000))
    assert recorder.flush(SAFE_S)
    assert log.stat().st_size > CHECKPOINT_BYTES
    deadline_s = time.monotonic() + SAFE_S
    while log.stat().st_size and time.monotonic() < deadline_s:
        time.sleep(0.01)
    assert log.stat().st_size == 0
    recorder.commit_turn(committed(21))
    recorder.close()
    assert len(SessionStore.open(path).turns(1)) == 21


@pytest.mark.parametrize("damage", ["page", "zeros", "cut"])
def test_a_damaged_file_is_set_aside_and_a_new_one_begun(path: Path, damage: str) -> None:
    with SessionStore.open(path).begin("assistant") as recorder:
        for number in range(1, 50):
            recorder.commit_turn(committed(number, "x" * 3_000))
    content = bytearray(path.read_bytes())
    if damage == "page":
        content[4096 * 3 : 4096 * 8] = os.urandom(4096 * 5)
    elif damage == "zeros":
        content[:4096] = bytes(4096)
    else:
        del content[len(content) // 2 :]
    path.write_bytes(content)
    told: list[str] = []
    store = SessionStore.open(path, told.append)
    assert store.set_aside is not None
    assert store.set_aside.read_bytes() == content, "the damaged file is kept as it was"
    assert len(told) == 1
    assert str(store.set_aside) in told[0]
    assert store.latest() is None
    store.begin("assistant").close()
    assert SessionStore.open(path).set_aside is None


def test_a_file_of_somebody_else_is_not_touched(tmp_path: Path) -> None:
    text = tmp_path / "notes.txt"
    text.write_text("dear diary")
    with pytest.raises(SessionError, match="is not a session record: it is not a SQLite database"):
        SessionStore.open(text)
    assert text.read_text() == "dear diary"
    other = tmp_path / "other.db"
    connection = sqlite3.connect(other)
    connection.execute("CREATE TABLE recipes (name TEXT)")
    connection.commit()
    connection.close()
    before = other.read_bytes()
    with pytest.raises(SessionError, match="it belongs to another program"):
        SessionStore.open(other)
    assert other.read_bytes() == before
    with pytest.raises(SessionError, match="it is a folder"):
        SessionStore.open(tmp_path)


def test_a_newer_version_is_left_alone(path: Path) -> None:
    SessionStore.open(path)
    connection = sqlite3.connect(path)
    connection.execute(f"PRAGMA user_version = {VERSION + 1}")
    connection.close()
    with pytest.raises(SessionError, match="newer version of nearfield") as caught:
        SessionStore.open(path)
    assert "update nearfield" in caught.value.hint


def test_places_that_cannot_be_written_to(tmp_path: Path) -> None:
    with pytest.raises(SessionError, match=r"the folder /proc/nearfield of the session record cannot be made"):
        SessionStore.open(Path("/proc/nearfield/sessions.db"))
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with pytest.raises(SessionError, match="it is a device or a pipe, not a file"):
        SessionStore.open(pipe)
    assert pipe.is_fifo()


def test_an_empty_file_is_a_new_one(path: Path) -> None:
    path.parent.mkdir(parents=True)
    path.touch()
    store = SessionStore.open(path)
    store.begin("assistant").close()
    assert store.set_aside is None
