"""A run under supervision: the thread, a real socket, and parts that hang."""

import queue
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from manager_socket import ManagerSocket

from device.card import CardStats
from device.notify import ServiceManager
from device.supervised import Supervised
from device.watchdog import Watchdog, WatchPolicy

LOOK_S, STALE_S = 0.01, 0.5


class FakeRun:
    """Assistant and card in one: each part goes on with every look, until it is told to hang."""

    name = "a card"

    def __init__(self) -> None:
        self.hanging: set[str] = set()
        self.lost = False
        self._counts = {"card": 0, "ear": 0, "conversation": 0}

    def _next(self, part: str) -> int:
        if part not in self.hanging and not (self.lost and part in ("card", "ear")):
            self._counts[part] += 1
        return self._counts[part]

    @property
    def heard_samples(self) -> int:
        return 160 * self._next("ear")

    @property
    def beats(self) -> int:
        return self._counts["conversation"]

    def beat(self) -> None:
        self._next("conversation")

    def stats(self) -> CardStats:
        return CardStats(self._next("card"), 0, 0, 0, 0)


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[ManagerSocket]:
    with ManagerSocket(tmp_path) as made:
        yield made


def supervised(manager: ManagerSocket, run: FakeRun, headline: str = "listening") -> Supervised:
    return Supervised(
        ServiceManager(str(manager.path), watchdog_s=0.04),
        run,
        run,
        headline=lambda: headline,
        watchdog=Watchdog(WatchPolicy(STALE_S)),
        look_s=LOOK_S,
    )


def test_ready_alive_and_ended_in_order(manager: ManagerSocket) -> None:
    with supervised(manager, FakeRun()):
        assert manager.wait_for("READY")["STATUS"] == "listening"
        manager.wait_for("WATCHDOG", "1")
        manager.wait_for("WATCHDOG", "1")
    manager.wait_for("STOPPING", "1")
    assert manager.take() is None, "nothing is told behind the end"


@pytest.mark.parametrize("part", ["ear", "conversation"])
def test_not_ready_before_it_hears_and_answers(manager: ManagerSocket, part: str) -> None:
    run = FakeRun()
    run.hanging.add(part)
    with supervised(manager, run):
        assert manager.take(10 * LOOK_S) is None
        run.hanging.clear()
        manager.wait_for("READY")


@pytest.mark.parametrize(
    ("part", "name"), [("card", "the sound card"), ("ear", "the ear"), ("conversation", "the conversation")]
)
def test_what_hangs_is_named_and_ends_it_at_once(manager: ManagerSocket, part: str, name: str) -> None:
    run = FakeRun()
    with supervised(manager, run):
        manager.wait_for("WATCHDOG", "1")
        run.hanging.add(part)
        assert name in manager.wait_for("WATCHDOG", "trigger")["STATUS"]
        assert manager.take(10 * LOOK_S) is None, "a run that hangs is alive no longer"


def test_a_card_that_is_looked_for_is_no_hang_but_a_conversation_that_hangs_meanwhile_is(
    manager: ManagerSocket,
) -> None:
    run = FakeRun()
    with supervised(manager, run):
        manager.wait_for("READY")
        run.lost = True
        for _ in range(int(3 * STALE_S / LOOK_S / 4)):
            assert manager.wait_for("WATCHDOG")["WATCHDOG"] == "1"
        run.hanging.add("conversation")
        status = manager.wait_for("WATCHDOG", "trigger")["STATUS"]
        assert "conversation" in status
        assert "card" not in status


def test_one_that_blocks_whoever_asks_is_not_called_alive(manager: ManagerSocket) -> None:
    """The watchdog's own thread hangs: nothing is told any more, and systemd's own time runs out."""
    run = FakeRun()
    gate = threading.Event()
    blocked: queue.Queue[bool] = queue.Queue()

    def stats() -> CardStats:
        blocked.put(True)
        gate.wait(30)
        return CardStats(1, 0, 0, 0, 0)

    with supervised(manager, run):
        manager.wait_for("WATCHDOG", "1")
        run.stats = stats  # type: ignore[method-assign]
        blocked.get(timeout=30)
        while manager.take():
            pass
        assert manager.take(20 * LOOK_S) is None
        gate.set()


def test_without_a_service_manager_there_is_no_thread() -> None:
    before = threading.active_count()
    run = FakeRun()
    with Supervised(ServiceManager(), run, run, headline=lambda: ""):
        assert threading.active_count() == before


def test_an_end_that_is_a_reload_is_no_end_of_the_service(manager: ManagerSocket) -> None:
    run = FakeRun()
    with Supervised(
        ServiceManager(str(manager.path), watchdog_s=0.04), run, run, headline=lambda: "", goes_on=lambda: True,
        look_s=LOOK_S,
    ):  # fmt: skip
        manager.wait_for("READY")
    while manager.take() is not None:
        pass
    assert not any("STOPPING" in message for message in manager.messages)
