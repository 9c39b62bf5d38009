"""What is set, as whoever looks on sees it."""

import json
from datetime import UTC, date

from device.skills.journal import MemoryState
from device.skills.timer_list import MOST, timers_json
from device.skills.timer_records import Alarm, Now
from device.skills.timers import TimerBook

NOON = 1_795_262_400.0  # 2026-11-21 12:00 UTC


def test_the_next_one_first_and_paused_ones_last() -> None:
    book, now = TimerBook(MemoryState(), zone=UTC), Now(NOON, 50.0)
    assert timers_json(book, now) == []
    book.set_timer(now, 600, "pasta")
    paused = book.set_timer(now, 60)
    book.pause(now, paused)
    book.set_alarm(now, Alarm(0, "", 12, 5, day=date(2026, 11, 21)))
    book.set_alarm(now, Alarm(0, "work", 7, 0, days=(0, 1, 2, 3, 4)))
    later = Now(NOON + 100, 150.0)
    listed = timers_json(book, later)
    assert [(each["kind"], each["label"], each["left_s"], each["running"]) for each in listed] == [
        ("alarm", "12:05 PM alarm", 200.0, True),
        ("timer", "pasta timer", 500.0, True),
        ("alarm", "work alarm", 154_700.0, True),
        ("timer", "1 minute timer", 60.0, False),
    ]
    json.dumps(listed)


def test_a_snoozed_one_is_listed_and_a_ringing_one_is_not() -> None:
    book, now = TimerBook(MemoryState(), zone=UTC), Now(NOON, 50.0)
    book.set_timer(now, 10, "tea")
    due = Now(NOON + 10, 60.0)
    assert [ring.label for ring in book.due(due)] == ["tea timer"]
    assert timers_json(book, due) == []
    book.snooze(due)
    (again,) = timers_json(book, due)
    assert (again["kind"], again["label"], again["left_s"]) == ("snoozed", "tea timer", 540.0)


def test_no_more_than_anybody_looks_at() -> None:
    book, now = TimerBook(MemoryState(), zone=UTC), Now(NOON, 50.0)
    for number in range(MOST + 5):
        book.set_timer(now, 1000 + number, "x")
    assert len(timers_json(book, now)) == MOST
