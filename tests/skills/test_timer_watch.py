"""The thread that rings in time, on clocks of its own."""

import threading
from zoneinfo import ZoneInfo

import pytest

from device.skills.journal import MemoryState
from device.skills.timer_records import Now, Ring
from device.skills.timer_watch import TimerWatch, clocks
from device.skills.timers import MAX_RING_S, TimerBook


class Clock:
    """Goes when it is told to."""

    def __init__(self) -> None:
        self.s = 0.0

    def __call__(self) -> Now:
        return Now(1.8e9 + self.s, self.s)


class Ears:
    """What was rung, and a wait for it."""

    def __init__(self) -> None:
        self.heard: list[Ring] = []
        self.silent = threading.Event()
        self.silenced: list[str] = []
        self._more = threading.Condition()

    def on_ring(self, ring: Ring) -> None:
        with self._more:
            self.heard.append(ring)
            self._more.notify_all()

    def on_silence(self, label: str) -> None:
        self.silenced.append(label)
        self.silent.set()

    def wait_for(self, amount: int) -> list[Ring]:
        with self._more:
            assert self._more.wait_for(lambda: len(self.heard) >= amount, 20.0), self.heard
            return self.heard


def watch(clock: Clock, ears: Ears, state: MemoryState | None = None) -> TimerWatch:
    book = TimerBook(state or MemoryState(), zone=ZoneInfo("UTC"))
    return TimerWatch(book, ears.on_ring, ears.on_silence, now=clock, longest_sleep_s=0.01)


def test_it_rings_and_falls_silent() -> None:
    clock, ears = Clock(), Ears()
    with watch(clock, ears) as desk:
        with desk.open() as (book, now):
            book.set_timer(now, 60, "tea")
        assert ears.heard == []
        clock.s = 60
        (ring,) = ears.wait_for(1)
        assert ring.label == "tea timer"
        assert [r.label for r in desk.snooze()] == ["tea timer"]
        assert ears.silent.wait(20.0)
        ears.silent.clear()
        clock.s = 60 + 540
        ears.wait_for(2)
        assert [r.label for r in desk.stop_ringing()] == ["tea timer"]
        assert ears.silent.wait(20.0)
        assert desk.stop_ringing() == []


def test_a_new_timer_wakes_the_thread() -> None:
    ears = Ears()
    book = TimerBook(MemoryState())
    with TimerWatch(book, ears.on_ring, longest_sleep_s=3600) as desk:
        with desk.open() as (there, now):
            there.set_timer(now, 0.05)
        ears.wait_for(1)


def test_a_callback_that_raises_ends_nothing() -> None:
    clock, ears = Clock(), Ears()

    def on_ring(ring: Ring) -> None:
        ears.on_ring(ring)
        raise RuntimeError("no loudspeaker")

    book = TimerBook(MemoryState(), zone=ZoneInfo("UTC"))
    with TimerWatch(book, on_ring, now=clock, longest_sleep_s=0.01) as desk:
        with desk.open() as (there, now):
            there.set_timer(now, 10)
            there.set_timer(now, 20)
        clock.s = 10
        ears.wait_for(1)
        clock.s = 20
        ears.wait_for(2)


def test_a_callback_may_use_the_desk() -> None:
    clock, ears = Clock(), Ears()
    desk: TimerWatch

    def on_ring(ring: Ring) -> None:
        desk.stop_ringing()
        ears.on_ring(ring)

    book = TimerBook(MemoryState(), zone=ZoneInfo("UTC"))
    with TimerWatch(book, on_ring, ears.on_silence, now=clock, longest_sleep_s=0.01) as desk:
        with desk.open() as (there, now):
            there.set_timer(now, 10)
        clock.s = 10
        ears.wait_for(1)
        assert ears.silent.wait(20.0)


def test_a_skill_that_fails_after_it_has_stopped_the_ring() -> None:
    clock, ears = Clock(), Ears()
    with watch(clock, ears) as desk:
        with desk.open() as (book, now):
            book.set_timer(now, 10)
        clock.s = 10
        ears.wait_for(1)
        with pytest.raises(LookupError), desk.open() as (book, now):
            book.stop_ringing(now)
            raise LookupError
        assert ears.silent.is_set()


def test_silent_is_what_rang_and_no_longer_does() -> None:
    clock, ears = Clock(), Ears()
    with watch(clock, ears) as desk:
        with desk.open() as (book, now):
            for name in ("tea", "eggs", "tea"):
                book.set_timer(now, 60, name)
        clock.s = 60
        ears.wait_for(3)
        desk.stop_ringing("eggs timer")
        assert ears.silenced == ["eggs timer"]
        with desk.open() as (book, now):
            book.set_timer(now, 300, "rice")
            book.stop_ringing(now)
        assert ears.silenced == ["eggs timer", "tea timer"]


def test_nobody_comes_and_another_rings_under_the_same_name() -> None:
    """It goes on: the second of two timers of five minutes has rung for two minutes only."""
    clock, ears = Clock(), Ears()
    with watch(clock, ears) as desk:
        with desk.open() as (book, now):
            book.set_timer(now, 60, "tea")
            book.set_timer(now, 180, "tea")
        clock.s = 60
        ears.wait_for(1)
        clock.s = 180
        ears.wait_for(2)
        clock.s = 60 + MAX_RING_S
        assert ears.wait_for(3)[2].kind == "missed"
        assert ears.silenced == []
        clock.s = 180 + MAX_RING_S
        assert ears.wait_for(4)[3].kind == "missed"
        assert ears.silenced == ["tea timer"]


def test_what_was_missed_is_told_until_it_was_heard() -> None:
    clock, state = Clock(), MemoryState()
    with watch(clock, Ears(), state) as desk, desk.open() as (book, now):
        book.set_timer(now, 60, "tea")
    clock.s = 5000
    for _ in range(2):
        ears = Ears()
        with watch(clock, ears, state) as desk:
            (ring,) = ears.wait_for(1)
            assert ring.kind == "missed"
    with watch(clock, Ears(), state) as desk:
        desk.told(ring.id)
    assert set(state.all()) == {"next"}


def test_after_close_nothing_rings() -> None:
    clock, ears = Clock(), Ears()
    desk = watch(clock, ears)
    desk.close()  # never begun
    with watch(clock, ears) as desk, desk.open() as (book, now):
        book.set_timer(now, 5)
    clock.s = 10
    assert ears.heard == []


def test_a_book_that_raises_does_not_end_the_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, ears = Clock(), Ears()
    book = TimerBook(MemoryState(), zone=ZoneInfo("UTC"))
    failed = threading.Event()
    real = book.due

    def due(now: Now) -> list[Ring]:
        if not failed.is_set():
            failed.set()
            raise OverflowError("a date beyond all")
        return real(now)

    monkeypatch.setattr(book, "due", due)
    with TimerWatch(book, ears.on_ring, now=clock, longest_sleep_s=0.01) as desk:
        assert failed.wait(20.0)
        with desk.open() as (there, now):
            there.set_timer(now, 5)
        clock.s = 5
        ears.wait_for(1)


def test_the_clocks_of_this_machine_go_on() -> None:
    first, second = clocks(), clocks()
    assert second.mono_s >= first.mono_s
    assert first.wall_s > 1.7e9
