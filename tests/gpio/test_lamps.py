"""Lights on pins in memory, and rings over a record of what their libraries were told."""

import sys
import types
from typing import Any

import pytest

from device.config import load_settings
from device.config.schema import GpioSettings
from device.errors import ButtonError
from device.gpio.lamps import Apa102Ring, PinLamp, Ws2812Ring, lamps_of
from device.gpio.light_plan import LightPlan


def gpio(**keys: Any) -> GpioSettings:
    return load_settings(None, [f"gpio.{key}={value}" for key, value in keys.items()]).gpio


def test_one_led_blinks(board: Any) -> None:
    plan, lamp = LightPlan(), PinLamp(25, None)
    assert board.pins[25].level == 0
    plan.state("speaking", 0.0)
    for t, level in ((0.0, 1), (499.0, 1), (500.0, 0), (999.0, 0), (1000.0, 1)):
        lamp.show(plan, t)
        assert board.pins[25].level == level, t
    lamp.close()
    assert board.pins[25].level == 0
    assert board.pins[25].mode == 0


def test_led_of_its_own_is_lit_while_its_meaning_holds(board: Any) -> None:
    plan, lamp = LightPlan(), PinLamp(24, "muted")
    for t, muted in ((0.0, False), (1.0, True), (2.0, True), (3.0, False)):
        plan.muted(muted, t)
        plan.state("speaking" if t > 1 else "idle", t)
        lamp.show(plan, t)
        assert board.pins[24].level == muted


def test_led_to_the_supply_is_lit_by_a_low_level(board: Any) -> None:
    plan, lamp = LightPlan(), PinLamp(24, "idle", active_low=True)
    assert board.pins[24].level == 1, "dark at the start"
    lamp.show(plan, 0.0)
    assert board.pins[24].level == 0
    lamp.close()
    assert board.pins[24].mode == 0


def test_a_pin_that_is_taken_is_told_by_its_key_and_the_others_are_given_back(board: Any) -> None:
    board.pins[25].taken = True
    with pytest.raises(ButtonError, match="the light on GPIO 25") as caught:
        lamps_of(gpio(led_pin=24, led_muted_pin=25))
    assert "gpio.led_muted_pin" in caught.value.hint
    assert board.pins[24].mode == 0


class Apa102:
    """As apa102_pi.driver.apa102.APA102 2.5.4, as far as it is used."""

    last: "Apa102"

    def __init__(self, num_led: int = 8, order: str = "rgb", *, global_brightness: int = 4) -> None:
        assert order == "rgb"
        assert 0 <= global_brightness <= 31
        self.pixels: list[tuple[int, int, int]] = [(0, 0, 0)] * num_led
        self.shown: list[list[tuple[int, int, int]]] = []
        self.calls: list[str] = []
        Apa102.last = self

    def set_pixel(self, led_num: int, red: int, green: int, blue: int, bright_percent: int = 100) -> None:
        assert bright_percent == 100
        assert all(isinstance(part, int) and 0 <= part <= 255 for part in (red, green, blue))
        self.pixels[led_num] = (red, green, blue)

    def show(self) -> None:
        self.shown.append(list(self.pixels))

    def clear_strip(self) -> None:
        self.calls.append("clear_strip")

    def cleanup(self) -> None:
        self.calls.append("cleanup")


class PixelStrip:
    """As rpi_ws281x.PixelStrip 5.0.0, as far as it is used."""

    last: "PixelStrip"
    begin_fails = False

    def __init__(self, num: int, pin: int) -> None:
        self.pin, self.pixels, self.shown, self.begun = pin, [0] * num, [], False  # type: ignore[var-annotated]
        PixelStrip.last = self

    def begin(self) -> None:
        if self.begin_fails:
            raise RuntimeError("ws2811_init failed with code -3 (Hardware revision is not supported)")
        self.begun = True

    def setPixelColor(self, n: int, color: int) -> None:  # noqa: N802 - the library's
        assert self.begun
        assert 0 <= color <= 0xFFFFFF
        self.pixels[n] = color

    def show(self) -> None:
        self.shown.append(list(self.pixels))


@pytest.fixture
def libraries(monkeypatch: pytest.MonkeyPatch) -> None:
    package, driver, module = (types.ModuleType(n) for n in ("apa102_pi", "apa102_pi.driver", "apa102"))
    module.APA102 = Apa102  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "apa102_pi", package)
    monkeypatch.setitem(sys.modules, "apa102_pi.driver", driver)
    monkeypatch.setitem(sys.modules, "apa102_pi.driver.apa102", module)
    ws = types.ModuleType("rpi_ws281x")
    ws.PixelStrip = PixelStrip  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "rpi_ws281x", ws)
    monkeypatch.setattr(PixelStrip, "begin_fails", False)


@pytest.mark.usefixtures("libraries")
def test_apa102_shows_colour_and_brightness_on_all_of_its_leds() -> None:
    (ring,) = lamps_of(gpio(ring="apa102", ring_leds=5, ring_brightness_percent=20))
    plan = LightPlan()
    plan.muted(True, 0.0)
    ring.show(plan, 0.0)
    ring.show(plan, 40.0)
    assert Apa102.last.shown == [[(51, 0, 0)] * 5], "what has not changed is not sent again"
    plan.muted(False, 80.0)
    plan.state("thinking", 80.0)
    ring.show(plan, 80.0)
    assert Apa102.last.shown[-1] == [(5, 2, 0)] * 5
    ring.close()
    assert Apa102.last.calls == ["clear_strip", "cleanup"]


@pytest.mark.usefixtures("libraries")
def test_ws2812_shows_the_same_and_goes_dark() -> None:
    (ring,) = lamps_of(gpio(ring="ws2812", ring_leds=3, ring_pin=10, ring_brightness_percent=100))
    plan = LightPlan()
    plan.state("listening", 0.0)
    ring.show(plan, 0.0)
    assert PixelStrip.last.pin == 10
    assert PixelStrip.last.shown == [[0x0050FF] * 3]
    ring.close()
    assert PixelStrip.last.shown[-1] == [0, 0, 0]


@pytest.mark.usefixtures("libraries")
def test_a_board_that_the_library_does_not_know(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(PixelStrip, "begin_fails", True)
    with pytest.raises(ButtonError, match="Hardware revision is not supported") as caught:
        Ws2812Ring(12, 18, 25)
    assert "Pi 4" in caught.value.hint


@pytest.mark.parametrize(
    ("make", "module", "package"),
    [
        (lambda: Apa102Ring(12, 25), "apa102_pi", "apa102-pi"),
        (lambda: Ws2812Ring(12, 18, 25), "rpi_ws281x", "rpi-ws281x"),
    ],
)
def test_a_missing_library_is_one_line_with_the_command(
    monkeypatch: pytest.MonkeyPatch, make: Any, module: str, package: str
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(ButtonError, match="not installed") as caught:
        make()
    assert f"pip install {package}" in caught.value.hint
    assert "\n" not in caught.value.message + caught.value.hint
