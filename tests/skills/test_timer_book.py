"""Timers and alarms: what rings when, across restarts, clocks that jump, and the nights when clocks change."""

import logging
import time
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from builtin_kit import BERLIN, World
from hypothesis import example, given, settings
from hypothesis import strategies as st

from device.skills.journal import MemoryState
from device.skills.skill import SkillError
from device.skills.timer_records import Alarm, Now, next_time
from device.skills.timers import LATE_S, MAX_RING_S, MOST, SETTLING_S, TimerBook


def alarm(hour: int, minute: int = 0, *, day: date | None = None, days: tuple[int, ...] = (), name: str = "") -> Alarm:
    return Alarm(0, name, hour, minute, day, days)


def kinds(rings: list[Any]) -> list[tuple[str, str]]:
    return [(ring.kind, ring.label) for ring in rings]


@pytest.fixture
def world() -> World:
    return World()


def test_a_timer_rings_once_when_it_is_over(world: World) -> None:
    world.book.set_timer(world.now, 600, "pasta")
    assert world.pass_time(599) == []
    (ring,) = world.pass_time(1)
    assert (ring.kind, ring.text) == ("timer", "Your pasta timer is done.")
    assert world.pass_time(5) == []
    assert [r.label for r in world.book.ringing] == ["pasta timer"]
    assert [r.label for r in world.book.stop_ringing(world.now)] == ["pasta timer"]
    assert (world.book.ringing, world.book.timers(world.now), world.book.next_due_s(world.now)) == ([], [], None)
    assert dict(world.state.all()).keys() == {"next"}, "nothing of it is left on disk"


def test_the_next_one_first(world: World) -> None:
    for seconds in (300, 60, 180):
        world.book.set_timer(world.now, seconds)
    assert [t.label for t in world.book.timers(world.now)] == ["1 minute timer", "3 minute timer", "5 minute timer"]
    assert world.book.next_due_s(world.now) == 60
    assert kinds(world.pass_time(200)) == [("timer", "1 minute timer"), ("timer", "3 minute timer")]


def test_a_paused_timer_waits(world: World) -> None:
    timer = world.book.set_timer(world.now, 100)
    world.pass_time(40)
    world.book.pause(world.now, timer)
    assert world.book.next_due_s(world.now) is None
    world.pass_time(1000)
    world.restart(off_s=500)
    (timer,) = world.book.timers(world.now)
    assert timer.left_s(world.now) == 60
    world.book.resume(world.now, timer)
    assert world.pass_time(59) == []
    assert len(world.pass_time(1)) == 1


def test_time_is_added_and_taken(world: World) -> None:
    timer = world.book.set_timer(world.now, 100)
    world.book.add_time(world.now, timer, 50)
    with pytest.raises(SkillError, match="less time left"):
        world.book.add_time(world.now, timer, -150)
    assert world.pass_time(149) == []
    assert len(world.pass_time(1)) == 1


def test_snooze_rings_again_under_the_same_name(world: World) -> None:
    world.book.set_timer(world.now, 60)
    world.pass_time(60)
    world.book.snooze(world.now, 300)
    assert world.book.ringing == []
    assert world.book.timers(world.now) == [], "a snoozed one is no timer that somebody has set"
    world.restart(off_s=100)
    assert world.pass_time(199) == []
    assert kinds(world.pass_time(1)) == [("timer", "1 minute timer")]


@pytest.mark.parametrize(("after_s", "again"), [(9, ["timer"]), (11, [])])
def test_what_was_just_stopped_can_yet_be_put_off(world: World, after_s: float, again: list[str]) -> None:
    """A button silences a ring before anybody can say "snooze"."""
    world.book = TimerBook(world.state, zone=BERLIN, snoozable_s=10)
    world.book.set_timer(world.now, 60, "tea")
    world.pass_time(60)
    world.book.stop_ringing(world.now)
    world.pass_time(after_s)
    assert [ring.kind for ring in world.book.snooze(world.now, 300)] == again
    assert world.book.snooze(world.now, 300) == [], "once"
    assert [ring.kind for ring in world.pass_time(300)] == again


