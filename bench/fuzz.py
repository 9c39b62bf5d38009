"""Malformed inputs at every way in: no crash, and nothing done that was not asked for by whoever may.

    nearfield bench fuzz --times 100000 --seed 1

Ways: the control socket (a real one), the same for a user who may not, MQTT's wishes, configuration files with flags
and variables, the web page's HTTP and WebSocket (its application, without a network; a stranger without the token).
Every input is held against an oracle that knows the documentation and not the code.

A crash: an exception that is none of ours, a traceback in the log, a thread that ends, a way that no longer answers.
"""

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
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bench.fuzz_counts import Behind, Tally
from bench.fuzz_inputs import MOST_BYTES, WISHES, Inputs, is_speakable, is_wish
from bench.fuzz_web import fuzz_web, there_is_a_page
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
from device.errors import ConfigError
from device.home.discovery import Topics
from device.home.house_device import Announce, HouseDevice, SetMute, SetVolume

_A_CONNECTION = 100  # lines
#: Shares of --times.
SHARES = {"socket": 0.4, "stranger": 0.01, "mqtt": 0.2, "config": 0.19, "web": 0.2}


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


def fuzz_socket(inputs: Inputs, times: int, tally: Tally) -> None:
    behind, may = Behind(), 0
    with tempfile.TemporaryDirectory(prefix="nf-") as folder:
        control = ControlSettings(socket=Path(folder) / "c.sock")
        with SocketServer(control, ControlDesk(behind, behind)) as server:
            while tally.tried < times:
                lines = [inputs.wish() for _ in range(min(_A_CONNECTION, times - tally.tried))]
                tally.tried += len(lines)
                may += _one_connection(server.path, [line for line in lines if line.strip()], inputs, tally)
            with Link(server.path) as link:
                if not link.ask({"do": "status"})["ok"]:
                    tally.crashes.append("the server does not answer any more")
    tally.unasked += max(0, behind.actions - may)


def _one_connection(path: Path, lines: list[bytes], inputs: Inputs, tally: Tally) -> int:
    """Those lines in pieces of any size; most wait for every reply, some hang up in the middle. What may be done."""
    hangs_up = inputs.random.random() < 0.1
    raw = b"\n".join(lines) + b"\n"
    if hangs_up:
        raw = raw[: inputs.random.randrange(len(raw))]
    lines = [line for line in raw.split(b"\n") if line.strip()]
    # too long a line is the last one that is read
    last = next((at for at, line in enumerate(lines) if len(line) > MOST_BYTES), len(lines) - 1)
    lines = lines[: last + 1]
    peer = socket.socket(socket.AF_UNIX)
    peer.settimeout(20)
    peer.connect(str(path))
    with peer, peer.makefile("rb") as replies:
        reader = _Replies(replies, len(lines))
        reader.start()
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            while raw:
                size = inputs.random.randrange(1, 2000)
                peer.sendall(raw[:size])
                raw = raw[size:]
        if hangs_up:
            peer.shutdown(socket.SHUT_RDWR)
        reader.join(20)
    if not hangs_up:
        _judge(lines, reader.replies, tally)
    return sum(is_wish(line) and json.loads(line)["do"] not in ("status", "watch", "release") for line in lines)


def _judge(lines: list[bytes], replies: list[dict[str, Any]], tally: Tally) -> None:
    if len(replies) != len(lines):
        tally.crashes.append(f"{len(lines)} lines, {len(replies)} replies")
        return
    for reply, line in zip(replies, lines, strict=True):
        ok, may = reply.get("ok") is True, is_wish(line)
        tally.obeyed += ok
        tally.unasked += ok and not may
        tally.refused_good += may and not ok
        if ok != may:
            print(f"  socket: {line[:120]!r}: {reply}", file=sys.stderr)


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


def fuzz_stranger(inputs: Inputs, times: int, tally: Tally) -> None:
    """Perfectly good wishes of a user who is neither the owner nor root, at a file that everybody may open."""
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


def fuzz_mqtt(inputs: Inputs, times: int, tally: Tally) -> None:
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


def fuzz_config(inputs: Inputs, times: int, tally: Tally) -> None:
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


WAYS: dict[str, Callable[[Inputs, int, Tally], None]] = {
    "socket": fuzz_socket,
    "stranger": fuzz_stranger,
    "mqtt": fuzz_mqtt,
    "config": fuzz_config,
    "web": fuzz_web,
}


def why_not(name: str) -> str:
    """Why a way cannot be tried here; "": it can."""
    if name == "stranger" and os.geteuid() != 0:
        return "only root can be somebody else"
    return "this copy has no web page" if name == "web" and not there_is_a_page() else ""


def fuzz(times: int, seed: int, ways: list[str]) -> dict[str, Tally]:
    """So many inputs in all, shared among these ways."""
    for name in [name for name in ways if why_not(name)]:
        print(f"{name:9} left out: {why_not(name)}", flush=True)
    ways = [name for name in ways if not why_not(name)]
    whole = sum(SHARES[name] for name in ways)
    counts: dict[str, Tally] = {}
    for name in ways:
        tally, watched, begun_s = Tally(), Watched(), time.monotonic()
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
