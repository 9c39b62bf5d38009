"""Frames for the VAD, and when it forgets."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from device.dialogue.voice_meter import FORGET_AFTER_SAMPLES, VoiceMeter
from models.protocols import Floats


class FakeVad:
    """Loud is speech; remembers what it was shown, and its resets."""

    frame_samples = 512

    def __init__(self) -> None:
        self.frames: list[Floats] = []
        self.resets: list[int] = []

    def probability(self, frame: Floats) -> float:
        self.frames.append(frame)
        return float(np.abs(frame).max() > 0.1)

    def reset(self) -> None:
        self.resets.append(len(self.frames))

    def fresh(self) -> "FakeVad":
        return FakeVad()


@given(st.lists(st.integers(1, 700), min_size=1, max_size=30))
def test_every_sample_is_read_once_and_in_order(sizes: list[int]) -> None:
    vad = FakeVad()
    meter = VoiceMeter(vad)
    signal = np.arange(sum(sizes)).astype(np.int16)
    at, readings = 0, []
    for size in sizes:
        readings += meter.feed(signal[at : at + size], at)
        at += size
    assert [r.start_sample for r in readings] == list(range(0, at // 512 * 512, 512))
    assert all(r.end_sample - r.start_sample == 512 for r in readings)
    if readings:
        assert np.array_equal(np.concatenate(vad.frames) * 32768, signal[: at // 512 * 512])


def test_a_second_of_quiet_is_forgotten_and_speech_is_not() -> None:
    vad = FakeVad()
    meter = VoiceMeter(vad)
    meter.feed(np.full(10 * FORGET_AFTER_SAMPLES, 9000, np.int16), 0)
    assert vad.resets == []
    spoken = len(vad.frames)
    meter.feed(np.zeros(3 * FORGET_AFTER_SAMPLES, np.int16), 10 * FORGET_AFTER_SAMPLES)
    per_second = -(-FORGET_AFTER_SAMPLES // 512)
    # the first quiet frame may still hold the end of the speech
    assert [r - spoken - per_second in (0, 1) for r in vad.resets[:1]] == [True]
    assert len(vad.resets) == 2


def test_a_gap_begins_a_new_stretch() -> None:
    vad = FakeVad()
    meter = VoiceMeter(vad)
    meter.feed(np.zeros(300, np.int16), 0)
    (reading,) = meter.feed(np.zeros(600, np.int16), 8000)
    assert (reading.start_sample, reading.end_sample) == (8000, 8512)
    assert vad.resets == [0]
