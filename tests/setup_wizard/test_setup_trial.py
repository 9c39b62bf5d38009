"""What the wizard tries on a card; here on one that has no clock and hears what it is told to."""

from pathlib import Path
from typing import Self, get_args

import numpy as np
import pytest

from device.card import BLOCK_SAMPLES, Block, Span
from device.cli import sound_card
from device.cli.setup_trial import Trials
from device.config import Settings
from device.errors import NoCardError
from device.setup_wizard.answers import Answers
from device.setup_wizard.interview import Trial
from models.protocols import Int16s


class StillCard:
    """Gives the same block again and again; plays at once."""

    name = "still"

    def __init__(self, sample: int) -> None:
        self._mic: Int16s = np.full(BLOCK_SAMPLES, sample, np.int16)
        self.played = 0
        self._blocks = 0

    def read(self, timeout_s: float) -> Block:  # noqa: ARG002
        self._blocks += 1
        return Block(self._blocks * BLOCK_SAMPLES, self._mic, self._mic * 0, Span(0, self.played), 0)

    def play(self, pcm: Int16s) -> Span:
        start, self.played = self.played, self.played + len(pcm)
        return Span(start, self.played)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass


@pytest.fixture(autouse=True)
def _own_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))


@pytest.mark.parametrize(
    ("sample", "said"),
    [
        (0, "nothing but zeros"),
        (-32768, "clips"),
        (30, "very quiet, -61 dBFS"),
        (4_000, "Good: its peak was -18 dBFS."),
    ],
)
def test_the_level_of_a_microphone(monkeypatch: pytest.MonkeyPatch, sample: int, said: str) -> None:
    monkeypatch.setattr(sound_card, "open_sound_card", lambda *_, **__: StillCard(sample))
    assert said in Trials(Settings()).run("level", Answers())


def test_the_card_that_was_chosen_is_the_one_that_is_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    chosen: list[tuple[str, str]] = []
    card = StillCard(0)

    def opened(settings: Settings, **_: object) -> StillCard:
        chosen.append((settings.audio.input, settings.audio.output))
        return card

    monkeypatch.setattr(sound_card, "open_sound_card", opened)
    monkeypatch.setattr(sound_card, "turned_down", lambda card, _: card)
    said = Trials(Settings()).run("tone", Answers(microphone="usb:0d8c:0014", loudspeaker="DAC"))
    assert (said, chosen) == ("Played on still.", [("usb:0d8c:0014", "DAC")])
    assert card.played > 16_000


def test_a_card_that_is_not_there_ends_no_interview(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(*_: object, **__: object) -> StillCard:
        raise NoCardError("no microphone is called 'x'", hint="plug it in")

    monkeypatch.setattr(sound_card, "open_sound_card", absent)
    trials = Trials(Settings())
    for trial in get_args(Trial):
        assert trials.run(trial, Answers()) == "It did not work: no microphone is called 'x'. plug it in"
    assert trials.store() == ""
