"""`nearfield run` itself: PortAudio on a virtual ALSA card, real models, a room with an echo.

What was said and played is read from the card's own time line (tests/virtual_card).
"""

import json
import os
import pty
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jiwer
import numpy as np
import pytest
import soundfile
from virtual_card.alsa_card import AlsaCard, Loss
from virtual_card.stage import AlsaStage

from models.protocols import Int16s

ROOT = Path(__file__).resolve().parents[2]
RATE_HZ = 16_000
QUESTION = "What is the capital of France?"
STORY = "Tell me a long story."
AUDIBLE = 200  # int16: well above the dither of silence, well below speech
WAIT_S = 60.0  # how long anything may take on a slow machine


def small_room(gain_db: float) -> np.ndarray:
    """From the loudspeaker to the microphone: 5 ms of air, a table, a wall; unit energy at `gain_db`."""
    response = np.zeros(1600, np.float32)
    response[[80, 140, 410, 777]] = 1.0, -0.4, 0.3, -0.2
    response[80:] += 0.02 * np.random.default_rng(1).standard_normal(1520) * np.exp(-np.arange(1520) / 400)
    scaled: np.ndarray = response / np.sqrt((response**2).sum()) * 10 ** (gain_db / 20)
    return scaled


class Session:
    """`nearfield run` on a card of its own."""

    def __init__(self, card: AlsaCard, environment: dict[str, str], folder: Path) -> None:
        self.card = card
        self.environment = environment
        self.log, self.database = folder / "events.jsonl", folder / "sessions.db"
        self._out, self._err = folder / "out.txt", folder / "err.txt"
        self.program: subprocess.Popen[bytes] | None = None

    def command(self, *settings: str) -> list[str]:
        keys = ["audio.input=vcard", "audio.output=vcard", f"session.database={self.database}", *settings]
        flags = [flag for key in keys for flag in ("--set", key)]
        return [sys.executable, "-m", "device.cli.main", "run", "--events", str(self.log), *flags]

    def start(self, *settings: str, stdin: int = subprocess.DEVNULL, shell_suffix: str = "") -> None:
        command = self.command(*settings)
        if shell_suffix:
            command = ["sh", "-c", f'exec "$@" {shell_suffix}', "sh", *command]
        with self._out.open("wb") as out, self._err.open("wb") as err:
            self.program = subprocess.Popen(
                command, env=self.environment, stdin=stdin, stdout=out, stderr=err, cwd=ROOT, start_new_session=True
            )

    def events(self, kind: str = "") -> list[dict[str, Any]]:
        if not self.log.exists():
            return []
        # a line that is being written has no end yet
        whole = [line for line in self.log.read_text().splitlines(keepends=True) if line.endswith("\n")]
        return [e for e in map(json.loads, whole) if kind in ("", e["type"])]

    def wait_for(self, kind: str, count: int = 1) -> dict[str, Any]:
        deadline = time.monotonic() + WAIT_S
        while len(found := self.events(kind)) < count:
            assert self.program is not None
            assert self.program.poll() is None, self.told()
            assert time.monotonic() < deadline, f"no {kind}: {self.events()}\n{self.told()}"
            time.sleep(0.02)
        return found[count - 1]

    def say(self, recording: Path) -> int:
        """Into the microphone, soon; returns the card's frame."""
        pcm, rate = soundfile.read(recording, dtype="int16")
        assert rate == RATE_HZ
        return self.card.say(pcm)

    def end(self, number: int | None) -> int:
        """Send a signal, or None: it ends by itself. Returns the exit status."""
        assert self.program is not None
        if number is not None:
            self.program.send_signal(number)
        return self.program.wait(WAIT_S)

    def out(self) -> str:
        return self._out.read_text()

    def told(self) -> str:
        return self._err.read_text()

    def started_at(self) -> int:
        """The card frame of the program's sample 0."""
        frame = self.card.started_at()
        assert frame is not None
        return frame

    def played(self) -> Int16s:
        """What the loudspeaker played, indexed by the program's capture clock."""
        pcm: Int16s = self.card.played[self.started_at() : self.card.now()].copy()
        return pcm

    def record(self) -> tuple[list[sqlite3.Row], sqlite3.Row]:
        """(turns, session), from a database that is whole."""
        with sqlite3.connect(self.database) as db:
            db.row_factory = sqlite3.Row
            assert db.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
            (session,) = db.execute("SELECT * FROM session").fetchall()
            return db.execute("SELECT * FROM turn ORDER BY number").fetchall(), session


