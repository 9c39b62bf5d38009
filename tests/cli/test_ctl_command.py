"""nearfield ctl: as a person calls it, with a real socket behind."""

import io
import json
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from device.cli.ctl_command import item_line, status_lines
from device.cli.main import run_command
from device.config.control import ControlSettings
from device.control.desk import ControlDesk
from device.control.socket_server import SocketServer
from device.errors import ConfigError

Capture = pytest.CaptureFixture[str]


class Behind:
    """Assistant and controls in one."""

    def __init__(self) -> None:
        self.said: list[str] = []
        self.muted = False
        self.stuck = False
        self.volume_percent = 50

    def announce(self, text: str) -> None:
        self.said.append(text)

    def hush(self) -> None:
        self.said.append("(silence)")

    def press(self) -> None: ...
    def release(self) -> None: ...

    def mute(self, muted: bool) -> None:
        self.muted = muted or self.stuck

    def louder(self) -> None:
        self.volume_percent += 10

    def softer(self) -> None:
        self.volume_percent -= 10

    def set_volume_percent(self, percent: int) -> None:
        self.volume_percent = percent


@pytest.fixture
def at() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="nf-") as name:
        yield Path(name) / "c.sock"


@pytest.fixture
def behind(at: Path) -> Iterator[Behind]:
    made = Behind()

    def reload() -> None:
        if made.said:
            raise ConfigError("persona 'x' is not there", hint="name another")

    desk = ControlDesk(made, made)
    desk.reload_by(reload)
    with SocketServer(ControlSettings(socket=at), desk):
        yield made


def test_one_line_for_each_wish(behind: Behind, at: Path, capsys: Capture) -> None:
    def ctl(*args: str) -> str:
        assert run_command(["ctl", *args, "--socket", str(at)]) == 0
        out, err = capsys.readouterr()
        assert err == ""
        (line,) = out.splitlines()
        return line

    assert ctl("mute") == "The microphone is muted."
    assert behind.muted
    assert ctl("unmute") == "The microphone is open."
    assert ctl("volume", "7") == "The volume is 7."
    assert ctl("volume", "+") == "The volume is 17."
    assert ctl("volume", "-") == "The volume is 7."
    assert ctl("reload") == "It begins anew."
    assert ctl("say", "Dinner", "is ready.") == "It will be said at the next pause."
    assert ctl("stop") == "It is silent."
    assert behind.said == ["Dinner is ready.", "(silence)"]
    assert json.loads(ctl("status", "--json"))["volume_percent"] == 7


def test_what_is_refused(behind: Behind, at: Path, capsys: Capture) -> None:
    behind.stuck = behind.muted = True
    assert run_command(["ctl", "unmute", "--socket", str(at)]) == 1
    assert "stays muted" in capsys.readouterr().out
    behind.said.append("x")
    assert run_command(["ctl", "reload", "--socket", str(at)]) == 1
    assert capsys.readouterr().err == "nearfield: persona 'x' is not there. name another\n"


def test_say_from_a_pipe(behind: Behind, at: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = io.BytesIO("Grüße\nvon nebenan\n".encode())
    monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=text))
    assert run_command(["ctl", "say", "-", "--socket", str(at)]) == 0
    assert behind.said == ["Grüße von nebenan"]


@pytest.mark.parametrize(
    "args", [["volume", "101"], ["volume", "loud"], ["volume", "-5"], ["say", " "], ["say", "x" * 1001]]
)
@pytest.mark.usefixtures("behind")
def test_bad_usage(args: list[str], at: Path, capsys: Capture) -> None:
    assert run_command(["ctl", *args, "--socket", str(at)]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_without_one_that_runs_there_is_one_line(
    at: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    for args in (["status"], ["watch", "--socket", str(at)], ["mute"]):
        assert run_command(["ctl", *args]) == 1
        out, err = capsys.readouterr()
        assert out == ""
        assert err.startswith("nearfield: no assistant is running")
        assert len(err.splitlines()) == 1


def test_it_is_found_by_its_configuration(behind: Behind, at: Path, tmp_path: Path) -> None:
    config = tmp_path / "nearfield.toml"
    config.write_text(f'[control]\nsocket = "{at}"\n')
    assert run_command(["ctl", "mute", "--config", str(config)]) == 0
    assert behind.muted


def test_the_status_in_words() -> None:
    status = {
        "persona": "store", "state": "speaking", "muted": True, "card": "Array", "volume_percent": 70, "turns": 3,
        "version": "1", "uptime_s": 3725.2, "health": {"temperature_c": 61.4, "throttled": True},
        "timers": [{"label": "pasta timer", "left_s": 61.6, "running": False}], "rings": ["alarm"],
        "trouble": {"card": "lost"}, "outside": {"web": "the port is taken"},
    }  # fmt: skip
    assert status_lines(status) == [
        "store: muted, speaking",
        "card: Array, volume 70",
        "up 1 h 02 min, version 1, 3 turns",
        "61 °C, slowed down",
        "pasta timer: 1 min 02 s left (paused)",
        "rings: alarm",
        "trouble: card: lost",
        "trouble: web: the port is taken",
    ]
    assert status_lines({}) == ["It: ?"]
    assert item_line({"type": "mute", "t_ms": 1500.0, "turn": 1, "muted": True}).split() == [
        "1.50",
        "s",
        "mute",
        "muted=True",
    ]
    assert item_line({"type": "volume", "percent": 3}).split() == ["volume", "percent=3"]


@pytest.mark.usefixtures("behind")
def test_a_socket_that_is_not_ours(at: Path, capsys: Capture) -> None:
    if os.geteuid() == 0:
        pytest.skip("nothing is closed to root")
    at.chmod(0)
    assert run_command(["ctl", "status", "--socket", str(at)]) == 1
    assert "permission denied" in capsys.readouterr().err
