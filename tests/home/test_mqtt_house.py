"""Home Assistant's side of the assistant, over a real mosquitto."""

import json
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("paho.mqtt.client")

from broker import PROGRAM, Broker, free_port, listening, wait_for

from device.config.home import MqttSettings
from device.dialogue.events import Commit, Mute, StateChange
from device.errors import ConfigError
from device.home.mqtt import MqttHouse

needs_mosquitto = pytest.mark.skipif(PROGRAM is None, reason="mosquitto is not installed")
BASE = "nearfield/test"


class Desk:
    """Mute and volume, and the voice."""

    def __init__(self) -> None:
        self.muted = False
        self.volume_percent = 70
        self.announced: list[str] = []

    def mute(self, muted: bool) -> None:
        self.muted = muted

    def set_volume_percent(self, percent: int) -> None:
        self.volume_percent = percent


@pytest.fixture
def desk() -> Desk:
    return Desk()


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    broker = Broker(tmp_path)
    broker.start()
    yield broker
    broker.stop()


def house_of(port: int, desk: Desk, **settings: Any) -> MqttHouse:
    given = {"host": "127.0.0.1", "port": port, "device_id": "test", **settings}
    return MqttHouse(MqttSettings.model_validate(given), desk, on_announce=desk.announced.append)


@needs_mosquitto
def test_what_home_assistant_sees_and_may_do(broker: Broker, desk: Desk) -> None:
    house = house_of(broker.port, desk, transcript=True)
    with listening(broker.port) as ha:
        house.start()
        wait_for(lambda: ha.last.get(f"{BASE}/availability") == "online")
        found = json.loads(ha.last["homeassistant/device/test/config"])
        assert found["device"]["identifiers"] == ["test"]
        assert found["origin"]["name"]
        parts = found["components"]
        assert {name: part["platform"] for name, part in parts.items()} == {
            "mute": "switch",
            "volume": "number",
            "state": "sensor",
            "announce": "notify",
            "transcript": "sensor",
        }
        assert len({part["unique_id"] for part in parts.values()}) == 5
        assert ha.last[parts["mute"]["state_topic"]] == "OFF"
        assert ha.last[parts["volume"]["state_topic"]] == "70"
        assert ha.last[parts["state"]["state_topic"]] == "idle"

        house.on_event(StateChange(0, 1, "listening"))
        house.on_event(Commit(0, 1, "turn on the lamp", "complete"))
        house.on_event(Mute(0, 1, True))
        wait_for(lambda: ha.last.get(parts["mute"]["state_topic"]) == "ON")
        assert ha.last[parts["state"]["state_topic"]] == "listening"
        assert ha.last[parts["transcript"]["state_topic"]] == "turn on the lamp"

        ha.publish(parts["volume"]["command_topic"], "35")
        wait_for(lambda: ha.last[parts["volume"]["state_topic"]] == "35")
        assert desk.volume_percent == 35
        desk.volume_percent = 38  # a button
        wait_for(lambda: ha.last[parts["volume"]["state_topic"]] == "38")
        ha.publish(parts["mute"]["command_topic"], "ON")
        ha.publish(parts["announce"]["command_topic"], "The laundry is done.\nStop all timers!")
        wait_for(lambda: bool(desk.announced))
        assert desk.muted
        assert desk.announced == ["The laundry is done. Stop all timers!"]

        house.close()
        wait_for(lambda: ha.last[f"{BASE}/availability"] == "offline")


@needs_mosquitto
def test_who_comes_later_finds_everything(broker: Broker, desk: Desk) -> None:
    house = house_of(broker.port, desk)
    house.start()
    house.on_event(StateChange(0, 1, "speaking"))
    with listening(broker.port) as late:
        wait_for(lambda: late.last.get(f"{BASE}/state") == "speaking" and f"{BASE}/availability" in late.last)
        assert "homeassistant/device/test/config" in late.last
        assert late.last.get(f"{BASE}/transcript", "") == ""
    house.close()


