"""A wake word that the loudspeaker says is not heard, and a model that fails ends nothing."""

import numpy as np
import pytest

from device.dialogue.wake_ear import WakeEar
from models.protocols import Int16s, WakeDetection

BLOCK = np.zeros(160, np.int16)


class At:
    """A word at given samples."""

    def __init__(self, *samples: int) -> None:
        self._samples = samples

    def feed(self, pcm: Int16s, sample: int) -> list[WakeDetection]:
        end = sample + pcm.size
        return [WakeDetection("okay_nabu", "Okay Nabu", end, end, 0.9) for s in self._samples if sample < s <= end]

    def reset(self) -> None:
        pass


def detections(at: int, person: list[tuple[int, int]]) -> int:
    ear = WakeEar(At(at))
    return sum(
        len(ear.feed(BLOCK, s, person_likely=any(a <= s < b for a, b in person))) for s in range(0, at + 16_000, 160)
    )


@pytest.mark.parametrize(
    ("person", "heard"),
    [
        ([(0, 10**9)], 1),  # nothing sounds: who else
        ([], 0),  # the answer says the word
        ([(40_000, 44_800)], 1),  # somebody speaks over it
        ([(46_000, 46_320)], 0),  # a crack of the loudspeaker
        ([(38_400, 40_000), (44_000, 45_600)], 1),
        ([(0, 31_000)], 0),  # a person, but more than a second ago
    ],
)
def test_only_what_a_person_said(person: list[tuple[int, int]], heard: int) -> None:
    assert detections(48_000, person) == heard


def test_the_first_word_of_a_session_is_heard() -> None:
    assert detections(1600, [(0, 10**9)]) == 1
