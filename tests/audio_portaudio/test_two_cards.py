"""Two cards with two clocks as one: the far end on the microphone's clock. All time is simulated."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from device.audio.duplex import Duplex, TimedBlock
from device.audio.frontend import FarEndLine, FrontEnd
from device.audio.two_cards import LEAD_SAMPLES, FarAligner, FarLine, TwoCards
from device.card import Block, Span
from models.protocols import Int16s

TONES_HZ = (211.0, 830.0, 1733.0, 3301.0)


def sound(at_s: np.ndarray) -> np.ndarray:
    return sum(3000 * np.sin(2 * np.pi * hz * at_s + hz) for hz in TONES_HZ)  # type: ignore[return-value]


def simulated(
    in_ppm: float, out_ppm: float, seconds: float, jitter_ns: float, seed: int = 0, echo_s: float = 0.0
) -> tuple[FarAligner, list[Block]]:
    """The loudspeaker plays `sound` by its own clock from time 0; the microphone hears it `echo_s` later."""
    rng = np.random.default_rng(seed)
    aligner = FarAligner()
    pace_in, pace_out = (16_000 * (1 + ppm * 1e-6) for ppm in (in_ppm, out_ppm))
    blocks, told = [], 0
    for index in range(int(seconds * 100)):
        heard_s = index * 160 / pace_in
        while told * 160 / pace_out < heard_s + 0.04:  # the card has 40 ms in its buffer
            sample = told * 160
            far = np.rint(sound((sample + np.arange(160)) / pace_out)).astype(np.int16)
            dac_ns = int(10**15 + sample / pace_out * 1e9 + rng.exponential(jitter_ns or 1e-9))
            block = Block(sample, np.zeros(160, np.int16), far, Span(sample, sample + 160), sample)
            aligner.played(TimedBlock(block, 0, dac_ns))
            told += 1
        sample = index * 160
        mic = np.rint(0.5 * sound((sample + np.arange(160)) / pace_in - echo_s)).astype(np.int16)
        adc_ns = int(10**15 + heard_s * 1e9 + rng.exponential(jitter_ns or 1e-9))
        block = Block(sample, mic, np.zeros(160, np.int16), Span(0, 0), sample)
        blocks.append(aligner.heard(TimedBlock(block, adc_ns, 0)))
    return aligner, blocks


def lag_samples(block: Block, in_ppm: float) -> float:
    """How late (below 0: early) the block's far end is against the truth, in samples."""
    shifts = np.arange(-20, 20, 0.05)
    at_s = (block.dac_sample + np.arange(160)) / (16_000 * (1 + in_ppm * 1e-6))
    errors = [np.square(sound(at_s - shift / 16_000) - block.far).sum() for shift in shifts]
    return float(shifts[int(np.argmin(errors))])


@pytest.mark.parametrize(("in_ppm", "out_ppm"), [(0, 200), (0, -200), (100, -100), (30, 30)])
def test_the_far_end_follows_the_microphones_clock(in_ppm: float, out_ppm: float) -> None:
    aligner, blocks = simulated(in_ppm, out_ppm, 30, jitter_ns=0)
    assert aligner.meter.ppm == pytest.approx(out_ppm - in_ppm, abs=1)
    assert aligner.jumps == 0
    for block in blocks[1500::250]:
        at_s = (block.dac_sample + np.arange(160)) / (16_000 * (1 + in_ppm * 1e-6))
        exact = sound(at_s)
        noise = np.square(block.far - exact).sum() / np.square(exact).sum()
        assert 10 * np.log10(noise) < -30
        assert abs(lag_samples(block, in_ppm)) <= 0.15
        assert block.dac_sample == block.sample + LEAD_SAMPLES


