"""One answer, from the first token to the last sample that left the loudspeaker.

    answer = Answer(job=3, turn=1, policy=AnswerPolicy())
    answer.token("The capital", now); ...; answer.written(now)
    answer.release(now)         # the turn is committed: what is ready may sound
    answer.played(span, dac)    # -> PlayoutStart, at last PlayoutEnd
    answer.suspend(); answer.resume(now)        # somebody coughed: it goes on from the first word that was not heard

Before the release everything is preparation: clauses are made and a few of them synthesised, none is queued.
When it takes too long after the release, a few words say so (`notice`); they lie in front of the answer in the ring,
but they are no words of it: neither `generated` nor `heard` has them.
Each method returns what happened and what is wanted next. Sans-IO.
"""

import weakref
from dataclasses import dataclass

from device.card import Span
from device.dialogue.clauses import ClausePolicy, ClauseSplitter
from device.dialogue.commands import Output, Play, Speak
from device.dialogue.events import Clause, LlmFirstToken, PlayoutEnd, PlayoutStart, TtsFirstAudio
from device.dialogue.first_words import FirstWords
from device.dialogue.lateness import LatenessPolicy
from device.dialogue.ledger import PlayoutLedger
from device.dialogue.notice import ACKNOWLEDGEMENT, Notice
from device.dialogue.pace import Pace
from device.dialogue.read_along import ReadAlong
from device.dialogue.rounds import Rounds
from device.dialogue.supply import Supply
from device.dialogue.text_stream import TextStream
from models.protocols import SAMPLE_RATE_HZ, Speech

#: What is there as a whole is cut between sentences; within one only where it is long.
_SENTENCES = ClausePolicy(first_min_chars=60, min_chars=60, max_chars=200, first_max_chars=200)


@dataclass(frozen=True, slots=True)
class AnswerPolicy:
    clauses: ClausePolicy = ClausePolicy()
    ahead_clauses: int = 2  #: so many clauses are with the voice at a time
    prepared_clauses: int = 2  #: before the commit not more than these are synthesised
    ahead_samples: int = 12 * SAMPLE_RATE_HZ  #: stop synthesising while so much waits in the ring (it holds 60 s)
    empty_text: str = "Sorry, I have no answer to that."  #: spoken when the model wrote nothing that can be said
    failed_text: str = "Sorry, something went wrong. Please try again."  #: ... or failed before the first clause
    unheard_text: str = "Sorry, I could not make that out."  #: spoken when the recogniser failed
    lateness: LatenessPolicy = LatenessPolicy()  #: when a few words are said because the answer takes long

    @property
    def fixed_texts(self) -> tuple[str, ...]:
        """All that is said word for word: worth keeping as audio."""
        late = (self.lateness.text,) if self.lateness.enabled and self.lateness.text else ()
        return (*late, *self.apologies)

    @property
    def apologies(self) -> frozenset[str]:
        """What is said where there is no answer."""
        return frozenset((self.empty_text, self.failed_text, self.unheard_text))


