"""Push-to-talk from the finger to the answer: real models, a virtual sound card, a button and a space bar.

The button is the real rpi-lgpio over pins in memory (tests/gpio/fake), the space bar a real pseudo-terminal. The
program that runs is push_to_talk_program.py.
"""

import importlib.util
import json
import os
import pty
import select
import socket
import sqlite3
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import soundfile
from event_file import WAIT_S, EventFile

from device.cli.keyboard import POP_KITTY, PUSH_KITTY, QUERY_KITTY

pytestmark = pytest.mark.models

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = Path(__file__).with_name("push_to_talk_program.py")
FAKE_PINS = ROOT / "tests" / "gpio" / "fake"
PIN, MUTE_PIN, MUTED_LED = 17, 27, 24
QUESTION = "What is the capital of France?"


def words(text: str) -> str:
    return "".join(c for c in text.lower() if c.isalnum() or c == " ").strip()


class Appliance:
    """The program, with a hand on its button and a voice at its microphone."""

    def __init__(self, environment: dict[str, str], folder: Path, *keys: str, stdin: int = subprocess.DEVNULL) -> None:
        self.log, self.database, self._err = folder / "events.jsonl", folder / "sessions.db", folder / "err.txt"
        self.log.unlink(missing_ok=True)  # of a run before this one
        self._events = EventFile(self.log, alive=self._alive, told=self._err.read_text)
        self._control, theirs = socket.socketpair()
        command = [
            sys.executable, str(PROGRAM), str(theirs.fileno()), str(self.log),
            "turn.listen=push-to-talk", f"session.database={self.database}", *keys,
        ]  # fmt: skip
        with self._err.open("wb") as err:
            self.program = subprocess.Popen(
                command, env=environment, stdin=stdin, stdout=subprocess.DEVNULL, stderr=err, cwd=ROOT,
                pass_fds=[theirs.fileno()], start_new_session=True,
            )  # fmt: skip
        theirs.close()
        self.wait_for("state")

    def tell(self, line: str) -> None:
        self._control.sendall(line.encode() + b"\n")

    def press(self) -> None:
        self.tell(f"pin {PIN} 0")

    def release(self) -> None:
        self.tell(f"pin {PIN} open")

    def say(self, recording: Path) -> None:
        """And wait until it has been said."""
        self.tell(f"say {recording}")
        time.sleep(soundfile.info(recording).duration + 0.1)

    def push(self, pin: int) -> None:
        """And let go, slowly enough for the debouncer."""
        self.tell(f"pin {pin} 0")
        time.sleep(0.2)
        self.tell(f"pin {pin} open")
        time.sleep(0.2)

    def lit(self, pin: int) -> bool:
        report = self.log.with_name("report.json")
        report.unlink(missing_ok=True)
        self.tell(f"report {report}")
        deadline = time.monotonic() + WAIT_S
        while not (report.exists() and report.read_text().endswith("}")):
            assert time.monotonic() < deadline, "no report"
            time.sleep(0.02)
        return bool(json.loads(report.read_text())["pins"][str(pin)])

    def wait_lit(self, pin: int, lit: bool) -> None:
        deadline = time.monotonic() + WAIT_S
        while self.lit(pin) != lit:
            assert time.monotonic() < deadline, "the light does not change"

    def events(self, kind: str = "") -> list[dict[str, Any]]:
        return self._events.events(kind)

    def wait_for(self, kind: str, count: int = 1) -> dict[str, Any]:
        return self._events.wait_for(kind, count)

    def _alive(self) -> None:
        assert self.program.poll() is None, self._err.read_text()

    def finish(self) -> str:
        """It ends in order; returns what it wrote to standard error."""
        self._control.close()
        assert self.program.wait(WAIT_S) == 0, self._err.read_text()
        return self._err.read_text()

    def kill(self) -> None:
        self._control.close()
        if self.program.poll() is None:
            self.program.kill()
            self.program.wait()