def test_what_rings_is_put_off_before_what_was_stopped(world: World) -> None:
    world.book = TimerBook(world.state, zone=BERLIN, snoozable_s=10)
    world.book.set_timer(world.now, 60, "tea")
    world.book.set_timer(world.now, 65, "eggs")
    world.pass_time(60)
    world.book.stop_ringing(world.now)
    world.pass_time(5)
    assert kinds(world.book.snooze(world.now, 300)) == [("timer", "eggs timer")]


def test_one_of_two_that_ring(world: World) -> None:
    for name in ("tea", "eggs", "rice"):
        world.book.set_timer(world.now, 60, name)
    world.pass_time(60)
    assert kinds(world.book.stop_ringing(world.now, "tea timer")) == [("timer", "tea timer")]
    assert kinds(world.book.snooze(world.now, 300, "eggs timer")) == [("timer", "eggs timer")]
    assert world.book.stop_ringing(world.now, "tea timer") == []
    assert kinds(world.book.ringing) == [("timer", "rice timer")]


def test_nobody_is_there(world: World) -> None:
    world.book.set_timer(world.now, 60, "tea")
    world.pass_time(60)
    assert world.book.next_due_s(world.now) == MAX_RING_S
    (missed,) = world.pass_time(MAX_RING_S)
    assert (missed.kind, missed.text) == ("missed", "Your tea timer ended at 2:31 PM.")
    assert world.book.ringing == []
    world.restart(off_s=10)
    assert kinds(world.pass_time(0)) == [("missed", "tea timer")], "until it is known to have been heard"
    world.book.told(missed.id)
    world.restart(off_s=10)
    assert world.pass_time(0) == []


@pytest.mark.parametrize(("off_s", "kind"), [(100.0, "timer"), (160.0 + LATE_S - 1, "timer"), (100_000.0, "missed")])
def test_the_power_was_off_when_it_was_due(world: World, off_s: float, kind: str) -> None:
    world.book.set_timer(world.now, 160, "pasta")
    world.restart(off_s=off_s)
    rings = world.pass_time(60 if off_s == 100 else 0)
    assert kinds(rings) == [(kind, "pasta timer")]


def test_the_power_goes_while_it_rings(world: World) -> None:
    world.book.set_timer(world.now, 60, "pasta")
    world.pass_time(60)
    world.restart(off_s=30)
    assert kinds(world.pass_time(0)) == [("timer", "pasta timer")]
    world.restart(off_s=LATE_S)
    assert kinds(world.pass_time(0)) == [("missed", "pasta timer")]


def test_a_timer_does_not_care_for_the_wall_clock(world: World) -> None:
    world.book.set_timer(world.now, 600)
    world.put_clock(timedelta(hours=5))
    assert world.pass_time(300) == []
    world.put_clock(timedelta(days=-400))
    assert world.pass_time(299) == []
    assert len(world.pass_time(1)) == 1


def test_after_a_step_the_disk_has_the_right_end(world: World) -> None:
    world.book.set_timer(world.now, 600)
    world.put_clock(timedelta(hours=5))
    world.pass_time(100)
    world.restart(off_s=100)
    assert world.pass_time(399) == []
    assert len(world.pass_time(1)) == 1


def test_a_board_without_a_clock_of_its_own(world: World) -> None:
    """It comes up with the time of its last shutdown; the network tells it the right one a minute later."""
    world.book.set_timer(world.now, 3600, "roast")
    world.pass_time(60)
    world.restart(off_s=0)  # off for half an hour, and does not know it
    assert world.pass_time(60) == []
    world.put_clock(timedelta(minutes=30))
    (timer,) = world.book.timers(world.now)
    assert timer.left_s(world.now) == pytest.approx(3600 - 60 - 60 - 1800)


def test_later_steps_are_not_believed(world: World) -> None:
    world.book.set_timer(world.now, 3600)
    world.restart(off_s=10)
    world.pass_time(0)
    world.pass_time(SETTLING_S + 1)
    world.put_clock(timedelta(hours=3))
    assert world.pass_time(10) == []
    (timer,) = world.book.timers(world.now)
    assert timer.left_s(world.now) == pytest.approx(3600 - 10 - SETTLING_S - 11)


