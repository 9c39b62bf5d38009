"""A wake word that the loudspeaker says is not heard; one of a person is, whatever the loudspeaker says."""

import numpy as np
import pytest

from device.dialogue.wake_ear import WakeEar
from models.protocols import Int16s, WakeDetection

QUIET = np.zeros(160, np.int16)
LOUD = np.full(160, 1000, np.int16)


class At:
    """A word at given samples of the microphone, and others at the loudspeaker."""

    def __init__(self, near: list[tuple[int, str]], far: list[tuple[int, str]]) -> None:
        self._near, self._far = near, far
        self.fed = 0

    def feed(self, pcm: Int16s, sample: int) -> list[WakeDetection]:
        self.fed += pcm.size
        end = sample + pcm.size
        return [WakeDetection(word, word, end, end, 0.9) for s, word in self._near if sample < s <= end]

    def reset(self) -> None:
        pass

    def far_end(self) -> "At":
        self.twin = At(self._far, [])
        return self.twin


def heard(near: list[tuple[int, str]], far: list[tuple[int, str]], sounds: tuple[int, int]) -> tuple[list[int], At]:
    model = At(near, far)
    ear = WakeEar(model)
    found = []
    for at in range(0, 160_000, 160):
        block = LOUD if sounds[0] <= at < sounds[1] else QUIET
        found += [d.end_sample for d in ear.feed(QUIET, at, far=block, far_sample=at + 80)]
    return found, model


@pytest.mark.parametrize(
    ("near", "far", "count"),
    [
        ([(48_000, "nabu")], [], 1),
        ([(48_000, "nabu")], [(44_000, "nabu")], 0),  # the answer says it
        ([(53_000, "nabu")], [(44_000, "nabu")], 0),  # a loudspeaker that is late
        ([(80_000, "nabu")], [(44_000, "nabu")], 1),  # a person, two seconds later
        ([(48_000, "nabu")], [(44_000, "alexa")], 1),  # the answer says another word
        ([(48_000, "nabu"), (90_000, "nabu")], [(47_900, "nabu")], 1),
    ],
)
def test_only_what_a_person_said(near: list[tuple[int, str]], far: list[tuple[int, str]], count: int) -> None:
    assert len(heard(near, far, (0, 160_000))[0]) == count


def test_a_silent_loudspeaker_costs_nothing() -> None:
    found, model = heard([(48_000, "nabu")], [], (80_000, 96_000))
    assert len(found) == 1
    assert model.fed == 160_000
    assert 16_000 + 15_000 < model.twin.fed < 16_000 + 17_000
