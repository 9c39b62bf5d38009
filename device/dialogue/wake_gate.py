"""Is anybody being listened to? In wake mode only who has just been invited: by the wake word, the button, an answer.

    gate = WakeGate(WakePolicy())
    gate.woken(detection.end_sample); gate.open         # True: the next voice has the turn
    gate.tick(now, turn=False, sounding=False)          # each block: [Chime("listening")], ... [WakeTimeout, Chime]
    gate.committed(now); gate.answered(now, question=True)

The gate opens
    at a wake word or a tap of the button, for `attend_ms`; who goes on speaking in one breath hears no earcon;
    when an answer has been heard to its end, for `follow_up_ms`, or `follow_up_question_ms` if it was a question;
    and stays open for a moment behind a commit, for the turn may have been taken within a sentence.
While the user has the turn no time runs out, and when nothing came of it (a cough) some of it is left. An answer that
sounds closes the gate. Sans-IO: times are capture samples.
"""

from dataclasses import dataclass
from typing import Literal

from device.dialogue.commands import Chime, Output
from device.dialogue.events import WakeTimeout
from models.protocols import SAMPLE_RATE_HZ

Invitation = Literal["word", "button", "answer"]

#: Who pauses for so long behind the wake word waits for a sign; who does not is not talked into.
EARCON_AFTER_MS = 300.0
#: So long behind a commit the same person may still be speaking: the longest pause within a sentence.
_GRACE_MS = 1500.0
#: What is left of an invitation at least when no turn came of what was heard.
_REST_MS = 1500.0


@dataclass(frozen=True, slots=True)
class WakePolicy:
    """How a voice gets the turn when it is not simply given to every voice."""

    attend_ms: float = 6000.0  #: from the wake word to the first word of the command
    follow_up_ms: float = 4000.0  #: from the end of an answer to what is said to it; 0: the wake word first
    follow_up_question_ms: float = 8000.0  #: ... when the answer was a question
    barge_in: Literal["word", "any"] = "word"  #: what stops an answer: the wake word and control words, or any voice


def samples(ms: float) -> int:
    """`ms` as capture samples."""
    return round(ms * SAMPLE_RATE_HZ / 1000)


class WakeGate:
    """Who may speak to the assistant. One thread."""

    def __init__(self, policy: WakePolicy) -> None:
        self._policy = policy
        self._invitation: Invitation | None = None
        self._grace = False  # open for the sentence that goes on, and for nothing else
        self._since = 0
        self._until = 0
        self._told = True  # that somebody is listening

    @property
    def open(self) -> bool:
        """May a voice open a turn?"""
        return self._invitation is not None or self._grace

    @property
    def attentive(self) -> bool:
        """Is somebody invited to speak, and nobody speaks yet?"""
        return self._invitation is not None

    @property
    def called(self) -> bool:
        """Has somebody called, and not spoken yet? Whoever did is not to be talked into."""
        return self._invitation in ("word", "button")

    def woken(self, sample: int, by: Literal["word", "button"] = "word") -> None:
        """Somebody wants to be heard since `sample`."""
        self._open(by, sample, self._policy.attend_ms)

    def answered(self, sample: int, *, question: bool) -> None:
        """An answer was heard to its end at `sample`."""
        window_ms = self._policy.follow_up_question_ms if question else self._policy.follow_up_ms
        if window_ms:
            self._open("answer", sample, window_ms)
        else:
            self.close()

    def committed(self, sample: int) -> None:
        """The turn is the assistant's: what is still said now belongs to it."""
        self._invitation, self._grace, self._told = None, True, True
        self._until = sample + samples(_GRACE_MS)

    def close(self) -> None:
        """Nobody is invited any more."""
        self._invitation, self._grace = None, False

    def tick(self, now: int, *, turn: bool, sounding: bool, voice: bool = False) -> list[Output]:
        """The clock stands at `now`. `turn`: the user has the turn; `sounding`: an answer sounds.

        `voice`: there may be one just now, though no turn has come of it yet.
        """
        if not self.open:
            return []
        if turn:
            self._until = max(self._until, now + samples(_REST_MS))
            self._told = True
            return []
        if sounding:
            self.close()
            return []
        if now >= self._until:
            return self._time_out(now)
        if not self._told and not voice and now - self._since >= samples(EARCON_AFTER_MS):
            self._told = True
            return [Chime("listening")]
        return []

    def _open(self, by: Invitation, sample: int, for_ms: float) -> None:
        self._invitation, self._grace = by, False
        self._since, self._until = sample, sample + samples(for_ms)
        self._told = by == "answer"  # the answer itself has told them

    def _time_out(self, now: int) -> list[Output]:
        by = self._invitation
        self.close()
        if by is None:
            return []
        # behind every answer it would be one sound too many
        return [WakeTimeout(now, 0, by), *([] if by == "answer" else [Chime("not listening")])]
