"""Old sessions go on purpose; the newest never do, whatever the clock says."""

import sqlite3
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from device.errors import SessionError
from device.session import SessionStore, TurnCommitted
from device.session.forgetting import ALWAYS_KEPT, prune
from device.session.journal import Journal
from device.session.turn_audio import audio_folder, kept_audio

NOW = datetime.fromisoformat("2026-06-01T12:00:00+00:00")


def begun(path: Path, *days_ago: float) -> SessionStore:
    """One session for each, in this order; each with a turn."""
    store = SessionStore.open(path)
    for _ in days_ago:
        with store.begin("assistant") as recorder:
            recorder.commit_turn(TurnCommitted(1, "Hello.", 0.9, 0, 1, 2, "silence"))
    with sqlite3.connect(path) as db:
        for session, days in enumerate(days_ago, 1):
            at = (NOW - timedelta(days=days)).isoformat()
            db.execute("UPDATE session SET started_at = ? WHERE id = ?", (at, session))
    return store


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "sessions.db"


def test_old_sessions_go_with_all_that_is_theirs(path: Path) -> None:
    store = begun(path, 100, 91, 89, *[1] * ALWAYS_KEPT)
    folder = audio_folder(path)
    folder.mkdir()
    for name in ("1-1.flac", "3-1.flac"):
        (folder / name).touch()
    assert prune(store, 90, now=NOW) == (1, 2)
    assert [s.id for s in store.sessions()] == list(range(3, 4 + ALWAYS_KEPT))
    assert store.turns(1) == store.events(1) == []
    assert [s for s, _, _ in kept_audio(folder)] == [3]
    assert prune(store, 90, now=NOW) == ()


def test_a_power_cut_on_the_way_leaves_no_audio_without_its_session(path: Path) -> None:
    """Nobody would ever find it again: only what is in the record can be forgotten."""
    store = begun(path, 100, 100, *[1] * ALWAYS_KEPT)
    folder = audio_folder(path)
    folder.mkdir()
    for name in ("1-1.flac", "1-2.part"):
        (folder / name).touch()
    with sqlite3.connect(path) as db:
        db.execute("CREATE TRIGGER cut BEFORE DELETE ON session BEGIN SELECT RAISE(ABORT, 'the plug is pulled'); END")
    with pytest.raises(SessionError, match="the plug is pulled"):
        prune(store, 90, now=NOW)
    assert list(folder.iterdir()) == []
    assert [s.id for s in store.sessions()][:2] == [1, 2]
    with sqlite3.connect(path) as db:
        db.execute("DROP TRIGGER cut")
    assert prune(store, 90, now=NOW) == (1, 2)


def test_zero_days_keep_everything(path: Path) -> None:
    assert prune(begun(path, *[10_000] * (ALWAYS_KEPT + 5)), 0, now=NOW) == ()


def test_the_newest_stay_however_old_they_are_said_to_be(path: Path) -> None:
    store = begun(path, *[20_000] * (ALWAYS_KEPT + 3))  # a board without a clock, in 1971
    assert prune(store, 90, now=NOW) == (1, 2, 3)
    assert len(store.sessions()) == ALWAYS_KEPT


def test_a_wrong_clock_between_right_ones_loses_nothing(path: Path) -> None:
    store = begun(path, 80, 20_000, 79, *[1] * ALWAYS_KEPT)
    assert prune(store, 90, now=NOW) == ()


def test_timers_outlive_the_session_that_set_them(path: Path) -> None:
    store = begun(path, *[1] * ALWAYS_KEPT)
    with store.begin("assistant") as recorder:
        Journal(recorder).state("timers").put("tea", 1)
    store = SessionStore.open(path)
    assert len(prune(store, 1, now=NOW + timedelta(days=9999))) == 1
    for _ in range(ALWAYS_KEPT + 1):
        store.begin("assistant").close()
    assert 21 in prune(store, 1, now=NOW + timedelta(days=9999))
    with store.begin("assistant") as recorder:
        assert Journal(recorder).state("timers").get("tea") == 1


def test_too_long_a_record_loses_its_oldest_and_no_more_than_it_must(path: Path) -> None:
    store = SessionStore.open(path)
    for _ in range(ALWAYS_KEPT + 30):
        with store.begin("assistant") as recorder:
            for number in range(1, 11):
                recorder.commit_turn(TurnCommitted(number, "x" * 10_000, 0.9, 0, 1, 2, "silence"))
    assert store.used_bytes() > 5_000_000
    assert prune(store, 90, keep_mb=50) == ()
    gone = prune(store, 90, keep_mb=4)
    assert gone == tuple(range(1, len(gone) + 1))
    assert 3_500_000 < store.used_bytes() <= 4_000_000
    assert store.turns(gone[-1] + 1)
    assert len(prune(store, 90, keep_mb=1)) == 30 - len(gone), "the newest stay, however long"
    assert [s.id for s in store.sessions()] == list(range(31, 51))