class Answer:
    """State of one answer. `job` is its cancel scope."""

    def __init__(self, job: int, turn: int, policy: AnswerPolicy, pace: Pace | None = None, asked: int = 0) -> None:
        """`pace`: what the answers before this one took (None: not known); `asked`: when its text was asked for."""
        self.job = job
        self.turn = turn
        self._policy = policy
        self._pace = pace if pace is not None else Pace()
        self._text = TextStream(self._pace, asked)
        self._speak_asked: dict[int, int] = {}  # when, for clauses that the voice has in work
        self._voice_free = 0  # when the voice came back last
        self._rounds: Rounds | None = Rounds()  # None: what is said was not written by a model
        self._notice = Notice(job, turn)
        self._held = False  # its words wait for what they tell of
        self._dropped = 0  # clauses that were replaced before any of them sounded
        # weakly: an answer in a circle with its splitter waits for the collector, and its audio with it
        self._splitter = ClauseSplitter(policy.clauses, weakref.proxy(self))
        self._first_words = FirstWords(job, turn)
        self._clauses: list[str] = []
        self._ready = Supply()  # synthesised, not yet handed to the loudspeaker
        self._asked = 0  # clauses given to the voice
        self._placed = 0  # clauses handed to the loudspeaker, or found to have no sound
        self._queuing: list[int] = []  # handed over, ring position not known yet
        self._in_ring: list[int] = []  # clauses in the ledger, in its order; once for each part
        self._suspended = False
        self._written = False
        self._released = False
        self._finished = False
        self._first_audio = False
        self.interrupted_at: int | None = None
        self.interrupt_onset = 0
        self.resumed = 0  #: how often it went on
        self._read_along = ReadAlong(turn)
        self.ledger = PlayoutLedger()

    @property
    def generated(self) -> str:
        """What was written, in its speakable form."""
        return " ".join(self._clauses[self._dropped :]) or self._first_words.words

    @property
    def heard(self) -> str:
        return self.ledger.heard

    @property
    def sounding(self) -> bool:
        """Is there anything of it in the ring or on its way there?"""
        return bool(self._queuing) or self.ledger.waiting_samples > 0

    @property
    def between_clauses(self) -> bool:
        """Does it pause behind a clause that is not its last?"""
        return self.ledger.between_clauses and self.heard != self.generated

    @property
    def placed(self) -> bool:
        """Is the text complete, and all of it with the loudspeaker?"""
        return self._written and self._placed == len(self._clauses)

    @property
    def audible(self) -> bool:
        """Is there any sound of it, heard or not?"""
        return self._first_audio

    @property
    def started(self) -> bool:
        """Has its first sample, or that of the words in front of it, left the loudspeaker?"""
        return self._notice.sounds or self.ledger.first_dac_sample is not None

    @property
    def finished(self) -> bool:
        return self._finished

    def token(self, piece: str, now: int) -> list[Output]:
        """A piece of the text. One that comes behind its end, from a model that was given up, is too late."""
        if self._written:
            return []
        out: list[Output] = [LlmFirstToken(now, self.turn)] if self._text.piece(piece, now) else []
        for clause in self._splitter.clauses(piece):
            out += self._add([clause], now)
        return out if self._suspended else out + self._first_words.ask(self._splitter, now)

    def opens(self, rest_chars: int, clause_chars: int, *, pauses: bool) -> bool:
        """For the splitter: is the rest of the first clause audio before its first words have been played?"""
        return self._pace.opens(rest_chars, clause_chars, self._text.first_chars_per_ms, pauses=pauses)

    def flows(self, clause_chars: int, rest_chars: int, next_chars: int, tolerated_ms: float) -> bool:
        """For the splitter: is the next clause audio before one that ends here has been played?"""
        return self._text.stalled or self._pace.flows(
            clause_chars,
            rest_chars,
            next_chars,
            ahead_ms=self._ahead_ms(),
            backlog_ms=self._backlog_ms(),
            live_chars_per_ms=self._text.chars_per_ms,
            tolerated_ms=tolerated_ms,
        )

    def runs_dry(self, chars: int) -> bool:
        """For the splitter: silence before `chars` more are written and made audio?"""
        written_ms = self._pace.text_ms(chars, self._text.chars_per_ms)
        full = chars + self._splitter.waiting_chars
        return max(written_ms, self._backlog_ms()) + self._pace.voice_ms(full) > self._ahead_ms()

    def _backlog_ms(self) -> float:
        """What the voice has to do for the clauses that there are."""
        return sum(self._pace.voice_ms(len(text)) for text in self._unmade())

    def _ahead_ms(self) -> float:
        """Audio of the clauses that there are, as far as it has not been played."""
        samples = self.ledger.waiting_samples + self._ready.samples
        return samples * 1000 / SAMPLE_RATE_HZ + sum(self._pace.audio_ms(len(text)) for text in self._unmade())

    def _unmade(self) -> list[str]:
        clauses = enumerate(self._clauses[self._placed :], start=self._placed)
        return [rest for i, text in clauses if (rest := self._ready.unmade(i, text))]

    def written(self, now: int, *, complete: bool = True) -> list[Output]:
        """No more text comes. What was cut off in the middle of a clause is not begun, if anything stands before it."""
        if not self._written:
            self._text.ended()
        whole, rest = self._splitter.finish_parts()
        keep = complete or not (self._clauses or whole)
        return self._close_text([*whole, *rest] if keep else whole, self._policy.empty_text, now)

    def tell(self, text: str, now: int) -> list[Output]:
        """The whole text at once, sentence by sentence: every one is meant, also one that was there before."""
        self._rounds = None
        splitter = ClauseSplitter(_SENTENCES)
        return self._close_text([*splitter.feed(text), *splitter.finish()], self._policy.empty_text, now)

    def failed(self, now: int) -> list[Output]:
        """The text will not be completed: say what there is, or that it went wrong."""
        whole, _ = self._splitter.finish_parts()
        if self._first_words.words and not (self._clauses or whole):
            whole = [self._first_words.words, self._policy.failed_text]  # they may sound already
        return self._close_text(whole, self._policy.failed_text, now)

    def _close_text(self, rest: list[str], instead: str, now: int) -> list[Output]:
        if self._written:
            return []
        self._written = True
        out = self._add(rest, now)
        if len(self._clauses) == self._dropped:
            out += self._add([instead], now)
        return out + self._end(now)

    def _add(self, clauses: list[str], now: int) -> list[Output]:
        out: list[Output] = []
        for clause in clauses:
            text = clause if self._rounds is None else self._rounds.fresh(clause)
            if not text:
                continue
            self._clauses.append(text)
            out.append(Clause(now, self.turn, len(self._clauses) - 1, text))
        return out + self._ask(now)

    def _ask(self, now: int) -> list[Output]:
        """Give the voice its next clauses, as far ahead as is sensible."""
        policy = self._policy
        limit = self._placed + policy.ahead_clauses if self._released else policy.prepared_clauses
        if self._suspended or self.ledger.waiting_samples > policy.ahead_samples:
            return []
        out: list[Output] = []
        while self._asked < min(len(self._clauses), limit):
            out.append(Speak(self.job, self._asked, self._clauses[self._asked]))
            self._speak_asked[self._asked] = now - (self._first_words.took if self._asked == 0 else 0)
            self._asked += 1
        return out

    def spoken(self, index: int, speech: Speech | None, now: int, *, more: bool = False) -> list[Output]:
        """Clause `index` came back from the voice, or (`more`) a part of it; None: no sound, or that was all.

        Both, `more` and None: its first words cannot be said before it is complete.
        """
        if index == ACKNOWLEDGEMENT:
            return self._acknowledge(now) if self._notice.made(speech) else []
        if index < self._dropped:
            return []
        out = [] if self._clauses else self._first_words.came(speech, now, self._text)
        if more and speech is None:
            return out
        made = self._ready.add(index, speech, more=more)
        if not more:
            began = max(self._speak_asked.pop(index, now), self._voice_free)
            self._voice_free = now
            if now >= began:
                self._pace.spoke(made.chars, now - began, made.samples)
        if speech is not None and not self._first_audio:
            self._first_audio = True
            out.append(TtsFirstAudio(now, self.turn))
        return out + self._place(now)

    def release(self, now: int, since: int | None = None) -> list[Output]:
        """The turn is committed. `since`: the end of speech, from which on the user waits (None: that was just now)."""
        self._released = True
        if self.turn > 0:
            self._notice.begin(self._policy.lateness, now if since is None else since)
        return self._place(now)

    def hold(self) -> None:
        """Its words are prepared, but not said before `let_go`, though it be released: they may turn out untrue."""
        self._held = True

    def let_go(self, now: int) -> list[Output]:
        """The words that were held are true."""
        self._held = False
        return self._place(now)

    def instead(self, text: str, now: int) -> list[Output]:
        """The words that were prepared are wrong, and none has sounded: `text` is said in their place."""
        self._dropped = self._placed = self._asked = len(self._clauses)
        self._ready.clear()
        self._written = False
        return [*self.tell(text, now), *self.let_go(now)]

    def _place(self, now: int) -> list[Output]:
        """Hand over what is ready, in order."""
        if not self._released or self._held or self._suspended:
            return []
        out: list[Output] = []
        while self._placed in self._ready:
            for speech in self._ready.take(self._placed):
                out.append(Play(self.job, self._placed, speech))
                self._queuing.append(self._placed)
            if not self._ready.complete(self._placed):
                break
            self._placed += 1
        if out or self._placed > self._dropped:
            self._notice.over()
        return out + self._ask(now) + self._end(now)

    def queued(self, span: Span, speech: Speech) -> None:
        """A clause, or a part of one, lies in the ring at `span`."""
        index = self._queuing.pop(0)
        if index == ACKNOWLEDGEMENT:
            self._notice.queued(span)
            return
        self._in_ring.append(index)
        self.ledger.add(span, speech)

    def played(self, span: Span, dac_sample: int) -> list[Output]:
        """A block went to the converter."""
        before = self.ledger.first_dac_sample
        self.ledger.advance(span, dac_sample)
        self._notice.played(span)
        out: list[Output] = []
        first = self.ledger.first_dac_sample
        if before is None and first is not None:
            out.append(PlayoutStart(first, self.turn))
        if self.interrupted_at is None:
            out += self._read_along.played(dac_sample, self.ledger)
            out += self._say_what_there_is(dac_sample)
            out += self._acknowledge(dac_sample)
            out += self._ask(dac_sample)
        return out + self._end(dac_sample)

    def _say_what_there_is(self, now: int) -> list[Output]:
        """The language model has stalled: a clause that was held back so that no gap follows it waits in vain."""
        waits = self._released and not (self._written or self._suspended) and self._splitter.waiting_chars > 0
        if not waits or not self._text.stalls(now):
            return []
        return self._add(self._splitter.feed(""), now)

    # --- it takes a while -------------------------------------------------------------------------------------

    def _acknowledge(self, now: int) -> list[Output]:
        """Say that it takes a while, if it does."""
        ready = bool(self._ready) and not self._held
        if not self._notice.waits or self._suspended or ready or self._placed > self._dropped:
            return []
        free = self._asked == 0 and not self._first_words.words
        out = self._notice.step(now, self._remaining_ms(now), voice_is_free=free)
        self._queuing += [ACKNOWLEDGEMENT for each in out if isinstance(each, Play)]
        return out

    def _remaining_ms(self, now: int) -> float | None:
        """Until the answer's first sound, by what is known; None: it should have come, and nobody knows."""
        if self._held:
            return None
        if self._clauses:
            since, expected_ms = max(self._speak_asked.get(0, now), self._voice_free), 0.0
            first_chars = len(self._clauses[0])
        else:
            first_chars = self._policy.clauses.first_max_chars
            text = self._text.expected(first_chars - self._splitter.waiting_chars)
            if text is None:
                return None
            since, expected_ms = text
        left = expected_ms + self._pace.voice_ms(first_chars) - (now - since) * 1000 / SAMPLE_RATE_HZ
        return left if left > 0 else None

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
            first, last = left[0][0], left[-1][0]
            for index in range(first, max(self._placed, last + 1)):  # also those between that have no sound
                self._ready.put_back(index, [speech for i, speech in left if i == index])
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
        return played.end <= played.start or played.end >= self.ledger.queued_to

    def put_away(self) -> None:
        """It is over and does not go on, or was for nothing: it may be asked what was heard, and keeps no audio."""
        self._ready.clear()
        self.ledger.let_audio_go()
