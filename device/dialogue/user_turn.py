"""The user's turn, from the onset to the commit: what was heard of it, what is supposed, whether it is over.

    turn = UserTurn(1, onset_sample, policy, jobs, memory, held=False)
    turn.pause(offset); turn.listen(now, offset, paused=True)       # [Decode, Judge]
    turn.suppose("What time is it?", now); turn.discard("more_speech", now)     # [Cancel, Discarded]

It ties together the decodes (`listening`), the verdict on a pause (`turn_end`) and the hypothesis, which is one cancel
scope. Nothing in here commits: that is the conversation's. Sans-IO.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from device.dialogue import events as ev
from device.dialogue.agreement import same_words
from device.dialogue.answer import Answer
from device.dialogue.audio_memory import AudioMemory
from device.dialogue.commands import Cancel, Decode, Jobs, Judge, Output
from device.dialogue.listening import Heard, Listening, ListeningPolicy
from device.dialogue.turn_end import TurnEnd, TurnEndPolicy
from device.dialogue.wording import Wording
from models.protocols import SAMPLE_RATE_HZ, Floats, Int16s, Transcript

#: Who speaks so soon behind a wake word may have begun in the same breath, while the word was still being heard.
_BREATH_SAMPLES = SAMPLE_RATE_HZ

#: Longer than this is no command; and what is older may be decoded by parts.
_COMMAND_SAMPLES = 12 * SAMPLE_RATE_HZ

EndReason = Literal["complete", "silence", "release", "cap"]


@dataclass(slots=True)
class Hypothesis:
    """What would be answered if the user has finished: one cancel scope, nothing of it is final."""

    job: int
    text: str
    answer: Answer


@dataclass(frozen=True, slots=True)
class UserTurnPolicy:
    """The rules of one turn."""

    listening: ListeningPolicy = ListeningPolicy()
    end: TurnEndPolicy = TurnEndPolicy()
    turn_model: bool = True  #: is there one that answers `Judge`?
    pre_roll_samples: int = 8000  #: audio before the onset that the recogniser gets


class UserTurn:
    """One turn of the user."""

    def __init__(
        self,
        number: int,
        onset_sample: int,
        policy: UserTurnPolicy,
        jobs: Jobs,
        memory: AudioMemory,
        *,
        held: bool,
        least_wait_ms: float = 0.0,
        not_before: int = 0,
        known_to: int = 0,
    ) -> None:
        """`held`: by push-to-talk. `least_wait_ms`: this speaker's pauses are so long (`speaker_pauses`).

        `not_before`: what was heard before this sample, the end of a wake word, is no part of it. Nor is what was heard
        before `known_to`, which has been a turn already: however soon this one follows, its words are no part of it.
        """
        self.number = number
        self.onset_sample = onset_sample
        self.held = held
        self.ended: EndReason | None = None  #: why it is over; None: it goes on
        self.offset_sample = onset_sample  #: once it is over: the end of the voice
        self.hypothesis: Hypothesis | None = None
        self.obeyed = False  #: a word in it was obeyed at once
        self.warmed = ""  #: the words that the language model was given last, before they were all
        self._jobs = jobs
        self._memory = memory
        reach = policy.pre_roll_samples if onset_sample - not_before > _BREATH_SAMPLES else _BREATH_SAMPLES
        self._from = max(not_before, min(known_to, onset_sample), onset_sample - reach)
        self._listening = Listening(policy.listening, self._from, onset_sample)
        self._end = TurnEnd(policy.end, with_model=policy.turn_model and not held)
        self._end.least_wait_ms = least_wait_ms
        self._judging: int | None = None
        self._full_effort = True
        self._pre_roll_samples = policy.pre_roll_samples
        self._voice_sample: int | None = None  # where the first voice began, if that is not the onset

    # --- what is heard ----------------------------------------------------------------------------------------

    def hear(self, pcm: Int16s, sample: int) -> None:
        """`pcm`: (n,) int16, the newest block of the microphone."""
        rms = float(np.sqrt(np.mean(np.square(pcm, dtype=np.float32)))) if pcm.size else 0.0
        self._listening.level(sample, sample + pcm.size, rms)

    def degrade(self, partial_interval_factor: float, *, full_effort: bool) -> None:
        """The machine is behind, or is no longer: partials so many times as far apart, and nothing heard twice."""
        self._listening.thin(partial_interval_factor)
        self._full_effort = full_effort

    def voice_begins(self, sample: int) -> None:
        """Whoever held the button said nothing before `sample`.

        A small recogniser that is given much silence before the first word says it twice: 103 recordings of up to 7 s
        with 0.5 / 1 / 1.5 / 2 / 3 s before the voice have 368 / 388 / 378 / 392 / 401 of 990 words wrong, and come
        back as twice the same 1 / 2 / 2 / 4 / 5 times (tiny.en).
        """
        if self._voice_sample is None:  # the button may be pushed again before all was understood
            self._voice_sample = sample
        start = self._voice_sample - self._pre_roll_samples
        if self._listening.skip(start):
            self._from = start

    def pause(self, offset_sample: int) -> None:
        """It is quiet since `offset_sample`."""
        self._end.pause(offset_sample)

    def go_on(self, silence: tuple[int, int] | None = None) -> bool:
        """The user speaks on, after `silence` [from, to). Had the pause sounded like the end?"""
        believed = self._end.believed
        if silence is not None:
            self._listening.pause(*silence)
        self._end.go_on()
        self._judging = None
        self.ended = None
        return believed

    def listen(self, now: int, offset_sample: int, *, paused: bool) -> list[Output]:
        """What a new block gives occasion to: a decode, a question to the turn model."""
        out: list[Output] = []
        until = self._memory.end_sample
        offset = min(offset_sample, until)
        # a gap between two words is no occasion: the decode for it would be in the way of the one for the end
        gap = paused and self.ended is None and self._end.within_a_sentence(now)
        effort = None if gap else self._listening.due(until, offset_sample=offset, paused=paused)
        if effort is not None:
            out += self.call_off()
            job = self._jobs.next()
            stretch = self._listening.asked(job, until, paused=paused, last=self.ended is not None)
            out.append(
                Decode(
                    job,
                    self._memory.cut(stretch.start_sample, stretch.end_sample),
                    effort if self._full_effort else "partial",
                )
            )
        if self.ended is None and self._judging is None and self._end.judgement_due(now):
            self._judging = self._jobs.next()
            out.append(Judge(self._judging, self._memory.cut(self._from, until)))
        return out

    def transcribed(self, job: int, transcript: Transcript) -> Heard | None:
        """The decode `job` came back. None: nobody waits for it."""
        return self._listening.transcribed(job, transcript)

    def worded(self, wording: Wording, probability: float) -> None:
        """How all that was said ends, and how sure that is."""
        self._end.worded(wording, probability)

    def judged(self, job: int, finished: float, now: int) -> list[Output]:
        """The turn model's answer. Nothing if nobody waits for it."""
        if self._judging != job:
            return []
        self._judging = None
        self._end.judged(finished)
        return [self.told(now, "wait")]

    def expected(self, job: int, sentence_end: float, now: int) -> list[Output]:
        """What the language model expects behind the words of the hypothesis `job`. Nothing if it is another one."""
        if self.ended is not None or self.hypothesis is None or self.hypothesis.job != job:
            return []
        self._end.expected(sentence_end)
        return [self.told(now, "wait")]

    def works_for(self, job: int) -> bool:
        """Is the result of this decode or judgement waited for?"""
        return job in (self._listening.in_work, self._judging)

    def failed(self, job: int) -> None:
        """The decode or judgement `job` failed."""
        if self._judging == job:
            self._judging = None
            self._end.unjudged()
        else:
            self._listening.failed(self._memory.end_sample)

    # --- what follows from it ---------------------------------------------------------------------------------

    @property
    def heard(self) -> Heard | None:
        """The newest that was understood."""
        return self._listening.heard

    def audio_of(self, heard: Heard) -> Floats | None:
        """What all of `heard` was said in, (n,) float32 16 kHz; None: it is too long for a command."""
        if heard.covered_sample - self._from > _COMMAND_SAMPLES:
            return None
        return self._memory.cut(self._from, heard.covered_sample)

    def covers(self, offset_sample: int) -> bool:
        """Is all that was said up to there understood, be it doubtful?"""
        return self._listening.covers(min(offset_sample, self._memory.end_sample))

    def settled(self, offset_sample: int) -> bool:
        """Is all that was said up to there understood as well as it will be?"""
        return self._listening.settled(min(offset_sample, self._memory.end_sample))

    @property
    def understood(self) -> bool:
        """Once it is over: is all of it understood as well as it will be?"""
        return self._listening.settled(self.offset_sample)

    def over(self, now: int, offset_sample: int, *, unready: bool = False) -> EndReason | None:
        """Is this pause the end, and why? None: not yet, or it is not quiet. A held button decides alone.

        The words have a say, so they are waited for: but for no longer than the longest pause. `unready`: nothing
        of the answer could sound yet.
        """
        self._end.unready = unready
        if self.held or self.ended or not (self.settled(offset_sample) or self._end.at_the_longest(now)):
            return None
        return self._end.over(now)

    def told(self, now: int, verdict: Literal["commit", "wait", "nothing"]) -> ev.EndPoint:
        """What is thought of the pause, for the trace."""
        return self._end.told(now, self.number, verdict)

    def supposes(self, text: str) -> bool:
        """Is there a hypothesis of these words?"""
        return self.hypothesis is not None and same_words(self.hypothesis.text, text)

    def discard(self, reason: Literal["more_speech", "other_words", "nothing", "failed"], now: int) -> list[Output]:
        """The hypothesis is wrong: not a trace of it remains."""
        hypothesis, self.hypothesis = self.hypothesis, None
        self._end.expected(None)
        if hypothesis is None:
            return []
        hypothesis.answer.put_away()
        return [Cancel(hypothesis.job), ev.Discarded(now, self.number, hypothesis.text, reason)]

    def call_off(self) -> list[Output]:
        """Nobody waits any more for the decode that is in work."""
        job = self._listening.in_work
        return [] if job is None else [Cancel(job)]
