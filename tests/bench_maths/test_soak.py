"""The soak's own sums: the plan, what counts as an answer or a sign, and what has grown."""

import contextlib
import socket
import sqlite3
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from bench.soak import scratch_settings
from bench.soak_account import PATIENCE_S, THINKS_S, Account
from bench.soak_faults import locked
from bench.soak_plan import KINDS, plan, warm_s
from bench.soak_resources import Resources, Sample, growth
from bench.soak_talk import Talk, Utterance
from device.control.paths import own_path
from device.dialogue import events as ev

RATE = 16_000


def s(seconds: float) -> int:
    return round(seconds * RATE)


# --- the plan


def test_every_kind_comes_before_any_comes_again() -> None:
    planned = plan(2 * len(KINDS) + 2, 60, seed=3)
    names = [each.kind.name for each in planned]
    assert set(names[: len(KINDS)]) == {kind.name for kind in KINDS}
    assert max(Counter(names).values()) - min(Counter(names).values()) <= 1
    assert [each.at_s for each in planned] == [60.0 * (n + 1) for n in range(len(planned))]


def test_a_plan_is_the_same_for_the_same_seed_and_none_lasts_beyond_the_end() -> None:
    assert plan(30, 60, 7) == plan(30, 60, 7) != plan(30, 60, 8)
    for minutes in (1.0, 1.2, 1.5, 2.0, 5.05):
        assert all(each.at_s + each.kind.length_s < minutes * 60 for each in plan(minutes, 40, 1))


def test_faults_that_would_overlap_are_refused() -> None:
    with pytest.raises(ValueError, match="one lasts for 30 s"):
        plan(10, 20, 1)


def test_the_warm_up_has_seen_every_fault_once() -> None:
    planned = plan(120, 60, seed=1)
    warm = warm_s(planned, len(KINDS), 7200)
    assert {each.kind.name for each in planned if each.at_s + each.kind.length_s < warm} >= {k.name for k in KINDS}
    assert warm <= 60 * len(KINDS) + 60
    assert warm_s(plan(15, 60, seed=1), len(KINDS), 900) == 90, "no round of faults fits into half of this"
    assert warm_s([], len(KINDS), 600) == 60


# --- the account


def said(account: Account, fault: str = "", text: str = "Hello?") -> Account:
    if fault:
        account.begin_fault(fault)
    account.said(text, s(10), s(11))
    return account


def totals(account: Account) -> tuple[int, int, int, int]:
    total = account.totals()
    return total["said"], total["answered"], total["with_a_sign"], total["lost_without_a_sign"]


def test_an_answer_is_a_commit_and_a_sound() -> None:
    account = said(Account())
    account.on_event(ev.Commit(s(11.2), 1, "Hello?", "complete"), 0.0)
    assert account.open
    account.on_event(ev.PlayoutStart(s(11.7), 1), 0.0)
    assert not account.open
    assert totals(account) == (1, 1, 0, 0)
    assert account.totals()["worst_wait_ms"] == pytest.approx(700)


def test_the_answer_to_what_was_said_before_is_none_to_this() -> None:
    account = said(Account())
    account.on_event(ev.Commit(s(9.9), 1, "What?", "complete"), 0.0)
    account.on_event(ev.PlayoutStart(s(10.1), 1), 0.0)
    assert account.open
    account.heard(s(11 + PATIENCE_S + 1), 0.0)
    assert totals(account) == (1, 0, 0, 1)
    assert account.totals()["lost"] == ["none: Hello?"]
    (story,) = account.totals()["lost_events"]
    assert story and all(" s " in event for event in story), "what came, and when from the beginning of what was said"


@pytest.mark.parametrize(
    "event",
    [
        ev.Failure(s(12), 1, "stt", "it is broken"),
        ev.CardLost(s(10.5), 0, "pulled"),
        ev.Acknowledged(s(12.5), 1, "One moment."),
        ev.PlayoutStart(s(12), 0),
    ],
)
def test_a_sign_is_no_answer_and_no_loss(event: ev.Event) -> None:
    account = said(Account(), "stt_raises")
    account.on_event(event, 0.0)
    assert account.open, "an answer may still come"
    assert account.awaited(s(13))
    assert not account.awaited(s(16)), "but nobody waits for it"
    account.heard(s(11 + PATIENCE_S + 1), 0.0)
    assert totals(account) == (1, 0, 1, 0)
    assert account.tallies["stt_raises"].sign == 1


def test_a_record_that_is_not_written_excuses_no_silence() -> None:
    account = said(Account(), "disk_full")
    account.on_event(ev.Failure(s(12), 1, "session", "the disk is full"), 0.0)
    account.heard(s(11 + PATIENCE_S + 1), 0.0)
    assert totals(account) == (1, 0, 0, 1)


def test_what_rings_on_tells_that_the_word_was_not_heard_and_it_is_said_again() -> None:
    account = Account()
    account.on_event(ev.RingStart(s(5), 0, "pasta", "Your pasta timer is done."), 0.0)
    account = said(account, text="Stop.")
    assert account.awaited(s(13))
    assert not account.awaited(s(15)), "it is said again"
    account.said("Stop.", s(15), s(15.5))
    account.on_event(ev.RingEnd(s(16), 0, "pasta", "stopped"), 0.0)
    assert totals(account) == (2, 1, 1, 0)


