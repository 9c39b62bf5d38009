"""Every request passes here first, whatever route it is for: who is let in, and what every answer says to the browser.

app = Guard(app, door, cookie_name)
"""

import json
import time

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import HTTPConnection
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from starlette.websockets import WebSocket

from device.kiosk.door import Asked, Door, Refusal

#: Scripts, styles and connections of this device alone; in no frame; nothing else at all.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
SAFE_HEADERS = {
    "content-security-policy": POLICY,
    "x-frame-options": "DENY",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=()",
}


class Guard:
    """ASGI."""

    def __init__(self, app: ASGIApp, door: Door, cookie_name: str) -> None:
        self._app = app
        self._door = door
        self._cookie_name = cookie_name

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        refusal = self._door.refusal(self._asked(scope), time.monotonic(), time.time())

        async def send_safely(message: Message) -> None:
            if message["type"] in ("http.response.start", "websocket.http.response.start"):
                headers = MutableHeaders(scope=message)
                for name, value in SAFE_HEADERS.items():
                    headers[name] = value
                headers.setdefault("cache-control", "no-store")
            await send(message)

        if refusal is None:
            await self._app(scope, receive, send_safely)
        elif scope["type"] == "websocket":
            await WebSocket(scope, receive, send_safely).send_denial_response(refused(refusal))
        else:
            await refused(refusal)(scope, receive, send_safely)

    def _asked(self, scope: Scope) -> Asked:
        connection = HTTPConnection(scope)
        headers = Headers(scope=scope)
        twice = len(headers.getlist("host")) != 1  # whose name was called is not clear
        return Asked(
            kind=scope["type"],
            method=scope.get("method", "GET"),
            path=scope["path"],
            client=scope["client"][0] if scope.get("client") else "",
            scheme=scope["scheme"],
            headers={**dict(headers.items()), **({"host": ""} if twice else {})},
            cookie=connection.cookies.get(self._cookie_name, ""),
        )


def refused(refusal: Refusal) -> Response:
    """What whoever is refused is told."""
    if refusal.login:
        return RedirectResponse("/login", 303)
    return JSONResponse({"error": refusal.message}, refusal.status)


def dumps(value: object) -> str:
    """As it is sent: no spaces, and never NaN, which is no JSON."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
