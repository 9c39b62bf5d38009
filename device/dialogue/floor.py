"""The floor: whose turn it is. The user's turn, from the onset to the commit, or to nothing.

    floor = Floor(policy, jobs=jobs, memory=memory, endpointer=endpointer, mine=mine, ...)
    floor.decided(endpointer.feed(0.9, start, end))     # an onset: the turn is the user's
    floor.listen()                                      # after every block: a decode, a question, the end
    floor.transcribed(job, transcript, now)             # what the recogniser made of it

The commit happens in here, in `_commit` alone. Sans-IO.
"""

from device.dialogue import events as ev
from device.dialogue.acting import Acting
from device.dialogue.agreement import taken_back
from device.dialogue.answer import Answer
from device.dialogue.assistant_turn import AssistantTurn
from device.dialogue.audio_memory import AudioMemory
from device.dialogue.boundary import CommitBoundary
from device.dialogue.commands import Jobs, Output
from device.dialogue.control_words import control_in
from device.dialogue.controls import Controls
from device.dialogue.degrade import Degrade
from device.dialogue.endpointer import Cap, Decision, Endpointer, Onset, Pause, Resume
from device.dialogue.events import to_ms
from device.dialogue.interruption import Reason
from device.dialogue.listening import Heard
from device.dialogue.policy import Policy
from device.dialogue.ringing import Ringing
from device.dialogue.speaker_pauses import SpeakerPauses
from device.dialogue.speculation import Speculation
from device.dialogue.user_turn import EndReason, UserTurn, UserTurnPolicy
from device.dialogue.waking import Waking
from device.dialogue.wording import Wording, wording_of
from models.protocols import SAMPLE_RATE_HZ, Transcript


