"""The same card under another number, and another card in its place."""

from types import SimpleNamespace
from typing import Any

import pytest

from device.audio.devices import DeviceInfo
from device.audio.reopen import PATIENCE_S, SameCard, bare
from device.card import CardStats
from device.errors import NoCardError


def device(index: int, name: str, inputs: int = 1, outputs: int = 2) -> DeviceInfo:
    return DeviceInfo(index, name, "ALSA", inputs, outputs, 48_000, default_input=False, default_output=False)


class Shop:
    """The devices of the moment, and what was asked for."""

    def __init__(self, wanted: str, name: str) -> None:
        self.devices: list[DeviceInfo] = []
        self.asked: list[tuple[str, str]] = []
        self.now_s = 0.0
        self.blocks = 100  # that the cards deliver which are opened
        first: Any = SimpleNamespace(input=device(1, name), output=device(1, name))
        self.open = SameCard(
            wanted, wanted, first, self._make, devices=lambda: self.devices, clock_s=lambda: self.now_s
        )

    def _make(self, microphone: str, loudspeaker: str) -> Any:
        self.asked.append((microphone, loudspeaker))
        if microphone not in ("auto", *(str(d.index) for d in self.devices)):
            raise NoCardError(f"no microphone is called {microphone!r}")
        chosen = [next(d for d in self.devices if side in ("auto", str(d.index))) for side in (microphone, loudspeaker)]
        blocks = self.blocks
        return SimpleNamespace(input=chosen[0], output=chosen[1], stats=lambda: CardStats(blocks, 0, 0, 0, 0))


def test_it_is_found_by_its_name_when_its_number_has_changed() -> None:
    shop = Shop("1", "USB Audio: - (hw:1,0)")
    shop.devices = [device(0, "HDMI (hw:0,3)"), device(1, "Webcam: - (hw:1,0)"), device(2, "USB Audio: - (hw:2,0)")]
    shop.open()
    assert shop.asked == [("2", "2")]


def test_the_very_same_name_goes_before_the_same_kind() -> None:
    shop = Shop("USB", "USB Audio: - (hw:1,0)")
    shop.devices = [device(0, "USB Audio: - (hw:0,0)"), device(1, "USB Audio: - (hw:1,0)")]
    shop.open()
    assert shop.asked == [("1", "1")]


def test_a_device_without_a_microphone_is_not_it() -> None:
    shop = Shop("USB", "USB Audio: - (hw:1,0)")
    shop.devices = [device(0, "USB Audio: - (hw:2,0)", inputs=0), device(4, "USB Audio: - (hw:3,0)", outputs=0)]
    shop.open()
    assert shop.asked == [("4", "0")]


def test_another_card_is_taken_only_for_auto_and_only_after_a_while() -> None:
    for wanted, then in (("auto", "auto"), ("USB", "USB Audio: - (hw:1,0)")):
        shop = Shop(wanted, "USB Audio: - (hw:1,0)")
        shop.devices = [device(0, "HDMI (hw:0,3)")]
        with pytest.raises(NoCardError):
            shop.open()
        shop.now_s = PATIENCE_S + 1
        if wanted == "auto":
            shop.open()
        else:
            with pytest.raises(NoCardError):
                shop.open()
        assert shop.asked[-1] == (then, then)


def test_patience_begins_anew_with_each_loss() -> None:
    shop = Shop("auto", "USB")
    shop.devices = [device(3, "USB")]
    shop.open()
    shop.now_s = 3600.0
    shop.devices = [device(0, "HDMI")]
    with pytest.raises(NoCardError):
        shop.open()


def replaced(*, blocks: int) -> Shop:
    """The first card stayed away, and "auto" has taken another one, which is lost as well after so many blocks."""
    shop = Shop("auto", "USB Audio: - (hw:1,0)")
    shop.devices = [device(0, "Webcam: - (hw:0,0)")]
    with pytest.raises(NoCardError):
        shop.open()
    shop.now_s = PATIENCE_S + 1
    shop.blocks = blocks
    shop.open()
    assert shop.asked[-1] == ("auto", "auto")
    return shop


def test_the_card_in_its_place_is_the_one_that_is_looked_for_from_then_on() -> None:
    shop = replaced(blocks=100)
    shop.now_s = 3600.0
    shop.devices = [device(0, "HDMI (hw:0,3)"), device(4, "Webcam: - (hw:2,0)")]
    shop.open()
    assert shop.asked[-1] == ("4", "4"), "at once, under its new number"


def test_a_card_in_its_place_that_brings_nothing_is_not_what_is_looked_for() -> None:
    """It can be opened and is silent for ever: the first one is taken as soon as it is there again."""
    shop = replaced(blocks=0)
    shop.now_s += 1.0
    shop.open()
    assert shop.asked[-1] == ("auto", "auto"), "there is still no better one, and no reason to wait again"
    shop.devices = [device(0, "Webcam: - (hw:0,0)"), device(1, "USB Audio: - (hw:1,0)")]
    shop.open()
    assert shop.asked[-1] == ("1", "1")


@pytest.mark.parametrize(
    ("name", "expected"),
    [("USB Audio: - (hw:1,0)", "USB Audio: -"), ("default", "default"), ("A (hw:1,0) B", "A (hw:1,0) B"), ("", "")],
)
def test_names_without_numbers(name: str, expected: str) -> None:
    assert bare(name) == expected
