"""The virtual card: what is heard, when, and that nothing is ever lost. Run at several times real time."""

import gc
import threading
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile

from device.audio.recording import MemoryRecorder, StereoWriter
from device.audio.rooms import delay_and_gain, synthetic_room
from device.audio.virtual import VirtualCard
from device.card import Block, Card, Span
from device.errors import AudioError
from models.protocols import Int16s

SPEED = 8.0
WAIT_S = 10.0


def noise(samples: int, seed: int = 0, rms: float = 3000) -> Int16s:
    return (np.random.default_rng(seed).standard_normal(samples) * rms).astype(np.int16)


def blocks_of(card: VirtualCard) -> list[Block]:
    """All blocks until the end."""
    blocks = []
    while True:
        ended = card.ended
        block = card.read(timeout_s=0.1)
        if block is not None:
            blocks.append(block)
        elif ended:
            return blocks


def test_it_is_a_card() -> None:
    card: Card = VirtualCard()
    assert card.rate_hz == 16_000
    card.stop()


def test_microphone_is_near_end_plus_noise_plus_echo_to_the_bit() -> None:
    room = synthetic_room(-3.0, 5.0)
    hum = (300 * np.sin(np.arange(777) * 0.05)).astype(np.float32)
    question, answer = noise(16_000), noise(12_345, 1, 8000)
    card = VirtualCard(impulse_response=room, noise=hum, speed=SPEED)
    asked = card.say(question, 1000)
    card.end_at(40_000)
    card.play(answer)
    with card:
        blocks = blocks_of(card)
    mic, speaker = card.recording()
    assert len(mic) == len(speaker) == 40_000
    expected = np.convolve(speaker.astype(float), room.astype(float))[: len(mic)]
    expected += hum[np.arange(len(mic)) % len(hum)]
    expected[asked : asked + len(question)] += question
    assert np.array_equal(mic, np.clip(np.rint(expected), -32768, 32767).astype(np.int16))
    assert np.array_equal(np.concatenate([b.mic for b in blocks]), mic)
    assert [b.sample for b in blocks] == list(range(0, 40_000, 160))


def test_far_end_lies_on_the_recording_where_the_blocks_say() -> None:
    answer = noise(5000)
    card = VirtualCard(speed=SPEED)
    card.end_at(16_000)
    assert card.play(answer) == Span(0, 5000)
    with card:
        blocks = blocks_of(card)
    _, speaker = card.recording()
    line = np.zeros(len(speaker) + 160, np.int16)
    for b in blocks:
        line[b.dac_sample : b.dac_sample + 160] = b.far
    assert np.array_equal(line[: len(speaker)], speaker)
    assert np.array_equal(speaker[160 : 160 + 5000], answer)  # handed over in the first tick, heard a block later
    assert not speaker[:160].any()
    assert not speaker[5160:].any()
    assert b"".join(b.far[: b.played.end - b.played.start].tobytes() for b in blocks) == answer.tobytes()


def test_silence_is_silent() -> None:
    card = VirtualCard(speed=SPEED)
    card.end_at(1600)
    with card:
        assert len(blocks_of(card)) == 10
    mic, speaker = card.recording()
    assert not mic.any()
    assert not speaker.any()


def test_loud_echo_clips_as_a_converter_does() -> None:
    card = VirtualCard(impulse_response=delay_and_gain(12.0, 1.0), speed=SPEED)
    card.play(np.full(1600, 20_000, np.int16))
    card.play(np.full(1600, -20_000, np.int16))
    card.end_at(8000)
    with card:
        blocks_of(card)
    mic, _ = card.recording()
    assert mic.max() == 32767
    assert mic.min() == -32768


def test_flush_silences_within_a_block() -> None:
    """The block that obeys the flush may fade out; the next is silent, and what comes later is heard."""
    card = VirtualCard(speed=1.0)
    card.play(np.full(32_000, 5000, np.int16))
    flushed_at = -1
    with card:
        while True:
            block = card.read(WAIT_S)
            assert block is not None
            if block.sample == 3200:
                before = card.now
                card.flush()
                flushed_at = card.now
                later = card.play(np.full(160, 7000, np.int16))
                card.end_at(flushed_at + 3200)
                break
        blocks_of(card)
    _, speaker = card.recording()
    # the tick after the call fades; so from two blocks after it only the later sound is left
    last_loud = int(np.flatnonzero(speaker == 5000)[-1])
    assert before <= last_loud + 160
    assert last_loud < flushed_at + 2 * 160
    assert later.start == 32_000
    assert np.count_nonzero(speaker == 7000) == 160


def test_speech_and_end_can_be_set_while_it_runs_from_any_thread() -> None:
    card = VirtualCard(speed=SPEED)
    starts: list[int] = []

    def person() -> None:
        starts.append(card.say(np.full(160, 1000, np.int16)))
        starts.append(card.say(np.full(160, 500, np.int16), starts[0] + 4000))
        card.end_at(starts[1] + 1600)

    with card:
        first = card.read(WAIT_S)
        talker = threading.Thread(target=person)
        talker.start()
        blocks = blocks_of(card)
        talker.join()
    assert first is not None
    mic, _ = card.recording()
    assert starts[1] == starts[0] + 4000
    assert mic[starts[0] : starts[0] + 160].tolist() == [1000] * 160
    assert mic[starts[1] : starts[1] + 160].tolist() == [500] * 160
    assert len(mic) == len(blocks) * 160 + 160
    assert len(mic) - (starts[1] + 1600) < 160


