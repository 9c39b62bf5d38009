"""What systemd is told, over a real socket."""

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from manager_socket import ManagerSocket

from device.notify import ServiceManager, _status


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[ManagerSocket]:
    with ManagerSocket(tmp_path) as made:
        yield made


def test_a_life(manager: ManagerSocket) -> None:
    service = ServiceManager.from_environment({**manager.environment, "WATCHDOG_USEC": "30000000"})
    assert service.listens
    assert service.watchdog_s == 30
    service.wait_longer(90, "waits for the sound card")
    assert manager.take() == {"EXTEND_TIMEOUT_USEC": "90000000", "STATUS": "waits for the sound card"}
    service.ready("listening")
    assert manager.take() == {"READY": "1", "WATCHDOG_USEC": "30000000", "STATUS": "listening"}
    service.alive()
    assert manager.take() == {"WATCHDOG": "1"}
    service.hangs("hangs: the ear")
    assert manager.take() == {"STATUS": "hangs: the ear", "WATCHDOG": "trigger"}
    service.stopping()
    assert manager.take() == {"STOPPING": "1", "STATUS": "ends"}
    assert manager.take() is None


def test_while_it_begins_anew_the_watchdog_waits_for_the_models(manager: ManagerSocket) -> None:
    ServiceManager(str(manager.path), watchdog_s=30).reloading()
    message = manager.take()
    assert message is not None
    assert message["RELOADING"] == "1"
    assert int(message["MONOTONIC_USEC"]) > 0
    assert int(message["WATCHDOG_USEC"]) >= 300_000_000
    ServiceManager(str(manager.path)).reloading()
    message = manager.take()
    assert message is not None
    assert "WATCHDOG_USEC" not in message, "nobody watches: nobody is made to"


def test_an_abstract_socket() -> None:
    name = f"nearfield-test-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as heard:
        heard.bind(f"\0{name}")
        heard.settimeout(10)
        ServiceManager.from_environment({"NOTIFY_SOCKET": f"@{name}"}).alive()
        assert heard.recv(100) == b"WATCHDOG=1"


@pytest.mark.parametrize("address", ["", "relative/path", "vsock:2:1234", "-"])
def test_without_a_service_manager_nothing_happens(address: str) -> None:
    service = ServiceManager.from_environment({"NOTIFY_SOCKET": address, "WATCHDOG_USEC": "30000000"})
    assert not service.listens
    assert service.watchdog_s == 0
    service.ready("listening")


def test_a_manager_that_has_gone_ends_nothing(tmp_path: Path) -> None:
    service = ServiceManager(str(tmp_path / "nobody"))
    service.ready("listening")
    service.alive()


@pytest.mark.parametrize(
    ("usec", "pid", "watchdog_s"),
    [
        ("20000000", "", 20.0),
        ("20000000", str(os.getpid()), 20.0),
        ("20000000", "1", 0.0),
        ("soon", "", 0.0),
        ("", "", 0),
    ],
)
def test_who_is_watched(usec: str, pid: str, watchdog_s: float) -> None:
    environ = {"NOTIFY_SOCKET": "/run/notify", "WATCHDOG_USEC": usec, "WATCHDOG_PID": pid}
    assert ServiceManager.from_environment(environ).watchdog_s == watchdog_s


@given(st.text(max_size=1000))
def test_no_text_becomes_another_field(text: str) -> None:
    line = _status(text)
    assert len(line.splitlines()) == 1
    assert len(line) <= 407
