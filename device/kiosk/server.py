"""Serves the page beside the conversation, in a thread of its own.

    with KioskServer(settings.web, desk) as server: print(server.address)

uvicorn without its signals and its log; the port is taken before the thread begins, so that a port that is taken is an
error and not a line in a log.
"""

import logging
import socket
import ssl
import threading
from collections.abc import Sequence
from typing import Self

import uvicorn
from starlette.routing import BaseRoute

from device.config.web import WebSettings
from device.control.desk import ControlDesk
from device.errors import ConfigError, NearfieldError
from device.kiosk.app import cards_of, make_app
from device.kiosk.patience import PatientHttp

_log = logging.getLogger(__name__)

MOST_CONNECTIONS = 64
CLOSE_WITHIN_S = 5.0
#: A page that has gone without a word is noticed after twice this: it may hold the talk button.
PING_S = 5.0
_MOST_HEADER_BYTES = 16_384
_STALLED_MS = 20_000
_MOST_MESSAGE_BYTES = 16_384


class KioskServer:
    """Use as a context manager. Raises ConfigError: token or certificate; NearfieldError: the port is taken."""

    def __init__(self, settings: WebSettings, desk: ControlDesk, *, extra_routes: Sequence[BaseRoute] = ()) -> None:
        self._settings = settings
        self._app = make_app(desk, settings, extra_routes=extra_routes)
        self._server: uvicorn.Server | None = None
        self._thread: threading.Thread | None = None
        self._port = 0

    @property
    def address(self) -> str:
        """Of the page."""
        host = self._settings.host
        host = f"[{host}]" if ":" in host else host
        return f"{'https' if self._settings.tls else 'http'}://{host}:{self._port}"

    def __enter__(self) -> Self:
        settings = self._settings
        _check_certificate(settings)
        taken = _bind(settings)
        self._port = taken.getsockname()[1]
        config = uvicorn.Config(
            self._app,
            loop="asyncio",
            http=PatientHttp,
            ws="websockets-sansio",
            lifespan="off",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            server_header=False,
            limit_concurrency=MOST_CONNECTIONS,
            timeout_keep_alive=5,
            timeout_graceful_shutdown=1,
            ws_max_size=_MOST_MESSAGE_BYTES,
            ws_ping_interval=PING_S,
            ws_ping_timeout=PING_S,
            ws_per_message_deflate=False,  # short messages on a slow processor
            h11_max_incomplete_event_size=_MOST_HEADER_BYTES,
            ssl_certfile=settings.tls_cert,
            ssl_keyfile=settings.tls_key,
        )
        logging.getLogger("uvicorn.error").setLevel(logging.ERROR)  # of what strangers send, it warns line by line
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._run, args=(taken,), name="nearfield-web", daemon=True)
        self._thread.start()
        _log.info("the page is at %s", self.address)
        return self

    def _run(self, taken: socket.socket) -> None:
        assert self._server is not None
        try:
            self._server.run(sockets=[taken])
        except Exception:  # noqa: BLE001 - a page that breaks must not take the assistant with it
            _log.exception("the web page has ended")
        finally:
            taken.close()

    def __exit__(self, *_: object) -> None:
        if self._server is None or self._thread is None:
            return
        self._server.should_exit = True
        self._thread.join(CLOSE_WITHIN_S)
        if self._thread.is_alive():  # a page that does not let go
            self._server.force_exit = True
            self._thread.join(1.0)


def _bind(settings: WebSettings) -> socket.socket:
    try:
        found = socket.getaddrinfo(settings.host, settings.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        family, kind, protocol, _, address = found[0]
        taken = socket.socket(family, kind, protocol)
    except OSError as error:
        raise NearfieldError(
            f"the web page cannot listen at {settings.host}: {error.strerror}", hint="see web.host"
        ) from error
    try:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        # who is connected and takes nothing is cut off by the kernel, too (accepted connections inherit this)
        taken.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, _STALLED_MS)
        taken.bind(address)
        taken.listen(64)
    except OSError as error:
        taken.close()
        raise NearfieldError(
            f"the web page cannot listen at {settings.host}, port {settings.port}: {error.strerror}",
            hint="another program may have it; choose another one: web.port",
        ) from error
    return taken


def check_secrets(settings: WebSettings) -> None:
    """Could it be served with the token and the certificate that are named? Raises ConfigError."""
    cards_of(settings)
    _check_certificate(settings)


def _check_certificate(settings: WebSettings) -> None:
    if settings.tls_cert is None or settings.tls_key is None:
        return
    try:
        mode = settings.tls_key.stat().st_mode
        ssl.create_default_context(ssl.Purpose.CLIENT_AUTH).load_cert_chain(settings.tls_cert, settings.tls_key)
    except (OSError, ssl.SSLError) as error:
        raise ConfigError(
            f"the certificate of the web page cannot be used: {error.strerror or error}",
            hint="see web.tls_cert and web.tls_key; docs/kiosk.md says how to make them",
        ) from error
    if mode & 0o007:
        raise ConfigError(
            f"{settings.tls_key}: others may read this key (mode {mode & 0o777:o})",
            hint=f"chmod 600 {settings.tls_key}",
        )
