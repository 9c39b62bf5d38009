"""A microphone that delivers what no microphone hears."""

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from device.audio.mic_health import Cured, MicHealth, Trouble
from models.protocols import Int16s

RATE_HZ = 16_000


def room(seconds: float, level_db: float = -60.0, seed: int = 0) -> Int16s:
    noise = np.random.default_rng(seed).standard_normal(round(seconds * RATE_HZ)) * 32768 * 10 ** (level_db / 20)
    out: Int16s = np.clip(np.rint(noise), -32768, 32767).astype(np.int16)
    return out


def constant(seconds: float, value: int) -> Int16s:
    return np.full(round(seconds * RATE_HZ), value, np.int16)


def told(*parts: Int16s, block: int = 160) -> list[tuple[str, str, float]]:
    """(kind, trouble or cured, when in s) over the parts one after the other."""
    health = MicHealth()
    pcm = np.concatenate(parts)
    news: list[Trouble | Cured] = []
    for at in range(0, pcm.size, block):
        news += health.feed(pcm[at : at + block], at)
    return [(n.kind, type(n).__name__, n.sample / RATE_HZ) for n in news]


def kinds(found: Sequence[tuple[str, str, float]]) -> list[tuple[str, str]]:
    return [(kind, what) for kind, what, _ in found]


def test_a_room_is_no_trouble() -> None:
    assert told(room(60.0)) == []


def test_zeros_are_told_after_three_seconds_and_once() -> None:
    found = told(room(2.0), constant(20.0, 0), room(5.0))
    assert kinds(found) == [("silent", "Trouble"), ("silent", "Cured")]
    assert 5.0 < found[0][2] <= 5.3
    assert 22.9 <= found[1][2] <= 23.2


def test_zeros_for_less_are_a_pause_of_the_driver() -> None:
    assert told(room(2.0), constant(2.8, 0), room(2.0), constant(2.8, 0), room(2.0)) == []


def test_one_bit_of_noise_is_a_living_microphone() -> None:
    pcm = constant(20.0, 0)
    pcm[::800] = 1
    assert told(pcm) == []


@pytest.mark.parametrize("value", [1, -300, 32_767, -32_768])
def test_one_value_is_stuck(value: int) -> None:
    found = told(room(1.0), constant(5.0, value), room(3.0))
    assert kinds(found) == [("stuck", "Trouble"), ("stuck", "Cured")]


def test_a_large_offset_is_stuck_even_with_noise_on_it() -> None:
    assert kinds(told(room(5.0) + np.int16(12_000))) == [("stuck", "Trouble")]
    assert told(room(5.0) + np.int16(500)) == []


def test_from_zeros_to_one_value_is_another_trouble() -> None:
    found = kinds(told(constant(4.0, 0), constant(4.0, 77)))
    assert found == [("silent", "Trouble"), ("silent", "Cured"), ("stuck", "Trouble")]


def test_clipping_is_a_share_of_the_samples() -> None:
    loud = np.clip(room(6.0, -3.0).astype(int) * 2, -32768, 32767).astype(np.int16)
    found = told(room(6.0), loud, room(8.0))
    assert kinds(found) == [("clipping", "Trouble"), ("clipping", "Cured")]
    assert 6.0 < found[0][2] < 7.0
    assert 16.0 < found[1][2] < 18.0


def test_a_slammed_door_is_no_clipping() -> None:
    bang = constant(0.03, 32_767)
    assert told(room(6.0), bang, room(3.0), -bang, room(6.0)) == []


@pytest.mark.parametrize("change_db", [25.0, -25.0])
def test_a_swapped_source_is_told_after_half_a_minute(change_db: float) -> None:
    found = told(room(60.0, -55.0), room(60.0, -55.0 + change_db, seed=1), room(30.0, -55.0))
    assert kinds(found) == [("swapped", "Trouble"), ("swapped", "Cured")]
    assert 80.0 <= found[0][2] <= 100.0
    assert found[1][2] <= 145.0


def test_speech_over_the_room_is_no_swap() -> None:
    """Two minutes of a loud voice, half a second in each second."""
    voice = room(120.0, -60.0)
    for second in range(120):
        voice[second * RATE_HZ : second * RATE_HZ + RATE_HZ // 2] += room(0.5, -25.0, seed=second)
    assert told(room(60.0), voice) == []


def test_a_ventilator_is_no_swap() -> None:
    assert told(room(60.0, -60.0), room(120.0, -46.0)) == []


def test_what_stays_is_usual_in_the_end() -> None:
    found = told(room(40.0, -60.0), room(400.0, -30.0), block=16_000)
    assert kinds(found) == [("swapped", "Trouble"), ("swapped", "Cured")]


def test_a_gap_is_not_silence() -> None:
    """The card was away: the zeros before and after it do not add up."""
    health = MicHealth()
    news = health.feed(constant(2.0, 0), 0) + health.feed(constant(2.0, 0), 10 * RATE_HZ)
    assert news == []
    assert [n.kind for n in health.feed(constant(2.0, 0), 12 * RATE_HZ)] == ["silent"]


@settings(max_examples=25, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from(["room", "zero", "one", "loud"]), st.integers(1, 60)), min_size=1, max_size=8),
    st.integers(20, 4000),
)
def test_every_trouble_is_told_once_before_it_is_over(script: list[tuple[str, int]], block: int) -> None:
    made = {"room": room, "zero": lambda s: constant(s, 0), "one": lambda s: constant(s, 5)}
    parts = [made.get(what, lambda s: room(s, 0.0))(tenths / 10) for what, tenths in script]
    found = told(*parts, block=block)
    ill: set[str] = set()
    for kind, what, _ in found:
        assert (kind in ill) == (what == "Cured")
        ill ^= {kind}
    # whatever the lengths of the blocks, the same is told at the same frames
    assert kinds(found) == kinds(told(*parts))
