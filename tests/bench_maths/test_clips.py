"""Cuts and joins of recordings: as long as was asked, without clicks, and no speech where none may be."""

import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

sys.path.append(str(Path(__file__).resolve().parents[2]))

from bench.clips import dictated, dip, extended, joined, quietest, room_noise, with_pause
from bench.options import Utterance
from device.audio.measure import block_rms, speech_blocks
from device.errors import UsageError
from models.protocols import Int16s

RATE = 16_000


def tone(seconds: float, amplitude: float, hz: float = 200.0) -> np.ndarray:
    t = np.arange(round(seconds * RATE)) / RATE
    return amplitude * np.sin(2 * np.pi * hz * t) * np.minimum(1, np.minimum(t, t[::-1]) / 0.01)


def room(seconds: float, level: float, seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, level, round(seconds * RATE))


def clip(*parts: np.ndarray, noise: float = 20.0) -> Int16s:
    dry = np.concatenate(parts)
    return np.rint(dry + room(len(dry) / RATE, noise)).astype(np.int16)


def two_words() -> Utterance:
    """0.4 s of room, a word of 0.8 s, 80 ms of almost nothing, a word of 0.8 s, 0.5 s of room."""
    pcm = clip(np.zeros(6400), tone(0.8, 8000), np.zeros(1280), tone(0.8, 6000), np.zeros(8000))
    return Utterance("two words", "two words", pcm, 6400 + 2 * 12_800 + 1280)


def jump(pcm: Int16s) -> int:
    return int(np.max(np.abs(np.diff(pcm.astype(np.int64)))))


def test_more_room_is_as_loud_as_the_room_and_no_speech() -> None:
    said = two_words()
    longer = extended(said.pcm, 1.2)
    assert len(longer) == len(said.pcm) + 19_200
    assert np.array_equal(longer[: len(said.pcm) - 320], said.pcm[:-320])
    made = block_rms(longer[len(said.pcm) :])
    assert 14 < made.mean() < 28  # 20 in the room
    assert not speech_blocks(longer)[len(said.pcm) // 160 :].any()
    assert jump(longer[len(said.pcm) - 1000 :]) <= 1.5 * jump(said.pcm[-4000:]), "a click at the seam"


def test_room_noise_has_no_rhythm() -> None:
    """A loop of 120 ms would be as like itself after 120 ms as it is now."""
    noise = room_noise(two_words().pcm, 32_000).astype(np.float64)
    for lag in (480, 960, 1920, 3840):
        alike = np.corrcoef(noise[:-lag], noise[lag:])[0, 1]
        assert abs(alike) < 0.5, lag


def test_a_clip_that_is_all_voice_gets_a_quiet_room() -> None:
    voice = np.rint(tone(0.4, 9000)).astype(np.int16)
    assert block_rms(np.rint(room_noise(voice, 16_000)).astype(np.int16)).max() < 0.03 * block_rms(voice).max()


def test_digital_silence_is_no_room_where_there_is_one() -> None:
    pcm = np.concatenate((np.zeros(8000, np.int16), clip(np.zeros(8000))))
    assert block_rms(quietest(pcm)).min() > 5


@given(st.integers(0, 5000), st.floats(0.0, 1.5), st.integers(0, 3))
@settings(max_examples=40, deadline=None)
def test_any_clip_can_be_made_longer(samples: int, seconds: float, seed: int) -> None:
    pcm = np.rint(room(samples / RATE, 300, seed)).astype(np.int16)
    assert len(extended(pcm, seconds)) == len(pcm) + round(seconds * RATE)


def test_joined_parts_keep_their_power() -> None:
    parts = [np.rint(room(0.2, 500, seed)).astype(np.int16) for seed in range(5)]
    out = joined(parts)
    assert len(out) == 5 * 3200 - 4 * 320
    rms = block_rms(out)
    assert rms.min() > 0.75 * 500
    assert rms.max() < 1.3 * 500


def test_the_dip_lies_between_the_words() -> None:
    said = two_words()
    assert 6400 + 12_800 <= dip(said.pcm, 6400, said.speech_end) < 6400 + 12_800 + 1280


def test_a_word_that_is_too_short_to_hesitate_in() -> None:
    pcm = clip(np.zeros(3200), tone(0.5, 8000), np.zeros(3200))
    with pytest.raises(UsageError, match="too short"):
        dip(pcm, 3200, 3200 + 8000)


@pytest.mark.parametrize("seconds", [0.3, 0.8, 1.2])
def test_a_pause_is_as_long_as_asked_and_empty(seconds: float) -> None:
    said = two_words()
    paused = with_pause(said, seconds)
    ((first, end),) = paused.pauses
    assert end - first == round(seconds * RATE)
    assert len(paused.utterance.pcm) == len(said.pcm) + end - first
    assert paused.utterance.speech_end == said.speech_end + end - first
    active = speech_blocks(paused.utterance.pcm)
    assert not active[first // 160 + 4 : end // 160 - 4].any()
    assert active[end // 160 + 10 : paused.utterance.speech_end // 160 - 5].all()
    assert np.array_equal(paused.utterance.pcm[-8000:], said.pcm[-8000:])
    assert jump(paused.utterance.pcm) <= 1.1 * jump(said.pcm)


def digits(*texts: str) -> list[Utterance]:
    return [Utterance(t, t, np.rint(tone(0.3, 5000, 150 + 40 * n)).astype(np.int16), 4800) for n, t in enumerate(texts)]


def test_dictated_digits_stand_where_the_pauses_say() -> None:
    number = dictated(digits("four", "two", "one"), [0.3, 1.2])
    assert number.utterance.text == "four two one"
    assert [round((end - first) / RATE, 3) for first, end in number.pauses] == [0.3, 1.2]
    active = speech_blocks(number.utterance.pcm)
    for first, end in number.pauses:
        assert not active[first // 160 + 4 : end // 160 - 4].any()
        assert active[first // 160 - 10 : first // 160 - 4].all()
        assert active[end // 160 + 4 : end // 160 + 10].all()
    assert not active[number.utterance.speech_end // 160 + 4 :].any()
    assert jump(number.utterance.pcm) <= 1.2 * max(jump(d.pcm) for d in digits("a", "b", "c"))


def test_digits_and_pauses_must_fit() -> None:
    with pytest.raises(ValueError, match="2 pauses for 2 digits"):
        dictated(digits("one", "two"), [0.3, 0.4])
