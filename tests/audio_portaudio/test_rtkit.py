"""rtkit gives real-time priority to whoever may not take it; on a bus of the test's own."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("jeepney")

from fake_rtkit import FakeRtkit

from device.audio import priority, rtkit

if shutil.which("dbus-daemon") is None:
    pytest.skip("dbus-daemon is not installed", allow_module_level=True)

#: Its limits and signals are a process's own: asking is done in another one, which may not take priority by itself.
PROGRAM = """
import os, resource, signal, sys, threading, time
from device.audio import priority
resource.setrlimit(resource.RLIMIT_RTPRIO, (0, 0))
priority._effective_capabilities = lambda: 0
if "uncaught" not in sys.argv:
    priority.catch_spinning()
begun, stop = threading.Event(), threading.Event()
def wait():
    begun.set()
    stop.wait(30)
def spin():
    begun.set()
    until = time.monotonic() + 10
    while not stop.is_set() and time.monotonic() < until:
        pass
thread = threading.Thread(target=spin if "spin" in sys.argv else wait)
thread.start()
begun.wait()
raised = priority.raise_thread(thread.native_id)
before = os.sched_getscheduler(thread.native_id) & ~os.SCHED_RESET_ON_FORK
if "spin" in sys.argv:
    time.sleep(1.2)
else:
    priority.lower_thread(thread.native_id)
after = os.sched_getscheduler(thread.native_id) & ~os.SCHED_RESET_ON_FORK
stop.set()
thread.join()
print(raised, thread.native_id, before, after, *resource.getrlimit(resource.RLIMIT_RTTIME), repr(priority.why_not()))
"""


def ask(address: str, *args: str) -> list[str]:
    environment = {**os.environ, "DBUS_SYSTEM_BUS_ADDRESS": address}
    command = [sys.executable, "-c", PROGRAM, *args]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=20, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.split(maxsplit=6)


def test_a_thread_gets_what_rtkit_gives_and_gives_it_back(tmp_path: Path) -> None:
    with FakeRtkit(tmp_path) as fake:
        raised, thread, before, after, soft, hard, reason = ask(fake.address)
    assert (raised, reason.strip()) == ("True", "''")
    assert fake.asked == [(int(thread), 20)], "no more than the service allows"
    assert (int(soft), int(hard)) == (100_000, 200_000), "the signal comes before the end"
    assert int(before) == (os.SCHED_RR if fake.applied else os.SCHED_OTHER)
    assert int(after) == os.SCHED_OTHER


def test_a_thread_that_spins_loses_its_priority_and_the_program_lives(tmp_path: Path) -> None:
    with FakeRtkit(tmp_path, rttime_us=1_200_000) as fake:  # 0.6 s to the signal, and as much again to the end
        _, _, before, after, *_ = ask(fake.address, "spin")
    if not fake.applied:
        pytest.skip("no right to real-time priority here")
    assert (int(before), int(after)) == (os.SCHED_RR, os.SCHED_OTHER)


def test_rtkit_is_not_asked_where_nothing_would_catch_the_signal(tmp_path: Path) -> None:
    with FakeRtkit(tmp_path) as fake:
        raised, *_, hard, _ = ask(fake.address, "uncaught")
    assert raised == "False"
    assert not fake.asked
    assert hard == "-1", "no limit on anything either"


def test_a_service_that_refuses_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with FakeRtkit(tmp_path) as fake:
        monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", fake.address)
        monkeypatch.setattr(rtkit, "_limit", lambda _most_us: None)
        with pytest.raises(rtkit.RtkitError, match="RLIMIT_RTTIME is not set"):
            rtkit.make_realtime(1, 40)


def test_why_not_names_what_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", f"unix:path={tmp_path / 'nothing'}")
    assert "no system D-Bus" in priority.why_not(0, 0)
    with FakeRtkit(tmp_path, on_bus=False) as fake:
        monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", fake.address)
        reason = priority.why_not(0, 0)
    assert "rtkit says" in reason
    assert "LimitRTPRIO" in reason, "and what would mend it"
    assert priority.why_not(0, 1 << 23) == "", "with a capability nobody asks"