def test_a_clock_that_is_behind_makes_no_timer_longer(world: World) -> None:
    world.book.set_timer(world.now, 300)
    world.put_clock(timedelta(0))
    world.restart(off_s=-7200)
    (timer,) = world.book.timers(world.now)
    assert timer.left_s(world.now) == 300


def test_an_alarm_rings_once_on_its_day(world: World) -> None:
    world.book.set_alarm(world.now, alarm(7, day=date(2026, 3, 11)))
    assert world.book.next_due_s(world.now) == 16.5 * 3600
    assert world.pass_time(16.5 * 3600 - 1) == []
    (ring,) = world.pass_time(1)
    assert (ring.kind, ring.text) == ("alarm", "This is your 7 AM alarm.")
    world.book.stop_ringing(world.now)
    assert world.book.alarms(world.now) == []
    assert world.pass_time(86_400) == []


def test_every_weekday(world: World) -> None:
    world.book.set_alarm(world.now, alarm(6, 30, days=(0, 1, 2, 3, 4)))
    rung = []
    for _ in range(24 * 14):
        if world.pass_time(3600 / 2) or world.pass_time(3600 / 2):
            rung.append((world.wall.day, world.wall.weekday()))
            world.book.stop_ringing(world.now)
    assert [weekday for _, weekday in rung] == [2, 3, 4, 0, 1, 2, 3, 4, 0, 1]


def test_off_for_weeks_is_told_once(world: World) -> None:
    world.book.set_alarm(world.now, alarm(7, days=tuple(range(7))))
    world.restart(off_s=30 * 86_400)
    assert kinds(world.pass_time(0)) == [("missed", "7 AM alarm")]
    ((_, at),) = world.book.alarms(world.now)
    assert world.book.local(at) == datetime(2026, 4, 10, 7)


@pytest.mark.parametrize(("jump", "expected"), [
    (timedelta(hours=16, minutes=35), [("alarm", "7 AM alarm")]),
    (timedelta(hours=20), [("missed", "7 AM alarm")]),
])  # fmt: skip
def test_the_clock_jumps_over_an_alarm(world: World, jump: timedelta, expected: list[tuple[str, str]]) -> None:
    world.book.set_alarm(world.now, alarm(7, day=date(2026, 3, 11)))
    world.pass_time(1)
    world.put_clock(jump)
    assert kinds(world.pass_time(1)) == expected
    assert world.pass_time(1) == []


def test_an_alarm_that_rang_by_a_wrong_clock_rings_again(world: World) -> None:
    world.book.set_alarm(world.now, alarm(16, day=date(2026, 3, 10)))
    world.pass_time(1)
    world.put_clock(timedelta(hours=1.5))
    assert len(world.pass_time(1)) == 1
    world.book.stop_ringing(world.now)
    world.put_clock(-timedelta(hours=1.5))
    assert world.pass_time(1) == []
    assert kinds(world.pass_time(1.5 * 3600)) == [("alarm", "4 PM alarm")]


def test_a_trimmed_clock_rings_nothing_twice(world: World) -> None:
    world.book.set_alarm(world.now, alarm(15, day=date(2026, 3, 10)))
    assert len(world.pass_time(1800)) == 1
    world.book.stop_ringing(world.now)
    world.put_clock(timedelta(seconds=-20))
    assert world.pass_time(60) == []


def test_a_restart_with_a_clock_that_is_behind_rings_nothing_twice(world: World) -> None:
    world.book.set_alarm(world.now, alarm(15, days=tuple(range(7))))
    assert len(world.pass_time(1800)) == 1
    world.book.stop_ringing(world.now)
    world.restart(off_s=-3600)
    assert world.pass_time(3600) == []


@pytest.mark.parametrize(("zone", "day", "at", "rings"), [
    ("Europe/Berlin", date(2026, 3, 29), (2, 30), "2026-03-29T01:30+00:00"),  # 2:30 does not exist: 3:30
    ("Europe/Berlin", date(2026, 10, 25), (2, 30), "2026-10-25T00:30+00:00"),  # twice: the first
    ("America/New_York", date(2026, 3, 8), (2, 0), "2026-03-08T07:00+00:00"),
    ("America/New_York", date(2026, 11, 1), (1, 59), "2026-11-01T05:59+00:00"),
    ("Australia/Lord_Howe", date(2026, 10, 4), (2, 15), "2026-10-03T15:45+00:00"),  # half an hour is skipped
])  # fmt: skip
def test_the_nights_when_clocks_change(zone: str, day: date, at: tuple[int, int], rings: str) -> None:
    for repeated in (False, True):
        one = alarm(*at, days=(day.weekday(),)) if repeated else alarm(*at, day=day)
        one.handled_s = datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(zone)).timestamp() - 3600
        assert next_time(one, ZoneInfo(zone)) == datetime.fromisoformat(rings).timestamp()


