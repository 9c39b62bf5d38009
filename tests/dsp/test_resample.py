"""Time must not shift, tones must survive, aliases must not."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pulses import centre, pulse

from dsp.levels import rms_dbfs
from dsp.resample import LiveResampler, StreamResampler, resample
from dsp.types import Int16s

RATES = [8000, 22_050, 44_100, 48_000, 96_000]


def live(resampler: LiveResampler, pcm: Int16s, chunk: int) -> Int16s:
    return np.concatenate([resampler.process(pcm[at : at + chunk]) for at in range(0, len(pcm), chunk)])


@pytest.mark.parametrize("rate_hz", RATES)
def test_one_shot_keeps_time(rate_hz: int) -> None:
    out = resample(pulse(rate_hz, 0.4), rate_hz, 16_000)
    assert len(out) == 16_000
    assert centre(out) == pytest.approx(6400, abs=0.5)


@pytest.mark.parametrize("rate_hz", RATES)
def test_live_keeps_time_and_lags_little(rate_hz: int) -> None:
    resampler = LiveResampler(rate_hz, 16_000)
    out = live(resampler, pulse(rate_hz, 0.4), rate_hz // 100)
    assert centre(out) == pytest.approx(6400, abs=0.5)
    assert resampler.lag_ms <= 6
    assert 16_000 - len(out) <= 7 * 16


def test_live_does_not_alias() -> None:
    t = np.arange(48_000) / 48_000
    too_high = (20_000 * np.sin(2 * np.pi * 11_000 * t)).astype(np.int16)  # would come back as 5 kHz
    assert rms_dbfs(live(LiveResampler(48_000, 16_000), too_high, 480)[500:]) < -70


def test_live_keeps_channels_apart() -> None:
    left = pulse(48_000, 0.4)
    stereo = np.stack((left, np.zeros_like(left)), axis=1)
    out = live(LiveResampler(48_000, 16_000, channels=2), stereo, 480)
    assert out.shape[1] == 2
    assert out[:, 0].max() > 15_000
    assert not out[:, 1].any()


def test_live_begins_anew_after_reset() -> None:
    resampler = LiveResampler(48_000, 16_000)
    first = live(resampler, pulse(48_000, 0.1, 0.3), 480)
    resampler.reset()
    assert live(resampler, pulse(48_000, 0.1, 0.3), 480).tolist() == first.tolist()


@given(n=st.integers(0, 3000), chunk=st.integers(1, 700), rate_hz=st.sampled_from([8000, 44_100, 48_000]))
def test_stream_gives_what_one_shot_gives(n: int, chunk: int, rate_hz: int) -> None:
    pcm = (np.random.default_rng(n).normal(0, 3000, n)).astype(np.int16)
    stream = StreamResampler(rate_hz, 16_000)
    parts = [stream.process(pcm[at : at + chunk]) for at in range(0, n, chunk)]
    streamed = np.concatenate([*parts, stream.flush()])
    whole = resample(pcm, rate_hz, 16_000)
    assert abs(len(streamed) - len(whole)) <= 1
    both = min(len(streamed), len(whole))
    assert np.abs(streamed[:both].astype(int) - whole[:both]).max(initial=0) <= 2  # dither of the last bit


def test_same_rate_is_the_same_sound() -> None:
    pcm = pulse(16_000, 0.1)
    assert resample(pcm, 16_000, 16_000) is pcm


def test_nothing_stays_nothing() -> None:
    assert len(resample(np.zeros(0, np.int16), 48_000, 16_000)) == 0


@pytest.mark.parametrize(("from_hz", "to_hz", "channels"), [(0, 16_000, 1), (48_000, -1, 1), (48_000, 16_000, 0)])
def test_impossible_rates_are_refused(from_hz: int, to_hz: int, channels: int) -> None:
    with pytest.raises(ValueError, match="cannot resample"):
        LiveResampler(from_hz, to_hz, channels)
