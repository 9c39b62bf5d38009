"""What `models.process` says to the runtimes, seen from a process of its own."""

import re

import pytest
from own_process import ran

from models.native import _native
from models.process import spin_turn_ns, spin_turns


def test_blas_does_not_leave_threads_spinning() -> None:
    """Also when numpy, and its OpenBLAS with it, has been loaded long before."""
    script = (
        "import numpy; from threadpoolctl import threadpool_info as info; import models.process;"
        "print({pool['num_threads'] for pool in info() if pool['user_api'] == 'blas'})"
    )
    assert ran(script, OPENBLAS_NUM_THREADS="2").stdout.strip() == "{1}"


def test_libgomp_spins_at_barriers_however_many_threads_there_are() -> None:
    """As libgomp itself has it: its own words on loading, not what was put into the environment."""
    script = "import models.process, ctypes; ctypes.CDLL('libgomp.so.1').omp_get_max_threads()"
    done = ran(script, OMP_DISPLAY_ENV="verbose")
    assert "OMP_WAIT_POLICY = 'ACTIVE'" in done.stderr
    turns = re.search(r"GOMP_SPINCOUNT = '(\d+)'", done.stderr)
    assert turns is not None
    assert 100 <= int(turns[1]) <= 1000


@pytest.mark.parametrize(("ns_a_turn", "turns"), [(40.0, 300), (20.0, 600), (11.5, 1000), (0.5, 1000), (600.0, 100)])
def test_threads_spin_for_a_time_and_not_for_a_number_of_turns(ns_a_turn: float, turns: int) -> None:
    """On a processor with a quick PAUSE 300 turns were 3 us: threads slept 1,900 times in one decode."""
    assert spin_turns(ns_a_turn) == turns


def test_how_long_a_turn_takes_is_measured() -> None:
    """A thousand times as many turns take longer: nothing of the loop was thrown away."""
    few, many = (min(_native.lib.nf_spin_ns(turns) for _ in range(9)) for turns in (1_000, 1_000_000))
    assert many > 20 * few
    assert 0.1 < spin_turn_ns() < 1000


def test_the_environment_has_the_last_word() -> None:
    script = "import models.process, os; print(os.environ['OMP_WAIT_POLICY'], os.environ['GOMP_SPINCOUNT'])"
    assert ran(script, OMP_WAIT_POLICY="passive", GOMP_SPINCOUNT="7").stdout.strip() == "passive 7"


def test_what_is_settled_is_not_looked_at_again_and_garbage_still_is() -> None:
    script = """
import gc, weakref, models.process

class Me:
    def __init__(self):
        self.me = self

before, kept = Me(), Me()
seen = weakref.ref(before)
del before
models.process.settled()
after = Me()
seen_later = weakref.ref(after)
del after
print(seen() is None, gc.get_freeze_count() > 1000, gc.get_count()[2] == 0, len(gc.get_objects()) < 1000)
gc.collect()
print(seen_later() is None, kept.me is kept)
"""
    assert ran(script).stdout.strip() == "True True True True\nTrue True"
