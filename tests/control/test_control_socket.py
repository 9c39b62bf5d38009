"""The socket of a running assistant, with a real socket: who may ask, what comes back, what is left behind."""

import contextlib
import json
import os
import socket
import stat
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from desk_kit import FakeDesk
from hypothesis import given
from hypothesis import strategies as st

from device.config.control import ControlSettings
from device.control.lines import Talk
from device.control.paths import likely_paths, own_path
from device.control.socket_client import Link, NotRunningError, RefusedError, connected
from device.control.socket_server import MOST_CONNECTIONS, ControlSocketError, SocketServer
from device.control.wishes import MOST_WISH_BYTES
from device.dialogue import events as ev
from device.errors import NearfieldError


@pytest.fixture
def folder() -> Iterator[Path]:
    """With a short name: the path of a Unix socket takes 107 bytes."""
    with tempfile.TemporaryDirectory(prefix="nf-") as name:
        yield Path(name)


@pytest.fixture
def desk() -> FakeDesk:
    return FakeDesk()


@pytest.fixture
def server(folder: Path, desk: FakeDesk) -> Iterator[SocketServer]:
    with SocketServer(ControlSettings(socket=folder / "c.sock"), desk) as opened:
        yield opened


def until(true: Callable[[], bool]) -> None:
    end = time.monotonic() + 10
    while not true():
        assert time.monotonic() < end
        time.sleep(0.01)


def raw(path: Path) -> socket.socket:
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    connection.settimeout(10)
    connection.connect(str(path))
    return connection


def test_wishes_are_obeyed_and_answered(server: SocketServer, desk: FakeDesk) -> None:
    with connected([server.path]) as link:
        assert link.ask({"do": "mute"}) == {"ok": True, "muted": True, "volume_percent": 50}
        assert link.ask({"do": "say", "text": "Größe: 5 µm"})["ok"]
        with pytest.raises(RefusedError, match="percent: Input should be less than or equal to 100"):
            link.ask({"do": "volume", "percent": 101})
        assert link.ask({"do": "status"})["muted"] is True
        with pytest.raises(RefusedError, match="cannot begin anew"):
            link.ask({"do": "reload"})
    assert desk.calls == [("announce", "Größe: 5 µm")]


def test_the_file_is_its_owners_alone_and_goes_with_it(folder: Path, desk: FakeDesk) -> None:
    path = folder / "deep" / "c.sock"
    before = os.umask(0)
    try:
        with SocketServer(ControlSettings(socket=path), desk):
            assert stat.S_IMODE(path.stat().st_mode) == 0o600
            assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    finally:
        os.umask(before)
    assert not path.exists()


def test_what_a_dead_process_left_is_replaced_and_a_live_one_refused(folder: Path, desk: FakeDesk) -> None:
    path = folder / "c.sock"
    left = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    left.bind(str(path))
    left.close()
    with SocketServer(ControlSettings(socket=path), desk):
        with (
            pytest.raises(ControlSocketError, match="another assistant"),
            SocketServer(ControlSettings(socket=path), desk),
        ):
            pass
        with connected([path]) as link:  # it was not disturbed
            assert link.ask({"do": "stop"})["ok"]
    foreign = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    foreign.bind(str(path))
    foreign.listen()
    with (
        foreign,
        pytest.raises(ControlSocketError, match="another assistant"),
        SocketServer(ControlSettings(socket=path), desk),
    ):
        pass
    path.unlink()
    path.write_text("somebody's file")
    with pytest.raises(ControlSocketError, match="no socket"), SocketServer(ControlSettings(socket=path), desk):
        pass
    assert path.read_text() == "somebody's file"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"socket": "/proc/nowhere/c.sock"}, "no such file"),
        ({"socket": "/tmp/" + "x" * 120}, "too long"),
        ({"group": "no such group"}, "there is no group"),
    ],
)
def test_what_cannot_be_opened_is_said(folder: Path, desk: FakeDesk, change: dict[str, str], message: str) -> None:
    control = ControlSettings.model_validate({"socket": folder / "c.sock", **change})
    with pytest.raises(NearfieldError, match=message), SocketServer(control, desk):
        pass


