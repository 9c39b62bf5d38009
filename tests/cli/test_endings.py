"""A signal that asks for the end while `nearfield run` is not listening yet."""

import contextlib
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from device import assembly
from device.audio import devices, negotiate, portaudio, priority
from device.audio.devices import DeviceInfo
from device.cli.endings import EndedEarlyError, Endings
from device.cli.main import run_command
from device.control import reload
from device.errors import ConfigError

CARD = DeviceInfo(0, "Array (hw:1,0)", "ALSA", 4, 2, 16_000, True, True)
Capture = pytest.CaptureFixture[str]


def kill(number: int) -> None:
    os.kill(os.getpid(), number)
    time.sleep(0)  # Python's handlers run between two of its instructions


@pytest.fixture(autouse=True)
def handlers() -> Iterator[None]:
    """As a process begins; a test that goes wrong must not end the whole run."""
    numbers = (signal.SIGTERM, signal.SIGHUP, signal.SIGINT)
    before = [signal.getsignal(number) for number in numbers]
    for number in numbers[:2]:
        signal.signal(number, lambda number, _frame: pytest.fail(f"signal {number} was not handled"))
    yield
    for number, handler in zip(numbers, before, strict=True):
        signal.signal(number, handler)


@pytest.fixture
def loading(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[], Any]], None]:
    """What happens while the models are loaded, on a machine with a card."""
    monkeypatch.setattr(portaudio, "list_devices", lambda: [CARD])
    monkeypatch.setattr(negotiate, "_check", lambda *_: None)
    monkeypatch.setattr(priority, "why_not", lambda: "")
    return lambda happens: monkeypatch.setattr(assembly, "load_models", lambda _settings, _persona: happens())


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_while_the_models_load_is_an_orderly_end(
    number: signal.Signals, loading: Callable[[Callable[[], Any]], None], capsys: Capture
) -> None:
    loading(lambda: kill(number))
    assert run_command(["run"]) == 0
    out, err = capsys.readouterr()
    assert err == f"nearfield: ended by {number.name} before it listened\n"
    assert "is listening" not in out


def test_a_library_that_swallows_everything_does_not_swallow_the_end(
    loading: Callable[[Callable[[], Any]], None], capsys: Capture
) -> None:
    def happens() -> None:
        with contextlib.suppress(BaseException):  # as C extensions do whose callbacks cannot raise
            kill(signal.SIGTERM)

    loading(happens)
    assert run_command(["run"]) == 0
    assert capsys.readouterr().err == "nearfield: ended by SIGTERM before it listened\n"


def test_ctrl_c_while_the_models_load(loading: Callable[[Callable[[], Any]], None], capsys: Capture) -> None:
    loading(lambda: kill(signal.SIGINT))
    assert run_command(["run"]) == 130
    assert capsys.readouterr().err == "nearfield: interrupted\n"


def test_while_something_is_made_the_end_waits_for_it() -> None:
    made = []
    for number, raised in ((signal.SIGTERM, EndedEarlyError), (signal.SIGINT, KeyboardInterrupt)):
        with pytest.raises(raised), Endings() as endings, endings.held():
            kill(number)
            made.append(number)
    assert made == [signal.SIGTERM, signal.SIGINT]


def test_once_it_runs_the_end_is_a_call_and_leaving_is_not_disturbed() -> None:
    calls = []
    with Endings() as endings:
        with endings.by(lambda: calls.append("stop"), begun=lambda: True):
            assert calls == []
            kill(signal.SIGTERM)
            assert calls == ["stop"]
            kill(signal.SIGHUP)
            assert calls == ["stop", "stop"]
        kill(signal.SIGTERM)  # while the record is closed
    assert calls == ["stop", "stop"]


def test_while_a_busy_card_is_waited_for_nobody_looks_whether_to_stop() -> None:
    calls = []
    waits = Endings()
    with pytest.raises(EndedEarlyError), waits, waits.by(lambda: calls.append("stop"), begun=lambda: False):
        kill(signal.SIGTERM)
    assert calls == ["stop"]


def test_handlers_are_put_back_and_nohup_is_respected() -> None:
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    before = [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT)]
    with Endings() as endings:
        assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
        kill(signal.SIGHUP)
        with endings.held():
            pass
        endings.check()
    assert [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT)] == before


def test_for_a_service_hanging_up_may_mean_something_else() -> None:
    done: list[str] = []
    with Endings() as endings, endings.by(lambda: done.append("stop"), begun=lambda: True):
        with endings.hang_up_means(lambda: done.append("reload")):
            kill(signal.SIGHUP)
            assert done == ["reload"]
            assert not endings.asked
        kill(signal.SIGHUP)
        assert done == ["reload", "stop"]
        assert endings.asked


@pytest.mark.parametrize("wrong", [False, True])
def test_a_service_that_waits_for_its_card_begins_anew_at_hang_up(
    loading: Callable[[Callable[[], Any]], None], monkeypatch: pytest.MonkeyPatch, capsys: Capture, *, wrong: bool
) -> None:
    """Unless the configuration is wrong: then it waits on."""
    tries: list[int] = []

    def rescan() -> None:
        tries.append(1)
        if len(tries) == 2:
            kill(signal.SIGHUP)
        if wrong and len(tries) == 4:  # it has waited on
            for thread in threading.enumerate():
                if thread.name == "nearfield-reload":
                    thread.join(30)
            kill(signal.SIGTERM)

    def check(*_: object) -> None:
        if wrong:
            raise ConfigError("there is no persona 'x'")

    begun_anew: list[int] = []
    loading(lambda: None)
    monkeypatch.setattr(portaudio, "list_devices", lambda: [])
    monkeypatch.setattr(devices, "rescan", rescan)
    monkeypatch.setattr(reload, "is_service", lambda: True)
    monkeypatch.setattr(reload, "check_startable", check)
    monkeypatch.setattr(reload, "exec_again", lambda: begun_anew.append(1))
    assert run_command(["run", "--set", "audio.wait_for_card_s=600"]) == 0
    told = capsys.readouterr().err
    assert ("it does not begin anew: there is no persona 'x'" in told) is wrong
    assert ("ended by SIGTERM" in told) is wrong
    assert "SIGHUP" not in told
    assert begun_anew == ([] if wrong else [1])
