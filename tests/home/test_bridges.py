"""Both bridges as the appliance has them."""

import subprocess
import sys
from pathlib import Path

import pytest

from device.config import Settings
from device.dialogue.events import StateChange
from device.home.bridges import Bridges

ROOT = Path(__file__).resolve().parents[2]


class Desk:
    muted = False
    volume_percent = 50

    def mute(self, muted: bool) -> None:
        raise AssertionError(muted)

    def set_volume_percent(self, percent: int) -> None:
        raise AssertionError(percent)


def run(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code], check=False, capture_output=True, text=True, timeout=60, cwd=ROOT
    )


def test_what_is_not_configured_is_not_even_imported() -> None:
    done = run(
        "import sys\n"
        "from device.config import Settings\n"
        "from device.home.bridges import Bridges\n"
        "with Bridges(Settings()) as bridges:\n"
        "    bridges.start(None, on_announce=print)\n"
        "    assert bridges.skills == () and bridges.trouble == {}\n"
        "assert not {'mcp', 'mcp_types', 'paho', 'jsonschema'} & set(sys.modules)"
    )
    assert done.returncode == 0, done.stderr


def test_servers_without_the_library_are_told_what_to_install() -> None:
    done = run(
        "import sys\n"
        "sys.modules['mcp_types'] = None\n"
        "from device.config import Settings\n"
        "from device.errors import ConfigError\n"
        "from device.home.bridges import Bridges\n"
        "try:\n"
        "    Bridges(Settings(mcp={'servers': {'x': {'command': ['true']}}}))\n"
        "except ConfigError as error:\n"
        "    print(error.message, '|', error.hint)"
    )
    assert "need the library 'mcp_types'" in done.stdout, done.stderr
    assert "nearfield[mcp]" in done.stdout


def test_what_is_absent_is_told_and_waited_for_by_nobody() -> None:
    pytest.importorskip("mcp", reason="the extra mcp is not installed")
    pytest.importorskip("paho.mqtt.client")
    settings = Settings.model_validate(
        {
            "mcp": {"servers": {"gone": {"command": ["/no/such/program"], "allow": ["x"]}}},
            "mqtt": {"host": "127.0.0.1", "port": 9},
        }
    )
    with Bridges(settings) as bridges:
        bridges.start(Desk(), on_announce=print, wait_s=20)
        bridges.on_event(StateChange(0, 1, "listening"))
        assert bridges.skills == ()
        assert "no such file" in bridges.trouble["gone"]
    bridges.close()  # twice is fine
