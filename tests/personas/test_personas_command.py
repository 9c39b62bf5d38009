"""nearfield personas: as a person calls it."""

from pathlib import Path

import pytest

from device.cli.main import run_command


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for variable in ("XDG_CONFIG_HOME", "XDG_STATE_HOME"):
        monkeypatch.setenv(variable, str(tmp_path))
    monkeypatch.chdir(tmp_path)
    return tmp_path / "nearfield"


def test_list(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (home / "personas").mkdir(parents=True)
    (home / "personas/broken.toml").write_text("promt = 3\n")
    assert run_command(["personas", "list"]) == 0
    out = capsys.readouterr().out
    assert all(name in out for name in ("assistant", "mirror", "store", "support", "broken"))


def test_show(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(["personas", "show", "store"]) == 0
    out = capsys.readouterr().out
    assert "answers    llm" in out
    assert "store-orders.db" in out


def test_check_of_one_that_is_well(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(["personas", "check", "store"]) == 0
    assert "persona 'store': nothing to complain of" in capsys.readouterr().out


def test_check_tells_all_that_is_wrong(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = home / "personas/mine"
    (folder / "skills").mkdir(parents=True)
    (folder / "papers").mkdir()
    (folder / "papers/notes.pdf").write_bytes(b"%PDF")
    (folder / "skills/bad.py").write_text("raise ValueError('no')\n")
    (folder / "persona.toml").write_text(
        'prompt = "x"\nvoice = "no-such-voice"\nskills = ["nothing"]\ndocuments = "papers"\n'
    )
    assert run_command(["personas", "check", "mine"]) == 1
    captured = capsys.readouterr()
    for part in ("no-such-voice", "no skill or group of skills 'nothing'", "bad.py:1: ValueError", "notes.pdf"):
        assert part in captured.out
    assert "persona 'mine': 5 complaints" in captured.err


def test_an_unknown_one(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(["personas", "show", "stor"]) == 2
    assert "did you mean 'store'?" in capsys.readouterr().err
