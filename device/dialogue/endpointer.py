"""When does somebody speak, pause, and go on? Two witnesses in, decisions out: the VAD and the level of the sound.

    pointer = Endpointer(EndpointPolicy())
    for decision in pointer.hear(pcm, sample): ...                                    # every 10 ms
    for decision in pointer.feed(probability=0.93, start_sample=0, end_sample=512): ...    # every VAD frame

The VAD says that there is a voice, with two thresholds (hysteresis): a frame is voiced from `start_probability` up, and
voice goes on until the probability falls below `stop_probability`. When a voice has ended the level knows sooner
(`voice_offset.py`): the voice lasts until the first of the two says that it is over, and goes on when both say so.
Whether a pause is the end of the turn is decided elsewhere (`turn_end.py`). Sans-IO: no clock but the sample counts.
"""

from dataclasses import dataclass

from device.dialogue.voice_offset import VoiceOffset
from models.protocols import SAMPLE_RATE_HZ, Int16s

#: Silero hears a voice for up to 350 ms after it has ended. One that it hears for longer than this, with confidence,
#: though the level says that it is quiet, is a voice that has become soft.
_SOFT_VOICE_SAMPLES = SAMPLE_RATE_HZ * 4 // 10
_SOFT_VOICE_PROBABILITY = 0.8
#: So much more sound than there was when the pause began, and the voice is back: 20 ms.
_BACK_SAMPLES = SAMPLE_RATE_HZ // 50
#: A frame of the VAD is 32 ms long, and comes late where the machine is busy. Behind a voiced one nothing is known
#: until the next; but where none has come for 100 ms, none is waited for.
_NEXT_FRAME_SAMPLES = SAMPLE_RATE_HZ // 10
#: A wake word was loud within the last 300 ms before it was known: that is how loud its speaker is.
_WORD_SAMPLES = SAMPLE_RATE_HZ * 3 // 10
#: After a cap: so much silence of the VAD, 200 ms, and who speaks then begins a new turn.
_NEW_TURN_SAMPLES = SAMPLE_RATE_HZ // 5


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
    """The pause was only a pause: silence in [start, end)."""

    start_sample: int
    end_sample: int


@dataclass(frozen=True, slots=True)
class Cap:
    """`max_utterance_ms` without an end: it is over; nothing more is heard until the next pause."""

    offset_sample: int


Decision = Onset | Pause | Resume | Cap


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
    pause_ms: float = 30.0
    max_utterance_ms: float = 60_000.0


def _samples(ms: float) -> int:
    return round(ms * SAMPLE_RATE_HZ / 1000)