@pytest.fixture
def session(alsa_stage: AlsaStage, environment: dict[str, str], tmp_path: Path) -> Iterator[Session]:
    card = alsa_stage.add("vcard", rate_hz=RATE_HZ, seconds=300)
    card.set_echo(small_room(-15))
    made = Session(card, {**environment, **alsa_stage.environment}, tmp_path)
    yield made
    if made.program is not None and made.program.poll() is None:
        made.program.kill()
        made.program.wait()


def words(text: str) -> str:
    return "".join(c for c in text.lower() if c.isalnum() or c == " ").strip()


def sound_between(played: Int16s) -> tuple[float, float]:
    """When the loudspeaker was first and last audible, in ms."""
    audible = np.flatnonzero(np.abs(played.astype(int)) > AUDIBLE)
    assert audible.size, "nothing was played"
    return float(audible[0]) * 1000 / RATE_HZ, float(audible[-1]) * 1000 / RATE_HZ


@pytest.mark.models
def test_a_question_is_answered_and_its_own_voice_is_not(
    session: Session, spoken: Callable[[str], Path], recogniser: Any
) -> None:
    """The microphone hears the answer 15 dB below what is played."""
    question = spoken(QUESTION)
    session.start()
    session.wait_for("state")  # the first line: the card runs
    session.say(question)
    end = session.wait_for("playout_end")
    time.sleep(1.0)  # were the answer taken for a voice, it would be by now
    assert session.end(signal.SIGINT) == 130
    assert session.told() == "nearfield: interrupted\n"
    assert session.events("error") == []
    assert session.events("interrupted") == []
    assert len(session.events("speech_start")) == 1

    (commit,) = session.events("commit")
    assert words(commit["text"]) == words(QUESTION)
    assert "paris" in end["heard"].lower()
    assert end["heard"] == end["generated"]

    (start,) = session.events("playout_start")
    played = session.played()
    first_ms, last_ms = sound_between(played)
    assert first_ms == pytest.approx(start["t_ms"], abs=150)
    assert last_ms < end["t_ms"] + 150  # and before it by what the voice leaves silent at its end
    said = recogniser.transcribe(played.astype(np.float32) / 32768).text
    assert jiwer.wer(words(end["heard"]), words(said)) <= 0.34, (end["heard"], said)

    for line in ("vcard", f"You        {commit['text']}", f"Nearfield  {end['heard']}"):
        assert line in session.out()
    (turn,), row = session.record()
    assert turn["user_text"] == commit["text"]
    assert turn["reply_heard"] == end["heard"]
    assert row["ended_at"] is not None


@pytest.mark.models
def test_sigterm_in_the_middle_of_an_answer_is_an_orderly_end(session: Session, spoken: Callable[[str], Path]) -> None:
    """As a supervisor ends it, here without any standard input."""
    story = spoken(STORY)
    session.start(shell_suffix="<&-")
    session.wait_for("state")
    session.say(story)
    session.wait_for("playout_start")
    time.sleep(1.0)
    assert session.end(signal.SIGTERM) == 0, session.told()
    assert session.told() == ""
    (cut,) = session.events("interrupted")
    assert cut["heard"]
    assert cut["generated"].startswith(cut["heard"])
    (turn,), row = session.record()
    assert (turn["interrupted"], turn["reply_heard"]) == (1, cut["heard"])
    assert row["ended_at"] is not None


@pytest.mark.models
def test_sigterm_while_the_models_load_is_an_orderly_end(session: Session) -> None:
    session.start()
    deadline = time.monotonic() + WAIT_S
    while not session.log.exists():  # made before the models are loaded
        assert time.monotonic() < deadline
        time.sleep(0.002)
    assert session.end(signal.SIGTERM) == 0, session.told()
    assert session.told() == "nearfield: ended by SIGTERM before it listened\n"
    assert "is listening" not in session.out()
    assert not session.database.exists(), "no conversation took place"


