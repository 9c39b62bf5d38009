"""How long `nearfield run` is deaf after its sound card was unplugged: the whole program on a virtual ALSA card.

    python bench/recovery.py [--tries 3] [--away-s 0.3] [--json]

The card is that of tests/virtual_card (gcc, libasound2-dev). Every loss is staged on a running program with its real
models, in the ways in which drivers lose cards:

    disconnected   the stream says "no such device" at once
    frozen         it says nothing, no sample comes any more; then it goes on
    xrun           it reports overruns, then "no such device"
    stuck          it reports overruns for ever: PortAudio cannot close it, the program leaves with status 75
                   and is started again at once, as a supervisor does

"noticed" is the time from the unplugging to the `card_lost` event, "deaf" from the plugging in to the moment at which
the capture stream that brought the next block was started, on the card's own clock, and "whole" from the unplugging.
"""

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bench.virtual_alsa import staged  # first: it says where the next ones are

from virtual_card.alsa_card import Loss  # isort: skip
from virtual_card.stage import AlsaStage  # isort: skip

ROOT = Path(__file__).resolve().parent.parent
MODES = {
    "disconnected": Loss.DISCONNECTED,
    "frozen": None,
    "xrun": Loss.XRUN_THEN_DISCONNECTED,
    "stuck": Loss.STUCK_IN_XRUN,
}
WAIT_S = 60.0
RESTART = 75


class Bench:
    """The virtual card and the program on it."""

    def __init__(self, alsa: AlsaStage, scratch: Path) -> None:
        self.env = {**os.environ, **alsa.environment, "XDG_STATE_HOME": str(scratch)}
        self.card = alsa.add("vcard", rate_hz=16_000, seconds=600)
        self.scratch = scratch
        self.runs = 0
        self.program: subprocess.Popen[bytes] | None = None
        self.log = scratch / "none"

    def start(self) -> None:
        """Start the program; does not wait for it."""
        self.runs += 1
        self.log = self.scratch / f"events{self.runs}.jsonl"
        keys = ["audio.input=vcard", "audio.output=vcard", f"session.database={self.scratch}/sessions.db"]
        keys += ["audio.wait_for_card_s=30"]
        flags = [flag for key in keys for flag in ("--set", key)]
        command = [sys.executable, "-m", "device.cli.main", "run", "--events", str(self.log), *flags]
        self.program = subprocess.Popen(
            command, env=self.env, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL
        )

    def wait_for(self, kind: str, count: int = 1) -> None:
        """Until so many events of a kind are in the log; raises SystemExit when the program ends before."""
        until_s = time.monotonic() + WAIT_S
        while not self.log.exists() or self.log.read_text().count(f'"type": "{kind}"') < count:
            assert self.program is not None
            if self.program.poll() is not None or time.monotonic() > until_s:
                raise SystemExit(f"no {kind}; the program: {self.program.poll()}")
            time.sleep(0.002)

    def started_ns(self) -> int:
        """When the newest capture stream was started."""
        return max(event.monotonic_ns for event in self.card.events("start") if event.capture)

    def stage(self, mode: str, away_s: float, count: int) -> dict[str, Any]:
        """Lose the card for `away_s` seconds; `count`: the how many-th loss of this process."""
        begun_ns = time.monotonic_ns()
        loss = MODES[mode]
        if loss is None:
            self.card.freeze()
        else:
            self.card.unplug(loss)
        plugged_ns: list[int] = []

        def plug() -> None:
            time.sleep(max(0.0, away_s - (time.monotonic_ns() - begun_ns) / 1e9))
            self.card.thaw() if mode == "frozen" else self.card.plug()
            plugged_ns.append(time.monotonic_ns())

        if mode == "stuck":
            plug()
            assert self.program is not None
            status = self.program.wait(WAIT_S)
            noticed_s = (time.monotonic_ns() - begun_ns) / 1e9
            if status != RESTART:
                raise SystemExit(f"exit status {status}, not {RESTART}")
            self.start()
            self.wait_for("state")
        elif away_s < 0.5:
            plug()
            self.wait_for("card_lost", count)
            noticed_s = (time.monotonic_ns() - begun_ns) / 1e9
            self.wait_for("card_back", count)
        else:
            self.wait_for("card_lost", count)
            noticed_s = (time.monotonic_ns() - begun_ns) / 1e9
            plug()
            self.wait_for("card_back", count)
        heard_ns = self.started_ns() if mode != "frozen" else time.monotonic_ns()
        return {
            "mode": mode,
            "by": "restart" if mode == "stuck" else "in process",
            "away_s": round(away_s, 2),
            "noticed_s": round(noticed_s, 2),
            "deaf_s": round((heard_ns - plugged_ns[0]) / 1e9, 2),
            "whole_s": round((heard_ns - begun_ns) / 1e9, 2),
        }

    def end(self) -> None:
        if self.program is not None and self.program.poll() is None:
            self.program.terminate()
            self.program.wait(WAIT_S)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tries", type=int, default=3)
    parser.add_argument("--away-s", type=float, help="from unplugging to plugging in (default: 0.3 to 3, at random)")
    parser.add_argument("--mode", choices=MODES, action="append")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch, staged() as alsa:
        results = measure(Bench(alsa, Path(scratch)), args.mode or MODES, args.tries, args.away_s)
    if args.json:
        print(json.dumps(results))
        return 0
    print("| lost | heard again | away, s | noticed, s | deaf after the plug, s | from the unplugging, s |")
    print("|---|---|---|---|---|---|")
    for mode in args.mode or MODES:
        of = [r for r in results if r["mode"] == mode]
        cells = [_range(r[key] for r in of) for key in ("away_s", "noticed_s", "deaf_s", "whole_s")]
        print(f"| {mode} | {of[0]['by']} | " + " | ".join(cells) + " |")
    return 0


def measure(bench: Bench, modes: Iterable[str], tries: int, away_s: float | None) -> list[dict[str, Any]]:
    """Lose the card so many times in each of the modes, for a random time when `away_s` is None."""
    chance = random.Random(1)
    results = []
    try:
        bench.start()
        bench.wait_for("state")
        losses = 0
        for mode in modes:
            for _ in range(tries):
                time.sleep(1.0)
                losses += mode != "stuck"
                results.append(bench.stage(mode, away_s if away_s is not None else chance.uniform(0.3, 3.0), losses))
                if mode == "stuck":
                    losses = 0
    finally:
        bench.end()
    return results


def _range(values: Iterable[float]) -> str:
    low, high = min(kept := list(values)), max(kept)
    return f"{low}" if low == high else f"{low} to {high}"


if __name__ == "__main__":
    sys.exit(main())
