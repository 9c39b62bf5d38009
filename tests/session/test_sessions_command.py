"""`nearfield sessions`: list, show, export, and forgetting of which nothing is left."""

import io
import json
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from old_files import old_file

from device.cli.main import run_command
from device.dialogue.deeds import Call, Outcome
from device.session import SessionStore, TurnCommitted, TurnFinished
from device.session.journal import Journal
from device.session.turn_audio import audio_folder

ROOT = Path(__file__).resolve().parents[2]


def talk(path: Path, *said: tuple[str, str], persona: str = "assistant") -> int:
    """A session with these words of the user and of the answers."""
    with SessionStore.open(path, lambda _: None).begin(persona) as recorder:
        journal = Journal(recorder)
        for number, (words, answer) in enumerate(said, 1):
            recorder.commit_turn(TurnCommitted(number, words, 0.9, 0, 1, 16_000 * number, "silence"))
            call = Call(number, 0, "note", {"words": words})
            journal.begin_call(call)
            journal.end_call(call, Outcome("done", answer))
            heard = answer.rpartition(" ")[0]
            recorder.finish_turn(TurnFinished(number, answer, heard, True, 3, 4, None))
    return recorder.session_id


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("TZ", "UTC")
    return tmp_path / "sessions.db"


class Sessions:
    def __init__(self, path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self._path = path
        self._capsys = capsys

    def __call__(self, *args: str) -> tuple[int, str, str]:
        status = run_command(["sessions", *args, "--set", f"session.database={self._path}"])
        out, err = self._capsys.readouterr()
        return status, out, err

    def json(self, *args: str) -> dict[str, Any]:
        status, out, err = self(*args, "--json")
        assert (status, err) == (0, "")
        value: dict[str, Any] = json.loads(out)
        return value


@pytest.fixture
def sessions(path: Path, capsys: pytest.CaptureFixture[str]) -> Sessions:
    return Sessions(path, capsys)


def holds(folder: Path, words: str) -> list[Path]:
    """The files under `folder` in which the words are."""
    return [file for file in folder.rglob("*") if file.is_file() and words.encode() in file.read_bytes()]


def test_the_list_fits_and_says_how_each_ended(path: Path, sessions: Sessions) -> None:
    talk(path, ("Hello.", "Hello there."))
    talk(path, persona="a persona with quite a long name of its own")
    SessionStore.open(path).begin("assistant", 1).close(failed=True)
    running = SessionStore.open(path).begin("assistant")
    with sqlite3.connect(path) as db:
        db.execute(
            "INSERT INTO session SELECT 9, started_at, NULL, persona, '', 16000, NULL, 1, 'a:1:2' FROM session LIMIT 1"
        )
    status, out, err = sessions("list")
    assert (status, err) == (0, "")
    lines = out.splitlines()
    assert all(len(line) <= 80 for line in lines[:-1])
    assert [line.split()[4] for line in lines[1:-1]][:4] == ["done", "done", "failed", "running"]
    assert "broke off" in lines[5]
    assert "goes on with 1" in lines[3]
    rows = sessions.json("list", "--last", "2")
    assert [row["id"] for row in rows["sessions"]] == [4, 9]
    assert rows["total"] == 5
    assert rows["sessions"][1]["ending"] == "broke off"
    running.close()


def test_a_session_is_shown_as_it_went(path: Path, sessions: Sessions) -> None:
    long = "Please tell me everything that you know about the history of the town in which I live. " * 2
    talk(path, (long.strip(), "It is a long story."), ("naïve 🙂 \x1b[31m", "Yes."))
    status, out, err = sessions("show")
    assert (status, err) == (0, "")
    assert all(len(line) <= 80 for line in out.splitlines())
    assert "  1 user" in out
    assert 'did  note(words="Please' in out
    assert "said  It is a long" in out
    assert "not heard  story." in out
    assert "said  (nothing was heard)" in out
    assert "\x1b" not in out, "what was said steers no terminal"
    assert sessions.json("show", "1")["turns"][0]["reply_heard"] == "It is a long"


def test_the_export_has_all_of_it(path: Path, sessions: Sessions) -> None:
    talk(path, ("What time is it?", "It is noon."))
    value = sessions.json("export", "1")
    assert (value["format"], value["session"]["id"], value["session"]["turns"]) == (1, 1, 1)
    assert value["calls"][0]["arguments"] == {"words": "What time is it?"}
    types = [event["type"] for event in value["events"]]
    assert types == ["session_begun", "called", "call_ended", "session_ended"]
    _status, out, _err = sessions("export", "1")
    assert json.loads(out) == value, "JSON without being asked for it"
    _status, out, _err = sessions("export", "--text")
    assert "user  What time is it?" in out


def test_a_file_of_an_older_version_is_read_and_not_changed(path: Path, sessions: Sessions) -> None:
    old_file(path, 1)
    before = path.read_bytes()
    assert [row["ending"] for row in sessions.json("list")["sessions"]] == ["ended", "broke off"]
    assert "What time is it?" in sessions("show", "2")[1]
    assert sessions.json("export", "2")["events"] == []
    assert path.read_bytes() == before


@pytest.mark.parametrize("version", [1, 2, 3])
def test_of_a_file_of_an_older_version_can_be_forgotten(path: Path, sessions: Sessions, version: int) -> None:
    old_file(path, version)
    assert holds(path.parent, "It is noon")
    assert sessions("forget", "--before", "2026-05-02", "--yes")[:2] == (0, "forgotten: 2 sessions\n")
    assert holds(path.parent, "It is noon") == []


@pytest.mark.parametrize("how", ["ids", "all", "before"])
def test_of_what_is_forgotten_no_word_is_left(path: Path, sessions: Sessions, how: str) -> None:
    talk(path, *[("My secret is xylophone.", "Your xylophone is safe with me.")] * 30)
    kept = talk(path, ("Hello.", "Hello there."))
    audio = audio_folder(path)
    audio.mkdir()
    for name in ("1-1.flac", "1-30.flac", f"{kept}-1.flac"):
        (audio / name).write_bytes(b"xylophone" if name.startswith("1-") else b"")
    with sqlite3.connect(path) as db:
        db.execute("UPDATE session SET started_at = '2026-05-01T10:00:00+00:00' WHERE id = 1")
    assert holds(path.parent, "xylophone")
    args = {"ids": ("1",), "all": ("--all",), "before": ("--before", "2026-05-02")}[how]
    status, out, err = sessions("forget", *args, "--yes")
    assert (status, err) == (0, "")
    assert out == ("forgotten: 2 sessions\n" if how == "all" else "forgotten: 1 session\n")
    assert holds(path.parent, "xylophone") == []
    store = SessionStore.open(path)
    assert store.set_aside is None
    assert [s.id for s in store.sessions()] == ([] if how == "all" else [kept])
    assert sorted(p.name for p in audio.iterdir()) == ([] if how == "all" else [f"{kept}-1.flac"])


@pytest.mark.parametrize("stamp", ["", "rubbish", "2026-05-01T10:00:00", "2026-05-01T10:00:00+99:00"])
def test_a_damaged_date_keeps_nothing_from_being_forgotten(path: Path, sessions: Sessions, stamp: str) -> None:
    talk(path, ("My secret is xylophone.", "Yes."))
    kept = talk(path, ("Hello.", "Hello there."))
    with sqlite3.connect(path) as db:
        db.execute("UPDATE session SET started_at = ? WHERE id = 1", (stamp,))
    assert sessions("forget", "--before", "2026-05-02", "--yes") == (0, "forgotten: 1 session\n", "")
    assert [s.id for s in SessionStore.open(path).sessions()] == [kept]


@pytest.mark.parametrize("how", ["1", "--all"])
def test_audio_of_which_a_power_cut_left_a_part_is_forgotten_too(path: Path, sessions: Sessions, how: str) -> None:
    talk(path, ("My secret is xylophone.", "Yes."))
    folder = audio_folder(path)
    folder.mkdir()
    (folder / "1-1.part").write_bytes(b"xylophone")
    assert sessions("forget", how, "--yes")[0] == 0
    assert holds(path.parent, "xylophone") == []


def test_what_is_still_to_be_told_of_it_goes_too(path: Path, sessions: Sessions) -> None:
    store = SessionStore.open(path)
    recorder = store.begin("assistant")
    recorder.commit_turn(TurnCommitted(1, "Order a xylophone.", 0.9, 0, 1, 2, "silence"))
    Journal(recorder).begin_call(Call(1, 0, "order", {}))
    recorder.close()
    store.begin("assistant").close()
    assert "xylophone" in store.calls(1)[0].say
    assert sessions("forget", "1", "--yes")[0] == 0
    assert holds(path.parent, "xylophone") == []
    with store.begin("assistant") as recorder:
        assert Journal(recorder).undelivered() == []


def test_what_skills_keep_stays(path: Path, sessions: Sessions) -> None:
    recorder = SessionStore.open(path).begin("assistant")
    Journal(recorder).state("lists").put("shopping", ["milk"])
    recorder.close()
    sessions("forget", "--all", "--yes")
    again = SessionStore.open(path).begin("assistant")
    assert Journal(again).state("lists").get("shopping") == ["milk"]
    again.close()


def test_a_running_session_is_left_alone_and_told_of(path: Path, sessions: Sessions) -> None:
    talk(path, ("Hello.", "Hello there."))
    running = SessionStore.open(path).begin("assistant")
    status, out, err = sessions("forget", "--all", "--yes")
    assert status == 1
    assert out == "forgotten: 1 session\n"
    assert "session 2 is going on" in err
    running.commit_turn(TurnCommitted(1, "Still here.", 0.9, 0, 1, 2, "silence"))
    running.close()
    assert [t.committed.user_text for t in SessionStore.open(path).turns(2)] == ["Still here."]


def test_a_reader_that_holds_old_pages_is_told_of(path: Path, sessions: Sessions) -> None:
    talk(path, ("My secret is xylophone.", "Yes."))
    reader = sqlite3.connect(path, isolation_level=None)
    reader.execute("BEGIN")
    reader.execute("SELECT * FROM turn").fetchall()
    status, _out, err = sessions("forget", "1", "--yes")
    reader.close()
    assert status == 1
    assert "another program has" in err
    assert sessions("forget", "--all", "--yes")[0] == 0
    assert holds(path.parent, "xylophone") == []


def test_damaged_files_that_were_kept_are_told_of_and_go_with_all(path: Path, sessions: Sessions) -> None:
    talk(path, ("Hello.", "Hello there."))
    damaged = path.with_name("sessions.db.damaged-20260501T100000Z")
    damaged.write_bytes(b"xylophone")
    status, _out, err = sessions("forget", "1", "--yes")
    assert (status, "damaged and set aside" in err) == (0, True)
    assert f"deleted: {damaged}" in sessions("forget", "--all", "--yes")[1]
    assert not damaged.exists()


@pytest.mark.parametrize(("answer", "left"), [("y\n", []), ("n\n", [1]), ("", [1])])
def test_it_asks_first(
    path: Path, sessions: Sessions, monkeypatch: pytest.MonkeyPatch, answer: str, left: list[int]
) -> None:
    talk(path, ("Hello.", "Hello there."))
    terminal = io.StringIO(answer)
    monkeypatch.setattr(terminal, "isatty", lambda: True)
    monkeypatch.setattr("sys.stdin", terminal)
    status, _out, err = sessions("forget", "1")
    assert "Forget 1 session in" in err
    assert [s.id for s in SessionStore.open(path).sessions()] == left
    assert (status == 0) == (not left)


@pytest.mark.parametrize(
    ("args", "complaint"),
    [
        (("show", "7"), "there is no session 7"),
        (("export", "7"), "there is no session 7"),
        (("export", "--text", "--json"), "exclude each other"),
        (("forget",), "say which"),
        (("forget", "1", "--all"), "say which"),
        (("forget", "1", "7", "--yes"), "there is no session 7"),
        (("forget", "--before", "soon", "--yes"), "'soon' is not a date"),
        (("forget", "1"), "say --yes"),
        (("forget", "--all", "--json"), "say --yes"),
    ],
)
def test_what_makes_no_sense_is_one_line(
    path: Path, sessions: Sessions, args: tuple[str, ...], complaint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO())
    talk(path, ("Hello.", "Hello there."))
    status, _out, err = sessions(*args)
    assert status == 2
    assert complaint in err
    assert err.count("\n") == 1
    assert len(SessionStore.open(path).sessions()) == 1


@pytest.mark.parametrize("command", [("list",), ("show",), ("export",), ("forget", "--all", "--yes")])
def test_without_a_record_it_says_so_and_makes_none(path: Path, sessions: Sessions, command: tuple[str, ...]) -> None:
    status, _out, err = sessions(*command)
    assert (status, "there is no session record" in err) == (1, True)
    assert not path.exists()
    path.write_bytes(b"not a database at all")
    status, _out, err = sessions(*command)
    assert (status, "is not a session record" in err) == (1, True)


def test_an_empty_record_has_nothing_to_show(path: Path, sessions: Sessions) -> None:
    SessionStore.open(path)
    assert sessions("show")[0] == 2
    assert sessions.json("list")["sessions"] == []
    assert sessions("forget", "--all", "--yes")[:2] == (0, "forgotten: 0 sessions\n")


def test_help_needs_nothing_heavy() -> None:
    program = (
        "import sys; from device.cli.main import run_command; run_command(['sessions', '--help']);"
        "sys.exit(len({'numpy', 'soundfile'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.returncode == 0, done.stdout
    assert all(name in done.stdout for name in ("list", "show", "export", "forget"))