def test_whoever_watches_is_told_the_state_and_then_what_happens(server: SocketServer, desk: FakeDesk) -> None:
    with Link(server.path) as link:
        items = link.watch(levels=False)
        assert next(items)["state"] == "idle"
        desk.feed.publish({"type": "levels", "mic_db": -40.0})
        desk.on_event(ev.StateChange(16_000, 1, "listening"))
        assert next(items) == {"type": "state", "t_ms": 1000.0, "turn": 1, "state": "listening"}
        # and goes on asking meanwhile
        assert link.ask({"do": "volume", "percent": 7})["volume_percent"] == 7
    until(lambda: not desk.feed.watched)


def test_the_last_turns_come_with_the_reply_to_who_asks_for_them(server: SocketServer, desk: FakeDesk) -> None:
    for turn in (1, 2, 3):
        for event in (
            ev.SpeechStart(turn * 1_000, turn, turn * 1_000),
            ev.Commit(turn * 1_000 + 1, turn, "secret", "complete"),
            ev.PlayoutEnd(turn * 1_000 + 2, turn, "secret", "secret"),
        ):
            desk.on_event(event)
    with Link(server.path) as link:
        told = link.ask({"do": "watch", "turns": 2})["last_turns"]
        assert [each["turn"] for each in told] == [2, 3]
        assert "secret" not in str(told)
        assert "last_turns" not in link.ask({"do": "watch"})
        for wrong in (-1, 21, "2", True):
            with pytest.raises(RefusedError):
                link.ask({"do": "watch", "turns": wrong})


def test_who_watches_and_never_reads_holds_nobody_up(server: SocketServer, desk: FakeDesk) -> None:
    with raw(server.path) as slow:
        slow.sendall(b'{"do": "watch"}\n')
        until(lambda: desk.feed.watched)
        for n in range(20_000):
            desk.feed.publish({"type": "levels", "n": n, "filling": "x" * 200})
        with Link(server.path) as link:
            assert link.ask({"do": "status"})["ok"]


def test_the_end_of_the_server_is_an_end_for_who_watches(folder: Path, desk: FakeDesk) -> None:
    server = SocketServer(ControlSettings(socket=folder / "c.sock"), desk)
    with server, Link(server.path) as link:
        items = link.watch()
        next(items)
        server.__exit__()
        assert list(items) == []
    assert not desk.feed.watched
    with pytest.raises(NotRunningError):
        connected([server.path])


def test_a_wish_that_ends_the_server_still_gets_its_reply(folder: Path, desk: FakeDesk) -> None:
    """As a reload does: the session ends while the reply is on its way."""
    ended: list[object] = []
    server = SocketServer(ControlSettings(socket=folder / "c.sock"), desk)

    def reload() -> None:
        ended.append("asked")
        time.sleep(0.2)

    desk.reload_by(reload)
    with server, raw(server.path) as peer:
        peer.sendall(b'{"do": "reload"}\n')
        until(lambda: bool(ended))
        server.__exit__()
        assert json.loads(peer.makefile().readline())["ok"] is True


def test_the_talk_button_comes_up_with_its_connection(server: SocketServer, desk: FakeDesk) -> None:
    with Link(server.path) as link:
        link.ask({"do": "press"})
        assert desk.calls == ["press"]
    until(lambda: desk.calls == ["press", "release"])
    with Link(server.path) as link:
        link.ask({"do": "press"})
        link.ask({"do": "release"})
    with Link(server.path) as link:
        link.ask({"do": "stop"})
    until(lambda: desk.calls[-1] == "hush")
    assert desk.calls == ["press", "release", "press", "release", "hush"]


def test_too_many_and_too_long_and_idle_are_sent_away(folder: Path, desk: FakeDesk) -> None:
    with SocketServer(ControlSettings(socket=folder / "c.sock"), desk, idle_s=0.3) as server:
        with raw(server.path) as idle:
            assert "nothing was asked" in json.loads(idle.makefile().readline())["error"]
        with raw(server.path) as long, contextlib.suppress(OSError):
            long.sendall(b"x" * 100_000)
        with raw(server.path) as long:
            long.sendall(b"x" * (MOST_WISH_BYTES + 2))
            lines = long.makefile().readlines()
        assert [json.loads(line)["ok"] for line in lines] == [False]
    with SocketServer(ControlSettings(socket=folder / "c.sock"), desk) as server, contextlib.ExitStack() as stack:
        for _ in range(MOST_CONNECTIONS):
            assert stack.enter_context(Link(server.path)).ask({"do": "status"})["ok"]
        with pytest.raises(RefusedError, match="too many"), Link(server.path) as link:
            link.ask({"do": "status"})


