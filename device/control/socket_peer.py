"""One connection to the control socket, in a thread of its own: what it says, is told, and when it is sent away.

    peer = Peer(connection, desk, idle_s=60.0, on_gone=connections.discard)
    peer.start()                    # until it hangs up
    peer.close(); peer.join(3.0)    # from any thread

What the lines mean is in `lines`; here are the socket, the descriptor that wakes the thread, and the time limits.
"""

import contextlib
import logging
import os
import select
import socket
import threading
import time
from collections.abc import Callable

from device.control.desk import ControlDesk
from device.control.feed import Subscription
from device.control.lines import Reply, Talk, Watch, as_line, refusal

_log = logging.getLogger(__name__)

SEND_S = 5.0  #: whoever does not read for so long is sent away
_READ_BYTES = 4_096


class Peer:
    """`peer`: a connected socket that times out after SEND_S; it is closed here. `on_gone`: called at the end."""

    def __init__(
        self, peer: socket.socket, desk: ControlDesk, idle_s: float, on_gone: "Callable[[Peer], None]"
    ) -> None:
        self._peer = peer
        self._desk = desk
        self._idle_s = idle_s
        self._on_gone = on_gone
        self._talk = Talk(desk, self._watch)
        self._news = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        self._subscription: Subscription | None = None
        self._levels = True
        self._told_lost = 0
        self._closing = False
        self._lock = threading.Lock()
        self._let_go = False
        self._thread = threading.Thread(target=self._run, name="nearfield-control-peer", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def join(self, timeout_s: float) -> None:
        self._thread.join(timeout_s)

    def close(self) -> None:
        """Nothing more is read; what is being answered still is. Any thread."""
        self._closing = True
        self._wake()

    def _wake(self) -> None:
        with self._lock, contextlib.suppress(OSError):  # full: it is awake
            if not self._let_go:
                os.eventfd_write(self._news, 1)

    def let_go(self) -> None:
        """Of the descriptors, once."""
        with self._lock:
            if not self._let_go:
                self._let_go = True
                self._peer.close()
                os.close(self._news)

    def _watch(self, watch: Watch) -> None:
        self._levels = watch.levels
        if self._subscription is None:
            self._subscription = self._desk.feed.subscribe(self._wake)

    def _run(self) -> None:
        try:
            self._serve()
        except OSError:  # gone, or does not read
            pass
        except Exception:  # noqa: BLE001 - one connection must not take others with it
            _log.exception("control socket: a connection is given up")
        finally:
            if self._subscription is not None:
                self._subscription.close()
            with contextlib.suppress(Exception):
                self._talk.end()
            self._on_gone(self)
            self.let_go()

    def _serve(self) -> None:
        poll = select.poll()
        poll.register(self._news, select.POLLIN)
        poll.register(self._peer, select.POLLIN)
        reading, last = True, time.monotonic()
        while not self._closing:
            left_s = last + self._idle_s - time.monotonic()
            if self._subscription is None and left_s <= 0:
                self._send(refusal(f"nothing was asked for {self._idle_s:g} s"))
                return
            happened = dict(poll.poll(None if self._subscription is not None else left_s * 1000))
            if self._news in happened:
                with contextlib.suppress(BlockingIOError):
                    os.eventfd_read(self._news)
            told = happened.get(self._peer.fileno(), 0)
            if reading and told:
                data = self._peer.recv(_READ_BYTES)
                last = time.monotonic()
                for reply in self._talk.feed(data) if data else self._talk.no_more():
                    self._send(reply)
                if self._talk.over:
                    return
                if not data:  # it may still want to read: `echo ... | nc -U`
                    reading = False
                    poll.modify(self._peer, 0)
            elif told:  # both ways are shut
                return
            if self._subscription is None and not reading:
                return
            self._send_news()

    def _send_news(self) -> None:
        if self._subscription is None:
            return
        items = self._subscription.take()
        if (lost := self._subscription.lost) > self._told_lost:
            items.insert(0, {"type": "lost", "items": lost - self._told_lost})
            self._told_lost = lost
        lines = [as_line(item) for item in items if self._levels or item.get("type") != "levels"]
        if lines:
            self._peer.sendall(b"".join(lines))

    def _send(self, reply: Reply) -> None:
        self._peer.sendall(as_line(reply))
