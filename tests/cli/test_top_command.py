"""`nearfield top` where it cannot run: one line, and the status that fits."""

import os
import pty
import select
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from device.cli.main import run_command


def test_without_a_terminal_it_says_what_to_take_instead(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(["top"]) == 2
    told = capsys.readouterr().err.strip()
    assert told.startswith("nearfield: top needs a terminal.")
    assert "ssh" in told
    assert "nearfield ctl status" in told
    assert "\n" not in told


def test_where_standard_error_is_no_terminal_there_is_nothing_to_draw_on(tmp_path: Path) -> None:
    ours, theirs = pty.openpty()
    try:
        with socket.socket(socket.AF_UNIX) as assistant:
            assistant.bind(str(tmp_path / "s.sock"))
            assistant.listen()
            command = [sys.executable, "-m", "device.cli.main", "top", "--socket", str(tmp_path / "s.sock")]
            done = subprocess.run(
                command, stdin=theirs, stdout=theirs, stderr=subprocess.PIPE, text=True, timeout=120, check=False
            )
    finally:
        os.close(ours)
        os.close(theirs)
    assert done.returncode == 2
    assert "standard error" in done.stderr
    assert done.stderr.count("\n") == 1


def test_when_it_is_terminated_the_terminal_is_put_back(tmp_path: Path) -> None:
    ours, theirs = pty.openpty()
    shown = b""
    try:
        with socket.socket(socket.AF_UNIX) as assistant:
            assistant.bind(str(tmp_path / "s.sock"))
            assistant.listen()
            command = [sys.executable, "-m", "device.cli.main", "top", "--socket", str(tmp_path / "s.sock")]
            top = subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs)
            while b" quit" not in shown:
                shown += os.read(ours, 65_536)
            top.terminate()
            while b"\x1b[?1049l" not in shown and select.select([ours], [], [], 20.0)[0]:
                shown += os.read(ours, 65_536)
            assert top.wait(20) == 128 + signal.SIGTERM
    finally:
        os.close(ours)
        os.close(theirs)
    assert b"\x1b[?1049l" in shown  # the screen of before is shown again


def test_without_an_assistant_the_terminal_is_left_as_it_was(tmp_path: Path) -> None:
    ours, theirs = pty.openpty()
    try:
        command = [sys.executable, "-m", "device.cli.main", "top", "--socket", str(tmp_path / "none.sock")]
        done = subprocess.run(
            command, stdin=theirs, stdout=theirs, stderr=subprocess.PIPE, text=True, timeout=120, check=False
        )
        os.set_blocking(ours, False)
        with pytest.raises(BlockingIOError):  # not a character on the screen
            os.read(ours, 1)
    finally:
        os.close(ours)
        os.close(theirs)
    assert done.returncode == 1
    assert done.stderr.startswith("nearfield: no assistant is running")
    assert "'nearfield run' starts one" in done.stderr
    assert done.stderr.count("\n") == 1