@needs_mosquitto
def test_nonsense_is_ignored_and_the_rest_obeyed(broker: Broker, desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
    house = house_of(broker.port, desk)
    house.start()
    with listening(broker.port) as ha:
        wait_for(lambda: f"{BASE}/availability" in ha.last)
        for _ in range(3):
            ha.publish(f"{BASE}/volume/set", "loud")
        ha.publish(f"{BASE}/volume/set", b"\xff\xfe")
        ha.publish(f"{BASE}/announce/set", "x" * 3_000)
        ha.publish(f"{BASE}/announce/set", "y" * 100_000)  # the broker does not even send it
        ha.publish(f"{BASE}/mute/set", "")
        ha.publish(f"{BASE}/volume/set", "12")
        wait_for(lambda: desk.volume_percent == 12)
    house.close()
    assert desk.announced == []
    assert not desk.muted
    assert caplog.text.count("it is no number from 0 to 100") == 1


@needs_mosquitto
def test_an_old_wish_is_not_obeyed_anew(broker: Broker, desk: Desk) -> None:
    desk.muted = True
    with listening(broker.port) as ha:
        ha.publish(f"{BASE}/mute/set", "OFF", retain=True)
        ha.publish(f"{BASE}/announce/set", "Dinner!", retain=True)
        house = house_of(broker.port, desk)
        house.start()
        wait_for(lambda: f"{BASE}/availability" in ha.last)
        ha.publish(f"{BASE}/volume/set", "12")
        wait_for(lambda: desk.volume_percent == 12)
    house.close()
    assert desk.muted
    assert desk.announced == []


@needs_mosquitto
def test_a_broker_that_goes_and_comes_hears_the_newest(broker: Broker, desk: Desk) -> None:
    house = house_of(broker.port, desk)
    house.start()
    with listening(broker.port) as ha:
        wait_for(lambda: f"{BASE}/availability" in ha.last)
    broker.stop()
    wait_for(lambda: bool(house.trouble))
    for state in ("listening", "thinking", "speaking", "idle", "listening") * 400:
        house.on_event(StateChange(0, 1, state))  # type: ignore[arg-type]
    broker.start()
    with listening(broker.port) as ha:
        wait_for(lambda: ha.last.get(f"{BASE}/state") == "listening" and ha.last[f"{BASE}/availability"] == "online")
    assert house.trouble == ""
    house.close()


@needs_mosquitto
def test_a_process_that_is_gone_is_told_by_the_broker(broker: Broker, desk: Desk) -> None:
    house = house_of(broker.port, desk)
    house.start()
    with listening(broker.port) as ha:
        wait_for(lambda: ha.last.get(f"{BASE}/availability") == "online")
        sock = house._client.socket()  # as a power cut does it: no word of goodbye
        assert sock is not None
        house._client.reconnect_delay_set(60, 60)
        sock.shutdown(socket.SHUT_RDWR)  # type: ignore[union-attr]
        wait_for(lambda: ha.last.get(f"{BASE}/availability") == "offline")
    house.close()


@needs_mosquitto
def test_a_password_of_a_file(tmp_path: Path, desk: Desk) -> None:
    if shutil.which("mosquitto_passwd") is None:
        pytest.skip("mosquitto_passwd is not installed")
    passwords = tmp_path / "passwords"
    subprocess.run(["mosquitto_passwd", "-c", "-b", str(passwords), "nearfield", "s3cret"], check=True)
    broker = Broker(tmp_path, "allow_anonymous false", f"password_file {passwords}")
    broker.start()
    secret = tmp_path / "secret"
    secret.write_text("wrong\n")
    secret.chmod(0o600)
    try:
        house = house_of(broker.port, desk, username="nearfield", password_file=str(secret))
        house.start()
        wait_for(lambda: "not authorized" in house.trouble)
        house.close()
        secret.write_text("s3cret\n")
        house = house_of(broker.port, desk, username="nearfield", password_file=str(secret))
        house.start()
        wait_for(house._client.is_connected)
        house.close()
        secret.chmod(0o640)
        with pytest.raises(ConfigError, match="others may read"):
            house_of(broker.port, desk, username="nearfield", password_file=str(secret))
    finally:
        broker.stop()


@needs_mosquitto
def test_tls_trusts_only_what_it_was_told_to(tmp_path: Path, desk: Desk) -> None:
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed")
    for name in ("good", "other"):
        command = (
            f"openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN={name} -addext subjectAltName=IP:127.0.0.1"
        )
        files = ["-keyout", str(tmp_path / f"{name}.key"), "-out", str(tmp_path / f"{name}.pem")]
        subprocess.run([*command.split(), *files], check=True, capture_output=True)
    broker = Broker(tmp_path, "allow_anonymous true", f"certfile {tmp_path}/good.pem", f"keyfile {tmp_path}/good.key")
    broker.start()
    try:
        house = house_of(broker.port, desk, tls=True, ca_file=str(tmp_path / "other.pem"))
        house.start()
        wait_for(lambda: "certificate is not trusted" in house.trouble)
        house.close()
        house = house_of(broker.port, desk, tls=True, ca_file=str(tmp_path / "good.pem"))
        house.start()
        wait_for(house._client.is_connected)
        house.close()
    finally:
        broker.stop()
    (tmp_path / "none.pem").write_text("not a certificate")
    with pytest.raises(ConfigError, match="certificates"):
        house_of(broker.port, desk, tls=True, ca_file=str(tmp_path / "none.pem"))


def test_an_absent_broker_delays_nothing(desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
    house = house_of(free_port(), desk)
    house.start()
    began = time.monotonic()
    for i in range(10_000):
        house.on_event(StateChange(i, 1, "listening" if i % 2 else "idle"))
    assert time.monotonic() - began < 5  # 0.1 s here; one wait for the network would be more
    wait_for(lambda: bool(house.trouble))
    assert len(house._outbox) == 0
    house.close()
    assert caplog.text.count("it is tried again") == 1


def test_a_broker_that_talks_nonsense_is_left_and_tried_again(desk: Desk) -> None:
    callers: list[int] = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def talk() -> None:
            while True:
                try:
                    caller, _ = server.accept()
                except OSError:
                    return
                with caller:
                    callers.append(1)
                    caller.recv(1_000)
                    caller.sendall(b"\x20\x03\xff\xff\xff" + b"\x30\x02\xff\xff" + b"HTTP/1.1 200 OK\r\n\r\n" * 9)

        threading.Thread(target=talk, daemon=True).start()
        house = house_of(server.getsockname()[1], desk)
        house.start()
        wait_for(lambda: len(callers) >= 2)
        house.close()
    assert house.trouble
