"""A small run of bench/kill_nine.py, and that it would notice: a program whose record is broken on purpose fails it."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
LOSSES = (
    "lost_commits",
    "calls_run_twice",
    "calls_done_but_not_run",
    "calls_run_but_not_begun",
    "lost_timers",
    "timers_that_came_back",
    "wrong_questions",
    "told_again",
    "set_aside",
    "failed_starts",
)


def run(times: int, broken: str = "") -> tuple[int, dict[str, Any]]:
    """`broken`: statements that spoil the program before it runs."""
    program = f"""
import runpy, sys
sys.path.insert(0, sys.argv[1])
from device.session.journal import Journal, StoredState
from device.session.recorder import SessionRecorder
{broken}
sys.argv = ["kill_nine", *sys.argv[3:]]
runpy.run_path(sys.path[0] + "/bench/kill_nine.py", run_name="__main__")
"""
    command = [sys.executable, "-c", program, str(ROOT), "--", "--times", str(times), "--json", "--seed", "7"]
    command += ["--longest-ms", "1500"] if broken else []  # none of them may end before it has done something
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=120, check=False)
    assert done.stdout, done.stderr
    result: dict[str, Any] = json.loads(done.stdout)
    return done.returncode, result


def test_twenty_kills_lose_nothing_and_do_nothing_twice() -> None:
    status, result = run(20)
    assert {name: result[name] for name in LOSSES if result[name]} == {}
    assert status == 0
    assert result["kills"] == 20
    assert result["commits"] > 0
    assert result["timers"] > 0


def test_a_commit_that_is_only_believed_to_be_safe_is_noticed() -> None:
    broken = "SessionRecorder.flush = lambda self, timeout_s: True\n"
    broken += "SessionRecorder.write = lambda self, *records, soon=True: None\n"
    status, result = run(3, broken)
    assert status == 1
    assert result["lost_commits"] > 0


def test_a_call_that_is_made_without_asking_is_noticed() -> None:
    status, result = run(3, "Journal.begin_call = lambda self, call: None\n")
    assert status == 1
    assert result["calls_run_twice"] > 0


def test_a_timer_that_is_only_remembered_is_noticed() -> None:
    status, result = run(3, "StoredState.put = lambda self, name, value: None")
    assert status == 1
    assert result["lost_timers"] > 0
