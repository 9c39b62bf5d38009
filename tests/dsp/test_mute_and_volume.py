"""Mute and volume in the callback, block by block."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from dsp.duplex import DuplexCore, Record
from dsp.types import Int16s

BLOCK = 160
LOUD = np.full(BLOCK, 12_345, np.int16)
UNMUTE_BLOCKS = 5  # dsp/native/duplex.c


def read(duplex: DuplexCore) -> Record:
    record = duplex.next()
    assert record is not None
    return record


def tick(duplex: DuplexCore, mic: Int16s = LOUD) -> Record:
    duplex.tick(mic, BLOCK)
    return read(duplex)


def test_muted_blocks_are_all_zeros_while_the_far_end_goes_on() -> None:
    duplex = DuplexCore(16_000)
    duplex.play(np.arange(1, 1 + 30 * BLOCK, dtype=np.int16))
    assert tick(duplex).mic.tolist() == LOUD.tolist()
    duplex.set_muted(True)
    for block in range(1, 20):
        record = tick(duplex)
        assert record.muted
        assert not record.mic.any()
        assert record.far.tolist() == list(range(1 + block * BLOCK, 1 + (block + 1) * BLOCK))
        assert record.frame == block * BLOCK
    duplex.set_muted(False)
    for _ in range(UNMUTE_BLOCKS):  # what the card recorded before
        record = tick(duplex)
        assert record.muted
        assert not record.mic.any()
        assert record.far.any()
    record = tick(duplex)
    assert not record.muted
    assert record.mic.tolist() == LOUD.tolist()


def test_the_read_back_follows_the_callback_not_the_wish() -> None:
    duplex = DuplexCore(16_000)
    duplex.set_muted(True)
    assert not duplex.muted, "no block has been zeroed yet"
    tick(duplex)
    assert duplex.muted
    duplex.set_muted(False)
    for _ in range(UNMUTE_BLOCKS):
        assert duplex.muted, "nothing has been let through yet"
        tick(duplex)
    assert duplex.muted
    tick(duplex)
    assert not duplex.muted


def test_mute_holds_at_every_rate() -> None:
    duplex = DuplexCore(48_000)
    duplex.set_muted(True)
    record = tick(duplex, np.full(480, -32768, np.int16))
    assert record.muted
    assert not record.mic.any()


def test_blocks_that_wait_in_the_ring_keep_what_was_true_of_them() -> None:
    duplex = DuplexCore(16_000)
    for wish in (False, True, False):
        duplex.set_muted(wish)
        duplex.tick(LOUD, BLOCK)
    assert [read(duplex).muted for _ in range(3)] == [False, True, True]


@settings(max_examples=100, deadline=None)
@given(st.lists(st.booleans(), min_size=1, max_size=40))
def test_no_sample_passes_in_or_shortly_after_a_mute(wishes: list[bool]) -> None:
    duplex = DuplexCore(16_000)
    for i, wish in enumerate(wishes):
        duplex.set_muted(wish)
        record = tick(duplex)
        silent = any(wishes[max(0, i - UNMUTE_BLOCKS) : i + 1])
        assert record.muted == duplex.muted == silent
        assert record.mic.any() != silent


def test_full_volume_changes_no_sample() -> None:
    duplex = DuplexCore(16_000)
    speech = np.random.default_rng(1).integers(-32768, 32767, 3 * BLOCK, np.int16, endpoint=True)
    duplex.play(speech)
    duplex.set_volume(1.0)
    played = np.concatenate([tick(duplex).far for _ in range(3)])
    assert played.tolist() == speech.tolist()


def test_volume_reaches_what_is_queued_already_with_a_ramp() -> None:
    duplex = DuplexCore(16_000)
    duplex.play(np.full(10 * BLOCK, 10_000, np.int16))
    assert tick(duplex).far.tolist() == [10_000] * BLOCK
    duplex.set_volume(0.5)
    ramp = tick(duplex).far
    steps = np.diff(np.concatenate(([10_000], ramp)).astype(int))
    assert steps.min() >= -32, "a step would click"
    assert steps.max() <= 0
    assert tick(duplex).far.tolist() == [5_000] * BLOCK
    duplex.set_volume(0.0)
    tick(duplex)
    assert not tick(duplex).far.any()
    duplex.set_volume(1.0)
    tick(duplex)
    assert tick(duplex).far.tolist() == [10_000] * BLOCK


def test_what_the_loudspeaker_gets_is_the_reference() -> None:
    duplex = DuplexCore(16_000)
    duplex.play(np.full(4 * BLOCK, 20_000, np.int16))
    duplex.set_volume(0.25)
    for _ in range(4):
        out = duplex.tick(LOUD, BLOCK)
        assert read(duplex).far.tolist() == out.tolist()


def test_volume_cannot_be_above_full() -> None:
    duplex = DuplexCore(16_000)
    duplex.play(np.full(3 * BLOCK, 30_000, np.int16))
    duplex.set_volume(7.0)
    tick(duplex)
    assert tick(duplex).far.max() == 30_000
    duplex.set_volume(-1.0)
    assert tick(duplex).far.min() >= 0
