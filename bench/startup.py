"""From the command to a program that listens: how long, and how much memory the session takes at its peak.

    python bench/startup.py RECORDING.wav [--runs N] [--json]

Starts `nearfield converse RECORDING.wav` N times and waits for the first line of its events. The files are in the
page cache after the first run, which is not counted.
"""

import argparse
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recording", type=Path)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    recording = args.recording.resolve()
    ready = [start(recording) for _ in range(args.runs + 1)][1:]
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
        command = [
            sys.executable, "-m", "device.cli.main", "converse", str(recording), "--events", str(events),
            "--set", f"session.database={scratch}/sessions.db",
        ]  # fmt: skip
        began = time.monotonic()
        program = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL)
        while not (events.exists() and events.stat().st_size):
            if program.poll() is not None:
                raise SystemExit(f"the program ended with status {program.returncode} before it was ready")
            time.sleep(0.005)
        took = time.monotonic() - began
        program.wait()
        return took


if __name__ == "__main__":
    sys.exit(main())
