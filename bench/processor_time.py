"""CPU seconds and memory of this process, and other processes that keep the cores busy.

with busy_processes(2): ...           # two that spin; gone afterwards, whatever happens
before = cpu_s(); work(); print(cpu_s() - before)
"""

import contextlib
import os
import resource
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

#: Spins until its parent has gone (the argument is the parent's id), so that a bench that is killed leaves none behind.
_SPIN = "import os, sys\nwhile os.getppid() == int(sys.argv[1]):\n    for _ in range(1_000_000): pass\n"
_END_S = 5.0


def cpu_s() -> float:
    """CPU seconds, user and system, that all threads of this process have used so far."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def rss_mb() -> float:
    """Memory that this process holds now (resident), in MB. Linux."""
    pages = int(Path("/proc/self/statm").read_text("ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def memory_mb() -> float:
    """Anonymous memory of this process: not the mapped files of models; `rss_mb` where the kernel does not tell it."""
    told = _told_mb("smaps_rollup", "Anonymous")
    return rss_mb() if told is None else told


def peak_rss_mb() -> float:
    """The most that this program has ever held, in MB. Linux: ru_maxrss is also what held who began it."""
    told = _told_mb("status", "VmHWM")
    assert told is not None
    return told


def _told_mb(file: str, name: str) -> float | None:
    """A line in kB of a file of /proc/self; None: this kernel does not tell it."""
    with contextlib.suppress(OSError):
        for line in (Path("/proc/self") / file).read_text("utf-8", "replace").splitlines():
            if line.startswith(f"{name}:"):
                return int(line.split()[1]) / 1024
    return None


@contextlib.contextmanager
def busy_processes(number: int) -> Iterator[list[int]]:
    """`number` processes that spin at normal priority; yields their ids."""
    running: list[subprocess.Popen[bytes]] = []
    try:
        for _ in range(number):
            running.append(subprocess.Popen([sys.executable, "-c", _SPIN, str(os.getpid())]))
        yield [each.pid for each in running]
    finally:
        for each in running:
            each.terminate()
        for each in running:
            try:
                each.wait(_END_S)
            except subprocess.TimeoutExpired:
                each.kill()
                each.wait()
