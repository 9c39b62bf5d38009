"""What a calibration finds is what the room was given."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from simulated_room import Room, measured

from device.audio.rooms import delay_and_gain, synthetic_room
from device.card import Block, Span
from device.diagnostics.calibration import Calibration
from device.diagnostics.calibration_result import CalibrationResult
from dsp.levels import peak_dbfs
from dsp.measurement import voice_like


def codes(result: CalibrationResult) -> list[str]:
    return [advice.code for advice in result.advice]


@settings(max_examples=12, deadline=None)
@given(
    echo_db=st.floats(-40, 5),
    delay=st.integers(0, 4000),
    offset=st.sampled_from([0, 160, 481, 4000]),
    noise_rms=st.sampled_from([0.0, 5.0, 30.0]),
)
def test_one_reflection_is_measured_to_the_sample(echo_db: float, delay: int, offset: int, noise_rms: float) -> None:
    result = measured(Room(delay_and_gain(echo_db, delay / 16), offset=offset, noise_rms=noise_rms)).result()
    assert result.echo_delay_samples == delay
    assert result.round_trip_samples == delay + offset
    assert result.echo_db == pytest.approx(echo_db, abs=1)
    assert result.drift_ppm == pytest.approx(0, abs=5)
    assert result.lost_samples == 0
    if noise_rms:
        assert result.noise_floor_dbfs == pytest.approx(20 * np.log10(noise_rms / 32768), abs=0.5)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_reverberant_room_is_measured(seed: int) -> None:
    room = Room(synthetic_room(-8, 20, rt60_ms=500, seed=seed), noise_rms=10)
    result = measured(room).result()
    assert result.echo_delay_samples == 320
    assert result.echo_db == pytest.approx(-8, abs=1)
    assert result.advice == ()
    assert result.erle_db is not None
    assert result.erle_db > 20


@settings(max_examples=10, deadline=None)
@given(ppm=st.floats(-200, 200))
def test_drift_is_measured_to_5_ppm(ppm: float) -> None:
    result = measured(Room(synthetic_room(-8), drift_ppm=ppm, noise_rms=10)).result()
    assert result.drift_ppm == pytest.approx(ppm, abs=5)
    assert ("two-clocks" in codes(result)) == (abs(result.drift_ppm or 0) > 10)


@pytest.mark.parametrize("echo_db", [-20.0, 0.0, 6.0, 12.0, 20.0])
def test_the_gain_it_finds_keeps_the_microphone_from_clipping(echo_db: float) -> None:
    """A voice at full scale comes to the microphone at -6 dBFS at most, and not softer than that needs."""
    taps = synthetic_room(echo_db)
    result = measured(Room(taps, noise_rms=30)).result()
    assert result.playback_gain_db is not None
    assert result.headroom_db is not None
    assert result.playback_gain_db <= 0
    assert result.clipped_samples == 0
    loudest = np.abs(np.convolve(voice_like(3.0).astype(float), taps)).max() / 32768
    at_microphone_db = 20 * np.log10(loudest) + result.playback_gain_db
    assert at_microphone_db <= -5.9
    if result.playback_gain_db < 0:
        assert at_microphone_db > -6.5
    assert ("mic-clips" in codes(result)) == (result.headroom_db < 0)


def test_no_loudspeaker_is_said() -> None:
    result = measured(Room(None, noise_rms=10)).result()
    assert not result.heard
    assert result.playback_gain_db is None
    assert codes(result) == ["no-echo"]


def test_a_dead_microphone_is_said() -> None:
    assert codes(measured(Room(None)).result()) == ["mic-silent"]


def test_a_loud_room_is_said() -> None:
    assert "room-loud" in codes(measured(Room(synthetic_room(-6), noise_rms=600)).result())


def test_a_late_echo_is_said() -> None:
    assert "echo-late" in codes(measured(Room(delay_and_gain(-6, 300), noise_rms=3)).result())


def test_a_sentence_will_do() -> None:
    result = measured(
        Room(delay_and_gain(-6, 30), noise_rms=5), sentence=voice_like(2.5, peak_dbfs=-3, seed=9)
    ).result()
    assert result.echo_delay_samples == 480
    assert result.echo_db == pytest.approx(-6, abs=1)
    assert result.drift_ppm == pytest.approx(0, abs=5)
    with pytest.raises(ValueError, match="silent"):
        Calibration("paper", None, sentence=np.zeros(1000, np.int16))  # type: ignore[arg-type]


def test_it_takes_eight_seconds_at_most_and_plays_no_louder_than_the_gain() -> None:
    calibration = measured(Room(synthetic_room(6)))
    mic, speaker = calibration.recording()
    assert len(mic) == len(speaker) <= 8 * 16_000
    assert peak_dbfs(speaker) == pytest.approx(calibration.result().playback_gain_db or 0, abs=0.1)


def test_the_recording_shows_the_loudspeaker_where_it_sounds() -> None:
    mic, speaker = measured(Room(delay_and_gain(0, 0), offset=480)).recording()
    assert np.array_equal(mic, speaker)


def test_lost_blocks_are_told_and_do_not_shift_time() -> None:
    """A second of blocks is gone before the first sweep."""
    room = Room(delay_and_gain(-6, 8), noise_rms=3)
    calibration = Calibration("paper", Deaf())
    for block in room.blocks():
        if 8000 <= block.sample < 12_000:
            continue
        sound = calibration.feed(block)
        if sound is not None:
            room.play(sound)
        if calibration.done:
            break
    result = calibration.result()
    assert result.lost_samples == 4000
    assert result.echo_delay_samples == 128
    assert "samples-lost" in codes(result)


def test_a_card_that_plays_nothing_does_not_hold_it_for_ever() -> None:
    calibration = Calibration("paper", Deaf())
    silence = np.zeros(160, np.int16)
    for at in range(0, 60 * 16_000, 160):
        calibration.feed(Block(at, silence, silence, Span(0, 0), at + 160))
        if calibration.done:
            break
    assert calibration.done
    assert not calibration.result().heard
    assert calibration.feed(Block(0, silence, silence, Span(0, 0), 160)) is None


def test_before_anything_was_heard_there_is_a_result() -> None:
    result = Calibration("paper", Deaf()).result()
    assert not result.heard
    assert result.to_json()["advice"]


class Deaf:
    """A front end that is not looked at."""

    delay_samples = 160

    def process(self, block: Block) -> np.ndarray:
        return block.mic
