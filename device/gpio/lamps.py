"""What a light plan is shown on: LEDs on pins, and rings of coloured LEDs.

    lamps = lamps_of(settings.gpio)
    for lamp in lamps: lamp.show(plan, t_ms)

`show` is called many times a second and writes only what has changed.
"""

from typing import Any, Protocol

from device.config.schema import GpioSettings
from device.errors import ButtonError
from device.gpio.driver import driver, one_line, refused
from device.gpio.light_plan import LightPlan, Name

STATE_PINS: dict[str, Name] = {
    "led_idle_pin": "idle",
    "led_listening_pin": "listening",
    "led_thinking_pin": "thinking",
    "led_speaking_pin": "speaking",
    "led_muted_pin": "muted",
    "led_error_pin": "error",
}


class Lamp(Protocol):
    """Shows a plan."""

    def show(self, plan: LightPlan, t_ms: float) -> None: ...

    def close(self) -> None:
        """Go dark and let go of the hardware."""
        ...


class PinLamp:
    """One LED between a pin (through a resistor) and ground, or the supply with `active_low`."""

    def __init__(self, pin: int, meaning: Name | None, *, active_low: bool = False, key: str = "gpio.led_pin") -> None:
        """`meaning`: lit while that holds; None: tells everything by how it blinks. Raises ButtonError."""
        self.pin = pin
        self._meaning = meaning
        self._on, self._off = (0, 1) if active_low else (1, 0)
        self._gpio = driver(key)
        try:
            self._gpio.setup(pin, self._gpio.OUT, initial=self._off)
        except Exception as error:
            raise refused(f"the light on GPIO {pin}", key, error) from error
        self._lit = False

    def show(self, plan: LightPlan, t_ms: float) -> None:
        lit = plan.blink(t_ms) if self._meaning is None else self._meaning in plan.lit(t_ms)
        if lit != self._lit:
            self._gpio.output(self.pin, self._on if lit else self._off)
            self._lit = lit

    def close(self) -> None:
        self._gpio.output(self.pin, self._off)
        self._gpio.cleanup(self.pin)


class _Ring:
    """All LEDs of a strip in one colour. The library's `_strip` is opened by the kind of ring."""

    _strip: Any

    def __init__(self, leds: int, brightness_percent: int) -> None:
        self._leds, self._scale = leds, brightness_percent / 100
        self._shown: tuple[int, int, int] | None = None

    def show(self, plan: LightPlan, t_ms: float) -> None:
        colour = _scaled(plan, t_ms, self._scale)
        if colour == self._shown:
            return
        for led in range(self._leds):
            self._paint(led, *colour)
        self._strip.show()
        self._shown = colour

    def _paint(self, led: int, red: int, green: int, blue: int) -> None:
        raise NotImplementedError


class Apa102Ring(_Ring):
    """APA102 (or SK9822) LEDs on the SPI bus: ReSpeaker boards and others. Through `apa102-pi`."""

    def __init__(self, leds: int, brightness_percent: int) -> None:
        """Raises ButtonError: no library, no SPI."""
        try:
            from apa102_pi.driver.apa102 import APA102  # noqa: PLC0415 - only who has such a ring has the library

            # 31 is the brightest of the chip's own 32 currents; the rest of the dimming is left to the colours
            self._strip = APA102(num_led=leds, order="rgb", global_brightness=31)
        except ImportError as error:
            raise _no_library("apa102", "apa102-pi", error) from error
        except Exception as error:
            raise ButtonError(
                f"the apa102 ring does not work: {one_line(error)}",
                hint="switch SPI on ('sudo raspi-config nonint do_spi 0'), or set gpio.ring to \"none\"",
            ) from error
        super().__init__(leds, brightness_percent)

    def _paint(self, led: int, red: int, green: int, blue: int) -> None:
        self._strip.set_pixel(led, red, green, blue)

    def close(self) -> None:
        self._strip.clear_strip()
        self._strip.cleanup()


class Ws2812Ring(_Ring):
    """WS2812 (NeoPixel) LEDs on a pin with PWM, PCM or SPI behind it. Through `rpi-ws281x`."""

    def __init__(self, leds: int, pin: int, brightness_percent: int) -> None:
        """Raises ButtonError: no library, no right to the hardware, a board that the library does not know."""
        try:
            from rpi_ws281x import PixelStrip  # noqa: PLC0415 - as above

            self._strip = PixelStrip(leds, pin)
            self._strip.begin()
        except ImportError as error:
            raise _no_library("ws2812", "rpi-ws281x", error) from error
        except Exception as error:
            raise ButtonError(
                f"the ws2812 ring does not work: {one_line(error)}",
                hint="it needs root on the pins 12, 18 and 21 (on pin 10, SPI, it does not) and a board up to the "
                'Pi 4; or set gpio.ring to "none"',
            ) from error
        super().__init__(leds, brightness_percent)

    def _paint(self, led: int, red: int, green: int, blue: int) -> None:
        self._strip.setPixelColor(led, red << 16 | green << 8 | blue)

    def close(self) -> None:
        for led in range(self._leds):
            self._strip.setPixelColor(led, 0)
        self._strip.show()


def lamps_of(gpio: GpioSettings) -> list[Lamp]:
    """All that are configured. Raises ButtonError, with none of them left open."""
    lamps: list[Lamp] = []
    try:
        for key, pin in gpio.pins().items():
            if key == "led_pin" or key in STATE_PINS:
                lamps.append(PinLamp(pin, STATE_PINS.get(key), active_low=gpio.led_active_low, key=f"gpio.{key}"))
        if gpio.ring == "apa102":
            lamps.append(Apa102Ring(gpio.ring_leds, gpio.ring_brightness_percent))
        elif gpio.ring == "ws2812":
            lamps.append(Ws2812Ring(gpio.ring_leds, gpio.ring_pin, gpio.ring_brightness_percent))
    except BaseException:
        for lamp in lamps:
            lamp.close()
        raise
    return lamps


def _scaled(plan: LightPlan, t_ms: float, scale: float) -> tuple[int, int, int]:
    light = plan.light(t_ms)
    red, green, blue = (round(part * light.level * scale) for part in light.colour)
    return red, green, blue


def _no_library(ring: str, package: str, error: ImportError) -> ButtonError:
    return ButtonError(
        f"gpio.ring = {ring!r} needs the library {package}, which is not installed ({error})",
        hint=f"'.venv/bin/pip install {package}' (docs/hardware.md says what it brings), or set gpio.ring to \"none\"",
    )
