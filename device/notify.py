"""Tells systemd how it stands: the protocol of sd_notify(3), which is one datagram a message.

    service = ServiceManager.from_environment()
    service.ready("listening on USB Audio"); service.alive(); service.stopping()

Started by anything else than systemd (NOTIFY_SOCKET is not set) every call does nothing. A message that cannot be
delivered is dropped: the service manager draws its own conclusions from silence, and the assistant goes on.
"""

import contextlib
import logging
import os
import socket
import time
from collections.abc import Mapping
from typing import Self

log = logging.getLogger(__name__)

_SEND_WITHIN_S = 5.0
#: While it begins anew (models are loaded, a card may be waited for) nothing can tell that it is alive.
_RELOAD_WITHIN_S = 600
_MOST_STATUS_CHARS = 400


class ServiceManager:
    """Any thread. All texts end up in `systemctl status`: no words of the conversation belong there."""

    def __init__(self, address: str = "", *, watchdog_s: float = 0.0) -> None:
        """`address`: path of a datagram socket, or "@" and an abstract name; "": nobody listens.

        `watchdog_s`: silence that long is taken for a hang; 0: nobody watches.
        """
        self._address = f"\0{address[1:]}" if address.startswith("@") else address
        self.watchdog_s = watchdog_s if address else 0.0

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] | None = None) -> Self:
        """As systemd asks: NOTIFY_SOCKET, WATCHDOG_USEC, and WATCHDOG_PID: which process it means."""
        environ = os.environ if environ is None else environ
        address = environ.get("NOTIFY_SOCKET", "")
        if not address.startswith(("/", "@")):  # AF_VSOCK is for whole virtual machines
            address = ""
        usec, pid = environ.get("WATCHDOG_USEC", ""), environ.get("WATCHDOG_PID", "")
        meant = not pid or pid == str(os.getpid())
        return cls(address, watchdog_s=int(usec) / 1e6 if meant and usec.isdecimal() else 0.0)

    @property
    def listens(self) -> bool:
        """Is there anybody to tell?"""
        return bool(self._address)

    def ready(self, status: str) -> None:
        """It serves. After `reloading`: it serves again, and is watched as before."""
        watched = f"\nWATCHDOG_USEC={round(self.watchdog_s * 1e6)}" if self.watchdog_s else ""
        self._send(f"READY=1{watched}\n{_status(status)}")

    def status(self, text: str) -> None:
        """What `systemctl status` shows: one line."""
        self._send(_status(text))

    def wait_longer(self, within_s: float, status: str) -> None:
        """It is not ready yet, and may not be for so long: a sound card is waited for."""
        self._send(f"EXTEND_TIMEOUT_USEC={round(within_s * 1e6)}\n{_status(status)}")

    def alive(self) -> None:
        """Everything in it works."""
        self._send("WATCHDOG=1")

    def hangs(self, status: str) -> None:
        """Something in it does not work any more: end it (SIGABRT) and start another, now."""
        self._send(f"{_status(status)}\nWATCHDOG=trigger")

    def reloading(self, status: str = "begins anew") -> None:
        """Before the process replaces itself by a fresh one, which then says `ready`."""
        watched = f"\nWATCHDOG_USEC={_RELOAD_WITHIN_S * 1_000_000}" if self.watchdog_s else ""
        now_usec = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000  # wanted by Type=notify-reload
        self._send(f"RELOADING=1\nMONOTONIC_USEC={now_usec}{watched}\n{_status(status)}")

    def stopping(self, status: str = "ends") -> None:
        """It has begun to end."""
        self._send(f"STOPPING=1\n{_status(status)}")

    def _send(self, message: str) -> None:
        if not self._address:
            return
        try:
            with contextlib.closing(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)) as out:
                out.settimeout(_SEND_WITHIN_S)
                out.sendto(message.encode("utf-8"), self._address)
        except OSError as error:
            log.debug("the service manager was not told: %s", error)


def _status(text: str) -> str:
    """One line: a line break would begin another field."""
    return f"STATUS={' '.join(text.split())[:_MOST_STATUS_CHARS]}"
