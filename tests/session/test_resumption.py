"""A conversation that broke off is gone on with; one that ended is over."""

import sqlite3
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from old_files import old_file

from device.dialogue.deeds import Call
from device.dialogue.history import History
from device.session import SessionStore, TurnCommitted, TurnFinished
from device.session.journal import Journal
from device.session.recorder import SessionRecorder
from device.session.resumption import MAX_TURNS, unfinished
from device.session.schema import VERSION
from models.protocols import Message

RATE_HZ = 16_000
AT_THAT_TIME = datetime.fromisoformat("2026-05-01T10:06:00+00:00")


@pytest.fixture
def store(tmp_path: Path) -> SessionStore:
    return SessionStore.open(tmp_path / "sessions.db")


def say(recorder: SessionRecorder, number: int, text: str, heard: str | None, at_s: int = 0) -> None:
    """A turn; `heard` None: the session broke off before its answer had ended."""
    at = at_s * RATE_HZ
    recorder.commit_turn(TurnCommitted(number, text, 0.9, at, at, at, "silence"))
    if heard is not None:
        recorder.finish_turn(TurnFinished(number, heard + " and more", heard, True, at, at))


def killed(recorder: SessionRecorder) -> None:
    """As after a power cut: all turns are there, no farewell is."""
    recorder.close()
    with sqlite3.connect(recorder.path) as db:
        db.execute("UPDATE session SET ended_at = NULL, ending = NULL WHERE id = ?", (recorder.session_id,))


def test_after_a_failure_it_goes_on_with_what_was_heard(store: SessionStore) -> None:
    recorder = store.begin("assistant")
    say(recorder, 1, "My name is Ada.", "Hello Ada")
    say(recorder, 2, "Tell me a story.", "")
    say(recorder, 3, "And then?", None)
    recorder.close(failed=True)
    broken = unfinished(store, "assistant", 600)
    assert broken is not None
    assert broken.session_id == recorder.session_id
    assert broken.messages == (
        Message("user", "My name is Ada."),
        Message("assistant", "Hello Ada"),
        Message("user", "Tell me a story."),
        Message("user", "And then?"),
    )
    history = History("Be brief.", broken.messages)
    assert [m.role for m in history.messages] == ["system", "user", "assistant", "user"]
    assert history.messages[-1].text == "Tell me a story. And then?"
    assert store.latest().ending == "failed"  # type: ignore[union-attr]


def test_a_power_cut_leaves_it_to_be_gone_on_with(store: SessionStore) -> None:
    recorder = store.begin("assistant")
    say(recorder, 1, "Hello.", "Hi.")
    killed(recorder)
    broken = unfinished(store, "assistant", 600)
    assert broken is not None
    assert len(broken.messages) == 2


def test_what_ended_in_order_is_over(store: SessionStore) -> None:
    assert unfinished(store, "assistant", 600) is None
    recorder = store.begin("assistant")
    say(recorder, 1, "Hello.", "Hi.")
    recorder.close(failed=True)
    store.begin("assistant").close()
    assert unfinished(store, "assistant", 600) is None
    assert store.latest().ending == "done"  # type: ignore[union-attr]


def test_another_persona_and_zero_seconds_begin_anew(store: SessionStore) -> None:
    store.begin("assistant").close(failed=True)
    assert unfinished(store, "butler", 600) is None
    assert unfinished(store, "assistant", 0) is None
    assert unfinished(store, "assistant", 600) is not None


@pytest.mark.parametrize(("later_s", "goes_on"), [(-500, True), (0, True), (590, True), (700, False), (-700, False)])
def test_only_for_so_long_after_its_end(store: SessionStore, later_s: int, goes_on: bool) -> None:
    store.begin("assistant").close(failed=True)
    now = datetime.now(UTC) + timedelta(seconds=later_s)
    assert (unfinished(store, "assistant", 600, now) is not None) == goes_on


def test_without_a_farewell_the_last_thing_said_counts(store: SessionStore) -> None:
    recorder = store.begin("assistant")
    say(recorder, 1, "Hello.", "Hi.", at_s=3600)
    killed(recorder)
    begun = datetime.now(UTC)
    assert unfinished(store, "assistant", 600, begun + timedelta(seconds=3600 + 500)) is not None
    assert unfinished(store, "assistant", 600, begun + timedelta(seconds=3600 + 700)) is None
    assert unfinished(store, "assistant", 600, begun) is None


def test_it_may_break_off_again_and_again(store: SessionStore) -> None:
    before = None
    for number in range(4):
        recorder = store.begin("assistant", before.session_id if before else None)
        if number != 2:  # this one broke off at once
            say(recorder, 1, f"Number {number}.", f"Yes, {number}.")
        recorder.close(failed=True)
        before = unfinished(store, "assistant", 600)
        assert before is not None
    assert before is not None
    assert [m.text for m in before.messages if m.role == "user"] == ["Number 0.", "Number 1.", "Number 3."]
    assert store.latest().continues == 3  # type: ignore[union-attr]


