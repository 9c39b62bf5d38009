"""Bundles on a web server: fetched, taken up again, refused."""

import threading
from collections.abc import Iterator
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from release_world import World, archive

from device.errors import UpdateError, UsageError
from device.update import manifest as bundle
from device.update.source import open_source


class Shelf(BaseHTTPRequestHandler):
    """Serves a folder, with ranges; `cut`: so many bytes of a file once, then the connection ends."""

    def __init__(self, *args: object, folder: Path, asked: list[str], cut: dict[str, int]) -> None:
        self.folder, self.asked, self.cut = folder, asked, cut
        super().__init__(*args)  # type: ignore[arg-type]

    def do_GET(self) -> None:
        self.asked.append(f"{self.path} {self.headers.get('Range', '')}".strip())
        path = self.folder / self.path.lstrip("/")
        if not path.is_file():
            self.send_error(404)
            return
        data, begin = path.read_bytes(), 0
        if wanted := self.headers.get("Range"):
            begin = int(wanted.removeprefix("bytes=").rstrip("-"))
        self.send_response(206 if begin else 200)
        if begin:
            self.send_header("Content-Range", f"bytes {begin}-{len(data) - 1}/{len(data)}")
        self.send_header("Content-Length", str(len(data) - begin))
        self.send_header("ETag", '"one"')
        self.end_headers()
        self.wfile.write(data[begin : self.cut.pop(self.path, len(data))])

    def log_message(self, *_: object) -> None:
        pass


class Server:
    def __init__(self, folder: Path) -> None:
        self.asked: list[str] = []
        self.cut: dict[str, int] = {}
        handler = partial(Shelf, folder=folder, asked=self.asked, cut=self.cut)
        self.http = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.url = f"http://127.0.0.1:{self.http.server_port}/"
        threading.Thread(target=self.http.serve_forever, args=(0.02,), daemon=True).start()


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


@pytest.fixture
def server(world: World) -> Iterator[Server]:
    server = Server(world.folder / "bundle-1.1")
    yield server
    server.http.shutdown()
    server.http.server_close()


def take(world: World, server: Server) -> str:
    return world.updater().update(open_source(server.url), world.key.public_key)


def test_a_release_is_taken_from_a_server(world: World, server: Server) -> None:
    world.bundle("1.1")
    assert world.releases.current() == "1.0-first"
    assert take(world, server) == world.releases.current()
    assert server.asked == ["/manifest.json", "/manifest.json.minisig", "/tree.tar.gz"]


def test_a_connection_that_breaks_is_taken_up_where_it_broke(world: World, server: Server) -> None:
    world.bundle("1.1")
    server.cut["/tree.tar.gz"] = 4_000
    take(world, server)
    assert server.asked[-2:] == ["/tree.tar.gz", "/tree.tar.gz bytes=4000-"]


def test_a_file_that_was_altered_on_the_server_is_refused(world: World, server: Server) -> None:
    folder = world.bundle("1.1")
    (folder / "tree.tar.gz").write_bytes(archive({"pyproject.toml": b"[evil]"}))
    with pytest.raises(UpdateError, match="manifest"):
        take(world, server)
    assert world.releases.current() == "1.0-first"


def test_no_more_is_read_than_a_manifest_may_have(world: World, server: Server) -> None:
    folder = world.bundle("1.1")
    (folder / bundle.FILE_NAME).write_bytes(b"x" * (bundle.MOST_BYTES + 5))
    with pytest.raises(UpdateError, match="longer than"):
        take(world, server)


def test_an_address_with_nothing_there(server: Server) -> None:
    with pytest.raises(UpdateError, match="404"):
        open_source(server.url + "elsewhere").small(bundle.FILE_NAME, 100)


@pytest.mark.parametrize(
    "where",
    [
        "http://example.org/",
        "ftp://example.org/",
        "https:///nothing",
        "https://example.org/?a=b",
        "/no/such/folder",
        "",
    ],
)
def test_where_nothing_may_be_fetched_from(where: str) -> None:
    with pytest.raises(UsageError):
        open_source(where or "/dev/null")
