"""The service manager's end: a real datagram socket, as systemd has one.

with ManagerSocket(folder) as manager: manager.environment; manager.wait_for("READY=1")
"""

import socket
import time
from pathlib import Path
from typing import Self

WAIT_S = 60.0


class ManagerSocket:
    def __init__(self, folder: Path) -> None:
        self.path = folder / "notify"
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(self.path))
        self.messages: list[dict[str, str]] = []

    @property
    def environment(self) -> dict[str, str]:
        return {"NOTIFY_SOCKET": str(self.path)}

    def take(self, timeout_s: float = 0.0) -> dict[str, str] | None:
        """The next message, by field; None: none has come."""
        self._socket.settimeout(max(timeout_s, 0.0001))
        try:
            text = self._socket.recv(4096).decode()
        except TimeoutError:
            return None
        message = dict(line.split("=", 1) for line in text.splitlines())
        self.messages.append(message)
        return message

    def wait_for(self, key: str, value: str | None = None) -> dict[str, str]:
        """The next message that has this field (with this value). All before it are kept in `messages`."""
        until = time.monotonic() + WAIT_S
        while (left_s := until - time.monotonic()) > 0:
            message = self.take(left_s)
            if message is not None and key in message and value in (None, message[key]):
                return message
        raise AssertionError(f"no {key}={value}; there came {self.messages}")

    def close(self) -> None:
        self._socket.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
