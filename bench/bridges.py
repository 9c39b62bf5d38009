"""What the house costs: an event on its way to MQTT, a tool of an MCP server, the memory of both.

python bench/bridges.py [--json] [--events 20000] [--calls 500]

The broker is a real mosquitto on the loopback; the MCP server is a process of its own with one tool.
"""

import argparse
import json
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bench.processor_time import rss_mb
from device.config.home import McpSettings, MqttSettings
from device.dialogue.events import StateChange
from device.skills.skill import Context

STATES = ("listening", "thinking", "speaking", "idle")


class _Desk:
    muted = False
    volume_percent = 50

    def mute(self, _muted: bool) -> None: ...

    def set_volume_percent(self, _percent: int) -> None: ...


@contextmanager
def _broker() -> Iterator[int]:
    program = shutil.which("mosquitto", path="/usr/sbin:/usr/bin:/usr/local/sbin")
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = int(probe.getsockname()[1])
    if program is None:
        raise SystemExit("mosquitto is not installed (apt-get install mosquitto)")
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder) / "conf"
        config.write_text(f"listener {port} 127.0.0.1\nallow_anonymous true\n")
        process = subprocess.Popen([program, "-c", str(config)], stderr=subprocess.DEVNULL)
        try:
            yield port
        finally:
            process.terminate()
            process.wait()


def _microseconds(times_s: list[float]) -> dict[str, float]:
    return {f"p{p}": round(float(np.percentile(times_s, p)) * 1e6, 1) for p in (50, 99)} | {
        "longest": round(max(times_s) * 1e6, 1)
    }


def _events(port: int, count: int) -> dict[str, float]:
    """How long the conversation is held up by one event, in us."""
    from device.home.mqtt import MqttHouse  # noqa: PLC0415

    house = MqttHouse(MqttSettings(host="127.0.0.1", port=port), _Desk(), on_announce=lambda _text: None)
    house.start()
    time.sleep(0.5)
    times = []
    for i in range(count):
        begun = time.perf_counter()
        house.on_event(StateChange(i, 1, STATES[i % 4]))  # type: ignore[arg-type]
        times.append(time.perf_counter() - begun)
    house.close()
    return _microseconds(times)


def _tool(calls: int) -> dict[str, Any]:
    from device.skills.mcp_bridge import McpBridge  # noqa: PLC0415

    settings = McpSettings.model_validate(
        {
            "servers": {
                "bench": {
                    "command": [sys.executable, __file__, "--serve"],
                    "allow": ["add"],
                    "env": {"PYTHONPATH": ":".join(sys.path)},
                }
            }
        }
    )
    begun = time.perf_counter()
    bridge = McpBridge(settings)
    bridge.start(30.0)
    there_s = time.perf_counter() - begun
    [add] = bridge.skills or [None]
    if add is None:
        raise SystemExit(bridge.trouble["bench"])
    run: Callable[..., Any] = add.run
    context = Context(datetime.now().astimezone(), "bench.1.0", None, None)  # type: ignore[arg-type]
    times = []
    for i in range(calls):
        begun = time.perf_counter()
        run(context, a=i, b=1)
        times.append(time.perf_counter() - begun)
    begun = time.perf_counter()
    bridge.close()
    return {
        "there_after_ms": round(there_s * 1000),
        "call_us": _microseconds(times),
        "closed_after_ms": round((time.perf_counter() - begun) * 1000),
    }


def _serve() -> None:
    from mcp.server.mcpserver import MCPServer  # noqa: PLC0415

    server = MCPServer("bench")

    @server.tool()
    def add(a: int, b: int) -> str:
        """Add."""
        return str(a + b)

    server.run()


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--json", action="store_true", help="as JSON")
    parser.add_argument("--events", type=int, default=20_000, help="how many events")
    parser.add_argument("--calls", type=int, default=500, help="how many calls of a tool")
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        _serve()
        return
    result: dict[str, Any] = {}
    before = rss_mb()
    with _broker() as port:
        result["event_us_broker_there"] = _events(port, options.events)
    result["event_us_broker_absent"] = _events(9, options.events)
    result["mqtt_mb"] = round(rss_mb() - before, 1)
    before = rss_mb()
    result["mcp"] = _tool(options.calls)
    result["mcp_mb"] = round(rss_mb() - before, 1)
    if options.json:
        print(json.dumps(result))
        return
    for name, value in result.items():
        print(f"{name:24} {value}")


if __name__ == "__main__":
    main()
