"""The error boundary and the entry point: one line, the right status, never a traceback."""

import errno
import importlib
import os
import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer
from hypothesis import given
from hypothesis import strategies as st

from device.cli.boundary import guarded, one_line
from device.cli.lazy import load
from device.cli.main import COMMANDS, run_command
from device.errors import ConfigError, NearfieldError
from models.errors import ModelMissingError

ROOT = Path(__file__).resolve().parents[2]
NEARFIELD = [sys.executable, "-m", "device.cli.main"]


def raising(error: BaseException) -> object:
    raise error


@pytest.fixture(autouse=True)
def own_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.delenv("NEARFIELD_DEBUG", raising=False)
    return tmp_path


@pytest.mark.parametrize(
    ("error", "status", "line"),
    [
        (NearfieldError("It broke.", hint="mend it"), 1, "nearfield: It broke. mend it"),
        (NearfieldError("it broke"), 1, "nearfield: it broke"),
        (ConfigError("line 3: no\nsuch key"), 2, "nearfield: line 3: no such key"),
        (
            ModelMissingError("no model", hint="nearfield models pull x"),
            1,
            "nearfield: no model. nearfield models pull x",
        ),
        (OSError(errno.ENOSPC, "No space", "/a/b"), 1, "nearfield: /a/b: no space. free some space on the disk"),
        (OSError(errno.EROFS, "Read-only file system", "/a"), 1, "nearfield: /a: read-only file system. write to"),
        (PermissionError(errno.EACCES, "Permission denied", "/a"), 1, "nearfield: /a: permission denied. check the"),
        (MemoryError(), 1, "nearfield: out of memory"),
        (KeyboardInterrupt(), 130, "nearfield: interrupted"),
        (typer.Abort(), 1, "nearfield: the input ended"),
        (typer.BadParameter("too big"), 2, "nearfield: invalid value: too big"),
        (SystemExit(3), 3, ""),
    ],
)
def test_every_foreseen_error_is_one_line(
    error: BaseException, status: int, line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert guarded(lambda: raising(error)) == status
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(line)
    assert err.count("\n") == (1 if line else 0)


def test_what_nobody_foresaw_is_logged(own_state: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert guarded(lambda: raising(ZeroDivisionError("by zero"))) == 1
    err = capsys.readouterr().err
    log = own_state / "state/nearfield/nearfield.log"
    assert (
        err
        == f"nearfield: unexpected error: ZeroDivisionError: by zero. The details are in {log}; please report them\n"
    )
    assert "Traceback" in log.read_text()
    log.write_bytes(b"x" * 1_100_000)
    guarded(lambda: raising(ZeroDivisionError()))
    assert log.stat().st_size < 10_000, "the log grows without end"


@pytest.fixture
def log(own_state: Path) -> Iterator[Path]:
    """Where the log will be, under the umask of somebody who hides nothing."""
    before = os.umask(0)
    (own_state / "state/nearfield").mkdir(parents=True)
    yield own_state / "state/nearfield/nearfield.log"
    os.umask(before)


def test_the_log_is_its_owners_for_words_may_be_in_it(log: Path) -> None:
    guarded(lambda: raising(ZeroDivisionError("by zero")))
    assert log.stat().st_mode & 0o777 == 0o600
    log.chmod(0o644)  # as older versions made it
    guarded(lambda: raising(ZeroDivisionError("again")))
    assert log.stat().st_mode & 0o777 == 0o600
    assert "by zero" in log.read_text(), "it goes on with what is there"
    assert "again" in log.read_text()


def test_the_log_before_it_is_its_owners_too(log: Path) -> None:
    log.write_bytes(b"x" * 1_100_000)
    guarded(lambda: raising(ZeroDivisionError("by zero")))
    older = log.with_name("nearfield.log.1")
    assert older.stat().st_size == 1_100_000
    assert [path.stat().st_mode & 0o777 for path in (log, older)] == [0o600, 0o600]


def test_a_link_in_place_of_the_log_is_not_followed(log: Path, capsys: pytest.CaptureFixture[str]) -> None:
    theirs = log.with_name("theirs")
    theirs.write_bytes(b"x" * 1_100_000)
    log.symlink_to(theirs)
    assert guarded(lambda: raising(ZeroDivisionError("by zero"))) == 1
    assert theirs.read_bytes() == b"x" * 1_100_000
    assert log.is_symlink()
    assert "NEARFIELD_DEBUG=1 shows the details" in capsys.readouterr().err


def test_a_log_that_cannot_be_written_is_no_second_error(
    own_state: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (own_state / "file").touch()
    monkeypatch.setenv("XDG_STATE_HOME", str(own_state / "file"))
    assert guarded(lambda: raising(ZeroDivisionError("x"))) == 1
    assert "NEARFIELD_DEBUG=1 shows the details" in capsys.readouterr().err


def test_debug_shows_the_traceback(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("NEARFIELD_DEBUG", "1")
    assert guarded(lambda: raising(NearfieldError("it broke"))) == 1
    err = capsys.readouterr().err
    assert "Traceback" in err
    assert err.endswith("nearfield: it broke\n")


@given(st.text(), st.text())
def test_a_message_is_always_one_printable_line(message: str, hint: str) -> None:
    line = one_line(message, hint)
    assert line == "" or line.isprintable()


@pytest.mark.parametrize(
    ("args", "status", "part"),
    [
        (["--version"], 0, ""),
        (["--help"], 0, ""),
        ([], 2, ""),
        (["trancribe"], 2, "no such command 'trancribe'. Did you mean 'transcribe'"),
        (["--bogus"], 2, "no such option: --bogus"),
        (["config", "show", "--jsn"], 2, "no such option: --jsn (Possible options: --json"),
        (["config"], 2, ""),
        (["config", "shw"], 2, "no such command 'shw'"),
        (["transcribe"], 2, "missing argument 'files'"),
        (["cancel-echo", "--near", "a.wav"], 2, "missing option '--far'"),
        (["segment", "a.wav", "--set", "turn.listn=open"], 2, "unknown key 'turn.listn'; did you mean 'listen'?"),
        (["say", "hi", "--config", "/no/such.toml"], 2, "/no/such.toml: does not exist (named by --config)"),
        (["chat", "--set", "persona=nobody"], 2, "there is no persona 'nobody'"),
    ],
)
def test_usage(args: list[str], status: int, part: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(args) == status
    err = capsys.readouterr().err
    assert part in err
    assert err.count("\n") == (1 if part else 0)


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_the_list_of_commands_is_true_to_each_command(name: str) -> None:
    if importlib.util.find_spec(COMMANDS[name].module) is None:
        pytest.skip(f"{COMMANDS[name].module} is not part of this tree")
    command = load(name, COMMANDS[name])
    assert command.help
    for one in getattr(command, "commands", {}).values():
        assert one.help
    context = command.make_context(name, ["--help"], resilient_parsing=True)
    assert f"Usage: {name}" in command.get_usage(context)


@pytest.mark.parametrize("name", ["chat", "transcribe", "say", "segment", "cancel-echo", "config"])
def test_help_shows_examples(name: str) -> None:
    command = load(name, COMMANDS[name])
    for one in getattr(command, "commands", {"": command}).values():
        assert f"  nearfield {name}" in one.help


def test_help_answers_without_loading_the_runtimes() -> None:
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "device.cli.main", "--help"],
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=True,
    )
    modules = {line.rpartition("|")[2].strip().partition(".")[0] for line in done.stderr.splitlines()}
    assert "typer" in modules
    assert not modules & {"numpy", "onnxruntime", "llama_cpp", "sounddevice", "pydantic", "httpx", "onnx"}
    for name in COMMANDS:
        assert re.search(rf"^. {name} ", done.stdout, re.MULTILINE), name


def test_a_closed_pipe_is_quiet() -> None:
    read_end, write_end = os.pipe()
    os.close(read_end)
    done = subprocess.run(
        [*NEARFIELD, "config", "show"], stdout=write_end, stderr=subprocess.PIPE, text=True, cwd=ROOT, check=False
    )
    os.close(write_end)
    assert done.stderr == ""
    assert done.returncode == 1


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_what_the_shell_has_closed_is_quiet(closed: str) -> None:
    """As in a line of cron; a file that is opened later must not take the place of what libraries write to."""
    program = (
        "import os, sys; from device.cli.boundary import guarded\n"
        "def work():\n  print('said'); print('told', file=sys.stderr)\n  return os.dup(0) - 3\n"
        "sys.exit(guarded(work))"
    )
    for command in ([*NEARFIELD, "config", "show"], [sys.executable, "-c", program]):
        line = " ".join(map(shlex.quote, command))
        done = subprocess.run(["sh", "-c", f"{line} {closed}"], capture_output=True, text=True, cwd=ROOT, check=False)
        assert done.returncode == 0, done.stderr
        assert "unexpected" not in done.stderr


def test_ctrl_c_is_one_line(tmp_path: Path) -> None:
    program = (
        "import sys, time; from device.cli.boundary import guarded\n"
        "def work():\n  print('working', flush=True)\n  time.sleep(60)\n"
        "sys.exit(guarded(work))"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", program],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env={**os.environ, "XDG_STATE_HOME": str(tmp_path)},
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "working\n"
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (130, "nearfield: interrupted\n")
