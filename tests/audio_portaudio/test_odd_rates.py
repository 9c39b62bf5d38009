"""Cards at 11025 and 22050 Hz, whose 10 ms are no whole number of frames: blocks of 10 ms all the same."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pulses import centre, pulse

from device.audio.duplex import Duplex
from device.audio.frontend import FarEndLine
from device.card import Block, Span
from models.protocols import Int16s

RATES = [11_025, 22_050]


def ticks(duplex: Duplex, seconds: float, mic: Int16s | None = None) -> list[Block]:
    frames = duplex.core.block_frames
    for at in range(0, int(seconds * duplex.rate_hz) - frames + 1, frames):
        duplex.tick(np.zeros(frames, np.int16) if mic is None else mic[at : at + frames], frames)
    blocks = []
    while (block := duplex.next_block()) is not None:
        blocks.append(block)
    return blocks


@pytest.mark.parametrize("rate_hz", RATES)
def test_blocks_carry_the_time_of_their_samples(rate_hz: int) -> None:
    duplex = Duplex(rate_hz)
    blocks = ticks(duplex, 0.6, pulse(rate_hz, 0.2, 0.6, width_ms=0.5))
    assert [block.sample for block in blocks] == list(range(0, 160 * len(blocks), 160))
    assert len(blocks) >= 55
    assert centre(np.concatenate([block.mic for block in blocks])) == pytest.approx(3200, abs=1)
    card_block = 16_000 * duplex.core.block_frames // rate_hz
    assert {block.dac_sample - block.sample for block in blocks} == {card_block}


@pytest.mark.parametrize("rate_hz", RATES)
def test_what_is_played_is_in_the_reference_at_its_place(rate_hz: int) -> None:
    duplex = Duplex(rate_hz)
    duplex.play(pulse(16_000, 0.1, 0.3, width_ms=0.5))
    blocks = ticks(duplex, 0.6)
    assert centre(np.concatenate([block.far for block in blocks])) == pytest.approx(1600, abs=1)


@given(rate_hz=st.sampled_from(RATES), lengths=st.lists(st.integers(1, 3000), min_size=1, max_size=6))
@settings(max_examples=20, deadline=None)
def test_positions_are_whole_and_in_order(rate_hz: int, lengths: list[int]) -> None:
    duplex = Duplex(rate_hz)
    for n in lengths:
        duplex.play(np.ones(n, np.int16))
    spans = [block.played for block in ticks(duplex, sum(lengths) / 16_000 + 0.2)]
    spans = [span for span in spans if span.end > span.start]
    assert spans[0].start == 0
    assert spans[-1].end == sum(lengths)
    assert all(a.end == b.start for a, b in pairwise(spans))
    assert all(span.end - span.start <= 160 for span in spans)


@pytest.mark.parametrize("rate_hz", RATES)
def test_a_flush_skips_what_was_not_played(rate_hz: int) -> None:
    duplex = Duplex(rate_hz)
    duplex.play(np.full(16_000, 8000, np.int16))
    early = ticks(duplex, 0.2)
    duplex.flush()
    after = duplex.play(np.full(1600, 500, np.int16))
    late = ticks(duplex, 0.4)
    spans = [block.played for block in early + late if block.played.end > block.played.start]
    assert after == Span(16_000, 17_600)
    [(faded, fresh)] = [(a, b) for a, b in pairwise(spans) if a.end != b.start]
    assert faded.end == pytest.approx(3248, abs=2)
    assert fresh.start == 16_000


def test_a_loop_back_channel_is_at_capture_time_already() -> None:
    """The card has captured it beside the microphone: neither the output's latency nor the guard applies."""
    duplex = Duplex(16_000, channels_in=2, mic_channel=0, reference_channel=1)
    frames = np.zeros((160, 2), np.int16)
    frames[:, 1] = np.arange(160)
    duplex.core.tick_frames(frames, 480)
    block = duplex.next_block()
    assert block is not None
    assert (block.sample, block.far_sample, block.dac_sample) == (0, 0, 480)
    assert FarEndLine().at_capture_time(block).tolist() == list(range(160))
