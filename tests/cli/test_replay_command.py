"""nearfield replay, where there is nothing to run again: one line that says what to do."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

from device.cli.main import run_command
from device.persona import Persona
from device.session import TurnCommitted
from device.session.store import SessionStore
from device.session.turn_audio import audio_folder


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


def test_the_persona_of_a_turn_is_the_configured_one_if_it_is_called_so(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, mine = tmp_path / "sessions.db", tmp_path / "mine.toml"
    mine.write_text('name = "Kitchen"\nprompt = "Be brief."\nanswers = "echo"\n', "utf-8")
    with SessionStore.open(path).begin("Kitchen") as recorder:
        recorder.commit_turn(TurnCommitted(1, "Hello.", 0.9, 0, 100, 200, "silence"))
    audio_folder(path).mkdir()
    soundfile.write(audio_folder(path) / "1-1.flac", np.zeros(16_000, np.int16), 16_000)

    class LoadedError(Exception):
        pass

    def load_models(_settings: object, persona: Persona) -> None:
        assert persona.source == str(mine)
        raise LoadedError

    monkeypatch.setattr("device.assembly.load_models", load_models)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))  # its log: of the user's, doctor would tell
    status, line = replay(capsys, path, "--set", f"persona={mine}")
    assert "LoadedError" in line  # so far it came
    assert status == 1


def test_without_a_record(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    status, line = replay(capsys, tmp_path / "none.db")
    assert status == 1
    assert line.count("\n") == 1
