"""bench/torture.py in its short form, and that its measure would notice a loss."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

sys.path.append(str(Path(__file__).resolve().parents[2] / "bench"))

from torture import Follower, compare_played, noise

ROOT = Path(__file__).resolve().parents[2]
EXPECTED = noise(20_000, 1)


@pytest.mark.usefixtures("alsa_plugin")  # skips where there is nothing to compile it with
def test_not_a_sample_is_lost_while_the_interpreter_is_held() -> None:
    command = [sys.executable, str(ROOT / "bench" / "torture.py"), "--seconds", "5", "--no-models", "--json"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert done.stdout, done.stderr
    found = json.loads(done.stdout)
    if found["driver_xruns"]:  # PortAudio's thread was not run for a whole buffer: no program can make up for that
        pytest.skip(f"the machine is overloaded: {found['driver_xruns']} xruns of the driver")
    assert found["blocks"] >= 500
    assert found["mic_lost_samples"] == found["mic_repeated_samples"] == 0
    assert found["speaker_lost_samples"] == found["speaker_silent_samples"] == found["starved_samples"] == 0
    assert found["overflows"] == found["underflows"] == 0
    assert done.returncode == 0, done.stderr


def test_the_whole_signal_is_whole() -> None:
    follower = Follower(EXPECTED, 7)
    for at in range(7, 10_000, 160):
        follower.feed(EXPECTED[at : at + 160])
    assert (follower.lost, follower.repeated) == (0, 0)


@given(block=st.integers(1, 50), jump=st.integers(-150, 5000).filter(bool))
def test_a_jump_is_counted_to_the_sample(block: int, jump: int) -> None:
    follower, at = Follower(EXPECTED, 0), 0
    for index in range(60):
        if index == block:
            at += jump
            if at < 0:
                return
        follower.feed(EXPECTED[at : at + 160])
        at += 160
    assert (follower.lost, follower.repeated) == (max(0, jump), max(0, -jump))


def test_a_block_that_was_never_said_is_lost() -> None:
    follower = Follower(EXPECTED, 0)
    follower.feed(np.zeros(160, np.int16))
    follower.feed(EXPECTED[160:320])
    assert (follower.lost, follower.repeated) == (160, 0)


@pytest.mark.parametrize(("cut", "silence", "found"), [(0, 0, False), (0, 30, False), (50, 0, True)])
def test_what_was_played_is_compared(cut: int, silence: int, found: bool) -> None:
    whole = EXPECTED[:10_000]
    played = np.concatenate((np.zeros(99, np.int16), whole[:4000], np.zeros(silence, np.int16), whole[4000 + cut :]))
    wrong, gaps = compare_played(played, whole)
    assert (wrong > 0) == found
    assert gaps == silence


def test_a_loudspeaker_that_was_silent_is_noticed() -> None:
    assert compare_played(np.zeros(1000, np.int16), EXPECTED) == (len(EXPECTED), 0)
