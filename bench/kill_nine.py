"""Killed with SIGKILL at random instants: is everything there that was there, and was nothing done twice?

    nearfield bench kill-nine [--times 200] [--longest-ms 500] [--seed 1] [--json]

A conversation on virtual time (the real `Conversation`, scripted ends) with the real record of sessions: each turn
orders one thing by a call, whose side effect is a line in a file that is flushed to the disk, sets a timer, deletes
one, asks and settles questions. What is safe is told to this process, which kills the other, starts it again on the
same file, and in the end compares. The next number to be ordered comes from the conversation as it was resumed: a lost
commit would order a thing twice. Exit status 1: something was lost or done twice.
"""

import os
import random
import signal
import sqlite3
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
sys.path.insert(1, str(Path(__file__).resolve().parent.parent / "tests" / "dialogue"))

import numpy as np
from virtual_rim import VirtualRim

from bench.figures import show
from bench.options import Parser, count
from device.cli.boundary import guarded
from device.dialogue import events as ev
from device.dialogue.commands import Output
from device.dialogue.conversation import Conversation, Policy
from device.dialogue.deeds import Call, Outcome
from device.session.from_events import Scribe
from device.session.journal import Journal
from device.session.resumption import unfinished
from device.session.store import SessionStore
from models.protocols import Message

SAFE_S = 20.0
WRITES = 100
_WITHIN_S = 86_400


def main() -> int:
    parser = Parser(__doc__)
    parser.add_argument("--times", type=count, default=200, metavar="N", help="kills (200)")
    parser.add_argument("--longest-ms", type=count, default=500, metavar="MS", help="longest life of a process (500)")
    parser.add_argument("--seed", type=int, default=1, help="of the instants (1)")
    parser.add_argument("--json", action="store_true", help="one JSON object on standard output")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="nearfield-kill-") as scratch:
        total = kill(Path(scratch), args.times, args.longest_ms, args.seed)
    show(total, as_json=args.json)
    return 1 if any(total[name] for name in MUST_BE_ZERO) else 0


# --- who kills ------------------------------------------------------------------------------------------------------

MUST_BE_ZERO = (
    "lost_commits",
    "calls_run_twice",
    "calls_done_but_not_run",
    "calls_run_but_not_begun",
    "lost_timers",
    "timers_that_came_back",
    "wrong_questions",
    "told_again",
    "set_aside",
    "failed_starts",
)


@dataclass
class Known:
    """What the killed processes said was safe."""

    commits: list[tuple[int, int, int]] = field(default_factory=list)  # session, turn, thing
    timers: set[str] = field(default_factory=set)
    deleting: set[str] = field(default_factory=set)  # told to be deleted; whether they are is not known
    deleted: set[str] = field(default_factory=set)
    questions: set[int] = field(default_factory=lambda: {0})  # the one that waits is one of these; 0: none does
    told: Counter[str] = field(default_factory=Counter)
    told_again: int = 0
    wrong_questions: int = 0
    failures: list[str] = field(default_factory=list)
    ready_ms: list[float] = field(default_factory=list)
    calls: int = 0

    def take(self, line: str) -> None:
        kind, _, rest = line.partition(" ")
        match kind:
            case "ready":
                self.ready_ms.append(float(rest))
            case "commit":
                session, turn, thing = map(int, rest.split())
                self.commits.append((session, turn, thing))
            case "call":
                self.calls += 1
            case "timer":
                self.timers.add(rest)
            case "deleting":
                self.timers.discard(rest)
                self.deleting.add(rest)
            case "deleted":
                self.deleted.add(rest)
            case "asking":
                self.questions.add(int(rest))
            case "asked":
                self.questions = {int(rest)}
            case "waits":
                self.wrong_questions += int(rest) not in self.questions
                self.questions = {int(rest)}
            case "telling":
                self.told_again += self.told[rest] > 0
            case "told":
                self.told[rest] += 1
            case _:
                self.failures.append(line)


