"""ONNX Runtime sessions as an appliance wants them: a fixed number of threads, and none that spins while idle.

session = open_session(Path("silero_vad.onnx"), threads=1)
"""

from pathlib import Path
from typing import Any

import models.process  # noqa: F401  for what it sets up

# isort: split
import onnxruntime

from models.errors import ModelDamagedError, ModelMissingError


def open_session(path: Path, *, threads: int, of_any_size: bool = False) -> Any:
    """An `onnxruntime.InferenceSession` on the CPU with `threads` intra-op threads.

    Worker threads of ONNX Runtime busy-wait between calls by default; beside three other models on two cores that
    takes time from all of them, so spinning is off.

    `of_any_size`: inputs differ in size from call to call. ONNX Runtime plans its memory anew for each size then, and
    keeps every plan for good: a Piper voice grew by 70 KB with each new length of text and audio, and for a while by 10
    to 55 MB, as what a plan wants is had as one piece (400 clauses: 180 to 235 MB; without plans 173 to 183). It is no
    slower without (a clause 140 ms, a first part 44, both).

    Raises ModelMissingError, ModelDamagedError.
    """
    if not path.is_file():
        raise ModelMissingError(f"no model file {path}", hint="fetch it with 'nearfield models pull'")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.add_session_config_entry("session.inter_op.allow_spinning", "0")
    options.enable_mem_pattern = not of_any_size
    options.log_severity_level = 3  # errors come back as exceptions; warnings about the graph help nobody here
    try:
        return onnxruntime.InferenceSession(str(path), sess_options=options, providers=["CPUExecutionProvider"])
    except Exception as error:  # the runtime's own exception classes share no base but this one
        raise ModelDamagedError(
            f"{path} cannot be read as an ONNX model: {error}", hint="check it with 'nearfield models verify'"
        ) from error


class ShrinkingSession:
    """A session that gives its working memory back after calls with large inputs.

    The memory arena keeps the most that any call ever needed, and for speech that grows with the length of the clause
    (Piper after 7 s of speech: 318 MB resident, with this 177 MB). To do without the arena saves as much between calls
    but fragments the heap: the peak is then 375 MB in place of 304 MB. Small calls keep theirs: to get it back from the
    system costs a short clause 10 of its 85 ms.
    """

    def __init__(self, session: Any, *, keep_below: int) -> None:
        """`keep_below`: elements of the largest input up to which the memory is kept."""
        self._session = session
        self._keep_below = keep_below
        self._shrink = onnxruntime.RunOptions()
        self._shrink.add_run_config_entry("memory.enable_memory_arena_shrinkage", "cpu:0")

    def run(self, outputs: list[str] | None, inputs: dict[str, Any]) -> Any:
        """As `InferenceSession.run`."""
        large = max(value.size for value in inputs.values()) >= self._keep_below
        return self._session.run(outputs, inputs, self._shrink if large else None)

    def get_inputs(self) -> Any:
        """As `InferenceSession.get_inputs`."""
        return self._session.get_inputs()