@pytest.mark.parametrize("out_ppm", [-200, 150])
def test_late_blocks_do_not_shake_the_far_end(out_ppm: float) -> None:
    """Half a millisecond of jitter is eight samples; what is left of it must not move the canceller's echo path."""
    aligner, blocks = simulated(0, out_ppm, 60, jitter_ns=5e5)
    assert aligner.meter.ppm == pytest.approx(out_ppm, abs=5)
    lags = [lag_samples(block, 0) for block in blocks[1000::100]]
    assert max(map(abs, lags)) < 3
    assert max(abs(a - b) for a, b in pairwise(lags)) <= 0.35
    assert np.ptp(lags[20:]) < 1.0


def test_the_canceller_cancels_across_two_clocks() -> None:
    """Its echo path stands still although the clocks drift by 200 ppm: 3.2 samples a second."""

    def left_db(blocks: list[Block]) -> float:
        with FrontEnd(100) as front_end:
            clean = np.concatenate([front_end.process(block) for block in blocks])
        mic = np.concatenate([block.mic for block in blocks])
        late = slice(15 * 16_000, None)
        power = [np.square(pcm[late].astype(float)).mean() for pcm in (clean, mic)]
        return float(10 * np.log10((power[0] + 1e-3) / power[1]))

    _, blocks = simulated(0, 200, 20, jitter_ns=2e5, echo_s=0.02)
    assert left_db(blocks) < -20


def test_before_the_clocks_are_known_a_voice_is_not_a_persons() -> None:
    """What sounds in the first 0.2 s has no far end yet: its echo must interrupt nobody."""
    aligner, blocks = simulated(0, 100, 1.5, jitter_ns=0, echo_s=0.01)
    unknown = [block for block in blocks if not block.far.any()]
    assert 10 <= len(unknown) <= 40
    with FrontEnd(100) as front_end:
        for block in blocks:
            front_end.process(block)
            assert not (block in unknown and front_end.near_end_likely), block.sample
    assert aligner.meter.ready


def test_before_anything_has_sounded_a_person_is_heard_at_once() -> None:
    aligner = FarAligner()
    zeros, voice = np.zeros(160, np.int16), np.full(160, 3000, np.int16)
    with FrontEnd(100) as front_end:
        for index in range(10):
            aligner.played(TimedBlock(Block(index * 160, zeros, zeros, Span(0, 0), 0), 0, 10_000_000 * index))
            heard = Block(index * 160, voice, zeros, Span(0, 0), 0)
            front_end.process(aligner.heard(TimedBlock(heard, 10_000_000 * index, 0)))
            assert not aligner.meter.ready
            assert front_end.near_end_likely


def test_a_room_that_is_known_does_not_vouch_for_a_far_end_that_is_not() -> None:
    _, blocks = simulated(0, 0, 4, jitter_ns=0, echo_s=0.01)
    with FrontEnd(100) as front_end:
        for block in blocks:
            front_end.process(block)
        assert front_end.knows_the_room
        for index in range(20):
            front_end.process(
                replace(
                    blocks[-20 + index],
                    sample=blocks[-1].sample + 160 * (index + 1),
                    far=np.zeros(160, np.int16),
                    far_known=False,
                )
            )
            assert not front_end.near_end_likely


def test_every_position_is_told_once_and_in_order() -> None:
    _, blocks = simulated(50, -50, 5, jitter_ns=3e5)
    spans = [block.played for block in blocks if block.played.end > block.played.start]
    assert spans[0].start == 0
    assert all(a.end == b.start for a, b in pairwise(spans))
    last = blocks[-1]
    assert spans[-1].end == pytest.approx(last.sample + LEAD_SAMPLES + 160, abs=16)


def test_a_flush_skips_positions() -> None:
    aligner = FarAligner()
    spans = [Span(0, 160), Span(160, 320), Span(320, 368), Span(5000, 5160), Span(5160, 5200)]
    spans += [Span(5200, 5200)] * 60
    told = []
    for index in range(60):
        ns = 10_000_000 * index
        zeros = np.zeros(160, np.int16)
        aligner.played(TimedBlock(Block(index * 160, zeros, zeros, spans[index], 0), 0, ns))
        told.append(aligner.heard(TimedBlock(Block(index * 160, zeros, zeros, Span(0, 0), 0), ns, 0)).played)
    told = [span for span in told if span.end > span.start]
    heard = {position for span in told for position in range(span.start, span.end)}
    assert heard == set(range(368)) | set(range(5000, 5200))
    assert all(a.end <= b.start for a, b in pairwise(told))


