"""Real-time priority for the thread that runs the audio callback, where the system allows it.

    reason = why_not()                     # "" when this process may have it; `nearfield run` shows it
    raise_thread(thread_id)                # of the callback, or of any thread of this process

Linux runs a SCHED_FIFO thread before all others. It may be given by root, by CAP_SYS_NICE, or under a limit on
real-time priority: `LimitRTPRIO=` in a systemd unit, "@audio - rtprio 95" in /etc/security/limits.conf. Without it
everything works until more threads want to run than there are cores: then sound can be lost (docs/audio.md).
"""

import logging
import os
import resource
from functools import cache
from pathlib import Path

log = logging.getLogger(__name__)

#: Below the kernel's own interrupt threads (50): the card's interrupt must be able to come before its reader.
PRIORITY = 40
_CAP_SYS_NICE = 23  # linux/capability.h
_HINT = "allow it with LimitRTPRIO=40 in the unit, or '@audio - rtprio 40' in /etc/security/limits.conf"


def why_not(limit: int | None = None, capabilities: int | None = None) -> str:
    """Why this process may not run threads at real-time priority, with what would mend it; "" when it may.

    `limit`: RLIMIT_RTPRIO, -1 for none; `capabilities`: the effective set, as bits. None: those of this process.
    The kernel can refuse nevertheless (a container without a share of real-time), which only `raise_thread` finds out.
    """
    if limit is None:
        limit = resource.getrlimit(resource.RLIMIT_RTPRIO)[1]
    if capabilities is None:
        capabilities = _effective_capabilities()
    if capabilities >> _CAP_SYS_NICE & 1 or limit == resource.RLIM_INFINITY or limit >= PRIORITY:
        return ""
    allowed = f"the limit is {limit}, {PRIORITY} is needed" if limit else "there is neither CAP_SYS_NICE nor a limit"
    return f"no real-time priority for sound, so it may drop out under load: {allowed}; {_HINT}"


def raise_thread(thread_id: int) -> bool:
    """Give SCHED_FIFO to a thread of this process; False, and a line in the log, where that is not allowed."""
    reason = why_not()
    if not reason:
        _raise_own_limit()
        try:
            # what the thread starts does not inherit it
            os.sched_setscheduler(thread_id, os.SCHED_FIFO | os.SCHED_RESET_ON_FORK, os.sched_param(PRIORITY))
        except ProcessLookupError:
            return False  # the stream has ended meanwhile
        except OSError as error:
            _tell_refusal(error.strerror)
            return False
    if reason:
        log.info("%s", reason)
        return False
    log.info("the audio callback runs at real-time priority %d", PRIORITY)
    return True


@cache
def _tell_refusal(why: str) -> None:
    """Once a process: nobody could foresee it, and every card that comes back meets it again."""
    log.warning("no real-time priority for sound: the system refuses (%s)", why.lower())


def lower_thread(thread_id: int) -> None:
    """Back to the ordinary scheduler; a thread that is gone, or never was raised, is left alone."""
    try:
        if thread_id and os.sched_getscheduler(thread_id) & ~os.SCHED_RESET_ON_FORK == os.SCHED_FIFO:
            # the flag stays: only a privileged thread may take it off
            os.sched_setscheduler(thread_id, os.SCHED_OTHER | os.SCHED_RESET_ON_FORK, os.sched_param(0))
    except OSError as error:
        log.debug("the callback's thread keeps its priority: %s", error)


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
