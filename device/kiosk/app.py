"""The web page of a running assistant, and the same over HTTP.

    app = make_app(desk, settings.web)          # a Starlette application; `device.kiosk.server` serves it

GET / is the page, /api/status how it stands, /api/traces the last turns, POST /api/wish asks for something, /api/ws is
a WebSocket with all that goes on (docs/kiosk.md). Who may come in is decided in `door`.
"""

import asyncio
import contextlib
import hashlib
import time
from collections.abc import Sequence
from functools import partial
from importlib import resources

import anyio
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route, WebSocketRoute
from starlette.websockets import WebSocket

from device.config.web import WebSettings
from device.control.desk import ControlDesk
from device.control.feed import TooManyError
from device.control.wishes import MOST_WISH_BYTES, WishError, wish_in
from device.errors import ConfigError, NearfieldError
from device.kiosk.door import Door, Refusal
from device.kiosk.guard import Guard, refused
from device.kiosk.onlooker import Onlooker, parsed
from device.kiosk.pass_card import LASTS_S, LEAST_CHARS, PassCards
from device.kiosk.turns import turns_json
from device.secret_file import read_secret

#: Pages at a time. The feed has room for some more: whoever looks in over ssh is not kept out by them.
MOST_SOCKETS = 24
BODY_WITHIN_S = 5.0

_KINDS = {"html": "text/html", "js": "text/javascript", "css": "text/css", "svg": "image/svg+xml"}


class BodyTooLongError(Exception):
    """More than any wish has."""


def make_app(
    desk: ControlDesk, settings: WebSettings, *, extra_routes: Sequence[BaseRoute] = (), host_name: str | None = None
) -> Starlette:
    """`extra_routes`: behind the same door. Raises ConfigError: the token cannot be read, or is too short."""
    cards = cards_of(settings)
    door = Door(settings, cards, host_name)
    cookie_name = "__Host-nearfield" if settings.tls else "nearfield"
    web = _Web(desk, settings, door, cookie_name)
    routes: list[BaseRoute] = [
        Route("/", partial(_file, "index.html")),
        Route("/login", partial(_file, "login.html")),
        Route("/static/{name}", _static),
        Route("/healthz", web.healthz),
        Route("/api/login", web.log_in, methods=["POST"]),
        Route("/api/logout", web.log_out, methods=["POST"]),
        Route("/api/status", web.status),
        Route("/api/traces", web.traces),
        Route("/api/wish", web.wish, methods=["POST"]),
        WebSocketRoute("/api/ws", web.look_on),
        *extra_routes,
    ]
    return Starlette(routes=routes, middleware=[Middleware(Guard, door=door, cookie_name=cookie_name)])


def cards_of(settings: WebSettings) -> PassCards | None:
    if settings.token_file is None:
        return None
    token = read_secret(settings.token_file)
    if len(token) < LEAST_CHARS:
        raise ConfigError(
            f"{settings.token_file}: the token has {len(token)} characters, {LEAST_CHARS} are needed",
            hint="make one: openssl rand -hex 16",
        )
    return PassCards(token)


