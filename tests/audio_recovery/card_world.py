"""A sound card on a fake clock that can be pulled, frozen and stuck; nothing sleeps.

world = World(); card = world.kept(); card.start(); world.unplug(); card.read(1.0)
"""

from collections.abc import Callable

import numpy as np

from device.audio.keeper import KeepPolicy, KeptCard
from device.card import BLOCK_SAMPLES, Block, CardStats, Span
from device.errors import AudioError, NoCardError
from models.protocols import Int16s

BLOCK_S = 0.01
LOST_AFTER_S = 0.5


class FakeCard:
    """Delivers a block each 10 ms of the world's clock; plays one block of its queue with each."""

    rate_hz = 16_000

    def __init__(self, world: "World") -> None:
        self.world = world
        self.name = f"card {len(world.made)}"
        self.generation = world.generation
        self.running = False
        self.stopped = 0
        self._blocks = 0
        self._queued = 0
        self._played = 0
        self._last_s = 0.0
        self.muted = False
        self.volume = 1.0

    def mute(self, muted: bool) -> None:
        self.muted = muted

    def set_volume(self, factor: float) -> None:
        self.volume = factor

    def start(self) -> None:
        if not self.world.present:
            raise NoCardError("it is gone")
        if self.world.busy:
            raise AudioError("it is busy")
        self.began_with = (self.muted, self.volume)
        self.running = True
        self._last_s = self.world.now_s

    def _alive(self) -> bool:
        return self.world.present and not self.world.frozen and self.generation == self.world.generation

    def read(self, timeout_s: float) -> Block | None:
        assert self.running, "read from a card that does not run"
        until_s = self.world.now_s + timeout_s
        while True:
            if self._alive() and self.world.now_s >= self._last_s + BLOCK_S - 1e-9:
                self._last_s += BLOCK_S
                return self._block()
            if self.age_s() > LOST_AFTER_S:
                raise AudioError(f"{self.name} stopped")
            if self.world.now_s >= until_s:
                return None
            self.world.pass_time(min(BLOCK_S / 2, until_s - self.world.now_s))

    def _block(self) -> Block:
        start = self._played
        self._played = min(self._queued, start + BLOCK_SAMPLES)
        sample = self._blocks * BLOCK_SAMPLES
        self._blocks += 1
        silence = np.zeros(BLOCK_SAMPLES, np.int16)
        return Block(sample, silence, silence, Span(start, self._played), sample + BLOCK_SAMPLES)

    def age_s(self) -> float:
        return self.world.now_s - self._last_s

    def play(self, pcm: Int16s) -> Span:
        self._queued += len(pcm)
        return Span(self._queued - len(pcm), self._queued)

    def flush(self) -> None:
        self._played = self._queued

    def stats(self) -> CardStats:
        return CardStats(self._blocks, 1, 2, 3, 4)

    def stop(self) -> None:
        self.stopped += 1
        if self.running and self.world.stuck and not self._alive():
            self.world.left_behind += 1
        self.running = False


class World:
    def __init__(self) -> None:
        self.now_s = 100.0
        self.present, self.busy, self.frozen, self.stuck = True, False, False, False
        self.generation = 0
        self.left_behind = 0
        self.made: list[FakeCard] = []
        self.plans: list[tuple[float, str]] = []  # (when, what) that will happen to the card
        self.do: Callable[[], None] = lambda: None  # what a test adds to that
        self.news: list[tuple[str, int]] = []
        self.back_after_s: list[float] = []

    def pass_time(self, seconds: float) -> None:
        self.now_s += max(seconds, 1e-6)
        while self.plans and self.plans[0][0] <= self.now_s:
            getattr(self, self.plans.pop(0)[1])()

    def unplug(self) -> None:
        self.present = False
        self.generation += 1

    def plug(self) -> None:
        self.present = True

    def free(self) -> None:
        self.busy = False

    def thaw(self) -> None:
        self.frozen = False

    def later(self, seconds: float, what: str) -> None:
        self.plans.append((self.now_s + seconds, what))
        self.plans.sort()

    def open(self) -> FakeCard:
        if not self.present:
            raise NoCardError("no card")
        self.made.append(FakeCard(self))
        return self.made[-1]

    def kept(self, **policy: float) -> KeptCard:
        card = KeptCard(
            self.open(),
            self.open,
            KeepPolicy(**policy),
            clock_s=lambda: self.now_s,
            wait=self.pass_time,
            stuck=lambda: self.left_behind,
        )
        card.watch(
            on_lost=lambda sample, _message: self.news.append(("lost", sample)),
            on_back=lambda sample, lost_s: (self.news.append(("back", sample)), self.back_after_s.append(lost_s)),
        )
        return card
