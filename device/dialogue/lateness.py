"""Is it time to say that the answer takes a while?

    lateness = Lateness(LatenessPolicy(), since=speech_end_sample)
    lateness.due(now, remaining_ms=None)       # True, once: say policy.text

A few words in place of a silence that seems like a fault; but only in place of one. They are said at most once a turn,
never when the answer is about to sound by itself, and they promise nothing: not that there is an answer, nor when.
Sans-IO; times in samples at 16 kHz.
"""

from dataclasses import dataclass

from models.protocols import SAMPLE_RATE_HZ

#: Who knows that it will take long need not wait for the whole of that time first.
SURE_SHARE = 0.6


@dataclass(frozen=True, slots=True)
class LatenessPolicy:
    """When the user is told that it takes a while."""

    enabled: bool = True
    text: str = "One moment."
    after_ms: float = 1500.0  #: of silence since the end of speech
    sure_after_ms: float = SURE_SHARE * 1500.0  #: ... if by experience the answer is not there by twice `after_ms`
    worth_ms: float = 800.0  #: an answer that is expected sooner than this is waited for: the words last about as long


class Lateness:
    """One turn's waiting."""

    def __init__(self, policy: LatenessPolicy, since: int) -> None:
        """`since`: the end of speech, or if that is not known, the commit."""
        self._policy = policy
        self._since = since
        self._over = not (policy.enabled and policy.text)

    @property
    def text(self) -> str:
        return self._policy.text

    def waited_ms(self, now: int) -> float:
        return (now - self._since) * 1000 / SAMPLE_RATE_HZ

    def soon(self, now: int) -> bool:
        """May it be due shortly, so that its audio should be made?"""
        return not self._over and self.waited_ms(now) >= self._policy.sure_after_ms / 2

    def due(self, now: int, remaining_ms: float | None) -> bool:
        """Is it time? `remaining_ms`: until the answer's first sound, as far as can be said (None: not at all)."""
        if self._over:
            return False
        waited, policy = self.waited_ms(now), self._policy
        if remaining_ms is not None and remaining_ms < policy.worth_ms:
            return False
        if waited >= policy.after_ms:
            return True
        hopeless = remaining_ms is not None and waited + remaining_ms > 2 * policy.after_ms
        return hopeless and waited >= policy.sure_after_ms

    def over(self) -> None:
        """It has been said, or the answer is there: nothing is due any more."""
        self._over = True

    @property
    def is_over(self) -> bool:
        return self._over
