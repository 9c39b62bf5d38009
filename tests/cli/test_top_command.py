"""`nearfield top` where it cannot run: one line, and the status that fits."""

import os
import pty
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
