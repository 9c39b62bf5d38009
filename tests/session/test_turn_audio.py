"""The microphone of the last turns: what is in the files, how many there are, and that nobody waits for the disk."""

import threading
from pathlib import Path

import numpy as np
import pytest
import soundfile

from device.dialogue import events as ev
from device.session.turn_audio import QUEUE_TURNS, TurnAudio, audio_folder, delete_audio, keep_turn_audio, kept_audio

RATE = 16_000


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return audio_folder(tmp_path / "deep" / "sessions.db")


def hear(audio: TurnAudio, seconds: float) -> np.ndarray:
    """A ramp, so that every sample says where it is; in blocks of 10 ms."""
    pcm = (np.arange(round(seconds * RATE)) % 30_000).astype(np.int16)
    for start in range(0, len(pcm), 160):
        audio.hear(pcm[start : start + 160], start)
    return pcm


def turn(audio: TurnAudio, number: int, onset_s: float, end_s: float) -> None:
    audio.on_event(ev.SpeechStart(round(onset_s * RATE) + 2000, number, round(onset_s * RATE)))
    audio.on_event(ev.Commit(round(end_s * RATE), number, "Hello.", "silence"))


def test_a_turn_is_kept_sample_by_sample_from_before_its_onset(folder: Path) -> None:
    audio = TurnAudio(folder, 7, keep=5, pre_roll_ms=500)
    pcm = hear(audio, 4)
    turn(audio, 1, onset_s=1.0, end_s=3.0)
    audio.close()
    ((session, number, path),) = kept_audio(folder)
    assert (session, number, path.name) == (7, 1, "7-1.flac")
    kept, rate = soundfile.read(path, dtype="int16")
    assert rate == RATE
    np.testing.assert_array_equal(kept, pcm[RATE // 2 : 3 * RATE])
    assert folder.stat().st_mode & 0o077 == 0, "it is nobody else's business"


def test_only_the_newest_are_kept_whatever_their_session(folder: Path) -> None:
    for session in (9, 10):  # as numbers, not as names
        audio = TurnAudio(folder, session, keep=3)
        hear(audio, 1)
        for number in (1, 2, 11):
            turn(audio, number, 0.1, 0.5)
            while not (folder / f"{session}-{number}.flac").exists():  # each in its turn: the queue is short
                pass
        audio.close()
        if session == 9:
            assert [(s, t) for s, t, _ in kept_audio(folder)] == [(9, 1), (9, 2), (9, 11)]
            audio = TurnAudio(folder, 10, keep=3)
            hear(audio, 1)
            turn(audio, 1, 0.1, 0.5)
            audio.close()
            assert [(s, t) for s, t, _ in kept_audio(folder)] == [(9, 2), (9, 11), (10, 1)]
    assert [(s, t) for s, t, _ in kept_audio(folder)] == [(10, 1), (10, 2), (10, 11)]


def test_a_turn_longer_than_the_memory_keeps_its_end(folder: Path) -> None:
    audio = TurnAudio(folder, 1, keep=3, longest_s=1.0)
    pcm = hear(audio, 3)
    turn(audio, 1, 0.5, 3.0)
    audio.close()
    kept, _ = soundfile.read(folder / "1-1.flac", dtype="int16")
    np.testing.assert_array_equal(kept, pcm[2 * RATE :])


def test_what_was_said_before_the_mute_is_not_kept(folder: Path) -> None:
    audio = TurnAudio(folder, 1, keep=3)
    hear(audio, 2)
    audio.on_event(ev.Mute(2 * RATE, 0, True))
    turn(audio, 1, 1.0, 2.0)
    audio.close()
    kept, _ = soundfile.read(folder / "1-1.flac", dtype="int16")
    assert not kept.any()


def test_a_turn_without_a_voice_leaves_no_file(folder: Path) -> None:
    audio = TurnAudio(folder, 1, keep=3)
    audio.on_event(ev.Commit(100, 1, "typed", "silence"))
    audio.close()
    assert kept_audio(folder) == []


def test_a_disk_that_refuses_is_told_once(folder: Path) -> None:
    folder.parent.mkdir(parents=True)
    folder.write_text("in the way")
    told: list[str] = []
    audio = TurnAudio(folder, 1, keep=3, on_error=told.append)
    hear(audio, 1)
    for number in (1, 2):
        turn(audio, number, 0.1, 0.5)
    audio.close()
    assert len(told) == 1
    assert "the audio of turn 1 is not kept" in told[0]
    assert kept_audio(folder) == []
    assert delete_audio(folder) == 0


def test_a_disk_that_hangs_holds_nobody_up(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hangs = threading.Event()
    monkeypatch.setattr(soundfile, "write", lambda *_args, **_more: hangs.wait(20))
    told: list[str] = []
    audio = TurnAudio(folder, 1, keep=3, on_error=told.append)
    hear(audio, 1)
    for number in range(1, QUEUE_TURNS + 4):
        turn(audio, number, 0.1, 0.5)
    assert len(told) == 1
    assert "too slow" in told[0]
    hangs.set()
    audio.close()


def test_who_wants_none_any_more_has_none(tmp_path: Path) -> None:
    database = tmp_path / "sessions.db"
    audio = keep_turn_audio(database, 1, 3, pre_roll_ms=0, on_error=print)
    assert audio is not None
    hear(audio, 1)
    turn(audio, 1, 0.1, 0.5)
    audio.close()
    assert len(kept_audio(audio_folder(database))) == 1
    assert keep_turn_audio(database, 2, 0, pre_roll_ms=0, on_error=print) is None
    assert kept_audio(audio_folder(database)) == []


def test_what_a_power_cut_left_half_written_goes_at_the_next_start(folder: Path) -> None:
    folder.mkdir(parents=True)
    for name in ("1-1.flac", "1-2.part", "notes.part"):
        (folder / name).touch()
    TurnAudio(folder, 2, keep=3).close()
    assert sorted(p.name for p in folder.iterdir()) == ["1-1.flac", "notes.part"]


def test_and_is_deleted_with_the_rest_of_its_session_or_of_all(tmp_path: Path) -> None:
    database = tmp_path / "sessions.db"
    folder = audio_folder(database)
    folder.mkdir(parents=True)
    for name in ("1-1.flac", "1-2.part", "2-1.part", "3-1.part"):
        (folder / name).touch()
    assert [path.name for _, _, path in kept_audio(folder)] == ["1-1.flac"], "nobody can play a part"
    assert delete_audio(folder, 1) == 2
    assert sorted(p.name for p in folder.iterdir()) == ["2-1.part", "3-1.part"]
    assert keep_turn_audio(database, 4, 0, pre_roll_ms=0, on_error=print) is None
    assert list(folder.iterdir()) == []


def test_other_files_in_the_folder_are_left_alone(folder: Path) -> None:
    folder.mkdir(parents=True)
    for name in ("notes.txt", "1-1.wav", "x-1.flac", "3-1.flac", "4-1.flac"):
        (folder / name).touch()
    assert delete_audio(folder, 3) == 1
    assert delete_audio(folder) == 1
    assert sorted(p.name for p in folder.iterdir()) == ["1-1.wav", "notes.txt", "x-1.flac"]
