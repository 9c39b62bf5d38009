"""A question that must be answered with a clear yes before something is done.

    confirmation = Confirmation(ConfirmationPolicy())
    confirmation.ask(meaning, answer, turn=3)           # `answer` puts it
    confirmation.reading("Yes, do it.", onset_sample, probability=0.9)         # "yes"

Only a clear yes counts, and only one that began after the question had been heard whole: who answers earlier cannot
know what is asked. What is unclear, or too early, has the question put once more. Any other words drop it. Sans-IO.
"""

from dataclasses import dataclass
from typing import Literal

from device.dialogue.answer import Answer
from device.dialogue.control_words import control_in, phrases_of, without_politeness, words_of
from device.dialogue.deeds import Meaning
from models.protocols import SAMPLE_RATE_HZ

Word = Literal["yes", "no", "unclear"]
#: "left": it was asked often enough, and is not done; "other": no answer to it at all.
Reading = Literal["yes", "no", "again", "left", "other"]

_YES = (
    "yes, yeah, yep, yup, yes yes, yes do, yes do it, do it, do that, go ahead, go ahead and do it, please do, sure, "
    "of course, certainly, absolutely, definitely, correct, that's right, that is right, yes i do, yes i am, i'm sure, "
    "yes i'm sure, i am sure, yes that's right, yes go ahead, yeah do it, yeah go ahead, confirm, confirmed, i confirm"
)
_NO = (
    "no, nope, nah, no no, no don't, don't, do not, don't do it, do not do it, don't do that, no don't do it, no way, "
    "better not, rather not, i'd rather not, leave it, no leave it, no cancel, absolutely not, of course not, not now, "
    "certainly not, no thanks, no thank you, no stop, no never mind, no forget it, wait no, abort, know"
)
#: Assent that may be none: a listener's noises too.
_UNCLEAR = (
    "ok, okay, right, alright, all right, hm, hmm, mm, mhm, mm hm, mm hmm, uh huh, uh, um, er, maybe, perhaps, "
    "i guess, i guess so, i think so, i don't know, i am not sure, i'm not sure, not sure, what, "
    "huh, sorry, fine, good, why, now"
)
_WORDS: tuple[tuple[Word, frozenset[tuple[str, ...]]], ...] = (
    ("yes", frozenset(phrases_of(_YES))),
    ("no", frozenset(phrases_of(_NO))),
    ("unclear", frozenset(phrases_of(_UNCLEAR))),
)
#: So few words that the recogniser itself doubts are a misheard yes or no rather than a change of subject.
_FEW_WORDS = 2
_LEADS = phrases_of("oh, well, um, uh, ok, okay, please")
_TAILS = phrases_of("please, thanks, thank you, now, then")


def answer_in(text: str) -> Word | None:
    """Yes, no, or something between them; None: other words. "Yes, but tomorrow" is other words."""
    words = words_of(text)
    for each in (words, without_politeness(words, _LEADS, _TAILS)):
        for word, phrases in _WORDS:
            if tuple(each) in phrases:
                return word
    return "no" if control_in(text) in ("stop", "never_mind") else None


@dataclass(frozen=True, slots=True)
class ConfirmationPolicy:
    """How a question is handled."""

    expires_ms: float = 30_000.0  #: nobody says anything for so long: it is dropped
    repeats: int = 1  #: so often it is put again
    least_probability: float = 0.35  #: of a transcript that is a clear yes, or of a word or two that are none


@dataclass(slots=True)
class Pending:
    """A question that waits. `answer`: what puts it; None: it is to be put (again), of its own accord."""

    meaning: Meaning
    turn: int  #: in which it was asked last; 0: in none
    answer: Answer | None = None
    repeats: int = 0

    @property
    def heard_sample(self) -> int | None:
        """When its last word had left the loudspeaker; None: that has not been so yet."""
        answer = self.answer
        if answer is None or answer.heard != answer.generated:
            return None
        return answer.ledger.words_end_sample

    @property
    def broken_off(self) -> bool:
        """Was it not heard, and will not be?"""
        answer = self.answer
        if answer is None:
            return True
        return (answer.finished or answer.interrupted_at is not None) and self.heard_sample is None


class Confirmation:
    """At most one question waits."""

    def __init__(self, policy: ConfirmationPolicy, pending: Meaning | None = None) -> None:
        """`pending`: a question from before a restart; it is put again first."""
        self._policy = policy
        self.pending = None if pending is None else Pending(pending, 0)

    def ask(self, meaning: Meaning, answer: Answer, turn: int) -> None:
        """`answer` puts the question of `meaning`. The same one again: it keeps its count."""
        known = self.pending
        if known is not None and known.meaning == meaning:
            known.answer, known.turn = answer, turn
        else:
            self.pending = Pending(meaning, turn, answer)

    def put_again(self) -> bool:
        """May it be put once more? Counts."""
        pending = self.pending
        if pending is None or pending.repeats >= self._policy.repeats:
            return False
        pending.repeats += 1
        return True

    def reading(self, text: str, onset_sample: int, probability: float) -> Reading:
        """What these words are to the question that waits. `onset_sample`: when their voice began."""
        pending = self.pending
        word = answer_in(text)
        if word is None and probability < self._policy.least_probability and len(words_of(text)) <= _FEW_WORDS:
            word = "unclear"
        if pending is None or word is None:
            return "other"
        if word == "no":  # never too early: nothing is done
            return "no"
        heard = pending.heard_sample
        clear = word == "yes" and probability >= self._policy.least_probability
        if clear and heard is not None and onset_sample >= heard:
            return "yes"
        return "again" if pending.repeats < self._policy.repeats else "left"

    def expired(self, now: int, idle_since: int) -> bool:
        """Has nobody answered for too long?"""
        pending = self.pending
        if pending is None or pending.heard_sample is None:
            return False
        return now - max(idle_since, pending.heard_sample) > self._policy.expires_ms * SAMPLE_RATE_HZ / 1000

    def settle(self) -> Pending:
        """It waits no longer."""
        pending, self.pending = self.pending, None
        assert pending is not None
        return pending
