"""What the process must be told before a model runtime is loaded: how threads wait, and what malloc gives back.

    import models.process  # before llama_cpp, _pywhispercpp, onnxruntime

whisper.cpp and llama.cpp share their work out with OpenMP, whose threads wait for each other thousands of times a
second. One that spins at such a barrier holds a core that another model may need; one that sleeps has to be woken, and
that takes longer than most of what it then does. So: spin for a few microseconds, then sleep. GOMP_SPINCOUNT alone does
not say so. In the appliance each model is called from a thread of its own, with helpers of its own; as soon as there
are more of them than cores, libgomp spins only 100 turns, whatever GOMP_SPINCOUNT says, or up to 1000 of them where
OMP_WAIT_POLICY is "active" (gomp_throttled_spin_count_var in GCC's libgomp/env.c). Two cores, 2 threads each, every
model called from its own thread: tiny.en on 2.3 s of speech / first token of SmolLM2 for 9 new ones / its first seven,
in ms, and how often threads slept during the decode (medians of 4 to 12; two runs of the first):

    turns    cores free                        one core taken by another program
    100      131-179 / 58-82 / 131-192 (1932)  234 /  80 / 195
    300      108 / 43 / 92 (554)               232 /  92 / 225
    1000     94 / 42 / 87 (28)                 322 / 142 / 404

A turn is one PAUSE, which takes 10 to 140 cycles by processor. On another one, with 11.5 ns a turn, 300 were too few:

    100      176 / 95 / 304 (2138)             193 /  62 / 202
    300      174 / 77 / 210 (1962)             197 /  67 / 217
    600      108 / 43 / 141 (466)              196 /  74 / 245
    1000     98 / 39 / 123 (66)                215 /  84 / 312

So what is set is a time, and what a turn takes is measured (`models/native`): 12 us are some 1,040 turns there, and
300 where a turn takes 40 ns.

The variables are read once, when libgomp is loaded; what the environment says already is left alone.

numpy's OpenBLAS has threads too, which spin for some 25 ms behind a product of two matrices. The mel bands of the turn
model are one, and a decode or a reply is what comes next: behind a verdict the decode took 120 ms in place of 94, the
first token 90 in place of 43, and the verdict itself 43 in place of 27. Nothing in the appliance multiplies matrices
for which a second thread would be worth it.

glibc's malloc raises the size from which it maps memory of its own for a block whenever such a block is freed, up to
32 MB; after that the large buffers that loading and speaking need for a moment are cut from the heap, and the holes
they leave stay with the process. With the size held at its first value the four models take 475 MB in place of 605,
and 540 at their peak in place of 625, and are no slower.
"""

import ctypes
import gc
import os

import numpy  # noqa: F401 - so that there is an OpenBLAS to be told
from threadpoolctl import threadpool_limits

from models import cores
from models.native import _native

#: How long a thread spins at a barrier before it sleeps, and the bounds of libgomp in turns, as above.
_SPIN_US = 12.0
_FEWEST_TURNS, _MOST_TURNS = 100, 1000
#: Turns that are measured at once, and how often: the quickest of them is the one that nothing came between.
_PROBE_TURNS, _PROBES = 1000, 8


def spin_turns(ns_a_turn: float) -> int:
    """How many turns of `ns_a_turn` nanoseconds a thread is to spin at a barrier."""
    return min(_MOST_TURNS, max(_FEWEST_TURNS, round(_SPIN_US * 1000 / ns_a_turn)))


def spin_turn_ns() -> float:
    """What a turn of libgomp's waiting loop takes on this processor, in nanoseconds; measuring takes below 1 ms."""
    quickest: int = min(_native.lib.nf_spin_ns(_PROBE_TURNS) for _ in range(_PROBES))
    return max(1, quickest) / _PROBE_TURNS


os.environ.setdefault("OMP_WAIT_POLICY", "active")
os.environ.setdefault("GOMP_SPINCOUNT", str(spin_turns(spin_turn_ns())))
cores.bind_openmp()

threadpool_limits(1, user_api="blas")  # for good: it is not used as a context

#: M_MMAP_THRESHOLD of malloc.h, and the value that glibc starts with.
_M_MMAP_THRESHOLD = -3
_MMAP_THRESHOLD_BYTES = 128 * 1024

_libc = ctypes.CDLL(None)
if hasattr(_libc, "mallopt"):  # glibc alone has it, and needs it
    _libc.mallopt(_M_MMAP_THRESHOLD, _MMAP_THRESHOLD_BYTES)


def settled() -> None:
    """All that there is now will stay: the garbage collector need not look at it again.

    A full collection with all models loaded holds the GIL for 57 ms, on two x86-64 cores, and because it takes long
    Python makes few of them: what refers to itself, an error's traceback with the audio in its frames, waits for
    minutes. It is below 1 ms, and they are made often, once modules and models are out of it. To be called once they
    are loaded and before a conversation begins: of what is there now nothing that refers to itself is ever freed.
    """
    gc.collect()
    gc.freeze()
    gc.collect()  # from this count on it is decided when the next full one is due


def worker_threads(threads: int, *, most: int) -> int:
    """`threads`, or for 0 as many as this process may use cores, but not more than `most`."""
    return threads if threads > 0 else min(most, len(os.sched_getaffinity(0)))
