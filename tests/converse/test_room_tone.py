"""A recording with its room around it: untouched itself, no step at its ends, silence at last."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from device.converse.room_tone import in_its_room, quietest
from models.protocols import SAMPLE_RATE_HZ


@given(st.integers(0, 40_000), st.floats(0.0, 3.0), st.floats(0.0, 3.0))
def test_the_recording_is_in_it_as_it_was(size: int, before_s: float, after_s: float) -> None:
    pcm = np.random.default_rng(size).integers(-3000, 3000, size).astype(np.int16)
    around, start = in_its_room(pcm, before_s=before_s, after_s=after_s)
    assert start == round(before_s * SAMPLE_RATE_HZ)
    assert around.size == start + size + round(after_s * SAMPLE_RATE_HZ)
    np.testing.assert_array_equal(around[start : start + size], pcm)
    assert around.dtype == np.int16


def test_the_room_is_what_is_heard_when_nobody_speaks() -> None:
    rng = np.random.default_rng(1)
    noise = rng.normal(0, 50, 3 * SAMPLE_RATE_HZ)
    noise[SAMPLE_RATE_HZ : 2 * SAMPLE_RATE_HZ] += rng.normal(0, 5000, SAMPLE_RATE_HZ)
    pcm = np.rint(noise).astype(np.int16)
    assert 35 < float(np.std(quietest(pcm))) < 65
    around, start = in_its_room(pcm, before_s=1.0, after_s=2.0)
    behind = around[start + pcm.size :].astype(float)
    assert 35 < float(np.std(behind[: SAMPLE_RATE_HZ // 2])) < 65
    assert behind[-1] == around[0] == 0
