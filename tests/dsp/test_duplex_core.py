"""The C callback's rules, driven block by block without a card."""

import numpy as np
import pytest

from dsp.duplex import DuplexCore
from dsp.native import _native
from dsp.types import Int16s

BLOCK = 160
SILENT = np.zeros(BLOCK, np.int16)


def core(rate_hz: int = 16_000) -> DuplexCore:
    return DuplexCore(rate_hz)


def tick(duplex: DuplexCore) -> Int16s:
    return duplex.tick(SILENT, BLOCK)


def test_plays_what_is_queued_then_silence() -> None:
    duplex = core()
    assert duplex.play(np.arange(1, 201, dtype=np.int16))
    assert tick(duplex).tolist() == list(range(1, 161))
    assert tick(duplex).tolist() == list(range(161, 201)) + [0] * 120
    assert not tick(duplex).any()


def test_a_record_holds_both_directions_of_one_callback() -> None:
    duplex = core()
    duplex.play(np.arange(1, 201, dtype=np.int16))
    mic = np.arange(BLOCK, dtype=np.int16)
    duplex.tick(mic, 480)
    duplex.tick(mic + 1, 480)
    first, second = duplex.next(), duplex.next()
    assert first is not None
    assert second is not None
    assert (first.frame, second.frame) == (0, 160)
    assert first.mic.tolist() == mic.tolist()
    assert (second.played_from, second.played_to) == (160, 200)
    assert second.far[:40].tolist() == list(range(161, 201))
    assert first.dac_offset_frames == 480
    assert duplex.next() is None


def test_flush_fades_within_the_next_block_and_skips_the_rest() -> None:
    duplex = core()
    duplex.play(np.full(8000, 10_000, np.int16))
    tick(duplex)
    duplex.flush()
    out = tick(duplex)
    assert 0 < out[47] < 1000  # the end of a 3 ms ramp
    assert np.all(np.diff(out[:48].astype(int)) < 0)
    assert not out[48:].any()
    assert not tick(duplex).any()
    assert duplex.consumed == duplex.written == 8000
    duplex.next()
    flushed = duplex.next()
    assert flushed is not None
    assert (flushed.played_from, flushed.played_to) == (160, 208)
    assert flushed.far.tolist() == out.tolist()  # the canceller's reference holds the ramp too


def test_what_is_queued_after_a_flush_survives_it() -> None:
    duplex = core()
    duplex.play(np.full(1000, 5000, np.int16))
    tick(duplex)
    duplex.flush()
    duplex.play(np.full(160, 77, np.int16))
    assert 77 not in tick(duplex).tolist()
    assert tick(duplex).tolist() == [77] * 160


def test_flush_of_a_queue_never_heard() -> None:
    duplex = core()
    duplex.play(np.full(10, 5000, np.int16))
    duplex.flush()
    out = tick(duplex)
    assert np.count_nonzero(out) <= 10
    assert duplex.consumed == 10


def test_flush_of_nothing_changes_nothing() -> None:
    duplex = core()
    duplex.flush()
    assert not tick(duplex).any()
    duplex.play(np.full(160, 9, np.int16))
    assert tick(duplex).tolist() == [9] * 160


def test_play_takes_all_or_nothing() -> None:
    duplex = core()
    assert not duplex.play(np.ones(duplex.room + 1, np.int16))
    assert duplex.written == 0
    assert duplex.play(np.ones(duplex.room, np.int16))
    assert duplex.room == 0


def test_a_late_rest_is_starvation() -> None:
    duplex = core()
    duplex.play(np.ones(200, np.int16))
    tick(duplex)
    tick(duplex)  # 40 of the sound, 120 of silence
    tick(duplex)  # 160 of silence
    assert duplex.counters().starved == 0  # not known yet: it may have been the end
    duplex.play(np.ones(160, np.int16))
    tick(duplex)
    assert duplex.counters().starved == 120 + 160


def test_a_pause_between_two_sounds_is_not_starvation() -> None:
    duplex = core()
    duplex.play(np.ones(160, np.int16))
    for _ in range(52):  # over 500 ms
        tick(duplex)
    duplex.play(np.ones(160, np.int16))
    tick(duplex)
    assert duplex.counters().starved == 0


def test_silence_after_a_flush_is_not_starvation() -> None:
    duplex = core()
    duplex.play(np.ones(1600, np.int16))
    tick(duplex)
    duplex.flush()
    tick(duplex)
    tick(duplex)
    duplex.play(np.ones(160, np.int16))
    tick(duplex)
    assert duplex.counters().starved == 0


def test_blocks_that_nobody_reads_are_counted_and_seen_in_the_clock() -> None:
    duplex = core()
    for _ in range(4096 + 3):
        tick(duplex)
    counters = duplex.counters()
    assert counters.capture_lost == 3 * 160
    assert counters.blocks == 4099
    for index in range(4096):
        record = duplex.next()
        assert record is not None
        assert record.frame == index * 160
    tick(duplex)
    late = duplex.next()
    assert late is not None
    assert late.frame == 4099 * 160


def run_callback(duplex: DuplexCore, microphone: Int16s, channels_out: int, frames: int, status: int = 0) -> Int16s:
    """Call the PaStreamCallback through its address, as PortAudio does."""
    ffi = _native.ffi
    callback = ffi.cast(
        "int (*)(const void *, void *, unsigned long, const void *, unsigned long, void *)", duplex.callback_address
    )
    out = np.full(frames * channels_out, 99, np.int16)
    times = np.array([1.0, 1.005, 1.03])
    callback(
        ffi.from_buffer(microphone),
        ffi.from_buffer(out),
        frames,
        ffi.from_buffer(times),
        status,
        ffi.cast("void *", duplex.user_address),
    )
    return out.reshape(frames, channels_out)


def test_callback_takes_the_chosen_microphone_and_feeds_every_loudspeaker() -> None:
    duplex = DuplexCore(16_000, channels_in=4, channels_out=3, mic_channel=2)
    duplex.play(np.arange(160, dtype=np.int16))
    microphone = np.arange(640, dtype=np.int16).reshape(160, 4)
    out = run_callback(duplex, microphone, 3, 160)
    record = duplex.next()
    assert record is not None
    assert record.mic.tolist() == microphone[:, 2].tolist()
    assert all(out[:, channel].tolist() == list(range(160)) for channel in range(3))
    assert record.dac_offset_frames == pytest.approx(480)


def test_callback_keeps_the_drivers_flags() -> None:
    duplex = core()
    run_callback(duplex, SILENT, 1, 160, status=2)
    run_callback(duplex, SILENT, 1, 160, status=4)
    counters = duplex.counters()
    assert (counters.overflows, counters.underflows) == (1, 1)
    first = duplex.next()
    assert first is not None
    assert first.status == 2


def test_a_block_of_another_length_is_silence_and_counted() -> None:
    duplex = core()
    duplex.play(np.ones(160, np.int16))
    assert not run_callback(duplex, SILENT, 1, 100).any()
    assert duplex.counters().odd_blocks == 1
    assert duplex.next() is None


@pytest.mark.parametrize(
    ("rate_hz", "channels_in", "channels_out", "mic"),
    [(11_026, 1, 1, 0), (0, 1, 1, 0), (16_000, 0, 1, 0), (16_000, 9, 1, 0), (16_000, 1, 9, 0), (16_000, 2, 1, 2)],
)
def test_impossible_cards_are_refused(rate_hz: int, channels_in: int, channels_out: int, mic: int) -> None:
    with pytest.raises(ValueError, match="cannot"):
        DuplexCore(rate_hz, channels_in, channels_out, mic)
