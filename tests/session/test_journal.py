"""Calls are made at most once, what skills keep is kept, and what nobody heard is told after a crash."""

import os
import sqlite3
import subprocess
import sys
import textwrap
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from device.dialogue import events as ev
from device.dialogue.deeds import Call, Outcome, Undelivered
from device.errors import SessionError
from device.session import SessionStore, TurnCommitted, TurnFinished
from device.session.from_events import Scribe
from device.session.journal import Journal
from device.session.owner import alive, this_process
from device.session.recorder import SessionRecorder
from device.session.resumption import unfinished
from device.session.undelivered import MOST
from device.skills.skill import SkillError

ROOT = Path(__file__).resolve().parents[2]
TEA = Call(1, 0, "set_timer", {"seconds": 300})
DONE = Outcome("done", "Timer set for 5 minutes.", '{"id":1}')


@pytest.fixture
def store(tmp_path: Path) -> SessionStore:
    return SessionStore.open(tmp_path / "sessions.db", on_error=lambda _: None)


@pytest.fixture
def recorder(store: SessionStore) -> SessionRecorder:
    return store.begin("assistant")


def commit(recorder: SessionRecorder, number: int, text: str) -> None:
    recorder.commit_turn(TurnCommitted(number, text, 0.9, 0, 1, 2, "silence"))


def finish(recorder: SessionRecorder, number: int, heard: str = "Timer set") -> None:
    recorder.finish_turn(TurnFinished(number, "Timer set for 5 minutes.", heard, False, 3, 4))


def killed(recorder: SessionRecorder) -> None:
    """As after a power cut: all that was written is there, no farewell is."""
    recorder.close()
    with sqlite3.connect(recorder.path) as db:
        db.execute("UPDATE session SET ended_at = NULL, ending = NULL WHERE id = ?", (recorder.session_id,))


def said_after(store: SessionStore) -> list[str]:
    """What the next session has to tell."""
    recorder = store.begin("assistant")
    told = [each.say for each in Journal(recorder).undelivered()]
    recorder.close()
    return told


def test_the_begin_is_on_the_disk_before_the_skill_runs(store: SessionStore, recorder: SessionRecorder) -> None:
    assert Journal(recorder).begin_call(TEA) is None
    (call,) = store.calls(recorder.session_id)  # through another connection
    assert (call.skill, call.arguments, call.status) == ("set_timer", {"seconds": 300}, None)
    assert [e.type for e in store.events(recorder.session_id)] == ["session_begun", "called"]
    recorder.close()


def test_what_came_before_the_call_is_on_the_disk_before_it(store: SessionStore, recorder: SessionRecorder) -> None:
    scribe = Scribe(recorder)
    scribe.on_event(ev.Mute(1, 0, False))
    scribe.on_event(ev.Commit(2, 1, "Set a timer.", "silence"))
    assert Journal(recorder).begin_call(TEA) is None
    assert [e.type for e in store.events(recorder.session_id)] == ["session_begun", "mute", "commit", "called"]
    assert store.turns(recorder.session_id)[0].committed.user_text == "Set a timer."
    recorder.close()


def test_a_call_is_made_once_and_its_outcome_given_again(store: SessionStore, recorder: SessionRecorder) -> None:
    journal = Journal(recorder)
    assert journal.begin_call(TEA) is None
    assert journal.begin_call(TEA).status == "unknown"  # type: ignore[union-attr] # it is in work
    journal.end_call(TEA, DONE)
    assert journal.begin_call(TEA) == DONE
    assert Journal(recorder).begin_call(TEA) == DONE, "from the file, too"
    (call,) = store.calls(recorder.session_id)
    assert (call.status, call.say, call.data) == ("done", DONE.say, DONE.data)
    assert journal.begin_call(Call(1, 1, "set_timer", {"seconds": 300})) is None, "the index makes it another call"
    recorder.close()


def test_many_threads_and_one_of_them_runs_it(recorder: SessionRecorder) -> None:
    journal, runs = Journal(recorder), []
    start = threading.Barrier(8)

    def work() -> None:
        start.wait()
        if journal.begin_call(TEA) is None:
            runs.append(1)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(runs) == 1
    recorder.close()


@pytest.mark.parametrize(
    "other", [Call(1, 0, "delete_all", {"seconds": 300}), Call(1, 0, "set_timer", {"seconds": 301})]
)
def test_the_name_of_another_call_runs_nothing(recorder: SessionRecorder, other: Call) -> None:
    journal = Journal(recorder)
    assert journal.begin_call(TEA) is None
    refused = journal.begin_call(other)
    assert refused is not None
    assert refused.status == "failed"
    assert "was another one: set_timer" in refused.error
    recorder.close()


