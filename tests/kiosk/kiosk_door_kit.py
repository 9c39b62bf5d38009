"""The page over a desk without an assistant, as a client of this machine asks for it."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from starlette.testclient import TestClient

from device.config.web import WebSettings
from device.control.desk import ControlDesk
from device.kiosk.app import make_app

TOKEN = "a-token-that-nobody-guesses"
HOST = "http://127.0.0.1:8765"
SOCKET = "ws://127.0.0.1:8765/api/ws"
OWN = {"x-nearfield": "1"}
#: What a browser sends for a page of ours.
OURS = {"origin": HOST, "sec-fetch-site": "same-origin"}


def token_file(folder: Path, token: str = TOKEN) -> Path:
    file = folder / "token"
    file.write_text(f"{token}\n")
    file.chmod(0o600)
    return file


@contextlib.contextmanager
def client(desk: ControlDesk, base_url: str = HOST, **settings: Any) -> Iterator[TestClient]:
    app = make_app(desk, WebSettings(**settings), host_name="kitchen")
    with TestClient(app, base_url=base_url, client=("127.0.0.1", 40_000), follow_redirects=False) as test_client:
        yield test_client
