"""The button on the real rpi-lgpio, over pins in memory (fake/lgpio.py)."""

import importlib.util
import queue
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from device.errors import ButtonError
from device.gpio.button import Button

PIN = 17
WAIT_S = 10.0  # how long an event may take on a slow machine

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("RPi") is None or importlib.util.find_spec("RPi.GPIO") is None,
    reason="rpi-lgpio is not installed",
)


class Listener:
    """Remembers what the button called, in order."""

    def __init__(self) -> None:
        self._calls: queue.Queue[str] = queue.Queue()

    def press(self) -> None:
        self._calls.put("press")

    def release(self) -> None:
        self._calls.put("release")

    def next(self) -> str:
        return self._calls.get(timeout=WAIT_S)

    def all_so_far(self) -> list[str]:
        calls = []
        while not self._calls.empty():
            calls.append(self._calls.get())
        return calls


def button(listener: Listener, **options: Any) -> Button:
    return Button(PIN, listener.press, listener.release, **options)


def test_press_and_release(board: Any) -> None:
    heard = Listener()
    with button(heard, debounce_ms=5):
        board.drive(PIN, 0)
        assert heard.next() == "press"
        board.drive(PIN, None)  # the pull-up does it
        assert heard.next() == "release"
    assert heard.all_so_far() == []


def test_active_high_uses_the_pull_down(board: Any) -> None:
    heard = Listener()
    with button(heard, active_low=False, debounce_ms=5):
        assert board.pins[PIN].mode & board.SET_PULL_DOWN
        board.drive(PIN, 1)
        assert heard.next() == "press"
        board.drive(PIN, None)
        assert heard.next() == "release"


def test_chosen_pull_reaches_the_pin(board: Any) -> None:
    with button(Listener(), pull="off"):
        assert board.pins[PIN].mode & board.SET_PULL_NONE


def test_bouncing_contact_is_one_press(board: Any) -> None:
    heard = Listener()
    with button(heard, debounce_ms=200):
        for _ in range(10):
            board.drive(PIN, 0)
            board.drive(PIN, None)
        board.drive(PIN, 0)
        assert heard.next() == "press"
        for _ in range(10):
            board.drive(PIN, None)
            board.drive(PIN, 0)
        board.drive(PIN, None)
        assert heard.next() == "release"
    assert heard.all_so_far() == []


def test_glitch_shorter_than_the_debounce_is_nothing(board: Any) -> None:
    heard = Listener()
    with button(heard, debounce_ms=500):
        board.drive(PIN, 0)
        board.drive(PIN, None)
        board.wait_reported()
        time.sleep(0.6)
    assert heard.all_so_far() == []


def test_edge_that_the_driver_lost_is_found_by_looking(board: Any) -> None:
    heard = Listener()
    with button(heard, debounce_ms=5):
        board.pins[PIN].level = 0  # no edge is reported
        assert heard.next() == "press"


def test_button_held_at_the_start_counts_from_its_next_press(board: Any) -> None:
    board.drive(PIN, 0)
    heard = Listener()
    with button(heard, debounce_ms=5):
        board.drive(PIN, None)
        board.wait_reported()
        time.sleep(0.5)  # there is no sign that this release was believed, by design
        board.drive(PIN, 0)
        assert heard.next() == "press"
        board.drive(PIN, None)
        assert heard.next() == "release"


def test_closing_while_held_releases_and_frees_the_pin(board: Any) -> None:
    heard = Listener()
    held = button(heard, debounce_ms=5)
    board.drive(PIN, 0)
    assert heard.next() == "press"
    held.close()
    held.close()
    assert heard.all_so_far() == ["release"]
    assert board.pins[PIN].mode == 0
    board.drive(PIN, None)
    board.drive(PIN, 0)
    board.wait_reported()
    assert heard.all_so_far() == []


def test_failing_listener_does_not_end_the_button(board: Any) -> None:
    heard = Listener()

    def fail() -> None:
        heard.press()
        raise RuntimeError("no conversation")

    with Button(PIN, fail, heard.release, debounce_ms=5):
        board.drive(PIN, 0)
        assert heard.next() == "press"
        board.drive(PIN, None)
        assert heard.next() == "release"


def test_more_edges_than_fit_still_end_at_the_true_level(board: Any) -> None:
    heard = Listener()
    with button(heard, debounce_ms=20):
        for _ in range(1000):
            board.drive(PIN, 0)
            board.drive(PIN, None)
        board.drive(PIN, 0)
        assert heard.next() == "press"
        time.sleep(0.1)
        assert heard.all_so_far() == []


def test_a_switch_tells_its_position_at_the_start_and_nothing_at_the_end(board: Any) -> None:
    heard = Listener()
    switch = button(heard, latching=True, debounce_ms=5)
    assert heard.all_so_far() == ["release"], "before the constructor returns"
    board.drive(PIN, 0)
    assert heard.next() == "press"
    switch.close()
    assert heard.all_so_far() == []


def test_a_switch_that_was_closed_at_the_start_opens(board: Any) -> None:
    board.drive(PIN, 0)
    heard = Listener()
    with button(heard, latching=True, debounce_ms=5):
        assert heard.all_so_far() == ["press"]
        board.drive(PIN, None)
        assert heard.next() == "release"


def test_messages_name_the_key_of_the_button(board: Any) -> None:
    board.pins[PIN].taken = True
    with pytest.raises(ButtonError) as caught:
        button(Listener(), key="gpio.mute_pin")
    assert "gpio.mute_pin" in caught.value.hint


def test_pin_in_use(board: Any) -> None:
    board.pins[PIN].taken = True
    with pytest.raises(ButtonError, match="GPIO 17 cannot be used: GPIO busy") as caught:
        button(Listener())
    assert "another program has it" in caught.value.hint


def test_no_permission(board: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(board, "openable", False)
    with pytest.raises(ButtonError, match="can not open gpiochip") as caught:
        button(Listener())
    assert "usermod -aG gpio" in caught.value.hint


@pytest.mark.parametrize("pin", [-1, 54, 1000])
def test_pin_that_does_not_exist(board: Any, pin: int) -> None:
    del board
    with pytest.raises(ButtonError, match=f"GPIO {pin}") as caught:
        Button(pin, lambda: None, lambda: None)
    assert "BCM number" in caught.value.hint


def test_not_a_pi(board: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    if Path("/proc/device-tree/system/linux,revision").exists():
        pytest.skip("this is a Pi")
    del board
    monkeypatch.delenv("RPI_LGPIO_REVISION")
    with pytest.raises(ButtonError, match="only be run on a Raspberry Pi") as caught:
        button(Listener())
    assert "gpio.push_to_talk_pin" in caught.value.hint


def test_no_driver(board: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    del board
    monkeypatch.setitem(sys.modules, "RPi", None)
    with pytest.raises(ButtonError, match="no GPIO driver is installed") as caught:
        button(Listener())
    assert "install.sh" in caught.value.hint
