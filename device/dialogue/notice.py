"""The few words that say that an answer takes a while: asked of the voice in time, said only when they are due.

    notice = Notice(job=3, turn=1)
    notice.begin(LatenessPolicy(), since=speech_end_sample)
    notice.step(now, remaining_ms, voice_is_free=True)     # [Speak]; when they are due [Acknowledged, Play]

When they are due says `lateness`. They lie in front of the answer in the ring, and are no words of it. Sans-IO.
"""

from device.card import Span
from device.dialogue.commands import Output, Play, Speak
from device.dialogue.events import Acknowledged
from device.dialogue.lateness import Lateness, LatenessPolicy
from models.protocols import Speech

ACKNOWLEDGEMENT = -1  #: their index among the clauses of the answer


class Notice:
    """That of one answer."""

    def __init__(self, job: int, turn: int) -> None:
        self._job = job
        self._turn = turn
        self._lateness: Lateness | None = None
        self._speech: Speech | None = None  # ready
        self._asked = False
        self._due = False
        self._span = Span(0, 0)  # in the ring
        self.sounds = False  #: or has sounded

    def begin(self, policy: LatenessPolicy, since: int) -> None:
        """Somebody waits since then."""
        self._lateness = Lateness(policy, since)

    def over(self) -> None:
        """The answer is there: nothing is to be said any more."""
        if self._lateness is not None:
            self._lateness.over()

    @property
    def waits(self) -> bool:
        """May it still have to be said?"""
        return self._lateness is not None and not self._lateness.is_over

    def step(self, now: int, remaining_ms: float | None, *, voice_is_free: bool) -> list[Output]:
        """Ask for the words, or say them. `remaining_ms`: until the answer's first sound (None: nobody knows).

        `voice_is_free`: it has no clause of the answer yet, and the words may be made before they are due.
        """
        late = self._lateness
        if late is None or late.is_over:
            return []
        self._due = late.due(now, remaining_ms)
        if self._speech is None:
            if self._asked or not (self._due or (late.soon(now) and voice_is_free)):
                return []
            self._asked = True
            return [Speak(self._job, ACKNOWLEDGEMENT, late.text)]
        if not self._due:
            return []
        late.over()
        return [Acknowledged(now, self._turn, late.text), Play(self._job, ACKNOWLEDGEMENT, self._speech)]

    def made(self, speech: Speech | None) -> bool:
        """They came back from the voice; None: without a sound. Were they due already?"""
        self._speech = speech
        return self._due

    def queued(self, span: Span) -> None:
        """They lie in the ring at `span`."""
        self._span = span

    def played(self, span: Span) -> None:
        """A block went to the converter."""
        if span.end > self._span.start and span.start < self._span.end:
            self.sounds = True