@pytest.mark.models
def test_a_terminal_that_hangs_up_is_an_orderly_end(session: Session) -> None:
    """An ssh connection that breaks."""
    session.log.write_text('{"type": "of another conversation"}\n')
    session.start()
    session.wait_for("state")
    assert session.end(signal.SIGHUP) == 0, session.told()
    assert session.events("of another conversation") == [], "a new conversation, a new file"
    turns, row = session.record()
    assert turns == []
    assert row["ended_at"] is not None


@pytest.mark.models
def test_sound_that_was_lost_is_said_at_the_end(session: Session) -> None:
    session.start()
    session.wait_for("state")
    session.card.skip(0.5)
    deadline = time.monotonic() + WAIT_S
    while len(session.card.events("start")) < 4:  # both directions, once more: PortAudio has recovered
        assert time.monotonic() < deadline
        time.sleep(0.02)
    time.sleep(0.2)
    assert session.end(signal.SIGTERM) == 0, session.told()
    assert "The sound was not whole: " in session.out()
    assert "flows of the " in session.out()


@pytest.mark.models
def test_a_card_that_is_busy_by_now_is_said_in_one_line(session: Session) -> None:
    """Another program took it while the models were loaded."""
    session.start()
    deadline = time.monotonic() + WAIT_S
    while not session.log.exists():  # made once the card has been looked at, before the models are loaded
        assert time.monotonic() < deadline
        time.sleep(0.002)
    session.card.set_busy()
    assert session.end(None) == 1
    (line,) = session.told().splitlines()
    assert "vcard is busy" in line
    assert "is listening" not in session.out()


@pytest.mark.models
def test_a_card_that_hangs_in_its_driver_ends_it_in_one_line(session: Session, spoken: Callable[[str], Path]) -> None:
    """In the middle of an answer; PortAudio cannot close such a card. A supervisor starts the program again."""
    story = spoken(STORY)
    session.start()
    session.wait_for("state")
    session.say(story)
    session.wait_for("playout_start")
    time.sleep(1.0)
    session.card.unplug(Loss.STUCK_IN_XRUN)
    assert session.end(None) == 75, session.told()
    line, *more = session.told().splitlines()
    assert not more, more[:5]
    assert "vcard has delivered nothing for" in line
    assert "start nearfield again" in line
    (cut,) = session.events("interrupted")
    (turn,), row = session.record()
    assert turn["user_text"]
    assert (turn["interrupted"], turn["reply_heard"]) == (1, cut["heard"])
    assert row["ended_at"] is not None
    assert row["ending"] == "failed"


@pytest.mark.models
def test_the_space_bar_works_in_its_terminal(session: Session, spoken: Callable[[str], Path]) -> None:
    question = spoken(QUESTION)
    ours, theirs = pty.openpty()
    session.start("turn.listen=push-to-talk", stdin=theirs)
    os.close(theirs)
    session.wait_for("state")
    os.write(ours, b" ")
    session.wait_for("speech_start")
    session.say(question)
    until = time.monotonic() + soundfile.info(question).duration + 0.2
    while time.monotonic() < until:
        os.write(ours, b" ")  # as a held key repeats
        time.sleep(0.03)
    end = session.wait_for("playout_end")
    os.write(ours, b"\x03")  # Ctrl-C
    assert session.end(signal.SIGINT) == 130
    os.close(ours)
    (commit,) = session.events("commit")
    assert commit["reason"] == "release"
    assert words(commit["text"]) == words(QUESTION)
    assert end["heard"]
    assert "Hold the space bar to talk." in session.out()


def test_a_card_that_is_not_there_is_said_in_one_line(session: Session) -> None:
    session.start("audio.input=nonsense")
    assert session.end(None) == 1
    (line,) = session.told().splitlines()
    assert "no microphone is called 'nonsense'" in line
    assert "vcard" in line, "what there is is said too"
    assert session.out() == ""
    assert not session.database.exists(), "no conversation took place"
