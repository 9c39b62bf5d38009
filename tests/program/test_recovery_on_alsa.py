"""`nearfield run` loses its sound card and gets it back: PortAudio on a virtual ALSA card, real models.

The card's source lies beside the repository (../shared/rig) and is built into a temporary folder; without it, or
without a compiler, these tests are skipped.
"""

import importlib.util
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import soundfile

from device.audio.earcons import earcon
from models.protocols import Int16s

ROOT = Path(__file__).resolve().parents[2]
RIG = ROOT.parent / "shared" / "rig"
RATE_HZ = 16_000
QUESTION = "What is the capital of France?"
STORY = "Tell me a long story."
WAIT_S = 60.0  # how long anything may take on a slow machine


@pytest.fixture(scope="module")
def rig(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if not (RIG / "vcard" / "pcm_vcard.c").exists():
        pytest.skip(f"the virtual ALSA card is not there: {RIG}")
    if shutil.which("gcc") is None:
        pytest.skip("no gcc to build the virtual ALSA card with")
    copy = tmp_path_factory.mktemp("rig") / "rig"
    shutil.copytree(RIG, copy)
    for path in [copy, *copy.rglob("*")]:
        path.chmod(0o755)
    return copy


@pytest.fixture(scope="module")
def vcard(rig: Path) -> ModuleType:
    """The card's Python side."""
    spec = importlib.util.spec_from_file_location("vcard", rig / "vcard" / "vcard.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def small_room(gain_db: float) -> np.ndarray:
    """From the loudspeaker to the microphone: 5 ms of air, a table, a wall; unit energy at `gain_db`."""
    response = np.zeros(1600, np.float32)
    response[[80, 140, 410, 777]] = 1.0, -0.4, 0.3, -0.2
    response[80:] += 0.02 * np.random.default_rng(1).standard_normal(1520) * np.exp(-np.arange(1520) / 400)
    scaled: np.ndarray = response / np.sqrt((response**2).sum()) * 10 ** (gain_db / 20)
    return scaled


class Session:
    """`nearfield run` on a card of its own."""

    def __init__(self, card: Any, environment: dict[str, str], folder: Path) -> None:
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
        return int(self.card.say(pcm, margin=0.1))

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
        return max(int(e[2]) for e in self.card.events() if e[0] == "start" and e[1] == "cap")

    def played(self) -> Int16s:
        """What the loudspeaker played, indexed by the program's capture clock."""
        pcm: Int16s = self.card.play[self.started_at() : self.card.now()].copy()
        return pcm

    def record(self) -> tuple[list[sqlite3.Row], sqlite3.Row]:
        """(turns, session), from a database that is whole."""
        with sqlite3.connect(self.database) as db:
            db.row_factory = sqlite3.Row
            assert db.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
            (session,) = db.execute("SELECT * FROM session").fetchall()
            return db.execute("SELECT * FROM turn ORDER BY number").fetchall(), session


@pytest.fixture
def session(rig: Path, vcard: ModuleType, environment: dict[str, str], tmp_path: Path) -> Iterator[Session]:
    shm = f"/dev/shm/nearfield_recovery_{os.getpid()}"
    env = {**environment, "VCARD_SHM": shm}
    set_up = subprocess.run([str(rig / "setup.sh")], env=env, capture_output=True, text=True, check=False)
    if set_up.returncode:
        pytest.skip(f"the virtual ALSA card does not build here: {set_up.stderr.strip()[-200:]}")
    env |= dict(word.split("=", 1) for word in set_up.stdout.split(";")[0].split()[1:])
    for other in ("PULSE_SERVER", "JACK_DEFAULT_SERVER"):
        env.pop(other, None)
    card = vcard.VCard(shm, RATE_HZ, 300)
    card.set_ir(small_room(-15))
    made = Session(card, env, tmp_path)
    yield made
    if made.program is not None and made.program.poll() is None:
        made.program.kill()
        made.program.wait()
    for left in Path("/dev/shm").glob(Path(shm).name + "*"):
        left.unlink()


def earcons_in(played: Int16s) -> int:
    """How often the signal "back again" is in it, to the sample as it was made."""
    signal_ = earcon("card back").astype(float)
    size = 1 << int(np.ceil(np.log2(played.size + signal_.size)))
    spectrum = np.fft.rfft(played.astype(float), size) * np.conj(np.fft.rfft(signal_, size))
    match = np.fft.irfft(spectrum)[: played.size] / (signal_**2).sum()
    peaks = np.flatnonzero(match > 0.98)
    return int(np.count_nonzero(np.diff(peaks, prepend=-RATE_HZ) > RATE_HZ // 2))


@pytest.mark.models
def test_a_card_that_is_plugged_in_again_hears_again(session: Session, spoken: Callable[[str], Path]) -> None:
    """Lost in the middle of an answer, then frozen, then lost behind overruns: one process, one clock."""
    story, question = spoken(STORY), spoken(QUESTION)
    session.start()
    session.wait_for("state")
    zero = session.started_at()
    session.say(story)
    session.wait_for("playout_start")
    time.sleep(1.0)
    session.card.unplug(0)
    session.wait_for("card_lost")
    cut = session.wait_for("interrupted")
    assert cut["heard"]
    assert cut["generated"].startswith(cut["heard"])
    assert len(cut["heard"]) < len(cut["generated"])
    time.sleep(0.5)
    session.card.plug()
    back = session.wait_for("card_back")
    assert back["t_ms"] == pytest.approx((session.started_at() - zero) * 1000 / RATE_HZ, abs=100), "one clock"
    # the count of its own frozen clock does not tell the time from here on
    time.sleep(0.5)  # the signal that it is back sounds to its end

    session.card.freeze()
    session.wait_for("card_lost", 2)
    session.card.thaw()
    session.wait_for("card_back", 2)
    time.sleep(0.5)

    session.card.unplug(2)
    session.wait_for("card_lost", 3)
    session.card.plug()
    session.wait_for("card_back", 3)
    time.sleep(0.5)

    session.say(question)
    end = session.wait_for("playout_end")
    assert "paris" in end["heard"].lower()
    assert session.end(signal.SIGINT) == 130
    assert session.told() == "nearfield: interrupted\n"
    assert [e["type"] for e in session.events() if e["type"].startswith("card_")] == ["card_lost", "card_back"] * 3
    times = [e["t_ms"] for e in session.events() if e["type"] in ("commit", "card_lost", "card_back")]
    assert times == sorted(times)
    assert earcons_in(session.card.play[zero : session.card.now()]) == 3
    assert "The sound card is back" in session.out()
    turns, row = session.record()
    assert [turn["interrupted"] for turn in turns] == [1, 0]
    assert row["ending"] == "done"


@pytest.mark.models
def test_a_new_process_goes_on_with_the_conversation(session: Session, spoken: Callable[[str], Path]) -> None:
    """The card hangs in its driver: the program leaves with 75, and what is started then knows what was said."""
    question = spoken(QUESTION)
    session.start()
    session.wait_for("state")
    session.say(question)
    session.wait_for("playout_end")
    session.card.unplug(1)
    assert session.end(None) == 75, session.told()
    session.start("audio.wait_for_card_s=60")
    deadline = time.monotonic() + WAIT_S
    while "waiting for the sound card" not in session.told():
        assert time.monotonic() < deadline
        time.sleep(0.02)
    session.log.unlink(missing_ok=True)
    session.card.plug()
    deadline = time.monotonic() + WAIT_S
    while session.card.s.nev == 0 or "is listening" not in session.out():
        assert session.program is not None
        assert session.program.poll() is None, session.told()
        assert time.monotonic() < deadline
        time.sleep(0.02)
    time.sleep(0.5)
    assert session.end(signal.SIGTERM) == 0, session.told()
    assert earcons_in(session.card.play[session.started_at() : session.card.now()]) == 1
    with sqlite3.connect(session.database) as db:
        rows = db.execute("SELECT id, ending, continues FROM session ORDER BY id").fetchall()
    assert rows == [(1, "failed", None), (2, "done", 1)]


@pytest.mark.models
def test_sigterm_while_the_card_is_away_is_an_orderly_end(session: Session) -> None:
    session.start()
    session.wait_for("state")
    session.card.unplug(0)
    session.wait_for("card_lost")
    time.sleep(0.3)
    assert session.end(signal.SIGTERM) == 0, session.told()
    assert session.told() == ""
    _, row = session.record()
    assert row["ending"] == "done"
