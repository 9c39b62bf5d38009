"""The stage commands, with the real models and the real echo canceller."""

import io
import json
import stat
import subprocess
import sys
import wave
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from device.assembly import open_store
from device.audio.files import load_audio
from device.audio.virtual import VirtualCard
from device.cli.main import run_command
from device.cli.stages import PLAY_PIECE_SAMPLES, play_on
from device.cli.wav_output import write_wav
from device.config import Settings, load_settings
from models.errors import ModelError
from models.protocols import SAMPLE_RATE_HZ, Int16s
from models.tts import PiperVoice

ROOT = Path(__file__).resolve().parents[2]
SHARED = ROOT.parent / "shared" / "data"
Capture = pytest.CaptureFixture[str]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One for all: how loud the voice is need not be measured for each."""
    return tmp_path_factory.mktemp("home")


@pytest.fixture(autouse=True)
def no_configuration(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The defaults, whatever the machine is configured to; the models stay where they are."""
    monkeypatch.setenv("XDG_STATE_HOME", str(home))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(home))
    monkeypatch.delenv("NEARFIELD_CONFIG", raising=False)


def need(*model_ids: str) -> None:
    """Skip unless these models have been pulled."""
    store = open_store(load_settings())
    try:
        for model_id in model_ids:
            store.path(model_id)
    except ModelError as error:
        pytest.skip(f"{error.message}: {error.hint}")


def recording(name: str) -> Path:
    path = SHARED / name
    if not path.exists():
        pytest.skip(f"needs the recording ../shared/data/{name}")
    return path


def noise(seconds: float, peak: float, seed: int) -> Int16s:
    samples = np.random.default_rng(seed).uniform(-peak, peak, int(seconds * SAMPLE_RATE_HZ))
    return samples.astype(np.int16)


@pytest.fixture
def echo_pair(tmp_path: Path) -> tuple[Path, Path]:
    """A microphone that hears a loudspeaker 12 ms late at -10 dB, and a click of its own at 7 s."""
    far = noise(8.0, 8_000, seed=1)
    far[7 * SAMPLE_RATE_HZ - 4_000 :] = 0
    near = (np.concatenate([np.zeros(192), far[:-192]]) * 0.3).astype(np.int16)
    near[7 * SAMPLE_RATE_HZ] = 20_000
    write_wav(tmp_path / "near.wav", near)
    write_wav(tmp_path / "far.wav", far)
    return tmp_path / "near.wav", tmp_path / "far.wav"