@pytest.mark.parametrize(("day", "rings"), [
    (date(2026, 3, 29), "2026-03-29T01:30+00:00"), (date(2026, 10, 25), "2026-10-25T00:30+00:00"),
])  # fmt: skip
def test_the_same_in_the_zone_of_the_machine(monkeypatch: pytest.MonkeyPatch, day: date, rings: str) -> None:
    with monkeypatch.context() as patch:
        patch.setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3")
        time.tzset()
        at = next_time(alarm(2, 30, day=day), None)
    time.tzset()
    assert at == datetime.fromisoformat(rings).timestamp()


def test_once_in_the_night_that_has_the_hour_twice() -> None:
    world = World(datetime(2026, 10, 25, 0, 0, tzinfo=BERLIN))
    world.book.set_alarm(world.now, alarm(2, 30, days=tuple(range(7))))
    rung = 0
    for _ in range(8 * 12):
        rung += len(world.pass_time(300))
        world.book.stop_ringing(world.now)
    assert rung == 1


def test_too_many(world: World) -> None:
    for _ in range(MOST):
        world.book.set_timer(world.now, 60)
        world.book.set_alarm(world.now, alarm(7, day=date(2026, 3, 11)))
    with pytest.raises(SkillError, match="timers already"):
        world.book.set_timer(world.now, 60)
    with pytest.raises(SkillError, match="alarms already"):
        world.book.set_alarm(world.now, alarm(7, days=(1,)))


class FullDisk(MemoryState):
    full = False

    def put(self, name: str, value: Any) -> None:
        if self.full:
            raise SkillError("The disk is full.")
        super().put(name, value)


def test_a_full_disk_refuses_what_is_new_and_rings_what_is_set() -> None:
    state, now = FullDisk(), Now(1.8e9, 10.0)
    book = TimerBook(state, zone=BERLIN)
    timer = book.set_timer(now, 60)
    state.full = True
    with pytest.raises(SkillError, match="full"):
        book.set_timer(now, 30)
    with pytest.raises(SkillError, match="full"):
        book.pause(now, timer)
    later = Now(now.wall_s + 60, now.mono_s + 60)
    assert kinds(book.due(later)) == [("timer", "1 minute timer")]


@pytest.mark.parametrize("value", [
    None, 3, "x", [], {}, {"id": 1}, {"id": "a", "name": "", "length_s": 5, "due_wall_s": 1, "paused_s": None},
    {"id": 1, "name": "", "length_s": 5, "due_wall_s": float("nan"), "paused_s": None, "snoozed": "", "of_s": None},
    {"id": 1, "name": "", "hour": 25, "minute": 0, "day": None, "days": [1], "handled_s": 0},
    {"id": 1, "name": "", "hour": 5, "minute": 0, "day": None, "days": [9], "handled_s": 0},
    {"id": 1, "name": "", "hour": 5, "minute": 0, "day": None, "days": [], "handled_s": 0},
    {"id": 1, "kind": "bell", "name": "", "length_s": 0, "at_s": 1, "began_s": 1, "missed": False},
])  # fmt: skip
def test_what_cannot_be_read_is_left_out(value: Any, caplog: pytest.LogCaptureFixture) -> None:
    class Odd(MemoryState):
        def all(self) -> dict[str, Any]:
            good = {"id": 4, "name": "tea", "length_s": 60.0, "due_wall_s": None, "paused_s": 30.0, "snoozed": "",
                    "of_s": None}  # fmt: skip
            return {"timer:1": value, "alarm:1": value, "ring:1": value, "next": value, "else": value, "timer:4": good}

    with caplog.at_level(logging.WARNING):
        book = TimerBook(Odd(), zone=BERLIN)
    assert [t.label for t in book.timers(Now(1.8e9, 1.0))] == ["tea timer"]
    assert "cannot be read" in caplog.text
    assert book.set_timer(Now(1.8e9, 1.0), 5).id > 4


