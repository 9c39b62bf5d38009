"""A whole turn, in real time, with servers that were there at the start and are dead when they are wanted."""

import json
import socket
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from nearfield_command import Command

pytestmark = pytest.mark.models


class OnlyLists(BaseHTTPRequestHandler):
    """Lists its model, and is silent when it is asked."""

    def do_GET(self) -> None:
        body = json.dumps({"data": [{"id": "big", "owned_by": "somebody"}]}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self) -> None:
        self.connection.settimeout(30)
        self.rfile.read(int(self.headers["Content-Length"]))
        self.rfile.read(1)  # until the other side hangs up

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def chat_server() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), OnlyLists) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_the_turn_is_answered_all_the_same(nearfield: Command, spoken: Callable[[str], Path], chat_server: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    done = nearfield(
        "converse", spoken("What is the capital of France?"), "--json",
        "--set", f"llm.server={chat_server}", "--set", "llm.first_token_timeout_ms=500",
        "--set", f"stt.server=tcp://127.0.0.1:{port}", "--set", f"tts.server=tcp://127.0.0.1:{port}",
    )  # fmt: skip
    (turn,) = done.json()["turns"]
    assert "capital of france" in turn["transcript"].lower()
    assert "paris" in turn["reply_heard"].lower()
    assert done.json()["errors"] == []
    told = done.err.splitlines()
    assert len(told) == 3, done.err
    assert any("the local recogniser takes over" in line for line in told)
    assert any("the local voice takes over" in line for line in told)
    assert any("did not go on with its answer in time; the local language model" in line for line in told)
