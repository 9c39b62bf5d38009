"""A web server on 127.0.0.1 that can be told to misbehave."""

import hashlib
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler


@dataclass
class Site:
    """A web server with one file, that can be told to misbehave."""

    content: bytes
    ranges: bool = True
    etag: str | None = '"v1"'
    status: int = 200
    drop_after: list[int] = field(default_factory=list)  #: bytes after which the next connections are cut
    length: bool = True  #: False: the end of the connection is the end of the file
    encoding: str | None = None  #: how the file is said to be packed, though it is not
    no_rest: int | None = None  #: which request, from 0, is told that there is no rest (416)
    pause: threading.Event | None = None  #: held open in the middle of the file until this is set
    requests: list[dict[str, str]] = field(default_factory=list)
    url: str = ""

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.content).hexdigest()


def handler_for(site: Site) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            site.requests.append({key.lower(): value for key, value in self.headers.items()})
            if self.path == "/moved":
                self.send_response(302)
                self.send_header("Location", "/file")
                self.end_headers()
                return
            if site.status != 200:
                self.send_error(site.status)
                return
            if site.no_rest is not None and len(site.requests) > site.no_rest:
                self.send_error(416)
                return
            start = self._start()
            body = site.content[start:]
            self.send_response(206 if start else 200)
            if site.length:
                self.send_header("Content-Length", str(len(body)))
            if site.encoding:
                self.send_header("Content-Encoding", site.encoding)
            if start:
                self.send_header("Content-Range", f"bytes {start}-{len(site.content) - 1}/{len(site.content)}")
            if site.etag:
                self.send_header("ETag", site.etag)
            self.end_headers()
            if site.drop_after:
                self.wfile.write(body[: site.drop_after.pop(0)])
                self.close_connection = True
            elif site.pause:
                self.wfile.write(body[: len(body) // 2])
                self.wfile.flush()
                site.pause.wait(60)
            else:
                self.wfile.write(body)

        def _start(self) -> int:
            wanted = self.headers.get("Range")
            fresh = self.headers.get("If-Range", site.etag) == site.etag
            if not (site.ranges and wanted and fresh):
                return 0
            return int(wanted.removeprefix("bytes=").rstrip("-"))

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class calls it so
            pass

    return Handler
