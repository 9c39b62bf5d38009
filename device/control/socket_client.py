"""Asks a running assistant through its socket.

with connected(likely_paths(settings.control)) as link:
    link.ask({"do": "mute"})                 # {"ok": True, "muted": True, "volume_percent": 70}
    for item in link.watch(): ...            # the status first, then all that happens
"""

import contextlib
import json
import socket
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

from device.control.lines import as_line
from device.errors import NearfieldError

ANSWER_S = 30.0  #: a reload looks at the whole configuration first
_MOST_BYTES = 4_000_000  #: of a line: a status with figures of all stages has a few thousand


class NotRunningError(NearfieldError):
    """Nobody listens there."""


class RefusedError(NearfieldError):
    """It was asked, and said no."""


class Link:
    """A connection. For one thread."""

    def __init__(self, path: Path, *, timeout_s: float = ANSWER_S) -> None:
        """Raises OSError."""
        self.path = path
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            self._socket.settimeout(timeout_s)
            self._socket.connect(str(path))
        except BaseException:
            self._socket.close()
            raise
        self._file = self._socket.makefile("rb")

    def ask(self, wish: Mapping[str, Any]) -> dict[str, Any]:
        """The reply. Raises RefusedError; NotRunningError: it has gone meanwhile."""
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # its last words may be there to be read
            self._socket.sendall(as_line(dict(wish)))
        reply = self._next()
        while reply is not None and "ok" not in reply:  # what happens, if it is being watched
            reply = self._next()
        if reply is None:
            raise NotRunningError(f"the assistant at {self.path} has gone", hint="ask again")
        if reply["ok"] is not True:
            raise RefusedError(str(reply.get("error", "it was refused")), hint=str(reply.get("hint", "")))
        return reply

    def watch(self, *, levels: bool = True) -> Iterator[dict[str, Any]]:
        """The status, then what happens, until it ends. Raises as `ask`."""
        yield self.ask({"do": "watch", "levels": levels})
        self._socket.settimeout(None)
        while (item := self._next()) is not None:
            yield item

    def _next(self) -> dict[str, Any] | None:
        """None: that was all."""
        try:
            line = self._file.readline(_MOST_BYTES)
        except TimeoutError:
            raise NotRunningError(f"the assistant at {self.path} does not answer", hint="see its log") from None
        except ConnectionResetError:
            return None
        if not line.endswith(b"\n"):
            return None
        try:
            item = json.loads(line)
        except ValueError:
            item = None
        if not isinstance(item, dict):
            raise NotRunningError(f"what answers at {self.path} is no assistant", hint="see control.socket")
        return item

    def close(self) -> None:
        self._file.close()
        self._socket.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def connected(paths: Sequence[Path], *, timeout_s: float = ANSWER_S) -> Link:
    """To the first that answers. Raises NotRunningError: none does; RefusedError: it is not ours to ask."""
    forbidden: Path | None = None
    for path in paths:
        try:
            return Link(path, timeout_s=timeout_s)
        except PermissionError:
            forbidden = forbidden or path
        except OSError:  # none there, or one that a dead process left behind
            continue
    if forbidden is not None:
        raise RefusedError(
            f"{forbidden}: permission denied", hint="ask as its owner or root, or see control.group in docs/control.md"
        )
    where = ", ".join(map(str, paths))
    raise NotRunningError(f"no assistant is running (nobody listens at {where})", hint="'nearfield run' starts one")
