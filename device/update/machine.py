"""The machine that an update is for: its disk, its Python, its systemd.

    SystemMachine("nearfield.service", status=("/opt/nearfield/current/.venv/bin/nearfield", "ctl", "status"))

Each step is a program that is run; what it said last is the reason when it fails.
"""

import os
import platform
import pwd
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from packaging.tags import sys_tags
from packaging.utils import InvalidWheelFilename, parse_wheel_filename

from device.errors import UpdateError
from device.update.health import HEALTHY, WAITING, HealthWatch

NO_SERVICE = "none"
_BUILD_LIMIT_S = 3 * 3600  #: llama.cpp and whisper.cpp compile for 70 minutes on the slowest board
_TEST_LIMIT_S = 600
_PULL_LIMIT_S = 3600
_SYSTEMCTL_LIMIT_S = 60
_POLL_S = 1.0
_SHOWN = 300  #: characters of what a program said


class SystemMachine:
    """`service`: unit that runs the assistant, or "none". `status`: command that asks the running one how it is."""

    def __init__(
        self,
        service: str,
        status: Sequence[str] = (),
        *,
        config: Path | None = None,
        within_s: float = 120.0,
        for_s: float = 20.0,
        show: Callable[[str], None] = lambda _: None,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._service = service
        self._status = tuple(status)
        self._config = ["--config", str(config.resolve())] if config else []
        self._within_s, self._for_s = within_s, for_s
        self._show, self._sleep, self._clock = show, sleep, clock

    def python_version(self) -> str:
        return platform.python_version()

    def fits(self, wheel: str) -> bool:
        try:
            tags = parse_wheel_filename(wheel)[3]
        except InvalidWheelFilename:
            return False
        return not tags.isdisjoint(sys_tags())

    def build(self, tree: Path, wheels: Path, offline: bool) -> None:
        environment = _environment()
        environment |= {"PYTHON": _base_python(), "PIP_FIND_LINKS": str(wheels)}
        if offline:
            environment["PIP_NO_INDEX"] = "1"
        command = ["./install.sh", "--no-apt", "--models", "none"]
        for flag, package in (("--llama-wheel", "llama_cpp_python"), ("--whisper-wheel", "pywhispercpp")):
            for wheel in sorted(wheels.glob(f"{package}-*.whl")):
                command += [flag, str(wheel)]
                break
        self._run(command, tree, environment, _BUILD_LIMIT_S, "its environment cannot be built")
        # the service may not write there: what Python compiles is compiled now
        compiling = [str(tree / ".venv/bin/python"), "-m", "compileall", "-q", "device", "models", "dsp"]
        self._run(compiling, tree, _environment(), _TEST_LIMIT_S, "it cannot be compiled")

    def self_test(self, tree: Path, version: str) -> None:
        said = self._run_as_service([str(_program(tree)), "--version"], 60, "it cannot be started")
        if said.split()[-1:] != [version]:
            raise UpdateError(f"the release says that it is {said!r}, and should be {version}", hint=_TELL)
        command = [str(_program(tree)), "update", "--self-test", *self._config]
        self._run_as_service(command, _TEST_LIMIT_S, "its self-test failed")

    def pull_model(self, tree: Path, model_id: str) -> None:
        command = [str(_program(tree)), "models", "pull", model_id, *self._config]
        self._run_as_service(command, _PULL_LIMIT_S, f"its model {model_id} cannot be fetched")

    def restart(self) -> None:
        if self._service != NO_SERVICE:
            _systemctl("reset-failed", self._service)  # the old one's failures must not count against the new one
            # it ends when the service says that it is up; systemd itself would wait as long as the unit says
            late = f"it was not up within {self._within_s:g} s"
            done = _systemctl("restart", self._service, limit_s=self._within_s, late=late, hint=self._journal)
            if done.returncode:
                said = _last(done.stderr.partition("\n")[0])  # the lines after it say where to look
                raise UpdateError(said.rstrip(".") or "systemctl restart failed", hint=self._journal)

    def wait_healthy(self) -> None:
        if self._service == NO_SERVICE:
            return
        watch = HealthWatch(self._within_s, self._for_s)
        while (verdict := watch.seen(self._clock(), *self._looked())) == WAITING:
            self._sleep(_POLL_S)
        if verdict != HEALTHY:
            raise UpdateError(verdict, hint=self._journal)

    def free_bytes(self, folder: Path) -> int:
        return shutil.disk_usage(folder).free

    def sync(self) -> None:
        os.sync()

    @property
    def _journal(self) -> str:
        return f"'journalctl -u {self._service}' says why"

    def _looked(self) -> tuple[str, int, bool]:
        """What systemd says of the service, its process, and whether it answers."""
        shown = _systemctl("show", "--property=ActiveState,MainPID", self._service).stdout
        found = dict(line.split("=", 1) for line in shown.splitlines() if "=" in line)
        active, process = found.get("ActiveState", "unknown"), found.get("MainPID", "0")
        return active, int(process) if process.isdigit() else 0, active == "active" and self._answers()

    def _answers(self) -> bool:
        if not self._status:
            return True
        try:
            done = subprocess.run(self._status, capture_output=True, text=True, check=False, timeout=20, cwd="/")
        except (OSError, subprocess.TimeoutExpired):
            return False
        # a release from before there was such a command is healthy when systemd says so
        return done.returncode == 0 or "no such command" in done.stderr.lower()

    def _service_user(self) -> pwd.struct_passwd | None:
        """Whom root becomes for what works in the folders of the service; None: nobody."""
        if self._service == NO_SERVICE or os.geteuid() != 0 or shutil.which("systemctl") is None:
            return None
        done = _systemctl("show", "--property=User", "--value", self._service)
        if done.returncode:  # "" would be root
            why = _last(done.stderr) or f"exit status {done.returncode}"
            raise UpdateError(f"it cannot be told whom {self._service} runs as: {why}", hint=_NO_SERVICE_HINT)
        name = done.stdout.strip()
        try:
            if name.isdecimal():
                return pwd.getpwuid(int(name)) if int(name) else None
            return pwd.getpwnam(name) if name not in {"", "root"} else None
        except KeyError:
            why = f"{self._service} is to run as {name!r}, who is not known here"
            raise UpdateError(why, hint="'sudo ./install.sh --service' makes its user") from None

    def _run_as_service(self, command: list[str], limit_s: float, failed: str) -> str:
        """Where the service may write it may lead a name elsewhere: what writes there has no more rights than it."""
        user, environment = self._service_user(), _environment()
        if user is not None:
            environment["HOME"] = user.pw_dir
        return self._run(command, Path("/"), environment, limit_s, failed, user)

    def _run(
        self,
        command: list[str],
        cwd: Path,
        environment: dict[str, str],
        limit_s: float,
        failed: str,
        user: pwd.struct_passwd | None = None,
    ) -> str:
        """What it printed. Raises UpdateError with the last that it said."""
        try:
            status, out, said = _ended(command, cwd, environment, limit_s, user)
        except OSError as error:
            raise UpdateError(f"{failed}: {command[0]}: {_reason(error)}", hint=_TELL) from error
        except subprocess.TimeoutExpired as error:
            raise UpdateError(f"{failed}: {command[0]} did not end within {limit_s:.0f} s", hint=_TELL) from error
        self._show(out + said)
        if status:
            raise UpdateError(f"{failed}: {_last(said) or _last(out) or f'exit status {status}'}", hint=_TELL)
        return out.strip()


def _ended(
    command: list[str], cwd: Path, environment: dict[str, str], limit_s: float, user: pwd.struct_passwd | None
) -> tuple[int, str, str]:
    """Exit status and what it said. When we are interrupted it ends with all that it has started.

    `user`: whom it runs as; None: as we do. Raises OSError, subprocess.TimeoutExpired.
    """
    with subprocess.Popen(
        command, cwd=cwd, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        text=True, errors="replace", process_group=0, close_fds=False,  # the lock goes with it
        user=user and user.pw_uid, group=user and user.pw_gid,
        extra_groups=user and os.getgrouplist(user.pw_name, user.pw_gid),
    ) as program:  # fmt: skip
        try:
            out, said = program.communicate(timeout=limit_s)
        except BaseException:
            with suppress(ProcessLookupError):
                os.killpg(program.pid, signal.SIGKILL)
            raise
    return program.returncode, out, said


_TELL = "nothing was changed; tell its publisher"
_NO_SERVICE_HINT = 'with update.service = "none" nothing is restarted'


def _reason(error: OSError) -> str:
    return (error.strerror or str(error)).lower()


def _program(tree: Path) -> Path:
    return tree / ".venv/bin/nearfield"


def _base_python() -> str:
    """The interpreter that our own environment was made with."""
    return str(Path(getattr(sys, "_base_executable", "") or sys.executable).resolve())


def _environment() -> dict[str, str]:
    """Ours, without what would make another tree import our modules, or root run what others may write."""
    ours = {"PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "NOTIFY_SOCKET", "WATCHDOG_USEC"}
    environment = {name: value for name, value in os.environ.items() if name not in ours}
    if os.geteuid() == 0:
        # ours may be the service's home: what Python (usercustomize) and pip (pip.conf) find there would act as root.
        # PIP_CONFIG_FILE=/dev/null would shut out /etc/pip.conf as well, which may name the index
        environment |= {"HOME": pwd.getpwuid(0).pw_dir, "PYTHONNOUSERSITE": "1"}
    return environment


def _systemctl(
    *words: str, limit_s: float = _SYSTEMCTL_LIMIT_S, late: str = "systemctl did not end", hint: str = _NO_SERVICE_HINT
) -> subprocess.CompletedProcess[str]:
    """Raises UpdateError: there is none, or it did not end in time (`late` is said then, and `hint`)."""
    try:
        return subprocess.run(["systemctl", *words], capture_output=True, text=True, check=False, timeout=limit_s)
    except subprocess.TimeoutExpired as error:
        raise UpdateError(late, hint=hint) from error
    except OSError as error:
        raise UpdateError("systemctl is not there", hint=_NO_SERVICE_HINT) from error


def _last(text: str) -> str:
    """The last line that says something, without what a terminal would make of it: of what install.sh quotes (behind a
    bar) where it does, for what follows there is where to look, in a tree that is about to go."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    quoted = [line.removeprefix("|").strip() for line in lines if line.startswith("|")]
    lines = quoted or [line.removeprefix("nearfield: ") for line in lines]
    shown = "".join(c if c.isprintable() else " " for c in (lines[-1] if lines else ""))
    return shown if len(shown) <= _SHOWN else shown[: _SHOWN - 3] + "..."