def test_what_changes_nothing_may_be_asked_again_for_other_words(
    store: SessionStore, recorder: SessionRecorder
) -> None:
    journal = Journal(recorder)
    for words in ("noon", "now"):
        call = Call(1, 0, "clock", {"words": words})
        assert journal.begin_call(call, read_only=True) is None
        journal.end_call(call, Outcome("done", words))
    recorder.close()
    (call_,) = store.calls(1)
    assert (call_.arguments, call_.say) == ({"words": "now"}, "now")


def test_arguments_that_are_no_json_run_nothing(recorder: SessionRecorder) -> None:
    outcome = Journal(recorder).begin_call(Call(1, 0, "x", {"at": float("nan")}))
    assert outcome is not None
    assert outcome.status == "failed"
    recorder.close()


def test_nothing_is_done_when_its_begin_cannot_be_written(store: SessionStore, recorder: SessionRecorder) -> None:
    journal = Journal(recorder)
    other = sqlite3.connect(store.path, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    outcome = journal.begin_call(TEA)
    assert outcome is not None
    assert outcome.status == "failed"
    assert "not done" in outcome.say
    assert "locked" in outcome.error
    with pytest.raises(SkillError, match="cannot write"):
        journal.state("timers").put("tea", 1)
    other.execute("ROLLBACK")
    other.close()
    assert store.calls(recorder.session_id) == [], "it is not written later either"
    assert journal.state("timers").get("tea") is None
    assert journal.begin_call(TEA) is None, "asked again, it is done"
    recorder.close()


def test_a_full_disk_runs_no_call_and_keeps_the_end_of_one(tmp_path: Path) -> None:
    program = textwrap.dedent("""
        import resource, signal, sys
        from pathlib import Path
        from device.dialogue.deeds import Call, Outcome
        from device.session import SessionStore
        from device.session import journal as j
        from device.skills.skill import SkillError
        j.END_TIMEOUT_S = 1.0
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        store = SessionStore.open(Path(sys.argv[1]), lambda text: None)
        recorder = store.begin("assistant")
        journal = j.Journal(recorder)
        first, second = Call(1, 0, "a", {}), Call(1, 1, "b", {})
        assert journal.begin_call(first) is None
        hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
        resource.setrlimit(resource.RLIMIT_FSIZE, (4096, hard))
        journal.end_call(first, Outcome("done", "Done."))
        assert journal.begin_call(first).status == "done"
        print(journal.begin_call(second).status)
        try:
            journal.state("lists").put("shopping", ["milk"])
        except SkillError as error:
            print(error.message)
        resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
        recorder.close()
        print([(call.skill, call.status) for call in store.calls(1)])
    """)
    command = [sys.executable, "-c", program, str(tmp_path / "s.db")]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=120, check=False)
    assert done.stderr.startswith("the end of a call is not written yet: a (")
    assert done.stderr.count("\n") == 1
    assert done.stdout.splitlines() == ["failed", "I cannot write that down.", "[('a', 'done')]"]


