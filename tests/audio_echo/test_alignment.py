"""The delay of the echo, found from the sound."""

import numpy as np
import pytest
from echo_world import BLOCK, blocks, noise, room, talk, through, to_int16
from hypothesis import given, settings
from hypothesis import strategies as st

from device.audio.alignment import EARLIEST_SAMPLES, DelayAlignment
from device.audio.frontend import FrontEnd
from dsp.levels import rms_dbfs
from models.protocols import SAMPLE_RATE_HZ, Int16s


def run(alignment: DelayAlignment, far: Int16s, mic: Int16s) -> list[float]:
    """Seconds at which the far end was moved."""
    moved = []
    for at in range(0, far.size - BLOCK + 1, BLOCK):
        if alignment.feed(far[at : at + BLOCK], mic[at : at + BLOCK]):
            moved.append(at / SAMPLE_RATE_HZ)
    return moved


def heard(far: Int16s, delay_ms: float, seed: int = 1) -> Int16s:
    return to_int16(through(far, room(seed, delay_ms)) + noise(far.size))


@pytest.mark.parametrize("delay_ms", [60, 100, 200, 300, 400, 435])
def test_a_late_echo_is_found_within_three_seconds(delay_ms: int) -> None:
    far = talk(4, 1)
    alignment = DelayAlignment()
    moved = run(alignment, far, heard(far, delay_ms))
    assert len(moved) == 1
    assert moved[0] <= 3.0
    assert 0 < delay_ms * 16 - alignment.delay_samples <= SAMPLE_RATE_HZ * 10 // 1000  # early in the filter


@settings(max_examples=8, deadline=None)
@given(delay_ms=st.integers(0, 430), seed=st.integers(1, 50), near_gain=st.sampled_from([0.0, 0.3, 1.0]))
def test_whatever_the_delay_it_is_never_laid_where_the_filter_cannot_use_it(
    delay_ms: int, seed: int, near_gain: float
) -> None:
    far = talk(5, seed)
    near = near_gain * 0.3 * talk(5, seed + 1000)
    alignment = DelayAlignment()
    run(alignment, far, to_int16(heard(far, delay_ms, seed) + near))
    late = delay_ms * 16 - alignment.delay_samples
    assert 0 <= late <= SAMPLE_RATE_HZ * 50 // 1000 + 32
    assert alignment.moves <= 1


@pytest.mark.parametrize("delay_ms", [0, 5, 20, 45])
def test_what_the_filter_reaches_stays_where_it_is(delay_ms: int) -> None:
    far = talk(4, 2)
    alignment = DelayAlignment()
    assert run(alignment, far, heard(far, delay_ms)) == []
    assert alignment.delay_samples == 0


@settings(max_examples=5, deadline=None)
@given(seed=st.integers(1, 200))
def test_somebody_else_s_voice_is_no_echo(seed: int) -> None:
    alignment = DelayAlignment()
    assert run(alignment, talk(6, seed), talk(6, seed + 500)) == []
    assert alignment.measured_samples is None


def test_a_sound_that_repeats_itself_shows_no_delay() -> None:
    loop = np.tile(talk(0.1, 3), 50)
    assert run(DelayAlignment(), loop, heard(loop, 300)) == []


def test_silence_and_pauses_keep_what_was_found() -> None:
    far = talk(4, 4)
    alignment = DelayAlignment()
    run(alignment, far, heard(far, 250))
    found = alignment.delay_samples
    quiet = np.zeros(5 * SAMPLE_RATE_HZ, np.int16)
    assert run(alignment, quiet, to_int16(noise(quiet.size))) == []
    assert run(alignment, quiet, talk(5, 5)) == []
    assert alignment.delay_samples == found > 0


def test_a_driver_that_promises_too_much_latency() -> None:
    far = talk(4, 6)
    echo = through(far, room(1, 0))
    early = np.concatenate((echo[480:], np.zeros(480)))  # 30 ms before the time that the driver tells
    alignment = DelayAlignment()
    assert len(run(alignment, far, to_int16(early + noise(far.size)))) == 1
    assert EARLIEST_SAMPLES <= alignment.delay_samples < -480


@pytest.mark.parametrize("delay_ms", [20, 150, 300, 400])
def test_the_front_end_takes_a_late_echo_away(delay_ms: int) -> None:
    far = talk(9, 7)
    mic = heard(far, delay_ms)
    with FrontEnd() as ear:
        clean = np.concatenate([ear.process(block) for block in blocks(far, mic, 320)])
        assert ear.knows_the_room
    late = slice(6 * SAMPLE_RATE_HZ, None)
    # played 20 ms after it was handed over, and heard without those 20 ms: the driver is wrong by that much as well
    assert rms_dbfs(mic[late]) - rms_dbfs(clean[late]) > 25


def test_the_loudspeaker_is_exchanged_for_a_later_one() -> None:
    far = talk(16, 8)
    half = far.size // 2
    mic = heard(far, 10)
    mic[half:] = heard(far, 350)[half:]
    with FrontEnd() as ear:
        clean = np.concatenate([ear.process(block) for block in blocks(far, mic)])
        assert ear.extra_delay_samples > 300 * 16
    late = slice(13 * SAMPLE_RATE_HZ, None)
    assert rms_dbfs(mic[late]) - rms_dbfs(clean[late]) > 25
