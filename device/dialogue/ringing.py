"""Something rings, with words, until somebody stops it.

    ringing = Ringing(RingPolicy(), jobs)
    ringing.ring("pasta", "Your pasta timer is done.", now)     # [RingStart, Speak]
    ringing.hear(now, played, talking=False, busy=False)        # every block: [Chime, Play], again and again
    ringing.stop("stopped", now)                                # [RingEnd, Flush, Cancel]

A round is a signal and the words of all that rings; then a pause, in which "stop" is heard best. While somebody speaks
it is quieter, from the next moment on. An answer in hand is let speak to the end of its clause (`wants_the_floor`), for
so long at most as `wait_ms`; while an answer is being given a ring waits for the end of it. Sans-IO.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from device.card import Span
from device.dialogue.commands import Cancel, Chime, Flush, Jobs, Output, Play, Speak
from device.dialogue.events import RingEnd, RingStart
from models.protocols import SAMPLE_RATE_HZ, Int16s, Speech

Reason = Literal["stopped", "button", "snoozed", "withdrawn", "unanswered"]

MOST = 8  #: that ring at a time; one more takes the place of the oldest
SNOOZABLE_MS = 10_000.0  #: so long after the button silenced it, it may yet be put off
_RETRY_MS = 200.0  # after it was hushed: a round more, at the level that is right then


@dataclass(frozen=True, slots=True)
class RingPolicy:
    """How it rings."""

    signal: str = "alarm"  #: name of the earcon
    signal_ms: float = 800.0  #: what it takes, with the pause behind it, before the words or the next signal
    pause_ms: float = 1500.0  #: between two rounds
    quiet_db: float = -12.0  #: while somebody speaks
    longest_ms: float = 30 * 60_000.0  #: then nobody is there
    wait_ms: float = 5000.0  #: for the end of a clause


@dataclass(slots=True)
class _Ring:
    name: str
    text: str
    job: int
    since: int
    speech: Speech | None = None  # its words, once they are audio
    said_in: int = 0  # the newest round in which they were said


class Ringing:
    """All that rings."""

    def __init__(self, policy: RingPolicy, jobs: Jobs, allow: Callable[[int], None]) -> None:
        """`allow`: these words may sound (`CommitBoundary.announce`)."""
        self._policy = policy
        self._jobs = jobs
        self._allow = allow
        self._rings: list[_Ring] = []
        self._waits_since: int | None = None  # what rings first waits for an answer to end
        self._next = 0  # when the next round may begin
        self._sounds_until = 0  # of a signal: by the clock, for nobody says when it has been played
        self._end: int | None = None  # ring position behind the words of this round
        self._queuing = 0
        self._rounds = 0
        self._quiet = False
        self._silenced: tuple[list[str], int] = ([], 0)  # by the button, when

    @property
    def active(self) -> bool:
        """Does something ring, or is about to?"""
        return bool(self._rings)

    def sounding(self, now: int) -> bool:
        """Is something of it to be heard now?"""
        return self._queuing > 0 or self._end is not None or now < self._sounds_until

    def wants_the_floor(self, now: int, *, between_clauses: bool) -> bool:
        """Must the answer in hand end here? Only where it began before the ringing."""
        since = self._waits_since
        return since is not None and (between_clauses or now - since > self._samples(self._policy.wait_ms))

    def ring(self, name: str, text: str, now: int, *, answering: bool) -> list[Output]:
        """Begin; the same name again begins anew. `answering`: an answer is in hand, which makes way."""
        out = self.withdraw(name, now)
        if len(self._rings) >= MOST:
            out += self._over([self._rings[0]], "unanswered", now)
        if not self._rings:
            self._next, self._rounds = now, 0
            self._waits_since = now if answering else None
        each = _Ring(name, text, self._jobs.next(), now)
        self._rings.append(each)
        out.append(RingStart(now, 0, name, text))
        return [*out, Speak(each.job, 0, text, apart=True)] if text else out

    def works_for(self, job: int) -> bool:
        """Is `job` that of something that rings?"""
        return any(each.job == job for each in self._rings)

    def spoken(self, job: int, speech: Speech | None) -> None:
        """The words are audio (None: no sound came of them; the signal is enough)."""
        for each in self._rings:
            if each.job == job:
                each.speech = speech

    def queued(self, job: int, span: Span) -> None:
        """Words of this round lie at `span`."""
        if self.works_for(job):
            self._queuing = max(0, self._queuing - 1)
            self._end = span.end

    def hear(self, now: int, played: Span, *, talking: bool, busy: bool) -> list[Output]:
        """A block went to the converter. `talking`: somebody speaks; `busy`: an answer is being given."""
        if not self._rings:
            return []
        if not busy:
            self._waits_since = None
        elif self._rounds:  # behind an answer there is a moment to say stop, or to ask on
            self._next = max(self._next, now + self._samples(self._policy.pause_ms))
        if self._end is not None and (played.start >= self._end or played.end >= self._end):
            self._end = None
            self._next = now + self._samples(self._policy.pause_ms)
        out: list[Output] = []
        old = [each for each in self._rings if now - each.since > self._samples(self._policy.longest_ms)]
        if old:
            out += self._over(old, "unanswered", now)
        if talking and not self._quiet and self.sounding(now):  # from here on more quietly
            out += self._hush(now)
        self._quiet = talking
        if self._rings and not busy and now >= self._next and not self.sounding(now):
            out += self._round(now)
        elif self._rings and not busy and now < self._sounds_until:  # words that were not audio when it began
            out += self._words()
        return out

    def pause(self, now: int) -> list[Output]:
        """An answer is about to be given: silence, and from there on when it has ended."""
        return self._hush(now) if self.sounding(now) else []

    def _round(self, now: int) -> list[Output]:
        policy = self._policy
        self._rounds += 1
        self._sounds_until = now + self._samples(policy.signal_ms)
        self._next = self._sounds_until + self._samples(policy.pause_ms)
        return [Chime(policy.signal, self._gain_db), *self._words()]

    @property
    def _gain_db(self) -> float:
        return self._policy.quiet_db if self._quiet else 0.0

    def _words(self) -> list[Output]:
        """What has not been said in this round."""
        out: list[Output] = []
        for each in self._rings:
            if each.speech is not None and each.said_in < self._rounds:
                each.said_in = self._rounds
                self._allow(each.job)
                self._queuing += 1
                quiet = Speech(each.speech.text, at_gain(each.speech.pcm, self._gain_db), each.speech.marks)
                out.append(Play(each.job, 0, quiet))
        return out

    def _hush(self, now: int) -> list[Output]:
        self._sounds_until, self._next = now, now + self._samples(_RETRY_MS)
        self._end, self._queuing = None, 0
        return [Flush()]

    def stop(self, reason: Reason, now: int) -> tuple[list[Output], list[str]]:
        """All of it ends; also which that were. Put off: also what the button silenced a moment ago."""
        names = [each.name for each in self._rings]
        silenced, at = self._silenced
        if reason == "snoozed" and not names and now - at <= self._samples(SNOOZABLE_MS):
            names = silenced
        self._silenced = (names, now) if reason == "button" else ([], 0)
        return self._over(list(self._rings), reason, now), names

    def snoozable(self, now: int) -> bool:
        """Is there anything that can be put off?"""
        silenced, at = self._silenced
        return self.active or (bool(silenced) and now - at <= self._samples(SNOOZABLE_MS))

    def withdraw(self, name: str, now: int) -> list[Output]:
        """`name` ("": whatever rings) is not to ring any more. Nothing if it does not."""
        return self._over([each for each in self._rings if name in ("", each.name)], "withdrawn", now)

    def _over(self, rings: list[_Ring], reason: Reason, now: int) -> list[Output]:
        out: list[Output] = []
        if rings and self.sounding(now):
            out += self._hush(now)
        for each in rings:
            self._rings.remove(each)
            out += [Cancel(each.job), RingEnd(now, 0, each.name, reason)]
        if not self._rings:
            self._waits_since = None
        return out

    @staticmethod
    def _samples(ms: float) -> int:
        return round(ms * SAMPLE_RATE_HZ / 1000)


def at_gain(pcm: Int16s, gain_db: float) -> Int16s:
    """`pcm`, (n,) int16, louder by `gain_db`, which is not above 0."""
    return pcm if gain_db == 0 else np.rint(pcm * 10 ** (gain_db / 20)).astype(np.int16)
