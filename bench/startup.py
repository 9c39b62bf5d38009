"""From the command to a program that listens: how long, and how much memory the session takes at its peak.

    nearfield bench startup RECORDING.wav [--runs N] [--json]
    nearfield bench startup --resume [--runs N] [--json]

Starts `nearfield converse RECORDING.wav` N times and waits for the first line of its events. The files are in the
page cache after the first run, which is not counted.

--resume: after a power cut. `nearfield run` on a virtual ALSA card (gcc, libasound2-dev), with the record of a
conversation of 40 turns that broke off with a question and a timer; it is killed as soon as it is ready, which is
when its card runs, and started again. Each run must go on with the conversation, else the exit status is 1.
"""

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bench.virtual_alsa import staged
from device.dialogue.events import Asked
from device.session.from_events import Scribe
from device.session.journal import Journal
from device.session.records import TurnCommitted, TurnFinished
from device.session.store import SessionStore
from device.skills.timer_records import Now
from device.skills.timers import TimerBook

ROOT = Path(__file__).resolve().parent.parent
TURNS = 40  # as many as are told again (device.session.resumption.MAX_TURNS)
SAFE_S = 20.0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recording", type=Path, nargs="?")
    parser.add_argument("--resume", action="store_true", help="after a power cut, with its history")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    if args.resume == (args.recording is not None):
        parser.error("either a RECORDING.wav or --resume")
    if args.resume:
        with tempfile.TemporaryDirectory() as scratch, staged() as stage:
            stage.add("vcard", rate_hz=16_000, seconds=600)
            break_off(Path(scratch))
            ready = [resumed(Path(scratch), stage.environment) for _ in range(args.runs + 1)][1:]
    else:
        ready = [start(args.recording.resolve()) for _ in range(args.runs + 1)][1:]
    peak_mb = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    result = {
        "ready_s_median": round(statistics.median(ready), 2),
        "ready_s_max": round(max(ready), 2),
        "peak_memory_mb": round(peak_mb),
    }
    print(json.dumps(result) if args.json else "\n".join(f"{k}: {v}" for k, v in result.items()))
    return 0


def start(recording: Path) -> float:
    """Seconds until the first event; then the conversation is held to its end."""
    with tempfile.TemporaryDirectory() as scratch:
        events = Path(scratch, "events.jsonl")
        command = ["converse", str(recording), "--events", str(events), "--set", f"session.database={scratch}/s.db"]
        with begun(command, events, os.environ) as (took, program):
            program.wait()
        return took


def resumed(folder: Path, environment: Mapping[str, str]) -> float:
    """Seconds until the first event of a program that goes on with what broke off; then it is killed."""
    events, database = folder / "events.jsonl", folder / "sessions.db"
    events.unlink(missing_ok=True)
    keys = ("audio.input=vcard", "audio.output=vcard", f"session.database={database}")
    command = ["run", "--events", str(events), *(flag for key in keys for flag in ("--set", key))]
    with begun(command, events, {**os.environ, **environment, "XDG_STATE_HOME": str(folder)}) as (took, program):
        program.kill()
        program.wait()
    newest = SessionStore.existing(database).latest()
    if newest is None or newest.continues is None:
        raise SystemExit("it did not go on with the conversation that broke off")
    return took


@contextmanager
def begun(
    command: list[str], events: Path, environment: Mapping[str, str]
) -> Iterator[tuple[float, "subprocess.Popen[bytes]"]]:
    """(seconds until its first event, the program)."""
    began = time.monotonic()
    program = subprocess.Popen(
        [sys.executable, "-m", "device.cli.main", *command],
        cwd=ROOT,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
    )
    while not (events.exists() and events.stat().st_size):
        if program.poll() is not None:
            raise SystemExit(f"the program ended with status {program.returncode} before it was ready")
        time.sleep(0.005)
    yield time.monotonic() - began, program


def break_off(folder: Path) -> None:
    """The record of a conversation that a power cut ended, by a process that ends without a word."""
    child = os.fork()
    if child:
        _, status = os.waitpid(child, 0)
        if status:
            raise SystemExit("the record could not be written")
        return
    recorder = SessionStore.open(folder / "sessions.db").begin("assistant")
    for n in range(1, TURNS + 1):
        sample = 80_000 * (n - TURNS)
        said, told = f"Tell me what you know about the number {n}.", f"It is one more than {n - 1}, and one of many."
        recorder.commit_turn(TurnCommitted(n, said, 0.9, sample, sample + 30_000, sample + 34_000, "complete"))
        recorder.finish_turn(TurnFinished(n, told, told, False, sample + 40_000, sample + 76_000))
    TimerBook(Journal(recorder).state("timers")).set_timer(Now(time.time(), time.monotonic()), 3600, "pasta")
    question = "Shall I clear your shopping list?"
    Scribe(recorder).on_event(Asked(0, TURNS, "clear_list", {"list": "shopping"}, question))
    os._exit(0 if recorder.flush(SAFE_S) else 1)


if __name__ == "__main__":
    sys.exit(main())