def test_it_does_not_grow_without_end(store: SessionStore) -> None:
    recorder = store.begin("assistant")
    for number in range(1, MAX_TURNS + 20):
        say(recorder, number, f"Number {number}.", "Yes.")
    recorder.close(failed=True)
    broken = unfinished(store, "assistant", 600)
    assert broken is not None
    assert len(broken.messages) == 2 * MAX_TURNS
    assert broken.messages[-2].text == f"Number {MAX_TURNS + 19}."


def stamped(recorder: SessionRecorder, **stamps: str) -> None:
    """As if these were its times."""
    with sqlite3.connect(recorder.path) as db:
        for column, stamp in stamps.items():
            db.execute(f"UPDATE session SET {column} = ? WHERE id = ?", (stamp, recorder.session_id))


DAMAGED = ["", "rubbish", "2026-13-45T10:00:00+00:00", "2026-05-01T10:00:00+99:00", "0001-01-01T00:00:00"]


@pytest.mark.parametrize("stamp", DAMAGED)
def test_a_damaged_end_is_long_ago_and_stops_no_start(store: SessionStore, stamp: str) -> None:
    recorder = store.begin("assistant")
    say(recorder, 1, "Hello.", "Hi.")
    recorder.close(failed=True)
    stamped(recorder, ended_at=stamp)
    assert unfinished(store, "assistant", 600) is None


@pytest.mark.parametrize("stamp", DAMAGED)
def test_a_damaged_beginning_is_long_ago_too(store: SessionStore, stamp: str) -> None:
    recorder = store.begin("assistant")
    say(recorder, 1, "Hello.", "Hi.")
    killed(recorder)
    stamped(recorder, started_at=stamp)
    assert unfinished(store, "assistant", 600) is None


@pytest.mark.parametrize(("sample", "rate_hz"), [(2**62, RATE_HZ), (1, 0)])
def test_so_is_a_clock_that_makes_no_time(store: SessionStore, sample: int, rate_hz: int) -> None:
    recorder = store.begin("assistant")
    say(recorder, 1, "Hello.", None)
    killed(recorder)
    with sqlite3.connect(recorder.path) as db:
        db.execute("UPDATE turn SET commit_sample = ?", (sample,))
        db.execute("UPDATE session SET sample_rate_hz = ?", (rate_hz,))
    assert unfinished(store, "assistant", 600) is None


@pytest.mark.parametrize("broke_off", [False, True])
def test_a_time_without_a_zone_is_utc(store: SessionStore, broke_off: bool) -> None:
    recorder = store.begin("assistant")
    say(recorder, 1, "Hello.", "Hi.")
    if broke_off:
        killed(recorder)
        stamped(recorder, started_at="2026-05-01T10:00:00")
    else:
        recorder.close(failed=True)
        stamped(recorder, ended_at="2026-05-01T10:00:00")
    assert unfinished(store, "assistant", 600, AT_THAT_TIME) is not None
    assert unfinished(store, "assistant", 300, AT_THAT_TIME) is None


def test_a_power_cut_before_anything_was_said_leaves_nothing_to_go_on_with(store: SessionStore) -> None:
    """As while the sound card is still waited for."""
    killed(store.begin("assistant"))
    assert unfinished(store, "assistant", 600) is None


def test_unless_it_went_on_with_something_itself(store: SessionStore) -> None:
    first = store.begin("assistant")
    say(first, 1, "Hello.", "Hi.")
    killed(first)
    killed(store.begin("assistant", first.session_id))
    broken = unfinished(store, "assistant", 600)
    assert broken is not None
    assert [m.text for m in broken.messages] == ["Hello.", "Hi."]


def test_or_has_something_left_to_tell(store: SessionStore) -> None:
    first = store.begin("assistant")
    say(first, 1, "Order tea.", None)
    Journal(first).begin_call(Call(1, 0, "order", {}))
    killed(first)
    second = store.begin("assistant")  # a rehearsal: it goes on with nothing
    assert len(Journal(second).undelivered()) == 1
    killed(second)
    assert unfinished(store, "assistant", 600) is not None


def test_a_record_of_the_first_version_is_brought_up(tmp_path: Path) -> None:
    path = tmp_path / "old.db"
    old_file(path, 1)
    again = SessionStore.open(path)
    session = again.session(1)
    assert session is not None
    assert (session.ending, session.continues) == (None, None)
    with sqlite3.connect(path) as db:
        db.execute("DELETE FROM session WHERE id = 2")
    assert unfinished(again, "assistant", 86_400, AT_THAT_TIME) is None, "it has an end, and nothing says: a bad one"
    with sqlite3.connect(path) as db:
        assert db.execute("PRAGMA user_version").fetchone()[0] == VERSION
