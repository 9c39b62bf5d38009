"""What is done without when the machine is behind: by rule, one step after the other, and back.

    degrade = Degrade(DegradePolicy())
    for event in degrade.decoded(sample, transcript.audio_ms, transcript.decode_ms): publish(event)
    interval_ms = 700 * degrade.partial_interval_factor

Fed with what was measured, each with its capture sample. In this order it gives up: every second partial, three of
four, speculation, the recogniser's full effort. Microphone samples are not on the list: nothing here can drop one.

Up quickly, down slowly. A measurement above its limit counts when it is the second in a row, so that one slow decode
(a page fault, the first of a model) changes nothing; then it is a step at a time, `up_ms` apart, and a quarter of that
when it is twice the limit. Below `relief` of all limits for `down_ms` it goes a step back; in between it stays as it
is. What is not measured any more counts as calm: it can never be stuck. A step back that proves wrong makes the next
one take twice as long (`down_longest_ms` at most), so that a machine which is too slow for good does not swing.
Sans-IO.
"""

from dataclasses import dataclass
from typing import Literal

from device.dialogue.events import Degraded
from models.protocols import SAMPLE_RATE_HZ

#: What each level gives up besides what those before it do; level 0 gives up nothing.
STEPS = ("every second partial", "three of four partials", "speculation", "full effort of the recogniser")
_FACTORS = (1.0, 2.0, 4.0, 4.0, 4.0)
_NO_SPECULATION = 3
_LESS_CONTEXT = 4
#: The recogniser's window is filled up to its least length: shorter sounds cost as much as so long a one.
_SHORTEST_MS = 2000.0
#: Twice the limit is urgent: the steps follow each other so much faster.
_URGENT = 2.0
_URGENT_SHARE = 0.25
#: No fact is measured by more than this: one absurd value is as good as another.
_MOST = 1000.0

Worker = Literal["stt", "turn", "llm", "tts"]


@dataclass(frozen=True, slots=True)
class DegradePolicy:
    """Limits, above each of which the machine is behind. Units in the names."""

    enabled: bool = True
    decode_share: float = 0.5  #: a decode takes this share of the time of its audio (2 s at least)
    ear_late_ms: float = 200.0  #: the newest microphone sample is so old when it is dealt with
    wait_ms: float = 400.0  #: a job waits so long for its model
    turn_model_ms: float = 200.0  #: the turn model takes so long to answer
    temperature_c: float = 80.0  #: of the processor; a Raspberry Pi slows itself down from 80 to 85 on
    relief: float = 0.7  #: below this share of all limits it is calm (for the temperature: 5 degrees below)
    up_ms: float = 500.0  #: between two steps up
    heat_up_ms: float = 10_000.0  #: ... for heat, which takes its time to go
    down_ms: float = 10_000.0  #: so long calm: a step down
    down_longest_ms: float = 160_000.0  #: ... at most, after steps down that were wrong


#: So much cooler than the limit is cool: it would be back at the limit at once.
_COOL_C = 5.0


def _samples(ms: float) -> int:
    return round(ms * SAMPLE_RATE_HZ / 1000)


