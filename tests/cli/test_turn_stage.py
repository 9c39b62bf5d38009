"""`nearfield turn` with the real network."""

import json
from pathlib import Path

import pytest

from device.assembly import open_store
from device.cli.main import run_command
from device.config import load_settings
from models.errors import ModelMissingError

Capture = pytest.CaptureFixture[str]


@pytest.fixture
def pulled() -> None:
    """Skips when the network has not been pulled."""
    try:
        open_store(load_settings(None, [])).path("smart-turn-v3.2")
    except ModelMissingError as error:
        pytest.skip(f"{error.message}: {error.hint}")


@pytest.mark.models
@pytest.mark.usefixtures("pulled")
def test_each_file_is_judged_and_a_bad_one_does_not_hide_the_rest(
    shared_data: Path, tmp_path: Path, capsys: Capture
) -> None:
    good = shared_data / "ha_commands_en" / "turn_off_lights_in_the_Office.wav"
    bad, empty = tmp_path / "bad.wav", tmp_path / "empty.wav"
    bad.write_text("not audio")
    empty.touch()
    assert run_command(["turn", str(bad), str(good), str(empty), "--json"]) == 1
    out, err = capsys.readouterr()
    results = [json.loads(line) for line in out.splitlines()]
    assert [result["file"] for result in results] == [str(bad), str(good), str(empty)]
    assert results[1]["finished"] > 0.5
    assert "error" in results[0]
    assert "error" in results[2]
    assert err.count("\n") == 2
    assert run_command(["turn", str(good)]) == 0
    assert float(capsys.readouterr().out) == pytest.approx(results[1]["finished"], abs=0.006)


def test_without_a_judge_it_says_so(tmp_path: Path, capsys: Capture) -> None:
    assert run_command(["turn", str(tmp_path / "a.wav"), "--set", "turn.model=none"]) == 2
    assert "turn.model" in capsys.readouterr().err


def test_a_model_that_was_not_pulled(tmp_path: Path, capsys: Capture) -> None:
    assert run_command(["turn", str(tmp_path / "a.wav"), "--set", f"models.dir={tmp_path}"]) == 1
    assert "models pull" in capsys.readouterr().err
