"""The web page's HTTP and WebSocket for `bench/fuzz.py`: its application, without a network.

    fuzz_web(Inputs(seed=1), 10_000, tally)

Half of it is sent by a stranger without the token, half by the owner.
"""

import asyncio
import importlib.util
import json
import logging
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench.fuzz_counts import Behind, Tally
from bench.fuzz_inputs import WISHES, Inputs, is_wish
from device.control.desk import ControlDesk
from device.dialogue import events as ev

TOKEN = "0123456789abcdef0123456789abcdef"


def there_is_a_page() -> bool:
    """Has this copy a web page?"""
    return importlib.util.find_spec("device.kiosk.app") is not None


def fuzz_web(inputs: Inputs, times: int, tally: Tally) -> None:
    """A stranger: nothing is done, and nothing of the state is told. The owner: what is a wish, and nothing else."""
    from device.config.web import WebSettings  # noqa: PLC0415
    from device.kiosk.app import make_app  # noqa: PLC0415

    behind = Behind()
    desk = ControlDesk(behind, behind)
    desk.on_event(ev.Commit(0, 1, "zebra", "complete"))  # a word that nobody may get to see
    with tempfile.TemporaryDirectory(prefix="nf-") as folder:
        token = Path(folder) / "token"
        token.write_text(TOKEN + "\n")
        token.chmod(0o600)
        app = make_app(desk, WebSettings(enabled=True, token_file=token))
        asyncio.run(_knock(app, inputs, times // 2, tally))
        tally.unasked += behind.actions + behind.releases
        behind.actions = 0
        may = asyncio.run(_ask(app, inputs, times - times // 2, tally))
        tally.unasked += max(0, behind.actions - may)


async def _told(app: Any, scope: dict[str, Any], body: bytes, inputs: Inputs, tally: Tally) -> tuple[int, list[Any]]:
    """The status, and all messages."""
    told: list[Any] = []
    try:
        async with asyncio.timeout(20):
            await app(scope, _receiver(scope, body, inputs), _collector(told))
    except Exception as error:  # noqa: BLE001 - that is what is looked for
        tally.crashes.append(f"web {scope['type']} {scope['path'][:60]!r} {body[:80]!r}: {error!r}")
    tally.tried += 1
    status = next((message["status"] for message in told if "status" in message), 0)
    if status >= 500 and status != 503:
        tally.crashes.append(f"web {scope['path'][:60]!r} {body[:80]!r}: status {status}")
    return status, told


async def _knock(app: Any, inputs: Inputs, times: int, tally: Tally) -> None:
    logging.getLogger("asyncio").setLevel(logging.CRITICAL)
    for number in range(times):
        scope, body = _web_input(inputs, number)
        status, told = await _told(app, scope, body, inputs, tally)
        tally.obeyed += 200 <= status < 300
        if "zebra" in repr(told) or any(message["type"] == "websocket.accept" for message in told):
            tally.unasked += 1
            print(f"  web: {scope['path']!r}: {told}", file=sys.stderr)


async def _ask(app: Any, inputs: Inputs, times: int, tally: Tally) -> int:
    """Of the owner, at the right place and with the token; how much of it may be done."""
    allowed = 0
    for number in range(times):
        scope, _ = _web_input(inputs, (1 << 20) + number)
        own = {b"host": b"localhost:8765", b"x-nearfield": b"1", b"authorization": f"Bearer {TOKEN}".encode()}
        scope |= {"headers": [*own.items(), (b"content-type", b"application/json")], "method": "POST"}
        scope["path"] = "/api/ws" if scope["type"] == "websocket" else "/api/wish"
        body = inputs.wish()
        status, _ = await _told(app, scope, body, inputs, tally)
        may = is_wish(body) and json.loads(body)["do"] != "watch"
        allowed += may
        if scope["type"] == "http":
            ok = 200 <= status < 300
            tally.obeyed += ok
            tally.unasked += ok and not may
            tally.refused_good += may and not ok
    return allowed


PATHS = (
    "/", "/login", "/healthz", "/metrics", "/static/app.js", "/static/..%2f..%2fapp.py", "/static//etc/passwd",
    "/static/../api/status", "/api/login", "/api/logout", "/api/status", "/api/traces", "/api/wish", "/api/ws",
    "//api/status", "/api/status/", "/API/STATUS", "/api/./wish", "/api/wish?x",
)  # fmt: skip


def _web_input(inputs: Inputs, number: int) -> tuple[dict[str, Any], bytes]:
    pick = inputs.random.choice
    path = pick(PATHS) if inputs.random.random() < 0.9 else "/" + inputs.text(30)
    kind = "websocket" if inputs.random.random() < 0.2 else "http"
    hosts = [b"localhost:8765", b"localhost:8765", b"127.0.0.1", b"evil.example", b"", inputs.noise(20)]
    headers = [(b"host", pick(hosts))]
    for name, values in {
        b"content-type": [b"application/json", b"text/plain", inputs.noise(10)],
        b"x-nearfield": [b"1"],
        b"origin": [b"http://localhost:8765", b"https://evil.example", b"null", inputs.noise(10)],
        b"authorization": [b"Bearer x", b"Bearer 0123456789abcdef", b"Basic eDp5", inputs.noise(30)],
        b"cookie": [b"nearfield=x", b"nearfield=" + inputs.noise(30), b"nearfield=1.2; nearfield=4", inputs.noise(40)],
        b"sec-fetch-site": [b"none", b"same-origin", b"cross-site"],
        b"content-length": [b"0", b"-1", b"99999999999"],
    }.items():
        if inputs.random.random() < 0.5:
            headers.append((name, pick(values)))
    inputs.random.shuffle(headers)
    scope: dict[str, Any] = {
        "type": kind,
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "scheme": "ws" if kind == "websocket" else "http",
        "path": path.partition("?")[0],
        "raw_path": path.encode("utf-8", "surrogatepass"),
        "query_string": inputs.noise(20),
        "root_path": "",
        "headers": headers,
        # the limits of requests are for each client: nobody is refused for those before him
        "client": (f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}", 1000),
        "server": ("127.0.0.1", 8765),
        "state": {},
        "extensions": {"websocket.http.response": {}},
    }
    if kind == "http":
        scope["method"] = pick(["GET", "POST", "POST", "PUT", "HEAD", "OPTIONS", "TRACE", "x"])
    else:
        scope["subprotocols"] = []
    login = json.dumps({"token": inputs.odd()}, default=str).encode()
    return scope, pick([inputs.wish(), json.dumps(pick(WISHES)).encode(), login, b"x" * 20_000, b""])


def _receiver(scope: dict[str, Any], body: bytes, inputs: Inputs) -> Callable[[], Any]:
    if scope["type"] == "websocket":
        left = [{"type": "websocket.connect"}, {"type": "websocket.receive", "text": body.decode("utf-8", "replace")}]
        end = {"type": "websocket.disconnect", "code": 1006}
    else:
        at = inputs.random.randrange(len(body) + 1)
        left = [
            {"type": "http.request", "body": body[:at], "more_body": True},
            {"type": "http.request", "body": body[at:], "more_body": False},
        ]
        end = {"type": "http.disconnect"}

    async def receive() -> dict[str, Any]:
        return left.pop(0) if left else end

    return receive


def _collector(told: list[Any]) -> Callable[[Any], Any]:
    async def send(message: Any) -> None:
        told.append(message)

    return send
