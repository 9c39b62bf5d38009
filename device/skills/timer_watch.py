"""The thread that rings in time.

    with TimerWatch(book, on_ring, on_silence) as watch:      # watch is the `TimerDesk` of the skills
        ...

All that decides is in `TimerBook`; this is its lock, its clocks and its sleep.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Self

from device.skills.timer_records import Now, Ring
from device.skills.timers import TimerBook

_log = logging.getLogger(__name__)

#: No longer sleep: nothing wakes a sleeper when the wall clock is put forward.
LONGEST_SLEEP_S = 5.0


def clocks() -> Now:
    """Those of this machine; the monotonic one goes on while the machine is suspended, where the kernel has that."""
    boot = getattr(time, "CLOCK_BOOTTIME", None)
    return Now(time.time(), time.monotonic() if boot is None else time.clock_gettime(boot))


class TimerWatch:
    """Owns the book: whoever wants it opens the desk. `close` before the book's state is closed."""

    def __init__(
        self, book: TimerBook, on_ring: Callable[[Ring], None],
        on_silence: Callable[[str], None] = lambda _label: None, *,
        now: Callable[[], Now] = clocks, longest_sleep_s: float = LONGEST_SLEEP_S,
    ) -> None:  # fmt: skip
        """`on_ring`: it begins to ring, or (kind "missed") no longer rings and is to be told; called from the thread.

        `on_silence`: nothing of this label rings any more, because somebody has stopped it or nobody came (then it is
        told as missed after this); called from the thread that stopped it, or from this one. Both without the lock;
        neither may raise (it is logged).
        """
        self._book = book
        self._on_ring = on_ring
        self._on_silence = on_silence
        self._now = now
        self._longest_sleep_s = longest_sleep_s
        self._lock = threading.Condition()
        self._closing = False
        self._thread = threading.Thread(target=self._run, name="nearfield-timers", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Nothing rings after this."""
        with self._lock:
            self._closing = True
            self._lock.notify_all()
        if self._thread.is_alive():
            self._thread.join(5.0)

    @contextmanager
    def open(self) -> Iterator[tuple[TimerBook, Now]]:
        """The book, for as long as the block lasts. Keep it short: nothing rings meanwhile."""
        silent: list[str] = []
        try:
            with self._lock:
                rang = self._labels()
                try:
                    yield self._book, self._now()
                finally:
                    silent = self._silent_of(rang)
                    self._lock.notify_all()
        finally:
            self._tell_silence(silent)

    def stop_ringing(self, label: str = "") -> list[Ring]:
        """For a stop word or a button: what rings under `label` ("": all). What rang."""
        with self.open() as (book, now):
            return book.stop_ringing(now, label)

    def snooze(self, label: str = "") -> list[Ring]:
        """Nine minutes, for what rings under `label` ("": all), or was just stopped. What that was."""
        with self.open() as (book, now):
            return book.snooze(now, label=label)

    def told(self, ring_id: int) -> None:
        """The user has heard that this one was missed."""
        with self.open() as (book, _):
            book.told(ring_id)

    def _run(self) -> None:
        while True:
            with self._lock:
                if self._closing:
                    return
                silent, rings = self._due()
                if not rings:
                    self._lock.wait(self._sleep_s())
            self._tell_silence(silent)
            for ring in rings:
                self._call(partial(self._on_ring, ring))

    def _due(self) -> tuple[list[str], list[Ring]]:
        """Labels that fall silent, for nobody came; what begins. Nothing and nothing where the book raises."""
        try:
            rang = self._labels()
            rings = self._book.due(self._now())
            return self._silent_of(rang), rings
        except Exception:  # noqa: BLE001 - nothing may end this thread
            _log.exception("timers: what is due cannot be told")
            return [], []

    def _labels(self) -> set[str]:
        return {ring.label for ring in self._book.ringing}

    def _silent_of(self, rang: set[str]) -> list[str]:
        """Two may ring under one label: it is silent when neither does."""
        return sorted(rang - self._labels())

    def _tell_silence(self, labels: list[str]) -> None:
        for label in labels:
            self._call(partial(self._on_silence, label))

    def _sleep_s(self) -> float:
        try:
            wait_s = self._book.next_due_s(self._now())
        except Exception:  # noqa: BLE001 - nothing may end this thread
            _log.exception("timers: what is due next cannot be told")
            wait_s = None
        return self._longest_sleep_s if wait_s is None else min(wait_s, self._longest_sleep_s)

    def _call(self, callback: Callable[[], None]) -> None:
        try:
            callback()
        except Exception:  # noqa: BLE001 - nothing may end this thread
            _log.exception("a timer could not be rung")
