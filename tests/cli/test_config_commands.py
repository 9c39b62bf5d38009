"""`nearfield config` as a program would use it."""

import json
import tomllib
from pathlib import Path

import pytest

from device.cli.main import run_command
from device.config import Settings


@pytest.fixture(autouse=True)
def empty_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.chdir(tmp_path)


def test_show_is_toml_and_names_origins(capsys: pytest.CaptureFixture[str]) -> None:
    Path("nearfield.toml").write_text("[turn]\nend_silence_ms = 700\n")
    assert run_command(["config", "show", "--set", "audio.input=USB"]) == 0
    out = capsys.readouterr().out
    shown = tomllib.loads(out)
    assert shown["turn"]["end_silence_ms"] == 700
    assert shown["audio"]["input"] == "USB"
    assert "# nearfield.toml, line 2\n" in out
    assert "# --set audio.input=USB\n" in out


def test_show_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(["config", "show", "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown["file"] is None
    assert Settings.model_validate(shown["settings"]) == Settings()
    assert shown["origins"]["models.dir"] == "default"


def test_defaults_make_a_file_that_checks(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(["config", "show", "--defaults"]) == 0
    Path("nearfield.toml").write_text(capsys.readouterr().out, "utf-8")
    assert run_command(["config", "check"]) == 0
    assert capsys.readouterr().out == "nearfield.toml: ok\n"


def test_check_lists_every_problem(capsys: pytest.CaptureFixture[str]) -> None:
    Path("nearfield.toml").write_text("[turn]\nlisten = 'x'\n[tts]\nspeed = 9\n")
    assert run_command(["config", "check"]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert [line.partition(": turn")[0].partition(": tts")[0] for line in lines] == [
        "nearfield: nearfield.toml, line 2",
        "nearfield: nearfield.toml, line 4",
    ]
    assert run_command(["config", "check", "--json"]) == 2
    result = json.loads(capsys.readouterr().out)
    assert (result["ok"], len(result["problems"]), result["file"]) == (False, 2, "nearfield.toml")


def test_check_looks_at_the_persona_too(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(["config", "check", "--set", "persona=nobody"]) == 2
    assert "no persona 'nobody'" in capsys.readouterr().err


def test_path(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(["config", "path"]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert f"looked for nearfield.toml, {tmp_path}/config/nearfield/nearfield.toml, /etc/nearfield" in err
    file = tmp_path / "own.toml"
    file.touch()
    assert run_command(["config", "path", "--config", str(file)]) == 0
    assert capsys.readouterr().out == f"{file}\n"
