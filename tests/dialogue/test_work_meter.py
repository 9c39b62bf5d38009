"""What is measured at the rim: lateness of the microphone, waits in the queues."""

import pytest

from device.dialogue.degrade import Degrade, DegradePolicy
from device.dialogue.events import Degraded
from device.dialogue.work_meter import WorkMeter
from models.protocols import Transcript

BLOCK = 160


class World:
    """A card and a machine: `late_s` after its last sample a block is dealt with."""

    def __init__(self, **policy: float) -> None:
        self.now_s = 1000.0
        self.end_sample = 0
        self.degrade = Degrade(DegradePolicy(**policy))  # type: ignore[arg-type]
        self.work = WorkMeter(self.degrade, clock_s=lambda: self.now_s)

    def run(
        self, seconds: float, late_s: float = 0.004, drift: float = 0.0, lost_s: float = 0.0, *, at_the_ear: bool = True
    ) -> list[Degraded]:
        """`at_the_ear`: it is the ear that is late, or else who takes the blocks from it."""
        out = []
        for _ in range(int(seconds * 100)):
            self.end_sample += BLOCK
            there_s = 1000.0 + lost_s + self.end_sample / 16_000 * (1 + drift)
            waits = late_s < 0.01 or not at_the_ear
            self.now_s = there_s if waits else there_s + late_s
            self.work.read(self.end_sample, self.now_s - (0.009 if waits else 0.0001))
            self.now_s = there_s + late_s
            out += self.work.heard(self.end_sample)
        return out


def test_prompt_blocks_are_not_late() -> None:
    assert World().run(30) == []


@pytest.mark.parametrize("at_the_ear", [True, False])
def test_a_backlog_is_measured_and_recovers(at_the_ear: bool) -> None:
    world = World()
    world.run(5)
    (first, *_) = world.run(2, late_s=0.3, at_the_ear=at_the_ear)
    assert first.level == 1
    assert "300 ms" in first.reason
    assert world.run(60)[-1].level == 0


def test_one_hiccup_is_no_backlog() -> None:
    world = World()
    world.run(5)
    for _ in range(10):
        assert world.run(0.05, late_s=0.5) == []
        assert world.run(0.5) == []


@pytest.mark.parametrize("drift", [100e-6, -100e-6])
def test_a_card_whose_clock_differs_is_not_late(drift: float) -> None:
    assert World().run(3600, drift=drift) == []


def test_samples_that_the_driver_lost_are_no_backlog() -> None:
    """Nor is the time for which a card was gone: the machine's clock went on while the card's stood."""
    world = World()
    world.run(5)
    assert world.run(20, lost_s=0.5) == []
    assert world.run(20, lost_s=30.0) == []


def test_work_that_waits_is_noticed_when_it_is_begun() -> None:
    world = World()
    world.run(1)
    done = []
    for _ in range(2):
        work = world.work.timed("stt", lambda: done.append(1))
        world.run(0.6)
        work()
    (event,) = world.run(0.1)
    assert done == [1, 1]
    assert event.reason.startswith("stt waits 6")


def test_a_decode_that_was_cancelled_says_nothing() -> None:
    world = World()
    for _ in range(10):
        world.work.decoded(Transcript("", 0.0, 3000, 9000, complete=False))
    assert world.run(0.1) == []
    world.work.decoded(Transcript("Yes.", 0.9, 3000, 9000))
    world.work.decoded(Transcript("Yes.", 0.9, 3000, 9000))
    assert world.run(0.1)[0].level == 1


def test_heat_and_the_turn_model_are_passed_on() -> None:
    world = World()
    for _ in range(2):
        world.work.judged(500)
    assert "turn model" in world.run(0.1)[0].reason
    world = World(temperature_c=60)
    for _ in range(2):
        world.work.heat(66.0, throttled=False)
    assert "66" in world.run(0.1)[0].reason
