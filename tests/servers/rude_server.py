"""A server on 127.0.0.1 that does what each test says, byte by byte: also what no server should do.

with RudeServer(lambda peer: peer.answer(200, b"hello")) as server: ...   # server.http, server.tcp
"""

import contextlib
import json
import socket
import ssl
import threading
import time
from collections.abc import Callable
from typing import Any, Self

MODELS = {"data": [{"id": "big", "owned_by": "llamacpp"}, {"id": "small:latest", "owned_by": "llamacpp"}]}


class Peer:
    """One connection, as the test's handler sees it."""

    def __init__(self, connection: socket.socket, server: "RudeServer") -> None:
        self.connection = connection
        self.server = server
        self.path = ""
        self.head = ""
        self.body: Any = None
        self._file = connection.makefile("rb")

    def read_request(self) -> bool:
        """One HTTP request; False at the end of the connection."""
        lines: list[str] = []
        while (line := self._file.readline()) not in (b"\r\n", b""):
            lines.append(line.decode().strip())
        if not lines:
            return False
        self.head = "\n".join(lines)
        self.path = lines[0].split(" ")[1]
        sizes = [int(line.split(":")[1]) for line in lines if line.lower().startswith("content-length")]
        self.body = json.loads(self._file.read(sizes[0])) if sizes and sizes[0] else None
        self.server.requests.append((self.path, self.head, self.body))
        return True

    def read_line(self) -> bytes:
        """Of a protocol of lines."""
        return self._file.readline()

    def read(self, size: int) -> bytes:
        """So many bytes."""
        return self._file.read(size)

    def send(self, data: bytes) -> None:
        """As they are."""
        with contextlib.suppress(OSError):
            self.connection.sendall(data)

    def answer(self, status: int, body: bytes = b"", *, kind: str = "application/json", headers: str = "") -> None:
        """A whole HTTP response."""
        head = f"HTTP/1.1 {status} Whatever\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n{headers}\r\n"
        self.send(head.encode() + body)

    def begin_stream(self) -> None:
        """The head of a stream of events, whose length nobody knows."""
        self.send(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\nConnection: close\r\n\r\n")

    def say(self, text: str, *, finish: str | None = None) -> None:
        """A piece of an answer."""
        choice = {"index": 0, "delta": {"content": text} if text else {}, "finish_reason": finish}
        self.event(json.dumps({"choices": [choice]}))

    def event(self, data: str) -> None:
        """A server-sent event."""
        self.send(f"data: {data}\n\n".encode())

    def hang(self, most_s: float = 10.0) -> None:
        """Until the other side hangs up; `server.hung_up` tells."""
        self.connection.settimeout(most_s)
        with contextlib.suppress(OSError):
            while self.connection.recv(4096):
                pass
            self.server.hung_up.set()


class RudeServer:
    """Serves each connection in a thread of its own with `handle`."""

    def __init__(self, handle: Callable[[Peer], None], *, tls: ssl.SSLContext | None = None) -> None:
        self.handle = handle
        self.requests: list[tuple[str, str, Any]] = []
        self.connections = 0
        self.hung_up = threading.Event()
        self._tls = tls
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        self.http = f"http{'s' if tls else ''}://127.0.0.1:{self.port}"
        self.tcp = f"tcp://127.0.0.1:{self.port}"
        self._thread = threading.Thread(target=self._accept, daemon=True)

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with contextlib.suppress(OSError, ValueError), connection:
            if self._tls is not None:
                connection = self._tls.wrap_socket(connection, server_side=True)
            self.handle(Peer(connection, self))
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()


def chat_server(answer: Callable[[Peer], None]) -> Callable[[Peer], None]:
    """A handler that lists `MODELS`, and leaves the chat to `answer`."""

    def handle(peer: Peer) -> None:
        while peer.read_request():
            if peer.path.endswith("/models"):
                peer.answer(200, json.dumps(MODELS).encode())
            else:
                answer(peer)
                return

    return handle


def says(*pieces: str, finish: str = "stop") -> Callable[[Peer], None]:
    """An answer as it should be."""

    def answer(peer: Peer) -> None:
        peer.begin_stream()
        for piece in pieces:
            peer.say(piece)
        peer.say("", finish=finish)
        peer.event("[DONE]")

    return answer


def free_port() -> int:
    """Of 127.0.0.1, with nobody behind it."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


def eventually(holds: Callable[[], bool], within_s: float = 10.0) -> bool:
    """Does it hold before long?"""
    until_s = time.monotonic() + within_s
    while not (held := holds()) and time.monotonic() < until_s:
        time.sleep(0.01)
    return held
