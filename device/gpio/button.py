"""A button or a switch on a GPIO pin.

    with Button(17, on_press=assistant.press, on_release=assistant.release):   # BCM 17, wired to ground
        assistant.run()

Written to the RPi.GPIO interface, which three drivers provide: RPi.GPIO (kernels before 6.6), rpi-lgpio (every other
Pi) and Jetson.GPIO.
It is imported only when a button is configured. Drivers debounce in incompatible ways (RPi.GPIO ignores edges for a
while after one, rpi-lgpio waits for the level to stand, Jetson.GPIO sleeps), so none is asked to: `Debouncer` does it.
"""

import contextlib
import logging
import queue
import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Literal, Self

from device.gpio.debounce import Debouncer
from device.gpio.driver import driver, refused

_log = logging.getLogger(__name__)

Pull = Literal["up", "down", "off"]
EDGES = 256  #: edges that may wait for the button's thread; more are dropped
LOOK_S = 1.0  #: without edges the level is read so often: an edge that was lost costs no more than this


class Button:
    """Calls `on_press` and `on_release`, in turn, from a thread of its own, `debounce_ms` after the contact.

    A press is always followed by a release, also when the button is closed while held. A button that is held while
    this starts (or a stuck one) counts from its next press on.

    A `latching` one is a switch, where a position counts, not a push: the position at the start is told at once, by
    the thread that makes this, and closing this object tells nothing.
    """

    def __init__(
        self,
        pin: int,
        on_press: Callable[[], None],
        on_release: Callable[[], None] = lambda: None,
        *,
        key: str = "gpio.push_to_talk_pin",
        latching: bool = False,
        active_low: bool = True,
        pull: Pull | None = None,
        debounce_ms: float = 30.0,
    ) -> None:
        """`pin`: BCM number (on a Jetson too: the pin in the same place of the 40-pin header).
        `active_low`: the button connects the pin to ground. `pull`: the pin's own resistor, by default the one that
        holds an open button released; Jetsons have none that software can set, wire one there.
        `key`: of the configuration, for messages.
        Raises ButtonError: no driver, no GPIO here, no permission, pin in use.
        """
        self.pin = pin
        self._on_press, self._on_release = on_press, on_release
        self._active = 0 if active_low else 1
        self._latching = latching
        self._gpio = driver(key)
        chosen = pull or ("up" if active_low else "down")
        resistor = {"up": self._gpio.PUD_UP, "down": self._gpio.PUD_DOWN, "off": self._gpio.PUD_OFF}[chosen]
        self._edges: queue.Queue[tuple[bool, float] | None] = queue.Queue(EDGES)
        self._closing = threading.Event()
        try:
            self._gpio.setup(pin, self._gpio.IN, pull_up_down=resistor)
            self._contact = Debouncer(debounce_ms, pressed=self._level())
            self._gpio.add_event_detect(pin, self._gpio.BOTH, callback=self._edge)
        except Exception as error:
            with contextlib.suppress(Exception):
                self._gpio.cleanup(pin)  # what was claimed until then
            raise refused(f"the button on GPIO {pin}", key, error) from error
        if latching:
            self._tell(on_press if self._contact.pressed else on_release)
        self._thread = threading.Thread(target=self._run, name="nearfield-button", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Give the pin back; safe to call twice. No callback comes after it."""
        if self._closing.is_set():
            return
        self._closing.set()
        try:
            self._gpio.remove_event_detect(self.pin)
        finally:
            with contextlib.suppress(queue.Full):  # full: the thread is awake
                self._edges.put_nowait(None)
            self._thread.join()
            self._gpio.cleanup(self.pin)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self.close()

    def _level(self) -> bool:
        return bool(self._gpio.input(self.pin) == self._active)

    def _edge(self, _channel: int) -> None:
        """Called by the driver, from its thread: hand over and return."""
        with contextlib.suppress(queue.Full):  # the level is read again soon
            self._edges.put_nowait((self._level(), time.monotonic()))

    def _run(self) -> None:
        held = self._latching and self._contact.pressed
        while not self._closing.is_set():
            due_ms = self._contact.due_ms
            try:
                wait_s = LOOK_S if due_ms is None else max(0.0, due_ms / 1000 - time.monotonic())
                edge = self._edges.get(timeout=wait_s)
            except queue.Empty:
                edge = (self._level(), time.monotonic())
            if edge is None:
                break
            change = self._contact.feed(edge[0], edge[1] * 1000)
            if change is None:
                continue
            if change.pressed:
                self._tell(self._on_press)
            elif held:  # else: the release of a button that was held at the start
                self._tell(self._on_release)
            held = change.pressed
        if held and not self._latching:
            self._tell(self._on_release)

    def _tell(self, listener: Callable[[], None]) -> None:
        try:
            listener()
        except Exception:  # noqa: BLE001 - one failed press must not be the last
            _log.exception("the button on GPIO %d: what it was to do failed", self.pin)
