"""Earcons: what they are made of."""

from typing import Any

import numpy as np
import pytest

from device.audio.earcons import LEVEL_DB, NAMES, earcon, earcons
from device.dialogue.voice_meter import VoiceMeter
from models.protocols import Int16s


def pitches_hz(pcm: Int16s) -> tuple[float, float]:
    """The strongest frequency of the first and of the last 60 ms."""

    def strongest(part: Int16s) -> float:
        spectrum = np.abs(np.fft.rfft(part * np.hanning(part.size), 16_000))
        return float(np.argmax(spectrum))

    return strongest(pcm[:960]), strongest(pcm[-960:])


@pytest.mark.parametrize("name", NAMES)
def test_short_soft_edged_and_at_the_level_asked_for(name: str) -> None:
    pcm = earcon(name)
    assert pcm.dtype == np.int16
    assert 0.05 <= pcm.size / 16_000 <= 0.4
    peak_db = 20 * np.log10(np.abs(pcm.astype(int)).max() / 32767)
    assert peak_db == pytest.approx(LEVEL_DB, abs=0.1)
    assert np.abs(pcm[[0, -1]]).max() <= 2
    steps = np.abs(np.diff(pcm.astype(int)))
    loudest_step = 2 * np.pi * 880 / 16_000 * 32767 * 10 ** (LEVEL_DB / 20)
    assert steps.max() <= loudest_step * 1.05, "a click"


def test_contours_say_on_and_off() -> None:
    first, last = pitches_hz(earcon("muted"))
    assert last < first * 0.8
    first, last = pitches_hz(earcon("unmuted"))
    assert last > first * 1.2
    first, last = pitches_hz(earcon("card back"))
    assert last > first * 1.2
    first, last = pitches_hz(earcon("error"))
    assert last == pytest.approx(first, abs=10)


def test_all_by_name_and_louder_ones() -> None:
    assert set(earcons()) == set(NAMES)
    assert len({pcm.tobytes() for pcm in earcons().values()}) == len(NAMES)
    assert np.abs(earcons(0.0)["error"].astype(int)).max() > 32_000


def test_what_there_is_not() -> None:
    with pytest.raises(KeyError):
        earcon("fanfare")
    with pytest.raises(ValueError, match="full scale"):
        earcon("muted", 3.0)


@pytest.mark.models
@pytest.mark.parametrize("name", NAMES)
def test_no_speech_to_the_voice_detector_even_without_a_canceller(vad: Any, name: str) -> None:
    vad.reset()
    silence = np.zeros(8000, np.int16)
    heard = np.concatenate((silence, earcon(name), silence))
    heard = heard + np.random.default_rng(0).normal(0, 5, heard.size).astype(np.int16)
    readings = VoiceMeter(vad).feed(heard.astype(np.int16), 0)
    assert len(readings) > 30
    assert max(reading.probability for reading in readings) < 0.5


def test_shared_sounds_cannot_be_changed() -> None:
    with pytest.raises(ValueError, match="read-only"):
        earcon("muted")[0] = 1