def kill(folder: Path, times: int, longest_ms: int, seed: int) -> dict[str, object]:
    """Start, kill, and compare in the end. `folder` is empty and stays with what was left."""
    instants = random.Random(seed)
    known = Known()
    for n in range(times):
        read_fd, write_fd = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(read_fd)
            live(folder, write_fd, seed=seed * 100_000 + n)
        os.close(write_fd)
        time.sleep(instants.uniform(0, longest_ms / 1000))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        with os.fdopen(read_fd, encoding="utf-8") as said:
            for line in said.read().splitlines():
                known.take(line)
    return compared(folder, times, known)


def compared(folder: Path, times: int, known: Known) -> dict[str, object]:
    database, effects = folder / "sessions.db", folder / "effects"
    store = SessionStore.open(database)
    with sqlite3.connect(database) as db:
        turns = dict(db.execute("SELECT session || '.' || number, user_text FROM turn"))
        logged = dict(db.execute("SELECT session || '.' || turn, json FROM event WHERE type = 'commit'"))
        timers = {name for (name,) in db.execute("SELECT name FROM state WHERE family = 'timers'")}
        begun = Counter(n for (n,) in db.execute("SELECT json_extract(arguments, '$.thing') FROM call"))
        done = {n for (n,) in db.execute("SELECT json_extract(arguments, '$.thing') FROM call WHERE status = 'done'")}
        unsure = db.execute("SELECT count(*) FROM call WHERE status IS NOT 'done'").fetchone()[0]
    ran = Counter(int(line) for line in (effects.read_text().split() if effects.exists() else ()))
    return {
        "kills": times,
        "commits": len(known.commits),
        "calls": len(ran),
        "calls_cut_off": unsure,
        "told_after_a_kill": sum(known.told.values()),
        "timers": len(timers),
        "lost_commits": sum(
            turns.get(f"{session}.{turn}") != words(thing) or words(thing) not in logged.get(f"{session}.{turn}", "")
            for session, turn, thing in known.commits
        ),
        "calls_run_twice": sum(n > 1 for n in ran.values()),
        "calls_done_but_not_run": len(done - set(ran)),
        "calls_run_but_not_begun": len(set(ran) - set(begun)),
        "lost_timers": len(known.timers - timers),
        "timers_that_came_back": len(known.deleted & timers),
        "wrong_questions": known.wrong_questions,
        "told_again": known.told_again,
        "set_aside": len(list(folder.glob("*.damaged-*"))) + (store.set_aside is not None),
        "failed_starts": known.failures[:3],
        "ready_ms": spread(known.ready_ms),
        "durable_write_ms": spread(durable_writes_ms(store)),
        "database_kb": round(database.stat().st_size / 1024),
    }


def spread(values_ms: list[float]) -> dict[str, float]:
    """p50 and p95, to a tenth."""
    return {f"p{q}": round(float(np.percentile(values_ms or [0.0], q)), 1) for q in (50, 95)}


def durable_writes_ms(store: SessionStore) -> list[float]:
    """How long a skill waits until what it keeps is safe on the disk."""
    out = []
    with store.begin("assistant") as recorder:
        state = Journal(recorder).state("measured")
        for n in range(WRITES):
            started = time.perf_counter()
            state.put("value", n)
            out.append((time.perf_counter() - started) * 1000)
    return out


# --- who is killed --------------------------------------------------------------------------------------------------


def words(thing: int) -> str:
    return f"Order thing number {thing}."


class Recorded(VirtualRim):
    """The world on virtual time, with the real record of sessions and a skill."""

    life: "Life | None" = None

    def _take(self, outputs: list[Output]) -> None:
        for output in outputs:
            if self.life is not None and isinstance(output, ev.Event):
                self.life.publish(output)
        super()._take(outputs)


