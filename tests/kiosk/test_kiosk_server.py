"""The page as a server: over real sockets, in its thread, started and ended with the assistant."""

import http.client
import json
import socket
import ssl
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from kiosk_door_kit import TOKEN, token_file

sys.path.append(str(Path(__file__).resolve().parents[2]))

from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from bench.kiosk_desk import PretendedDesk
from device.cli.main import run_command
from device.config import Settings, load_settings
from device.config.web import WebSettings
from device.errors import ConfigError, NearfieldError
from device.kiosk.server import KioskServer
from device.outside import Outside


def get(server: KioskServer, path: str) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection(server.address.removeprefix("http://"), timeout=10)
    connection.request("GET", path)
    answer = connection.getresponse()
    return answer.status, answer.read()


def look_on(server: KioskServer, **more: object) -> ClientConnection:
    address = server.address.replace("http", "ws", 1) + "/api/ws"
    return connect(address, additional_headers={"X-Nearfield": "1"}, compression=None, open_timeout=10, **more)  # type: ignore[arg-type]


def wait_until(what: object, within_s: float = 15.0) -> None:
    end = time.monotonic() + within_s
    while not what():  # type: ignore[operator]
        assert time.monotonic() < end
        time.sleep(0.01)


def test_it_serves_and_ends(desk: PretendedDesk) -> None:
    with KioskServer(WebSettings(port=0), desk) as server:
        assert get(server, "/healthz") == (200, b'{"ok":true,"trouble":[]}')
        socket_of_a_page = look_on(server).__enter__()
        assert json.loads(socket_of_a_page.recv())["type"] == "status"
    assert "nearfield-web" not in {thread.name for thread in threading.enumerate()}
    with pytest.raises(ConnectionClosed):
        socket_of_a_page.recv(timeout=10)
    assert not desk.feed.watched


def test_what_happens_in_another_thread_arrives(server: KioskServer, desk: PretendedDesk) -> None:
    with look_on(server) as page:
        page.recv()
        for number in range(50):
            desk.feed.publish({"type": "n", "n": number})
        seen: list[int] = []
        while len(seen) < 50:
            message = json.loads(page.recv(timeout=10))
            seen += [item["n"] for item in message.get("items", [message])]
        assert seen == list(range(50))


