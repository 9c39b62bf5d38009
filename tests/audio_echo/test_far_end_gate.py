"""The gate that turns down what is left while only the loudspeaker speaks."""

import numpy as np
import pytest

from device.audio.far_end_gate import SHUT_DB, SHUTTING_DB, FarEndGate
from device.audio.frontend import FrontEnd, PassThrough
from device.card import Block, Span

LOUD = np.full(160, 10_000, np.int16)


def test_an_open_gate_changes_no_sample() -> None:
    assert FarEndGate().process(LOUD, shut=False) is LOUD


def test_it_shuts_in_steps_and_no_further_than_its_depth() -> None:
    gate = FarEndGate()
    ends = [int(gate.process(LOUD, shut=True)[-1]) for _ in range(int(SHUT_DB / SHUTTING_DB) + 5)]
    assert ends[0] == pytest.approx(10_000 * 10 ** (-SHUTTING_DB / 20), abs=1)
    assert ends == sorted(ends, reverse=True)
    assert ends[-1] == pytest.approx(10_000 * 10 ** (-SHUT_DB / 20), abs=1)


def test_it_opens_within_a_block_without_a_step() -> None:
    gate = FarEndGate()
    for _ in range(50):
        gate.process(LOUD, shut=True)
    opening = gate.process(LOUD, shut=False).astype(int)
    assert opening[-1] == 10_000
    assert np.abs(np.diff(opening)).max() < 60  # 10,000 less 12 dB, to 10,000, in 160 equal steps
    assert gate.process(LOUD, shut=False) is LOUD


def test_reset_opens_it() -> None:
    gate = FarEndGate()
    for _ in range(50):
        gate.process(LOUD, shut=True)
    gate.reset()
    assert gate.process(LOUD, shut=False) is LOUD


def level_db(pcm: np.ndarray) -> float:
    return float(10 * np.log10(np.mean(pcm.astype(np.float64) ** 2) + 1e-9))


def test_the_recogniser_hears_less_of_the_echo_than_the_detector_and_a_person_whole() -> None:
    """A loudspeaker that distorts: what the linear filter cannot take away."""
    rng = np.random.default_rng(3)
    far = rng.normal(0, 3000, 16_000 * 8).astype(np.int16)
    echo = 0.5 * np.clip(far, -2500, 2500) + 1.2e-5 * far.astype(np.float64) ** 2
    person = np.zeros(far.size)
    person[16_000 * 6 :] = rng.normal(0, 4000, 16_000 * 2)
    mic = np.clip(echo + person, -32768, 32767).astype(np.int16)
    words, detector = [], []
    with FrontEnd() as ear:
        for at in range(0, far.size, 160):
            words.append(ear.process(Block(at, mic[at : at + 160], far[at : at + 160], Span(0, 0), at)))
            detector.append(ear.for_detector)
    alone, over = slice(16_000 * 4, 16_000 * 6), slice(16_000 * 6 + 1600, 16_000 * 7)
    said, heard = np.concatenate(words), np.concatenate(detector)
    assert level_db(heard[alone]) - level_db(said[alone]) == pytest.approx(SHUT_DB, abs=1.5)
    np.testing.assert_array_equal(said[over], heard[over])


def test_until_the_room_is_known_the_recogniser_hears_what_the_detector_must_not() -> None:
    rng = np.random.default_rng(4)
    far = rng.normal(0, 3000, 16_000 * 6).astype(np.int16)
    person = rng.normal(0, 2000, far.size)
    person[16_000 * 3 :] = 0
    mic = np.clip(0.4 * far + person, -32768, 32767).astype(np.int16)
    words, detector, known = [], [], []
    with FrontEnd() as ear:
        for at in range(0, far.size, 160):
            words.append(ear.process(Block(at, mic[at : at + 160], far[at : at + 160], Span(0, 0), at)))
            detector.append(ear.for_detector)
            known.append(ear.knows_the_room)
    learnt = known.index(True)
    assert learnt > 100
    early, at_change = slice(50 * 160, learnt * 160), slice((learnt - 1) * 160, (learnt + 2) * 160)
    said, heard = np.concatenate(words), np.concatenate(detector)
    assert level_db(said[early]) == pytest.approx(level_db(person[early]), abs=3)
    assert level_db(heard[early]) < level_db(said[early]) - 20
    assert level_db(said[at_change]) == pytest.approx(level_db(person[at_change]), abs=6)


def test_a_card_that_cancels_by_itself_has_no_gate() -> None:
    ear = PassThrough()
    assert ear.process(Block(0, LOUD, LOUD, Span(0, 0), 0)) is LOUD
    assert ear.for_detector is LOUD
