"""What the meter shows of blocks that are known, and how."""

import io
import threading
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from device.audio.rooms import synthetic_room
from device.audio.virtual import VirtualCard
from device.card import Block, CardStats, Span
from device.cli.meter_command import bars, frame_line, run_meter, summary_line
from device.config import Settings
from device.config.schema import ModelsSettings
from device.diagnostics.live_meter import LiveMeter, MeterFrame
from dsp.measurement import voice_like

STATS = CardStats(blocks=100, capture_lost_samples=480, capture_overflows=2, playback_underflows=3, starved_samples=0)


def fed(
    seconds: float, *, mic: int = 0, far: int = 0, clean_share: float = 1.0, speech: float | None = None
) -> LiveMeter:
    meter = LiveMeter()
    rng = np.random.default_rng(1)
    late = np.zeros(160, np.int16)
    for at in range(0, int(seconds * 16_000), 160):
        heard, played = ((rng.standard_normal(160) * rms).clip(-32768, 32767).astype(np.int16) for rms in (mic, far))
        clean, late = (late * clean_share).astype(np.int16), heard
        meter.feed(Block(at, heard, played, Span(0, 160), at + 160), clean, 160, speech)
    return meter


def test_levels_and_echo() -> None:
    frame = fed(3, mic=3277, far=1000, clean_share=0.1).frame(STATS)
    assert frame.t_s == 3
    assert frame.mic_rms_dbfs == pytest.approx(-20, abs=0.5)
    assert frame.speaker_rms_dbfs == pytest.approx(-30.3, abs=0.5)
    assert frame.erle_db == pytest.approx(20, abs=0.3)
    assert (frame.xruns, frame.lost_samples, frame.mic_clipped_samples) == (5, 480, 0)
    assert frame.speech is None


def test_without_a_loudspeaker_there_is_no_echo_to_speak_of() -> None:
    meter = fed(3, mic=3000)
    assert meter.frame(STATS).erle_db is None
    assert meter.summary(STATS).erle_db is None


def test_speech_is_the_highest_since_the_last_frame() -> None:
    meter = fed(0.1, speech=0.7)
    assert meter.frame(STATS).speech == 0.7
    assert meter.frame(STATS).speech == 0.0


def test_the_summary_is_of_all() -> None:
    summary = fed(2, mic=30_000, far=1000, clean_share=0.01).summary(STATS)
    assert summary.seconds == 2
    assert summary.mic_peak_dbfs == 0
    assert summary.mic_clipped_samples > 100
    assert summary.erle_db == pytest.approx(40, abs=0.5)
    assert LiveMeter().summary(STATS).mic_rms_dbfs == -120


@pytest.mark.parametrize("mic", [0, 30, 40_000])
def test_it_fits_in_80_columns(mic: int) -> None:
    meter = fed(1.5, mic=mic, far=mic, speech=0.99)
    frame = meter.frame(STATS)
    text = io.StringIO()
    Console(file=text, width=80, force_terminal=False).print(bars(frame, "USB Audio: a card with a very long name" * 3))
    lines = text.getvalue().rstrip().splitlines()
    assert len(lines) == 6
    assert all(len(line.rstrip()) <= 80 for line in lines)
    assert "dBFS" in lines[1]
    assert len(frame_line(frame)) <= 80
    assert "xruns" in summary_line(meter.summary(STATS))


def test_a_run_on_a_card_shows_ten_frames_a_second_and_measures_the_echo(tmp_path: Path) -> None:
    settings = Settings(models=ModelsSettings(dir=tmp_path))  # no detector there
    card = VirtualCard(impulse_response=synthetic_room(-10), speed=8)
    frames: list[MeterFrame] = []
    summary = run_meter(card, settings, frames.append, sound=voice_like(1.3), seconds=5, stop=threading.Event())
    assert [round(frame.t_s, 1) for frame in frames] == [round(n / 10, 1) for n in range(1, 51)]
    assert frames[-1].erle_db is not None
    assert frames[-1].erle_db > 20
    assert frames[-1].speech is None
    assert summary.seconds == 5
    assert summary.speaker_peak_dbfs == pytest.approx(0, abs=0.1)


def test_a_run_ends_when_it_is_told_to(tmp_path: Path) -> None:
    stop = threading.Event()
    settings = Settings(models=ModelsSettings(dir=tmp_path))
    summary = run_meter(VirtualCard(speed=8), settings, lambda _frame: stop.set(), stop=stop)
    assert summary.seconds == pytest.approx(0.1)