def on_pins(environment: dict[str, str], folder: Path, *keys: str) -> Appliance:
    """With the pretended GPIO chip."""
    if importlib.util.find_spec("RPi") is None or importlib.util.find_spec("RPi.GPIO") is None:
        pytest.skip("rpi-lgpio is not installed")
    pins = {"PYTHONPATH": f"{FAKE_PINS}{os.pathsep}{ROOT}", "RPI_LGPIO_REVISION": "c03115", "RPI_LGPIO_CHIP": "0"}
    # rpi-lgpio leaves pipes in the working folder unless told otherwise
    state = f"controls.file={folder / 'controls.json'}"
    return Appliance(
        {**environment, **pins, "LG_WD": str(folder)}, folder, f"gpio.push_to_talk_pin={PIN}", state, *keys
    )


@pytest.fixture
def with_button(environment: dict[str, str], tmp_path: Path) -> Iterator[Appliance]:
    made = on_pins(environment, tmp_path)
    yield made
    made.kill()


@pytest.fixture
def with_panel(environment: dict[str, str], tmp_path: Path) -> Iterator[Callable[[], Appliance]]:
    """Starts it, again and again, with a toggling talk button, a mute button and a mute light."""
    made: list[Appliance] = []

    def start() -> Appliance:
        wired = f"gpio.mute_pin={MUTE_PIN}", f"gpio.led_muted_pin={MUTED_LED}", "gpio.talk_mode=toggle"
        made.append(on_pins(environment, tmp_path, *wired))
        return made[-1]

    yield start
    for each in made:
        each.kill()


def test_the_button_opens_the_microphone_and_its_release_asks(
    with_button: Appliance, spoken: Callable[[str], Path]
) -> None:
    question = spoken(QUESTION)
    with_button.say(question)  # nobody holds the button
    time.sleep(1.0)
    assert [e["type"] for e in with_button.events()] == ["state"]

    with_button.press()
    with_button.wait_for("speech_start")
    with_button.say(question)
    assert with_button.events("commit") == [], "the turn is the user's while the button is held"
    with_button.release()
    end = with_button.wait_for("playout_end")
    assert with_button.finish() == ""

    (commit,) = with_button.events("commit")
    assert commit["reason"] == "release"
    assert words(commit["text"]) == words(QUESTION)
    assert end["heard"]
    assert end["heard"] == end["generated"]
    assert with_button.events("error") == []
    with sqlite3.connect(with_button.database) as db:
        (turn,) = db.execute("SELECT user_text, commit_reason, reply_heard FROM turn").fetchall()
    assert turn == (commit["text"], "release", end["heard"])


def test_the_button_interrupts_an_answer(with_button: Appliance, spoken: Callable[[str], Path]) -> None:
    story, question = spoken("Tell me a long story."), spoken(QUESTION)
    with_button.press()
    with_button.wait_for("speech_start")
    with_button.say(story)
    with_button.release()
    with_button.wait_for("playout_start")
    time.sleep(1.0)
    with_button.press()
    cut = with_button.wait_for("interrupted")
    with_button.say(question)
    with_button.release()
    end = with_button.wait_for("playout_end")
    with_button.finish()
    assert cut["generated"].startswith(cut["heard"])
    assert cut["heard"] != cut["generated"]
    first, second = with_button.events("commit")
    assert "story" in first["text"].lower()
    assert words(second["text"]) == words(QUESTION)
    assert end["turn"] == 2


