"""The assistant that runs on this device, asked over its control socket.

    running = find_running(settings, Path("/"))
    running.state, running.status.get("card")

A line of JSON goes in, a line of JSON comes out (docs/control.md). The reply holds words that were said: `status` is
rid of them here, so that no finding and no archive can have them.
"""

import contextlib
import json
import os
import socket
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from device.config.dirs import state_dir

SOCKET_NAME = "control.sock"
_ANSWER_S = 2.0
_MOST_BYTES = 1 << 20
_WORDS = ("hearing", "saying", "last", "ringing", "rings", "timers")


@dataclass(frozen=True, slots=True)
class Running:
    """`stale`: the socket of a process that is gone; `silent`: it is there and does not answer; `closed`: not ours."""

    state: Literal["none", "answers", "stale", "silent", "closed"]
    path: Path | None = None
    pid: int | None = None
    status: Mapping[str, Any] = field(default_factory=dict)

    @property
    def has_the_card(self) -> bool:
        """Somebody talks to it now: card and models are in use."""
        return self.state in ("answers", "silent", "closed")


def socket_paths(settings: Any, root: Path) -> list[Path]:
    """Where it may be: as configured, of the service, of this user."""
    configured = getattr(getattr(settings, "control", None), "socket", None)
    own = os.environ.get("RUNTIME_DIRECTORY", "").partition(":")[0]
    paths = [
        *([Path(configured)] if configured else []),
        *([Path(own) / SOCKET_NAME] if own else []),
        root / "run/nearfield" / SOCKET_NAME,
        state_dir() / SOCKET_NAME,
    ]
    return list(dict.fromkeys(paths))


def find_running(settings: Any, root: Path) -> Running:
    """The first that answers, else the first that is there at all. Raises nothing."""
    found = [_ask(path) for path in socket_paths(settings, root) if _is_there(path)]
    return next((each for each in found if each.state == "answers"), found[0] if found else Running("none"))


def _is_there(path: Path) -> bool:
    try:
        return path.is_socket()
    except OSError:
        return False


def _ask(path: Path) -> Running:  # noqa: PLR0911 - one return a state
    pid: int | None = None
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as link:
        link.settimeout(_ANSWER_S)
        try:
            link.connect(str(path))
        except PermissionError:
            return Running("closed", path)
        except TimeoutError:
            return Running("silent", path)
        except OSError:
            return Running("stale", path)
        with contextlib.suppress(OSError):
            peer = link.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
            pid = struct.unpack("3i", peer)[0] or None
        try:
            link.sendall(b'{"do":"status"}\n')
            reply = json.loads(_line(link))
        except (OSError, ValueError):
            return Running("silent", path, pid)
    if not isinstance(reply, dict):
        return Running("silent", path, pid)
    if reply.get("ok") is False:
        return Running("closed", path, pid)
    return Running("answers", path, pid, _without_words(reply))


def _line(link: socket.socket) -> bytes:
    taken = b""
    while b"\n" not in taken and len(taken) < _MOST_BYTES:
        more = link.recv(65_536)
        if not more:
            break
        taken += more
    return taken.partition(b"\n")[0]


def _without_words(reply: Mapping[str, Any]) -> dict[str, Any]:
    status = reply.get("status")
    values = {**reply, **(status if isinstance(status, dict) else {})}
    return {key: value for key, value in values.items() if key not in (*_WORDS, "status", "ok")}