def test_a_call_whose_begin_came_too_late_never_ran(
    store: SessionStore, recorder: SessionRecorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The disk answers after the patience is over: the begin is there after all, and so is that nothing was done."""
    ask = recorder.ask
    hold, begun = threading.Event(), threading.Event()

    def impatient(work: Callable[[sqlite3.Connection], object], late: Callable[[], None] | None = None) -> object:
        def held(connection: sqlite3.Connection) -> object:
            begun.set()
            hold.wait(20)
            return work(connection)

        return ask(held, timeout_s=0.2, late=late)

    monkeypatch.setattr(recorder, "ask", impatient)
    outcome = Journal(recorder).begin_call(TEA)
    assert begun.is_set()
    assert outcome is not None
    assert outcome.status == "failed"
    hold.set()
    assert recorder.flush(20.0)
    recorder.close()
    (call,) = store.calls(recorder.session_id)
    assert (call.status, call.error) == ("failed", "the disk took too long")


# --- after a crash --------------------------------------------------------------------------------------------------


def test_a_call_without_an_end_is_told_of_once_and_never_made_again(
    store: SessionStore, recorder: SessionRecorder
) -> None:
    commit(recorder, 1, "Set a timer for five minutes.")
    assert Journal(recorder).begin_call(TEA) is None
    killed(recorder)
    second = store.begin("assistant")
    say = 'I was cut off. I am not sure whether this was done: "Set a timer for five minutes.".'
    assert Journal(second).undelivered() == [Undelivered(0, 0, say)]
    killed(second)  # before it was told
    third = store.begin("assistant")
    assert Journal(third).undelivered() == [Undelivered(0, 0, say)]
    Scribe(third).on_event(ev.Told(100, 0, 7))  # of nothing that is known
    Scribe(third).on_event(ev.Told(100, 0, 0))
    assert third.flush(20.0)
    assert Journal(third).undelivered() == []
    killed(third)
    assert said_after(store) == []
    assert [(call.status, call.told) for call in store.calls(1)] == [("unknown", True)]
    assert [e.type for e in store.events(1)][-1] == "call_ended", "it ends in its own log"


def test_the_question_names_what_a_yes_was_for(store: SessionStore, recorder: SessionRecorder) -> None:
    scribe, cancel = Scribe(recorder), {"order": 4219}
    scribe.on_event(ev.Commit(1, 1, "Cancel my order.", "silence"))
    scribe.on_event(ev.Asked(1, 1, "cancel_order", cancel, "Cancel order 4219?"))
    scribe.on_event(ev.Commit(2, 2, "Yes.", "silence"))
    scribe.on_event(ev.Settled(2, 2, 1, "yes"))
    assert Journal(recorder).begin_call(Call(2, 0, "cancel_order", cancel)) is None
    killed(recorder)
    (say,) = said_after(store)
    assert '"Cancel order 4219?"' in say


@pytest.mark.parametrize(
    ("heard", "ends", "tells"),
    [(None, "kill", True), ("", "kill", True), ("Timer", "kill", False), (None, "done", False)],
)
def test_an_answer_that_was_cut_off_is_told_again(
    store: SessionStore, recorder: SessionRecorder, heard: str | None, ends: str, tells: bool
) -> None:
    journal = Journal(recorder)
    commit(recorder, 1, "Set a timer.")
    journal.begin_call(TEA)
    journal.end_call(TEA, DONE)
    if heard is not None:
        finish(recorder, 1, heard)
    if ends == "kill":
        killed(recorder)
    else:
        recorder.close()
    assert said_after(store) == ([DONE.say] if tells else [])


def test_what_was_promised_is_kept_until_it_is_heard(store: SessionStore, recorder: SessionRecorder) -> None:
    journal, call = Journal(recorder), Call(1, 0, "look_up", {})
    commit(recorder, 1, "Where is my parcel?")
    journal.begin_call(call, read_only=True, aside=True)
    finish(recorder, 1, "I will tell you when I know.")
    journal.end_call(call, Outcome("done", "It comes on Friday."))
    recorder.close()  # in order
    assert said_after(store) == ["It comes on Friday."]


def test_a_promise_that_was_cut_off_is_owned_up_to(store: SessionStore, recorder: SessionRecorder) -> None:
    commit(recorder, 1, "Where is my parcel?")
    Journal(recorder).begin_call(Call(1, 0, "look_up", {}), read_only=True, aside=True)
    killed(recorder)
    assert said_after(store) == ['I was cut off before I knew this: "Where is my parcel?".']


def test_a_result_that_the_conversation_put_aside_waits_too(store: SessionStore, recorder: SessionRecorder) -> None:
    journal = Journal(recorder)
    commit(recorder, 1, "Order it.")
    journal.begin_call(TEA)
    journal.end_call(TEA, DONE)
    Scribe(recorder).on_event(ev.CallEnded(5, 1, 0, "set_timer", "done", DONE.say, "", aside=True))
    finish(recorder, 1, "A moment.")
    recorder.close()
    assert said_after(store) == [DONE.say]


def test_a_result_that_came_behind_its_answer_waits_whoever_put_it_aside(
    store: SessionStore, recorder: SessionRecorder
) -> None:
    """The conversation took "That takes a moment." for the answer; the plug is pulled before it can say so."""
    journal = Journal(recorder)
    commit(recorder, 1, "Order it.")
    journal.begin_call(TEA)
    finish(recorder, 1, "That takes a moment.")
    commit(recorder, 2, "Thanks.")
    journal.end_call(TEA, DONE)
    killed(recorder)
    assert said_after(store) == [DONE.say]


def test_of_very_many_the_newest_are_told_and_the_rest_given_up(store: SessionStore, recorder: SessionRecorder) -> None:
    journal = Journal(recorder)
    for turn in range(1, MOST + 6):
        call = Call(turn, 0, "look_up", {})
        journal.begin_call(call, aside=True)
        journal.end_call(call, Outcome("done", f"Number {turn}."))
    recorder.close()
    newest = [f"Number {turn}." for turn in range(6, MOST + 6)]
    assert said_after(store) == newest
    assert said_after(store) == newest


def test_a_lookup_that_was_cut_off_is_no_news(store: SessionStore, recorder: SessionRecorder) -> None:
    commit(recorder, 1, "What time is it?")
    Journal(recorder).begin_call(Call(1, 0, "clock", {}), read_only=True)
    killed(recorder)
    assert said_after(store) == []


def test_what_a_running_process_does_is_not_taken_from_it(store: SessionStore, recorder: SessionRecorder) -> None:
    Journal(recorder).begin_call(TEA)
    assert alive(this_process())
    assert said_after(store) == []
    assert unfinished(store, "assistant", 600) is None
    recorder.close()


def test_a_process_that_has_ended_is_not_alive() -> None:
    program = "from device.session.owner import this_process; print(this_process(), flush=True); input()"
    process = subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT
    )
    assert process.stdout is not None
    name = process.stdout.readline().strip()
    assert alive(name)
    process.kill()
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)  # dead, and still in the table of processes
    assert not alive(name)
    process.communicate()
    assert not alive(name)
    assert not any(map(alive, (None, "", "x", "a:b:c", f"other-boot:{os.getpid()}:1")))


def test_a_question_waits_again_after_a_crash(store: SessionStore, recorder: SessionRecorder) -> None:
    scribe = Scribe(recorder)
    scribe.on_event(ev.Asked(1, 1, "cancel_order", {"order": 1}, "Cancel order 1?"))
    scribe.on_event(ev.Settled(2, 2, 1, "no"))
    scribe.on_event(ev.Asked(3, 3, "cancel_order", {"order": 2}, "Cancel order 2?"))
    killed(recorder)
    broken = unfinished(store, "assistant", 600)
    assert broken is not None
    assert broken.question is not None
    assert (broken.question.turn, broken.question.arguments) == (3, {"order": 2})
    second = store.begin("assistant", broken.session_id)  # breaks off before it has asked again
    killed(second)
    again = unfinished(store, "assistant", 600)
    assert again is not None
    assert again.question == broken.question
    third = store.begin("assistant", again.session_id)
    Scribe(third).on_event(ev.Settled(1, 1, 3, "dropped"))
    killed(third)
    last = unfinished(store, "assistant", 600)
    assert last is not None
    assert last.question is None


# --- what skills keep -----------------------------------------------------------------------------------------------


def test_state_is_kept_by_group_across_sessions_and_logged(store: SessionStore, recorder: SessionRecorder) -> None:
    timers, lists = Journal(recorder).state("timers"), Journal(recorder).state("lists")
    timers.put("tea", {"rings_at": "12:05", "naïve": [1, None, "🙂 \udce9"]})
    timers.put("an egg", 3)
    lists.put("tea", ["milk"])
    timers.put("gone", 1)
    timers.put("gone", None)
    timers.put("never there", None)
    killed(recorder)
    again = store.begin("assistant")
    state = Journal(again).state("timers")
    assert list(state.all()) == ["an egg", "tea"]
    assert state.get("tea") == {"rings_at": "12:05", "naïve": [1, None, "🙂 ?"]}
    assert state.get("gone") is None
    assert Journal(again).state("lists").all() == {"tea": ["milk"]}
    again.close()
    kept = [e.content for e in store.events(1) if e.type == "kept"]
    assert kept[4] == {"group": "timers", "name": "gone", "value": None}


@pytest.mark.parametrize("value", [object(), float("inf"), "x" * 300_000])
def test_what_cannot_be_kept_is_refused_in_words(recorder: SessionRecorder, value: object) -> None:
    state = Journal(recorder).state("timers")
    with pytest.raises(SkillError):
        state.put("x", value)
    assert state.all() == {}
    recorder.close()


def test_after_the_end_nothing_is_kept(recorder: SessionRecorder) -> None:
    recorder.close()
    with pytest.raises(SkillError):
        Journal(recorder).state("timers").put("x", 1)
    outcome = Journal(recorder).begin_call(TEA)
    assert outcome is not None
    assert outcome.status == "failed"


def test_a_mistake_in_what_is_asked_harms_nobody_else(store: SessionStore, recorder: SessionRecorder) -> None:
    def wrong(connection: sqlite3.Connection) -> None:
        connection.execute("INSERT INTO state VALUES ('a', 'b', 'c')")
        raise KeyError("oops")

    with pytest.raises(SessionError, match="oops"):
        recorder.ask(wrong)
    commit(recorder, 1, "Hello.")
    assert Journal(recorder).state("a").all() == {}
    recorder.close()
    assert len(store.turns(1)) == 1