def test_mute_drops_the_turn_and_outlives_a_restart(
    with_panel: Callable[[], Appliance], spoken: Callable[[str], Path]
) -> None:
    question = spoken(QUESTION)
    first = with_panel()
    first.push(PIN)
    first.wait_for("speech_start")
    first.tell(f"say {question}")
    time.sleep(0.5)
    first.push(MUTE_PIN)  # in the middle of the question
    assert first.wait_for("mute")["muted"] is True
    first.wait_lit(MUTED_LED, True)
    first.push(PIN)  # would ask
    time.sleep(2.0)
    first.finish()
    assert first.events("commit") == []
    assert [e["state"] for e in first.events("state")] == ["idle", "listening", "idle"]

    second = with_panel()
    assert second.wait_for("mute")["t_ms"] == 10.0, "from the first block on"
    second.wait_lit(MUTED_LED, True)
    second.push(MUTE_PIN)
    assert second.wait_for("mute", 2)["muted"] is False
    second.wait_lit(MUTED_LED, False)
    second.push(PIN)
    second.wait_for("speech_start")
    second.say(question)
    assert second.events("commit") == [], "the turn is the user's until the second push"
    second.push(PIN)
    end = second.wait_for("playout_end")
    second.finish()
    (commit,) = second.events("commit")
    assert commit["reason"] == "release"
    assert words(commit["text"]) == words(QUESTION)
    assert end["heard"] == end["generated"]
    assert second.events("error") == []


class Terminal:
    """A pseudo-terminal; its settings and what was written to it."""

    def __init__(self) -> None:
        self.ours, self.theirs = pty.openpty()

    def mode(self) -> list[Any]:
        return termios.tcgetattr(self.theirs)

    def shown(self) -> bytes:
        data = b""
        while select.select([self.ours], [], [], 0.2)[0]:
            data += os.read(self.ours, 4096)
        return data


@pytest.fixture
def terminal() -> Iterator[Terminal]:
    made = Terminal()
    yield made
    os.close(made.ours)
    os.close(made.theirs)


@pytest.fixture
def with_space_bar(environment: dict[str, str], tmp_path: Path, terminal: Terminal) -> Iterator[Appliance]:
    made = Appliance(environment, tmp_path, stdin=terminal.theirs)
    yield made
    made.kill()


def test_a_pause_is_no_end_while_the_space_bar_is_held(
    with_space_bar: Appliance, terminal: Terminal, spoken: Callable[[str], Path]
) -> None:
    """On a terminal that tells key releases: one turn with a pause of 1.2 s in it, twice the silence that ends one."""
    first, second = spoken("Please tell me this."), spoken(QUESTION)
    assert terminal.shown() == QUERY_KITTY
    os.write(terminal.ours, b"\x1b[?0u")
    assert terminal.shown() == PUSH_KITTY
    os.write(terminal.ours, b"\x1b[32u")
    with_space_bar.wait_for("speech_start")
    with_space_bar.say(first)
    time.sleep(1.2)
    assert with_space_bar.events("commit") == []
    with_space_bar.say(second)
    os.write(terminal.ours, b"\x1b[32;1:3u")
    end = with_space_bar.wait_for("playout_end")
    with_space_bar.finish()
    (commit,) = with_space_bar.events("commit")
    assert commit["reason"] == "release"
    assert words(commit["text"]).startswith("please ")  # what came before the pause is in it, however it was spelled
    assert "capital of france" in words(commit["text"])
    assert end["heard"]
    assert POP_KITTY in terminal.shown()


def test_a_held_key_that_only_repeats_holds_too(
    with_space_bar: Appliance, terminal: Terminal, spoken: Callable[[str], Path]
) -> None:
    question = spoken(QUESTION)
    held = terminal.mode()
    os.write(terminal.ours, b" ")
    with_space_bar.wait_for("speech_start")
    with_space_bar.tell(f"say {question}")
    until = time.monotonic() + soundfile.info(question).duration + 0.2
    while time.monotonic() < until:
        os.write(terminal.ours, b" ")
        time.sleep(0.03)
    end = with_space_bar.wait_for("playout_end")
    with_space_bar.finish()
    (commit,) = with_space_bar.events("commit")
    assert commit["reason"] == "release"
    assert words(commit["text"]) == words(QUESTION)
    assert end["heard"]
    assert terminal.mode()[3] & termios.ECHO
    assert not held[3] & termios.ECHO, "what is typed meanwhile is not shown"
