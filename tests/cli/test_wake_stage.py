"""`nearfield wake` with the real networks."""

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile

from device.assembly import open_store
from device.cli.main import run_command
from device.config import load_settings
from models.errors import ModelMissingError

Capture = pytest.CaptureFixture[str]


@pytest.fixture
def pulled() -> None:
    """Skips when the networks have not been pulled."""
    try:
        open_store(load_settings(None, [])).path("microwakeword", "okay_nabu")
    except ModelMissingError as error:
        pytest.skip(f"{error.message}: {error.hint}")


@pytest.mark.models
@pytest.mark.shared
@pytest.mark.usefixtures("pulled")
def test_each_file_and_a_bad_one_does_not_hide_the_rest(shared_data: Path, tmp_path: Path, capsys: Capture) -> None:
    said, other = shared_data / "wake/okay_nabu/wyoming_okay_nabu.wav", shared_data / "wake/alexa/125.flac"
    bad = tmp_path / "bad.wav"
    bad.write_text("not audio")
    assert run_command(["wake", str(bad), str(said), str(other), "--json"]) == 1
    out, err = capsys.readouterr()
    results = [json.loads(line) for line in out.splitlines()]
    assert [(r["file"], r.get("word", "-")) for r in results] == [
        (str(bad), "-"),
        (str(said), "okay_nabu"),
        (str(other), None),
    ]
    assert results[1]["probability"] > 0.85
    assert 0 < results[1]["end_ms"] < soundfile.info(said).duration * 1000 + 600
    assert err.count("\n") == 1
    assert run_command(["wake", str(other), "--set", "wake.words=okay_nabu, alexa:0.6"]) == 0
    assert capsys.readouterr().out.split()[1] == "alexa"


@pytest.mark.models
@pytest.mark.usefixtures("pulled")
def test_a_file_without_any_and_one_without_a_sample(tmp_path: Path, capsys: Capture) -> None:
    quiet, empty = tmp_path / "quiet.wav", tmp_path / "empty.wav"
    soundfile.write(quiet, np.zeros(16_000), 16_000)
    empty.touch()
    assert run_command(["wake", str(quiet)]) == 0
    assert "no wake word in it" in capsys.readouterr().err
    assert run_command(["wake", str(empty)]) == 1


@pytest.mark.parametrize("args", [[], ["--live", "a.wav"]])
def test_files_or_live(args: list[str], capsys: Capture) -> None:
    assert run_command(["wake", *args]) == 2
    assert "--live" in capsys.readouterr().err


def test_a_word_that_there_is_not(tmp_path: Path, capsys: Capture) -> None:
    assert run_command(["wake", "a.wav", "--set", "wake.words=computer"]) == 1
    err = capsys.readouterr().err
    assert "there is no wake word 'computer'" in err
    assert "hey_jarvis" in err
    assert run_command(["wake", "a.wav", "--set", f"wake.words={tmp_path / 'mine.json'}"]) == 1
    assert "no wake word" in capsys.readouterr().err


def test_a_model_that_was_not_pulled(tmp_path: Path, capsys: Capture) -> None:
    assert run_command(["wake", "a.wav", "--set", f"models.dir={tmp_path}"]) == 1
    assert "models pull" in capsys.readouterr().err


def test_a_mode_that_there_is_not(capsys: Capture) -> None:
    assert run_command(["run", "--mode", "closed"]) == 2
    assert "turn.listen" in capsys.readouterr().err
