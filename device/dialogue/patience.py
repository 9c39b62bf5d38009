"""How long a model may be silent before it counts as stuck: at work, with no result and no sign of life.

    patience = Patience()
    ticket = patience.given("stt", Decode(job, audio), now_s, work_s=4.0)
    patience.life(ticket, now_s)              # a token, a part: it works
    patience.done(ticket, now_s)              # False: nobody waits for it any more
    for ticket in patience.overdue(now_s): ...    # once each: to be told as failed
    patience.hopeless(now_s)                  # "stt": only a new process helps

A thread cannot be stopped, so a stuck model is left alone: what waits for it fails, and so does, soon, what is given to
it later, until it gives a sign of life. Sans-IO but for a lock; times in s of any clock that never goes back.
"""

import threading
from dataclasses import dataclass, field
from typing import Literal

from device.dialogue.commands import Decode, Judge, Prepare, Reply, Speak, Warm

Stage = Literal["stt", "turn", "llm", "tts"]
Work = Decode | Judge | Reply | Speak | Warm | Prepare

#: Silence that is no work any more, s. Decodes get the time of half their sound on top. A language model that reads a
#: long chat for the first time (a cold cache, a small board) is silent for ten seconds and works; that it takes a while
#: is said meanwhile (`lateness`).
LIMITS_S: dict[Stage, float] = {"stt": 4.0, "turn": 4.0, "llm": 20.0, "tts": 4.0}
WORK_SHARE = 0.5
#: Silent for so many times its limit, it will not come back.
HOPELESS_LIMITS = 30
#: Nobody has looked for longer than this: the whole process stood still (stopped, swapped out), and that is no silence.
STOOD_STILL_S = 1.5


@dataclass(slots=True, eq=False)
class Ticket:
    """One piece of work. `given_up`: it was told as failed; what comes of it still is not wanted."""

    stage: Stage
    work: Work
    number: int
    limit_s: float
    given_up: bool = False


@dataclass(slots=True)
class _Stage:
    quiet_since_s: float = 0.0  # the last sign of life, or when work began to wait
    waiting: list[Ticket] = field(default_factory=list)  # in the order in which they were given


class Patience:
    """Of all models. Any thread."""

    def __init__(self, limits_s: dict[Stage, float] | None = None) -> None:
        self._limits_s = limits_s or dict(LIMITS_S)
        self._lock = threading.Lock()
        self._stages: dict[Stage, _Stage] = {stage: _Stage() for stage in self._limits_s}
        self._number = 0
        self._looked_s: float | None = None

    def given(self, stage: Stage, work: Work, now_s: float, *, work_s: float = 0.0) -> Ticket:
        """`work` stands in the queue of `stage` now. `work_s`: the sound that it is about."""
        with self._lock:
            self._number += 1
            ticket = Ticket(stage, work, self._number, self._limits_s[stage] + WORK_SHARE * work_s)
            state = self._stages[stage]
            if not state.waiting:
                state.quiet_since_s = now_s
            state.waiting.append(ticket)
            return ticket

    def life(self, ticket: Ticket, now_s: float) -> None:
        """The model works: on this. What was given before it is over, also what had to make room in the queue."""
        with self._lock:
            state = self._stages[ticket.stage]
            state.quiet_since_s = now_s
            state.waiting = [each for each in state.waiting if each.number >= ticket.number]

    def done(self, ticket: Ticket, now_s: float) -> bool:
        """It has come to its end. Does anybody still wait for what came of it?"""
        self.life(ticket, now_s)
        with self._lock:
            state = self._stages[ticket.stage]
            state.waiting = [each for each in state.waiting if each is not ticket]
            return not ticket.given_up

    def overdue(self, now_s: float) -> list[Ticket]:
        """What is to be told as failed now; to be asked some times a second."""
        with self._lock:
            gap_s = now_s - (now_s if self._looked_s is None else self._looked_s)
            self._looked_s = now_s
            if gap_s > STOOD_STILL_S:
                for state in self._stages.values():
                    state.quiet_since_s = min(now_s, state.quiet_since_s + gap_s)
            out: list[Ticket] = []
            for state in self._stages.values():
                quiet_s = now_s - state.quiet_since_s
                late = [each for each in state.waiting if not each.given_up and quiet_s > each.limit_s]
                for each in late:
                    each.given_up = True
                out += late
            return out

    def hopeless(self, now_s: float) -> Stage | None:
        """A model that has been silent over work for far too long; None: there is none."""
        with self._lock:
            for stage, state in self._stages.items():
                if state.waiting and now_s - state.quiet_since_s > HOPELESS_LIMITS * self._limits_s[stage]:
                    return stage
            return None
