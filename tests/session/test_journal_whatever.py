"""Whatever is begun, ended, kept, told and cut off, in any order: at most once, nothing lost, nothing told twice."""

import re
import shutil
import sqlite3
import tempfile
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from device.dialogue import events as ev
from device.dialogue.deeds import Call, Outcome
from device.session import SessionStore, TurnCommitted, TurnFinished, undelivered
from device.session.from_events import Scribe
from device.session.journal import Journal

KEYS = st.tuples(st.integers(1, 3), st.integers(0, 1))
VALUES = st.none() | st.integers() | st.lists(st.text(max_size=5), max_size=3)


class Life(RuleBasedStateMachine):
    """Sessions, one after the other, each of which may break off at any moment."""

    @initialize()
    def begin(self) -> None:
        self.most, undelivered.MOST = undelivered.MOST, 1000  # that very many are given up is another test's
        self.folder = Path(tempfile.mkdtemp(prefix="nearfield-test-"))
        self.ran: set[tuple[int, int, int]] = set()  # session, turn, index
        self.ended: dict[tuple[int, int, int], Outcome] = {}
        self.told: set[tuple[int, int, int]] = set()
        self.kept: dict[str, object] = {}
        self.committed = 0
        self.start()

    def start(self) -> None:
        self.store = SessionStore.open(self.folder / "sessions.db")
        self.recorder = self.store.begin("assistant")
        self.journal, self.scribe = Journal(self.recorder), Scribe(self.recorder)
        self.session = self.recorder.session_id
        self.committed = 0

    @rule(key=KEYS, read_only=st.booleans())
    def call(self, key: tuple[int, int], read_only: bool) -> None:
        turn, index = key
        name = (self.session, *key)
        call = Call(turn, index + 10, "clock", {}) if read_only else self.order(name)
        known = self.journal.begin_call(call, read_only)
        if read_only:
            assert known is None
            self.journal.end_call(call, Outcome("done", "Noon."))
        elif name in self.ran:
            assert known is not None
            expected = self.ended[name].status if name in self.ended else "unknown"
            assert known.status == expected
        else:
            assert known is None
            self.ran.add(name)

    @rule(key=KEYS, status=st.sampled_from(["done", "failed", "unknown"]))
    def end(self, key: tuple[int, int], status: str) -> None:
        name = (self.session, *key)
        if name in self.ran and name not in self.ended:
            self.ended[name] = Outcome(status, f"It was {name}.")  # type: ignore[arg-type]
            self.journal.end_call(self.order(name), self.ended[name])

    @rule(heard=st.sampled_from(["", "It"]))
    def turn(self, heard: str) -> None:
        self.committed += 1
        self.recorder.commit_turn(TurnCommitted(self.committed, "", 0.9, 0, 1, 2, "silence"))
        self.recorder.finish_turn(TurnFinished(self.committed, "It was.", heard, False))

    @rule(name=st.sampled_from(["tea", "egg"]), value=VALUES)
    def keep(self, name: str, value: object) -> None:
        self.journal.state("timers").put(name, value)
        self.kept[name] = value

    @rule()
    def tell(self) -> None:
        for each in self.journal.undelivered():
            assert each.turn == 0
            name = self.name_of(each.say)
            assert name not in self.told
            assert name[0] < self.session
            self.told.add(name)
            self.scribe.on_event(ev.Told(1, each.turn, each.index))
        assert self.recorder.flush(20.0)
        assert self.journal.undelivered() == []

    @rule()
    def pull_the_plug(self) -> None:
        self.recorder.close()
        with sqlite3.connect(self.store.path) as db:
            db.execute("UPDATE session SET ended_at = NULL, ending = NULL WHERE id = ?", (self.session,))
        db.close()
        self.start()

    @invariant()
    def what_was_acknowledged_is_there(self) -> None:
        if not hasattr(self, "journal"):
            return
        assert self.journal.state("timers").all() == {k: v for k, v in sorted(self.kept.items()) if v is not None}

    @invariant()
    def what_was_cut_off_is_told_or_waits(self) -> None:
        if not hasattr(self, "journal"):
            return
        waits = {self.name_of(each.say) for each in self.journal.undelivered()}
        cut_off = {name for name in self.ran if name not in self.ended and name[0] < self.session}
        assert cut_off - self.told == {name for name in waits if name in cut_off}

    def order(self, name: tuple[int, int, int]) -> Call:
        """The skill's name has the call's: nobody said anything in most of these turns, so it is what is told."""
        return Call(name[1], name[2], f"order {name}", {})

    def name_of(self, say: str) -> tuple[int, int, int]:
        """Of a call, from what is said of it: "It was (1, 2, 0)." or the skill's name for one that was cut off."""
        session, turn, index = (int(digits) for digits in re.findall(r"\d+", say))
        return session, turn, index

    def teardown(self) -> None:
        if hasattr(self, "recorder"):
            undelivered.MOST = self.most
            self.recorder.close()
            shutil.rmtree(self.folder)


Life.TestCase.settings = settings(max_examples=15, stateful_step_count=25, deadline=None)
TestWhateverHappens = Life.TestCase
