"""The conversation: who has the turn, what is prepared, what is committed, what was heard.

    talk = Conversation(Policy(), prompt="You are ...")
    for output in talk.hear(pcm, sample, played, dac_sample): publish_or_do(output)

Sans-IO: every method takes what happened, with its time on the capture clock, and returns events (to publish) and
commands (to carry out). The life of a turn:

    onset -> [pause -> hypothesis: transcript, answer, first clauses as audio] -> end -> commit -> playout -> end
              ^ more speech discards the hypothesis without a trace                         ^ words interrupt it

Who decides what: `endpointer` when it is quiet, `listening` what is decoded when, `turn_end` whether a pause is the
end, `boundary` what may be done before the commit, which happens in `_commit` alone.

At an onset over it the answer falls silent at once and waits (`interruption`); it is given up when words were
understood, and goes on when it was nothing.
"""

from collections.abc import Sequence
from typing import Literal

import numpy as np

from device.card import Span
from device.dialogue import events as ev
from device.dialogue.acting import Acting
from device.dialogue.answer import Answer
from device.dialogue.assistant_turn import AssistantTurn
from device.dialogue.audio_memory import AudioMemory
from device.dialogue.boundary import CommitBoundary
from device.dialogue.commands import Chime, Jobs, Output, Prepare, Warm
from device.dialogue.control_words import control_in
from device.dialogue.controls import Controls
from device.dialogue.deeds import Call, Meaning, Outcome, Undelivered
from device.dialogue.degrade import Degrade
from device.dialogue.doing import Check, no_tools
from device.dialogue.endpointer import Cap, Decision, Endpointer, Onset, Pause, Resume
from device.dialogue.events import to_ms
from device.dialogue.history import History
from device.dialogue.interruption import Reason
from device.dialogue.listening import Heard
from device.dialogue.policy import Policy
from device.dialogue.ringing import Ringing
from device.dialogue.speaker_pauses import SpeakerPauses
from device.dialogue.speculation import Speculation
from device.dialogue.unasked import Unasked
from device.dialogue.user_turn import EndReason, UserTurn, UserTurnPolicy
from device.dialogue.waking import Waking
from device.dialogue.wording import wording_of
from models.protocols import SAMPLE_RATE_HZ, Int16s, Message, Speech, ToolRequest, Transcript, WakeDetection

__all__ = ["Conversation", "Policy"]

_TAP_SAMPLES = SAMPLE_RATE_HZ // 5  # a shorter push holds no word: 200 ms


