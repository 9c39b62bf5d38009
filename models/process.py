"""What the process must be told before a model runtime is loaded: how threads wait, and what malloc gives back.

    import models.process  # before llama_cpp, _pywhispercpp, onnxruntime

whisper.cpp and llama.cpp share their work out with OpenMP, whose threads spin at every barrier, thousands of times a
second. As long as each thread has a core to itself that is the fastest way; but an appliance recognises, writes and
speaks at once on two or four cores, and then a spinning thread holds the core that the thread it waits for needs.
Never to spin is as bad while the cores are free. A few hundred turns, then sleep, is near the best of both. On two
cores, 2 threads each, tiny.en on 3.6 s of speech and SmolLM2 writing:

    GOMP_SPINCOUNT    cores free              one core taken by another program
    0                 200 ms   41 tokens/s    285 ms   48 tokens/s
    300               160 ms  104 tokens/s    305 ms   41 tokens/s
    3000              150 ms  105 tokens/s    445 ms   15 tokens/s
    30000             152 ms  109 tokens/s    850 ms    5 tokens/s

The variable is read once, when libgomp is loaded; what the environment says already is left alone.

glibc's malloc raises the size from which it maps memory of its own for a block whenever such a block is freed, up to
32 MB; after that the large buffers that loading and speaking need for a moment are cut from the heap, and the holes
they leave stay with the process. With the size held at its first value the four models take 475 MB in place of 605,
and 540 at their peak in place of 625, and are no slower.
"""

import ctypes
import os

os.environ.setdefault("GOMP_SPINCOUNT", "300")

#: M_MMAP_THRESHOLD of malloc.h, and the value that glibc starts with.
_M_MMAP_THRESHOLD = -3
_MMAP_THRESHOLD_BYTES = 128 * 1024

_libc = ctypes.CDLL(None)
if hasattr(_libc, "mallopt"):  # glibc alone has it, and needs it
    _libc.mallopt(_M_MMAP_THRESHOLD, _MMAP_THRESHOLD_BYTES)


def worker_threads(threads: int, *, most: int) -> int:
    """`threads`, or for 0 as many as this process may use cores, but not more than `most`."""
    return threads if threads > 0 else min(most, len(os.sched_getaffinity(0)))
