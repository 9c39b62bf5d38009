"""How long does this speaker pause within a turn? The end-pointer's waits follow, within bounds.

    pauses = SpeakerPauses(SpeakerPausePolicy())
    pauses.went_on(720.0)           # a silence of 720 ms that was not the end
    pauses.ended()                  # a turn was over
    wait_ms = pauses.factor * 600.0

Pauses within turns differ more between speakers than from turn to turn of one, so that one wait is too short for some
people and a waste of time for the rest. The factor is a high quantile of the recent pauses, in relation to the pause
that the configured waits are made for. Prior pauses of that length keep it at 1 until there is evidence, and draw it
back as what was heard grows old: with every turn that ends all pauses weigh a little less. One session long; sans-IO.
"""

from collections import deque
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SpeakerPausePolicy:
    """Bounds and inertia. Units in the names."""

    usual_pause_ms: float = 400.0  #: the pause within a turn that the configured waits are made for: factor 1
    margin_ms: float = 100.0  #: a wait has to be longer than the pause by this
    lowest_factor: float = 0.75
    highest_factor: float = 2.0
    quantile: float = 0.8  #: so many of the recent pauses are to be outwaited; one long thought is not a habit
    prior_pauses: float = 4.0  #: evidence weighs as much as the prior after so many pauses
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

        Feed the silences that the endpointer calls pauses; also those in which the turn was taken too early and the
        speaker went on with the same sentence (the silence until then): they are the ones to learn from.
        """
        self._pauses.append((max(0.0, pause_ms), self._turns))

    def ended(self) -> None:
        """A turn was over: all that was heard before is a turn older."""
        self._turns += 1

    def forget(self) -> None:
        """Somebody else may be speaking."""
        self._pauses.clear()

    @property
    def pause_ms(self) -> float:
        """The pause that is to be outwaited: the weighted quantile of the recent pauses and the prior."""
        policy = self._policy
        weighed = [(policy.usual_pause_ms, policy.prior_pauses)]
        weighed += [(ms, 0.5 ** ((self._turns - turn) / policy.half_life_turns)) for ms, turn in self._pauses]
        return _quantile(sorted(weighed), policy.quantile)

    @property
    def factor(self) -> float:
        """What to multiply the configured waits with; 1 without evidence."""
        policy = self._policy
        factor = (self.pause_ms + policy.margin_ms) / (policy.usual_pause_ms + policy.margin_ms)
        return min(max(factor, policy.lowest_factor), policy.highest_factor)


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
