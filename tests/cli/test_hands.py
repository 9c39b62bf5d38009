"""What shines back on the front panel and in the terminal."""

import pytest

from device.audio.virtual import VirtualCard
from device.cli.captions import Captions
from device.cli.hands import Hands
from device.config import load_settings
from device.dialogue import events as ev


class Lights:
    """A panel that keeps what it was told."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def state(self, name: str) -> None:
        self.told.append(name)

    def error(self) -> None:
        self.told.append("error")


@pytest.mark.parametrize(
    ("event", "told"),
    [
        (ev.NotHeard(0, 0, "card_lost"), ["error"]),
        (ev.Failure(0, 1, "tts", "it broke"), ["error"]),
        (ev.StateChange(0, 0, "thinking"), ["thinking"]),
        (ev.CardBack(0, 0, 700.0), []),
    ],
)
def test_a_light_for_what_went_wrong(event: ev.Event, told: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    hands, lights = Hands(load_settings(None, ["controls.keep=false"]), VirtualCard()), Lights()
    hands.show(event)  # before there is a panel
    monkeypatch.setattr(hands, "_panel", lights)
    hands.show(event)
    assert lights.told == told


def test_a_line_for_a_button_that_nobody_can_hear(capsys: pytest.CaptureFixture[str]) -> None:
    captions = Captions("Ready.")
    assert not captions.begun
    captions.show(ev.NotHeard(0, 0, "card_lost"))
    assert captions.begun
    assert capsys.readouterr().out.split("\n")[:2] == [
        "Ready.",
        "           (nobody hears you: the sound card is away)",
    ]
