"""Each thread of a model has a core of its own.

    import models.process                        # binds OpenMP's threads, before a runtime is loaded
    options.add_session_config_entry("session.intra_op_thread_affinities", helpers(threads))
    Worker("turn", begin=models.cores.lead)      # who calls ONNX Runtime has the first core

A model works with as many threads as there are cores, and they wait for each other thousands of times a second.
Behind a rest Linux wakes each of them where there is room just then. A thread of the ear that is busy for half a
millisecond is enough for two of a model's to meet on one core while the other one has nothing to do, and 10 to 20 ms
go by before the kernel moves one away. On two cores a verdict took 27 ms alone in a loop, and 40 to 60 behind an
utterance, of which its two threads were at work for 26 each; bound like this it takes 27 to 32 there.

So the thread that calls a model is bound to the first core and its helpers to the others. OpenMP's do that by
themselves (OMP_PROC_BIND, OMP_PLACES); they read it when the library is loaded, and bind the thread that loads it as
well, which is undone. With more cores than a model has threads there is room, and nothing is bound. What the
environment says of it already is left alone: with OMP_PROC_BIND=false all threads go where the kernel puts them.
"""

import contextlib
import ctypes
import os

#: No recogniser is given more threads than these: where there are more cores there is room.
MOST = 4
_OPENMP = "libgomp.so.1"
_VARIABLES = ("OMP_PROC_BIND", "OMP_PLACES", "GOMP_CPU_AFFINITY")


def _cores() -> tuple[int, ...]:
    allowed = sorted(os.sched_getaffinity(0))
    if not 2 <= len(allowed) <= MOST or any(name in os.environ for name in _VARIABLES):
        return ()
    try:
        os.sched_setaffinity(0, allowed)  # may we?
    except OSError:
        return ()
    return tuple(allowed)


#: The cores that threads are bound to, one each; empty: none is.
CORES = _cores()


def bind_openmp() -> None:
    """Load OpenMP's runtime, told to bind its threads. To be called once, before anything else loads it.

    Where there is no such library, or a model's runtime brings another one along, its threads are not bound.
    """
    if not CORES:
        return
    told = {"OMP_PROC_BIND": "close", "OMP_PLACES": ",".join(f"{{{core}}}" for core in CORES)}
    os.environ |= told
    try:
        with contextlib.suppress(OSError):
            ctypes.CDLL(_OPENMP)
    finally:
        os.sched_setaffinity(0, CORES)  # this thread's, and so of all that it starts
        for name in told:  # programs that we start are nobody's model
            del os.environ[name]


def lead() -> None:
    """This thread calls models from now on: it is bound to the first core, their helpers have the others."""
    if CORES:
        with contextlib.suppress(OSError):  # the core was taken away meanwhile
            os.sched_setaffinity(0, CORES[:1])


def helpers(threads: int) -> str:
    """Where the helpers of a model of `threads` threads are bound, "" for nowhere, as ONNX Runtime wants to be told.

    That is a core for each, counted from 1, with ";" between them.
    """
    return ";".join(str(core + 1) for core in CORES[1:threads]) if threads <= len(CORES) else ""
