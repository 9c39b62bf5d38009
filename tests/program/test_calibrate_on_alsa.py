"""`nearfield calibrate` and `nearfield meter` on PortAudio and a virtual ALSA card, the commands themselves."""

import fcntl
import json
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time
import tomllib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile
from virtual_card.alsa_card import AlsaCard
from virtual_card.stage import AlsaStage

ROOT = Path(__file__).resolve().parents[2]
RATE_HZ = 16_000
DELAY_SAMPLES, ECHO_DB = 123, -6.0
ON_IT = ("--set", "audio.input=vcard", "--set", "audio.output=vcard")
WAIT_S = 60.0


@pytest.fixture
def card(alsa_stage: AlsaStage) -> AlsaCard:
    """One reflection, and some noise in the room."""
    made = alsa_stage.add("vcard", rate_hz=RATE_HZ, seconds=90)
    made.set_echo([0.0] * DELAY_SAMPLES + [10 ** (ECHO_DB / 20)])
    made.said[:] = np.rint(np.random.default_rng(3).normal(0, 10, len(made.said))).astype(np.int16)
    return made


@pytest.fixture
def surroundings(alsa_stage: AlsaStage, environment: dict[str, str], tmp_path: Path) -> dict[str, str]:
    return {**environment, **alsa_stage.environment, "XDG_STATE_HOME": str(tmp_path)}


@pytest.fixture
def tone(tmp_path: Path) -> Path:
    path = tmp_path / "tone.wav"
    soundfile.write(path, np.rint(8000 * np.sin(np.arange(RATE_HZ) / 5)).astype(np.int16), RATE_HZ)
    return path


def nearfield(*args: object) -> list[str]:
    return [sys.executable, "-m", "device.cli.main", *map(str, args), *ON_IT]


@pytest.mark.usefixtures("card")
def test_calibrate_measures_the_card_as_it_is(surroundings: dict[str, str], tmp_path: Path) -> None:
    command = nearfield("calibrate", "--json")
    done = subprocess.run(command, env=surroundings, cwd=ROOT, capture_output=True, timeout=120, check=False)
    assert (done.returncode, done.stderr) == (0, b"")
    found = json.loads(done.stdout)
    assert found["echo_delay_samples"] == pytest.approx(DELAY_SAMPLES, abs=1)
    assert found["echo_db"] == pytest.approx(ECHO_DB, abs=1)
    assert found["drift_ppm"] == pytest.approx(0, abs=5)
    assert found["noise_floor_dbfs"] == pytest.approx(20 * np.log10(10 / 32768), abs=1)
    assert found["clipped_samples"] == 0
    kept = tmp_path / "nearfield" / "calibration.toml"
    assert found["stored"] == str(kept)
    (entry,) = tomllib.loads(kept.read_text("utf-8"))["card"].values()
    assert entry["playback_gain_db"] == found["playback_gain_db"]


def test_meter_hears_what_it_plays(card: AlsaCard, surroundings: dict[str, str], tone: Path) -> None:
    command = nearfield("meter", "--json", "--seconds", 1.5, "--play", tone)
    done = subprocess.run(command, env=surroundings, cwd=ROOT, capture_output=True, timeout=120, check=False)
    assert (done.returncode, done.stderr) == (0, b"")
    *frames, summary = map(json.loads, done.stdout.splitlines())
    assert len(frames) == 15
    loudest = max(frame["speaker_rms_dbfs"] for frame in frames)
    assert loudest == pytest.approx(20 * np.log10(8000 / 32768 / np.sqrt(2)), abs=1)
    assert max(frame["mic_rms_dbfs"] for frame in frames) == pytest.approx(loudest + ECHO_DB, abs=1)
    assert summary["seconds"] == pytest.approx(1.5, abs=0.05)
    assert np.abs(card.played.astype(int)).max() == pytest.approx(8000, abs=2)


class Terminal:
    """A program in a terminal of 80 columns that is its own, as ssh gives it."""

    def __init__(self, command: list[str], environment: dict[str, str]) -> None:
        self.ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
        self.before = termios.tcgetattr(theirs)
        self.program = subprocess.Popen(
            command,
            env={**environment, "TERM": "xterm-256color"},
            cwd=ROOT,
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
            # Ctrl-C is a signal only to those whose terminal it is
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),  # noqa: PLW1509 - one system call, no lock
        )
        self._theirs = theirs  # held open: what the terminal is set to is asked at the end
        self.text = ""

    def read_until(self, pattern: str) -> None:
        deadline = time.monotonic() + WAIT_S
        while re.search(pattern, self.text) is None:
            assert time.monotonic() < deadline, self.text
            if select.select([self.ours], [], [], 0.1)[0]:
                self.text += os.read(self.ours, 65_536).decode("utf-8", "replace")

    def type(self, keys: bytes) -> None:
        os.write(self.ours, keys)

    def settings(self) -> list[object]:
        return termios.tcgetattr(self._theirs)

    def close(self) -> None:
        if self.program.poll() is None:
            self.program.send_signal(signal.SIGKILL)
            self.program.wait()
        os.close(self.ours)
        os.close(self._theirs)


@pytest.fixture
def terminal(card: AlsaCard, surroundings: dict[str, str], tone: Path) -> Iterator[Terminal]:  # noqa: ARG001
    made = Terminal(nearfield("meter", "--play", tone), surroundings)
    yield made
    made.close()


def test_meter_in_a_terminal(terminal: Terminal) -> None:
    terminal.read_until(r"(?s)(Trouble.*){8}")  # so many pictures
    terminal.type(b"\x03")
    terminal.read_until(r"lost\r\n$")
    assert terminal.program.wait(WAIT_S) == 0
    # each picture goes up to the last one's first line and deletes what stands there
    rows = re.split(r"\n|(?:\x1b\[\d*A|\x1b\[2K)+", terminal.text.replace("\r", ""))
    lines = [re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", row) for row in rows]
    assert max(map(len, lines)) <= 80, "no line is broken by the terminal"
    *_, summary = lines = [line for line in lines if line.strip()]
    picture = lines[-7:-1]
    labels = [line.split()[0] for line in picture]
    assert labels == ["Card", "Microphone", "Loudspeaker", "Speech", "Echo", "Trouble"]
    speaker = picture[2]
    assert speaker.count("█") == pytest.approx(40 * (1 - 15.3 / 60), abs=1)
    assert re.search(r"-15\.\d peak  -12\.\d dBFS", speaker)
    assert terminal.text.rindex("\x1b[?25h") > terminal.text.rindex("\x1b[?25l"), "the cursor is there again"
    assert terminal.settings() == terminal.before
    assert "s: mic -" in summary
    assert "Traceback" not in terminal.text
