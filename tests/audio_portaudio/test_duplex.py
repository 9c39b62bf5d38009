"""The 16 kHz side of the duplex stream, at every rate a card may have."""

import threading
import time
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pulses import centre, pulse

from device.audio.duplex import Duplex
from device.card import Block, Span
from device.errors import AudioError
from models.protocols import Int16s

RATES = [8000, 16_000, 44_100, 48_000, 96_000]


def blocks_of(duplex: Duplex) -> list[Block]:
    found = []
    while (block := duplex.next_block()) is not None:
        found.append(block)
    return found


def tick(duplex: Duplex, count: int, mic: Int16s | None = None) -> None:
    frames = duplex.core.block_frames
    for index in range(count):
        part = np.zeros(frames, np.int16) if mic is None else mic[index * frames : (index + 1) * frames]
        duplex.tick(part, frames)


@pytest.mark.parametrize("rate_hz", RATES)
def test_blocks_carry_the_time_of_their_samples(rate_hz: int) -> None:
    duplex = Duplex(rate_hz)
    tick(duplex, 50, pulse(rate_hz, 0.2, 0.5))
    blocks = blocks_of(duplex)
    assert [block.sample for block in blocks] == list(range(0, 160 * len(blocks), 160))
    assert len(blocks) >= 49  # the resampler holds back less than a block
    assert all(block.dac_sample - block.sample == 160 for block in blocks)
    assert centre(np.concatenate([block.mic for block in blocks])) == pytest.approx(3200, abs=1)


@pytest.mark.parametrize("rate_hz", RATES)
def test_microphone_and_far_end_are_aligned_to_the_sample(rate_hz: int) -> None:
    """What is played comes straight back: the two channels of every block must then be equal."""
    duplex = Duplex(rate_hz)
    duplex.play(pulse(16_000, 0.1, 0.3))
    frames = duplex.core.block_frames
    back = np.zeros(frames, np.int16)
    for _ in range(40):
        back = duplex.tick(back, 0)
    blocks = blocks_of(duplex)
    mic, far = (np.concatenate(side) for side in zip(*((b.mic, b.far) for b in blocks), strict=True))
    assert np.abs(mic[160:].astype(int) - far[:-160]).max() <= 1
    assert centre(far) == pytest.approx(1600, abs=1)


@pytest.mark.parametrize("rate_hz", RATES)
def test_positions_say_what_was_played(rate_hz: int) -> None:
    duplex = Duplex(rate_hz)
    spans = [duplex.play(np.full(n, 1000, np.int16)) for n in (333, 1, 160, 1001)]
    assert spans == [Span(0, 333), Span(333, 334), Span(334, 494), Span(494, 1495)]
    tick(duplex, 14)
    played = [block.played for block in blocks_of(duplex) if block.played.end > block.played.start]
    assert played[0].start == 0
    assert played[-1].end == 1495
    assert all(a.end == b.start for a, b in pairwise(played))


@given(
    rate_hz=st.sampled_from([16_000, 44_100, 48_000, 96_000]),
    lengths=st.lists(st.integers(1, 700), min_size=1, max_size=12),
)
@settings(max_examples=40, deadline=None)
def test_positions_never_drift(rate_hz: int, lengths: list[int]) -> None:
    duplex = Duplex(rate_hz)
    for n in lengths:
        span = duplex.play(np.ones(n, np.int16))
        assert span.end - span.start == n
    tick(duplex, sum(lengths) // 160 + 4)
    played = [block.played for block in blocks_of(duplex) if block.played.end > block.played.start]
    assert played[-1].end == sum(lengths)
    assert sum(span.end - span.start for span in played) == sum(lengths)


@pytest.mark.parametrize("rate_hz", RATES)
def test_flush_is_silence_one_block_later(rate_hz: int) -> None:
    duplex = Duplex(rate_hz)
    duplex.play(np.full(16_000, 8000, np.int16))
    tick(duplex, 10)
    duplex.flush()
    out = [duplex.tick(np.zeros(duplex.core.block_frames, np.int16), 0) for _ in range(2)]
    assert not out[0][duplex.core.block_frames // 2 :].any()
    assert not out[1].any()
    after = duplex.play(np.full(160, 500, np.int16))
    tick(duplex, 6)
    blocks = blocks_of(duplex)
    assert after == Span(16_000, 16_160)
    faded = blocks[10].played
    assert faded.start == 1600
    assert 45 <= faded.end - faded.start <= 49
    assert blocks[12].played.start == 16_000


def test_lost_blocks_show_as_a_gap_in_the_clock() -> None:
    duplex = Duplex(48_000)
    tick(duplex, 4096 + 5)
    early = blocks_of(duplex)
    tick(duplex, 10)
    late = blocks_of(duplex)
    assert late[0].sample >= early[-1].sample + 160 * 6
    assert all(b.sample - a.sample == 160 for a, b in pairwise(late))
    assert duplex.stats().capture_lost_samples == 5 * 160


def test_a_full_queue_says_so_and_takes_nothing() -> None:
    duplex = Duplex(16_000)
    minute = np.zeros(16_000 * 60, np.int16)
    duplex.play(minute)
    with pytest.raises(AudioError, match="room for"):
        duplex.play(minute)
    assert duplex.play(np.ones(10, np.int16)).start == len(minute)


@pytest.mark.parametrize("rate_hz", [8000, 16_000, 48_000])
def test_what_the_callback_takes_at_once_counts_as_played(rate_hz: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """The callback runs, and the ear reads its block, before `play` has returned."""
    duplex = Duplex(rate_hz)
    queue, heard = duplex.core.play, []

    def play_and_be_heard(pcm: Int16s) -> bool:
        taken = queue(pcm)
        tick(duplex, 2)  # a resampler holds back less than a block
        heard.extend(blocks_of(duplex))
        return taken

    monkeypatch.setattr(duplex.core, "play", play_and_be_heard)
    assert duplex.play(np.full(3200, 1000, np.int16)) == Span(0, 3200)
    assert heard[0].played == Span(0, 160)


def test_wait_sleeps_until_a_block_comes() -> None:
    duplex = Duplex(16_000)
    assert not duplex.wait(0.01)
    timer = threading.Timer(0.05, lambda: tick(duplex, 1))
    timer.start()
    assert duplex.wait(30)
    timer.join()
    assert duplex.next_block() is not None


def test_wake_ends_a_wait_and_is_harmless_after_close() -> None:
    duplex = Duplex(16_000)
    duplex.wake()
    assert duplex.wait(30)
    duplex.close()
    duplex.close()
    duplex.wake()


def test_age_grows_until_the_callback_runs() -> None:
    duplex = Duplex(16_000)
    time.sleep(0.02)
    before = duplex.age_s()
    assert before >= 0.02
    tick(duplex, 1)
    assert duplex.core.counters().last_callback_ns > 0


def test_an_impossible_rate_leaks_nothing() -> None:
    with pytest.raises(ValueError, match="11026"):
        Duplex(11_026)
