"""Is it a person, or what is left of the loudspeaker?"""

import numpy as np
import pytest
from echo_world import blocks, noise, room, talk, through, to_int16

from device.audio.evidence import NearEndEvidence
from device.audio.frontend import FrontEnd, PassThrough
from dsp.echo import EchoPowers
from models.protocols import SAMPLE_RATE_HZ, Int16s

SECOND = 100  # blocks


def verdicts(far: Int16s, mic: Int16s) -> np.ndarray:
    with FrontEnd() as ear:
        out = []
        for block in blocks(far, mic):
            ear.process(block)
            out.append(ear.near_end_likely)
        return np.array(out)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_echo_alone_is_nobody(seed: int) -> None:
    far = talk(10, seed)
    likely = verdicts(far, to_int16(through(far, room(seed, 6)) + noise(far.size)))
    assert likely[20:].mean() < 0.01


def test_a_clipping_loudspeaker_is_nobody_either() -> None:
    far = talk(12, 4, level=8000)
    sound = np.clip(far, -4000, 4000)
    likely = verdicts(far, to_int16(through(sound, room(4, 6)) + noise(far.size)))
    assert likely[5 * SECOND :].mean() < 0.02


@pytest.mark.parametrize("gain", [1.0, 0.5])
def test_somebody_speaks_over_it(gain: float) -> None:
    far = talk(8, 5)
    near = np.zeros(far.size)
    at = 6 * SAMPLE_RATE_HZ
    near[at:] = 0.3 * gain * talk(2, 6)[: near.size - at]
    likely = verdicts(far, to_int16(through(far, room(5, 6)) + near + noise(far.size)))
    assert likely[2 * SECOND : 6 * SECOND].mean() < 0.01
    assert np.flatnonzero(likely[6 * SECOND :])[0] <= 20  # within 200 ms, of which some are the pause of a syllable
    assert likely[6 * SECOND : 7 * SECOND].mean() > 0.5


def test_nothing_is_held_against_a_voice_while_nothing_plays() -> None:
    far = np.zeros(3 * SAMPLE_RATE_HZ, np.int16)
    assert verdicts(far, talk(3, 7)).all()


def test_before_the_room_is_known_nothing_is_evidence() -> None:
    far = talk(1, 8)
    mic = to_int16(through(far, room(8, 6)) + 0.3 * talk(1, 9))
    assert not verdicts(far, mic)[10:60].any()


def test_the_room_changes_under_it() -> None:
    """Other taps from one block to the next: the filter learns again, and the evidence is back to no."""
    far = talk(16, 10)
    half = far.size // 2
    echo = through(far, room(10, 6))
    echo[half:] = through(far, room(11, 9))[half:]
    likely = verdicts(far, to_int16(echo + noise(far.size)))
    assert likely[12 * SECOND :].mean() < 0.02


def test_a_pause_forgets_nothing() -> None:
    far = talk(16, 12)
    far[6 * SAMPLE_RATE_HZ : 10 * SAMPLE_RATE_HZ] = 0
    likely = verdicts(far, to_int16(through(far, room(12, 6)) + noise(far.size)))
    assert likely[7 * SECOND : 10 * SECOND].all()
    assert likely[10 * SECOND + 2 :].mean() < 0.01


def learnt() -> NearEndEvidence:
    """20 dB of echo taken away, in syllables of 0.4 s."""
    evidence = NearEndEvidence()
    for n in range(15 * SECOND):
        loud = 1.0 if n % 60 < 40 else 1e-5
        evidence.feed(EchoPowers(1.0e6 * loud, 1.0e4 * loud, 1.0e6 * loud), sounding=True, adapted=True)
    return evidence


def test_the_leak_is_the_erle_in_bad_moments() -> None:
    evidence = learnt()
    assert evidence.erle_db == pytest.approx(20.0, abs=4.0)
    assert not evidence.feed(EchoPowers(1.0e6, 1.0e4, 1.0e6), sounding=True, adapted=True)
    evidence.reset()
    assert evidence.erle_db == 0.0


def powers(left: float, taken: float, correlation: float) -> EchoPowers:
    return EchoPowers(left + taken + 2 * correlation * (left * taken) ** 0.5, left, taken)


@pytest.mark.parametrize(("correlation", "somebody"), [(0.0, True), (-0.05, True), (-0.3, False), (0.6, False)])
def test_what_hangs_together_with_the_echo_is_the_echo(correlation: float, somebody: bool) -> None:
    """The room has become another one: 17 dB more stays than the leak that was learnt, and nobody has spoken."""
    evidence = learnt()
    loud = powers(0.5e6, 1.0e6, correlation)
    assert any(evidence.feed(loud, sounding=True, adapted=True) for _ in range(30)) == somebody


def test_one_click_is_not_enough_to_be_a_person() -> None:
    """A block as loud as it may be passes for a moment and no longer: no voice detector calls that speech."""
    evidence = learnt()
    evidence.feed(EchoPowers(1.0e8, 1.0e8, 1.0e6), sounding=True, adapted=True)
    after = [evidence.feed(EchoPowers(1.0e6, 1.0e4, 1.0e6), sounding=True, adapted=True) for _ in range(60)]
    assert not any(after[45:])


def test_a_headset_has_no_echo() -> None:
    assert PassThrough().near_end_likely
