"""Stands before a server that may be away: lets calls through or not, looks for it in the background, tells of changes.

    guard = Guard("language model", "http://nas:8080", probe=remote.check)
    if guard.permits():
        try: answer = remote.ask()
        except ModelRunError as error: guard.failed(error)
        else: guard.succeeded()

`models.breaker` decides; here are the clock, the lock, the log and, only while the breaker is open, a thread.
"""

import logging
import threading
import time
from collections.abc import Callable

from models.breaker import Breaker, State
from models.errors import ModelError

_log = logging.getLogger(__name__)


class Guard:
    """One server's. Any thread."""

    def __init__(
        self, what: str, where: str, probe: Callable[[], None], *, failures: int = 2, recover_s: float = 10.0
    ) -> None:
        """`what` is `where`: as it is told to people. `probe` raises ModelError when the server is not there; it is
        called in a thread of its own. `failures`, `recover_s`: see `Breaker`.
        """
        self._what = what
        self._where = where
        self._probe = probe
        self._breaker = Breaker(failures=failures, recover_s=recover_s)
        self._lock = threading.Lock()
        self._closing = threading.Event()
        self._prober: threading.Thread | None = None
        self._down = False

    @property
    def state(self) -> State:
        """Of the breaker."""
        return self._breaker.state

    def permits(self) -> bool:
        """May the server be asked now? True obliges to call one of the three below."""
        with self._lock:
            return self._breaker.permits()

    def succeeded(self) -> None:
        """It answered."""
        with self._lock:
            self._breaker.succeeded()
            back, self._down = self._down, False
        if back:
            _log.warning("the %s at %s answers again", self._what, self._where)

    def failed(self, error: Exception) -> None:
        """It did not."""
        with self._lock:
            self._breaker.failed(time.monotonic())
            self._after_failure(error)

    def released(self) -> None:
        """The call was cancelled: nothing is known."""
        with self._lock:
            self._breaker.released()

    def trip(self, error: Exception) -> None:
        """It is known not to be there (found out at the start): no call need find that out again."""
        with self._lock:
            self._breaker.trip(time.monotonic())
            self._after_failure(error)

    def close(self) -> None:
        """End the thread, if there is one."""
        self._closing.set()
        prober = self._prober
        if prober is not None:
            prober.join(5.0)

    def _after_failure(self, error: Exception) -> None:
        if not self._down:  # said once, not at every turn
            _log.warning("%s; the local %s takes over", error, self._what)
        self._down = True
        if self._breaker.state == "open" and self._prober is None and not self._closing.is_set():
            self._prober = threading.Thread(target=self._look, name="nearfield-probe", daemon=True)
            self._prober.start()

    def _look(self) -> None:
        """Until the server is there again."""
        told = False
        while True:
            with self._lock:
                due_s = self._breaker.probe_at_s
                if due_s is None or self._closing.is_set():
                    self._prober = None
                    return
            if self._closing.wait(max(0.0, due_s - time.monotonic())):
                continue
            try:
                self._probe()
                found = True
            except ModelError as error:
                _log.debug("the %s is not back: %s", self._what, error)
                found = False
            except Exception:  # noqa: BLE001 - what a server says of itself may be anything, and the thread must live
                # the whole story once, not at every look of a long night
                _log.log(
                    logging.DEBUG if told else logging.ERROR,
                    "looking for the %s at %s went wrong; it is looked for again",
                    self._what,
                    self._where,
                    exc_info=True,
                )
                found, told = False, True
            with self._lock:
                self._breaker.probed(time.monotonic(), found=found)