class Endpointer:
    """Feed it every block and every VAD frame in order. Either quiet or talking; `talking` says which."""

    def __init__(self, policy: EndpointPolicy) -> None:
        self._policy = policy
        self._level = VoiceOffset()
        self._voiced = False  # by the VAD
        self._lingering = False  # the VAD still hears an utterance that is over
        self._heard_to = 0  # end of the newest block
        self.reset()

    def reset(self) -> None:
        """Back to quiet: what the VAD may still be hearing belongs to what is over."""
        self._lingering = self._voiced
        self._lingers_until: int | None = None  # whatever the level says
        self._over_at = self._heard_to
        self.talking = False
        self._held = False  # push-to-talk: only the release ends it
        self._onset_sample: int | None = None  # quiet: where the voiced run began; talking: the onset
        self._voiced_samples = 0
        self._voice_sample: int | None = None  # held: where the first voiced frame begins
        self._vad_offset = 0  # end of the last voiced frame
        self._paused_at: int | None = None  # the offset that the pause was told with
        self._deaf = False  # after a cap: what goes on without a pause is not a new turn
        self._quiet_samples = 0

    def forget(self) -> None:
        """Back to quiet, as if nothing had been heard."""
        self._voiced = False
        self._level.forget()
        self.reset()

    def hold(self, sample: int) -> None:
        """Push-to-talk pressed at `sample`: talking until `reset`."""
        if not self.talking:
            self.reset()
            self.talking = True
            self._onset_sample = sample
            self._vad_offset = sample
            self._level.begin(sample, sample)
        self._held = True

    def ignore(self, probability: float) -> None:
        """A VAD frame of a voice that may not open a turn: only whether there is one is remembered."""
        self._voiced = probability >= (
            self._policy.stop_probability if self._voiced else self._policy.onset.probability
        )

    def expect(self, sample: int) -> None:
        """A wake word is known at `sample`: the VAD still hears it, and what is loud from there on is new."""
        self.reset()
        self._over_at = max(self._over_at, sample)
        self._lingers_until = sample + _SOFT_VOICE_SAMPLES
        self._level.begin(sample - _WORD_SAMPLES, sample)

    @property
    def voiced(self) -> bool:
        """Does the VAD hear a voice, whoever's it is?"""
        return self._voiced

    @property
    def heard_voice(self) -> bool:
        """Was any frame voiced since the onset? (Always so unless held.)"""
        return self._voiced_samples > 0

    @property
    def voice_sample(self) -> int | None:
        """Where the voice begins, while the button is held; None: there is none yet, or no button."""
        return self._voice_sample

    @property
    def paused(self) -> bool:
        return self._paused_at is not None

    @property
    def offset_sample(self) -> int:
        """End of the voice since the onset, as far as it is known."""
        loud = self._level.last_loud_sample
        return self._vad_offset if loud is None else min(self._vad_offset, loud)

    def hear(self, pcm: Int16s, sample: int) -> list[Decision]:
        """`pcm`: (n,) int16, the newest block of the microphone, from `sample` on."""
        self._level.feed(pcm, sample)
        self._heard_to = sample + pcm.size
        if not self.talking:
            return []
        assert self._onset_sample is not None
        now = sample + pcm.size
        if now - self._onset_sample >= _samples(self._policy.max_utterance_ms):
            offset = self.offset_sample
            self.reset()
            self._deaf = True
            return [Cap(offset)]
        quiet_since = self._quiet_since(now)
        pause_samples = _samples(self._policy.pause_ms)
        if self.paused or not self.heard_voice or quiet_since is None or now - quiet_since < pause_samples:
            return []
        self._paused_at = self.offset_sample
        return [Pause(self._paused_at)]

    def _quiet_since(self, now: int) -> int | None:
        """By the one of the two that says that the voice is over, be it for so long as a block; None: neither can."""
        if self._voiced and now - self._vad_offset < _NEXT_FRAME_SAMPLES:
            return self._level.last_loud_sample
        return self.offset_sample

    def feed(
        self, probability: float, start_sample: int, end_sample: int, *, over_playout: bool = False
    ) -> list[Decision]:
        """One VAD frame [start_sample, end_sample). `over_playout`: the loudspeaker speaks, use the barge-in rule."""
        policy = self._policy
        self._voiced = probability >= (policy.stop_probability if self._voiced else policy.onset.probability)
        if self.talking:
            return self._talk(probability, end_sample - start_sample, end_sample)
        if self._deaf:
            self._wait_for_pause(end_sample - start_sample)
        if self._deaf or (self._lingering and not self._begins_anew(end_sample)):
            return []
        rule = policy.barge_in if over_playout else policy.onset
        if probability < policy.stop_probability:
            self._onset_sample, self._voiced_samples = None, 0
            return []
        if probability >= rule.probability:  # between the two what has been gathered stands
            self._onset_sample = start_sample if self._onset_sample is None else self._onset_sample
            self._voiced_samples += end_sample - start_sample
        if self._onset_sample is None or self._voiced_samples < _samples(rule.min_speech_ms):
            return []
        self.talking = True
        self._vad_offset = end_sample
        self._level.begin(self._onset_sample, end_sample)
        return [Onset(self._onset_sample)]

    def _begins_anew(self, end_sample: int) -> bool:
        """Is what the VAD hears more than the end of what it heard before?"""
        if self._lingers_until is not None and end_sample >= self._lingers_until:
            self._lingering = False
            return True
        loud = self._level.last_loud_sample
        since = max(self._over_at, end_sample - 4 * _BACK_SAMPLES)
        self._lingering = self._voiced and (loud is None or loud <= since + 2 * _BACK_SAMPLES)
        return not self._lingering

    def _wait_for_pause(self, frame_samples: int) -> None:
        self._quiet_samples = 0 if self._voiced else self._quiet_samples + frame_samples
        if self._quiet_samples >= _NEW_TURN_SAMPLES:
            self.reset()

    def _talk(self, probability: float, frame_samples: int, end_sample: int) -> list[Decision]:
        if not self._voiced:
            return []
        if self._held and not self.heard_voice:
            self._voice_sample = end_sample - frame_samples
        self._voiced_samples += frame_samples
        self._vad_offset = end_sample
        loud = self._level.last_loud_sample
        if loud is not None and end_sample - loud > _SOFT_VOICE_SAMPLES and probability >= _SOFT_VOICE_PROBABILITY:
            self._level.doubt(end_sample)
        if self._paused_at is None or self.offset_sample <= self._paused_at + _BACK_SAMPLES:
            return []
        start, self._paused_at = self._paused_at, None
        return [Resume(start, max(start, end_sample - frame_samples))]
