"""Real-time priority for the thread that runs the audio callback, where the system allows it.

    reason = why_not()                     # "" when this process may have it; `nearfield run` shows it
    raise_thread(thread_id)                # of the callback, or of any thread of this process

Linux runs a SCHED_FIFO thread before all others. It may be given by root, by CAP_SYS_NICE, or under a limit on
real-time priority: `LimitRTPRIO=` in a systemd unit, "@audio - rtprio 95" in /etc/security/limits.conf. Failing that,
rtkit is asked, which desktop systems have (`rtkit.py`). Without any of them everything works until more threads want
to run than there are cores: then sound can be lost (docs/audio.md).
"""

import logging
import os
import resource
import signal
import threading
from functools import cache
from pathlib import Path

from device.audio import rtkit
from device.audio.rtkit import RtkitError

log = logging.getLogger(__name__)

#: Below the kernel's own interrupt threads (50): the card's interrupt must be able to come before its reader.
PRIORITY = 40
CAP_SYS_NICE = 23  # linux/capability.h
_HINT = "allow it with LimitRTPRIO=40 in the unit, '@audio - rtprio 40' in /etc/security/limits.conf, or install rtkit"
_REAL_TIME = (os.SCHED_FIFO, os.SCHED_RR)
_from_rtkit: set[int] = set()  # threads under RLIMIT_RTTIME; added to and taken from in one step each


def why_not(limit: int | None = None, capabilities: int | None = None) -> str:
    """Why this process may not run threads at real-time priority, with what would mend it; "" when it may.

    `limit`: RLIMIT_RTPRIO, -1 for none; `capabilities`: the effective set, as bits. None: those of this process.
    The kernel can refuse nevertheless (a container without a share of real-time), and so can rtkit: which only
    `raise_thread` finds out. Where neither limit nor capability allows it rtkit is asked for its terms: some seconds at
    most, where the bus hangs.
    """
    reason = _not_by_itself(limit, capabilities)
    if not reason:
        return ""
    try:
        rtkit.offer()
    except RtkitError as error:
        return f"no real-time priority for sound, so it may drop out under load: {reason}, and {error}; {_HINT}"
    return ""


def _not_by_itself(limit: int | None = None, capabilities: int | None = None) -> str:
    if limit is None:
        limit = resource.getrlimit(resource.RLIMIT_RTPRIO)[1]
    if capabilities is None:
        capabilities = _effective_capabilities()
    if capabilities >> CAP_SYS_NICE & 1 or limit == resource.RLIM_INFINITY or limit >= PRIORITY:
        return ""
    return f"the limit is {limit}, {PRIORITY} is needed" if limit else "there is neither CAP_SYS_NICE nor a limit"


def raise_thread(thread_id: int) -> bool:
    """Give real-time priority to a thread of this process; False, and a line in the log, where that is not allowed."""
    reason, granted = _not_by_itself(), PRIORITY
    if not reason:
        _raise_own_limit()
        try:
            # what the thread starts does not inherit it
            os.sched_setscheduler(thread_id, os.SCHED_FIFO | os.SCHED_RESET_ON_FORK, os.sched_param(PRIORITY))
        except ProcessLookupError:
            return False  # the stream has ended meanwhile
        except OSError as error:
            _tell_refusal(str(error.strerror).lower())
            return False  # nor would rtkit help: a container without a share of real-time
    if reason:
        try:
            granted = _ask_rtkit(thread_id)
        except RtkitError as error:
            log.info("no real-time priority for sound: %s, and %s", reason, error)  # `nearfield run` has shown it
            return False
    log.info("the audio callback runs at real-time priority %d%s", granted, ", from rtkit" if reason else "")
    return True


def catch_spinning() -> None:
    """Before rtkit is asked, in the main thread: a thread of its that computes without a pause loses its priority.

    Without this the signal that the kernel sends then would end the process. Does nothing in other threads, or where
    rtkit will not be asked.
    """
    if threading.current_thread() is threading.main_thread() and _not_by_itself():
        signal.signal(signal.SIGXCPU, _lower_all)


def _ask_rtkit(thread_id: int) -> int:
    if signal.getsignal(signal.SIGXCPU) == signal.SIG_DFL:
        raise RtkitError("rtkit is not asked, for nothing would catch a thread that spins")
    granted = rtkit.make_realtime(thread_id, PRIORITY)
    _from_rtkit.add(thread_id)
    return granted


@cache
def _tell_refusal(why: str) -> None:
    """Once a process: nobody could foresee it, and every card that comes back meets it again."""
    log.warning("no real-time priority for sound: the system refuses (%s)", why)


def lower_thread(thread_id: int) -> None:
    """Back to the ordinary scheduler; a thread that is gone, or never was raised, is left alone."""
    try:
        _from_rtkit.discard(thread_id)
        if thread_id and os.sched_getscheduler(thread_id) & ~os.SCHED_RESET_ON_FORK in _REAL_TIME:
            # the flag stays: only a privileged thread may take it off
            os.sched_setscheduler(thread_id, os.SCHED_OTHER | os.SCHED_RESET_ON_FORK, os.sched_param(0))
    except OSError as error:
        log.debug("the callback's thread keeps its priority: %s", error)


def _lower_all(_number: int, _frame: object) -> None:
    for thread_id in tuple(_from_rtkit):
        lower_thread(thread_id)


def _raise_own_limit() -> None:
    """A process may raise its soft limit as far as the hard one."""
    soft, hard = resource.getrlimit(resource.RLIMIT_RTPRIO)
    if soft != hard:
        resource.setrlimit(resource.RLIMIT_RTPRIO, (hard, hard))


def _effective_capabilities() -> int:
    try:
        status = Path("/proc/self/status").read_text("ascii", "replace")
    except OSError:
        return 0
    return next((int(line.split()[1], 16) for line in status.splitlines() if line.startswith("CapEff:")), 0)
