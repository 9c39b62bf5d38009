"""A conversation on a machine that is behind: what it goes without, and that it answers all the same."""

import itertools

import pytest
from virtual_rim import MS, VirtualRim

from device.dialogue import events as ev
from device.dialogue.commands import Decode, Reply, Warm
from device.dialogue.conversation import Policy

LONG = "Please tell me now what the very old capital of the wide country of France is."


def degraded(level: int) -> VirtualRim:
    """A long question at this level, for as long as the machine stays behind."""
    rim = VirtualRim(answers=["Paris."] * 9, policy=Policy(turn_model=False))
    rim.say(1000, 9472, LONG)
    sample = 0
    while rim.talk.degrade.level < level:
        rim.talk.degrade.ear_late(sample, 300)
        sample += 1600
    return rim.run(18_000)


def partials(rim: VirtualRim) -> list[int]:
    return [t for t, c in rim.commands if isinstance(c, Decode) and c.effort == "partial" and t < 9472 * MS]


@pytest.mark.parametrize("level", range(5))
def test_it_is_answered_at_every_level(level: int) -> None:
    rim = degraded(level)
    assert [e.text for e in rim.of(ev.Commit)] == [LONG]
    assert [e.heard for e in rim.of(ev.PlayoutEnd)] == ["Paris."]


def test_partials_are_thinned_first() -> None:
    gaps = [min(b - a for a, b in itertools.pairwise(partials(degraded(level)))) / MS for level in (0, 1, 2)]
    interval = Policy().listening.partial_interval_ms
    assert gaps == [interval, 2 * interval, 4 * interval]


@pytest.mark.parametrize(("level", "ahead"), [(2, True), (3, False)])
def test_then_nothing_is_prepared_before_the_end(level: int, ahead: bool) -> None:
    rim = degraded(level)
    (commit,) = rim.of(ev.Commit)
    (asked,) = [t for t, c in rim.commands if isinstance(c, Reply)]
    assert (asked < commit.sample) is ahead
    if not ahead:
        assert not [t for t, c in rim.commands if isinstance(c, Warm) and 1000 * MS < t < commit.sample]


@pytest.mark.parametrize(("level", "effort"), [(3, "final"), (4, "partial")])
def test_at_last_nothing_is_listened_to_twice(level: int, effort: str) -> None:
    last = [c.effort for t, c in degraded(level).commands if isinstance(c, Decode)][-1]
    assert last == effort
