"""The socket at which a running assistant is asked: `nearfield ctl`, `nearfield top`, scripts (docs/control.md).

    with SocketServer(settings.control, desk): ...          # opened, and removed at the end

A Unix socket: who may connect is a matter of the file's mode, and of the credentials that the kernel gives of whoever
is at the other end. Bounded in everything: connections, bytes of a line, time without a word, time of a slow reader.
"""

import contextlib
import fcntl
import grp
import logging
import os
import select
import socket
import stat
import struct
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Self

from device.config.control import ControlSettings
from device.control.desk import ControlDesk
from device.control.feed import Subscription
from device.control.lines import Reply, Talk, Watch, as_line, refusal
from device.control.paths import own_path
from device.errors import NearfieldError

_log = logging.getLogger(__name__)

MOST_CONNECTIONS = 16
IDLE_S = 60.0  #: whoever says nothing for so long, and does not watch, is sent away
SEND_S = 5.0  #: whoever does not read for so long is sent away
_CLOSE_S = 3.0
_READ_BYTES = 4_096
_CREDENTIALS = struct.Struct("3i")  # struct ucred of unix(7): pid, uid, gid
_SO_PEERGROUPS = 59  # asm-generic/socket.h; Python has no name for it
_MOST_GROUPS = 250  # Python takes 1,024 bytes of an option


class ControlSocketError(NearfieldError):
    """The control socket cannot be opened."""


class SocketServer:
    """Use as a context manager: entering raises ControlSocketError."""

    def __init__(
        self, control: ControlSettings, desk: ControlDesk, *, path: Path | None = None, idle_s: float = IDLE_S
    ) -> None:
        self.path = path or own_path(control)
        self._group = control.group
        self._desk = desk
        self._idle_s = idle_s
        self._lock = threading.Lock()
        self._connections: set[_Connection] = set()
        self._closing = threading.Event()
        self._claim: int | None = None
        self._socket: socket.socket | None = None
        self._thread = threading.Thread(target=self._accept, name="nearfield-control", daemon=True)

    def __enter__(self) -> Self:
        try:
            self._open()
        except OSError as error:
            self._let_go()
            reason = (error.strerror or str(error)).lower()
            raise ControlSocketError(
                f"{self.path}: {reason}", hint="control.socket names another place for it"
            ) from error
        except BaseException:
            self._let_go()
            raise
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._closing.set()
        if self._socket is not None:
            with contextlib.suppress(OSError):
                self._socket.shutdown(socket.SHUT_RDWR)  # wakes accept
        if self._thread.is_alive():
            self._thread.join(_CLOSE_S)
        with self._lock:
            connections = list(self._connections)
        end = time.monotonic() + _CLOSE_S
        for connection in connections:
            connection.close()
        for connection in connections:  # what is being answered is answered to its end
            connection.join(max(0.0, end - time.monotonic()))
        if self._socket is not None:
            with contextlib.suppress(OSError):
                self.path.unlink()
        self._let_go()

    # ------------------------------------------------------------ the file

    def _open(self) -> None:
        """Raises OSError, ControlSocketError."""
        group = self._group_id()
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._claim_it()
        self._remove_stale()
        self._socket = listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        # before bind: the file has this mode from its first moment on (Linux takes it from the socket)
        os.fchmod(listener.fileno(), 0o600)
        listener.bind(str(self.path))
        if group is not None:
            os.chown(self.path, -1, group)
            self.path.chmod(0o660)
        listener.listen(MOST_CONNECTIONS)

    def _group_id(self) -> int | None:
        if self._group is None:
            return None
        try:
            return grp.getgrnam(self._group).gr_gid
        except KeyError:
            raise ControlSocketError(
                f"there is no group '{self._group}'", hint="control.group names a group of users, or none"
            ) from None

    def _claim_it(self) -> None:
        """A lock that the kernel lets go when its process ends, whatever the end was."""
        beside = self.path.with_name(self.path.name + ".lock")
        self._claim = os.open(beside, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            fcntl.flock(self._claim, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise self._taken() from None

    def _taken(self) -> ControlSocketError:
        return ControlSocketError(
            f"{self.path}: another assistant listens there", hint="end that one, or give this one a control.socket"
        )

    def _remove_stale(self) -> None:
        """What a process left behind that could not remove it."""
        try:
            mode = self.path.lstat().st_mode
        except FileNotFoundError:
            return
        if not stat.S_ISSOCK(mode):
            raise ControlSocketError(
                f"{self.path}: is there already, and no socket", hint="remove it, or name another control.socket"
            )
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
            probe.settimeout(1.0)
            try:
                probe.connect(str(self.path))
            except ConnectionRefusedError:  # nobody has it open
                self.path.unlink()
                return
            except TimeoutError:
                pass
        raise self._taken()

    def _let_go(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None
        if self._claim is not None:
            os.close(self._claim)  # the file stays: another process may wait for this very one
            self._claim = None

    # ------------------------------------------------------------ the thread that accepts

    def _accept(self) -> None:
        listener = self._socket
        while listener is not None and not self._closing.is_set():
            try:
                peer, _ = listener.accept()
            except OSError:  # closed; or no descriptors left: later, perhaps
                self._closing.wait(0.2)
                continue
            try:
                self._take(peer)
            except (OSError, RuntimeError) as error:  # gone already; no more threads
                _log.warning("control socket: a connection is not taken: %s", error)
                peer.close()

    def _take(self, peer: socket.socket) -> None:
        peer.settimeout(SEND_S)
        with self._lock:
            full = len(self._connections) >= MOST_CONNECTIONS
        if full or not self._may(peer):
            with contextlib.suppress(OSError), peer:
                peer.sendall(as_line(refusal("too many ask at once" if full else "this is not yours to ask")))
            return
        connection = _Connection(peer, self._desk, self._idle_s, self._gone)
        with self._lock:
            self._connections.add(connection)
        try:
            connection.start()
        except RuntimeError:
            self._gone(connection)
            connection.let_go()
            raise

    def _may(self, peer: socket.socket) -> bool:
        """Our own user, root, or one of the group: the mode of the file says so too, but a folder may be shared."""
        _pid, uid, gid = _CREDENTIALS.unpack(peer.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size))
        if uid in (0, os.geteuid()):
            return True
        group = self._group_id()
        if group is None:
            return False
        raw = peer.getsockopt(socket.SOL_SOCKET, _SO_PEERGROUPS, 4 * _MOST_GROUPS)
        return group in (gid, *struct.unpack(f"{len(raw) // 4}I", raw))

    def _gone(self, connection: "_Connection") -> None:
        with self._lock:
            self._connections.discard(connection)


class _Connection:
    """One that asks, in a thread of its own."""

    def __init__(self, peer: socket.socket, desk: ControlDesk, idle_s: float, on_gone: "_OnGone") -> None:
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


_OnGone = Callable[[_Connection], None]
