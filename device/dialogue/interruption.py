"""Answers that were silenced, until it is known whether anybody meant it.

    silenced = Interruptions(ResumePolicy(), history)
    silenced.begin(answer, now, onset)              # [Flush, Suspend]: silence first
    silenced.hear(now, played, dac_sample)          # each block
    silenced.nothing("no_words"); answer, out = silenced.go_on(now)         # it was a cough
    silenced.settle_all()                           # there were words: the answer is over

An answer that waits has its work in hand brought to an end, asks for no more, and nothing of it is played. It is given
up when words were understood, or when nothing is known after `within_ms`; one of which no word was heard waits for as
long as that takes, for who asked still wants to know. Sans-IO.
"""

from dataclasses import dataclass
from typing import Literal

from device.card import Span
from device.dialogue.answer import Answer
from device.dialogue.backchannels import BACKCHANNELS, Backchannels
from device.dialogue.commands import Cancel, Continue, Flush, Output, Suspend
from device.dialogue.events import Interrupted, Resumed
from device.dialogue.history import History
from models.protocols import SAMPLE_RATE_HZ

Reason = Literal["no_words", "backchannel"]


@dataclass(frozen=True, slots=True)
class ResumePolicy:
    """When an answer goes on that was interrupted by nothing."""

    enabled: bool = True
    within_ms: float = 4000.0  #: if that is known so soon after it fell silent, and some of it had been heard
    times: int = 3  #: one that was heard no more often than this: something is wrong with the microphone then
    backchannels: str = BACKCHANNELS  #: what does not interrupt either, divided by commas


@dataclass(slots=True)
class _Waiting:
    answer: Answer
    at_sample: int  # when it was silenced
    onset_sample: int
    silent: bool = False  # nothing more of it can sound: what was heard is certain
    nothing: Reason | None = None  # it was no interruption: go on as soon as it is silent


class Interruptions:
    """All answers that were silenced: at most one that may go on, and those that are over but not certain yet."""

    def __init__(self, policy: ResumePolicy, history: History) -> None:
        self._policy = policy
        self._history = history
        self._backchannels = Backchannels(policy.backchannels)
        self._waiting: _Waiting | None = None
        self._settling: list[Answer] = []

    @property
    def waiting(self) -> Answer | None:
        """The answer that may yet go on."""
        return None if self._waiting is None else self._waiting.answer

    @property
    def answers(self) -> list[Answer]:
        """All that were silenced and are not certain yet."""
        return [*self._settling, *([] if self._waiting is None else [self._waiting.answer])]

    def begin(self, answer: Answer, now: int, onset_sample: int) -> list[Output]:
        """Somebody speaks over `answer`, or so it seems."""
        if not self._policy.enabled or (answer.resumed >= self._policy.times and answer.heard):
            return self.final(answer, now, onset_sample)
        answer.suspend()
        self._waiting = _Waiting(answer, now, onset_sample)
        return [Flush(), Suspend(answer.job)]

    def final(self, answer: Answer, now: int, onset_sample: int) -> list[Output]:
        """`answer` is not wanted any more: silence first, then the rest."""
        answer.interrupt(now, onset_sample)
        self._settling.append(answer)
        return [Flush(), Cancel(answer.job)]

    def hear(self, now: int, played: Span, dac_sample: int) -> list[Output]:
        """A block went to the converter."""
        out: list[Output] = []
        for answer in list(self._settling):
            out += answer.played(played, dac_sample)
            if answer.settled(played):
                self._settling.remove(answer)
                out += self._settle(answer)
        cut = self._waiting
        if cut is None:
            return out
        out += cut.answer.played(played, dac_sample)
        if not cut.silent and cut.answer.settled(played):
            cut.silent = True
            self._history.so_far(cut.answer.heard)
        waited = now - cut.at_sample > self._policy.within_ms * SAMPLE_RATE_HZ / 1000
        if waited and (cut.answer.heard or not cut.silent):
            out += self.give_up()
        return out

    def excuse(self, text: str, *, by_button: bool) -> Reason | None:
        """Why does no turn come of an utterance with this transcript? None: one does."""
        if not text:
            return "no_words"
        answer = self.waiting
        if answer is None or by_button or text not in self._backchannels:
            return None
        # "Yeah" behind a question, or when all has been said, is an answer
        listening = answer.started and answer.heard != answer.generated and not answer.heard.endswith("?")
        return "backchannel" if listening else None

    def nothing(self, why: Reason | None) -> None:
        """What silenced the answer was nothing (None: that is open again)."""
        if self._waiting is not None:
            self._waiting.nothing = why

    def go_on(self, now: int) -> tuple[Answer | None, list[Output]]:
        """The answer that was silenced for nothing, once what was heard of it is certain."""
        cut = self._waiting
        if cut is None or cut.nothing is None or not cut.silent:
            return None, []
        self._waiting = None
        rest = cut.answer.resume(now)
        told = Resumed(now, cut.answer.turn, cut.at_sample, cut.answer.heard, cut.nothing)
        return cut.answer, [Continue(cut.answer.job), told, *rest]

    def settle_all(self) -> list[Output]:
        """None of them goes on, and what was heard of them is what is known now."""
        out = self.give_up()
        while self._settling:
            out += self._settle(self._settling.pop(0))
        return out

    def give_up(self) -> list[Output]:
        """The answer that may go on does not."""
        cut, self._waiting = self._waiting, None
        if cut is None:
            return []
        cut.answer.interrupt(cut.at_sample, cut.onset_sample)
        if cut.silent:
            return [Cancel(cut.answer.job), *self._settle(cut.answer)]
        self._settling.append(cut.answer)
        return [Cancel(cut.answer.job)]

    def _settle(self, answer: Answer) -> list[Output]:
        """What was heard of an interrupted answer is certain now."""
        assert answer.interrupted_at is not None
        answer.put_away()
        self._history.assistant(answer.heard, broken_off=True)
        return [Interrupted(answer.interrupted_at, answer.turn, answer.interrupt_onset, answer.generated, answer.heard)]
