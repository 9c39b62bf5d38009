"""How much processor and memory another process takes, from /proc.

reader = ProcessReader(pid)
reader.read(now_s=10.0); usage = reader.read(now_s=11.0)
usage.cpu_percent, usage.memory_bytes          # 34.0 (of one core), 431_000_000
"""

import os
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Usage:
    """None: it cannot be told (yet)."""

    cpu_percent: float | None = None  #: of one core, since the read before
    memory_bytes: int | None = None  #: resident
    grown_percent: float | None = None  #: memory, since the first read


class ProcessReader:
    """Not thread-safe."""

    def __init__(self, pid: int, root: Path = Path("/")) -> None:
        """`root`: where `proc` is."""
        self._stat = root / "proc" / str(pid) / "stat"
        self._ticks_hz = os.sysconf("SC_CLK_TCK")
        self._page_bytes = os.sysconf("SC_PAGE_SIZE")
        self._before: tuple[float, float] | None = None  # when, CPU seconds
        self._first_bytes: int | None = None

    def read(self, now_s: float) -> Usage:
        """`now_s`: on any clock that does not jump. Raises nothing."""
        try:
            # proc_pid_stat(5); the name in parentheses may hold anything
            fields = self._stat.read_text("utf-8", errors="replace").rpartition(")")[2].split()
            cpu_s = (int(fields[11]) + int(fields[12])) / self._ticks_hz
            memory = int(fields[21]) * self._page_bytes
        except (OSError, ValueError, IndexError):
            return Usage()
        before, self._before = self._before, (now_s, cpu_s)
        self._first_bytes = self._first_bytes or memory
        percent = None
        if before is not None and now_s > before[0]:
            percent = max(0.0, 100 * (cpu_s - before[1]) / (now_s - before[0]))
        grown = 100 * (memory / self._first_bytes - 1) if self._first_bytes else None
        return Usage(percent, memory, grown)
