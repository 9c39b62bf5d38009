"""Pins that contradict each other, and how that is told."""

from pathlib import Path

import pytest

from device.config import load_settings
from device.config.load import InvalidConfigError, load_config


def refusal(file: Path, text: str) -> str:
    file.write_text(text)
    with pytest.raises(InvalidConfigError) as caught:
        load_config(file, [], {})
    (problem,) = caught.value.problems
    return problem


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "nearfield.toml"


def test_the_same_pin_twice_names_key_and_line(file: Path) -> None:
    problem = refusal(file, "[gpio]\npush_to_talk_pin = 17\nvolume_up_pin = 5\nmute_pin = 17\n")
    assert problem == f"{file}, line 4: gpio.mute_pin (17) is the pin of gpio.push_to_talk_pin too"


def test_a_light_on_the_pin_of_a_button(file: Path) -> None:
    problem = refusal(file, "[gpio]\nled_pin = 5\nvolume_down_pin = 5\n")
    assert "gpio.led_pin (5) is the pin of gpio.volume_down_pin too" in problem
    assert "line 2" in problem


@pytest.mark.parametrize("pin", [10, 11])
def test_pins_of_an_apa102_ring(file: Path, pin: int) -> None:
    problem = refusal(file, f'[gpio]\nring = "apa102"\nmute_pin = {pin}\n')
    assert "line 3" in problem
    assert "SPI" in problem


def test_pin_of_a_ws2812_ring(file: Path) -> None:
    problem = refusal(file, '[gpio]\nring = "ws2812"\nled_pin = 18\n')
    assert "line 3: gpio.led_pin (18) is the pin of gpio.ring_pin too" in problem


def test_a_ws2812_ring_on_a_pin_without_hardware_behind_it(file: Path) -> None:
    problem = refusal(file, '[gpio]\nring = "ws2812"\nring_pin = 17\n')
    assert "line 3: gpio.ring_pin (17) must be 10, 12, 18 or 21" in problem


def test_no_ring_takes_no_pin() -> None:
    settings = load_settings(None, ["gpio.led_pin=18", "gpio.mute_pin=10", "gpio.push_to_talk_pin=none"])
    assert settings.gpio.pins() == {"mute_pin": 10, "led_pin": 18}


@pytest.mark.parametrize("value", ["54", "-1", "x", "1.5", "true"])
def test_what_is_no_pin(file: Path, value: str) -> None:
    text = value if value in ("54", "-1", "1.5") else f'"{value}"'
    problem = refusal(file, f"[gpio]\nmute_pin = {text}\n")
    assert "line 2: gpio.mute_pin" in problem
    assert 'allowed: a whole number, 0 to 53, or "none"' in problem
