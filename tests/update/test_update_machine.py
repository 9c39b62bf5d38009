"""The machine that an update is for: programs that are run, and what they say."""

import os
import pwd
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from device.errors import UpdateError
from device.update.machine import SystemMachine


class Clock:
    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s

    def sleep(self, seconds: float) -> None:
        self.now_s += seconds


def program(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


@pytest.fixture
def systemctl(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Puts a `systemctl` of one's own before that of the machine; what it is asked is written to `asked`."""
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    return lambda text: program(tmp_path / "bin/systemctl", f'echo "$*" >>{tmp_path}/asked\n{text}') and None


@pytest.fixture
def service_of_root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A `systemctl` that knows of no user of the service, whatever this machine has."""
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    program(tmp_path / "bin/systemctl", "exit 0")


def machine(*status: str, within_s: float = 60) -> SystemMachine:
    clock = Clock()
    return SystemMachine("a.service", status, within_s=within_s, for_s=10, sleep=clock.sleep, clock=clock)


def test_the_service_is_restarted_and_watched(tmp_path: Path, systemctl: Callable[[str], None]) -> None:
    systemctl('case $1 in show) printf "ActiveState=active\\nMainPID=7\\n";; esac')
    under_test = machine(str(program(tmp_path / "status", "exit 0")))
    under_test.restart()
    under_test.wait_healthy()
    asked = (tmp_path / "asked").read_text().splitlines()
    assert asked[:2] == ["reset-failed a.service", "restart a.service"]
    assert len(asked) == 2 + 11  # a look each second, from 0 to 10 s


def test_a_service_that_does_not_start(systemctl: Callable[[str], None]) -> None:
    systemctl(
        "[ $1 != restart ] || { printf 'Job for a.service failed: exit code.\\nSee \"systemctl\".\\n' >&2; exit 1; }"
    )
    with pytest.raises(UpdateError, match=r"^Job for a\.service failed: exit code$") as error:
        machine().restart()
    assert error.value.hint == "'journalctl -u a.service' says why"


def test_a_service_that_never_says_that_it_is_up(systemctl: Callable[[str], None]) -> None:
    systemctl("[ $1 != restart ] || exec sleep 100")  # systemd itself waits for it as long as TimeoutStartSec says
    with pytest.raises(UpdateError, match=r"^it was not up within 0\.5 s$") as error:
        machine(within_s=0.5).restart()
    assert error.value.hint == "'journalctl -u a.service' says why"


def test_a_service_that_is_up_and_does_not_answer(tmp_path: Path, systemctl: Callable[[str], None]) -> None:
    systemctl('printf "ActiveState=active\\nMainPID=7\\n"')
    with pytest.raises(UpdateError, match="does not answer at its control socket"):
        machine(str(program(tmp_path / "status", "exit 1"))).wait_healthy()


def test_a_release_that_knows_no_such_command_is_healthy_by_systemd(
    tmp_path: Path, systemctl: Callable[[str], None]
) -> None:
    systemctl('printf "ActiveState=active\\nMainPID=7\\n"')
    machine(str(program(tmp_path / "status", "echo \"nearfield: no such command 'ctl'\" >&2; exit 2"))).wait_healthy()


def test_without_a_service_nothing_is_asked(tmp_path: Path, systemctl: Callable[[str], None]) -> None:
    systemctl("")
    under_test = SystemMachine("none")
    under_test.restart()
    under_test.wait_healthy()
    assert not (tmp_path / "asked").exists()


def test_without_systemd(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UpdateError, match="systemctl is not there"):
        machine().restart()


@pytest.mark.usefixtures("service_of_root")
def test_the_self_test_asks_for_the_version_and_for_more(tmp_path: Path) -> None:
    program(tmp_path / ".venv/bin/nearfield", f'echo "$*" >>{tmp_path}/asked\n[ $1 = update ] || echo nearfield 1.2')
    machine().self_test(tmp_path, "1.2")
    assert (tmp_path / "asked").read_text().splitlines() == ["--version", "update --self-test"]
    with pytest.raises(UpdateError, match=r"says that it is 'nearfield 1.2', and should be 1.3"):
        machine().self_test(tmp_path, "1.3")


@pytest.mark.usefixtures("service_of_root")
def test_what_a_step_said_last_is_the_reason(tmp_path: Path) -> None:
    program(tmp_path / "install.sh", "echo one; echo 'nearfield: no room' >&2; echo >&2; exit 3")
    with pytest.raises(UpdateError) as error:
        machine().build(tmp_path, tmp_path, offline=False)
    assert error.value.message == "its environment cannot be built: no room"
    with pytest.raises(UpdateError, match=r"cannot be fetched: .*no such file"):
        machine().pull_model(tmp_path / "absent", "ears")


def test_of_what_install_sh_quotes_the_last_line_is_the_reason(tmp_path: Path) -> None:
    words = "install.sh: step 5 of 8 failed", "    | Processing a", "    | ERROR: No httpx2", "  then run it again"
    program(tmp_path / "install.sh", "\n".join(f"echo '{line}' >&2" for line in words) + "\nexit 1")
    with pytest.raises(UpdateError) as error:
        machine().build(tmp_path, tmp_path, offline=True)
    assert error.value.message == "its environment cannot be built: ERROR: No httpx2"


def test_the_environment_is_built_from_the_wheels_that_came_along(tmp_path: Path) -> None:
    words = 'printf "%s\\n" "$*" "$PIP_FIND_LINKS" "$PIP_NO_INDEX" "$PYTHON" "$PYTHONPATH"'
    program(tmp_path / "install.sh", f"{words} >said\nmkdir -p .venv/bin\nln -s {sys.executable} .venv/bin/python")
    (tmp_path / "device").mkdir()
    (tmp_path / "device/a.py").write_text("A = 1\n")
    wheels = tmp_path / "wheels"
    wheels.mkdir()
    llama = wheels / "llama_cpp_python-0.3.36-py3-none-any.whl"
    llama.touch()
    machine().build(tmp_path, wheels, offline=True)
    arguments, links, no_index, python, path = (tmp_path / "said").read_text().split("\n")[:5]
    assert arguments == f"--no-apt --models none --llama-wheel {llama}"
    assert (links, no_index, path) == (str(wheels), "1", "")
    assert Path(python).exists()
    assert list((tmp_path / "device/__pycache__").iterdir())


@pytest.mark.parametrize(("user", "home"), [(0, pwd.getpwuid(0).pw_dir), (1000, "/var/lib/nearfield")])
def test_root_reads_nothing_from_the_home_of_the_service(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, user: int, home: str
) -> None:
    monkeypatch.setenv("HOME", "/var/lib/nearfield")
    monkeypatch.setenv("XDG_DATA_HOME", "/var/lib")
    monkeypatch.delenv("PYTHONNOUSERSITE", raising=False)
    monkeypatch.setattr(os, "geteuid", lambda: user)
    words = 'printf "%s\\n" "$HOME" "$XDG_DATA_HOME" "$PYTHONNOUSERSITE" >said'
    program(tmp_path / "install.sh", f"{words}\nmkdir -p .venv/bin\nln -s /bin/true .venv/bin/python")
    machine().build(tmp_path, tmp_path, offline=False)
    assert (tmp_path / "said").read_text().split("\n")[:3] == [home, "/var/lib", "" if user else "1"]


@pytest.fixture
def public_folder() -> Iterator[Path]:
    """One that other users may look into; `tmp_path` is not."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        yield folder


_NOBODY = pwd.getpwnam("nobody")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_what_works_in_the_services_folders_works_as_the_service(
    public_folder: Path, systemctl: Callable[[str], None]
) -> None:
    """What it may not write to, a link of its making does not lead an update to."""
    systemctl('[ "$*" = "show --property=User --value a.service" ] && echo nobody')
    said = public_folder / "said"
    said.touch()
    said.chmod(0o666)
    words = f'echo "$(id -u) $(id -g) $(id -G) $HOME" >>{said}\n[ $1 = --version ] && echo nearfield 1.2'
    program(public_folder / ".venv/bin/nearfield", f"{words}\nexit 0")
    machine().self_test(public_folder, "1.2")
    machine().pull_model(public_folder, "ears")
    groups = " ".join(map(str, os.getgrouplist("nobody", _NOBODY.pw_gid)))
    service = f"{_NOBODY.pw_uid} {_NOBODY.pw_gid} {groups} {_NOBODY.pw_dir}"
    assert said.read_text().splitlines() == [service] * 3
    said.write_text("")
    program(public_folder / "install.sh", f"id -u >{said}\nmkdir -p .venv/bin\nln -s /bin/true .venv/bin/python")
    machine().build(public_folder, public_folder, offline=False)
    assert said.read_text() == "0\n", "its own tree is root's to make"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root is asked to become somebody else")
@pytest.mark.parametrize("user", ["", "root"])
def test_a_service_of_roots_is_tried_as_root(tmp_path: Path, systemctl: Callable[[str], None], user: str) -> None:
    systemctl(f"echo {user}")
    program(tmp_path / ".venv/bin/nearfield", f"id -u >{tmp_path}/said")
    machine().pull_model(tmp_path, "ears")
    assert (tmp_path / "said").read_text() == "0\n"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root is asked to become somebody else")
def test_where_it_cannot_be_told_whose_the_service_is_nothing_runs_as_root(
    tmp_path: Path, systemctl: Callable[[str], None]
) -> None:
    systemctl("echo 'Failed to connect to bus' >&2; exit 1")
    program(tmp_path / ".venv/bin/nearfield", f"id -u >{tmp_path}/said")
    with pytest.raises(UpdateError, match=r"it cannot be told whom a.service runs as: Failed to connect to bus"):
        machine().pull_model(tmp_path, "ears")
    assert not (tmp_path / "said").exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_a_service_may_name_its_user_by_number(public_folder: Path, systemctl: Callable[[str], None]) -> None:
    systemctl(f"echo {_NOBODY.pw_uid}")
    (said := public_folder / "said").touch()
    said.chmod(0o666)
    program(public_folder / ".venv/bin/nearfield", f"id -u >{said}")
    machine().pull_model(public_folder, "ears")
    assert said.read_text() == f"{_NOBODY.pw_uid}\n"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root is asked to become somebody else")
def test_a_service_of_a_user_that_there_is_not(tmp_path: Path, systemctl: Callable[[str], None]) -> None:
    systemctl("echo no-such-user")
    program(tmp_path / ".venv/bin/nearfield", "exit 0")
    with pytest.raises(UpdateError, match=r"a.service is to run as 'no-such-user', who is not known here"):
        machine().pull_model(tmp_path, "ears")


def test_whatever_is_interrupted_ends_with_all_that_it_has_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program(tmp_path / "install.sh", "sleep 60 &\necho $! >pid.part && mv pid.part pid\nwait")

    def interrupted(*_: object, **__: object) -> None:
        while not (tmp_path / "pid").exists():
            time.sleep(0.01)
        raise KeyboardInterrupt

    monkeypatch.setattr(subprocess.Popen, "communicate", interrupted)
    with pytest.raises(KeyboardInterrupt):
        machine().build(tmp_path, tmp_path, offline=False)
    stat = Path(f"/proc/{(tmp_path / 'pid').read_text().strip()}/stat")
    while stat.exists() and " Z " not in stat.read_text():
        time.sleep(0.01)


def test_wheels_for_this_machine() -> None:
    tag = f"cp{sys.version_info.major}{sys.version_info.minor}"
    assert machine().fits("a-1.0-py3-none-any.whl")
    assert not machine().fits(f"a-1.0-{tag}-{tag}-manylinux_2_17_sparc.whl")
    assert not machine().fits("no wheel at all")
