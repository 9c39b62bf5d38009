"""When does somebody speak, pause, go on, and end? Voice probabilities in, decisions out.

    pointer = Endpointer(EndpointPolicy())
    for decision in pointer.feed(probability=0.93, start_sample=0, end_sample=512): ...

Two thresholds (hysteresis): a frame is voiced from `start_probability` up, and voice goes on until the probability
falls below `stop_probability`. Sans-IO: no clock but the sample counts it is fed with.
"""

from dataclasses import dataclass

from models.protocols import SAMPLE_RATE_HZ


@dataclass(frozen=True, slots=True)
class Onset:
    """Speech began at `onset_sample` (first voiced sample)."""

    onset_sample: int


@dataclass(frozen=True, slots=True)
class Pause:
    """Silence for `pause_ms`, the last voiced sample is `offset_sample`: time to prepare an answer."""

    offset_sample: int


@dataclass(frozen=True, slots=True)
class Resume:
    """The pause was only a pause."""


@dataclass(frozen=True, slots=True)
class End:
    """Silence for `end_silence_ms`: the utterance is over; its last voiced sample is `offset_sample`."""

    offset_sample: int


@dataclass(frozen=True, slots=True)
class Cap:
    """`max_utterance_ms` without an end: it is over; nothing more is heard until the next pause."""

    offset_sample: int


Decision = Onset | Pause | Resume | End | Cap


@dataclass(frozen=True, slots=True)
class OnsetRule:
    """What it takes to believe that somebody began to speak."""

    probability: float = 0.5  #: a frame at or above counts as voiced
    min_speech_ms: float = 64.0  #: so much voice before it is believed


@dataclass(frozen=True, slots=True)
class EndpointPolicy:
    """Thresholds, with units. Defaults as in the configuration."""

    onset: OnsetRule = OnsetRule()
    barge_in: OnsetRule = OnsetRule(probability=0.6, min_speech_ms=64.0)  #: used while the loudspeaker speaks
    stop_probability: float = 0.35
    pause_ms: float = 128.0
    end_silence_ms: float = 600.0
    max_utterance_ms: float = 60_000.0


def _samples(ms: float) -> int:
    return round(ms * SAMPLE_RATE_HZ / 1000)


class Endpointer:
    """Feed it every VAD frame in order. Either quiet or talking; `talking` says which."""

    def __init__(self, policy: EndpointPolicy) -> None:
        self._policy = policy
        self._held = False  # push-to-talk: only the release ends it
        self.reset()

    def reset(self) -> None:
        """Back to quiet, as if nothing had been heard."""
        self.talking = False
        self._held = False
        self._onset_sample: int | None = None  # quiet: where the voiced run began; talking: the onset
        self._voiced_samples = 0
        self._offset_sample = 0
        self._voiced = False
        self._paused = False
        self._deaf = False  # after a cap: what goes on without a pause is not a new turn
        self._silence_samples = 0

    def hold(self, sample: int) -> None:
        """Push-to-talk pressed at `sample`: talking until `reset`; pauses are told, ends are not."""
        if not self.talking:
            self.reset()
            self.talking = True
            self._onset_sample = sample
            self._offset_sample = sample
        self._held = True

    @property
    def heard_voice(self) -> bool:
        """Was any frame voiced since the onset? (Always so unless held.)"""
        return self._voiced_samples > 0

    @property
    def offset_sample(self) -> int:
        """End of the last voiced frame since the onset."""
        return self._offset_sample

    def feed(
        self, probability: float, start_sample: int, end_sample: int, *, over_playout: bool = False
    ) -> list[Decision]:
        """One VAD frame [start_sample, end_sample). `over_playout`: the loudspeaker speaks, use the barge-in rule."""
        if self.talking:
            return self._talk(probability, start_sample, end_sample)
        if self._deaf:
            self._wait_for_pause(probability, end_sample - start_sample)
            return []
        rule = self._policy.barge_in if over_playout else self._policy.onset
        if probability < self._policy.stop_probability:
            self._onset_sample, self._voiced_samples = None, 0
            return []
        if probability < rule.probability:
            return []  # neither voice nor silence: what has been gathered stands
        if self._onset_sample is None:
            self._onset_sample = start_sample
        self._voiced_samples += end_sample - start_sample
        if self._voiced_samples < _samples(rule.min_speech_ms):
            return []
        self.talking = True
        self._voiced = True
        self._offset_sample = end_sample
        return [Onset(self._onset_sample)]

    def _wait_for_pause(self, probability: float, frame_samples: int) -> None:
        silent = probability < self._policy.stop_probability
        self._silence_samples = self._silence_samples + frame_samples if silent else 0
        if self._silence_samples >= _samples(self._policy.pause_ms):
            self.reset()

    def _talk(self, probability: float, start_sample: int, end_sample: int) -> list[Decision]:
        assert self._onset_sample is not None
        policy = self._policy
        self._voiced = probability >= (policy.stop_probability if self._voiced else policy.onset.probability)
        out: list[Decision] = []
        if self._voiced:
            self._voiced_samples += end_sample - start_sample
            self._offset_sample = end_sample
            if self._paused:
                self._paused = False
                out.append(Resume())
        silence = end_sample - self._offset_sample
        if not self._held and silence >= _samples(policy.end_silence_ms):
            offset = self._offset_sample
            self.reset()
            return [*out, End(offset)]
        if end_sample - self._onset_sample >= _samples(policy.max_utterance_ms):
            offset = self._offset_sample
            self.reset()
            self._deaf = True
            return [*out, Cap(offset)]
        if not self._paused and silence >= _samples(policy.pause_ms) and self.heard_voice:
            self._paused = True
            out.append(Pause(self._offset_sample))
        return out
