"""Who may have real-time priority, and that it is given and taken back."""

import os
import threading

import pytest

from device.audio import priority

CAP_SYS_NICE = 1 << 23


@pytest.mark.parametrize(
    ("limit", "capabilities", "allowed"),
    [
        (0, 0, False),
        (priority.PRIORITY - 1, 0, False),
        (priority.PRIORITY, 0, True),
        (-1, 0, True),
        (0, CAP_SYS_NICE, True),
        (0, ~CAP_SYS_NICE & 0xFFFFFFFF, False),
    ],
)
def test_who_may_have_it(limit: int, capabilities: int, allowed: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", "unix:path=/nowhere")  # by itself: not from this machine's rtkit
    reason = priority.why_not(limit, capabilities)
    assert (reason == "") == allowed
    if not allowed:
        assert "LimitRTPRIO" in reason, "it says what would mend it"


def test_a_thread_gets_it_or_the_reason_is_known_and_can_be_put_back() -> None:
    stop, begun = threading.Event(), threading.Event()

    def wait() -> None:
        begun.set()
        stop.wait(30)

    thread = threading.Thread(target=wait)
    thread.start()
    begun.wait(30)
    try:
        assert thread.native_id is not None
        raised = priority.raise_thread(thread.native_id)
        scheduler = os.sched_getscheduler(thread.native_id) & ~os.SCHED_RESET_ON_FORK
        assert scheduler == (os.SCHED_FIFO if raised else os.SCHED_OTHER)
        assert not (raised and priority.why_not())
        assert os.sched_getscheduler(0) == os.SCHED_OTHER, "nobody else got it"
        priority.lower_thread(thread.native_id)
        assert os.sched_getscheduler(thread.native_id) & ~os.SCHED_RESET_ON_FORK == os.SCHED_OTHER
    finally:
        stop.set()
        thread.join()


def test_a_thread_that_is_gone_is_no_error() -> None:
    gone = 1 << 22  # PID_MAX_LIMIT of 64-bit Linux: no thread ever has this id
    assert not priority.raise_thread(gone)
    priority.lower_thread(gone)
    priority.lower_thread(0)  # before the first callback
