"""A real mosquitto on a free port of the loopback, and a client that writes down all that it hears."""

import contextlib
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion

PROGRAM = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin")


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


def wait_for(what: Callable[[], bool], within_s: float = 20.0) -> None:
    end = time.monotonic() + within_s
    while not what():
        assert time.monotonic() < end, "it did not come to that"
        time.sleep(0.02)


class Broker:
    """`start` and `stop` as often as wanted, on the same port; what is retained is kept."""

    def __init__(self, folder: Path, *lines: str) -> None:
        self.port = free_port()
        self._config = folder / "mosquitto.conf"
        listener = [f"listener {self.port} 127.0.0.1"]
        # root may not read the folder of a test as the user that mosquitto would become
        kept = ["user root", "persistence true", f"persistence_location {folder}/"]
        self._config.write_text("\n".join([*listener, *(lines or ("allow_anonymous true",)), *kept]) + "\n")
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        assert PROGRAM is not None
        self._process = subprocess.Popen(
            [PROGRAM, "-c", str(self._config)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        wait_for(self._listens)

    def _listens(self) -> bool:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), timeout=1):
            return True
        return False

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait(10)
            self._process = None


class Listener:
    """Hears everything; `last` is the newest payload by topic, `seen` all of them."""

    def __init__(self, port: int) -> None:
        self.last: dict[str, str] = {}
        self.seen: list[tuple[str, str]] = []
        self.client = Client(CallbackAPIVersion.VERSION2)
        there = threading.Event()
        self.client.on_connect = lambda client, *_: client.subscribe("#", qos=1)
        self.client.on_subscribe = lambda *_: there.set()
        self.client.on_message = self._on_message
        self.client.connect("127.0.0.1", port)
        self.client.loop_start()
        assert there.wait(10)

    def _on_message(self, _client: Any, _data: Any, message: Any) -> None:
        payload = message.payload.decode("utf-8", "replace")
        self.seen.append((message.topic, payload))
        self.last[message.topic] = payload

    def publish(self, topic: str, payload: str | bytes, *, retain: bool = False) -> None:
        self.client.publish(topic, payload, qos=1, retain=retain).wait_for_publish(10)

    def close(self) -> None:
        self.client.disconnect()
        self.client.loop_stop()


@contextlib.contextmanager
def listening(port: int) -> Iterator[Listener]:
    listener = Listener(port)
    try:
        yield listener
    finally:
        listener.close()
