"""One answer, from the first token to the last sample that left the loudspeaker.

    answer = Answer(job=3, turn=1, policy=AnswerPolicy())
    answer.token("The capital", now); ...; answer.written(now)
    answer.release(now)         # the turn is committed: what is ready may sound
    answer.played(span, dac)    # -> PlayoutStart, at last PlayoutEnd
    answer.suspend(); answer.resume(now)        # somebody coughed: it goes on from the first word that was not heard

Before the release everything is preparation: clauses are made and a few of them synthesised, none is queued.
Each method returns what happened and what is wanted next. Sans-IO.
"""

from dataclasses import dataclass

from device.card import Span
from device.dialogue.clauses import ClausePolicy, ClauseSplitter
from device.dialogue.commands import Output, Play, Speak
from device.dialogue.events import Clause, LlmFirstToken, PlayoutEnd, PlayoutStart, TtsFirstAudio
from device.dialogue.ledger import PlayoutLedger
from models.protocols import SAMPLE_RATE_HZ, Speech


@dataclass(frozen=True, slots=True)
class AnswerPolicy:
    clauses: ClausePolicy = ClausePolicy()
    ahead_clauses: int = 2  #: so many clauses are with the voice at a time
    prepared_clauses: int = 2  #: before the commit not more than these are synthesised
    ahead_samples: int = 12 * SAMPLE_RATE_HZ  #: stop synthesising while so much waits in the ring (it holds 60 s)
    empty_text: str = "Sorry, I have no answer to that."  #: spoken when the model wrote nothing that can be said
    failed_text: str = "Sorry, something went wrong. Please try again."  #: ... or failed before the first clause
    unheard_text: str = "Sorry, I could not make that out."  #: spoken when the recogniser failed


