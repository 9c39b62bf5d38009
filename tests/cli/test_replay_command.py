"""nearfield replay, where there is nothing to run again: one line that says what to do."""

from pathlib import Path

import pytest

from device.cli.main import run_command
from device.session import TurnCommitted
from device.session.store import SessionStore


def replay(capsys: pytest.CaptureFixture[str], database: Path, *args: str) -> tuple[int, str]:
    status = run_command(["replay", *args, "--set", f"session.database={database}"])
    return status, capsys.readouterr().err


@pytest.fixture
def database(tmp_path: Path) -> Path:
    """One session with a spoken turn, whose sound is not there, and one that was typed."""
    path = tmp_path / "sessions.db"
    with SessionStore.open(path).begin("assistant") as recorder:
        recorder.commit_turn(TurnCommitted(1, "Hello.", 0.9, 0, 100, 200, "silence"))
        recorder.commit_turn(TurnCommitted(2, "Hello?", None, None, None, 300, "typed"))
    return path


@pytest.mark.parametrize(
    ("args", "status", "says"),
    [
        (("last",), 1, "audio = 20"),
        ((), 1, "audio = 20"),
        (("1",), 1, "the sound of turn 1 of session 1 was not kept"),
        (("1/2",), 1, "was typed"),
        (("7",), 2, "session 1 has no turn 7"),
        (("5/1",), 2, "there is no session 5"),
        (("the last one",), 2, "names no turn"),
    ],
)
def test_what_cannot_be_run_again_says_why(
    capsys: pytest.CaptureFixture[str], database: Path, args: tuple[str, ...], status: int, says: str
) -> None:
    found, line = replay(capsys, database, *args)
    assert found == status
    assert says in line
    assert line.count("\n") == 1


def test_without_a_record(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    status, line = replay(capsys, tmp_path / "none.db")
    assert status == 1
    assert line.count("\n") == 1
