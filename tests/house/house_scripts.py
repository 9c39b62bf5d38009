"""Runs functions of install.sh one by one: `sourced(folder, "board_model")` gives what it printed."""

import os
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def sourced(house: Path, commands: str, *arguments: str, **environment: str) -> str:
    """What `commands` print with the functions of install.sh at hand."""
    done = subprocess.run(
        ["bash", "-c", f"set -eu; source ./install.sh; {commands}", "bash", *arguments],
        env={**os.environ, **environment},
        cwd=house,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()