class Answer:
    """State of one answer. `job` is its cancel scope."""

    def __init__(self, job: int, turn: int, policy: AnswerPolicy) -> None:
        self.job = job
        self.turn = turn
        self._policy = policy
        self._splitter = ClauseSplitter(policy.clauses)
        self._clauses: list[str] = []
        self._ready: dict[int, Speech | None] = {}  # synthesised, not yet handed to the loudspeaker
        self._asked = 0  # clauses given to the voice
        self._placed = 0  # clauses handed to the loudspeaker, or found to have no sound
        self._queuing: list[int] = []  # handed over, ring position not known yet
        self._in_ring: list[int] = []  # clauses in the ledger, in its order
        self._suspended = False
        self._first_token = False
        self._written = False
        self._released = False
        self._finished = False
        self._first_audio = False
        self.interrupted_at: int | None = None
        self.interrupt_onset = 0
        self.resumed = 0  #: how often it went on
        self.ledger = PlayoutLedger()

    @property
    def generated(self) -> str:
        """What was written, in its speakable form."""
        return " ".join(self._clauses)

    @property
    def heard(self) -> str:
        return self.ledger.heard

    @property
    def sounding(self) -> bool:
        """Is there anything of it in the ring or on its way there?"""
        return bool(self._queuing) or self.ledger.waiting_samples > 0

    @property
    def started(self) -> bool:
        """Has its first sample left the loudspeaker?"""
        return self.ledger.first_dac_sample is not None

    @property
    def finished(self) -> bool:
        return self._finished

    def token(self, piece: str, now: int) -> list[Output]:
        """A piece of the text."""
        out: list[Output] = []
        if not self._first_token:
            self._first_token = True
            out.append(LlmFirstToken(now, self.turn))
        return out + self._add(self._splitter.feed(piece), now)

    def written(self, now: int, *, complete: bool = True) -> list[Output]:
        """No more text comes. What was cut off in the middle of a clause is not begun, if anything stands before it."""
        rest = self._splitter.finish()
        return self._close_text(rest if complete or not self._clauses else [], self._policy.empty_text, now)

    def fixed(self, text: str, now: int) -> list[Output]:
        """The whole text at once, as it stands."""
        return self._close_text([text], self._policy.empty_text, now)

    def failed(self, now: int) -> list[Output]:
        """The text will not be completed: say what there is, or that it went wrong."""
        return self._close_text([], self._policy.failed_text, now)

    def _close_text(self, rest: list[str], instead: str, now: int) -> list[Output]:
        if self._written:
            return []
        self._written = True
        if not rest and not self._clauses:
            rest = [instead]
        return self._add(rest, now) + self._end(now)

    def _add(self, clauses: list[str], now: int) -> list[Output]:
        out: list[Output] = []
        for text in clauses:
            self._clauses.append(text)
            out.append(Clause(now, self.turn, len(self._clauses) - 1, text))
        return out + self._ask()

    def _ask(self) -> list[Output]:
        """Give the voice its next clauses, as far ahead as is sensible."""
        policy = self._policy
        limit = self._placed + policy.ahead_clauses if self._released else policy.prepared_clauses
        if self._suspended or self.ledger.waiting_samples > policy.ahead_samples:
            return []
        out: list[Output] = []
        while self._asked < min(len(self._clauses), limit):
            out.append(Speak(self.job, self._asked, self._clauses[self._asked]))
            self._asked += 1
        return out

    def spoken(self, index: int, speech: Speech | None, now: int) -> list[Output]:
        """Clause `index` came back from the voice; None: it has no sound."""
        self._ready[index] = speech
        out: list[Output] = []
        if speech is not None and not self._first_audio:
            self._first_audio = True
            out.append(TtsFirstAudio(now, self.turn))
        return out + self._place(now)

    def release(self, now: int) -> list[Output]:
        """The turn is committed."""
        self._released = True
        return self._place(now)

    def _place(self, now: int) -> list[Output]:
        """Hand over what is ready, in order."""
        if not self._released or self._suspended:
            return []
        out: list[Output] = []
        while self._placed in self._ready:
            speech = self._ready.pop(self._placed)
            if speech is not None:
                out.append(Play(self.job, self._placed, speech))
                self._queuing.append(self._placed)
            self._placed += 1
        return out + self._ask() + self._end(now)

    def queued(self, span: Span, speech: Speech) -> None:
        """A clause lies in the ring at `span`."""
        self._in_ring.append(self._queuing.pop(0))
        self.ledger.add(span, speech)

    def played(self, span: Span, dac_sample: int) -> list[Output]:
        """A block went to the converter."""
        before = self.started
        self.ledger.advance(span, dac_sample)
        out: list[Output] = []
        first = self.ledger.first_dac_sample
        if not before and first is not None:
            out.append(PlayoutStart(first, self.turn))
        if self.interrupted_at is None:
            out += self._ask()
        return out + self._end(dac_sample)

    def _end(self, now: int) -> list[Output]:
        if self._finished or not (self._released and self._written) or self.interrupted_at is not None:
            return []
        if self._suspended:
            return []
        if self._placed < len(self._clauses) or self.sounding:
            return []
        self._finished = True
        last = self.ledger.last_dac_sample
        return [PlayoutEnd(now if last is None else last, self.turn, self.generated, self.heard)]

    def suspend(self) -> None:
        """Silence for now, and no more work; what is in work is kept. `settled` says when what was heard is certain."""
        self._suspended = True

    def resume(self, now: int) -> list[Output]:
        """Go on from the first word that was not heard; only once `settled`."""
        self._suspended = False
        self.resumed += 1
        rest = zip(self._in_ring, self.ledger.take_back(), strict=True)
        left = [(i, speech) for i, speech in rest if speech is not None]
        self._in_ring.clear()
        if left:
            first = left[0][0]
            self._ready.update(dict.fromkeys(range(first, self._placed)))  # those between that have no sound
            self._ready.update(left)
            self._placed = first
        return self._place(now)

    def interrupt(self, now: int, onset_sample: int) -> None:
        """The user took the turn at `now`; `settled` says when what was heard is certain."""
        self.interrupted_at = now
        self.interrupt_onset = onset_sample

    def cut(self, sample: int) -> None:
        """The card died at `sample`: nothing sounded after that."""
        self.ledger.cut(sample)

    def settled(self, played: Span) -> bool:
        """After an interruption: does this block show that nothing more of it can sound?"""
        if self.ledger.queued_to == 0:
            return not self._queuing
        return (
            played.end <= played.start or played.start >= self.ledger.queued_to or played.end >= self.ledger.queued_to
        )
