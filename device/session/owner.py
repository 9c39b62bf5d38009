"""Which process writes a session, and is it still there?

    session.owner = this_process(); alive(session.owner)     # False after its end, whatever the end was

A process is named by the boot of the machine, its number and its start: a number that was given out again is another
process. Linux only (/proc); elsewhere no process is known to be alive.
"""

import os
from pathlib import Path

_PROC = Path("/proc")
_START_FIELD = 19  # of /proc/PID/stat behind the name: starttime is field 22 (proc(5)), the name is field 2


def this_process() -> str:
    """A name for this process that no other has, "" where there is none."""
    return _name(os.getpid())


def alive(owner: str | None) -> bool:
    """Is the process of that name running?"""
    if not owner:
        return False
    _boot, _, process = owner.partition(":")
    number = process.partition(":")[0]
    return number.isdigit() and _name(int(number)) == owner


def _name(number: int) -> str:
    try:
        boot = (_PROC / "sys/kernel/random/boot_id").read_text("ascii").strip()
        stat = (_PROC / str(number) / "stat").read_bytes()
    except OSError:
        return ""
    fields = stat[stat.rfind(b")") + 1 :].split()  # the name may have spaces and brackets in it
    if len(fields) <= _START_FIELD or fields[0] == b"Z":  # killed, and not yet waited for
        return ""
    return f"{boot}:{number}:{fields[_START_FIELD].decode('ascii')}"
