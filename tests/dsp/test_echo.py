"""The canceller on a room with a known impulse response."""

import threading

import numpy as np
import pytest

from dsp.echo import QUIET_PEAK, EchoCanceller
from dsp.levels import rms_dbfs
from dsp.types import Int16s

RATE = 16_000
ROOM = 0.4 * np.random.default_rng(7).standard_normal(1600) * np.exp(-np.arange(1600) / 300)


def talk(seconds: float, seed: int) -> Int16s:
    """Noise coloured and modulated like syllables."""
    n = int(seconds * RATE)
    noise = np.convolve(np.random.default_rng(seed).normal(0, 3000, n), np.ones(6) / 6, "same")
    return (noise * np.clip(np.sin(2 * np.pi * 3 * np.arange(n) / RATE) + 0.3, 0, 1)).astype(np.int16)


def echo_of(far: Int16s) -> Int16s:
    return np.clip(np.convolve(far.astype(float), ROOM * 0.3)[: len(far)], -32768, 32767).astype(np.int16)


def run(canceller: EchoCanceller, near: Int16s, far: Int16s) -> Int16s:
    blocks = range(0, len(near) // 160 * 160, 160)
    return np.concatenate([canceller.process(near[at : at + 160], far[at : at + 160]) for at in blocks])


def test_echo_goes_away() -> None:
    far = talk(8, 1)
    near = echo_of(far)
    with EchoCanceller() as canceller:
        clean = run(canceller, near, far)
    late = slice(4 * RATE, None)
    assert rms_dbfs(near[late]) - rms_dbfs(clean[late]) > 35


def test_the_first_second_is_not_let_through_either() -> None:
    far = talk(3, 1)
    near = echo_of(far)
    with EchoCanceller() as canceller:
        clean = run(canceller, near, far)
    first = slice(800, RATE)
    assert rms_dbfs(near[first]) - rms_dbfs(clean[first]) > 20


def test_the_near_end_is_untouched_while_nothing_plays() -> None:
    near = np.diff(talk(3, 2), prepend=0).astype(np.int16)  # little below 50 Hz, where the filter has a notch
    with EchoCanceller() as canceller:
        clean = run(canceller, near, np.zeros_like(near))
        delay = canceller.delay_samples
    difference = clean[delay + 8000 :].astype(float) - near[8000 : len(clean) - delay]
    assert 20 * np.log10(np.std(difference) / np.std(near)) < -20
    assert rms_dbfs(clean[delay:]) == pytest.approx(rms_dbfs(near[:-delay]), abs=0.5)


def test_delay_is_what_it_says_in_both_states() -> None:
    near, far = talk(4, 2), talk(4, 1)
    for reference in (np.zeros_like(far), (far // 64).astype(np.int16)):  # silent, and quiet but playing
        with EchoCanceller() as canceller:
            clean = run(canceller, near, reference)
            delay = canceller.delay_samples
        heard = clean[3 * RATE : 4 * RATE - 400].astype(float)
        scores = [float(np.dot(near[3 * RATE - lag : 4 * RATE - 400 - lag], heard)) for lag in range(400)]
        assert int(np.argmax(scores)) == delay


def test_the_user_is_heard_over_the_echo() -> None:
    far = talk(8, 1)
    user = np.zeros_like(far)
    user[6 * RATE :] = talk(2, 5)
    near = (echo_of(far).astype(int) + user).clip(-32768, 32767).astype(np.int16)
    with EchoCanceller() as canceller:
        clean = run(canceller, near, far)
    assert rms_dbfs(clean[6 * RATE :]) > rms_dbfs(user[6 * RATE :]) - 6
    assert rms_dbfs(clean[6 * RATE :]) > rms_dbfs(clean[4 * RATE : 6 * RATE]) + 20


def test_no_jump_when_the_far_end_starts_and_stops() -> None:
    t = np.arange(4 * RATE) / RATE
    near = (8000 * np.sin(2 * np.pi * 300 * t)).astype(np.int16)
    far = np.zeros_like(near)
    far[RATE : 2 * RATE] = 200  # sounds, but is not in the microphone
    with EchoCanceller() as canceller:
        clean = run(canceller, near, far).astype(int)
    assert np.abs(np.diff(clean[800:])).max() < 2 * np.abs(np.diff(near.astype(int))).max()


def test_reset_forgets_the_room() -> None:
    far = talk(6, 1)
    near = echo_of(far)
    with EchoCanceller() as canceller:
        run(canceller, near, far)
        canceller.reset()
        again = run(canceller, near[:1600], far[:1600])
    with EchoCanceller() as fresh:
        first = run(fresh, near[:1600], far[:1600])
    assert abs(rms_dbfs(again) - rms_dbfs(first)) < 12


def test_cancellers_in_threads_share_nothing() -> None:
    """`process` runs without the GIL: several at once must give what one alone gives."""
    far = talk(2, 1)
    near = echo_of(far)

    def alone() -> Int16s:
        with EchoCanceller() as canceller:
            return run(canceller, near, far)

    results: list[Int16s] = []
    threads = [threading.Thread(target=lambda: results.append(alone())) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    expected = alone()
    assert all(np.array_equal(result, expected) for result in results)


def test_wrong_blocks_are_refused() -> None:
    block = np.zeros(160, np.int16)
    with EchoCanceller() as canceller:
        with pytest.raises(ValueError, match="160"):
            canceller.process(block[:159], block)
        with pytest.raises(ValueError, match="160"):
            canceller.process(block, np.zeros((160, 1), np.int16))
        with pytest.raises(TypeError, match="int16"):
            canceller.process(block, block.astype(np.float32))  # type: ignore[arg-type]


def test_closed_is_an_error_not_a_crash() -> None:
    canceller = EchoCanceller()
    canceller.close()
    canceller.close()
    with pytest.raises(RuntimeError, match="closed"):
        canceller.process(np.zeros(160, np.int16), np.zeros(160, np.int16))


@pytest.mark.parametrize("tail_ms", [0, 9, 1001, float("nan")])
def test_impossible_tails_are_refused(tail_ms: float) -> None:
    with pytest.raises(ValueError, match="tail_ms"):
        EchoCanceller(tail_ms)


def test_amplification_is_refused() -> None:
    with pytest.raises(ValueError, match="below 0"):
        EchoCanceller(noise_suppress_db=3)


def test_what_the_filter_alone_left_is_of_the_same_time() -> None:
    """The same samples while nothing plays; while the room is learnt, and 24 dB less of `process`, the same person."""
    far, person = talk(2, 1), talk(4, 5)
    far = np.concatenate((np.zeros(2 * RATE, np.int16), far))
    near = np.clip(person + echo_of(far).astype(int), -32768, 32767).astype(np.int16)
    clean, left = [], []
    with EchoCanceller() as canceller:
        for at in range(0, near.size, 160):
            clean.append(canceller.process(near[at : at + 160], far[at : at + 160]))
            left.append(canceller.linear())
        assert not canceller.adapted
    np.testing.assert_array_equal(np.concatenate(left)[: 2 * RATE], np.concatenate(clean)[: 2 * RATE])
    early = slice(2 * RATE + 800, None)
    assert rms_dbfs(np.concatenate(left)[early]) - rms_dbfs(np.concatenate(clean)[early]) > 20


def far_blocks_until_adapted(near: np.ndarray, far: Int16s) -> int:
    """How many blocks that were no silence the loudspeaker has played when the room is known."""
    sounded = 0
    with EchoCanceller() as canceller:
        for at in range(0, far.size - 159, 160):
            block = far[at : at + 160]
            canceller.process(np.clip(near[at : at + 160], -32768, 32767).astype(np.int16), block)
            sounded += bool(np.abs(block.astype(int)).max() > QUIET_PEAK)
            if canceller.adapted:
                return sounded
    return 1_000_000


def chime_and_answer(person_over_the_chime: float) -> tuple[np.ndarray, Int16s]:
    """Near end without an echo, and far end: 0.4 s, a pause, an answer. Somebody speaks beside the first of them."""
    far = np.concatenate((talk(0.4, 1), np.zeros(RATE, np.int16), talk(4, 2)))
    near = np.random.default_rng(3).normal(0, 4, far.size)
    near[: RATE // 2] += person_over_the_chime * talk(0.5, 5)
    return near, far


def test_headphones_are_known_at_once() -> None:
    assert far_blocks_until_adapted(*chime_and_answer(0.0)) <= 25


def test_who_speaks_into_the_first_sound_is_not_taken_for_a_room_for_long() -> None:
    """On headphones: the voice over a chime is no echo, and 0.5 s of an answer beside which nothing is heard say so."""
    near, far = chime_and_answer(3.0)
    assert 50 <= far_blocks_until_adapted(near, far) <= 40 + 75


@pytest.mark.parametrize("delay_ms", [20, 400])
def test_a_faint_echo_is_learnt_however_late_it_comes(delay_ms: int) -> None:
    """-34 dB: more than headphones leave, and only to be taken for a room that is known once it has been learnt."""
    near, far = chime_and_answer(3.0)
    delay = delay_ms * RATE // 1000
    near[delay:] += 0.02 * far[: far.size - delay]
    assert far_blocks_until_adapted(near, far) >= 120
