"""The socket at which a running assistant is asked: `nearfield ctl`, `nearfield top`, scripts (docs/control.md).

    with SocketServer(settings.control, desk): ...          # opened, and removed at the end

A Unix socket: who may connect is a matter of the file's mode, and of the credentials that the kernel gives of whoever
is at the other end. Bounded in everything: connections here; bytes of a line in `lines`, time without a word and time
of a slow reader in `socket_peer`.
"""

import contextlib
import fcntl
import grp
import logging
import os
import socket
import stat
import struct
import threading
import time
from pathlib import Path
from typing import Self

from device.config.control import ControlSettings
from device.control.desk import ControlDesk
from device.control.lines import as_line, refusal
from device.control.paths import own_path
from device.control.socket_peer import SEND_S, Peer
from device.errors import NearfieldError

_log = logging.getLogger(__name__)

MOST_CONNECTIONS = 16
IDLE_S = 60.0  #: whoever says nothing for so long, and does not watch, is sent away
_CLOSE_S = 3.0
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
        self._gid: int | None = None
        self._desk = desk
        self._idle_s = idle_s
        self._lock = threading.Lock()
        self._connections: set[Peer] = set()
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
        self._gid = group = self._group_id()
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._claim_it()
        self._remove_stale()
        self._socket = listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        # before bind: the file has this mode from its first moment on (Linux takes it from the socket)
        os.fchmod(listener.fileno(), 0o600)
        listener.bind(str(self.path))
        if group is not None:
            if self.path.stat().st_gid != group:  # a service may not be let to call chown at all
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
        connection = Peer(peer, self._desk, self._idle_s, self._gone)
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
        if self._gid is None:
            return False
        raw = peer.getsockopt(socket.SOL_SOCKET, _SO_PEERGROUPS, 4 * _MOST_GROUPS)
        return self._gid in (gid, *struct.unpack(f"{len(raw) // 4}I", raw))

    def _gone(self, connection: Peer) -> None:
        with self._lock:
            self._connections.discard(connection)
