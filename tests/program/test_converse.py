"""`nearfield converse`: questions in, answers out, with the real models in real time."""

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jiwer
import numpy as np
import pytest
import soundfile
from nearfield_command import Command

pytestmark = pytest.mark.models

QUESTION = "What is the capital of France?"
EVENTS = {
    "speech_start", "speech_end", "partial", "final", "commit", "llm_first_token", "opening", "clause",
    "tts_first_audio", "playout_start", "spoken", "playout_end", "interrupted", "resumed", "state", "error",
    "end_point", "supposed", "understood", "discarded", "acknowledged", "degraded",
}  # fmt: skip


def words(text: str) -> str:
    return "".join(c for c in text.lower() if c.isalnum() or c == " ").strip()


def read_events(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.fixture(scope="module")
def conversation(
    nearfield: Command,
    environment: dict[str, str],
    spoken: Callable[[str], Path],
    tmp_path_factory: pytest.TempPathFactory,
) -> dict[str, Any]:
    """Two questions, held once; the tests look at it from all sides."""
    folder = tmp_path_factory.mktemp("conversation")
    network = Path(environment["NETWORK_LOG"])
    network.write_text("")
    database = folder / "sessions.db"
    done = nearfield(
        "converse", spoken(QUESTION), spoken("What is the largest planet?"),
        "--output", folder / "both.wav", "--events", folder / "events.jsonl",
        "--set", f"session.database={database}", "--json",
    )  # fmt: skip
    recording, rate = soundfile.read(folder / "both.wav", dtype="int16")
    return {
        "result": done.json(),
        "events": read_events(folder / "events.jsonl"),
        "recording": recording,
        "rate": rate,
        "database": database,
        "network": network.read_text().splitlines(),
    }


def test_both_questions_are_understood_and_answered(conversation: dict[str, Any]) -> None:
    first, second = conversation["result"]["turns"]
    assert words(first["transcript"]) == words(QUESTION)
    assert "paris" in first["reply_heard"].lower()
    assert "largest plan" in second["transcript"].lower()  # tiny.en hears a plant now and then
    assert second["reply_heard"]
    assert first["reply_heard"] == first["reply_generated"]
    assert conversation["result"]["errors"] == []


def test_ttfa_is_what_the_waveforms_say(conversation: dict[str, Any]) -> None:
    for turn in conversation["result"]["turns"]:
        assert turn["ttfa_ms"] == pytest.approx(turn["first_audio_ms"] - turn["speech_end_ms"], abs=0.02)
        assert turn["ttfa_ms"] > 0, "it must not answer before the user has finished"
        at = round(turn["first_audio_ms"] * 16)
        speaker = conversation["recording"][:, 1].astype(float)
        assert np.sqrt(np.mean(speaker[at : at + 160] ** 2)) > 0.005 * 32768
        assert np.abs(speaker[round(turn["speech_end_ms"] * 16) : at - 160]).max(initial=0) < 0.02 * 32768


def test_the_recording_is_stereo_and_holds_both_sides(conversation: dict[str, Any], recogniser: Any) -> None:
    recording = conversation["recording"]
    assert conversation["rate"] == 16_000
    assert recording.shape[1] == 2
    start = round(conversation["result"]["inputs_ms"][1] * 16)
    said = recognised(recogniser, recording[:start, 1])
    told = conversation["result"]["turns"][0]["reply_heard"]
    assert jiwer.wer(words(told), words(said)) <= 0.34, (told, said)
    assert words(recognised(recogniser, recording[:start, 0])) == words(QUESTION)


def recognised(recogniser: Any, pcm: np.ndarray) -> str:
    text: str = recogniser.transcribe(pcm.astype(np.float32) / 32768).text
    return text


def test_events_tell_the_story_in_order(conversation: dict[str, Any]) -> None:
    events = conversation["events"]
    assert {e["type"] for e in events} <= EVENTS
    assert [e["state"] for e in events if e["type"] == "state"] == [
        "idle", "listening", "thinking", "speaking", "idle", "listening", "thinking", "speaking", "idle",
    ]  # fmt: skip
    for turn in (1, 2):
        t = {e["type"]: e["t_ms"] for e in events if e["turn"] == turn}
        assert t["speech_start"] < t["speech_end"] <= t["final"] <= t["commit"] < t["playout_start"] < t["playout_end"]
        assert t["llm_first_token"] <= t.get("opening", t["clause"]) <= t["clause"]


def test_the_next_question_waits_for_the_answer(conversation: dict[str, Any]) -> None:
    end = next(e["t_ms"] for e in conversation["events"] if e["type"] == "playout_end")
    assert conversation["result"]["inputs_ms"][1] - end == pytest.approx(800, abs=20)


def test_the_record_has_it_all(conversation: dict[str, Any]) -> None:
    with sqlite3.connect(conversation["database"]) as db:
        db.row_factory = sqlite3.Row
        turns = db.execute("SELECT * FROM turn ORDER BY number").fetchall()
        (session,) = db.execute("SELECT * FROM session").fetchall()
    assert session["ended_at"] is not None
    for row, turn in zip(turns, conversation["result"]["turns"], strict=True):
        assert row["user_text"] == turn["transcript"]
        assert row["reply_heard"] == turn["reply_heard"]
        assert row["commit_sample"] < row["playout_start_sample"] < row["playout_end_sample"]


def test_every_turn_has_a_trace(conversation: dict[str, Any], nearfield: Command) -> None:
    done = nearfield("trace", "--last", "10", "--set", f"session.database={conversation['database']}", "--json")
    traced = done.json()
    assert [turn["turn"] for turn in traced["turns"]] == [1, 2]
    for trace, turn in zip(traced["turns"], conversation["result"]["turns"], strict=True):
        stages = {span["stage"] for span in trace["spans"]}
        assert stages == {
            "capture", "vad", "end_point", "final", "understood", "llm_first_token", "first_clause", "tts_first_audio",
            "playout", "ttfa",
        }  # fmt: skip
        # the voice detector's end of speech is not the waveform's, but near it
        assert trace["zero_ms"] == pytest.approx(turn["speech_end_ms"], abs=250)
        assert trace["zero_ms"] + trace["ttfa_ms"] == pytest.approx(turn["first_audio_ms"], abs=60)
        late = turn["speech_end_ms"] - trace["zero_ms"]
        assert turn["stages_ms"]["commit"] + late == pytest.approx(
            next(mark["at_ms"] for mark in trace["marks"] if mark["name"] == "commit"), abs=0.02
        )
    assert "Paris" not in done.out


def test_nothing_goes_out(conversation: dict[str, Any]) -> None:
    started, *asked = conversation["network"]
    assert started.startswith("started"), "nobody watched"
    assert not asked


def test_no_audio_is_kept(conversation: dict[str, Any], environment: dict[str, str]) -> None:
    folder = Path(conversation["database"]).parent
    kept = [*Path(environment["XDG_STATE_HOME"]).rglob("*"), *folder.rglob("*")]
    heads = {path.name: path.read_bytes()[:4] for path in kept if path.is_file()}
    audio = {name for name, head in heads.items() if head in (b"RIFF", b"fLaC", b"OggS")}
    assert audio == {"both.wav"}, "that one was asked for"
    with sqlite3.connect(conversation["database"]) as db:
        tables = [name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        rows = [row for table in tables for row in db.execute(f"SELECT * FROM {table}")]
    assert len(rows) > 10
    assert not [value for row in rows for value in row if isinstance(value, bytes)]
    assert max(len(value) for row in rows for value in row if isinstance(value, str)) < 32_000, "a second of it"


def test_no_sample_is_lost(conversation: dict[str, Any]) -> None:
    card = conversation["result"]["card"]
    assert card["capture_lost_samples"] == 0
    assert card["blocks"] == pytest.approx(len(conversation["recording"]) / 160, abs=2)


def test_it_can_be_interrupted_and_remembers_what_was_heard(
    nearfield: Command, spoken: Callable[[str], Path], recogniser: Any, tmp_path: Path
) -> None:
    """Over its own echo, the loudspeaker 10 dB below what is played."""
    done = nearfield(
        "converse", spoken("Tell me a long story about a dog."), spoken("Stop it now please. What is your name?"),
        "--at", "0.5", "6.5", "--echo-db", "-10", "--output", tmp_path / "o.wav", "--events", tmp_path / "e.jsonl",
        "--set", f"session.database={tmp_path / 's.db'}", "--set", "answer.acknowledge=false",
        "--set", "llm.max_reply_tokens=40", "--json",
    )  # fmt: skip
    story, *rest = done.json()["turns"]
    assert story["interrupted"]
    assert story["reply_generated"].startswith(story["reply_heard"])
    assert story["reply_heard"] != story["reply_generated"]
    # two sentences with a pause between them may be two turns
    assert "name" in " ".join(turn["transcript"] for turn in rest).lower()
    cut = next(e["t_ms"] for e in read_events(tmp_path / "e.jsonl") if e["type"] == "interrupted")
    assert story["last_audio_ms"] - cut <= 100, "bench/barge_in.py has the figure; a slow machine may add to it"
    recording, _ = soundfile.read(tmp_path / "o.wav", dtype="int16")
    said = words(recognised(recogniser, recording[: round(story["last_audio_ms"] * 16), 1])).split()
    heard = words(story["reply_heard"]).split()
    # a word that was cut in the middle may or may not be understood
    assert abs(len(said) - len(heard)) <= 2, (said, heard)
    assert jiwer.wer(" ".join(heard), " ".join(said[: len(heard)])) <= 0.34, (said, heard)


def test_it_goes_on_when_nobody_meant_to_interrupt(
    nearfield: Command, spoken: Callable[[str], Path], recogniser: Any, tmp_path: Path
) -> None:
    """A grunt without words, then "Yeah." of somebody who listens: the answer is heard in full."""
    done = nearfield(
        "converse", spoken("Tell me a long story about a dog."), spoken("Huh?"), spoken("Yeah."),
        "--at", "0.5", "5", "8", "--output", tmp_path / "o.wav", "--events", tmp_path / "e.jsonl",
        "--set", f"session.database={tmp_path / 's.db'}", "--set", "llm.max_reply_tokens=40",
        "--set", "barge_in.resume_within_ms=20000", "--json",
    )  # fmt: skip
    turns = done.json()["turns"]
    assert len(turns) == 1, [each["transcript"] for each in turns]
    (turn,) = turns
    assert not turn["interrupted"]
    assert turn["reply_heard"] == turn["reply_generated"] != ""
    events = read_events(tmp_path / "e.jsonl")
    assert not [e for e in events if e["type"] == "interrupted"]
    resumed = [e for e in events if e["type"] == "resumed"]
    # the grunt is heard as "Huh." or as nothing at all, as much of it as a decode gets
    assert [e["reason"] for e in resumed] in (["no_words", "backchannel"], ["backchannel", "backchannel"])
    recording, _ = soundfile.read(tmp_path / "o.wav", dtype="int16")
    speaker = recording[:, 1]
    for event in resumed:
        silence = speaker[round(event["interrupted_ms"] * 16) + 480 : round(event["t_ms"] * 16)]
        assert np.abs(silence.astype(int)).max(initial=0) == 0, "nothing is said until it is known"
    gapless = np.concatenate([part for part in np.array_split(speaker, len(speaker) // 160) if part.any()])
    heard = words(turn["reply_heard"])
    # the beginning of a word that was cut may be there twice, as people do
    assert jiwer.wer(heard, words(recognised(recogniser, gapless))) <= 0.34
    with sqlite3.connect(tmp_path / "s.db") as db:
        assert db.execute("SELECT interrupted, reply_heard FROM turn").fetchall() == [(0, turn["reply_heard"])]


def test_it_never_hears_itself(nearfield: Command, spoken: Callable[[str], Path], tmp_path: Path) -> None:
    """The loudspeaker as loud in the microphone as it is played."""
    done = nearfield(
        "converse", spoken("Tell me about the sun."), "--echo-db", "0", "--echo-delay-ms", "25", "--json",
        "--tail-s", "2", "--set", f"session.database={tmp_path / 's.db'}", "--set", "llm.max_reply_tokens=40",
    )  # fmt: skip
    (turn,) = done.json()["turns"]
    assert not turn["interrupted"]
    assert turn["reply_heard"] == turn["reply_generated"]


def test_silence_and_noise_get_no_answer(nearfield: Command, tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    soundfile.write(tmp_path / "silence.wav", np.zeros(16_000, np.int16), 16_000)
    soundfile.write(tmp_path / "noise.wav", (rng.standard_normal(32_000) * 1500).astype(np.int16), 16_000)
    done = nearfield(
        "converse", tmp_path / "silence.wav", tmp_path / "noise.wav", "--at", "0.2,1.5",
        "--set", f"session.database={tmp_path / 's.db'}",
    )  # fmt: skip
    assert done.status == 0
    assert "Nothing was said" in done.out


def test_ctrl_c_leaves_everything_whole(
    environment: dict[str, str], spoken: Callable[[str], Path], tmp_path: Path
) -> None:
    command = [
        sys.executable, "-m", "device.cli.main", "converse", spoken("Tell me a long story about a dog."),
        "--output", tmp_path / "o.wav", "--events", tmp_path / "e.jsonl", "--json",
        "--set", f"session.database={tmp_path / 's.db'}",
    ]  # fmt: skip
    program = subprocess.Popen(
        list(map(str, command)), env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    deadline = time.monotonic() + 60
    log = tmp_path / "e.jsonl"
    while not (log.exists() and "playout_start" in log.read_text()):
        assert time.monotonic() < deadline
        assert program.poll() is None
        time.sleep(0.05)
    time.sleep(1.5)
    os.kill(program.pid, signal.SIGINT)
    out, err = program.communicate(timeout=30)
    assert program.returncode == 130
    assert "Traceback" not in err
    (turn,) = json.loads(out)["turns"]
    assert turn["interrupted"]
    assert turn["reply_generated"].startswith(turn["reply_heard"])
    assert turn["reply_heard"]
    assert soundfile.info(tmp_path / "o.wav").channels == 2
    with sqlite3.connect(tmp_path / "s.db") as db:
        assert db.execute("SELECT interrupted, reply_heard FROM turn").fetchall() == [(1, turn["reply_heard"])]
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
