"""The timeline of what is said into the virtual microphone."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from device.audio import near_end
from device.audio.near_end import NearEnd, scaled_noise
from device.errors import UsageError
from models.protocols import Int16s


def taken(near: NearEnd, blocks: int) -> list[float]:
    return [float(x) for _ in range(blocks) for x in near.take()]


def ramp(n: int, first: int = 1) -> Int16s:
    return np.arange(first, first + n).astype(np.int16)


def test_silence_unless_something_is_said() -> None:
    near = NearEnd()
    assert taken(near, 2) == [0.0] * 320
    assert near.next_sample == 320


def test_speech_begins_with_the_next_block() -> None:
    near = NearEnd()
    near.take()
    assert near.say(ramp(200)) == 160
    assert taken(near, 2) == [*range(1, 201), *[0.0] * 120]


def test_speech_begins_where_it_is_told_to_the_sample() -> None:
    near = NearEnd()
    assert near.say(ramp(100), 333) == 333
    out = taken(near, 4)
    assert out[333:433] == list(range(1, 101))
    assert sum(out) == sum(range(1, 101))


def test_time_that_is_past_becomes_now() -> None:
    near = NearEnd()
    taken(near, 3)
    assert near.say(ramp(10), 5) == 480
    assert taken(near, 1)[:10] == list(range(1, 11))


def test_overlapping_speech_adds_up_without_wrapping() -> None:
    near = NearEnd()
    loud = np.full(160, 30_000, np.int16)
    near.say(loud)
    near.say(loud, 80)
    assert taken(near, 1)[79:81] == [30_000.0, 60_000.0]


def test_what_is_said_is_copied() -> None:
    near = NearEnd()
    pcm = ramp(10)
    near.say(pcm)
    pcm[:] = 0
    assert taken(near, 1)[:10] == list(range(1, 11))


def test_noise_repeats_from_sample_zero() -> None:
    near = NearEnd(np.array([1.0, 2.0, 3.0], np.float32))
    assert taken(near, 5) == [float(1 + n % 3) for n in range(800)]


def test_no_noise_and_empty_noise_are_silence() -> None:
    assert taken(NearEnd(np.zeros(0, np.float32)), 1) == [0.0] * 160


def test_too_many_sounds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(near_end, "MAX_CLIPS", 2)
    near = NearEnd()
    near.say(ramp(160))
    near.say(ramp(160))
    with pytest.raises(UsageError, match="2 sounds"):
        near.say(ramp(1))
    near.take()
    near.say(ramp(1))


@given(st.lists(st.tuples(st.integers(0, 900), st.integers(0, 500)), max_size=8), st.integers(0, 5))
def test_every_sample_is_heard_once_at_its_place(clips: list[tuple[int, int]], waited: int) -> None:
    near = NearEnd()
    taken(near, waited)
    expected = np.zeros(160 * 16)
    for at, length in clips:
        start = near.say(ramp(length), at)
        assert start == max(at, 160 * waited)
        expected[start : start + length] += ramp(length)
    assert taken(near, 16 - waited) == expected[160 * waited :].tolist()


@pytest.mark.parametrize("snr_db", [-10.0, 0.0, 20.0])
def test_noise_is_scaled_to_the_ratio(snr_db: float) -> None:
    rng = np.random.default_rng(0)
    burst = (rng.standard_normal(16_000) * 2000).astype(np.int16)
    speech = np.concatenate((np.zeros(16_000, np.int16), burst, np.zeros(16_000, np.int16)))
    noise = (rng.standard_normal(8000) * 700).astype(np.int16)
    scaled = scaled_noise(noise, [speech], snr_db)
    ratio = 20 * np.log10(np.sqrt(np.mean(burst.astype(float) ** 2)) / np.sqrt(np.mean(scaled.astype(float) ** 2)))
    assert ratio == pytest.approx(snr_db, abs=0.5)  # half a dB: the blocks around the burst count too


@pytest.mark.parametrize(("noise", "speech"), [(0, 1000), (1000, 0)])
def test_silence_has_no_ratio(noise: int, speech: int) -> None:
    with pytest.raises(UsageError, match="silent"):
        scaled_noise(np.full(1600, noise, np.int16), [np.full(1600, speech, np.int16)], 10.0)


@pytest.mark.parametrize("snr_db", [float("nan"), 101.0, -101.0])
def test_absurd_ratio(snr_db: float) -> None:
    with pytest.raises(UsageError, match="outside"):
        scaled_noise(np.ones(160, np.int16), [np.ones(160, np.int16)], snr_db)
