"""The front end on blocks whose far end sounds later than it was handed over, as on a real card."""

import numpy as np
import pytest

from device.audio.frontend import FarEndLine, FrontEnd, PassThrough
from device.card import Block, Span
from dsp.levels import rms_dbfs
from models.protocols import Int16s

RATE = 16_000


def blocks(mic: Int16s, far: Int16s, offset: int) -> list[Block]:
    return [
        Block(at, mic[at : at + 160], far[at : at + 160], Span(at, at + 160), at + offset)
        for at in range(0, len(mic) // 160 * 160, 160)
    ]


def talk(seconds: float, seed: int) -> Int16s:
    n = int(seconds * RATE)
    noise = np.convolve(np.random.default_rng(seed).normal(0, 3000, n), np.ones(6) / 6, "same")
    return (noise * np.clip(np.sin(2 * np.pi * 3 * np.arange(n) / RATE) + 0.3, 0, 1)).astype(np.int16)


def echo_of(far: Int16s, offset: int) -> Int16s:
    room = 0.1 * np.random.default_rng(7).standard_normal(800) * np.exp(-np.arange(800) / 150)
    sounding = np.concatenate((np.zeros(offset), far))[: len(far)]
    return np.convolve(sounding, room)[: len(far)].astype(np.int16)


@pytest.mark.parametrize("offset", [0, 160, 480, 4000])
def test_echo_is_cancelled_however_late_the_loudspeaker_is(offset: int) -> None:
    """4000 samples are 250 ms: more than the tail, which covers the room alone."""
    far = talk(7, 1)
    mic = echo_of(far, offset)
    with FrontEnd(tail_ms=100) as front_end:
        clean = np.concatenate([front_end.process(block) for block in blocks(mic, far, offset)])
    late = slice(5 * RATE, None)
    assert rms_dbfs(mic[late]) - rms_dbfs(clean[late]) > 30


def test_a_new_output_latency_does_not_unlearn_the_room() -> None:
    """After an underflow the card's buffer is longer: the far end moves on the time line, the room stays."""
    far = talk(8, 1)
    mic = echo_of(far, 480)
    moved = echo_of(far, 960)
    mic[5 * RATE :] = moved[5 * RATE :]
    feed = blocks(mic, far, 480)[:500] + blocks(mic, far, 960)[500:]
    with FrontEnd(tail_ms=60) as front_end:
        clean = np.concatenate([front_end.process(block) for block in feed])
    after = slice(5 * RATE + 3200, 5 * RATE + 3200 + 8000)  # no second of learning in between
    assert rms_dbfs(mic[after]) - rms_dbfs(clean[after]) > 20


def test_line_puts_the_far_end_where_it_sounds() -> None:
    line = FarEndLine()
    far = np.zeros(3200, np.int16)
    far[500] = 1000
    out = np.concatenate([line.at_capture_time(block) for block in blocks(np.zeros_like(far), far, 480)])
    assert np.flatnonzero(out).tolist() == [500 + 480 - 64]  # the guard of 4 ms
    assert line.moves == 0


def test_line_ignores_jitter_and_follows_jumps() -> None:
    line = FarEndLine()
    silence = np.zeros(160, np.int16)
    for index, offset in enumerate([480, 479, 481, 480, 960, 961, 960]):
        line.at_capture_time(Block(index * 160, silence, silence, Span(0, 0), index * 160 + offset))
    assert line.moves == 1


def test_line_drops_what_lay_ahead_when_blocks_are_lost() -> None:
    line = FarEndLine()
    loud = np.full(160, 999, np.int16)
    silence = np.zeros(160, np.int16)
    line.at_capture_time(Block(0, silence, loud, Span(0, 160), 480))
    out = [line.at_capture_time(Block(s, silence, silence, Span(160, 160), s + 480)) for s in range(320, 40_000, 160)]
    assert not np.concatenate(out).any()


@pytest.mark.parametrize("offset", [-500, 10**9])
def test_fantastic_driver_times_do_not_break_it(offset: int) -> None:
    with FrontEnd() as front_end:
        for block in blocks(talk(0.2, 1), talk(0.2, 2), offset):
            assert front_end.process(block).shape == (160,)


def test_clean_samples_belong_to_the_time_it_says() -> None:
    mic = np.zeros(3200, np.int16)
    mic[1000] = 20_000
    with FrontEnd() as front_end:
        clean = np.concatenate([front_end.process(block) for block in blocks(mic, np.zeros_like(mic), 480)])
        assert int(np.argmax(np.abs(clean.astype(int)))) - front_end.delay_samples == 1000


def test_pass_through_is_the_microphone() -> None:
    block = blocks(talk(0.01, 1), talk(0.01, 2), 0)[0]
    assert PassThrough().process(block) is block.mic
    assert PassThrough().delay_samples == 0


def test_after_a_gap_the_room_is_not_known_any_more() -> None:
    """The card was away: what was learned may be another room's."""
    far = talk(7, 1)
    with FrontEnd(tail_ms=100) as front_end:
        for block in blocks(echo_of(far, 160), far, 160):
            front_end.process(block)
        assert front_end.knows_the_room
        at = len(far) // 160 * 160
        short, long = at + RATE // 8, at + RATE * 2
        silence = np.zeros(160, np.int16)
        front_end.process(Block(short, silence, silence, Span(0, 0), short + 160))
        assert front_end.knows_the_room, "a hiccup of the driver changes no room"
        front_end.process(Block(long, silence, silence, Span(0, 0), long + 160))
        assert not front_end.knows_the_room