def test_an_underflow_jumps_once() -> None:
    """The loudspeaker's card stood still for 100 ms: what it plays from then on is that much later."""
    aligner = FarAligner()
    zeros = np.zeros(160, np.int16)
    for index in range(600):
        late = 100_000_000 if index >= 300 else 0
        aligner.played(TimedBlock(Block(index * 160, zeros, zeros, Span(0, 0), 0), 0, 10_000_000 * index + late))
        aligner.heard(TimedBlock(Block(index * 160, zeros, zeros, Span(0, 0), 0), 10_000_000 * index, 0))
    assert aligner.jumps == 1
    assert aligner.meter.frame_out_at(90_000) == pytest.approx(90_000 - 1600, abs=1)


@given(place=st.floats(100, 1000), pace=st.floats(1 - 3e-4, 1 + 3e-4), hz=st.sampled_from([100.0, 1000.0, 4000.0]))
@settings(max_examples=60, deadline=None)
def test_reading_between_samples(place: float, pace: float, hz: float) -> None:
    line = FarLine()
    line.put(0, (10_000 * np.sin(2 * np.pi * hz / 16_000 * np.arange(2000))).astype(np.int16))
    exact = 10_000 * np.sin(2 * np.pi * hz / 16_000 * (place + pace * np.arange(160)))
    assert np.abs(line.read(place, pace) - exact).max() < 40  # -48 dB


def test_the_line_is_silent_where_nothing_was_put() -> None:
    line = FarLine()
    assert not line.read(-500.0, 1.0).any()
    line.put(0, np.full(160, 9000, np.int16))
    line.put(480, np.full(160, 9000, np.int16))
    assert not line.read(230.0, 1.0)[:60].any()
    assert not line.read(700.0, 1.0).any()
    line.put(0, np.zeros(160, np.int16))  # a new clock
    assert not line.read(400.0, 1.0).any()
    line.put(1_000_000, np.full(160, 5, np.int16))
    assert line.read(1_000_000.0, 1.0)[80] == 5


def drive(both: TwoCards, blocks: int, far_back: list[Int16s] | None = None) -> list[Block]:
    found = []
    for _ in range(blocks):
        played = both.loudspeaker.tick(np.zeros(both.loudspeaker.core.block_frames, np.int16), 0)
        if far_back is not None:
            far_back.append(played)
        both.microphone.tick(np.zeros(both.microphone.core.block_frames, np.int16), 0)
        while (block := both.next_block()) is not None:
            found.append(block)
    return found


def test_two_cards_of_different_rates_play_and_count() -> None:
    both = TwoCards(Duplex(16_000), Duplex(48_000))
    assert both.play(np.full(800, 1000, np.int16)) == Span(0, 800)
    played: list[Int16s] = []
    blocks = drive(both, 10, played)
    assert [block.sample for block in blocks] == list(range(0, 1600, 160))
    assert np.count_nonzero(np.concatenate(played)) == 2400
    both.flush()
    assert both.stats().blocks == 10
    assert both.odd_blocks == 0
    assert both.drift_ppm == 0  # nothing is known yet
    assert both.wait(1.0)
    both.wake()
    assert both.age_s() >= 0
    both.close()
    both.close()


def test_the_guard_takes_up_the_lead() -> None:
    zeros = np.zeros(160, np.int16)
    line = FarEndLine()
    block = Block(0, zeros, np.arange(160, dtype=np.int16), Span(0, 0), LEAD_SAMPLES)
    assert line.at_capture_time(block).tolist() == list(range(160))