def test_a_line_without_its_end_from_a_pipe_counts(server: SocketServer) -> None:
    """`printf '{"do":"mute"}' | nc -U control.sock`."""
    with raw(server.path) as peer:
        peer.sendall(b'{"do":"mute"}')
        peer.shutdown(socket.SHUT_WR)
        assert json.loads(peer.makefile().read())["muted"] is True


def ask_as(path: Path, uid: int, gid: int, groups: list[int]) -> str:
    """What another user is told who wants it muted. A fork: Python itself may be in a folder that is closed to them."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:  # nothing but system calls here: other threads may have held locks
        try:
            os.setgroups(groups)
            os.setgid(gid)
            os.setuid(uid)
            peer = socket.socket(socket.AF_UNIX)
            peer.settimeout(10)
            peer.connect(str(path))
            with contextlib.suppress(BrokenPipeError):  # the refusal may be quicker
                peer.sendall(b'{"do": "mute"}\n')
            os.write(writing, peer.recv(4096))
        except OSError as error:
            os.write(writing, type(error).__name__.encode())
        finally:
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as told:
        text = told.read().decode()
    os.waitpid(child, 0)
    return text


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be somebody else")
def test_another_user_is_refused_and_one_of_the_group_is_not(folder: Path, desk: FakeDesk) -> None:
    folder.chmod(0o755)

    path = folder / "c.sock"
    with SocketServer(ControlSettings(socket=path), desk):
        assert "PermissionError" in ask_as(path, 65_534, 65_534, [])
        path.chmod(0o666)  # whatever the file says: the kernel says who it is
        assert "not yours" in ask_as(path, 65_534, 65_534, [])
        assert not desk.controls.muted
    with SocketServer(ControlSettings(socket=path, group="daemon"), desk):
        daemon = path.stat().st_gid
        assert stat.S_IMODE(path.stat().st_mode) == 0o660
        assert "PermissionError" in ask_as(path, 65_534, 65_534, [])
        for gid, groups in ((daemon, []), (65_534, [65_534, daemon])):
            desk.controls.muted = False
            assert '"ok": true' in ask_as(path, 65_534, gid, groups)
            assert desk.controls.muted
        path.chmod(0o666)
        assert "not yours" in ask_as(path, 65_534, 65_534, [])


def test_where_it_is(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    monkeypatch.delenv("RUNTIME_DIRECTORY", raising=False)
    assert own_path(ControlSettings()) == tmp_path / "nearfield/control.sock"
    assert likely_paths(ControlSettings())[-1] == Path("/run/nearfield/control.sock")
    monkeypatch.setenv("RUNTIME_DIRECTORY", "/run/nf:/run/other")
    assert own_path(ControlSettings()) == Path("/run/nf/control.sock")
    named = ControlSettings(socket=tmp_path / "x")
    assert likely_paths(named) == [own_path(named)] == [tmp_path / "x"]


@given(st.lists(st.binary(max_size=200), max_size=8))
def test_whatever_the_bytes_are_a_line_gets_a_reply(chunks: list[bytes]) -> None:
    talk, replies = Talk(FakeDesk()), 0
    for chunk in chunks:
        replies += len(talk.feed(chunk))
    lines = b"".join(chunks).split(b"\n")
    assert replies == len([line for line in lines[:-1] if line.strip()])
    talk.end()


@pytest.mark.parametrize(
    "line",
    [
        b"null", b"[]", b'"mute"', b'{"do": "mute", "x": 1}', b'{"do": ["mute"]}', b'{"do": {}}', b"{}", b"[" * 5000,
        b'{"do": "volume", "percent": 1' + b"0" * 5000 + b"}", b'{"do": "volume", "percent": NaN}',
        b'{"do": "volume", "percent": true}', b'{"do": "volume", "percent": 4.0}', b'{"do": "say", "text": "\\u0000"}',
        b'{"do": "watch", "levels": 1}', b"\xff\xfe", b'{"do": "say", "text": "\\ud800"}',
    ],
)  # fmt: skip
def test_what_is_no_wish_changes_nothing(line: bytes) -> None:
    desk = FakeDesk()
    (reply,) = Talk(desk).feed(line + b"\n")
    assert reply["ok"] is False
    assert reply["error"]
    assert desk.calls == []
    assert (desk.controls.muted, desk.controls.volume_percent) == (False, 50)
