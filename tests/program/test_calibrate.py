"""`nearfield calibrate` and `nearfield meter`, the command itself."""

import json
import os
import resource
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
from nearfield_command import Command


def test_the_virtual_card_is_measured_as_it_is(nearfield: Command, tmp_path: Path) -> None:
    noise = (np.random.default_rng(2).standard_normal(16_000) * 33).astype(np.int16)
    soundfile.write(tmp_path / "noise.wav", noise, 16_000)
    done = nearfield(
        "calibrate", "--virtual", "--echo-db", "3", "--echo-delay-ms", "21", "--noise", tmp_path / "noise.wav",
        "--drift-ppm", "25", "--output", tmp_path / "rec.wav", "--json",
    )  # fmt: skip
    found = done.json()
    # at 25 ppm the echo is a sample later after 2.5 s: the sweep is heard after one to two
    assert found["echo_delay_samples"] in (336, 337)
    assert found["echo_db"] == pytest.approx(3, abs=1)
    assert found["drift_ppm"] == pytest.approx(25, abs=5)
    assert found["noise_floor_dbfs"] == pytest.approx(-60, abs=0.5)
    assert found["playback_gain_db"] == pytest.approx(-9, abs=0.5)
    assert found["clipped_samples"] == 0
    assert found["stored"] is None
    assert {"mic-clips", "two-clocks"} <= {advice["code"] for advice in found["advice"]}
    recording, rate = soundfile.read(tmp_path / "rec.wav", dtype="int16")
    assert (rate, recording.shape[1]) == (16_000, 2)
    assert 7 * rate < len(recording) < 9 * rate


def test_a_calibration_is_kept_where_it_says(nearfield: Command, environment: dict[str, str]) -> None:
    done = nearfield("calibrate", "--virtual", "--echo-db", "6", "--store")
    assert done.status == 0, done.err
    assert "microphone clips" in done.out
    kept = Path(environment["XDG_STATE_HOME"]) / "nearfield" / "calibration.toml"
    try:
        assert "virtual card" in kept.read_text("utf-8")
        assert str(kept) in done.out
    finally:
        kept.unlink()


def test_a_full_disk_keeps_the_last_calibration_and_shows_this_one(environment: dict[str, str], tmp_path: Path) -> None:
    kept = tmp_path / "nearfield" / "calibration.toml"
    kept.parent.mkdir()
    kept.write_text('[card."virtual card"]\nplayback_gain_db = -7.5\n', "utf-8")
    before = kept.read_bytes()
    command = [sys.executable, "-m", "device.cli.main", "calibrate", "--virtual", "--echo-db", "-3", "--store"]
    done = subprocess.run(
        command,
        env={**environment, "XDG_STATE_HOME": str(tmp_path), "NETWORK_LOG": os.devnull},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        # no file of this process may grow beyond 8 bytes: what a disk with so much room left does
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (8, 8)),
    )
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert f"the calibration cannot be kept in {kept}" in line
    assert "room on the disk" in line
    assert kept.read_bytes() == before
    assert list(kept.parent.iterdir()) == [kept], "nothing half written stays"
    assert "Echo level" in done.stdout, "8 s of measuring are not thrown away"
    assert "Kept" not in done.stdout


def test_no_echo_is_one_clear_line(nearfield: Command) -> None:
    done = nearfield("calibrate", "--virtual", "--json")
    assert done.status == 1
    assert "calibrated" in done.one_line()
    assert json.loads(done.out)["heard"] is False


@pytest.mark.parametrize(
    ("args", "named"),
    [
        (["calibrate", "--echo-db", "3"], "--virtual"),
        (["calibrate", "--virtual", "--echo-delay-ms", "3"], "--echo-db"),
        (["calibrate", "--virtual", "--echo-db", "-6", "--drift-ppm", "5000"], "drift"),
        (["calibrate", "--virtual", "--echo-db", "loud"], "--echo-db"),
        (["calibrate", "--virtual", "--say", " "], "nothing to say"),
        (["calibrate", "--set", "audio.playback_gain_db=3"], "audio.playback_gain_db"),
        (["meter", "--seconds", "0"], "--seconds"),
    ],
)
def test_bad_usage_names_what_is_wrong(nearfield: Command, args: list[str], named: str) -> None:
    done = nearfield(*args)
    assert done.status == 2
    assert named in done.one_line()


def test_files_that_are_not_there_are_named(nearfield: Command, tmp_path: Path) -> None:
    for args in (["calibrate", "--virtual", "--echo-ir"], ["calibrate", "--virtual", "--noise"], ["meter", "--play"]):
        done = nearfield(*args, tmp_path / "nothing.wav")
        assert done.status == 1
        assert "nothing.wav" in done.one_line()


@pytest.mark.parametrize("command", ["calibrate", "meter"])
def test_without_a_card_it_says_so(nearfield: Command, command: str) -> None:
    done = nearfield(command, "--set", "audio.input=no such card at all")
    assert done.status == 1
    assert "microphone" in done.one_line()
