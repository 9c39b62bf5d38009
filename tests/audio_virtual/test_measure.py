"""The two rules that turn times are measured by, on made-up sounds and on the recordings they were written for."""

import csv
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from device.audio.files import load_audio
from device.audio.measure import (
    first_audible_sample,
    last_audible_sample,
    speech_end_sample,
    speech_rms,
    speech_start_sample,
)
from models.protocols import Int16s

DATA = Path(__file__).resolve().parents[2].parent / "shared" / "data"
SET_BY_HAND = {"ha_commands_en/add_apples_to_my_Shopping_List.wav", "ha_commands_en/is_the_Front_Door_locked.wav"}


def noise(samples: int, rms: float, seed: int = 0) -> Int16s:
    return (np.random.default_rng(seed).standard_normal(samples) * rms).astype(np.int16)


def silence(samples: int) -> Int16s:
    return np.zeros(samples, np.int16)


def test_burst_in_silence_is_found_with_the_smoothing_around_it() -> None:
    pcm = np.concatenate((silence(16_000), noise(8_000, 3000), silence(16_000)))
    # a mean of five blocks: the burst shows two blocks before it begins and two after it ends
    assert speech_start_sample(pcm) == 16_000 - 320
    assert speech_end_sample(pcm) == 24_000 + 320


def test_burst_in_noise_ends_where_the_noise_takes_over() -> None:
    pcm = noise(40_000, 60)
    pcm[16_000:24_000] += noise(8_000, 3000, seed=1)
    end = speech_end_sample(pcm)
    assert end is not None
    assert abs(end - 24_000) <= 320


@pytest.mark.parametrize(
    "pcm",
    [silence(0), silence(159), silence(16_000), noise(500, 3000), noise(32_000, 3000), np.full(16_000, 900, np.int16)],
    ids=["nothing", "less than a block", "silence", "too short to smooth", "steady noise", "steady level"],
)
def test_nothing_stands_out(pcm: Int16s) -> None:
    assert speech_start_sample(pcm) is None
    assert speech_end_sample(pcm) is None


def test_audible_needs_half_a_percent_of_full_scale() -> None:
    pcm = silence(1600)
    pcm[480:640] = 163  # just below 163.84
    assert first_audible_sample(pcm) is None
    pcm[800:960] = 164
    assert first_audible_sample(pcm) == 800
    assert last_audible_sample(pcm) == 960


def test_audible_search_begins_with_the_first_whole_block() -> None:
    pcm = np.full(1600, 1000, np.int16)
    assert first_audible_sample(pcm, 0) == 0
    assert first_audible_sample(pcm, 1) == 160
    assert first_audible_sample(pcm, 160) == 160
    assert first_audible_sample(pcm, 5000) is None
    assert last_audible_sample(pcm, 5000) is None
    assert first_audible_sample(pcm, -7) == 0


def test_loudest_possible_sample_does_not_overflow() -> None:
    assert first_audible_sample(np.full(160, -32768, np.int16)) == 0


def test_speech_level_leaves_the_pauses_out() -> None:
    burst = noise(16_000, 2000)
    pcm = np.concatenate((silence(32_000), burst, silence(32_000)))
    assert speech_rms(pcm) == pytest.approx(2000, rel=0.1)
    assert speech_rms(pcm, pcm) == pytest.approx(speech_rms(pcm))
    assert speech_rms() == 0.0
    assert speech_rms(silence(1000)) == 0.0
    assert speech_rms(noise(16_000, 500)) == pytest.approx(500, rel=0.05)  # nothing stands out: all of it


@given(st.lists(st.integers(-32768, 32767), max_size=4000), st.integers(-10, 5000))
def test_answers_lie_on_the_grid_and_inside(values: list[int], start: int) -> None:
    pcm = np.array(values, np.int16)
    first, last = first_audible_sample(pcm, start), last_audible_sample(pcm, start)
    assert (first is None) == (last is None)
    if first is not None and last is not None:
        assert max(0, start) <= first < last <= len(pcm)
        assert first % 160 == last % 160 == 0
    begin, end = speech_start_sample(pcm), speech_end_sample(pcm)
    assert (begin is None) == (end is None)
    if begin is not None and end is not None:
        assert 0 <= begin < end <= len(pcm)


@pytest.mark.shared
def test_rule_gives_the_ends_of_the_turn_list() -> None:
    listing = DATA / "turns.tsv"
    if not listing.exists():
        pytest.skip(f"{listing} is not here")
    with listing.open(newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
    off = {}
    for row in rows:
        end = speech_end_sample(load_audio(DATA / row["file"]))
        assert end is not None, row["file"]
        deviation_ms = end / 16 - float(row["speech_end"]) * 1000
        if abs(deviation_ms) > 10.0:
            off[row["file"]] = deviation_ms
    assert set(off) <= SET_BY_HAND, off
