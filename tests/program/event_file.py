"""The event log of a program that is running, as a test reads it.

log = EventFile(folder / "events.jsonl", alive=check)
log.wait_for("commit")["text"]
"""

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

WAIT_S = 60.0  # how long anything may take on a slow machine


class EventFile:
    """`alive`: fails when the program has ended; `told`: what it said, for whoever reads the failure."""

    def __init__(self, path: Path, *, alive: Callable[[], None], told: Callable[[], str]) -> None:
        self.path = path
        self._alive = alive
        self._told = told

    def events(self, kind: str = "") -> list[dict[str, Any]]:
        if not self.path.exists():
            return []
        # a line that is being written has no end yet
        whole = [line for line in self.path.read_text().splitlines(keepends=True) if line.endswith("\n")]
        return [e for e in map(json.loads, whole) if kind in ("", e["type"])]

    def wait_for(self, kind: str, count: int = 1) -> dict[str, Any]:
        deadline = time.monotonic() + WAIT_S
        while len(found := self.events(kind)) < count:
            self._alive()
            assert time.monotonic() < deadline, f"no {kind}: {self.events()}\n{self._told()}"
            time.sleep(0.02)
        return found[count - 1]
