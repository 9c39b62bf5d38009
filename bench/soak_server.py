"""A language model on another machine, for the soak: says the same to everybody, and can be away.

    with AwayServer() as server:
        settings = load_settings(None, [f"llm.server={server.url}"])
        server.away = "refuses"     # or "silent", or "": there

OpenAI's chat API as far as `models.remote_llm` needs it.
"""

import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Literal, Self

ANSWER = "That is a good question. I would look it up in a book, and tell you tomorrow."
_PIECE_S = 0.03
_SILENT_S = 30.0

Away = Literal["", "refuses", "silent"]


class AwayServer:
    """On 127.0.0.1, a thread a connection."""

    def __init__(self) -> None:
        self.away: Away = ""
        self.asked = 0  #: requests while it was there
        self._back = threading.Event()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                if outer._here():
                    self._answer({"data": [{"id": "soak"}]})

            def do_POST(self) -> None:
                self.rfile.read(int(self.headers.get("Content-Length") or 0))
                if not outer._here():
                    return
                outer.asked += 1
                self.send_response(200)
                self.send_header("Content-Type", "text/event-stream")
                self.end_headers()
                words = ANSWER.split(" ")
                for n, word in enumerate(words):
                    self._event({"content": word if n == 0 else f" {word}"}, None)
                    time.sleep(_PIECE_S)
                self._event({}, "stop")
                self.wfile.write(b"data: [DONE]\n\n")

            def _answer(self, value: object) -> None:
                body = json.dumps(value).encode()
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def _event(self, delta: dict[str, str], finish: str | None) -> None:
                choice = {"index": 0, "delta": delta, "finish_reason": finish}
                self.wfile.write(f"data: {json.dumps({'choices': [choice]})}\n\n".encode())
                self.wfile.flush()

            def log_message(self, *_: object) -> None:
                """Nobody reads it."""

        class Server(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *_: object) -> None:
                """Whoever hangs up has a reason."""

        self._server = Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def _here(self) -> bool:
        """False: the connection is closed without a word, at once or (silent) once it is here again."""
        if self.away == "silent":
            self._back.wait(_SILENT_S)
            return False
        return not self.away

    def leave(self, how: Away) -> None:
        self._back.clear()
        self.away = how

    def come_back(self) -> None:
        self.away = ""
        self._back.set()

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, name="soak-server", daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.come_back()
        self._server.shutdown()
        self._server.server_close()
