"""The turn-taking benchmarks as programs: what they refuse, in one line, and one that runs."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from device.cli.main import run_command

sys.path.append(str(Path(__file__).resolve().parents[2]))

from bench.options import load_utterances, read_manifest
from device.errors import UsageError

ROOT = Path(__file__).resolve().parents[2]
PROGRAMS = (
    "turns",
    "end-points",
    "hesitations",
    "push-to-talk",
    "streaming",
    "conversation",
    "speculation",
    "operations",
)


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_wrong_flag_is_one_line(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(["bench", name, "--nonsense"]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "--nonsense" in error


@pytest.mark.parametrize("name", PROGRAMS)
def test_help_says_what_is_measured(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(["bench", name, "--help"]) == 0
    assert f"nearfield bench {name}" in capsys.readouterr().out


@pytest.mark.parametrize("name", ["turns", "hesitations", "push-to-talk", "conversation", "speculation"])
def test_a_missing_manifest_is_one_line(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(["bench", name, str(tmp_path / "none.tsv")]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "none.tsv" in error


@pytest.mark.parametrize("name", ["end-points", "streaming"])
def test_missing_recordings_are_one_line(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(["bench", name, "--data", str(tmp_path)]) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_an_empty_folder_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(["bench", "turns", str(tmp_path)]) == 2
    assert "no recordings in" in capsys.readouterr().err


@pytest.mark.parametrize("value", ["0", "-1", "many"])
def test_a_count_must_be_one(value: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(["bench", "turns", "--only", value]) == 2
    assert "whole number" in capsys.readouterr().err


def test_a_plot_needs_a_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(["bench", "turns", "--plot", str(tmp_path / "no" / "x.png")]) == 2
    assert "no folder" in capsys.readouterr().err


def test_too_few_turns_for_a_long_conversation(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(["bench", "conversation", str(tmp_path), "--turns", "3"]) == 2
    assert "3 turns" in capsys.readouterr().err


def burst(path: Path, seconds: float = 1.0) -> None:
    random = np.random.default_rng(0)
    level = np.where((np.arange(round(seconds * 16_000)) // 1600) % 10 < 6, 0.2, 0.0005)
    soundfile.write(path, level * random.normal(0, 1, len(level)), 16_000)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "lists nothing"),
        ("file\tspeech_end\ttext\n", "lists nothing"),
        ("file\ttext\na.wav\tx\n", "line 2: no speech_end"),
        ("file\tspeech_end\ttext\na.wav\tsoon\tx\n", "'soon'"),
        ("file\tspeech_end\ttext\na.wav\t9.5\tx\n", "'9.5'"),
        ("file\tspeech_end\ttext\na.wav\tnan\tx\n", "'nan'"),
        ("file\tspeech_end\ttext\na.wav\tinf\tx\n", "'inf'"),
    ],
)
def test_a_manifest_that_is_none(tmp_path: Path, text: str, complaint: str) -> None:
    burst(tmp_path / "a.wav")
    (tmp_path / "list.tsv").write_text(text)
    with pytest.raises(UsageError, match=complaint):
        load_utterances(tmp_path / "list.tsv")


def test_binary_is_no_manifest(tmp_path: Path) -> None:
    (tmp_path / "list.tsv").write_bytes(b"\xff\xfe\x00\x01")
    with pytest.raises(UsageError, match="not a manifest"):
        read_manifest(tmp_path / "list.tsv", ("file",))


def test_a_folder_gives_its_recordings_with_their_end_of_speech(tmp_path: Path) -> None:
    for name in ("b.wav", "a.FLAC"):
        burst(tmp_path / name)
    (tmp_path / "notes.txt").write_text("no recording")
    first, second = load_utterances(tmp_path)
    assert (first.name, second.name) == ("a.FLAC", "b.wav")
    assert abs(first.speech_end - 9600) <= 640
    assert len(load_utterances(tmp_path, only=1)) == 1


@pytest.mark.models
@pytest.mark.shared
def test_two_utterances_with_the_whole_program(shared_data: Path, model_path: object) -> None:
    for model in ("silero-vad", "whisper-tiny.en", "smollm2-135m-instruct-q8_0", "piper-en_US-joe-medium"):
        assert callable(model_path)
        model_path(model)
    command = [sys.executable, str(ROOT / "bench" / "turns.py"), str(shared_data / "turns.tsv"), "--only", "2"]
    done = subprocess.run(
        [*command, "--sequential", "--json", "--set", "llm.max_reply_tokens=8"],
        check=False,
        capture_output=True,
        text=True,
        timeout=120,
    )
    report = json.loads(done.stdout)
    assert done.returncode in (0, 1), done.stderr
    assert report["utterances"] == len(report["turns"]) == 2
    assert report["not_noticed"] == []
    assert report["lost_samples"] == 0
    assert report["cpu_s_a_turn"] > 0
    assert report["sequential_answered"] == 2
    for turn in report["turns"]:
        # on a slow machine "One moment." comes first
        assert turn["commit_ms"] < turn["first_sound_ms"] <= turn["ttfa_ms"]
    # 700 ms of silence come before anything else in the one, and not in the other
    assert report["sequential_ttfa_ms"]["p50"] > 700
