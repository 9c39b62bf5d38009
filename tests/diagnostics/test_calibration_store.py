"""The file of the calibrated cards: written whole, read whatever is in it."""

import logging
import tomllib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from device.appliance import playback_gain_db
from device.config import Settings
from device.config.schema import AudioSettings
from device.diagnostics.calibration_result import CalibrationResult
from device.diagnostics.calibration_store import CalibrationStore, card_key
from device.errors import NearfieldError

RESULT = CalibrationResult(
    card="USB Audio: - (hw:1,0)",
    round_trip_samples=640,
    echo_delay_samples=128,
    echo_db=3.25,
    mic_peak_dbfs=2.5,
    playback_gain_db=-8.5,
    clipped_samples=0,
    played_peak_dbfs=-6.0,
    noise_floor_dbfs=-61.0,
    silent=False,
    drift_ppm=None,
    erle_db=31.0,
    lost_samples=0,
)


@pytest.fixture
def store(tmp_path: Path) -> CalibrationStore:
    return CalibrationStore(tmp_path / "deep" / "calibration.toml")


def test_what_was_kept_is_found_again(store: CalibrationStore) -> None:
    assert store.playback_gain_db(RESULT.card) is None
    store.save(RESULT)
    assert store.playback_gain_db(RESULT.card) == -8.5
    entry = store.entry(RESULT.card)
    assert entry["echo_db"] == 3.25
    assert entry["echo_delay_samples"] == 128
    assert "drift_ppm" not in entry


def test_a_card_keeps_its_entry_under_another_number(store: CalibrationStore) -> None:
    store.save(RESULT)
    assert store.playback_gain_db("USB Audio: - (hw:3,0)") == -8.5
    assert store.playback_gain_db("Another: - (hw:1,0)") is None
    assert card_key("(hw:1,0)") == "(hw:1,0)"


def test_cards_stand_side_by_side_and_the_newest_result_counts(store: CalibrationStore) -> None:
    store.save(RESULT)
    store.save(replace(RESULT, card="HDMI", playback_gain_db=0.0))
    store.save(replace(RESULT, playback_gain_db=-2.0))
    assert store.playback_gain_db(RESULT.card) == -2.0
    assert store.playback_gain_db("HDMI") == 0.0
    assert [path.name for path in store.path.parent.iterdir()] == ["calibration.toml"]


@given(names=st.lists(st.text(min_size=1, max_size=30), min_size=1, max_size=4, unique_by=card_key))
def test_any_name_can_be_written_and_read(names: list[str], tmp_path_factory: pytest.TempPathFactory) -> None:
    store = CalibrationStore(tmp_path_factory.mktemp("names") / "calibration.toml")
    for number, name in enumerate(names):
        store.save(replace(RESULT, card=name, playback_gain_db=-float(number)))
    assert [store.playback_gain_db(name) for name in names] == [-float(n) for n in range(len(names))]


@pytest.mark.parametrize("content", [b"[card", b"\xff\xfe\x00", b"card = 3", b'[card]\n"USB Audio: -" = 7\n', b""])
def test_a_damaged_file_is_no_calibration_and_no_failure(store: CalibrationStore, content: bytes) -> None:
    store.path.parent.mkdir()
    store.path.write_bytes(content)
    assert store.playback_gain_db(RESULT.card) is None
    store.save(RESULT)
    assert store.playback_gain_db(RESULT.card) == -8.5


def test_a_damaged_file_is_kept(store: CalibrationStore, caplog: pytest.LogCaptureFixture) -> None:
    store.path.parent.mkdir()
    store.path.write_bytes(b"[card")
    with caplog.at_level(logging.WARNING):
        assert store.playback_gain_db(RESULT.card) is None
        store.save(RESULT)
    (aside,) = store.path.parent.glob("calibration.toml.damaged-*")
    assert aside.read_bytes() == b"[card"
    assert "calibrate" in caplog.text
    assert aside.name in caplog.text


@pytest.mark.parametrize("gain", ['"loud"', "3.0", "-200.0", "true", "nan", "[]"])
def test_a_gain_that_makes_no_sense_is_left_out(store: CalibrationStore, gain: str) -> None:
    store.path.parent.mkdir()
    store.path.write_text(f'[card."X"]\nplayback_gain_db = {gain}\n', "utf-8")
    assert store.playback_gain_db("X") is None


def test_what_else_a_person_wrote_there_survives(store: CalibrationStore) -> None:
    store.path.parent.mkdir()
    store.path.write_text('[card."X"]\nplayback_gain_db = -3\n"where is it" = "kitchen"\n', "utf-8")
    store.save(RESULT)
    kept = tomllib.loads(store.path.read_text("utf-8"))["card"]["X"]
    assert kept == {"playback_gain_db": -3, "where is it": "kitchen"}


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(NearfieldError, match=r"calibration\.toml"):
        CalibrationStore(tmp_path / "file" / "calibration.toml").save(RESULT)


def test_settings_decide_and_auto_asks_the_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    automatic, fixed = Settings(), Settings(audio=AudioSettings(playback_gain_db=-3.5))
    assert playback_gain_db(automatic, RESULT.card) == 0.0
    CalibrationStore().save(RESULT)
    assert playback_gain_db(automatic, RESULT.card) == -8.5
    assert playback_gain_db(fixed, RESULT.card) == -3.5
    assert np.isclose(CalibrationStore().entry(RESULT.card)["erle_db"], 31.0)
