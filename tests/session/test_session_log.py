"""The log: what is in it, that the quick view says the same, and what older files get for one."""

import sqlite3
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from old_files import old_file

from device.dialogue import events as ev
from device.session import SessionStore, StoredEvent
from device.session.from_events import Scribe
from device.session.records import Logged
from device.session.schema import VERSION

S = 16_000


def turn(number: int, text: str, heard: str = "It is") -> list[ev.Event]:
    at = number * 10 * S
    return [
        ev.SpeechStart(at, number, at - 100),
        ev.Partial(at + 5000, number, "What", "What"),
        ev.Partial(at + 9000, number, "What time", "What"),  # within the second
        ev.Partial(at + 22_000, number, "What time is", "What time"),
        ev.EndPoint(at + 30_000, number, "wait", 200.0, 0.5, "open", 300.0),
        ev.SpeechEnd(at + 32_000, number, at + 28_000),
        ev.Final(at + 33_000, number, text, 0.87, 120.0),
        ev.Commit(at + 33_000, number, text, "complete"),
        ev.StateChange(at + 33_000, number, "thinking"),
        ev.LlmFirstToken(at + 34_000, number),
        ev.PlayoutStart(at + 35_000, number),
        ev.Interrupted(at + 40_000, number, at + 39_000, "It is noon.", heard),
    ]


def session_of(path: Path, events: list[ev.Event]) -> SessionStore:
    store = SessionStore.open(path)
    with store.begin("assistant") as recorder:
        scribe = Scribe(recorder)
        for event in events:
            scribe.on_event(event)
    return store


def types(events: list[StoredEvent]) -> list[str]:
    return [event.type for event in events]


def test_a_conversation_is_there_in_order_and_without_what_comes_by_the_dozen(tmp_path: Path) -> None:
    store = session_of(
        tmp_path / "s.db",
        [
            ev.StateChange(0, 0, "idle"),
            ev.Mute(10, 0, True),
            *turn(1, "What time is it?"),
            ev.Asked(S, 1, "cancel_order", {"order": 4219}, "Cancel order 4219?"),
            ev.Settled(2 * S, 2, 1, "yes"),
            ev.Controlled(3 * S, 2, "stop"),
            ev.Degraded(3 * S, 2, 1, ("partials",), "slow"),
            ev.CardLost(4 * S, 2, "unplugged"),
            ev.Failure(5 * S, 2, "llm", "out of memory"),
        ],
    )
    log = store.events(1)
    told = ["mute", "speech_start", "partial", "partial", "speech_end", "final", "commit", "playout_start"]
    told += ["interrupted", "asked", "settled", "controlled", "degraded", "card_lost", "error"]
    assert types(log) == ["session_begun", *told, "session_ended"]
    assert [event.seq for event in log] == list(range(1, len(log) + 1))
    by_type = {event.type: event for event in log}
    assert [e.content["text"] for e in log if e.type == "partial"] == ["What", "What time is"]
    assert by_type["commit"].content == {"text": "What time is it?", "reason": "complete"}
    assert by_type["commit"].sample == 10 * S + 33_000
    assert by_type["interrupted"].content["heard"] == "It is"
    assert by_type["asked"].content["arguments"] == {"order": 4219}
    assert by_type["session_ended"].content == {"ending": "done"}
    assert all(event.at.endswith("+00:00") for event in log)


def test_a_retracted_word_is_logged_at_once_and_a_talker_does_not_fill_the_disk(tmp_path: Path) -> None:
    partials: list[ev.Event] = [ev.Partial(100, 1, "a", "a"), ev.Partial(200, 1, "b", "", retracted=1)]
    partials += [ev.Partial(300 + n * S, 1, f"word {n}", "") for n in range(1, 200)]
    log = session_of(tmp_path / "s.db", partials).events(1)
    assert [e.content["text"] for e in log[1:3]] == ["a", "b"]
    assert types(log).count("partial") == 30


def test_json_that_is_none_is_a_gap_and_not_the_end(tmp_path: Path) -> None:
    log = session_of(tmp_path / "s.db", [ev.Asked(1, 1, "x", {"when": object()}, "?"), ev.Mute(2, 1, True)]).events(1)
    assert types(log) == ["session_begun", "asked", "mute", "session_ended"]
    assert "not JSON" in log[1].content["lost"]


@settings(max_examples=25, deadline=None)
@given(
    st.lists(st.tuples(st.text(max_size=20), st.text(max_size=20), st.booleans()), max_size=4),
    st.lists(st.integers(0, 60), max_size=6),
)
def test_the_quick_view_says_what_the_log_says(
    tmp_path_factory: pytest.TempPathFactory, said: list[tuple[str, str, bool]], left_out: list[int]
) -> None:
    events: list[ev.Event] = []
    for number, (text, heard, ended) in enumerate(said, 1):
        events += [e for e in turn(number, text, heard) if ended or not isinstance(e, ev.Interrupted)]
    kept = [event for index, event in enumerate(events) if index not in left_out]
    store = session_of(tmp_path_factory.mktemp("log") / "s.db", kept)
    log = store.events(1)
    commits = {e.turn: e.content["text"] for e in log if e.type == "commit"}
    heard_of = {e.turn: e.content["heard"] for e in log if e.type == "interrupted" and e.turn in commits}
    turns = store.turns(1)
    assert {t.committed.number: t.committed.user_text for t in turns} == commits
    assert {t.committed.number: t.finished.reply_heard for t in turns if t.finished} == heard_of


def test_what_is_by_the_way_waits_for_company_and_is_written_all_the_same(tmp_path: Path) -> None:
    store = SessionStore.open(tmp_path / "s.db")
    recorder = store.begin("assistant")
    recorder.write(Logged("2026-05-01T10:00:00.000+00:00", 1, 0, "mute", "{}"), soon=False)
    assert recorder.flush(20.0)
    assert types(store.events(recorder.session_id)) == ["session_begun", "mute"]
    recorder.close()


@pytest.mark.parametrize("version", range(1, VERSION))
def test_an_older_file_gets_a_log_of_what_is_known(tmp_path: Path, version: int) -> None:
    path = tmp_path / "old.db"
    old_file(path, version)
    before = SessionStore.existing(path)
    assert before.events(1) == before.calls(1) == []
    assert [s.id for s in before.sessions()] == [1, 2]
    turns = before.turns(2)
    store = SessionStore.open(path)
    assert store.turns(2) == turns
    told = ["final", "commit", "interrupted", "commit"]
    assert types(store.events(1)) == ["session_begun", *told, "session_ended"]
    assert types(store.events(2)) == ["session_begun", *told]
    log = store.events(2)
    assert [e.seq for e in log] == [1, 2, 3, 4, 5]
    assert log[2].at == "2026-05-01T10:00:02.500+00:00"
    assert log[4].content["text"] == "And\0 now?"
    assert SessionStore.open(path).events(2) == log, "once is enough"
    with sqlite3.connect(path) as db:
        assert db.execute("PRAGMA user_version").fetchone() == (VERSION,)
        assert db.execute("PRAGMA foreign_key_check").fetchall() == []


def test_a_clock_that_jumps_back_does_not_turn_the_order(tmp_path: Path) -> None:
    store = SessionStore.open(tmp_path / "s.db")
    with store.begin("assistant") as recorder:
        for at in ("2030-01-01T00:00:00.000+00:00", "1970-01-01T00:00:00.000+00:00"):
            recorder.write(Logged(at, None, 0, "mute", "{}"))
    assert [e.at[:4] for e in store.events(1)][1:3] == ["2030", "1970"]