class Conversation:
    """One conversation. Not thread-safe: one thread feeds it."""

    def __init__(
        self,
        policy: Policy,
        prompt: str,
        earlier: Sequence[Message] = (),
        *,
        check: Check = no_tools,
        pending: Meaning | None = None,
        undelivered: Sequence[Undelivered] = (),
    ) -> None:
        """`check`: is a language model's request sound, and what does it mean?

        What was before this session, which goes on with it (`device.session.resumption`): `earlier`, what was said;
        `pending`, a question that nobody has answered; `undelivered`, results that nobody has heard.
        """
        self._policy = policy
        pre_roll_samples = round(policy.pre_roll_ms * SAMPLE_RATE_HZ / 1000)
        self._turn_policy = UserTurnPolicy(policy.listening, policy.turn_end, policy.turn_model, pre_roll_samples)
        self._pauses = SpeakerPauses(policy.pauses)
        self.degrade = Degrade(policy.degrade)  #: fed by the rim, which measures; obeyed here
        self._jobs = Jobs()
        self._history = History(prompt, earlier)
        self._boundary = CommitBoundary(self._history)
        self._mine = AssistantTurn(policy.answer, policy.resume, self._history, self._boundary, self._jobs)
        self._acting = Acting(
            policy.acting, self._mine, self._history, check=check, pending=pending, undelivered=undelivered
        )
        self._ringing = Ringing(policy.ringing, self._jobs, self._boundary.announce)
        self._controls = Controls(self._mine, self._acting, self._ringing)
        self._unasked = Unasked(self._mine, self._acting, self._ringing)
        self._speculation = Speculation(
            self._history, self._mine, self._acting, self._controls, self.degrade, enabled=policy.speculate
        )
        longest_ms = policy.endpoint.max_utterance_ms + policy.turn_end.longest_silence_ms + policy.pre_roll_ms
        self._memory = AudioMemory(longest_ms / 1000 + 2)
        self._endpointer = Endpointer(policy.endpoint)
        wake = None if policy.open_microphone else policy.wake
        self._waking = Waking(wake, policy.endpoint, self._jobs, self._memory, control_in)
        self._turn: UserTurn | None = None
        self._last_offset = 0  # end of the voice in the newest committed turn
        self._turns = 0  # committed so far
        self._now = 0  # end of the newest microphone sample
        self._muted = False  # the card zeroes the microphone
        self._state: ev.State = "idle"
        self._card_lost = False

    @property
    def state(self) -> ev.State:
        return self._state

    @property
    def history(self) -> History:
        return self._history

    def open(self, greeting: str = "") -> list[Output]:
        """The session begins: get the language model ready, and say `greeting` if there is one."""
        out: list[Output] = [ev.StateChange(0, 0, self._state), Warm(self._history.messages)]
        out += self._mine.announce(greeting, 0) if greeting else []
        texts = (*self._policy.answer.fixed_texts, *self._policy.acting.doing.fixed_texts)
        return self._after([*out, Prepare(texts)])

    # --- the microphone and the button ------------------------------------------------------------------------

    def hear(
        self, pcm: Int16s, sample: int, played: Span, dac_sample: int, now: int | None = None, *, muted: bool = False
    ) -> list[Output]:
        """A block of cleaned microphone audio that begins at `sample`, and what went to the loudspeaker with it.

        `now`: the capture clock, which is ahead of the cleaned audio by what the canceller lags (None: by nothing).
        `muted`: the card zeroed the microphone; what the canceller still holds from before is not kept either.
        """
        self._memory.append(sample, np.zeros_like(pcm) if muted else pcm)
        self._now = max(self._now, sample + pcm.size if now is None else now)
        if self._turn is not None:
            self._turn.hear(pcm, sample)
        out: list[Output] = self._mute(muted) if muted != self._muted else []
        if not self._muted:
            out += self._decided(self._endpointer.hear(pcm, sample))
            out += self._waking.hear(pcm, sample, busy=self._disturbs)
        out += self._mine.hear(self._now, played, dac_sample)
        if self._waking.gate is not None:
            out += self._waking.gate.tick(
                self._now, turn=self._turn is not None, sounding=self._mine.playing, voice=self._endpointer.voiced
            )
        out += self._unasked.ring_on(
            self._now, played, self._turn, silent=self._card_lost, somebody=self._waking.somebody
        )
        out += self._listen() + self._mine.go_on(self._now)
        called = self._waking.gate is not None and self._waking.gate.called
        quiet = self._turn is None and not self._card_lost and not called
        return self._after(out + self._unasked.hear(self._now, quiet=quiet))

    def voice(
        self, probability: float, start_sample: int, end_sample: int, *, may_be_echo: bool = False, second: bool = False
    ) -> list[Output]:
        """The speech probability of [start, end). `may_be_echo`: the ear says that it proves nothing.

        `second`: a burst heard again (`second_hearing.py`), which proves nothing while the loudspeaker sounds.
        """
        if self._muted:
            return []
        if probability >= self._policy.endpoint.onset.probability:
            self._unasked.voice(end_sample)
        playing = self._mine.playing or self._ringing.sounding(self._now)
        deaf = may_be_echo or (playing and (second or not self._policy.barge_in))
        if self._turn is None and not deaf and not self._listens_to(second):
            self._endpointer.ignore(probability)
            overheard = self._disturbs and self._policy.wake is not None
            return self._waking.overhear(probability, start_sample, end_sample) if overheard else []
        if self._turn is None and deaf:
            return []
        if self._turn is not None and self._turn.ended == "release":
            return []  # the button has said that it is over, whoever goes on speaking
        decisions = self._endpointer.feed(probability, start_sample, end_sample, over_playout=playing)
        return self._after(self._decided(decisions))

    @property
    def _disturbs(self) -> bool:
        """Is there something that "stop" could end?"""
        return self._mine.under_way is not None or self._ringing.active

    def _listens_to(self, second: bool) -> bool:
        """May a voice open a turn? `second`: a burst heard again."""
        wake = self._policy.wake
        invited = wake is not None and self._waking.admits(sounding=self._mine.playing, second=second)
        return self._policy.open_microphone or invited

    def wake(self, detection: WakeDetection, now: int) -> list[Output]:
        """A wake word: what sounds falls silent, for it was meant; who said it has the turn, unless they have it."""
        if self._muted or self._card_lost:
            return []
        out: list[Output] = [ev.Wake(now, 0, detection.word, round(detection.probability, 4), detection.end_sample)]
        out += [*self._mine.over(self._now, detection.end_sample), *self._mine.silenced.give_up()]
        in_a_turn = self._turn is not None and (self._turn.held or self._waking.gate is None)
        if not in_a_turn:
            out += self._drop()
            self._endpointer.expect(detection.end_sample)
        self._waking.woken(detection, before_turn=not in_a_turn)
        return self._after(out)

    def _decided(self, decisions: list[Decision]) -> list[Output]:
        out: list[Output] = []
        for decision in decisions:
            match decision:
                case Onset(onset):
                    out += self._begin(onset, held=False)
                case Pause(offset):
                    if self._turn is not None:
                        self._turn.pause(offset)
                case Resume(start, end):
                    if self._turn is not None:
                        if self._turn.go_on((start, end)):
                            self._pauses.went_on(to_ms(end - start))
                        out += self._turn.discard("more_speech", self._now)
                case Cap(offset):
                    out += self._finish("cap", offset)
        return out

    def press(self, sample: int) -> list[Output]:
        """The talk button goes down at `sample`: the turn is the user's, whatever was going on; what rings stops.

        While the microphone is muted it only stops the answer; while the card is away it is only told of.
        """
        rung, _ = self._ringing.stop("button", self._now)
        if self._card_lost:
            return self._after([*rung, ev.NotHeard(sample, 0, "card_lost")])
        if self._muted:
            return self._after([*rung, *self._mine.over(self._now, sample), Chime("muted")])
        self._endpointer.hold(sample)
        fresh = self._turn is None
        return self._after([*rung, *self._begin(sample, held=True), *([Chime("listening")] if fresh else [])])

    def toggle(self, sample: int) -> list[Output]:
        """A talk button that is pushed twice a turn: the first push is a press, the second a release."""
        turn = self._turn
        return self.release(sample) if turn is not None and turn.held and not turn.ended else self.press(sample)

    def release(self, sample: int) -> list[Output]:
        """The talk button comes up at `sample`: the turn is the assistant's."""
        turn = self._turn
        if turn is None or not turn.held or turn.ended:
            return []
        # the button says that something was said, even where the detector heard only whispering
        offset = self._endpointer.offset_sample if self._endpointer.heard_voice else sample
        self._endpointer.reset()
        if offset - turn.onset_sample < _TAP_SAMPLES:
            out = self._nothing("no_words")
            if self._waking.gate is not None:
                self._waking.gate.woken(sample, "button")
            return self._after(out)
        return self._after(self._finish("release", offset, until=sample))

    # --- the card ----------------------------------------------------------------------------------------------

    def card_lost(self, sample: int, message: str) -> list[Output]:
        """The card is gone; `sample` is the end of what it heard. Nothing is heard or said until `card_back`."""
        self._card_lost = True
        number = self._mine.newest_turn if self._turn is None else self._turn.number
        out: list[Output] = [ev.CardLost(sample, number, message)]
        if self._turn is not None:  # half a sentence: to be said again
            out += self._drop()
        self._endpointer.reset()
        out += self._waking.forget()
        return self._after([*out, *self._mine.lost(sample), *self._mine.silenced.settle_all()])

    def card_back(self, sample: int, lost_ms: float) -> list[Output]:
        """The card hears again from `sample` on."""
        self._card_lost = False
        return [ev.CardBack(sample, 0, lost_ms)]

    def mic_trouble(
        self, sample: int, kind: Literal["silent", "stuck", "clipping", "swapped"], message: str, *, over: bool
    ) -> list[Output]:
        """What the microphone delivers is not what a microphone hears; or is again."""
        return [ev.MicTrouble(sample, self._turns if self._turn is None else self._turn.number, kind, over, message)]

    # --- what comes back from the models ----------------------------------------------------------------------

    def transcribed(self, job: int, transcript: Transcript, now: int) -> list[Output]:
        """The recogniser's answer to `Decode`."""
        if (control := self._waking.overheard(job, transcript)) is not None:
            return self._after(self._controls.overheard(control, now))
        turn = self._turn
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
            return self._after(out + self._conclude(turn, now))
        if not self._endpointer.paused or not turn.covers(self._endpointer.offset_sample):
            return self._after(out + self._speculation.warm(turn, known.stable))
        turn.worded(wording_of(heard.text, self._policy.language))
        return self._after([*out, *self._speculation.suppose(turn, heard, self._now), *self._listen()])

    def judged(self, job: int, finished: float, now: int) -> list[Output]:
        """The turn model's answer to `Judge`: the probability that the speaker has finished."""
        if self._turn is None:
            return []
        return self._after([*self._turn.judged(job, finished, now), *self._listen()])

    def understood(self, job: int, meaning: Meaning | None, now: int) -> list[Output]:
        """The interpreter's answer to `Understand`; None: it does not know these words."""
        return [] if self._working(job) is None else self._after(self._acting.understood(job, meaning, now))

    def requested(self, job: int, request: ToolRequest, now: int) -> list[Output]:
        """The language model's answer to `Reply` is that it asks for a tool."""
        return [] if self._working(job) is None else self._after(self._acting.requested(job, request, now))

    def acted(self, job: int, call: Call, outcome: Outcome, now: int) -> list[Output]:
        """What came of an `Act`. It stays done also where nobody waits for the answer any more."""
        return self._after(self._acting.acted(call, outcome, now, wanted=self._working(job) is not None))

    def token(self, job: int, piece: str, now: int) -> list[Output]:
        """A piece of the answer to `Reply`."""
        answer = self._working(job)
        return [] if answer is None else self._after(answer.token(piece, now))

    def written(self, job: int, now: int, *, complete: bool = True) -> list[Output]:
        """The answer to `Reply` has come to its end; not `complete`: cut off at its longest length."""
        answer = self._working(job)
        return [] if answer is None else self._after(answer.written(now, complete=complete))

    def spoken(self, job: int, index: int, speech: Speech | None, now: int, *, more: bool = False) -> list[Output]:
        """The voice's answer to `Speak`, or (`more`) a part of it; None: no sound came of it, or that was all."""
        self._ringing.spoken(job, speech)
        answer = self._working(job)
        return [] if answer is None else self._after(answer.spoken(index, speech, now, more=more))

    def queued(self, job: int, span: Span, speech: Speech) -> list[Output]:
        """`Play` was carried out: the clause lies at `span`. To be told before anything else is."""
        self._ringing.queued(job, span)
        answer = self._working(job)
        if answer is not None:
            answer.queued(span, speech)
        return []

    def failed(
        self, job: int, stage: Literal["stt", "turn", "llm", "tts", "wake"], message: str, now: int
    ) -> list[Output]:
        """A model raised an error while it worked for `job`. The conversation goes on."""
        turn, answer = self._turn, self._working(job)
        if stage == "wake":  # no turn's: the button and, where it may, any voice still open one
            return [ev.Failure(now, 0, stage, message), Chime("error")]
        if self._waking.gave_up(job):
            return []  # whoever it was, nobody had invited them
        rings = self._ringing.works_for(job)
        if answer is None and not rings and (turn is None or not turn.works_for(job)):
            return []
        number = answer.turn if answer is not None else 0 if rings else self._turns + 1
        out: list[Output] = [ev.Failure(now, number, stage, message)]
        if stage == "stt":
            assert turn is not None
            turn.failed(job)
            out += turn.discard("failed", now)  # while the user still talks the next pause tries again
            if turn.ended:
                out += [*self._drop(), *self._mine.silenced.settle_all()]
                out += self._mine.announce(self._policy.answer.unheard_text, now)
        elif stage == "llm" and answer is not None:
            out += answer.failed(now)
        elif stage == "turn" and turn is not None:  # silence and words decide without it
            turn.failed(job)
        elif stage == "tts":  # what cannot be spoken can still be sounded
            out.append(Chime("error"))
        return self._after(out)

    def close(self, now: int) -> list[Output]:
        """The session ends at `now`: what was heard so far is all that will be."""
        out = self._drop() if self._turn is not None else []
        return self._after(out + self._mine.stop(now))

    def _mute(self, muted: bool) -> list[Output]:
        """The microphone was muted or opened. What the user was saying is dropped; a finished turn is answered."""
        self._muted = muted
        out: list[Output] = [ev.Mute(self._now, self._turns, muted)]
        if muted:
            if self._turn is not None and not self._turn.ended:
                out += self._nothing("no_words")
            out += self._waking.forget()
            self._memory.forget()
        self._endpointer.forget()
        return [*out, Chime("muted" if muted else "unmuted")]

    # --- the turn ---------------------------------------------------------------------------------------------

    def _begin(self, onset_sample: int, *, held: bool) -> list[Output]:
        """The user speaks: the turn is theirs."""
        out: list[Output] = []
        if self._mine.unnoticed(onset_sample):  # the turn was taken too early: there was more to say
            self._pauses.went_on(to_ms(onset_sample - self._last_offset))
        out += self._mine.interrupted(self._now, onset_sample)
        if self._turn is not None:  # its transcript is still awaited: what follows belongs to it
            turn = self._turn
            out += turn.discard("more_speech", self._now)
            turn.held = held
            turn.go_on()
            return out
        self._turn = UserTurn(
            self._turns + 1,
            onset_sample,
            self._turn_policy,
            self._jobs,
            self._memory,
            held=held,
            least_wait_ms=self._pauses.least_wait_ms,
            not_before=self._waking.not_before,
        )
        return [*out, ev.SpeechStart(self._now, self._turn.number, onset_sample)]

    def _listen(self) -> list[Output]:
        """What a new block of the microphone gives occasion to: a decode, a question to the turn model, the end."""
        turn = self._turn
        if turn is None:
            return []
        degrade = self.degrade
        turn.degrade(degrade.partial_interval_factor, full_effort=degrade.context_scale == 1)
        if turn.ended:
            return turn.listen(self._now, turn.offset_sample, paused=True)
        offset = self._endpointer.offset_sample
        out = turn.listen(self._now, offset, paused=self._endpointer.paused)
        reason = turn.over(self._now, offset)
        return out if reason is None else out + self._finish(reason, offset)

    def _finish(self, reason: EndReason, offset_sample: int, until: int | None = None) -> list[Output]:
        """The user has finished. Commit at once when all of it is understood, else when the transcript comes."""
        turn = self._turn
        assert turn is not None
        turn.ended, turn.offset_sample = reason, offset_sample
        now = self._now if until is None else until
        self._endpointer.reset()
        out: list[Output] = [ev.SpeechEnd(now, turn.number, offset_sample)]
        return out + (self._conclude(turn, now) or self._listen())

    def _conclude(self, turn: UserTurn, now: int) -> list[Output]:
        """The user has finished. If the transcript is there: a turn, or nothing."""
        heard = turn.heard
        if heard is None or not turn.understood:
            return []
        if (control := self._controls.commanded(turn, heard.text, now)) is not None:
            obeyed = self._controls.obey(turn, control, now)
            return [turn.told(now, "nothing"), *obeyed, *self._drop(), *self._mine.silenced.give_up()]
        why = self._mine.silenced.excuse(heard.text, by_button=turn.held)
        if why is not None:
            return [turn.told(now, "nothing"), *self._nothing(why)]
        out: list[Output] = []
        if not turn.supposes(heard.text):
            out += [*turn.discard("other_words", now), *self._speculation.prepare(turn, heard, self._now)]
        return out + self._commit(turn, heard, now)

    def _commit(self, turn: UserTurn, heard: Heard, now: int) -> list[Output]:
        """The one place where a turn becomes the assistant's."""
        hypothesis, transcript = turn.hypothesis, heard.transcript
        assert hypothesis is not None
        assert turn.ended is not None
        self._turn = None
        self._turns = turn.number
        self._mine.take(hypothesis.answer)
        self._boundary.commit(hypothesis.job, hypothesis.text)
        self._pauses.ended()
        self._last_offset = turn.offset_sample
        number, text, sure = turn.number, hypothesis.text, transcript.probability
        return [
            turn.told(now, "commit"),
            ev.Final(now, number, text, sure, transcript.decode_ms),
            ev.Commit(now, number, text, turn.ended),
            *([ev.Controlled(now, number, "repeat")] if control_in(text) == "repeat" else []),
            *self._ringing.pause(now),
            *self._acting.commit(hypothesis.job, turn.onset_sample, sure, now, turn.offset_sample),
        ]

    def _drop(self) -> list[Output]:
        """It was nothing: no turn comes of it."""
        turn, self._turn = self._turn, None
        out = [] if turn is None else [*turn.discard("nothing", self._now), *turn.call_off()]
        self._endpointer.reset()
        return out

    def _nothing(self, why: Reason) -> list[Output]:
        """It was nothing: an answer that fell silent for it goes on, but not if it was silenced by the button."""
        by_button = self._turn is not None and self._turn.held
        out = self._drop()
        if by_button:  # who pushes it means it, though nothing be said
            return out + self._mine.silenced.give_up()
        self._mine.silenced.nothing(why)
        return out + self._mine.go_on(self._now)

    def _working(self, job: int) -> Answer | None:
        """The answer that `job` works for, if it is still wanted."""
        if (answer := self._mine.working(job)) is not None:
            return answer
        hypothesis = self._turn.hypothesis if self._turn is not None else None
        return hypothesis.answer if hypothesis is not None and hypothesis.job == job else None

    # --- of its own accord ------------------------------------------------------------------------------------

    def announce(self, text: str) -> list[Output]:
        """Say `text` at the next natural pause."""
        self._acting.add(text)
        return []

    def ring(self, name: str, text: str, now: int) -> list[Output]:
        """Ring, and say `text`, until somebody stops it. The same name again begins anew."""
        return self._after(self._ringing.ring(name, text, now, answering=self._mine.under_way is not None))

    def stop_ringing(self, name: str, now: int) -> list[Output]:
        """What rings under `name` is not to ring any more; "": nothing is."""
        return self._after(self._ringing.withdraw(name, now))

    # --- after every input ------------------------------------------------------------------------------------

    def _after(self, out: Sequence[Output]) -> list[Output]:
        """Close a finished answer; tell a change of state."""
        result = [*self._boundary.admit(out), *self._mine.finished()]
        self._waking.follow(result)
        state = self._derive_state()
        if state != self._state:
            self._state = state
            result.append(ev.StateChange(self._now, self._turns if self._turn is None else self._turn.number, state))
        return result

    def _derive_state(self) -> ev.State:
        if self._turn is not None:
            return "thinking" if self._turn.ended else "listening"
        answer = self._mine.under_way
        if answer is None:
            attentive = self._waking.gate is not None and self._waking.gate.attentive
            return "ringing" if self._ringing.active else "attentive" if attentive else "idle"
        return "speaking" if answer.started else "thinking"
