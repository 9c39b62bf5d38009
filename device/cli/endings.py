"""Signals that ask for the end: as orderly before the program listens as while it does.

    with Endings() as endings:
        models = load_models(settings)              # SIGTERM here: EndedEarlyError, which is no failure
        with endings.held(), Appliance(...) as appliance: ...
        with endings.by(appliance.assistant.stop, begun=lambda: ...): appliance.run()

A supervisor ends a program with SIGTERM, a broken ssh connection with SIGHUP: status 0. Ctrl-C stays Python's, but for
`held`. Used from the main thread, as signals are.
"""

import contextlib
import signal
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Self

_ENDS = (signal.SIGTERM, signal.SIGHUP)


class EndedEarlyError(BaseException):
    """It was asked to end before it had begun; a BaseException, so that nobody takes it for a failure."""

    def __init__(self, signal_name: str) -> None:
        super().__init__(signal_name)
        self.signal_name = signal_name


class Endings:
    """The handlers of SIGTERM and SIGHUP for as long as the `with` lasts."""

    def __init__(self) -> None:
        self._asked = ""  # the name of the first signal that came
        self._on_ask: Callable[[], None] = self.check
        self._on_hang_up: Callable[[], None] | None = None
        self._before: list[tuple[signal.Signals, object]] = []

    def __enter__(self) -> Self:
        # `nohup` has SIGHUP ignored: so it stays
        ends = [number for number in _ENDS if signal.getsignal(number) != signal.SIG_IGN]
        self._before = [(number, signal.signal(number, self._handle)) for number in ends]
        return self

    def __exit__(self, *_: object) -> None:
        for number, previous in self._before:
            signal.signal(number, previous)  # type: ignore[arg-type]  # as signal.signal gave it

    def _handle(self, number: int, _frame: FrameType | None) -> None:
        if number == signal.SIGHUP and self._on_hang_up is not None:
            self._on_hang_up()
            return
        self._asked = self._asked or signal.Signals(number).name
        self._on_ask()

    @property
    def asked(self) -> bool:
        """Has the end been asked for by a signal?"""
        return bool(self._asked)

    def check(self) -> None:
        """Raises EndedEarlyError if the end was asked for: a library may have swallowed the first one."""
        if self._asked:
            raise EndedEarlyError(self._asked)

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """Within, nothing is raised, Ctrl-C included: nothing stays half made. What came is raised behind it."""
        interrupts = 0

        def count(_number: int, _frame: FrameType | None) -> None:
            nonlocal interrupts
            interrupts += 1

        self._on_ask = lambda: None
        before = signal.getsignal(signal.SIGINT)
        if before != signal.SIG_IGN:
            signal.signal(signal.SIGINT, count)
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, before)
            self._on_ask = self.check
        if interrupts:
            raise KeyboardInterrupt
        self.check()

    @contextlib.contextmanager
    def hang_up_means(self, do: Callable[[], None]) -> Iterator[None]:
        """Within, SIGHUP asks for no end: `do` is called, which must return at once. The custom of services."""
        self._on_hang_up = do
        try:
            yield
        finally:
            self._on_hang_up = None

    @contextlib.contextmanager
    def by(self, stop: Callable[[], None], *, begun: Callable[[], bool]) -> Iterator[None]:
        """Within, a signal calls `stop`; one that came a moment before does so now.

        Until it has `begun` nobody looks whether to stop (a busy card may be waited for): EndedEarlyError as well.
        """

        def ask() -> None:
            stop()
            if not begun():
                self.check()

        self._on_ask = ask
        try:
            if self._asked:
                ask()
            yield
        finally:
            # what is closed behind the run is closed whatever comes: it is on its way out
            self._on_ask = lambda: None