def test_read_times_out_while_nothing_comes_and_ends_at_once_when_all_is_over() -> None:
    card = VirtualCard()
    assert card.read(0.01) is None  # not started
    assert not card.ended
    card.end_at(0)
    with card:
        assert card.read(WAIT_S) is None
        assert card.ended


def test_reader_that_waits_is_let_go_by_stop() -> None:
    card = VirtualCard(speed=0.001)  # one block in ten seconds
    card.start()
    got: list[Block | None] = []
    reader = threading.Thread(target=lambda: got.append(card.read(60.0)))
    reader.start()
    card.stop()
    reader.join(WAIT_S)
    assert got == [None]
    card.stop()
    assert card.read(60.0) is None


def test_clock_keeps_real_time_without_drift() -> None:
    card = VirtualCard()
    card.end_at(16_000)
    begin = time.monotonic()
    with card:
        blocks = blocks_of(card)
    assert len(blocks) == 100
    # only a lower bound holds on a slow machine: a block never comes before it was heard
    assert time.monotonic() - begin >= 1.0


def test_interpreter_that_is_held_up_loses_no_sample() -> None:
    """sorted() of half a million numbers holds the interpreter for longer than ten blocks of this clock."""
    room = delay_and_gain(-6.0, 3.0)
    answer = noise(32_000)
    numbers = np.random.default_rng(0).random(500_000).tolist()
    card = VirtualCard(impulse_response=room, speed=SPEED)
    card.play(answer)
    card.end_at(48_000)
    with card:
        while not card.ended:
            sorted(numbers)
            gc.collect()
        late_ms = card.worst_late_ms
        blocks = blocks_of(card)
    mic, speaker = card.recording()
    assert late_ms > 0
    assert np.array_equal(np.concatenate([b.mic for b in blocks]), mic)
    assert np.array_equal(speaker[160 : 160 + len(answer)], answer)
    assert np.array_equal(mic, np.rint(np.convolve(speaker.astype(float), room.astype(float))[: len(mic)]))
    assert card.stats().capture_lost_samples == 0
    assert card.stats().blocks == 300


def test_reader_that_never_reads_loses_samples_and_they_are_counted() -> None:
    card = VirtualCard(speed=400.0)
    card.end_at(16_000 * 60)  # the ring holds 30 s at least
    with card:
        while not card.ended:
            time.sleep(0.01)
    lost = card.stats().capture_lost_samples
    assert 0 < lost <= 16_000 * 30
    kept = blocks_of(card)
    assert len(kept) * 160 + lost == 16_000 * 60
    assert len(card.recording()[0]) == 16_000 * 60  # the recording has them nevertheless


def test_starting_twice_is_refused() -> None:
    with VirtualCard(speed=SPEED) as card, pytest.raises(AudioError, match="started before"):
        card.start()


@pytest.mark.parametrize("speed", [0.0, -1.0, float("nan")])
def test_clock_that_does_not_run_is_refused(speed: float) -> None:
    with pytest.raises(ValueError, match="times real time"):
        VirtualCard(speed=speed)


def test_sound_longer_than_the_ring_is_refused() -> None:
    card = VirtualCard(speed=SPEED)
    with pytest.raises(AudioError, match="room"):
        card.play(np.zeros(16_000 * 120, np.int16))
    card.stop()


def test_recording_in_a_file(tmp_path: Path) -> None:
    card = VirtualCard(recorder=StereoWriter(tmp_path / "OUT.wav"), speed=SPEED)
    card.say(np.full(1000, 123, np.int16), 480)
    card.play(np.full(1000, 321, np.int16))
    card.end_at(3200)
    with card:
        blocks_of(card)
        assert not (tmp_path / "OUT.wav").exists()
    frames, rate_hz = soundfile.read(tmp_path / "OUT.wav", dtype="int16")
    assert rate_hz == 16_000
    assert np.flatnonzero(frames[:, 0]).tolist() == list(range(480, 1480))
    assert np.flatnonzero(frames[:, 1]).tolist() == list(range(160, 1160))
    mic, speaker = card.recording()
    assert np.array_equal(frames, np.stack((mic, speaker), 1))


def test_incomplete_recording_is_said_at_the_end_only() -> None:
    card = VirtualCard(recorder=MemoryRecorder(limit_s=0.1), speed=SPEED)
    card.end_at(16_000)
    with pytest.raises(AudioError, match="only the first"), card:
        assert len(blocks_of(card)) == 100
    card.stop()


def test_incomplete_recording_does_not_hide_what_ended_the_session(caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(KeyboardInterrupt), VirtualCard(recorder=MemoryRecorder(limit_s=0.0), speed=SPEED) as card:
        card.read(WAIT_S)
        raise KeyboardInterrupt
    assert "only the first" in caplog.text


def test_fault_of_the_clock_reaches_the_reader() -> None:
    class Broken(MemoryRecorder):
        def write(self, mic: Int16s, speaker: Int16s) -> None:
            del mic, speaker
            raise RuntimeError("no recorder")

    with VirtualCard(recorder=Broken(), speed=SPEED) as card, pytest.raises(AudioError, match="no recorder"):
        while not card.ended or card.read(WAIT_S) is not None:
            card.read(WAIT_S)
