"""One utterance as it is being understood: when is it decoded, and what is known of its words?

    listening = Listening(ListeningPolicy(), onset_sample)
    want = listening.due(now, offset_sample=offset, paused=True)    # decode up to now? with which effort?
    listening.asked(job, now, want)
    heard = listening.transcribed(job, transcript)                  # None: nobody waits for it any more

While the speaker goes on, a quick decode now and then gives captions and the stable prefix. When it goes quiet, what
was said so far is decoded at once; a decode that is in work and does not reach to there is given up. What is doubtful
then is heard once more, with a little more silence behind it. Sans-IO.

How soon behind the voice? Words wrong on read_misc and ha_commands_en cut 60 / 100 / 200 / 400 ms behind it, and
whole: 8.2 / 8.2 / 8.0 / 8.0 / 7.8 % and 18.8 / 20.3 / 18.8 / 17.4 / 18.8 %. What differs at 60 ms was doubtful.
"""

from dataclasses import dataclass

from device.dialogue.agreement import Agreement, LocalAgreement
from models.protocols import SAMPLE_RATE_HZ, Effort, Transcript


@dataclass(frozen=True, slots=True)
class ListeningPolicy:
    """When the recogniser is asked. Times in ms."""

    partials: bool = True  #: decode while the speaker goes on
    partial_interval_ms: float = 700.0  #: so much new sound before it is decoded again
    doubtful: float = 0.35  #: below this probability a transcript is heard once more,
    again_silence_ms: float = 200.0  #: when it has been quiet for so long
    empty_silence_ms: float = 500.0  #: ... and for so long before it is believed that there were no words


@dataclass(frozen=True, slots=True)
class Heard:
    """What a decode found."""

    job: int
    transcript: Transcript
    covered_sample: int  #: end of the audio that it was made from
    agreement: Agreement

    @property
    def text(self) -> str:
        return self.transcript.text


@dataclass(frozen=True, slots=True)
class _Decoding:
    job: int
    covered_sample: int
    paused: bool


def _samples(ms: float) -> int:
    return round(ms * SAMPLE_RATE_HZ / 1000)


class Listening:
    """One utterance: at most one decode is in work."""

    def __init__(self, policy: ListeningPolicy, onset_sample: int) -> None:
        self._policy = policy
        self._agreement = LocalAgreement()
        self._decoding: _Decoding | None = None
        self._covered = onset_sample  # a decode was asked for up to here
        self._stretch = 1.0  # between partials, while the machine is behind
        self.heard: Heard | None = None  #: the newest

    @property
    def in_work(self) -> int | None:
        """The job of the decode that is in work."""
        return None if self._decoding is None else self._decoding.job

    def thin(self, factor: float) -> None:
        """Partials `factor` times as far apart."""
        self._stretch = factor

    def due(self, now: int, *, offset_sample: int, paused: bool) -> Effort | None:
        """Is what was said up to `now` to be decoded, and with which effort? `offset_sample`: end of the voice."""
        if not paused:
            if not self._policy.partials or self._decoding is not None:
                return None
            far = now - self._covered >= _samples(self._policy.partial_interval_ms * self._stretch)
            return "partial" if far else None
        if self._covered < offset_sample:
            return "final"
        if self._decoding is not None or self.settled(offset_sample):
            return None
        # doubtful: again, as soon as there is something new to hear
        needed = self._needed(offset_sample)
        return "final" if now >= needed else None

    def asked(self, job: int, now: int, *, paused: bool) -> None:
        """`job` decodes what was said up to `now`; an earlier one is not waited for any more."""
        self._decoding = _Decoding(job, now, paused)
        self._covered = now

    def given_up(self) -> None:
        """The decode in work failed or was called off."""
        self._decoding = None
        self._covered = 0 if self.heard is None else self.heard.covered_sample

    def transcribed(self, job: int, transcript: Transcript) -> Heard | None:
        """The decode `job` came back. None: it is not the one that is waited for, or it came to nothing."""
        decoding = self._decoding
        if decoding is None or decoding.job != job:
            return None
        if not transcript.complete:
            self.given_up()
            return None
        self._decoding = None
        agreement = self._agreement.add(transcript.text, paused=decoding.paused)
        self.heard = Heard(job, transcript, decoding.covered_sample, agreement)
        return self.heard

    def covers(self, offset_sample: int) -> bool:
        """Is all that was said up to `offset_sample` understood, be it doubtful?"""
        return self.heard is not None and self.heard.covered_sample >= offset_sample

    def settled(self, offset_sample: int) -> bool:
        """Is all that was said up to `offset_sample` understood as well as it will be?"""
        if self.heard is None or self.heard.covered_sample < offset_sample:
            return False
        return self.heard.covered_sample >= self._needed(offset_sample)

    def _needed(self, offset_sample: int) -> int:
        """What the newest transcript should have been made from, to be believed."""
        policy, heard = self._policy, self.heard
        if heard is None:
            return offset_sample
        if not heard.text:
            tried_again = heard.covered_sample >= offset_sample + _samples(policy.again_silence_ms)
            return offset_sample + _samples(policy.empty_silence_ms if tried_again else policy.again_silence_ms)
        if heard.transcript.probability < policy.doubtful:
            return offset_sample + _samples(policy.again_silence_ms)
        return offset_sample
