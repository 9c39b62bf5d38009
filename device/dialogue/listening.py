"""One utterance as it is being understood: when is it decoded, and what is known of its words?

    listening = Listening(ListeningPolicy(), start_sample, onset_sample)
    effort = listening.due(now, offset_sample=offset, paused=True)  # decode? with which effort?
    stretch = listening.asked(job, now, paused=True)                # ... this
    heard = listening.transcribed(job, transcript)                  # None: nobody waits for it any more

While the speaker goes on, a quick decode now and then gives captions and the stable prefix. When it goes quiet, what
was said so far is decoded at once; a decode that is in work and does not reach to there is given up. What is doubtful
then is heard once more, with a little more silence behind it. Of a long utterance only what is not frozen is decoded
(`utterance`). Sans-IO.

How soon behind the voice? Words wrong on read_misc and ha_commands_en cut 60 / 100 / 200 / 400 ms behind it, and
whole: 8.2 / 8.2 / 8.0 / 8.0 / 7.8 % and 18.8 / 20.3 / 18.8 / 17.4 / 18.8 %. What differs at 60 ms was doubtful.
"""

from dataclasses import dataclass

from device.dialogue.agreement import Agreement, LocalAgreement
from device.dialogue.utterance import Stretch, UtterancePolicy, UtteranceWindow
from models.protocols import SAMPLE_RATE_HZ, Effort, Transcript


@dataclass(frozen=True, slots=True)
class ListeningPolicy:
    """When the recogniser is asked. Times in ms."""

    partials: bool = True  #: decode while the speaker goes on
    partial_interval_ms: float = 1000.0  #: so much new sound before it is decoded again
    window: UtterancePolicy = UtterancePolicy()  #: how a long utterance is cut
    doubtful: float = 0.35  #: below this probability a transcript is heard once more,
    again_silence_ms: float = 200.0  #: when it has been quiet for so long
    empty_silence_ms: float = 500.0  #: ... and for so long before it is believed that there were no words


@dataclass(frozen=True, slots=True)
class Heard:
    """What a decode found."""

    job: int
    text: str  #: of the whole utterance
    transcript: Transcript  #: of the stretch that was decoded
    covered_sample: int  #: end of the audio that it was made from
    agreement: Agreement


@dataclass(frozen=True, slots=True)
class _Decoding:
    job: int
    stretch: Stretch
    paused: bool


def _samples(ms: float) -> int:
    return round(ms * SAMPLE_RATE_HZ / 1000)


class Listening:
    """One utterance: at most one decode is in work."""

    def __init__(self, policy: ListeningPolicy, start_sample: int, onset_sample: int) -> None:
        """`start_sample`: where decoding starts, before the onset."""
        self._policy = policy
        self._window = UtteranceWindow(policy.window, start_sample)
        self._agreement = LocalAgreement()
        self._decoding: _Decoding | None = None
        self._covered = onset_sample  # a decode was asked for up to here
        self._not_before = 0  # a decode failed: so long no other is tried
        self._stretch = 1.0  # between partials, while the machine is behind
        self.heard: Heard | None = None  #: the newest

    @property
    def in_work(self) -> int | None:
        """The job of the decode that is in work."""
        return None if self._decoding is None else self._decoding.job

    def thin(self, factor: float) -> None:
        """Partials `factor` times as far apart."""
        self._stretch = factor

    def skip(self, sample: int) -> bool:
        """There was no voice before `sample`: that is not decoded any more. False: it is, as yet or for good.

        There may be words in it after all; a decode that is in work may find some.
        """
        return self._decoding is None and self._window.skip(sample)

    def level(self, start_sample: int, end_sample: int, rms: float) -> None:
        """How loud [start, end) is: where a long utterance may be cut."""
        self._window.level(start_sample, end_sample, rms)

    def pause(self, start_sample: int, end_sample: int) -> None:
        """The speaker was silent in [start, end) and went on."""
        self._window.pause(start_sample, end_sample)

    def due(self, now: int, *, offset_sample: int, paused: bool) -> Effort | None:
        """Is what was said up to `now` to be decoded, and with which effort? `offset_sample`: end of the voice."""
        if now < self._not_before:
            return None
        if not paused:
            if self._decoding is not None:
                return None
            far = now - self._covered >= _samples(self._policy.partial_interval_ms * self._stretch)
            return "partial" if (far and self._policy.partials) or self._window.overdue(now) else None
        if self._covered < offset_sample:
            # the beginning is being frozen: let it come to its end, or it is begun anew at every block
            cutting = self._decoding is not None and self._decoding.stretch.cut
            return None if cutting else "final"
        if self._decoding is not None or self.settled(offset_sample):
            return None
        # doubtful: again, as soon as there is something new to hear
        return "final" if now >= self._needed(offset_sample) else None

    def asked(self, job: int, now: int, *, paused: bool, last: bool = False) -> Stretch:
        """`job` decodes what is returned, of what was said up to `now`; an earlier one is not waited for any more.

        `last`: the utterance is over, and an answer waits for it.
        """
        stretch = self._window.stretch(now, last=last)
        self._decoding = _Decoding(job, stretch, paused and not stretch.cut)
        self._covered = stretch.end_sample
        return stretch

    def given_up(self) -> None:
        """The decode in work was called off."""
        self._decoding = None
        self._covered = 0 if self.heard is None else self.heard.covered_sample

    def failed(self, now: int) -> None:
        """The decode in work failed: the next one is tried a little later, not a hundred times a second."""
        self.given_up()
        self._not_before = now + _samples(self._policy.partial_interval_ms)

    def transcribed(self, job: int, transcript: Transcript) -> Heard | None:
        """The decode `job` came back. None: it is not the one that is waited for, or it came to nothing."""
        decoding = self._decoding
        if decoding is None or decoding.job != job:
            return None
        if not transcript.complete:
            self.given_up()
            return None
        self._decoding = None
        stretch = decoding.stretch
        self._window.decoded(transcript.text, stretch)
        text, sure = self._window.text, transcript.probability
        agreement = self._agreement.add(
            text,
            stretch.end_sample,
            paused=decoding.paused,
            probability=sure,
            word_probabilities=transcript.word_probabilities,
        )
        self.heard = Heard(job, text, transcript, stretch.end_sample, agreement)
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
