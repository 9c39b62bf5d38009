"""`nearfield run` as a process on a virtual ALSA card, and what a test wants to know of it.

    session.start(); session.wait_for("state"); session.say(question)
    assert session.end(signal.SIGTERM) == 0, session.told()

The fixture `session` (conftest.py) makes one.
"""

import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from event_file import WAIT_S, EventFile
from virtual_card.alsa_card import AlsaCard

from models.protocols import Int16s

ROOT = Path(__file__).resolve().parents[2]
RATE_HZ = 16_000
QUESTION = "What is the capital of France?"
STORY = "Tell me a long story."


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
        self._folder = folder
        self._next: Session | None = None
        self.log, self.database = folder / "events.jsonl", folder / "sessions.db"
        self._out, self._err = folder / "out.txt", folder / "err.txt"
        self.program: subprocess.Popen[bytes] | None = None
        self._events = EventFile(self.log, alive=self._alive, told=self.told)

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

    def again(self) -> "Session":
        """Another run with the same record, on the same card; its events are in a file of their own."""
        folder = self._folder / "again"
        folder.mkdir()
        self._next = Session(self.card, self.environment, folder)
        self._next.database = self.database
        return self._next

    def kill(self) -> None:
        """The plug is pulled: nothing in the program has a word in it."""
        if self.program is not None and self.program.poll() is None:
            self.program.kill()
            self.program.wait()
        if self._next is not None:
            self._next.kill()

    def events(self, kind: str = "") -> list[dict[str, Any]]:
        return self._events.events(kind)

    def wait_for(self, kind: str, count: int = 1) -> dict[str, Any]:
        return self._events.wait_for(kind, count)

    def _alive(self) -> None:
        assert self.program is not None
        assert self.program.poll() is None, self.told()

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