class Degrade:
    """The level of a session. One thread feeds it; times may come a little out of order."""

    def __init__(self, policy: DegradePolicy) -> None:
        self._policy = policy
        self._level = 0
        self._now = 0
        self._last: dict[str, float] = {}  # signal -> its newest share of the limit
        self._hot_sample = 0  # when it was last not calm
        self._up_sample: int | None = None  # when the last step up was
        self._down_sample: int | None = None
        self._down_ms = policy.down_ms  # as it is now

    @property
    def level(self) -> int:
        """0 (nothing is given up) to `len(STEPS)`."""
        return self._level

    @property
    def without(self) -> tuple[str, ...]:
        """What is given up, in the order in which it was."""
        return STEPS[: self._level]

    @property
    def partial_interval_factor(self) -> float:
        """Partials are so many times as far apart."""
        return _FACTORS[self._level]

    @property
    def speculate(self) -> bool:
        """May an answer be prepared before the turn is over?"""
        return self._level < _NO_SPECULATION

    @property
    def context_scale(self) -> float:
        """Below 1: the recogniser is to look at so much less than it would, and at nothing twice."""
        return 0.75 if self._level >= _LESS_CONTEXT else 1.0

    # --- what was measured ------------------------------------------------------------------------------------

    def decoded(self, sample: int, audio_ms: float, decode_ms: float, *, turn: int = 0) -> list[Degraded]:
        """A decode, partial or final, of `audio_ms` of sound took `decode_ms`."""
        share = decode_ms / max(audio_ms, _SHORTEST_MS)
        why = f"recognising takes {share:.2f} of the time of the sound"
        return self._fact("decode", sample, turn, share / self._policy.decode_share, why, self._policy.up_ms)

    def ear_late(self, sample: int, late_ms: float, *, turn: int = 0) -> list[Degraded]:
        """The newest microphone sample was `late_ms` old when it was dealt with."""
        limit = self._policy.ear_late_ms
        why = f"the microphone is {late_ms:.0f} ms behind"
        return self._fact("ear", sample, turn, late_ms / limit, why, self._policy.up_ms)

    def waited(self, sample: int, worker: Worker, wait_ms: float, *, turn: int = 0) -> list[Degraded]:
        """A job stood in the queue of `worker` for `wait_ms`."""
        limit = self._policy.wait_ms
        return self._fact(
            f"wait {worker}", sample, turn, wait_ms / limit, f"{worker} waits {wait_ms:.0f} ms", self._policy.up_ms
        )

    def judged(self, sample: int, answer_ms: float, *, turn: int = 0) -> list[Degraded]:
        """The turn model took `answer_ms`."""
        limit = self._policy.turn_model_ms
        why = f"the turn model takes {answer_ms:.0f} ms"
        return self._fact("judge", sample, turn, answer_ms / limit, why, self._policy.up_ms)

    def heat(self, sample: int, temperature_c: float | None, throttled: bool, *, turn: int = 0) -> list[Degraded]:
        """The processor is so warm (None: it cannot be known); `throttled`: it slows itself down now."""
        policy = self._policy
        hot = temperature_c is not None and temperature_c >= policy.temperature_c
        warm = temperature_c is not None and temperature_c >= policy.temperature_c - _COOL_C
        share = 1.0 if throttled or hot else policy.relief if warm else 0.0
        degrees = "" if temperature_c is None else f"{temperature_c:.0f} °C"
        why = ", ".join(part for part in (degrees, "the processor slows itself down" if throttled else "") if part)
        return self._fact("heat", sample, turn, share, why, policy.heat_up_ms)

    def tick(self, sample: int, *, turn: int = 0) -> list[Degraded]:
        """Time goes by: `sample` is now. Every block, or at least once a second."""
        self._now = max(self._now, sample)
        policy = self._policy
        if self._level == 0:
            if self._down_sample is not None and self._now - self._down_sample >= 2 * _samples(policy.down_longest_ms):
                self._down_ms = policy.down_ms  # the hard times are over
            return []
        since = max(self._hot_sample, self._up_sample or 0, self._down_sample or 0)
        if self._now - since < _samples(self._down_ms):
            return []
        self._down_sample = self._now
        return [self._told(self._level - 1, turn, f"calm for {self._down_ms / 1000:.0f} s")]

    # --- the rule ---------------------------------------------------------------------------------------------

    def _fact(self, signal: str, sample: int, turn: int, share: float, why: str, up_ms: float) -> list[Degraded]:
        """`share` of its limit."""
        if not self._policy.enabled:
            return []
        out = self.tick(sample, turn=turn)
        share = min(max(share, 0.0), _MOST) if share == share else 0.0  # noqa: PLR0124 - NaN: not measured at all
        before = self._last.get(signal, 0.0)
        self._last[signal] = share
        believed = min(before, share)
        if believed < self._policy.relief:
            return out
        self._hot_sample = self._now
        if believed < 1.0 or self._level == len(STEPS):
            return out
        wait = _samples(up_ms * (_URGENT_SHARE if believed >= _URGENT else 1.0))
        if self._up_sample is not None and self._now - self._up_sample < wait:
            return out
        self._relapsed()
        self._up_sample = self._now
        return [*out, self._told(self._level + 1, turn, why)]

    def _relapsed(self) -> None:
        """Up again so soon after a step down: that one was wrong, the next shall take longer."""
        if self._down_sample is None or (self._up_sample is not None and self._up_sample > self._down_sample):
            return  # the first step up since the last one down is the one that tells
        if self._now - self._down_sample < 2 * _samples(self._down_ms):
            self._down_ms = min(2 * self._down_ms, self._policy.down_longest_ms)

    def _told(self, level: int, turn: int, reason: str) -> Degraded:
        self._level = level
        return Degraded(self._now, turn, level, self.without, reason)
