"""How the machine and the program are, as part of the status.

    desk.add_status(MachineStatus().to_json)    # {"version": "0.1.0", "pid": 812, "uptime_s": 93.2, "health": {...}}

Read when it is asked for, at most once a second: whoever asks ten times a second does not keep the board busy.
"""

import os
import threading
import time
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from device.diagnostics.health import HealthReader
from device.version import software_version

FRESH_S = 1.0


class MachineStatus:
    """Any thread. `uptime_s` counts from here on: that of this session, not of the machine."""

    def __init__(self, reader: HealthReader | None = None, now: Callable[[], float] = time.monotonic) -> None:
        self._reader = reader or HealthReader()
        self._now = now
        self._began_s = now()
        self._version = software_version()
        self._lock = threading.Lock()
        self._health: dict[str, Any] = {}
        self._read_s: float | None = None

    def to_json(self) -> dict[str, Any]:
        """`health`: see `device.diagnostics.health.Health`; null where this machine does not say."""
        now = self._now()
        with self._lock:
            if self._read_s is None or now - self._read_s >= FRESH_S:
                self._health = asdict(self._reader.read())
                self._read_s = now
            health = dict(self._health)
        return {
            "version": self._version,
            "pid": os.getpid(),
            "uptime_s": round(now - self._began_s, 1),
            "health": health,
        }
