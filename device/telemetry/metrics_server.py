"""Where Prometheus scrapes the figures: a small listener of its own, or a route of the web page.

    with MetricsServer(settings.metrics, metrics) as server: ...        # http://127.0.0.1:9464/metrics
    Route("/metrics", MetricsApp(metrics))                              # in a Starlette application

It answers GET and HEAD of /metrics and nothing else. Bounded: `MOST_AT_ONCE` scrapes, `PATIENCE_S` for each word.
"""

import hmac
import os
import threading
from collections.abc import Awaitable, Callable, MutableMapping
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socket import AF_INET6
from typing import Any, Self, cast

from device.config.metrics import MetricsSettings
from device.errors import NearfieldError
from device.secret_file import read_secret
from device.telemetry.metrics import Metrics

MOST_AT_ONCE = 4
PATIENCE_S = 5.0
_PATH = "/metrics"


class MetricsPortError(NearfieldError):
    """The port for metrics cannot be opened."""


class MetricsServer:
    """Use as a context manager: entering raises MetricsPortError, or ConfigError for a token that cannot be used."""

    def __init__(self, settings: MetricsSettings, metrics: Metrics) -> None:
        self._settings = settings
        self._metrics = metrics
        self._server: _Server | None = None
        self._thread: threading.Thread | None = None

    @property
    def port(self) -> int:
        """The one that is listened at; 0: none is open."""
        return self._server.server_port if self._server is not None else 0

    def __enter__(self) -> Self:
        settings = self._settings
        token = "" if settings.token_file is None else read_secret(settings.token_file)
        try:
            self._server = _Server(settings.host.strip("[]"), settings.port, self._metrics, token)
        except OSError as error:
            what = os.strerror(error.errno) if error.errno else str(error)
            raise MetricsPortError(
                f"metrics cannot be served at {settings.host} port {settings.port}: {what.lower()}",
                hint="see metrics.host and metrics.port",
            ) from error
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.2}, name="nearfield-metrics", daemon=True
        )
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None
        if self._thread is not None:
            self._thread.join(PATIENCE_S)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False  # a slow scrape does not hold up the end
    request_queue_size = 8

    def __init__(self, host: str, port: int, metrics: Metrics, token: str) -> None:
        """Raises OSError."""
        self.metrics = metrics
        self.token = token
        self._room = threading.BoundedSemaphore(MOST_AT_ONCE)
        if ":" in host:
            self.address_family = AF_INET6
        super().__init__((host, port), _Scrape)

    def server_bind(self) -> None:
        """As the base, but without its look-up of the host's name, which may wait for a network."""
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()
        self.server_name, self.server_port = str(self.server_address[0]), int(self.server_address[1])

    def process_request(self, request: Any, client_address: Any) -> None:
        """In a thread of its own, if there is room for one more."""
        if not self._room.acquire(blocking=False):
            self.shutdown_request(request)
            return
        super().process_request(request, client_address)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._room.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Whoever scrapes has gone, or is too slow: nobody's trouble."""


class _Scrape(BaseHTTPRequestHandler):
    timeout = PATIENCE_S
    server_version = "nearfield"
    sys_version = ""

    def do_GET(self) -> None:
        self._answer(with_body=True)

    def do_HEAD(self) -> None:
        self._answer(with_body=False)

    def _answer(self, *, with_body: bool) -> None:
        server = cast(_Server, self.server)
        if self.path.partition("?")[0] != _PATH:
            self.send_error(HTTPStatus.NOT_FOUND)
            return
        if server.token and not may_read(self.headers.get("Authorization", ""), server.token):
            self.send_response(HTTPStatus.UNAUTHORIZED)
            self.send_header("WWW-Authenticate", "Bearer")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        body, content_type = server.metrics.exposition(self.headers.get("Accept", ""))
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        if with_body:
            self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - as the base has it
        """Nothing: it would be a line a scrape."""


def may_read(authorization: str, token: str) -> bool:
    """Does the header bring the token? Compared in constant time."""
    scheme, _, brought = authorization.partition(" ")
    return scheme.lower() == "bearer" and hmac.compare_digest(brought.strip().encode(), token.encode())


_Scope = MutableMapping[str, Any]


class MetricsApp:
    """ASGI: GET answers with the figures. Who may ask is a matter of whoever mounts it."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics

    async def __call__(
        self, scope: _Scope, receive: Callable[[], Awaitable[_Scope]], send: Callable[[_Scope], Awaitable[None]]
    ) -> None:
        if scope["type"] != "http":
            return
        allowed = scope["method"] in ("GET", "HEAD")
        accept = ",".join(value.decode("latin-1") for name, value in scope["headers"] if name.lower() == b"accept")
        body, content_type = self._metrics.exposition(accept) if allowed else (b"", "text/plain")
        await receive()
        headers = [
            (b"content-type", content_type.encode("latin-1")),
            (b"content-length", str(len(body)).encode()),
            (b"cache-control", b"no-store"),
        ]
        await send({"type": "http.response.start", "status": 200 if allowed else 405, "headers": headers})
        await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})
