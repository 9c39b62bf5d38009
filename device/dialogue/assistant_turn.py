"""The assistant's turn: the answer that is being made or played, and those that fell silent.

    mine = AssistantTurn(answer_policy, resume_policy, history, boundary, jobs)
    answer = mine.draft(turn=1, now=now)        # for a hypothesis: it may come to nothing
    mine.take(answer)                           # committed
    mine.hear(now, played, dac_sample)          # every block: what sounded
    mine.interrupted(now, onset_sample)         # somebody speaks over it

At most one answer is in hand. Sans-IO.
"""

from device.card import Span
from device.dialogue.answer import Answer, AnswerPolicy
from device.dialogue.boundary import CommitBoundary
from device.dialogue.commands import Jobs, Output, Warm
from device.dialogue.history import History
from device.dialogue.interruption import Interruptions, ResumePolicy
from device.dialogue.pace import Pace
from models.protocols import SAMPLE_RATE_HZ

#: Nobody reacts to a sound sooner than this: who speaks within 200 ms of it was going to.
_REACTION_SAMPLES = SAMPLE_RATE_HZ // 5


class AssistantTurn:
    """All that is said by the assistant in one conversation."""

    def __init__(
        self, policy: AnswerPolicy, resume: ResumePolicy, history: History, boundary: CommitBoundary, jobs: Jobs
    ) -> None:
        self._policy = policy
        self._history = history
        self._boundary = boundary
        self._jobs = jobs
        self._pace = Pace()
        self._answer: Answer | None = None  # committed, being made or played
        self._last: Answer | None = None  # the newest that was in hand
        self.silenced = Interruptions(resume, history)  #: answers that fell silent, until it is known why

    def voice_goes_on(self, behind_opening_ms: float) -> None:
        """So soon the voice goes on behind an opening, by its own account."""
        self._pace.goes_on(behind_opening_ms)

    @property
    def in_hand(self) -> Answer | None:
        """The answer that is being made or played."""
        return self._answer

    @property
    def last_text(self) -> str:
        """All that was written of the newest answer, heard or not."""
        return "" if self._last is None else self._last.generated

    @property
    def playing(self) -> bool:
        """Does an answer sound?"""
        return self._answer is not None and self._answer.started

    @property
    def under_way(self) -> Answer | None:
        """The answer in hand, or one that waits to go on."""
        return self._answer or self.silenced.waiting

    def draft(self, turn: int, now: int) -> Answer:
        """An answer to `turn` in a cancel scope of its own; nobody hears of it before `take`."""
        return Answer(self._jobs.next(), turn, self._policy, self._pace, asked=now)

    def take(self, answer: Answer) -> None:
        """`answer` is committed."""
        self._answer = self._last = answer

    def announce(self, text: str, now: int) -> list[Output]:
        """Say something that answers no turn: its events carry the number 0."""
        self._answer = self._last = answer = Answer(self._jobs.next(), 0, self._policy, self._pace)
        self._boundary.announce(answer.job)
        return [*answer.tell(text, now), *answer.release(now)]

    def working(self, job: int) -> Answer | None:
        """The committed answer that `job` works for, if it is still wanted."""
        return next((a for a in (self._answer, self.silenced.waiting) if a is not None and a.job == job), None)

    def hear(self, now: int, played: Span, dac_sample: int) -> list[Output]:
        """A block went to the converter."""
        out = self.silenced.hear(now, played, dac_sample)
        return out if self._answer is None else out + self._answer.played(played, dac_sample)

    def unnoticed(self, onset_sample: int) -> bool:
        """Is there an answer that who began to speak at `onset_sample` cannot have noticed yet?"""
        if self._answer is None:
            return False
        first = self._answer.ledger.first_dac_sample
        return first is None or onset_sample - first < _REACTION_SAMPLES

    def interrupted(self, now: int, onset_sample: int) -> list[Output]:
        """Somebody speaks over it, or so it seems: silence first."""
        answer, self._answer = self._answer, None
        out = [] if answer is None else self.silenced.begin(answer, now, onset_sample)
        self.silenced.nothing(None)  # it may have been about to go on
        return out

    def go_on(self, now: int) -> list[Output]:
        """An answer that was silenced for nothing, as soon as it can."""
        answer, out = self.silenced.go_on(now)
        if answer is not None:
            self._answer = answer
        return out

    def over(self, now: int, at_sample: int) -> list[Output]:
        """The answer in hand is not wanted any more since `at_sample`; what was heard of it is certain soon."""
        answer, self._answer = self._answer, None
        return [] if answer is None else self.silenced.final(answer, now, at_sample)

    def stop(self, now: int) -> list[Output]:
        """No answer is wanted any more, and what was heard is what is known now."""
        return [*self.over(now, now), *self.silenced.settle_all()]

    def lost(self, sample: int) -> list[Output]:
        """The card died at `sample`: nothing sounded after that."""
        speaking = self._speaking
        out = self.over(sample, sample)
        for each in speaking:
            each.cut(sample)
        return out

    @property
    def newest_turn(self) -> int:
        """The number of the turn that was being answered last; 0: none is."""
        speaking = self._speaking
        return speaking[-1].turn if speaking else 0

    @property
    def _speaking(self) -> list[Answer]:
        """All of which it is not certain yet what was heard, the newest last."""
        return [*self.silenced.answers, *([] if self._answer is None else [self._answer])]

    def finished(self) -> list[Output]:
        """Close an answer that has come to its end."""
        if self._answer is None or not self._answer.finished:
            return []
        answer, self._answer = self._answer, None
        answer.put_away()
        self._history.assistant(answer.heard)
        return [Warm(self._history.messages)]
