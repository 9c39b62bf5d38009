"""An event loop in a thread of its own, for adapters that talk to servers: calls from it can be cancelled at once.

    with contextlib.closing(Portal("nearfield-remote")) as portal:
        text = portal.call(ask_server, cancelled=cancelled)             # None when cancelled
        for piece in portal.stream(ask_in_pieces, cancelled=cancelled): ...

A thread that reads a socket can only be interrupted by somebody else; a task of an event loop can, wherever it waits,
and closes its connection as it goes. The loop is anyio's `BlockingPortal`; it is started with the first call.
"""

import contextlib
import threading
import weakref
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from concurrent.futures import CancelledError, Future, wait
from typing import TypeVar

from anyio.from_thread import BlockingPortal, start_blocking_portal

from models.errors import ModelRunError
from models.protocols import Cancelled, never

T = TypeVar("T")

#: A call that waits looks at `cancelled` this often.
POLL_S = 0.01


class Portal:
    """One loop, one thread. Any thread may call."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._lock = threading.Lock()
        self._portal: BlockingPortal | None = None
        self._end: Callable[[], object] = lambda: None
        self._closed = False

    def call(self, work: Callable[[], Awaitable[T]], *, cancelled: Cancelled = never) -> T | None:
        """What `work` gives, awaited on the loop; None once `cancelled`. Raises what it raises."""
        future = self._started().start_task_soon(work)
        return future.result() if self._done(future, cancelled) else None

    def stream(
        self, work: Callable[[], AsyncGenerator[T, None]], *, cancelled: Cancelled = never
    ) -> Generator[T, None, None]:
        """What `work` yields, one item at a time: nothing is fetched ahead. Ends once `cancelled`.

        Close the iterator when the rest is not wanted. Raises what `work` raises.
        """
        portal = self._started()
        items = work()
        running = False
        try:
            while True:
                future = portal.start_task_soon(anext, items, None)
                running = True
                if not self._done(future, cancelled):
                    return  # the cancelled task unwinds `items`
                running = False
                item = future.result()
                if item is None:
                    return
                yield item
        finally:
            if not running:
                with contextlib.suppress(RuntimeError, CancelledError):  # the portal has been closed
                    portal.call(items.aclose)

    def close(self) -> None:
        """Cancel what runs and end the thread. Happens by itself when nobody has the portal any more, and at exit."""
        with self._lock:
            self._closed = True
            self._portal = None
            self._end()

    def _started(self) -> BlockingPortal:
        with self._lock:
            if self._closed:
                raise ModelRunError(f"{self._name} is closed")
            if self._portal is None:
                running = start_blocking_portal(name=self._name)
                self._portal = running.__enter__()
                # left to itself at the end of the interpreter it would wait for a thread that is not run any more
                self._end = weakref.finalize(self, _stop, self._portal, running)
            return self._portal

    def _done(self, future: "Future[T]", cancelled: Cancelled) -> bool:
        """Waits; False when the call was cancelled. Raises ModelRunError when the portal was closed meanwhile."""
        while not wait([future], timeout=POLL_S).done:
            if cancelled():
                future.cancel()
                return False
        if future.cancelled():
            raise ModelRunError(f"{self._name} was closed during a call")
        with contextlib.suppress(CancelledError):
            future.exception()
        return True


def _stop(portal: BlockingPortal, running: contextlib.AbstractContextManager[BlockingPortal]) -> None:
    with contextlib.suppress(RuntimeError, CancelledError):
        portal.call(portal.stop, True)
    with contextlib.suppress(RuntimeError):
        running.__exit__(None, None, None)
