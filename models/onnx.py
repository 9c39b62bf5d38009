"""ONNX Runtime sessions as an appliance wants them: a fixed number of threads, and none that spins while idle.

session = open_session(Path("silero_vad.onnx"), threads=1)
verdicts = SharingSession(Path("smart-turn.onnx"), threads=2)      # beside others: one working memory for all of them
"""

from functools import cache
from pathlib import Path
from typing import Any

import models.process  # noqa: F401  for what it sets up

# isort: split
import onnxruntime

from models.cores import helpers
from models.errors import ModelDamagedError, ModelMissingError

#: What sessions that share their memory keep between their calls, all together: enough for the first part of a clause,
#: so that it has not to be got from the system (10 of 85 ms) while somebody waits. 150 clauses of 3 to 30 words of a
#: voice, with memory that short ones kept and long ones gave back 137 to 190 MB, median 178; with 8 / 16 / 24 / 32 MB
#: shared 141 to 143 / 148 to 150 / 157 to 172 / 165 to 173, and the first parts as fast.
_KEPT_MB = 16
#: So long a thread of a session spins for more work of a call before it sleeps.
_SPIN_US = 50
_DEFAULT_MEMORY = onnxruntime.OrtMemType.DEFAULT


def open_session(path: Path, *, threads: int) -> Any:
    """An `onnxruntime.InferenceSession` on the CPU with `threads` intra-op threads and a working memory of its own.

    Raises ModelMissingError, ModelDamagedError.
    """
    return _opened(path, _options(threads))


class SharingSession:
    """A session that shares its working memory with all others of its kind, and keeps none beyond `_KEPT_MB`.

    An arena keeps the most that any call ever needed, and a memory plan, which ONNX Runtime makes for each size of the
    inputs, as much again; plans are kept for good. A Piper voice grew by 70 KB with each new length of text, and by up
    to 55 MB for a while, as what a plan wants is had as one piece; Smart Turn took 41 MB in place of 33, of which it
    shares 16 with the voice. Neither is slower like this (a clause 140 ms, a first part 44; a verdict 22).
    """

    def __init__(self, path: Path, *, threads: int) -> None:
        """Open `path` as `open_session` does. Raises ModelMissingError, ModelDamagedError."""
        options = _options(threads)
        options.enable_mem_pattern = False
        _shared_arena()
        options.add_session_config_entry("session.use_env_allocators", "1")
        self._session = _opened(path, options)
        self._shrink = onnxruntime.RunOptions()
        self._shrink.add_run_config_entry("memory.enable_memory_arena_shrinkage", "cpu:0")

    def run(self, outputs: list[str] | None, inputs: dict[str, Any]) -> Any:
        """As `InferenceSession.run`."""
        return self._session.run(outputs, inputs, self._shrink)

    def get_inputs(self) -> Any:
        """As `InferenceSession.get_inputs`."""
        return self._session.get_inputs()


def _options(threads: int) -> Any:
    """Worker threads of ONNX Runtime busy-wait between calls by default; beside three other models on two cores that
    takes time from all of them. Those that sleep at once have to be woken 150 times a verdict. So they spin for a
    moment, within a call: hot and behind a rest of half a second a verdict took 30 and 35 ms, and takes 26 and 28; the
    first words of a clause 39 and 44, and 34 and 36 (12 us: 26 and 30, 37 and 41; 200 us: as 50).
    """
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.spin_duration_us", str(_SPIN_US))
    options.add_session_config_entry("session.force_spinning_stop", "1")  # none behind the end of a call
    options.add_session_config_entry("session.inter_op.allow_spinning", "0")
    if bound := helpers(threads):
        options.add_session_config_entry("session.intra_op_thread_affinities", bound)
    options.log_severity_level = 3  # errors come back as exceptions; warnings about the graph help nobody here
    return options


def _opened(path: Path, options: Any) -> Any:
    if not path.is_file():
        raise ModelMissingError(f"no model file {path}", hint="fetch it with 'nearfield models pull'")
    try:
        return onnxruntime.InferenceSession(str(path), sess_options=options, providers=["CPUExecutionProvider"])
    except Exception as error:  # the runtime's own exception classes share no base but this one
        raise ModelDamagedError(
            f"{path} cannot be read as an ONNX model: {error}", hint="check it with 'nearfield models verify'"
        ) from error


@cache
def _shared_arena() -> None:
    """One working memory for all sessions that ask for it. Its first piece is never given back, all others can be.

    The parts of a voice work one after the other; where the turn model judges while they do, it grows for as long.
    """
    memory = onnxruntime.OrtMemoryInfo("Cpu", onnxruntime.OrtAllocatorType.ORT_ARENA_ALLOCATOR, 0, _DEFAULT_MEMORY)
    grows_by_doubling = 0  # the other way of growing gives back the first piece as well
    sizes = {"max_mem": 0, "arena_extend_strategy": grows_by_doubling, "initial_chunk_size_bytes": _KEPT_MB << 20}
    onnxruntime.create_and_register_allocator(memory, onnxruntime.OrtArenaCfg(sizes))
