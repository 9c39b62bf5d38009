"""What the C callback makes of every sample format and channel layout a card may have."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dsp.duplex import SAMPLE_FORMATS, DuplexCore, Record, SampleFormat

BLOCK = 160
LAYOUTS = [(1, 1, 0), (2, 2, 1), (6, 2, 4), (1, 6, 0), (8, 8, 7)]
EXACT = {"int16": 1, "int32": 65536, "float32": 1 / 32768}


def heard(duplex: DuplexCore) -> Record:
    record = duplex.next()
    assert record is not None
    return record


def coded(pcm: np.ndarray, sample_format: SampleFormat) -> np.ndarray:
    return (pcm.astype(np.float64) * EXACT[sample_format]).astype(sample_format)


@pytest.mark.parametrize("format_in", SAMPLE_FORMATS)
@pytest.mark.parametrize("format_out", SAMPLE_FORMATS)
@pytest.mark.parametrize(
    ("channels_in", "channels_out", "mic"), [(1, 1, 0), (2, 2, 1), (6, 2, 4), (1, 6, 0), (8, 8, 7)]
)
def test_every_layout_carries_every_sample(
    format_in: SampleFormat, format_out: SampleFormat, channels_in: int, channels_out: int, mic: int
) -> None:
    duplex = DuplexCore(16_000, channels_in, channels_out, mic, format_in=format_in, format_out=format_out)
    rng = np.random.default_rng(0)
    frames = rng.integers(-32768, 32768, (BLOCK, channels_in)).astype(np.int16)
    speech = rng.integers(-32768, 32768, BLOCK).astype(np.int16)
    speech[:2] = -32768, 32767
    duplex.play(speech)
    out = duplex.tick_frames(coded(frames, format_in), 0)
    assert out.dtype == format_out
    assert out.tolist() == coded(np.repeat(speech[:, None], channels_out, axis=1), format_out).tolist()
    record = heard(duplex)
    assert record.mic.tolist() == frames[:, mic].tolist()
    assert record.far.tolist() == speech.tolist()


@given(values=st.lists(st.integers(-(2**31), 2**31 - 1), min_size=BLOCK, max_size=BLOCK))
@settings(max_examples=30, deadline=None)
def test_int32_is_rounded_and_clipped(values: list[int]) -> None:
    duplex = DuplexCore(16_000, format_in="int32")
    duplex.tick_frames(np.array(values, np.int32)[:, None], 0)
    expected = np.minimum((np.array(values, np.int64) + 32768) // 65536, 32767)
    assert heard(duplex).mic.tolist() == expected.tolist()


@given(values=st.lists(st.floats(width=32, allow_nan=False), min_size=BLOCK, max_size=BLOCK))
@settings(max_examples=30, deadline=None)
def test_float32_is_rounded_and_clipped(values: list[float]) -> None:
    duplex = DuplexCore(16_000, format_in="float32")
    duplex.tick_frames(np.array(values, np.float32)[:, None], 0)
    expected = np.clip(np.floor(np.array(values) * 32768 + 0.5), -32768, 32767)
    assert heard(duplex).mic.tolist() == expected.tolist()


def test_the_edges_of_float32() -> None:
    duplex = DuplexCore(16_000, format_in="float32")
    frames = np.zeros((BLOCK, 1), np.float32)
    frames[:8, 0] = 1.0, -1.0, np.inf, -np.inf, np.nan, 0.49999997 / 32768, 32767.4 / 32768, 32767.6 / 32768
    duplex.tick_frames(frames, 0)
    assert heard(duplex).mic[:8].tolist() == [32767, -32768, 32767, -32768, 0, 0, 32767, 32767]


@pytest.mark.parametrize("sample_format", SAMPLE_FORMATS)
def test_a_loop_back_channel_stands_in_for_what_was_played(sample_format: SampleFormat) -> None:
    duplex = DuplexCore(16_000, channels_in=6, mic_channel=1, format_in=sample_format, reference_channel=5)
    duplex.play(np.full(BLOCK, 77, np.int16))
    frames = np.arange(BLOCK * 6).reshape(BLOCK, 6).astype(np.int16)
    out = duplex.tick_frames(coded(frames, sample_format), 0)
    record = heard(duplex)
    assert np.all(out == 77)
    assert record.mic.tolist() == frames[:, 1].tolist()
    assert record.far.tolist() == frames[:, 5].tolist()
    assert (record.played_from, record.played_to) == (0, BLOCK)


@pytest.mark.parametrize("reference_channel", [-2, 2, 100])
def test_a_reference_that_is_not_there_is_refused(reference_channel: int) -> None:
    with pytest.raises(ValueError, match="no input channel"):
        DuplexCore(16_000, channels_in=2, reference_channel=reference_channel)


def test_what_does_not_fit_the_layout_is_refused() -> None:
    duplex = DuplexCore(16_000, channels_in=2, format_in="int32")
    for frames in (np.zeros((BLOCK, 1), np.int32), np.zeros((BLOCK, 2), np.int16), np.zeros((BLOCK - 1, 2), np.int32)):
        with pytest.raises(ValueError, match="are needed"):
            duplex.tick_frames(frames, 0)


@pytest.mark.parametrize(
    ("rate_hz", "frames"), [(8000, 80), (11_025, 441), (22_050, 441), (32_000, 320), (88_200, 882), (96_000, 960)]
)
def test_a_block_is_a_whole_number_of_frames(rate_hz: int, frames: int) -> None:
    assert DuplexCore(rate_hz).block_frames == frames