class Life:
    """One process, from its start to its sudden end."""

    def __init__(self, folder: Path, told_fd: int, seed: int) -> None:
        self._fd = told_fd
        self._random = random.Random(seed)
        started = time.perf_counter()
        store = SessionStore.open(folder / "sessions.db", on_error=lambda text: self._tell("error", text))
        broken = unfinished(store, "assistant", _WITHIN_S)
        self._recorder = store.begin("assistant", broken.session_id if broken else None)
        self._journal, self._scribe = Journal(self._recorder), Scribe(self._recorder)
        self._timers = self._journal.state("timers")
        messages = broken.messages if broken else ()
        self._rim = Recorded()
        self._rim.talk = Conversation(Policy(turn_model=False), "Be brief.", messages)
        self._rim.life = self
        undelivered = self._journal.undelivered()
        self._tell("ready", f"{(time.perf_counter() - started) * 1000:.2f}")
        self._effects = os.open(folder / "effects", os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        self._thing = newest_thing(messages)
        question = broken.question if broken else None
        self._tell("waits", str(question.arguments["thing"] if question else 0))
        self._asked = question.turn if question else 0
        for each in undelivered:
            self._tell("telling", each.say)
            self._scribe.on_event(ev.Told(0, each.turn, each.index))
            if self._recorder.flush(SAFE_S):
                self._tell("told", each.say)

    def run(self) -> None:
        while True:
            self._thing += 1
            now_ms = self._rim.clock // 16 + 500
            self._rim.answers = [f"Thing {self._thing}."]
            self._rim.say(now_ms, now_ms + 600, words(self._thing))
            self._rim.run(now_ms + 4000)

    def publish(self, event: ev.Event) -> None:
        """As the appliance does: first the record."""
        self._scribe.on_event(event)
        if isinstance(event, ev.Commit):
            self._committed(event)

    def _committed(self, event: ev.Commit) -> None:
        thing = self._thing
        waits = self._random.random() < 0.5  # a call makes its commit safe, whether that was waited for or not
        if waits and self._recorder.flush(SAFE_S):
            self._tell("commit", f"{self._recorder.session_id} {event.turn} {thing}")
        self._carry_out(Call(event.turn, 0, "order", {"thing": thing}))
        self._carry_out(Call(event.turn, 0, "order", {"thing": thing}))  # asked twice, it is done once
        if not waits:
            self._tell("commit", f"{self._recorder.session_id} {event.turn} {thing}")
        self._timers.put(f"timer {thing}", {"rings_at": thing})
        self._tell("timer", f"timer {thing}")
        if thing % 3 == 0:
            gone = f"timer {thing - 1}"
            self._tell("deleting", gone)
            self._timers.put(gone, None)
            self._tell("deleted", gone)
        self._ask(event)

    def _carry_out(self, call: Call) -> None:
        """As device.skills.runner does."""
        if self._journal.begin_call(call) is None:
            os.write(self._effects, f"{call.arguments['thing']}\n".encode())
            os.fsync(self._effects)
            self._journal.end_call(call, Outcome("done", f"Thing {call.arguments['thing']} is ordered."))
            self._tell("call", str(call.arguments["thing"]))

    def _ask(self, event: ev.Commit) -> None:
        if self._asked:
            thing = 0
            step: ev.Event = ev.Settled(event.sample, event.turn, self._asked, "dropped")
        else:
            thing = self._thing
            step = ev.Asked(event.sample, event.turn, "cancel", {"thing": thing}, f"Cancel thing {thing}?")
        self._tell("asking", str(thing))
        self._scribe.on_event(step)
        if self._recorder.flush(SAFE_S):
            self._tell("asked", str(thing))
        self._asked = event.turn if thing else 0

    def _tell(self, kind: str, text: str) -> None:
        os.write(self._fd, f"{kind} {text}\n".encode())


def newest_thing(messages: tuple[Message, ...]) -> int:
    """The number that was ordered last, as the conversation remembers it; 0: none was."""
    said = [message.text for message in messages if message.role == "user"]
    return int(said[-1].rstrip(".").split()[-1]) if said else 0


def live(folder: Path, told_fd: int, seed: int) -> None:
    """Until it is killed. Does not return."""
    try:
        Life(folder, told_fd, seed).run()
    except BaseException as error:  # noqa: BLE001 - of a process of its own, which ends here
        os.write(told_fd, f"failed {type(error).__name__}: {error}\n".encode())
    os._exit(1)


if __name__ == "__main__":
    sys.exit(guarded(main))