def test_a_page_that_takes_nothing_is_dropped(
    server: KioskServer, desk: PretendedDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("device.kiosk.onlooker.SEND_WITHIN_S", 0.3)
    host, _, port = server.address.removeprefix("http://").rpartition(":")
    with socket.create_connection((host, int(port))) as raw:
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        raw.sendall(
            f"GET /api/ws HTTP/1.1\r\nHost: {host}:{port}\r\nX-Nearfield: 1\r\nUpgrade: websocket\r\n"
            "Connection: Upgrade\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
            "Sec-WebSocket-Version: 13\r\n\r\n".encode()
        )
        wait_until(lambda: desk.feed.watched)
        big = {"type": "n", "text": "x" * 20_000}

        def fill() -> bool:
            desk.feed.publish(big)
            return not desk.feed.watched

        wait_until(fill)


def test_who_says_nothing_is_sent_away_and_a_quiet_page_is_not(
    server: KioskServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("device.kiosk.patience.REQUEST_WITHIN_S", 0.3)
    host, _, port = server.address.removeprefix("http://").rpartition(":")
    with look_on(server) as page:
        page.recv()
        for said in (b"", b"GET /healthz HT", b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\nGET /hea"):
            with socket.create_connection((host, int(port)), timeout=20) as slow:
                slow.sendall(said)
                while slow.recv(4096):  # until it is closed
                    pass
        page.send('{"do": "stop"}')
        assert json.loads(page.recv(timeout=10))["type"] == "obeyed"


def test_a_port_that_is_taken_is_said_and_the_assistant_goes_on(server: KioskServer, desk: PretendedDesk) -> None:
    port = int(server.address.rpartition(":")[2])
    with pytest.raises(NearfieldError, match=f"port {port}: Address already in use"):
        KioskServer(WebSettings(port=port), desk).__enter__()
    settings = Settings(web=WebSettings(enabled=True, port=port))
    with Outside(settings, desk):
        assert "Address already in use" in desk.status()["outside"]["web page"]


def test_nothing_listens_where_nothing_was_asked_for(desk: PretendedDesk) -> None:
    with Outside(Settings(), desk):
        assert "nearfield-web" not in {thread.name for thread in threading.enumerate()}
    with Outside(Settings(web=WebSettings(enabled=True, port=0)), desk):
        assert "nearfield-web" in {thread.name for thread in threading.enumerate()}


@pytest.mark.parametrize(
    ("overrides", "line"),
    [
        (["web.host=0.0.0.0"], "which needs web.token_file and web.tls_cert with web.tls_key"),
        (["web.host=kitchen.lan", "web.token_file=/t"], "which needs web.tls_cert with web.tls_key"),
        (["web.host=::", "web.tls_cert=/c", "web.tls_key=/k"], "which needs web.token_file;"),
        (["web.tls_cert=/c"], "are needed together"),
        (["web.origins=https://a, ftp://x"], "'ftp://x' is no origin"),
        (["web.origins=https://x/path"], "is no origin"),
    ],
)
def test_beyond_this_machine_it_takes_a_token_and_tls(overrides: list[str], line: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load_settings(None, ["web.enabled=true", *overrides])
    assert line in caught.value.message


@pytest.mark.parametrize("host", ["127.0.0.1", "127.3.4.5", "::1", "localhost"])
def test_this_machine_alone_needs_neither(host: str) -> None:
    assert load_settings(None, ["web.enabled=true", f"web.host={host}"]).web.loopback


def test_origins_are_written_as_browsers_write_them() -> None:
    settings = WebSettings(origins="HTTPS://Kitchen.LAN:443/, http://[FE80::1]:8765,")
    assert settings.used_origins == ("https://kitchen.lan", "http://[fe80::1]:8765")


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("tls")
    cert, key = folder / "cert.pem", folder / "key.pem"
    command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=localhost"
    try:
        subprocess.run(
            [*command.split(), "-addext", "subjectAltName=DNS:localhost", "-keyout", key, "-out", cert],
            check=True, capture_output=True,
        )  # fmt: skip
    except FileNotFoundError:
        pytest.skip("openssl is not installed")
    key.chmod(0o600)
    return cert, key


def test_over_tls_with_the_token(desk: PretendedDesk, certificate: tuple[Path, Path], tmp_path: Path) -> None:
    cert, key = certificate
    settings = WebSettings(
        enabled=True, host="0.0.0.0", port=0, token_file=token_file(tmp_path), tls_cert=cert, tls_key=key
    )
    with KioskServer(settings, desk) as server:
        trust = ssl.create_default_context(cafile=cert)
        port = int(server.address.rpartition(":")[2])
        connection = http.client.HTTPSConnection("localhost", port, context=trust, timeout=10)
        connection.request("GET", "/api/status")
        answer = connection.getresponse()
        assert (answer.status, answer.read()) == (401, b'{"error":"log in first"}')
        connection.request("GET", "/api/status", headers={"Authorization": f"Bearer {TOKEN}"})
        assert connection.getresponse().status == 200
        connection.close()
        with socket.create_connection(("localhost", port), timeout=10) as plain:  # who speaks without TLS gets nothing
            plain.sendall(b"GET /api/status HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert b"HTTP/1.1 200" not in plain.recv(1000)


def test_a_certificate_that_cannot_be_used_is_said(
    desk: PretendedDesk, certificate: tuple[Path, Path], tmp_path: Path
) -> None:
    cert, key = certificate
    with pytest.raises(ConfigError, match="cannot be used"):
        KioskServer(WebSettings(port=0, tls_cert=cert, tls_key=tmp_path / "absent"), desk).__enter__()
    with pytest.raises(ConfigError, match="cannot be used"):
        KioskServer(WebSettings(port=0, tls_cert=key, tls_key=key), desk).__enter__()
    loose = tmp_path / "loose.pem"
    loose.write_bytes(key.read_bytes())
    loose.chmod(0o644)
    with pytest.raises(ConfigError, match="others may read this key"):
        KioskServer(WebSettings(port=0, tls_cert=cert, tls_key=loose), desk).__enter__()


def test_run_has_a_flag_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Settings] = []
    monkeypatch.setattr("device.cli.run._run", lambda settings, *_: asked.append(settings))
    assert run_command(["run", "--web", "--set", "web.port=9000"]) == 0
    assert run_command(["run"]) == 0
    assert [(each.web.enabled, each.web.port) for each in asked] == [(True, 9000), (False, 8765)]
