"""Impulse responses and the convolution that applies them."""

from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from device.audio.rooms import BlockConvolver, delay_and_gain, load_impulse_response, synthetic_room
from device.errors import AudioFileError, UsageError
from models.protocols import Floats

DATA = Path(__file__).resolve().parents[2].parent / "shared" / "data"


def gain_db(taps: Floats) -> float:
    return float(10 * np.log10(np.sum(taps.astype(np.float64) ** 2)))


@pytest.mark.parametrize("length", [1, 159, 160, 161, 320, 1000, 32_000])
def test_block_convolution_is_convolution(length: int) -> None:
    rng = np.random.default_rng(length)
    taps = rng.standard_normal(length).astype(np.float32)
    signal = rng.integers(-32768, 32768, 160 * 40).astype(np.int16)
    room = BlockConvolver(taps, 160)
    out = np.concatenate([room.process(signal[at : at + 160]) for at in range(0, len(signal), 160)])
    exact = np.convolve(signal.astype(np.float64), taps.astype(np.float64))[: len(signal)]
    assert np.max(np.abs(out - exact)) < 1e-9 * np.abs(exact).max()


@settings(deadline=None)
@given(st.integers(1, 40), st.integers(1, 200), st.integers(0, 2**31))
def test_block_size_and_length_do_not_matter(block: int, length: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    taps, signal = rng.standard_normal(length).astype(np.float32), rng.standard_normal(block * 12)
    room = BlockConvolver(taps, block)
    out = np.concatenate([room.process(part) for part in signal.reshape(-1, block)])
    assert np.allclose(out, np.convolve(signal, taps.astype(np.float64))[: len(signal)], atol=1e-9)


@pytest.mark.parametrize("taps", [np.zeros(0, np.float32), np.zeros((2, 2), np.float32)])
def test_no_response_cannot_be_applied(taps: Floats) -> None:
    with pytest.raises(ValueError, match="at least one tap"):
        BlockConvolver(taps, 160)


def test_single_path() -> None:
    taps = delay_and_gain(-20.0, 12.5)
    assert np.flatnonzero(taps).tolist() == [200]
    assert taps[200] == pytest.approx(0.1)
    assert delay_and_gain(0.0, 0.0).tolist() == [1.0]


def test_synthetic_room_has_its_level_delay_and_decay() -> None:
    taps = synthetic_room(-12.0, 8.0, rt60_ms=250.0)
    assert gain_db(taps) == pytest.approx(-12.0, abs=1e-3)
    assert np.flatnonzero(taps)[0] == 128
    assert np.argmax(np.abs(taps)) == 128
    early, late = taps[128 + 800 : 128 + 1600], taps[128 + 2400 : 128 + 3200]
    # 100 ms later, at 60 dB in 250 ms: 24 dB less
    assert gain_db(early) - gain_db(late) == pytest.approx(24.0, abs=3.0)
    assert np.array_equal(taps, synthetic_room(-12.0, 8.0, rt60_ms=250.0))
    assert not np.array_equal(taps, synthetic_room(-12.0, 8.0, rt60_ms=250.0, seed=2))


@pytest.mark.parametrize("rt60_ms", [1.0, 2000.0])
@pytest.mark.parametrize("delay_ms", [0.0, 2000.0])
def test_synthetic_room_at_its_limits(rt60_ms: float, delay_ms: float) -> None:
    taps = synthetic_room(0.0, delay_ms, rt60_ms=rt60_ms)
    assert 1 <= len(taps) <= 32_000
    assert gain_db(taps) == pytest.approx(0.0, abs=1e-3)


@pytest.mark.parametrize("bad", [float("nan"), 61.0, -201.0, float("inf")])
def test_absurd_level_is_refused(bad: float) -> None:
    with pytest.raises(UsageError, match="dB"):
        delay_and_gain(bad, 1.0)


@pytest.mark.parametrize("bad", [float("nan"), -1.0, 2001.0])
def test_absurd_delay_is_refused(bad: float) -> None:
    with pytest.raises(UsageError, match="delay"):
        synthetic_room(0.0, bad)
    with pytest.raises(UsageError, match="delay"):
        delay_and_gain(0.0, bad)


def test_loaded_response_is_first_channel_resampled_and_scaled(tmp_path: Path) -> None:
    sound = np.zeros((48_000, 2))
    sound[480, 0] = 0.5  # 10 ms
    sound[:, 1] = 0.9
    soundfile.write(tmp_path / "ir.wav", sound, 48_000, subtype="FLOAT")
    taps = load_impulse_response(tmp_path / "ir.wav", -6.0)
    assert gain_db(taps) == pytest.approx(-6.0, abs=1e-3)
    assert np.argmax(np.abs(taps)) == 160
    assert len(taps) < 1000  # the second of silence after it is gone


def test_loaded_response_ends_60_db_down(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    n = np.arange(3 * 16_000)
    soundfile.write(tmp_path / "ir.wav", 0.2 * rng.standard_normal(len(n)) * 10 ** (-3 * n / 8000), 16_000, "FLOAT")
    # 60 dB in half a second, of energy still to come as of level
    assert len(load_impulse_response(tmp_path / "ir.wav")) == pytest.approx(8000, rel=0.05)


def test_loaded_response_is_two_seconds_at_most(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "ir.wav", np.full(16_000 * 5, 0.1), 16_000)
    assert len(load_impulse_response(tmp_path / "ir.wav")) == 32_000


def test_silent_response_is_refused(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "ir.wav", np.zeros(1000), 16_000)
    with pytest.raises(AudioFileError, match="silent"):
        load_impulse_response(tmp_path / "ir.wav")
    late = np.zeros(16_000 * 3)
    late[-1] = 1.0
    soundfile.write(tmp_path / "ir.wav", late, 16_000)
    with pytest.raises(AudioFileError, match="first 2 s are silent"):
        load_impulse_response(tmp_path / "ir.wav")


@pytest.mark.shared
def test_measured_rooms_load() -> None:
    rooms = sorted((DATA / "rir").glob("*.wav"))
    if not rooms:
        pytest.skip(f"{DATA / 'rir'} is not here")
    for path in rooms:
        taps = load_impulse_response(path, -3.0)
        assert gain_db(taps) == pytest.approx(-3.0, abs=1e-3), path
        assert len(taps) <= 32_000, path