class _Web:
    """What the routes share."""

    def __init__(self, desk: ControlDesk, settings: WebSettings, door: Door, cookie_name: str) -> None:
        self._desk = desk
        self._settings = settings
        self._door = door
        self._cookie_name = cookie_name
        self._sockets = 0

    def healthz(self, _request: Request) -> Response:
        """For whoever watches over it; no word of anybody."""
        trouble = sorted(self._desk.status(words=False)["trouble"])
        return JSONResponse({"ok": "card" not in trouble, "trouble": trouble}, 503 if "card" in trouble else 200)

    def status(self, _request: Request) -> Response:
        return JSONResponse(self._desk.status())

    def traces(self, _request: Request) -> Response:
        return JSONResponse(turns_json(self._desk.traces()))

    async def wish(self, request: Request) -> Response:
        try:
            wish = wish_in(await _json(request))
            return JSONResponse(await run_in_threadpool(self._desk.obey, wish))
        except BodyTooLongError:
            return _error(413, "too long for a wish")
        except TimeoutError:
            return _error(408, "the rest of it did not come")
        except WishError as error:
            return _error(400, str(error))
        except NearfieldError as error:
            return _error(409, error.message, hint=error.hint)

    async def log_in(self, request: Request) -> Response:
        try:
            body = await _json(request)
        except (BodyTooLongError, TimeoutError, WishError):
            return _error(400, "a JSON object with the token is needed")
        token = body.get("token") if isinstance(body, dict) else None
        if not isinstance(token, str):
            return _error(400, "a JSON object with the token is needed")
        client = request.client.host if request.client else ""
        cookie = self._door.log_in(client, token, time.monotonic(), time.time())
        if isinstance(cookie, Refusal):
            return refused(cookie)
        response = JSONResponse({"ok": True})
        response.set_cookie(
            self._cookie_name, cookie, max_age=LASTS_S, path="/", secure=self._settings.tls, httponly=True,
            samesite="strict",
        )  # fmt: skip
        return response

    async def log_out(self, _request: Request) -> Response:
        response = JSONResponse({"ok": True})
        response.delete_cookie(self._cookie_name, path="/", secure=self._settings.tls, httponly=True, samesite="strict")
        return response

    async def look_on(self, websocket: WebSocket) -> None:
        loop, woken = asyncio.get_running_loop(), asyncio.Event()

        def wake() -> None:  # in the thread of whoever publishes
            if not woken.is_set():
                with contextlib.suppress(RuntimeError):  # the loop has ended
                    loop.call_soon_threadsafe(woken.set)

        if self._sockets >= MOST_SOCKETS:
            await websocket.send_denial_response(_error(503, "enough pages look on already"))
            return
        self._sockets += 1
        try:
            with self._desk.feed.subscribe(wake) as feed:
                await websocket.accept()
                await Onlooker(websocket, self._desk, feed, woken).run()
        except TooManyError:
            await websocket.send_denial_response(_error(503, "enough look on already"))
        finally:
            self._sockets -= 1


def _error(status: int, message: str, **more: str) -> Response:
    return JSONResponse({"error": message, **{key: value for key, value in more.items() if value}}, status)


async def _json(request: Request) -> object:
    """Raises WishError, BodyTooLongError, TimeoutError."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise WishError("the content type must be application/json")
    body = b""
    with anyio.fail_after(BODY_WITHIN_S):
        async for chunk in request.stream():
            body += chunk
            if len(body) > MOST_WISH_BYTES:
                raise BodyTooLongError
    return parsed(body)


async def _static(request: Request) -> Response:
    name = request.path_params["name"]
    if name not in ("app.js", "app.css", "talk.js", "turns.js", "login.js", "icon.svg"):
        return _error(404, "there is no such file")
    return await _file(name, request)


async def _file(name: str, request: Request) -> Response:
    body, tag = _FILES.get(name) or _read(name)
    headers = {"etag": tag, "cache-control": "no-cache"}
    if request.headers.get("if-none-match") == tag:
        return Response(status_code=304, headers=headers)
    return Response(body, media_type=f"{_KINDS[name.rpartition('.')[2]]}; charset=utf-8", headers=headers)


_FILES: dict[str, tuple[bytes, str]] = {}


def _read(name: str) -> tuple[bytes, str]:
    folder = resources.files("device.kiosk").joinpath("static")
    body = folder.joinpath(name).read_bytes()
    tagged = body
    if name == "index.html":  # of the whole page: one that stays open for months sees by it that it is an old one
        tagged = b"".join(each.read_bytes() for each in sorted(folder.iterdir(), key=lambda each: each.name))
    _FILES[name] = found = (body, f'"{hashlib.sha256(tagged).hexdigest()[:16]}"')
    return found