def test_cancel_echo_takes_the_echo_and_keeps_the_time(echo_pair: tuple[Path, Path], capsys: Capture) -> None:
    near, far = echo_pair
    out = near.with_name("out.wav")
    assert run_command(["cancel-echo", "--near", str(near), "--far", str(far), "-o", str(out), "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    clean = load_audio(out)
    assert len(clean) == len(load_audio(near))
    assert result["erle_db"] > 15
    assert abs(int(np.abs(clean[6 * SAMPLE_RATE_HZ + 14_000 :]).argmax()) + 14_000 - SAMPLE_RATE_HZ) <= 1


def test_cancel_echo_of_a_silent_loudspeaker(tmp_path: Path, capsys: Capture) -> None:
    near, far = tmp_path / "near.wav", tmp_path / "far.wav"
    write_wav(near, noise(2.0, 3_000, seed=2))
    write_wav(far, np.zeros(4_000, np.int16))
    args = ["cancel-echo", "--near", str(near), "--far", str(far), "-o", str(tmp_path / "o.wav")]
    assert run_command([*args, "--json"]) == 0
    out, err = capsys.readouterr()
    assert json.loads(out)["erle_db"] is None
    assert "differ in length" in err


def test_cancel_echo_of_files_that_are_no_use(tmp_path: Path, capsys: Capture) -> None:
    (tmp_path / "text.wav").write_text("not audio")
    args = ["cancel-echo", "--near", str(tmp_path / "text.wav"), "--far", "none.wav", "-o", str(tmp_path / "o.wav")]
    assert run_command(args) == 1
    err = capsys.readouterr().err
    assert "text.wav" in err
    assert err.count("\n") == 1
    assert not (tmp_path / "o.wav").exists()


@pytest.mark.parametrize(("output", "part"), [("no/such/o.wav", "no such file or directory"), (".", "is a directory")])
def test_an_output_that_cannot_be(echo_pair: tuple[Path, Path], output: str, part: str, capsys: Capture) -> None:
    near, far = echo_pair
    target = near.parent / output
    assert run_command(["cancel-echo", "--near", str(near), "--far", str(far), "-o", str(target)]) == 1
    assert f"{target}: {part}" in capsys.readouterr().err
    assert sorted(p.name for p in near.parent.iterdir()) == ["far.wav", "near.wav"]


def test_write_wav_replaces_a_file_whole_and_writes_through_links_and_pipes(tmp_path: Path) -> None:
    target, link = tmp_path / "a.wav", tmp_path / "link.wav"
    target.write_text("old")
    link.symlink_to(target)
    pcm = np.array([1, -2, 32767, -32768], np.int16)
    write_wav(link, pcm)
    assert link.is_symlink()
    assert load_audio(target).tolist() == pcm.tolist()
    assert stat.S_IMODE(target.stat().st_mode) & 0o044, "the file is private"
    program = "import sys; from pathlib import Path; import numpy as np; from device.cli.wav_output import write_wav; "
    program += "write_wav(Path('/dev/stdout'), np.arange(5, dtype=np.int16))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, cwd=ROOT, check=True)
    with wave.open(io.BytesIO(done.stdout)) as wav:
        assert np.frombuffer(wav.readframes(9), "<i2").tolist() == [0, 1, 2, 3, 4]


@pytest.mark.models
def test_transcribe_reports_each_file(tmp_path: Path, capsys: Capture) -> None:
    need(Settings().stt.model)
    good = recording("ha_commands_en/turn_off_lights_in_the_Office.wav")
    bad, empty = tmp_path / "bad.wav", tmp_path / "empty.wav"
    bad.write_text("not audio")
    empty.touch()
    assert run_command(["transcribe", str(bad), str(good), str(empty), "--json"]) == 1
    out, err = capsys.readouterr()
    results = [json.loads(line) for line in out.splitlines()]
    assert [result["file"] for result in results] == [str(bad), str(good), str(empty)]
    assert "lights in the office" in results[1]["text"].lower()
    assert 0.3 < results[1]["probability"] <= 1
    assert results[1]["audio_ms"] == round(len(load_audio(good)) / 16, 1)
    assert results[1]["decode_ms"] > 0
    assert "error" in results[0]
    assert "error" in results[2]
    assert err.count("\n") == 2


@pytest.mark.models
def test_transcribe_prints_bare_text_for_one_file(capsys: Capture) -> None:
    need(Settings().stt.model)
    good = recording("ha_commands_en/turn_off_lights_in_the_Office.wav")
    assert run_command(["transcribe", str(good)]) == 0
    out = capsys.readouterr().out
    assert out.count("\n") == 1
    assert "lights in the office" in out.lower()


def test_a_missing_model_says_how_to_get_it(tmp_path: Path, capsys: Capture) -> None:
    assert run_command(["transcribe", "x.wav", "--set", f"models.dir={tmp_path / 'none'}"]) == 1
    err = capsys.readouterr().err
    assert "nearfield models pull whisper-tiny.en" in err
    assert err.count("\n") == 1
    assert not (tmp_path / "none").exists()


@pytest.mark.models
def test_segment_finds_the_speech(tmp_path: Path, capsys: Capture) -> None:
    need(Settings().vad.model)
    speech = load_audio(recording("ha_commands_en/add_apples_to_my_Shopping_List.wav"))
    file = tmp_path / "two.wav"
    gap = np.zeros(2 * SAMPLE_RATE_HZ, np.int16)
    write_wav(file, np.concatenate([gap, speech, gap, speech]))
    assert run_command(["segment", str(file), "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    first, second = result["segments"]
    assert 2_000 <= first["start_ms"] < first["end_ms"] <= 5_150
    assert abs((second["start_ms"] - first["start_ms"]) - 5_150) <= 200, "the same speech, elsewhere"
    silent = tmp_path / "silent.wav"
    write_wav(silent, gap)
    assert run_command(["segment", str(silent)]) == 0
    out, err = capsys.readouterr()
    assert out == ""
    assert "nobody speaks in it" in err


@pytest.mark.models
def test_say_and_transcribe_agree(tmp_path: Path, capsys: Capture) -> None:
    need(Settings().tts.voice, Settings().stt.model)
    file = tmp_path / "say.wav"
    text = "It is raining today. Please take your umbrella."
    assert run_command(["say", text, "-o", str(file), "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    pcm = load_audio(file)
    assert [clause["text"] for clause in result["clauses"]] == [
        "It is raining today.",
        "Please take your umbrella.",
    ]
    assert result["clauses"][0]["end_ms"] == result["clauses"][1]["start_ms"]
    assert abs(result["audio_ms"] - len(pcm) / 16) < 1
    assert run_command(["transcribe", str(file)]) == 0
    heard = capsys.readouterr().out.lower()
    assert "raining today" in heard
    assert "umbrella" in heard


@pytest.mark.models
def test_speed_is_heard(tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    need(Settings().tts.voice)
    # without the voice's chance, by which the same sentence is up to 9 % longer or shorter in another process
    monkeypatch.setattr("models.tts.PiperVoice", partial(PiperVoice, variation=0.0))
    length_ms = {}
    for speed in ("0.7", "1.5"):
        args = ["say", "The capital of France is Paris.", "-o", str(tmp_path / "o.wav"), "--json"]
        assert run_command([*args, "--set", f"tts.speed={speed}"]) == 0
        length_ms[speed] = json.loads(capsys.readouterr().out)["audio_ms"]
    assert length_ms["0.7"] > 1.6 * length_ms["1.5"]


@pytest.mark.models
def test_say_nothing(tmp_path: Path, capsys: Capture) -> None:
    need(Settings().tts.voice)
    file = tmp_path / "o.wav"
    assert run_command(["say", " ```code``` ", "-o", str(file)]) == 2
    assert "nothing to say" in capsys.readouterr().err
    assert not file.exists()


@pytest.mark.models
def test_chat_reads_lines_from_a_pipe() -> None:
    need(Settings().llm.model)
    done = subprocess.run(
        [sys.executable, "-m", "device.cli.main", "chat", "--json"],
        input=b"What is the capital of France?\n\n\xff\xfe?\nThank you.",
        capture_output=True,
        cwd=ROOT,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, b"")
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert [line["user"] for line in lines] == ["What is the capital of France?", "\ufffd\ufffd?", "Thank you."]
    assert "Paris" in lines[0]["reply"]
    assert lines[0]["first_token_ms"] <= lines[0]["total_ms"]


def test_a_speech_longer_than_a_piece_is_played_whole_and_without_a_gap() -> None:
    pcm = noise((2.5 * PLAY_PIECE_SAMPLES) / SAMPLE_RATE_HZ, 9_000, seed=3)
    pcm[pcm == 0] = 1
    card = VirtualCard(speed=20)
    play_on(card, pcm)
    _, speaker = card.recording()
    start = int(np.flatnonzero(speaker)[0])
    assert np.array_equal(speaker[start : start + len(pcm)], pcm)
    assert not speaker[start + len(pcm) :].any()
