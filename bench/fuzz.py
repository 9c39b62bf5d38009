"""Malformed inputs at every way in: no crash, and nothing done that was not asked for by whoever may.

    nearfield bench fuzz --times 100000 --seed 1

Ways: the control socket (a real one), the same for a user who may not, MQTT's wishes, configuration files with flags
and variables, the web page's HTTP and WebSocket (its application, without a network; a stranger without the token).
Every input is held against an oracle that knows the documentation and not the code.

A crash: an exception that is none of ours, a traceback in the log, a thread that ends, a way that no longer answers.
"""

import asyncio
import contextlib
import json
import logging
import os
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bench.fuzz_inputs import WISHES, Inputs, is_speakable, is_wish
from bench.options import Parser, count
from device.cli.boundary import guarded
from device.config.control import ControlSettings
from device.config.describe import as_toml
from device.config.home import MqttSettings
from device.config.load import load_config
from device.config.schema import Settings
from device.control.desk import ControlDesk
from device.control.socket_client import Link
from device.control.socket_server import SocketServer
from device.dialogue import events as ev
from device.errors import ConfigError
from device.home.discovery import Topics
from device.home.house_device import Announce, HouseDevice, SetMute, SetVolume

_A_CONNECTION = 100  # lines
#: Shares of --times.
SHARES = {"socket": 0.4, "stranger": 0.01, "mqtt": 0.2, "config": 0.19, "web": 0.2}


@dataclass
class Count:
    """Of one way in."""

    tried: int = 0
    obeyed: int = 0
    unasked: int = 0  #: done, or not refused, and the oracle says that it may not be
    refused_good: int = 0  #: not done, and the oracle says that it may
    crashes: list[str] = field(default_factory=list)

    def line(self, name: str, seconds: float) -> str:
        return (
            f"{name:9} {self.tried:8,} inputs  {self.obeyed:7,} obeyed  {self.unasked} not asked for  "
            f"{self.refused_good} wrongly refused  {len(self.crashes)} crashes  {seconds:6.1f} s"
        )


class Behind:
    """Assistant and controls in one: counts what is done."""

    muted = False
    volume_percent = 50

    def __init__(self) -> None:
        self.actions = 0
        self.releases = 0

    def _act(self, *_: object) -> None:
        self.actions += 1

    announce = hush = press = mute = louder = softer = set_volume_percent = _act

    def release(self) -> None:
        self.releases += 1  # also when a connection ends


