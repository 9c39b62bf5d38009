"""Both sides of a session on disk and in memory, whatever the disk does."""

import subprocess
import sys
import textwrap
import threading
from pathlib import Path

import numpy as np
import pytest
import soundfile

from device.audio import recording
from device.audio.recording import MemoryRecorder, StereoWriter
from device.errors import AudioError
from models.protocols import Int16s


def block(value: int, n: int = 160) -> Int16s:
    return np.full(n, value, np.int16)


def test_file_has_both_sides_in_the_promised_form(tmp_path: Path) -> None:
    path = tmp_path / "OUT.wav"
    writer = StereoWriter(path)
    mic = np.random.default_rng(0).integers(-32768, 32768, 1600).astype(np.int16)
    speaker = mic[::-1].copy()
    for at in range(0, 1600, 160):
        writer.write(mic[at : at + 160], speaker[at : at + 160])
    writer.close()
    info = soundfile.info(path)
    assert (info.format, info.subtype, info.samplerate, info.channels) == ("WAV", "PCM_16", 16_000, 2)
    frames, _ = soundfile.read(path, dtype="int16")
    assert np.array_equal(frames[:, 0], mic)
    assert np.array_equal(frames[:, 1], speaker)
    assert list(tmp_path.iterdir()) == [path]


def test_what_is_there_can_be_read_before_and_after_the_end(tmp_path: Path) -> None:
    writer = StereoWriter(tmp_path / "OUT.wav")
    assert [len(side) for side in writer.read()] == [0, 0]
    writer.write(block(1), block(-1))
    for _ in range(2):
        mic, speaker = writer.read()
        assert mic.tolist() == [1] * 160
        assert speaker.tolist() == [-1] * 160
        writer.close()
    writer.write(block(2), block(2))  # too late: nothing happens
    assert len(writer.read()[0]) == 160


def test_earlier_recording_stays_until_the_new_one_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "OUT.wav"
    path.write_text("the old one")
    writer = StereoWriter(path)
    writer.write(block(1), block(1))
    writer.read()
    assert path.read_text() == "the old one"
    writer.close()
    assert soundfile.info(path).frames == 160


def test_session_without_a_block_is_a_valid_empty_file(tmp_path: Path) -> None:
    StereoWriter(tmp_path / "OUT.wav").close()
    assert soundfile.info(tmp_path / "OUT.wav").frames == 0


def test_killed_process_leaves_a_part_that_can_be_read(tmp_path: Path) -> None:
    code = f"""
        import os, numpy as np
        from device.audio.recording import StereoWriter
        writer = StereoWriter({str(tmp_path / "OUT.wav")!r})
        for _ in range(100):
            writer.write(np.full(160, 5, np.int16), np.full(160, 6, np.int16))
        writer.read()
        os._exit(9)
    """
    assert subprocess.run([sys.executable, "-c", textwrap.dedent(code)], check=False).returncode == 9
    frames, _ = soundfile.read(tmp_path / "OUT.wav.part", dtype="int16")
    assert frames.shape == (16_000, 2)
    assert not (tmp_path / "OUT.wav").exists()


def test_full_disk_is_said_at_the_end_and_what_fitted_is_kept(tmp_path: Path) -> None:
    """A limit on the file's size stands in for the disk: the kernel refuses the rest of a write in the same way."""
    code = f"""
        import resource, signal
        import numpy as np
        from device.audio.recording import StereoWriter
        from device.errors import AudioError
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (10_001, 10_001))
        writer = StereoWriter({str(tmp_path / "OUT.wav")!r})
        for n in range(100):
            writer.write(np.full(160, n, np.int16), np.full(160, -n, np.int16))
            writer.read()
        try:
            writer.close()
        except AudioError as error:
            print(error.message, "|", error.hint)
        mic, speaker = writer.read()
        print(len(mic), len(speaker))
        writer.close()
    """
    run = subprocess.run([sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, check=True)
    said, counted = run.stdout.splitlines()
    assert "OUT.wav is incomplete: File too large" in said
    assert "0.1 s are in" in said
    kept, _ = soundfile.read(tmp_path / "OUT.wav.part", dtype="int16")
    assert counted == f"{len(kept)} {len(kept)}"
    assert len(kept) == 15 * 160  # 44 + 15 * 640 bytes fit whole
    assert kept[-1].tolist() == [14, -14]
    assert not (tmp_path / "OUT.wav").exists()


@pytest.mark.parametrize(("room_bytes", "says"), [(20, "cannot record to"), (44 + 639, "is incomplete")])
def test_disk_that_takes_nothing_keeps_no_empty_file(tmp_path: Path, room_bytes: int, says: str) -> None:
    code = f"""
        import os, resource, signal
        import numpy as np
        from device.audio.recording import StereoWriter
        from device.errors import AudioError
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, ({room_bytes}, {room_bytes}))
        before = os.listdir("/proc/self/fd") if os.path.isdir("/proc/self/fd") else []
        try:
            writer = StereoWriter({str(tmp_path / "OUT.wav")!r})
            writer.write(np.ones(160, np.int16), np.ones(160, np.int16))
            writer.close()
        except AudioError as error:
            print(error.message, "|", error.hint)
            if {room_bytes} > 44:
                assert [len(side) for side in writer.read()] == [0, 0]
        print(len(os.listdir("/proc/self/fd") if before else []) - len(before))
    """
    run = subprocess.run([sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, check=True)
    said, left_open = run.stdout.splitlines()
    assert says in said
    assert left_open == "0"
    assert list(tmp_path.iterdir()) == []


def test_stalled_disk_does_not_stop_the_card(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recording, "QUEUE_BLOCKS", 10)
    stalled = threading.Event()
    writer = StereoWriter(tmp_path / "OUT.wav")
    store = writer._store

    def slow(frames: Int16s) -> None:
        stalled.wait(10.0)
        store(frames)

    monkeypatch.setattr(writer, "_store", slow)
    for n in range(30):
        writer.write(block(n), block(n))  # comes back at once, each time
    stalled.set()
    with pytest.raises(AudioError, match="took nothing"):
        writer.close()


@pytest.mark.parametrize("name", ["missing/OUT.wav", "", "a\0b.wav"])
def test_place_that_cannot_be_written_to_is_said_at_once(tmp_path: Path, name: str) -> None:
    with pytest.raises(AudioError, match="cannot record"):
        StereoWriter(f"{tmp_path}/{name}")


def test_longest_wav(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recording, "MAX_FRAMES", 400)
    writer = StereoWriter(tmp_path / "OUT.wav")
    for _ in range(4):
        writer.write(block(1), block(1))
    with pytest.raises(AudioError, match=r"18\.6 h"):
        writer.close()
    assert soundfile.info(tmp_path / "OUT.wav.part").frames == 320


def test_memory_keeps_both_sides() -> None:
    recorder = MemoryRecorder()
    assert [len(side) for side in recorder.read()] == [0, 0]
    for n in range(5):
        recorder.write(block(n), block(-n))
        assert len(recorder.read()[0]) == 160 * (n + 1)
    mic, speaker = recorder.read()
    assert mic[::160].tolist() == [0, 1, 2, 3, 4]
    assert speaker[::160].tolist() == [0, -1, -2, -3, -4]
    recorder.close()


def test_memory_has_an_end_and_says_so_once() -> None:
    recorder = MemoryRecorder(limit_s=0.02)
    for n in range(5):
        recorder.write(block(n), block(n))
    assert len(recorder.read()[0]) == 320
    with pytest.raises(AudioError, match="only the first"):
        recorder.close()
    recorder.close()
