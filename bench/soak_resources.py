"""Memory, descriptors and threads of this process, over hours: has anything grown? Linux.

    watch = Resources(); watch.sample(idle=True); ...; watch.totals(warm_s=600)

Memory is what is this process's own (anonymous: not the mapped files of models and libraries, which come and go with
the page cache and with other programs that read them), as the median of a stretch: the garbage of the moment is none.
"""

import contextlib
import re
import statistics
import sys
import threading
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bench.processor_time import memory_mb
from device.dialogue.utterance import UtterancePolicy
from device.skills.hints import MOST_CHARS
from models.protocols import SAMPLE_RATE_HZ, Expecting, Recogniser

_WINDOW = 0.15  # of the time, at both ends


@dataclass(frozen=True, slots=True)
class Sample:
    at_s: float
    memory_mb: float
    open: tuple[str, ...]  #: descriptors, by name
    threads: int

    @property
    def descriptors(self) -> int:
        return len(self.open)


def descriptors() -> tuple[str, ...]:
    """What is open: file names without their folder, "socket", "pipe" and their like. But for the one that looks."""
    out = []
    for each in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(OSError):  # the one that looks is gone by now
            # the same names each time: a soak keeps a thousand samples, which must not be what grows
            out.append(sys.intern(re.sub(r":\[\d+\]$", "", each.readlink().name)))
    return tuple(sorted(out))


def touch(recogniser: Recogniser) -> None:
    """The largest buffers that a recogniser can come to need, which it keeps: no growth, whenever they are first used.

    whisper.cpp takes their addresses when it is loaded and their memory when they are filled: a second look with a
    full prompt 75 MB, a sound of 24 s 90. In a soak that second look came in the second minute, or in the 48th.
    """
    longest = round(UtterancePolicy().cut_at_latest_ms * SAMPLE_RATE_HZ / 1000)
    recogniser.transcribe(np.zeros(longest, np.float32))
    if isinstance(recogniser, Expecting):
        recogniser.transcribe_expecting(np.zeros(SAMPLE_RATE_HZ, np.float32), "a lamp " * (MOST_CHARS // 7))


class Resources:
    """Samples of one soak; a sample every few seconds, so hours are some thousands."""

    def __init__(self) -> None:
        self._begun_s = time.monotonic()
        self.samples: list[Sample] = []

    def sample(self) -> Sample:
        """Now; to be called while nothing is broken and nothing is going on."""
        at_s = time.monotonic() - self._begun_s
        made = Sample(at_s, memory_mb(), descriptors(), threading.active_count())
        self.samples.append(made)
        return made

    def totals(self, warm_s: float) -> dict[str, Any]:
        """From the end of the warm-up to the end; None where there are too few samples to tell."""
        return growth([each for each in self.samples if each.at_s >= warm_s]) | {"memory_by_minute": self.by_minute()}

    def by_minute(self) -> list[float | None]:
        """The median of the memory of each minute, MB, at most of the last 600; None: never was it quiet."""
        minutes: dict[int, list[float]] = {}
        for each in self.samples:
            minutes.setdefault(int(each.at_s // 60), []).append(each.memory_mb)
        last = max(minutes, default=-1)
        shown = range(max(0, last - 599), last + 1)
        return [round(statistics.median(minutes[n]), 1) if n in minutes else None for n in shown]


def growth(samples: list[Sample]) -> dict[str, Any]:
    """Medians of the first and the last stretch of `samples`; Nones for fewer than six."""
    names = ("memory", "descriptors", "threads")
    if len(samples) < 6:
        return {f"{name}_{what}": None for name in names for what in ("warm", "end", "growth")}
    size = max(3, round(len(samples) * _WINDOW))
    out: dict[str, Any] = {}
    for name in names:
        key = "memory_mb" if name == "memory" else name
        warm, end = (statistics.median(getattr(s, key) for s in part) for part in (samples[:size], samples[-size:]))
        out[f"{name}_warm"], out[f"{name}_end"] = round(warm, 1), round(end, 1)
        out[f"{name}_growth"] = round(100 * (end - warm) / warm, 2) if name == "memory" else round(end - warm, 1)
    out["descriptors_more"] = dict(Counter(samples[-1].open) - Counter(samples[0].open))
    return out
