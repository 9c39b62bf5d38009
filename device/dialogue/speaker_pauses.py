"""How long does this speaker pause within a turn, and sound as if it were the end? So long is waited at least.

    pauses = SpeakerPauses(SpeakerPausePolicy())
    pauses.went_on(720.0)           # a silence of 720 ms that was not the end
    pauses.ended()                  # a turn was over
    pauses.least_wait_ms

Pauses within turns differ more between speakers than from turn to turn of one, so that one wait is too short for some
people and a waste of time for the rest. The wait is a high quantile of the recent pauses and a margin, within bounds.
Short prior pauses keep it at the lower bound until there is evidence, and draw it back there as what was heard grows
old: with every turn that ends all pauses weigh a little less. One session long; sans-IO.
"""

from collections import deque
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SpeakerPausePolicy:
    """Bounds and inertia. Units in the names."""

    lowest_ms: float = 200.0  #: without evidence; no wait is ever shorter
    highest_ms: float = 1_000.0  #: nobody makes it longer
    margin_ms: float = 100.0  #: a wait has to be longer than the pause by this
    quantile: float = 0.8  #: so many of the recent pauses are to be outwaited; one long thought is not a habit
    prior_pauses: float = 4.0  #: what is heard weighs as much as the prior after so many pauses
    half_life_turns: float = 8.0  #: after so many turns a pause weighs half


_PAUSES_KEPT = 32
_ROUND = 0.1


class SpeakerPauses:
    """The pauses of one speaker. Not thread-safe."""

    def __init__(self, policy: SpeakerPausePolicy) -> None:
        self._policy = policy
        self._pauses: deque[tuple[float, int]] = deque(maxlen=_PAUSES_KEPT)  # ms, the turn it was in
        self._turns = 0

    def went_on(self, pause_ms: float) -> None:
        """The speaker was silent for `pause_ms`, and had not finished.

        Feed the pauses that sounded like an end, so that only the wait was right or wrong: the turn model was for it
        and the words not against it. Also those in which the turn was taken too early and the speaker went on with the
        same sentence (the silence until then). A pause that was known for one is no reason to wait longer at an end.
        """
        # what is longer than any wait says no more than that
        self._pauses.append((min(max(0.0, pause_ms), self._policy.highest_ms), self._turns))

    def ended(self) -> None:
        """A turn was over: all that was heard before is a turn older."""
        self._turns += 1

    def forget(self) -> None:
        """Somebody else may be speaking."""
        self._pauses.clear()

    @property
    def least_wait_ms(self) -> float:
        """So much silence at least before a turn is over."""
        policy = self._policy
        weighed = [(policy.lowest_ms - policy.margin_ms, policy.prior_pauses)]
        weighed += [(ms, 0.5 ** ((self._turns - turn) / policy.half_life_turns)) for ms, turn in self._pauses]
        wait = _quantile(sorted(weighed), policy.quantile) + policy.margin_ms
        return min(max(wait, policy.lowest_ms), policy.highest_ms)


def _quantile(weighed: list[tuple[float, float]], quantile: float) -> float:
    """The mean of the values round the quantile: of those between `quantile` -/+ `_ROUND` of the weight.

    A mean of quantiles, so that it rises with every value (an interpolated quantile of unequal weights does not) and
    does not jump when one more pause is heard.
    """
    total = sum(weight for _, weight in weighed)
    low, high = max(0.0, quantile - _ROUND) * total, min(1.0, quantile + _ROUND) * total
    below, mean = 0.0, 0.0
    for value, weight in weighed:
        mean += value * max(0.0, min(below + weight, high) - max(below, low)) / (high - low)
        below += weight
    return mean
