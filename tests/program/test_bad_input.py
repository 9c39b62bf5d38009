"""Each bad input: one clear line, the right exit status, nothing lost."""

import shutil
import wave
from pathlib import Path

import numpy as np
import pytest
import soundfile
from nearfield_command import Command

from device.config.dirs import data_dir


def tone(seconds: float = 1.0, channels: int = 1, rate: int = 16_000) -> np.ndarray:
    t = np.arange(int(seconds * rate)) / rate
    return np.tile((8000 * np.sin(2 * np.pi * 440 * t)).astype(np.int16)[:, None], (1, channels))


@pytest.fixture
def good(tmp_path: Path) -> Path:
    soundfile.write(tmp_path / "good.wav", tone(), 16_000)
    return tmp_path / "good.wav"


def test_no_such_file(nearfield: Command, tmp_path: Path) -> None:
    done = nearfield("converse", tmp_path / "nothing.wav")
    assert done.status == 1
    assert "nothing.wav" in done.one_line()


def test_a_text_is_not_audio(nearfield: Command, tmp_path: Path) -> None:
    (tmp_path / "letter.wav").write_text("Dear Sir or Madam,")
    done = nearfield("converse", tmp_path / "letter.wav")
    assert done.status == 1
    assert "letter.wav" in done.one_line()


def test_an_empty_file(nearfield: Command, tmp_path: Path) -> None:
    (tmp_path / "empty.wav").touch()
    done = nearfield("converse", tmp_path / "empty.wav")
    assert done.status == 1
    assert "empty" in done.one_line()


def test_a_recording_cut_short(nearfield: Command, tmp_path: Path, good: Path) -> None:
    cut = tmp_path / "cut.wav"
    cut.write_bytes(good.read_bytes()[: good.stat().st_size // 2])
    done = nearfield("converse", cut)
    assert done.status == 1
    assert "cut.wav" in done.one_line()


@pytest.mark.parametrize(
    ("args", "named"),
    [
        (["--wrong"], "--wrong"),
        (["--at", "1", "2"], "--at"),
        (["--at", "soon"], "--at"),
        (["--snr-db", "10"], "--noise"),
        (["--echo-delay-ms", "10"], "--echo-db"),
        (["--set", "turn.end_silense_ms=3"], "end_silence_ms"),
        (["--set", "turn.end_silence_ms=-3"], "turn.end_silence_ms"),
        (["--tail-s", "-1"], "--tail-s"),
        (["--persona", "nobody"], "nobody"),
    ],
)
def test_bad_usage_names_what_is_wrong(nearfield: Command, good: Path, args: list[str], named: str) -> None:
    done = nearfield("converse", good, *args)
    assert done.status == 2
    assert named in done.one_line()


def test_a_typo_in_the_configuration_names_file_and_line(nearfield: Command, good: Path, tmp_path: Path) -> None:
    (tmp_path / "nearfield.toml").write_text("[turn]\n\nend_silence = 500\n")
    done = nearfield("converse", good, "--config", tmp_path / "nearfield.toml")
    assert done.status == 2
    line = done.one_line()
    assert "nearfield.toml" in line
    assert "3" in line
    assert "end_silence_ms" in line


def test_without_models_it_says_how_to_get_them(nearfield: Command, good: Path, tmp_path: Path) -> None:
    done = nearfield("converse", good, "--set", f"models.dir={tmp_path / 'none'}", "--output", tmp_path / "o.wav")
    assert done.status == 1
    assert "nearfield models pull" in done.one_line()


@pytest.mark.models
@pytest.mark.parametrize("damage", ["truncated", "swapped"])
def test_a_damaged_model_is_named(nearfield: Command, good: Path, tmp_path: Path, damage: str) -> None:
    models = tmp_path / "models"
    for name in ("silero-vad", "smollm2-135m-instruct-q8_0", "piper-en_US-joe-medium", "whisper-tiny.en"):
        (models / name).mkdir(parents=True)
        for file in (data_dir() / "models" / name).iterdir():
            if file.name == "silero_vad.onnx" or name == "silero-vad":
                shutil.copy(file, models / name / file.name)
            else:
                (models / name / file.name).symlink_to(file)
    victim = max((models / "silero-vad").iterdir(), key=lambda f: f.stat().st_size)
    data = victim.read_bytes()
    victim.write_bytes(data[: len(data) // 2] if damage == "truncated" else bytes(len(data)))
    done = nearfield("converse", good, "--set", f"models.dir={models}")
    assert done.status == 1
    line = done.one_line()
    assert victim.name in line
    assert "nearfield models pull silero-vad" in line


def test_a_place_where_nothing_can_be_written(nearfield: Command, good: Path, tmp_path: Path) -> None:
    done = nearfield("converse", good, "--output", tmp_path / "missing" / "o.wav")
    assert done.status == 1
    assert "missing" in done.one_line()
    done = nearfield("converse", good, "--events", tmp_path / "missing" / "e.jsonl")
    assert done.status == 1
    assert "missing" in done.one_line()


@pytest.mark.models
def test_a_full_disk_loses_no_conversation(nearfield: Command, good: Path) -> None:
    done = nearfield("converse", good, "--events", "/dev/full", "--json")
    assert done.status == 1
    assert "/dev/full" in done.one_line()
    assert '"turns"' in done.out, "the result is printed all the same"


def test_no_sound_card(nearfield: Command) -> None:
    if nearfield("devices", "--json").json():
        pytest.skip("this machine has a sound card")
    done = nearfield("run")
    assert done.status == 1
    assert "no sound card" in done.one_line().lower()


@pytest.mark.models
@pytest.mark.parametrize(
    ("name", "rate", "channels", "subtype"),
    [("eight.wav", 8000, 1, "PCM_U8"), ("studio.wav", 96_000, 1, "PCM_24"), ("array.flac", 48_000, 6, "PCM_16")],
)
def test_unusual_but_good_files_are_understood(
    nearfield: Command, spoken: object, tmp_path: Path, name: str, rate: int, channels: int, subtype: str
) -> None:
    import soxr  # noqa: PLC0415

    pcm, own = soundfile.read(spoken("What is the capital of France?"))  # type: ignore[operator]
    data = np.tile(soxr.resample(pcm, own, rate)[:, None], (1, channels))
    soundfile.write(tmp_path / name, data, rate, subtype=subtype)
    text = nearfield("transcribe", tmp_path / name, "--json").json()["text"]
    assert "capital of france" in text.lower()


def test_a_bogus_header_is_survived(nearfield: Command, tmp_path: Path) -> None:
    path = tmp_path / "bogus.wav"
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, 16_000, 0, "NONE", ""))
        file.writeframes(b"\0" * 3200)
    data = bytearray(path.read_bytes())
    data[40:44] = (0x02FFFFF0).to_bytes(4, "little")
    path.write_bytes(data)
    done = nearfield("converse", path)
    assert done.status == 1
    assert "bogus.wav" in done.one_line()
