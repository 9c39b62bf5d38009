"""Threads of the rim that do one kind of work each.

    worker = Worker("stt"); worker.give(work); worker.finish(timeout_s=5.0)
    acts = Worker("acts", threads=4, queue_size=16)
    if not acts.offer(work): ...        # full: nothing is dropped

Every queue is bounded: `give` drops the oldest job when it is full (in a conversation that is always one that has been
cancelled), `offer` refuses the new one.
"""

import logging
import queue
import threading
import time
from collections.abc import Callable

_log = logging.getLogger(__name__)

Work = Callable[[], object]  # what it returns is nobody's
_WORK = 32  # jobs a worker: more are never wanted at a time


class Worker:
    """One queue, in order; with more than one thread the jobs begin in order."""

    def __init__(
        self, name: str, *, threads: int = 1, queue_size: int = _WORK, begin: Callable[[], object] = lambda: None
    ) -> None:
        """`begin` is the first thing that each thread does."""
        self.name = name
        self._begin = begin
        self._queue: queue.Queue[Work | None] = queue.Queue(queue_size)
        self._threads = [
            threading.Thread(target=self._run, name=f"nearfield-{name}", daemon=True) for _ in range(threads)
        ]
        for thread in self._threads:
            thread.start()

    def _run(self) -> None:
        self._begin()
        while (work := self._queue.get()) is not None:
            try:
                work()
            except BaseException as error:  # noqa: BLE001 - SystemExit too: without its thread a model is silent for good
                _log.error("%s: a piece of work failed: %s", self.name, type(error).__name__)
                _log.debug("where it failed", exc_info=error)  # may repeat what was said

    def give(self, work: Work | None) -> None:
        """Do this too, if need be in place of the oldest job."""
        while not self._put(work):
            _log.warning("%s is behind: a cancelled job is dropped", self.name)
            try:
                self._queue.get_nowait()
            except queue.Empty:
                continue

    def offer(self, work: Work) -> bool:
        """Do this too. False: there is no room, and it will not be done."""
        return self._put(work)

    def _put(self, work: Work | None) -> bool:
        try:
            self._queue.put_nowait(work)
        except queue.Full:
            return False
        return True

    @property
    def busy(self) -> bool:
        """Does more work wait behind the present job?"""
        return not self._queue.empty()

    def finish(self, timeout_s: float) -> None:
        """No more work comes; wait so long for what there is."""
        until_s = time.monotonic() + timeout_s
        for _ in self._threads:
            try:  # behind what is there: none of that is to make room for it
                self._queue.put(None, timeout=max(0.0, until_s - time.monotonic()))
            except queue.Full:
                self.give(None)
        for thread in self._threads:
            thread.join(max(0.0, until_s - time.monotonic()))
