"""GPIO pins in memory, under the real rpi-lgpio: stands in for the C extension `lgpio`.

    RPI_LGPIO_REVISION=c03115 PYTHONPATH=tests/gpio/fake python -c "import RPi.GPIO"     # a Pi 4B, by its revision code
    lgpio.drive(17, 0)                       # what the world does to a pin: a button pulls it to ground ...
    lgpio.drive(17, None)                    # ... and lets go: the pin's own pull decides

Names, constants and numbers are those of lgpio 0.2.2 (https://abyz.me.uk/lg/py_lgpio.html), as far as RPi.GPIO's
inputs and outputs use them. Edges are reported from a thread of the fake's own, in order, as the C library does.
"""

import queue
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

RISING_EDGE, FALLING_EDGE, BOTH_EDGES = 1, 2, 3
SET_PULL_UP, SET_PULL_DOWN, SET_PULL_NONE = 32, 64, 128
GPIO_BUSY = -77
PINS = 54  # a BCM2711 has so many

# what gpio_get_mode reports, besides the pull and edge bits
_INPUT, _OUTPUT, _ALERT = 0x100, 0x200, 0x400
_PULLS = SET_PULL_UP | SET_PULL_DOWN | SET_PULL_NONE
_EDGE_SHIFT = 17


class error(Exception):  # noqa: N801, N818 - its name in lgpio
    """Raised by every function that cannot do what was asked."""


@dataclass
class Pin:
    """One line of the chip."""

    mode: int = 0  # 0: not claimed
    driven: int | None = None  # level forced from outside
    level: int = 0
    taken: bool = False  # by another program


@dataclass(eq=False)
class _Callback:
    gpio: int
    func: Callable[[int, int, int, int], None]

    def cancel(self) -> None:
        with _lock:
            if self in _callbacks:
                _callbacks.remove(self)


pins: dict[int, Pin] = {number: Pin() for number in range(PINS)}
openable = True  # False: /dev/gpiochip0 may not be opened
_callbacks: list[_Callback] = []
_lock = threading.RLock()
_edges: queue.Queue[tuple[int, int, int]] = queue.Queue(10_000)


def drive(gpio: int, level: int | None) -> None:
    """The world holds the pin at `level`, or lets go of it (None). Returns at once; edges are reported in order."""
    with _lock:
        pin = pins[gpio]
        pin.driven = level
        _settle(gpio)


def wait_reported() -> None:
    """Until all edges so far have been handed to their callbacks."""
    _edges.join()


def _settle(gpio: int) -> None:
    pin = pins[gpio]
    before = pin.level
    pin.level = pin.driven if pin.driven is not None else int(bool(pin.mode & SET_PULL_UP))
    edge = RISING_EDGE if pin.level > before else FALLING_EDGE if pin.level < before else 0
    if pin.mode & _ALERT and (pin.mode >> _EDGE_SHIFT) & edge:
        _edges.put((gpio, pin.level, time.monotonic_ns()))


def _report() -> None:
    while True:
        gpio, level, tick = _edges.get()
        with _lock:
            listeners = [c.func for c in _callbacks if c.gpio == gpio]
        for listener in listeners:
            listener(0, gpio, level, tick)
        _edges.task_done()


threading.Thread(target=_report, name="fake-lgpio", daemon=True).start()


def gpiochip_open(_chip: int) -> int:
    if not openable:
        raise error("can not open gpiochip")
    return 0


def gpiochip_close(_handle: int) -> int:
    return 0


def gpio_get_chip_info(_handle: int) -> tuple[int, int, str, str]:
    return 0, PINS, "gpiochip0", "pinctrl-bcm2711"


def gpio_get_mode(_handle: int, gpio: int) -> int:
    return pins[gpio].mode


def _claim(gpio: int, mode: int) -> int:
    with _lock:
        if pins[gpio].taken:
            raise error("GPIO busy")
        pins[gpio].mode = mode
        if not mode & _ALERT:  # RPi.GPIO claims twice: an input first, the alert later; only then are there edges
            _settle(gpio)
    return 0


def gpio_claim_input(_handle: int, gpio: int, flags: int = 0) -> int:
    return _claim(gpio, _INPUT | (flags & _PULLS))


def gpio_claim_output(_handle: int, gpio: int, level: int = 0, flags: int = 0) -> int:
    _claim(gpio, _OUTPUT | (flags & _PULLS))
    return gpio_write(_handle, gpio, level)


def gpio_claim_alert(_handle: int, gpio: int, edges: int, flags: int = 0, _notify: int | None = None) -> int:
    return _claim(gpio, _ALERT | (flags & _PULLS) | (edges << _EDGE_SHIFT))


def gpio_free(_handle: int, gpio: int) -> int:
    if pins[gpio].taken:
        raise error("GPIO not allocated")
    pins[gpio].mode = 0
    return 0


def gpio_read(_handle: int, gpio: int) -> int:
    return pins[gpio].level


def gpio_write(_handle: int, gpio: int, level: int) -> int:
    pins[gpio].level = int(bool(level))
    return 0


def gpio_set_debounce_micros(_handle: int, _gpio: int, _micros: int) -> int:
    raise AssertionError("the button debounces by itself: drivers do not agree on how")


def callback(
    _handle: int, gpio: int, _edge: int = RISING_EDGE, func: Callable[[int, int, int, int], None] | None = None
) -> _Callback:
    assert func is not None
    made = _Callback(gpio, func)
    with _lock:
        _callbacks.append(made)
    return made


def error_text(code: int) -> str:
    return "GPIO busy" if code == GPIO_BUSY else f"lgpio error {code}"
