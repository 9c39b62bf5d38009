"""How loud a voice is by itself is measured once."""

import json
import math
import tempfile
from pathlib import Path

import pytest

from device.assembly import load_voice
from device.config import load_settings
from device.voice_gain import VoiceGains, key_of


def test_what_was_kept_is_there_again(tmp_path: Path) -> None:
    path = tmp_path / "state" / "gains.json"
    VoiceGains(path).keep("joe", 3.5)
    VoiceGains(path).keep("amy", -2.0)
    assert VoiceGains(path).get("joe") == 3.5
    assert VoiceGains(path).get("amy") == -2.0
    assert VoiceGains(path).get("ryan") is None


@pytest.mark.parametrize("text", ["", "{", "[]", '{"joe": "loud"}', '{"joe": 99.0}', '{"joe": NaN}', '{"joe": true}'])
def test_rubbish_is_measured_again(tmp_path: Path, text: str) -> None:
    path = tmp_path / "gains.json"
    path.write_text(text)
    gains = VoiceGains(path)
    assert gains.get("joe") is None
    gains.keep("joe", 1.0)
    assert gains.get("joe") == 1.0


def test_a_place_that_cannot_be_written_is_borne(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    VoiceGains(tmp_path / "file" / "gains.json").keep("joe", 1.0)


def test_the_oldest_is_forgotten(tmp_path: Path) -> None:
    path = tmp_path / "gains.json"
    for n in range(30):
        VoiceGains(path).keep(f"voice {n}", float(n) / 10)
    known = json.loads(path.read_text())
    assert len(known) == 20
    assert "voice 29" in known


def test_another_file_is_another_voice(tmp_path: Path) -> None:
    voice = tmp_path / "joe.onnx"
    voice.write_bytes(b"1")
    before = key_of(voice, loudness_lufs=-16.0, speed=1.0)
    assert key_of(voice, loudness_lufs=-18.0, speed=1.0) != before
    assert key_of(voice, loudness_lufs=-16.0, speed=1.2) != before
    voice.write_bytes(b"22")
    assert key_of(voice, loudness_lufs=-16.0, speed=1.0) != before


@pytest.mark.models
def test_the_voice_is_as_loud_as_when_it_was_measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "gone"))  # at its own pace it needs no file
    settings = load_settings(None, [])
    first = load_voice(settings)
    (kept,) = json.loads((tmp_path / "nearfield" / "voice-gain.json").read_text()).values()
    second = load_voice(settings)
    assert math.isclose(first.gain_db, kept, abs_tol=1e-9)  # type: ignore[attr-defined]
    assert math.isclose(second.gain_db, kept, abs_tol=1e-9)  # type: ignore[attr-defined]
