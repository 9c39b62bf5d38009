"""The front panel: the one owner of all pins. Buttons call out of it, states are shown on its lights.

    with Panel(settings.gpio, calls, is_muted=lambda: card.muted) as panel:
        panel.state("listening"); panel.error()

What is muted is asked of the card, 25 times a second, by the thread that drives the lights: neither a wish that was not
carried out nor a conversation that is busy can make the light lie.
"""

import contextlib
import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from device.config.schema import GpioSettings
from device.gpio.button import Button
from device.gpio.lamps import Lamp, lamps_of
from device.gpio.light_plan import LightPlan, Name

_log = logging.getLogger(__name__)

FRAME_S = 0.04  #: 25 pictures a second: a breath of 1.2 s looks smooth


def _nothing() -> None:
    pass


@dataclass(frozen=True, slots=True)
class PanelCalls:
    """What the buttons do. Each is called from the thread of its button."""

    press: Callable[[], None]  #: talk button, gpio.talk_mode = "hold"
    release: Callable[[], None]
    toggle: Callable[[], None]  #: talk button, gpio.talk_mode = "toggle"
    mute: Callable[[bool], None]  #: mute switch
    toggle_mute: Callable[[], None]  #: mute button
    louder: Callable[[], None]
    softer: Callable[[], None]


class Panel:
    """Pins are taken by `with` and given back at its end, lights off. `state` and `error` from any thread."""

    def __init__(self, gpio: GpioSettings, calls: PanelCalls, *, is_muted: Callable[[], bool]) -> None:
        """`is_muted`: the truth, from the card."""
        self._gpio, self._calls, self._is_muted = gpio, calls, is_muted
        self._plan = LightPlan()
        self._planning = threading.Lock()
        self._lamps: list[Lamp] = []
        self._open = contextlib.ExitStack()
        self._closing = threading.Event()

    def __enter__(self) -> Self:
        """Raises ButtonError, with no pin left taken."""
        with contextlib.ExitStack() as stack:
            self._lamps = lamps_of(self._gpio)
            for lamp in self._lamps:
                stack.callback(_close, lamp)
            self._buttons(stack)
            if self._lamps:
                thread = threading.Thread(target=self._shine, name="nearfield-lights", daemon=True)
                stack.callback(thread.join)
                stack.callback(self._closing.set)
                thread.start()
            self._open = stack.pop_all()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self._open.close()

    def state(self, state: Name) -> None:
        """The conversation is in this state now."""
        with self._planning:
            self._plan.state(state, _now_ms())

    def error(self) -> None:
        """Something failed just now."""
        with self._planning:
            self._plan.error(_now_ms())

    def _buttons(self, stack: contextlib.ExitStack) -> None:
        gpio, calls = self._gpio, self._calls

        def button(
            key: str, on_press: Callable[[], None], on_release: Callable[[], None] = _nothing, *, latching: bool = False
        ) -> None:
            pin = gpio.pins().get(key)
            if pin is None:
                return
            stack.enter_context(
                Button(
                    pin,
                    on_press,
                    on_release,
                    key=f"gpio.{key}",
                    latching=latching,
                    active_low=gpio.active_low,
                    debounce_ms=gpio.debounce_ms,
                )
            )

        if gpio.talk_mode == "toggle":
            button("push_to_talk_pin", calls.toggle)
        else:
            button("push_to_talk_pin", calls.press, calls.release)
        if gpio.mute_kind == "switch":
            # its position counts, whatever was remembered
            button("mute_pin", lambda: calls.mute(True), lambda: calls.mute(False), latching=True)
        else:
            button("mute_pin", calls.toggle_mute)
        button("volume_up_pin", calls.louder)
        button("volume_down_pin", calls.softer)

    def _shine(self) -> None:
        while True:
            with self._planning:
                t_ms = _now_ms()
                self._plan.muted(self._is_muted(), t_ms)
                for lamp in list(self._lamps):
                    try:
                        lamp.show(self._plan, t_ms)
                    except Exception:  # noqa: BLE001 - whatever the driver raises, a lamp must not end the rest
                        _log.exception("a light cannot be driven and stays as it is")
                        self._lamps.remove(lamp)
            if self._closing.wait(FRAME_S):
                return


def _close(lamp: Lamp) -> None:
    with contextlib.suppress(Exception):  # it may have gone before us
        lamp.close()


def _now_ms() -> float:
    return time.monotonic() * 1000