def test_an_alarm_that_cannot_be_worked_out_silences_no_other(world: World, caplog: pytest.LogCaptureFixture) -> None:
    for hour in (14, 15):
        world.book.set_alarm(world.now, alarm(hour, 31, days=(1,)))
    in_no_year = -1e11  # Unix seconds, before any calendar
    world.state.put("alarm:1", {**world.state.get("alarm:1"), "handled_s": in_no_year})
    world.restart()
    world.book.set_timer(world.now, 60, "tea")
    assert [each.id for each, _ in world.book.alarms(world.now)] == [2]
    assert world.book.next_due_s(world.now) == 60
    assert kinds(world.pass_time(60)) == [("timer", "tea timer")]
    world.book.stop_ringing(world.now)
    assert kinds(world.pass_time(3600)) == [("alarm", "3:31 PM alarm")]
    assert caplog.text.count("alarm 1 does not ring") == 1, "once, not at every look"


#: What may happen: time passes, the clock is put, the power goes, somebody stops what rings.
_EVENTS = st.one_of(
    st.tuples(st.just("pass"), st.integers(1, 7200)),
    st.tuples(st.just("jump"), st.integers(-50_000, 50_000)),
    st.tuples(st.just("restart"), st.integers(0, 50_000)),
    st.tuples(st.just("stop"), st.just(0)),
)


@settings(max_examples=150, deadline=None)
@given(st.lists(_EVENTS, max_size=25), st.integers(60, 40_000))
def test_no_timer_is_lost_and_none_rings_early(events: list[tuple[str, int]], length_s: int) -> None:
    """By the time that has really passed, a timer that was not stopped has rung or was told as missed."""
    world = World()
    world.book.set_timer(world.now, length_s)
    passed, stepped, rung = 0.0, False, 0
    for kind, amount in events:
        if kind == "pass":
            rings = world.pass_time(amount)
            passed += amount
            rung += len([r for r in rings if r.kind == "timer" or not rung])
            assert not rings or passed >= length_s or stepped
        elif kind == "jump":
            world.put_clock(timedelta(seconds=amount))
            world.book.due(world.now)
            stepped = True
        elif kind == "restart":
            world.restart(off_s=amount)
            passed += amount
        elif world.book.stop_ringing(world.now):
            assert world.book.timers(world.now) == []
            return
    world.pass_time(length_s + 50_000 * (len(events) + 1))
    assert world.book.timers(world.now) == []


# it rings, the clock is put back behind its time, and the power goes while it still rings
@example(events=[("jump", -27001), ("pass", 1), ("jump", -300), ("restart", 0)], daily=True)
@settings(max_examples=150, deadline=None)
@given(st.lists(_EVENTS, max_size=25), st.booleans())
def test_no_alarm_is_lost_and_none_rings_hours_late(events: list[tuple[str, int]], daily: bool) -> None:
    world = World()
    one = alarm(7, days=tuple(range(7))) if daily else alarm(7, day=date(2026, 3, 11))
    world.book.set_alarm(world.now, one)
    told = 0

    def hear(rings: list[Any]) -> int:
        for ring in rings:
            if ring.kind == "alarm":
                seven = world.wall.replace(hour=7, minute=0, second=0)
                assert 0 <= (world.wall - seven).total_seconds() <= LATE_S
        return len(rings)

    for kind, amount in events:
        if kind == "pass":
            told += sum(hear(world.pass_time(300)) for _ in range(amount // 300 + 1))
        elif kind == "jump":
            world.put_clock(timedelta(seconds=amount))
            told += hear(world.book.due(world.now))
        elif kind == "restart":
            world.restart(off_s=amount)
            told += hear(world.book.due(world.now))
        else:
            world.book.stop_ringing(world.now)
    coming = world.book.alarms(world.now)
    assert all(at > world.now.wall_s for _, at in coming)
    assert told or world.wall < datetime(2026, 3, 11, 7, tzinfo=BERLIN), "it is past its time, and nobody was told"
    assert coming or told
    assert len(coming) == 1 or not daily
