"""An assistant that runs, as far as its control socket shows it.

one = RunningOne(root / "run/nearfield/control.sock", STATUS)
one.close()
"""

import json
import socket
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pretended_card import CARD

STATUS = {
    "ok": True,
    "state": "idle",
    "turns": 3,
    "failures": 0,
    "muted": False,
    "volume_percent": 100,
    "card": CARD,
    "card_stats": {"capture_lost_samples": 0, "capture_overflows": 0, "playback_underflows": 0},
    "trouble": {},
    "outside": {},
    "stages": [{"stage": "ttfa", "count": 3, "p95_ms": 412.0}],
    "last": {"heard": "what is in my account", "said": "Nothing."},
}


class RunningOne:
    """A control socket in the place of an assistant that runs: `reply` to each line, None: it never answers."""

    def __init__(self, path: Path, reply: Mapping[str, Any] | None) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._reply, self._links = reply, []
        self._server = socket.socket(socket.AF_UNIX)
        self._server.bind(str(path))
        self._server.listen()
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                link, _ = self._server.accept()
            except OSError:
                return
            self._links.append(link)
            if self._reply is not None and link.recv(4096):
                link.sendall(json.dumps(self._reply).encode() + b"\n")

    def close(self) -> None:
        for each in (self._server, *self._links):
            each.close()
