"""What the log says, and where."""

import logging
import threading
from collections.abc import Iterator

import pytest

from device.audio import negotiate, portaudio, priority
from device.audio.devices import DeviceInfo
from device.cli.log_output import OURS, LineHandler, configure
from device.cli.main import run_command

Capture = pytest.CaptureFixture[str]
CARD = DeviceInfo(0, "Array (hw:1,0)", "ALSA", 4, 2, 16_000, True, True)


@pytest.fixture(autouse=True)
def as_it_was(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.delenv("NEARFIELD_DEBUG", raising=False)
    yield
    root = logging.getLogger()
    for handler in [each for each in root.handlers if isinstance(each, LineHandler)]:
        root.removeHandler(handler)
    for name in OURS:
        logging.getLogger(name).setLevel(logging.NOTSET)


def fail(why: str) -> None:
    raise ZeroDivisionError(why)


def test_a_warning_is_one_line_and_below_it_there_is_nothing(capsys: Capture) -> None:
    configure()
    log = logging.getLogger("device.somewhere")
    log.info("not this")
    log.warning("the disk of %s\nis full", "the cat")
    assert capsys.readouterr().err == "nearfield: the disk of the cat is full\n"


def test_configured_twice_it_says_it_once(capsys: Capture) -> None:
    configure(verbose=True)
    configure()
    logging.getLogger("models.tts").warning("hello")
    logging.getLogger("models.tts").debug("not this")
    assert capsys.readouterr().err == "nearfield: hello\n"


def test_what_failed_is_named_without_its_traceback(capsys: Capture) -> None:
    configure()
    try:
        fail("by\nzero")
    except ZeroDivisionError:
        logging.getLogger("device.gpio.button").exception("the button failed")
    assert capsys.readouterr().err == "nearfield: the button failed (ZeroDivisionError: by zero)\n"


@pytest.mark.parametrize("by_environment", [True, False])
def test_in_detail_it_says_who_and_everything_of_ours(
    by_environment: bool, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    if by_environment:
        monkeypatch.setenv("NEARFIELD_DEBUG", "1")
    configure(verbose=not by_environment)
    logging.getLogger("device.audio.keeper").debug("not back yet")
    # Piper logs what it is to speak at this level
    logging.getLogger("piper.voice").debug("text=%s", "my secret")
    try:
        fail("by zero")
    except ZeroDivisionError:
        logging.getLogger("nearfield.session").exception("it failed")
    err = capsys.readouterr().err
    assert err.startswith("nearfield: debug: device.audio.keeper: not back yet\n")
    assert "nearfield: error: nearfield.session: it failed\n    Traceback" in err
    assert "my secret" not in err


def test_a_record_that_makes_no_sense_ends_nothing(capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logging, "raiseExceptions", False)
    configure()
    logging.getLogger("device").warning("%d", "no number")
    logging.getLogger("device").warning("after it")
    assert capsys.readouterr().err == "nearfield: after it\n"


def test_lines_of_many_threads_stay_whole(capfd: pytest.CaptureFixture[str]) -> None:
    configure()

    def talk(name: str) -> None:
        for _ in range(200):
            logging.getLogger("device").warning("%s", name * 50)

    threads = [threading.Thread(target=talk, args=(name,)) for name in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(set(capfd.readouterr().err.splitlines())) == [f"nearfield: {name * 50}" for name in "abcd"]


@pytest.mark.parametrize("args", [["--verbose", "config", "path"], ["--verbose", "devices"]])
def test_the_command_takes_it(args: list[str]) -> None:
    run_command(args)
    assert logging.getLogger("device").level == logging.DEBUG
    run_command(["--version"])
    assert logging.getLogger("device").level == logging.NOTSET


def test_run_says_why_there_is_no_real_time_priority(monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> None:
    monkeypatch.setattr(portaudio, "list_devices", lambda: [CARD])
    monkeypatch.setattr(negotiate, "_check", lambda *_: None)
    monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", "unix:path=/nowhere")  # not from this machine's rtkit
    reason = priority.why_not(limit=0, capabilities=0)
    monkeypatch.setattr(priority, "why_not", lambda: reason)
    assert run_command(["run", "--set", "models.dir=/nonexistent"]) == 1
    out, _ = capsys.readouterr()
    assert out.count("\n") == 1
    assert "LimitRTPRIO=40" in out


def test_a_kernel_that_refuses_real_time_priority_is_told_once(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(priority, "_not_by_itself", lambda: "")
    monkeypatch.setattr(priority, "_raise_own_limit", lambda: None)
    monkeypatch.setattr(priority.os, "sched_setscheduler", refuse)
    priority._tell_refusal.cache_clear()
    assert not priority.raise_thread(1)
    assert not priority.raise_thread(1)
    told = [r.getMessage() for r in caplog.records if r.levelname == "WARNING"]
    assert told == ["no real-time priority for sound: the system refuses (operation not permitted)"]