class Watched(logging.Handler):
    """Whatever is logged with a traceback, and threads that end by an exception."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.found: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        if record.exc_info and record.levelno >= logging.WARNING:
            self.found.append(f"logged: {record.getMessage()}: {record.exc_info[1]!r}")

    @contextlib.contextmanager
    def on(self) -> Iterator[None]:
        root, before, hook = logging.getLogger(), logging.getLogger().handlers[:], threading.excepthook
        root.handlers = [self]
        threading.excepthook = lambda told: self.found.append(f"thread: {told.exc_value!r}")
        try:
            yield
        finally:
            root.handlers, threading.excepthook = before, hook


def fuzz_socket(inputs: Inputs, times: int, tally: Count) -> None:
    behind = Behind()
    with tempfile.TemporaryDirectory(prefix="nf-") as folder:
        control = ControlSettings(socket=Path(folder) / "c.sock")
        with SocketServer(control, ControlDesk(behind, behind)) as server:
            while tally.tried < times:
                lines = [inputs.wish() for _ in range(min(_A_CONNECTION, times - tally.tried))]
                tally.tried += len(lines)
                _one_connection(server.path, lines, inputs, behind, tally)
            with Link(server.path) as link:
                if not link.ask({"do": "status"})["ok"]:
                    tally.crashes.append("the server does not answer any more")


def _one_connection(path: Path, lines: list[bytes], inputs: Inputs, behind: Behind, tally: Count) -> None:
    """Those lines in pieces of any size; most wait for every reply, some hang up in the middle."""
    lines = [line for line in lines if line.strip()]
    good = [is_wish(line) for line in lines]
    acting = sum(
        g and json.loads(line)["do"] not in ("status", "watch", "release") for g, line in zip(good, lines, strict=True)
    )
    before = behind.actions
    raw = b"\n".join(lines) + b"\n"
    peer = socket.socket(socket.AF_UNIX)
    peer.settimeout(20)
    peer.connect(str(path))
    hangs_up = inputs.random.random() < 0.1
    with peer, peer.makefile("rb") as replies:
        reader = _Replies(replies, len(lines))
        reader.start()
        if hangs_up:
            raw = raw[: inputs.random.randrange(len(raw))]
        while raw:
            size = inputs.random.randrange(1, 2000)
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                peer.sendall(raw[:size])
            raw = raw[size:]
        if hangs_up:
            peer.shutdown(socket.SHUT_RDWR)
            reader.join(20)
            return
        reader.join(20)
    if len(reader.replies) != len(lines):
        tally.crashes.append(f"{len(lines)} lines, {len(reader.replies)} replies")
        return
    for reply, may, line in zip(reader.replies, good, lines, strict=True):
        ok = reply.get("ok") is True
        tally.obeyed += ok
        tally.unasked += ok and not may
        tally.refused_good += may and not ok
        if ok != may:
            print(f"  socket: {line[:120]!r}: {reply}", file=sys.stderr)
    tally.unasked += max(0, behind.actions - before - acting)


class _Replies(threading.Thread):
    def __init__(self, file: Any, wanted: int) -> None:
        super().__init__(daemon=True)
        self._file = file
        self._wanted = wanted
        self.replies: list[dict[str, Any]] = []

    def run(self) -> None:
        with contextlib.suppress(OSError, ValueError):  # hung up, by ourselves
            while len(self.replies) < self._wanted and (line := self._file.readline()):
                reply = json.loads(line)
                if "ok" in reply:
                    self.replies.append(reply)


def fuzz_stranger(inputs: Inputs, times: int, tally: Count) -> None:
    """Perfectly good wishes of a user who is neither the owner nor root, at a file that everybody may open."""
    if os.geteuid() != 0:
        print("  stranger: left out: only root can be somebody else", file=sys.stderr)
        return
    behind = Behind()
    with tempfile.TemporaryDirectory(prefix="nf-") as folder:
        Path(folder).chmod(0o755)
        control = ControlSettings(socket=Path(folder) / "c.sock")
        with SocketServer(control, ControlDesk(behind, behind)) as server:
            server.path.chmod(0o666)
            child = os.fork()
            if child == 0:
                _be_a_stranger(server.path, inputs, times)
            _, status = os.waitpid(child, 0)
            tally.tried += times
            tally.unasked += behind.actions + behind.releases
            if status:
                tally.crashes.append(f"whoever asked ended with {status}: it was given no answer, or a good one")


def _be_a_stranger(path: Path, inputs: Inputs, times: int) -> None:
    bad = 0
    try:
        os.setgroups([])
        os.setgid(65_534)
        os.setuid(65_534)
        for _ in range(times):
            with socket.socket(socket.AF_UNIX) as peer:
                peer.settimeout(10)
                peer.connect(str(path))
                with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                    peer.sendall(json.dumps(inputs.random.choice(WISHES)).encode() + b"\n")
                # what it is told, unless the end of the connection was quicker: nothing good in any case
                with contextlib.suppress(ConnectionResetError):
                    bad += b'"ok": true' in peer.recv(4096)
    except BaseException:  # noqa: BLE001 - its parent counts
        os._exit(2)
    os._exit(min(bad, 1))


def fuzz_mqtt(inputs: Inputs, times: int, tally: Count) -> None:
    topics = Topics("nearfield", "dev")
    device = HouseDevice(MqttSettings(host="x"), topics, version="1", muted=False, volume_percent=5)
    names = {topics.command(name): name for name in ("mute", "volume", "announce")}
    good = {"mute": [b"ON", b"OFF"], "volume": [b"40", b"100", b"0.5"], "announce": [b"Dinner."]}
    for _ in range(times):
        topic = inputs.random.choice([*names, *names, topics.state("mute"), inputs.text(20), ""])
        name = names.get(topic, "mute")
        payload = inputs.random.choice(good[name])
        match inputs.random.randrange(4):
            case 0:
                payload = inputs.changed(payload)
            case 1:
                payload = inputs.noise(5000 if inputs.random.random() < 0.05 else 40)
            case 2:
                payload = json.dumps(inputs.odd()).encode()
        retained = inputs.random.random() < 0.2
        tally.tried += 1
        try:
            wish = device.asked(topic, payload, retained=retained)
        except Exception as error:  # noqa: BLE001 - that is what is looked for
            tally.crashes.append(f"mqtt {topic!r} {payload[:80]!r}: {error!r}")
            continue
        tally.obeyed += wish is not None
        may = topic in names and not retained and _mqtt_means(name, payload) is not None
        right = wish is not None and topic in names and _mqtt_means(name, payload) == _shown(wish)
        tally.unasked += wish is not None and not (may and right)
        tally.refused_good += may and wish is None


def _shown(wish: object) -> object:
    match wish:
        case SetMute(muted):
            return muted
        case SetVolume(percent):
            return percent
        case Announce():
            return "announcement"
    return None


def _mqtt_means(name: str, payload: bytes) -> object:
    """By docs/home.md; None: nothing."""
    try:
        text = payload.decode("utf-8").strip()
    except UnicodeDecodeError:
        return None
    if len(payload) > 4_000:
        return None
    if name == "mute":
        return {"ON": True, "OFF": False}.get(text.upper())
    if name == "announce":
        return "announcement" if is_speakable(" ".join(text.split())) else None
    whole, dot, part = text.partition(".")
    plain = all(c in "0123456789" for c in whole + part) and 1 <= len(whole) <= 3 and (not dot or 1 <= len(part) <= 6)
    return round(float(text)) if plain and float(text) <= 100 else None


def fuzz_config(inputs: Inputs, times: int, tally: Count) -> None:
    lines = _dotted(as_toml(Settings()))
    lines += [
        'webhooks.nas = {url = "https://nas.example/hook"}',
        'webhooks.nas = {url = "http://127.0.0.1:8080/", events = ["mute"], retries = 2}',
        'mcp.servers.x = {url = "https://x/", allow = ["y"]}',
    ]
    flags = [line.replace(" = ", "=", 1) for line in lines]
    with tempfile.TemporaryDirectory(prefix="nf-") as folder:
        file = Path(folder) / "nearfield.toml"
        for _ in range(times):
            file.write_bytes(inputs.toml(lines))
            given = [inputs.random.choice(flags), inputs.text()] if inputs.random.random() < 0.1 else []
            environ = {}
            if inputs.random.random() < 0.1:
                environ[f"NEARFIELD_{inputs.text().upper()}"] = inputs.text()
            tally.tried += 1
            try:
                settings = load_config(file, given, environ).settings
            except ConfigError:
                continue
            except Exception as error:  # noqa: BLE001 - that is what is looked for
                tally.crashes.append(f"config {file.read_bytes()[:200]!r} {given} {environ}: {error!r}")
                continue
            tally.obeyed += 1
            tally.unasked += not _is_private(settings)


def _dotted(text: str) -> list[str]:
    """Each key of a TOML file as a line of its own, with its section."""
    section, out = "", []
    for line in text.splitlines():
        if line.startswith("["):
            section = line.strip("[]") + "."
        elif " = " in line and not line.startswith("#"):
            out.append(section + line)
    return out


def _is_private(settings: Settings) -> bool:
    """Nothing that was let in may send words in clear text to other machines, or let others ask."""
    for hook in settings.webhooks.values():
        at_home = hook.url.startswith(("http://127.0.0.1", "http://localhost", "http://[::1]"))
        if not (hook.insecure or at_home or hook.url.startswith("https://")):
            return False
    web = getattr(settings, "web", None)
    if web is None or not web.enabled or web.host in ("127.0.0.1", "::1", "localhost"):
        return True
    return web.token_file is not None and web.tls_cert is not None


def fuzz_web(inputs: Inputs, times: int, tally: Count) -> None:
    """Of a stranger without the token: whatever he sends, nothing is done, and nothing of the state is told."""
    try:
        from device.config.web import WebSettings  # noqa: PLC0415
        from device.kiosk.app import make_app  # noqa: PLC0415
    except ImportError:
        print("  web: left out: this copy has no web page", file=sys.stderr)
        return
    behind = Behind()
    desk = ControlDesk(behind, behind)
    desk.on_event(ev.Commit(0, 1, "zebra", "complete"))  # a word that nobody may get to see
    with tempfile.TemporaryDirectory(prefix="nf-") as folder:
        token = Path(folder) / "token"
        token.write_text("0123456789abcdef0123456789abcdef\n")
        token.chmod(0o600)
        app = make_app(desk, WebSettings(enabled=True, token_file=token))
        asyncio.run(_knock(app, inputs, times, tally))
    tally.unasked += behind.actions + behind.releases


async def _knock(app: Any, inputs: Inputs, times: int, tally: Count) -> None:
    logging.getLogger("asyncio").setLevel(logging.CRITICAL)
    for number in range(times):
        scope, body = _web_input(inputs, number)
        told: list[Any] = []
        try:
            async with asyncio.timeout(20):
                await app(scope, _receiver(scope, body, inputs), _collector(told))
        except Exception as error:  # noqa: BLE001 - that is what is looked for
            tally.crashes.append(f"web {scope['type']} {scope['path'][:60]!r} {body[:80]!r}: {error!r}")
        tally.tried += 1
        status = next((m["status"] for m in told if "status" in m), 0)
        if status >= 500 and status != 503:
            tally.crashes.append(f"web {scope['path'][:60]!r} {body[:80]!r}: status {status}")
        tally.obeyed += 200 <= status < 300
        if "zebra" in repr(told) or any(m["type"] == "websocket.accept" for m in told):
            tally.unasked += 1
            print(f"  web: {scope['path']!r}: {told}", file=sys.stderr)


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


WAYS: dict[str, Callable[[Inputs, int, Count], None]] = {
    "socket": fuzz_socket,
    "stranger": fuzz_stranger,
    "mqtt": fuzz_mqtt,
    "config": fuzz_config,
    "web": fuzz_web,
}


def fuzz(times: int, seed: int, ways: list[str]) -> dict[str, Count]:
    """So many inputs in all, shared among these ways."""
    whole = sum(SHARES[name] for name in ways)
    counts: dict[str, Count] = {}
    for name in ways:
        tally, watched, begun_s = Count(), Watched(), time.monotonic()
        with watched.on():
            WAYS[name](Inputs(seed), max(1, round(times * SHARES[name] / whole)), tally)
        tally.crashes += watched.found
        counts[name] = tally
        print(tally.line(name, time.monotonic() - begun_s), flush=True)
        for crash in tally.crashes[:5]:
            print(f"  {crash}", file=sys.stderr)
    return counts


def main() -> int:
    parser = Parser(__doc__)
    parser.add_argument("--times", type=count, default=100_000, metavar="N", help="inputs in all (100,000)")
    parser.add_argument("--seed", type=int, default=1, help="the same seed, the same inputs (1)")
    parser.add_argument("--way", action="append", choices=list(WAYS), help="only this one; may be repeated")
    args = parser.parse_args()
    tallies = fuzz(args.times, args.seed, args.way or list(WAYS)).values()
    crashes, unasked = sum(len(each.crashes) for each in tallies), sum(each.unasked for each in tallies)
    print(f"{sum(e.tried for e in tallies):,} inputs: {crashes} crashes, {unasked} unauthenticated or unasked actions")
    return int(bool(crashes or unasked))


if __name__ == "__main__":
    sys.exit(guarded(main))
