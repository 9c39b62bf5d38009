"""Audio files of every shape, and what is wrong with the others."""

import os
import struct
from io import BytesIO
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import soundfile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from device.audio import files
from device.audio.containers import promised_seconds
from device.audio.files import load_audio, load_first_channel
from device.errors import AudioFileError

TONE_HZ = 440.0


def tone(rate_hz: int, seconds: float = 0.5, amplitude: float = 0.5) -> npt.NDArray[np.float64]:
    return amplitude * np.sin(2 * np.pi * TONE_HZ * np.arange(int(rate_hz * seconds)) / rate_hz)


def encoded(container: str = "WAV", **options: str) -> bytes:
    out = BytesIO()
    soundfile.write(out, tone(16_000), 16_000, format=container, **options)
    return out.getvalue()


def refusal(path: Path) -> AudioFileError:
    with pytest.raises(AudioFileError) as caught:
        load_audio(path)
    assert str(path) in caught.value.message or repr(path) in caught.value.message
    assert "\n" not in caught.value.message
    return caught.value


def amplitude_at_tone(pcm: npt.NDArray[np.int16]) -> float:
    middle = pcm[len(pcm) // 4 : len(pcm) // 4 * 3].astype(float) / 32768
    return float(2 * abs(np.mean(middle * np.exp(-2j * np.pi * TONE_HZ * np.arange(len(middle)) / 16_000))))


@pytest.mark.parametrize("rate_hz", [8_000, 11_025, 16_000, 22_050, 44_100, 48_000, 96_000, 192_000])
@pytest.mark.parametrize("subtype", ["PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE", "ULAW"])
def test_any_rate_and_width(tmp_path: Path, rate_hz: int, subtype: str) -> None:
    path = tmp_path / "a.wav"
    soundfile.write(path, tone(rate_hz), rate_hz, subtype=subtype)
    pcm = load_audio(path)
    assert pcm.dtype == np.int16
    assert abs(len(pcm) - 8000) <= 1
    assert amplitude_at_tone(pcm) == pytest.approx(0.5, rel=0.02)


@pytest.mark.parametrize("container", ["FLAC", "OGG", "AIFF", "AU", "W64", "RF64", "CAF"])
def test_any_container(tmp_path: Path, container: str) -> None:
    path = tmp_path / "a.bin"
    path.write_bytes(encoded(container))
    assert amplitude_at_tone(load_audio(path)) == pytest.approx(0.5, rel=0.05)


def test_native_format_comes_out_bit_for_bit(tmp_path: Path) -> None:
    pcm = np.random.default_rng(0).integers(-32768, 32768, 20_000).astype(np.int16)
    soundfile.write(tmp_path / "a.wav", pcm, 16_000)
    assert np.array_equal(load_audio(tmp_path / "a.wav"), pcm)


@pytest.mark.parametrize("channels", [2, 6, 8])
def test_equal_channels_keep_their_level(tmp_path: Path, channels: int) -> None:
    soundfile.write(tmp_path / "a.wav", np.repeat(tone(48_000)[:, None], channels, 1), 48_000)
    assert amplitude_at_tone(load_audio(tmp_path / "a.wav")) == pytest.approx(0.5, rel=0.01)


def test_speech_on_one_of_six_channels_keeps_its_level(tmp_path: Path) -> None:
    sound = np.random.default_rng(0).standard_normal((48_000, 6)) * 1e-3
    sound[:, 2] += tone(96_000)
    soundfile.write(tmp_path / "a.wav", sound, 96_000, subtype="PCM_24")
    assert amplitude_at_tone(load_audio(tmp_path / "a.wav")) == pytest.approx(0.5, rel=0.01)


def test_two_speakers_on_two_channels_are_both_kept(tmp_path: Path) -> None:
    sound = np.zeros((16_000, 2))
    sound[:8000, 0] = tone(16_000)
    sound[8000:, 1] = tone(16_000)
    soundfile.write(tmp_path / "a.wav", sound, 16_000)
    pcm = load_audio(tmp_path / "a.wav")
    for half in (pcm[:8000], pcm[8000:]):
        assert amplitude_at_tone(half) == pytest.approx(0.25, rel=0.01)


def test_inverted_second_channel_does_not_cancel(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", np.stack((tone(16_000), -tone(16_000)), 1), 16_000)
    assert amplitude_at_tone(load_audio(tmp_path / "a.wav")) == pytest.approx(0.5, rel=0.01)


def test_silent_file_is_no_error(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", np.zeros((1000, 2)), 16_000)
    assert not load_audio(tmp_path / "a.wav").any()


def test_floats_beyond_full_scale_and_not_numbers(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", np.array([2.0, -2.0, np.nan, np.inf, -np.inf, 0.5]), 16_000, subtype="FLOAT")
    assert load_audio(tmp_path / "a.wav").tolist() == [32767, -32768, 0, 32767, -32768, 16384]


def test_missing(tmp_path: Path) -> None:
    assert "no such file" in refusal(tmp_path / "a.wav").message


def test_directory(tmp_path: Path) -> None:
    assert "is a directory" in refusal(tmp_path).message


def test_name_with_a_zero_byte() -> None:
    with pytest.raises(AudioFileError):
        load_audio("a\0b.wav")


def test_device_is_not_read_forever() -> None:
    assert "not a regular file" in refusal(Path("/dev/zero")).message


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_unreadable(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    path.write_bytes(encoded())
    path.chmod(0)
    assert "Permission denied" in refusal(path).message


@pytest.mark.parametrize("suffix", ["wav", "raw", "txt", "flac", "sd2", ""])
def test_not_audio(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a.{suffix}"
    path.write_text("milk, bread, eggs\n" * 500)
    error = refusal(path)
    assert "is not an audio file" in error.message
    assert "ffmpeg" in error.hint


def test_no_bytes(tmp_path: Path) -> None:
    (tmp_path / "a.wav").touch()
    assert "empty (0 bytes)" in refusal(tmp_path / "a.wav").message


@pytest.mark.parametrize("container", ["WAV", "FLAC", "OGG", "AIFF"])
def test_no_samples(tmp_path: Path, container: str) -> None:
    soundfile.write(tmp_path / "a", np.zeros(0), 16_000, format=container)
    assert "empty" in refusal(tmp_path / "a").message


@pytest.mark.parametrize("container", ["WAV", "FLAC", "OGG", "AIFF", "W64", "RF64"])
def test_cut_in_the_middle(tmp_path: Path, container: str) -> None:
    whole = encoded(container)
    path = tmp_path / "a"
    path.write_bytes(whole[: len(whole) // 2])
    assert "cut short" in refusal(path).message


def test_cut_wav_says_how_much_is_there(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    path.write_bytes(encoded()[: 44 + 8000])
    assert "0.25 s of 0.50 s" in refusal(path).message


def test_big_endian_wav_is_measured_too(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    whole = encoded(endian="BIG")
    assert whole[:4] == b"RIFX"
    path.write_bytes(whole[:-100])
    assert "cut short" in refusal(path).message


@pytest.mark.parametrize("size", [0xFFFFFFFF, 0x7FFFFFFF, 0x80000000, 0x7FFFF000])
def test_wav_written_into_a_pipe_has_no_length_to_keep(tmp_path: Path, size: int) -> None:
    whole = encoded()
    path = tmp_path / "a.wav"
    path.write_bytes(whole[:40] + struct.pack("<I", size) + whole[44:])
    assert len(load_audio(path)) == 8000


def test_wav_whose_header_was_never_completed(tmp_path: Path) -> None:
    whole = encoded()
    path = tmp_path / "a.wav"
    path.write_bytes(whole[:4] + b"\0\0\0\0" + whole[8:40] + b"\0\0\0\0" + whole[44:])
    assert "empty (0 samples)" in refusal(path).message


def test_trailing_chunks_and_odd_sizes_are_no_truncation(tmp_path: Path) -> None:
    whole = encoded("WAV", subtype="PCM_U8")
    path = tmp_path / "a.wav"
    path.write_bytes(whole + b"note\x03\x00\x00\x00abc\x00")
    assert len(load_audio(path)) == 8000


@pytest.mark.parametrize("rate_hz", [1, 999, 2_000_000])
def test_absurd_rate(tmp_path: Path, rate_hz: int) -> None:
    soundfile.write(tmp_path / "a.wav", tone(16_000), rate_hz)
    assert "sample rate" in refusal(tmp_path / "a.wav").message


def test_longer_than_the_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "MAX_SECONDS", 0.4)
    (tmp_path / "a.wav").write_bytes(encoded())
    assert "limit" in refusal(tmp_path / "a.wav").message


def test_first_channel_alone_and_no_longer_than_asked(tmp_path: Path) -> None:
    sound = np.stack((tone(48_000), np.ones(24_000)), 1)
    soundfile.write(tmp_path / "a.wav", sound, 48_000, subtype="FLOAT")
    taps = load_first_channel(tmp_path / "a.wav", 0.25)
    assert taps.shape == (4000,)
    assert np.abs(taps).max() == pytest.approx(0.5, rel=0.01)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=300)
@given(
    st.one_of(
        st.binary(max_size=300),
        st.tuples(
            st.sampled_from([encoded(), encoded("FLAC"), encoded("AIFF"), encoded("W64"), encoded("OGG")]),
            st.lists(st.tuples(st.integers(0, 200), st.integers(0, 255)), max_size=6),
            st.integers(0, 9000),
        ),
    )
)
def test_any_bytes_are_audio_or_refused(
    tmp_path: Path, made: "bytes | tuple[bytes, list[tuple[int, int]], int]"
) -> None:
    if isinstance(made, bytes):
        data = made
    else:
        mutable = bytearray(made[0])
        for at, value in made[1]:
            mutable[at] = value
        data = bytes(mutable[: made[2]])
    path = tmp_path / "a.bin"
    path.write_bytes(data)
    promise = promised_seconds(BytesIO(data))
    assert promise is None or promise.missing >= 0
    try:
        pcm = load_audio(path)
    except AudioFileError as error:
        assert "\n" not in error.message
    else:
        assert pcm.dtype == np.int16
        assert pcm.ndim == 1
        assert len(pcm) >= 1
