"""The front panel on the real rpi-lgpio over pins in memory, with a real duplex core behind its mute."""

import queue
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from device.audio.virtual import VirtualCard
from device.config import load_settings
from device.config.schema import GpioSettings
from device.controls import Controls
from device.errors import ButtonError
from device.gpio.panel import Panel, PanelCalls

TALK, MUTE, UP, DOWN, MUTED_LED, STATE_LED, SPEAKING_LED, ERROR_LED = 17, 27, 22, 23, 24, 25, 5, 6
ALL = (TALK, MUTE, UP, DOWN, MUTED_LED, STATE_LED, SPEAKING_LED, ERROR_LED)
WAIT_S = 10.0  # how long anything may take on a slow machine


def gpio(**keys: Any) -> GpioSettings:
    wired = {
        "push_to_talk_pin": TALK, "mute_pin": MUTE, "volume_up_pin": UP, "volume_down_pin": DOWN,
        "led_muted_pin": MUTED_LED, "led_pin": STATE_LED, "led_speaking_pin": SPEAKING_LED, "led_error_pin": ERROR_LED,
        "debounce_ms": 5,
    }  # fmt: skip
    return load_settings(None, [f"gpio.{key}={value}" for key, value in (wired | keys).items()]).gpio


class Calls:
    """Remembers what the panel called, in order."""

    def __init__(self) -> None:
        self._calls: queue.Queue[str] = queue.Queue()
        self.all = PanelCalls(
            press=self._note("press"), release=self._note("release"), toggle=self._note("toggle"),
            mute=lambda muted: self._calls.put(f"mute {muted}"), toggle_mute=self._note("toggle_mute"),
            louder=self._note("louder"), softer=self._note("softer"),
        )  # fmt: skip

    def _note(self, name: str) -> Callable[[], None]:
        return lambda: self._calls.put(name)

    def next(self) -> str:
        return self._calls.get(timeout=WAIT_S)

    def none_waits(self) -> bool:
        return self._calls.empty()


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + WAIT_S
    while not condition():
        assert time.monotonic() < deadline, "it never came"
        time.sleep(0.005)


def push(board: Any, pin: int, calls: Calls) -> str:
    board.drive(pin, 0)
    called = calls.next()
    board.drive(pin, None)
    time.sleep(0.05)  # the debouncer has to see it open again
    return called


def test_each_button_calls_its_own(board: Any) -> None:
    calls = Calls()
    with Panel(gpio(), calls.all, is_muted=lambda: False):
        assert push(board, TALK, calls) == "press"
        assert calls.next() == "release"
        assert push(board, MUTE, calls) == "toggle_mute"
        assert push(board, UP, calls) == "louder"
        assert push(board, DOWN, calls) == "softer"
        assert calls.none_waits()


def test_toggle_mode_calls_once_a_push(board: Any) -> None:
    calls = Calls()
    with Panel(gpio(talk_mode="toggle"), calls.all, is_muted=lambda: False):
        for _ in range(3):
            assert push(board, TALK, calls) == "toggle"
        assert calls.none_waits()


def test_a_bouncing_mute_button_mutes_once(board: Any) -> None:
    calls = Calls()
    with Panel(gpio(debounce_ms=200), calls.all, is_muted=lambda: False):
        for _ in range(20):
            board.drive(MUTE, 0)
            board.drive(MUTE, None)
        board.drive(MUTE, 0)
        assert calls.next() == "toggle_mute"
        board.drive(MUTE, None)
        board.wait_reported()
        time.sleep(0.3)
        assert calls.none_waits()


def test_mute_switch_counts_by_its_position(board: Any) -> None:
    board.drive(MUTE, 0)
    calls = Calls()
    with Panel(gpio(mute_kind="switch"), calls.all, is_muted=lambda: False):
        assert not calls.none_waits(), "known before the panel is open"
        assert calls.next() == "mute True"
        board.drive(MUTE, None)
        assert calls.next() == "mute False"
        board.drive(MUTE, 0)
        assert calls.next() == "mute True"
    assert calls.none_waits(), "the end of the program opens no microphone"


def test_the_mute_light_tells_what_the_callback_did(board: Any, tmp_path: Path) -> None:
    card = VirtualCard()
    controls = Controls(card, tmp_path / "controls.json")
    calls = Calls()
    asked = threading.Event()

    def truth() -> bool:
        asked.set()
        return card.muted

    with Panel(gpio(), calls.all, is_muted=truth):
        controls.mute(True)
        for _ in range(3):  # the lights have looked three times since
            asked.clear()
            assert asked.wait(WAIT_S)
        assert board.pins[MUTED_LED].level == 0, "no block has been zeroed: the card does not run"
        with card:
            card.say(np.full(16_000, 9_000, np.int16))
            until(lambda: board.pins[MUTED_LED].level == 1)
            assert card.muted
            controls.mute(False)
            until(lambda: board.pins[MUTED_LED].level == 0)
            assert not card.muted


def test_lights_follow_the_state_and_errors(board: Any) -> None:
    with Panel(gpio(), Calls().all, is_muted=lambda: False) as panel:
        panel.state("listening")
        until(lambda: board.pins[STATE_LED].level == 1)
        panel.state("speaking")
        until(lambda: board.pins[SPEAKING_LED].level == 1)
        panel.error()
        until(lambda: board.pins[ERROR_LED].level == 1)
        assert board.pins[SPEAKING_LED].level == 1
        assert board.pins[MUTED_LED].level == 0
        panel.state("idle")
        until(lambda: board.pins[SPEAKING_LED].level == 0)


def test_all_pins_are_dark_and_given_back_at_the_end(board: Any) -> None:
    with Panel(gpio(), Calls().all, is_muted=lambda: True):
        until(lambda: board.pins[MUTED_LED].level == 1)
        assert all(board.pins[pin].mode for pin in ALL)
    assert [pin for pin in ALL if board.pins[pin].mode] == []
    assert [pin for pin in (MUTED_LED, STATE_LED, SPEAKING_LED, ERROR_LED) if board.pins[pin].level] == []
    assert "nearfield-lights" not in [thread.name for thread in threading.enumerate()]


@pytest.mark.parametrize("pin", ALL)
def test_a_pin_in_use_leaves_no_other_taken(board: Any, pin: int) -> None:
    board.pins[pin].taken = True
    with (
        pytest.raises(ButtonError, match=f"GPIO {pin} cannot be used") as caught,
        Panel(gpio(), Calls().all, is_muted=lambda: False),
    ):
        pass
    assert "another program has it" in caught.value.hint
    assert [number for number in ALL if board.pins[number].mode] == []


def test_a_light_that_breaks_does_not_end_the_others(board: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    write = board.gpio_write

    def broken(handle: int, pin: int, level: int) -> int:
        if pin == SPEAKING_LED and level:
            raise board.error("no such line")
        return int(write(handle, pin, level))

    monkeypatch.setattr(board, "gpio_write", broken)
    with Panel(gpio(), Calls().all, is_muted=lambda: True) as panel:
        panel.state("speaking")
        until(lambda: board.pins[MUTED_LED].level == 1)
        panel.error()
        until(lambda: board.pins[ERROR_LED].level == 1)