def test_what_thinks_for_ever_is_measured_and_somebody_speaks_at_last() -> None:
    account = said(Account(), "stt_dies")
    account.on_event(ev.StateChange(s(11), 1, "thinking"), 100.0)
    assert not account.stuck(100.0 + THINKS_S)
    assert account.stuck(100.1 + THINKS_S)
    account.end_fault()
    account.on_event(ev.StateChange(s(40), 1, "listening"), 130.0)
    assert not account.stuck(200.0)
    assert account.totals()["worst_thinking_s"] == account.tallies["stt_dies"].worst_thinking_s == 30.0
    talk = Talk(utterances(), seed=1)  # type: ignore[arg-type]
    assert talk.next(s(50), state="thinking", speaking_for=0, waits=False) is None
    assert talk.next(s(52), state="thinking", speaking_for=0, waits=False, stuck=True) is not None


def test_a_word_over_what_fell_silent_by_itself_is_lost() -> None:
    account = Account()
    account.on_event(ev.RingStart(s(5), 0, "pasta", "Your pasta timer is done."), 0.0)
    account = said(account, text="Stop.")
    account.on_event(ev.RingEnd(s(12), 0, "pasta", "unanswered"), 0.0)
    account.heard(s(11 + PATIENCE_S + 1), 0.0)
    assert totals(account) == (1, 0, 0, 1)


def test_the_next_utterance_and_the_end_close_what_is_open() -> None:
    account = said(Account())
    account.said("Again?", s(30), s(31))
    account.close()
    account.close()
    assert totals(account) == (2, 0, 0, 2)
    assert account.totals()["worst_wait_ms"] == PATIENCE_S * 1000


def test_deafness_is_measured_until_something_tells_of_it() -> None:
    account = Account()
    account.begin_fault("vad_hangs")
    account.heard(s(1), 100.0)
    account.on_event(ev.Failure(s(1), 0, "vad", "it hangs"), 103.2)
    account.heard(s(1.01), 108.0)
    tally = account.tallies["vad_hangs"]
    assert (tally.worst_deaf_s, tally.worst_deaf_unsaid_s) == (8.0, 3.2)
    account.heard(s(1.02), 114.0)
    assert tally.worst_deaf_unsaid_s == 6.0


def test_a_restart_is_a_sign_and_the_clock_begins_anew() -> None:
    account = said(Account(), "vad_raises")
    account.heard(s(10), 50.0)
    account.restarted()
    account.heard(s(0), 58.0)
    assert totals(account) == (1, 0, 1, 0)
    assert account.tallies["vad_raises"].worst_deaf_s == 0.0


# --- what has grown


def test_growth_is_from_median_to_median() -> None:
    samples = [
        Sample(n, 400.0 + (100.0 if n in (3, 95) else 0.0) + n / 10, ("file",) * (20 + (n > 50)), 30)
        for n in range(100)
    ]
    found = growth(samples)
    assert found["memory_growth"] == pytest.approx(100 * 8.4 / 400.8, abs=0.01)
    assert (found["descriptors_warm"], found["descriptors_growth"], found["threads_growth"]) == (20, 1, 0)


def test_it_is_told_what_the_new_descriptors_are(tmp_path: Path) -> None:
    watch = Resources()
    for _ in range(5):
        watch.sample()
    with (tmp_path / "left open").open("w"), socket.socket():
        for _ in range(5):
            watch.sample()
        found = watch.totals(warm_s=0)
    assert found["descriptors_more"] == {"left open": 1, "socket": 1}
    assert found["descriptors_growth"] == 2


def test_another_program_holds_the_record_until_it_is_let_go(tmp_path: Path) -> None:
    path = tmp_path / "sessions.db"
    with contextlib.closing(sqlite3.connect(path, timeout=0, isolation_level=None)) as mine:
        mine.execute("CREATE TABLE said (text)")
        with locked(path), pytest.raises(sqlite3.OperationalError, match="locked"):
            mine.execute("INSERT INTO said VALUES ('lost')")
        mine.execute("INSERT INTO said VALUES ('kept')")
        assert mine.execute("SELECT * FROM said").fetchall() == [("kept",)]


def test_whoever_steers_the_assistant_of_this_device_does_not_steer_the_soak() -> None:
    with scratch_settings([]) as settings:
        scratch = settings.session.database.parent
        assert own_path(settings.control).parent == scratch


def test_of_a_few_samples_nothing_is_told() -> None:
    assert set(growth([Sample(1, 2, ("file",) * 3, 4)] * 5).values()) == {None}


# --- who talks


def utterances() -> dict[str, list[Utterance]]:
    sorts = ("command", "question", "barge_in", "stop", "noise", "broken_skill", "slow_skill")
    return {sort: [Utterance(sort, np.zeros(1, np.int16), 1)] for sort in sorts}


def test_nobody_speaks_while_something_is_awaited_and_what_rings_is_stopped() -> None:
    talk = Talk(utterances(), seed=1)  # type: ignore[arg-type]
    assert talk.next(s(5), state="idle", speaking_for=0, waits=True) is None
    assert talk.next(s(5.5), state="ringing", speaking_for=0, waits=False) is None
    ringing = talk.next(s(6.5), state="ringing", speaking_for=0, waits=False)
    assert ringing is not None
    assert ringing.text == "stop"


def test_what_is_wanted_comes_first_and_all_sorts_come() -> None:
    talk = Talk(utterances(), seed=1)  # type: ignore[arg-type]
    talk.want("slow_skill")
    texts = []
    for n in range(200):
        said = talk.next(s(10 * n + 5), state="idle", speaking_for=0, waits=False)
        texts.append(said.text if said is not None else "")
        over = talk.next(s(10 * n + 9), state="speaking", speaking_for=s(2), waits=False)
        if over is not None:
            texts.append(over.text)
    assert texts[0] == "slow_skill"
    assert {"command", "question", "barge_in", "stop", "noise", ""} <= set(texts)