class Floor:
    """At most one turn of the user is open."""

    def __init__(
        self,
        policy: Policy,
        *,
        jobs: Jobs,
        memory: AudioMemory,
        endpointer: Endpointer,
        mine: AssistantTurn,
        boundary: CommitBoundary,
        acting: Acting,
        ringing: Ringing,
        controls: Controls,
        speculation: Speculation,
        degrade: Degrade,
        waking: Waking,
    ) -> None:
        pre_roll_samples = round(policy.pre_roll_ms * SAMPLE_RATE_HZ / 1000)
        self._turn_policy = UserTurnPolicy(policy.listening, policy.turn_end, policy.turn_model, pre_roll_samples)
        self._pauses = SpeakerPauses(policy.pauses)
        self._language = policy.language
        self._jobs = jobs
        self._memory = memory
        self._endpointer = endpointer
        self._mine = mine
        self._boundary = boundary
        self._acting = acting
        self._ringing = ringing
        self._controls = controls
        self._speculation = speculation
        self._degrade = degrade
        self._waking = waking
        self.turn: UserTurn | None = None  #: the user's, open
        self.committed = 0  #: turns so far
        self.now = 0  #: end of the newest microphone sample
        self._last_offset = 0  # end of the voice in the newest committed turn
        self._known_to = 0  # end of the sound that a turn or a command was made of

    @property
    def number(self) -> int:
        """Of the turn that is open, else of the newest one that was committed."""
        return self.committed if self.turn is None else self.turn.number

    def decided(self, decisions: list[Decision]) -> list[Output]:
        """What the end-pointer found."""
        out: list[Output] = []
        for decision in decisions:
            match decision:
                case Onset(onset):
                    out += self.begin(onset, held=False)
                case Pause(offset):
                    if self.turn is not None:
                        self.turn.pause(offset)
                case Resume(start, end):
                    if self.turn is not None:
                        if self.turn.go_on((start, end)):
                            self._pauses.went_on(to_ms(end - start))
                        out += self.turn.discard("more_speech", self.now)
                case Cap(offset):
                    out += self.finish("cap", offset)
        return out

    def begin(self, onset_sample: int, *, held: bool) -> list[Output]:
        """The user speaks: the turn is theirs."""
        out: list[Output] = []
        if self._mine.unnoticed(onset_sample):  # the turn was taken too early: there was more to say
            self._pauses.went_on(to_ms(onset_sample - self._last_offset))
        out += self._mine.interrupted(self.now, onset_sample)
        if self.turn is not None:  # its transcript is still awaited: what follows belongs to it
            turn = self.turn
            out += turn.discard("more_speech", self.now)
            turn.held = held
            turn.go_on()
            return out
        self.turn = UserTurn(
            self.committed + 1,
            onset_sample,
            self._turn_policy,
            self._jobs,
            self._memory,
            held=held,
            least_wait_ms=self._pauses.least_wait_ms,
            not_before=self._waking.not_before,
            known_to=self._known_to,
        )
        return [*out, ev.SpeechStart(self.now, self.turn.number, onset_sample)]

    def listen(self) -> list[Output]:
        """What a new block of the microphone gives occasion to: a decode, a question to the turn model, the end."""
        turn = self.turn
        if turn is None:
            return []
        degrade = self._degrade
        turn.degrade(degrade.partial_interval_factor, full_effort=degrade.context_scale == 1)
        if turn.ended:
            return turn.listen(self.now, turn.offset_sample, paused=True)
        if self._endpointer.voice_sample is not None:
            turn.voice_begins(self._endpointer.voice_sample)
        offset = self._endpointer.offset_sample
        out = turn.listen(self.now, offset, paused=self._endpointer.paused)
        supposed = turn.hypothesis
        unready = supposed is not None and self._acting.unready(supposed.job)
        reason = turn.over(self.now, offset, unready=unready)
        return out if reason is None else out + self.finish(reason, offset)

    def transcribed(self, job: int, transcript: Transcript, now: int) -> list[Output]:
        """What the recogniser made of it so far. Nothing if nobody waits for it."""
        turn = self.turn
        heard = None if turn is None else turn.transcribed(job, self._waking.cleaned(transcript))
        if turn is None or heard is None:
            return []
        known = heard.agreement
        out: list[Output] = []
        if heard.text:
            stable, retracted = known.stable, known.retracted_words
            decode_ms = round(transcript.decode_ms, 1)
            out.append(ev.Partial(now, turn.number, known.text, stable, retracted, decode_ms, heard.covered_sample))
        out += self._controls.at_once(turn, heard.text, now)
        if turn.ended:
            return out + self.conclude(turn, now)
        if not self._endpointer.paused:
            return out + self._speculation.warm(turn, known.text)
        if not turn.covers(self._endpointer.offset_sample):
            return out  # a decode that does is in work, and not to be held up
        wording = wording_of(heard.text, self._language)
        answers = wording is Wording.LONE and (self._acting.asking or self._mine.last_text.rstrip().endswith("?"))
        # of no words there is nothing to doubt: it was a noise, and is dropped as soon as that is settled
        turn.worded(Wording.STATEMENT if answers else wording, heard.transcript.probability if heard.text else 1.0)
        if self._mine.silenced.waiting is not None and not turn.settled(self._endpointer.offset_sample):
            return out + self.listen()  # doubtful words are heard once more, and no answer is given up for them before
        return [*out, *self._speculation.suppose(turn, heard, self.now), *self.listen()]

    def finish(self, reason: EndReason, offset_sample: int, until: int | None = None) -> list[Output]:
        """The user has finished. Commit at once when all of it is understood, else when the transcript comes."""
        turn = self.turn
        assert turn is not None
        turn.ended, turn.offset_sample = reason, offset_sample
        now = self.now if until is None else until
        self._endpointer.reset()
        out: list[Output] = [ev.SpeechEnd(now, turn.number, offset_sample)]
        return out + (self.conclude(turn, now) or self.listen())

    def conclude(self, turn: UserTurn, now: int) -> list[Output]:
        """The user has finished. If the transcript is there: a turn, or nothing."""
        heard = turn.heard
        if heard is None or not turn.understood:
            return []
        if (control := self._controls.commanded(turn, heard.text, now)) is not None:
            self._known_to = heard.covered_sample
            obeyed = self._controls.obey(turn, control, now)
            return [turn.told(now, "nothing"), *obeyed, *self.drop(), *self._mine.silenced.give_up()]
        why = self._mine.silenced.excuse(heard.text, by_button=turn.held)
        if why is not None:
            return [turn.told(now, "nothing"), *self.nothing(why)]
        out: list[Output] = []
        if not turn.supposes(heard.text):
            out += [*turn.discard("other_words", now), *self._speculation.prepare(turn, heard, self.now)]
        return out + self._commit(turn, heard, now)

    def _commit(self, turn: UserTurn, heard: Heard, now: int) -> list[Output]:
        """The one place where a turn becomes the assistant's."""
        hypothesis, transcript = turn.hypothesis, heard.transcript
        assert hypothesis is not None
        assert turn.ended is not None
        self.turn = None
        self.committed = turn.number
        self._mine.take(hypothesis.answer)
        self._boundary.commit(hypothesis.job, hypothesis.text)
        self._pauses.ended()
        self._last_offset = turn.offset_sample
        self._known_to = heard.covered_sample
        number, text, sure = turn.number, hypothesis.text, transcript.probability
        return [
            turn.told(now, "commit"),
            ev.Final(now, number, text, sure, transcript.decode_ms, taken_back(heard.agreement.stable, text)),
            ev.Commit(now, number, text, turn.ended),
            *([ev.Controlled(now, number, "repeat")] if control_in(text) == "repeat" else []),
            *self._ringing.pause(now),
            *self._acting.commit(hypothesis.job, turn.onset_sample, sure, now, turn.offset_sample),
        ]

    def drop(self) -> list[Output]:
        """It was nothing: no turn comes of it."""
        turn, self.turn = self.turn, None
        out = [] if turn is None else [*turn.discard("nothing", self.now), *turn.call_off()]
        self._endpointer.reset()
        return out

    def nothing(self, why: Reason) -> list[Output]:
        """It was nothing: an answer that fell silent for it goes on, but not if it was silenced by the button."""
        by_button = self.turn is not None and self.turn.held
        out = self.drop()
        if by_button:  # who pushes it means it, though nothing be said
            return out + self._mine.silenced.give_up()
        self._mine.silenced.nothing(why)
        return out + self._mine.go_on(self.now)

    def working(self, job: int) -> Answer | None:
        """The answer that `job` works for, if it is still wanted."""
        if (answer := self._mine.working(job)) is not None:
            return answer
        hypothesis = self.turn.hypothesis if self.turn is not None else None
        return hypothesis.answer if hypothesis is not None and hypothesis.job == job else None
