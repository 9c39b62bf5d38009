"""The rim: on which core the threads are that call the models."""

import os
import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hello_ends import HelloEnds
from model_threads import workers_of

from device.dialogue.commands import Decode, Judge, Reply, Speak
from device.dialogue.workers import Worker
from models import cores
from models.protocols import Floats

_ALLOWED = sorted(os.sched_getaffinity(0))


class Ends(HelloEnds):
    """Models that tell on which cores they are called."""

    behind_opening_ms: float | None = None

    def __init__(self) -> None:
        self.seen: dict[str, list[int]] = {}
        self.done = threading.Semaphore(0)

    def _work(self, stage: str) -> None:
        self.seen[stage] = sorted(os.sched_getaffinity(0))
        self.done.release()

    def finished(self, audio: Floats) -> float:  # noqa: ARG002
        self._work("turn")
        return 0.5


def _seen(ends: Ends) -> dict[str, list[int]]:
    def post(action: Callable[[], list[Any]]) -> None:
        """Nobody waits for what comes of it."""

    workers = workers_of(ends, None, post, turn=ends)
    audio = np.zeros(1600, dtype=np.float32)
    for command in (Judge(1, audio), Decode(2, audio, "final"), Reply(3, ()), Speak(3, 1, "Hello.")):
        workers.give(command)
    try:
        assert all(ends.done.acquire(timeout=10) for _ in range(4))
    finally:
        workers.finish(5.0)
    return ends.seen


@pytest.mark.skipif(len(_ALLOWED) < 2, reason="one core: there is nothing to choose")
def test_who_calls_onnx_runtime_has_the_first_core_and_openmp_sees_to_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cores, "CORES", tuple(_ALLOWED[:2]))
    first = _ALLOWED[:1]
    assert _seen(Ends()) == {"turn": first, "tts": first, "stt": _ALLOWED, "llm": _ALLOWED}
    assert sorted(os.sched_getaffinity(0)) == _ALLOWED


def test_where_nothing_is_bound_they_may_run_everywhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cores, "CORES", ())
    assert set(map(tuple, _seen(Ends()).values())) == {tuple(_ALLOWED)}


def test_each_thread_of_a_worker_begins_with_what_it_is_told_to() -> None:
    begun: list[int] = []
    done = threading.Semaphore(0)
    worker = Worker("two", threads=2, begin=lambda: begun.append(threading.get_ident()))
    for _ in range(2):
        worker.give(done.release)
    assert all(done.acquire(timeout=10) for _ in range(2))
    worker.finish(5.0)
    assert len(set(begun)) == 2
