"""The conversation: who has the turn, what is prepared, what is committed, what was heard.

    talk = Conversation(Policy(), prompt="You are ...")
    for output in talk.hear(pcm, sample, played, dac_sample): publish_or_do(output)

Sans-IO: every method takes what happened, with its time on the capture clock, and returns events (to publish) and
commands (to carry out). The life of a turn:

    onset -> [pause -> hypothesis: transcript, answer, first clauses as audio] -> end -> commit -> playout -> end
              ^ more speech discards the hypothesis without a trace                         ^ words interrupt it

Who decides what: `endpointer` when it is quiet, `listening` what is decoded when, `turn_end` whether a pause is the
end, `boundary` what may be done before the commit, `floor` whose turn it is: the commit happens there.

At an onset over it the answer falls silent at once and waits (`interruption`); it is given up when words were
understood, and goes on when it was nothing.
"""

from collections.abc import Sequence
from typing import Literal

import numpy as np

from device.card import Span
from device.dialogue import events as ev
from device.dialogue.acting import Acting
from device.dialogue.assistant_turn import AssistantTurn
from device.dialogue.audio_memory import AudioMemory
from device.dialogue.boundary import CommitBoundary
from device.dialogue.commands import Chime, Jobs, Output, Prepare, Warm
from device.dialogue.control_words import control_in
from device.dialogue.controls import Controls
from device.dialogue.deeds import Call, Meaning, Outcome, Unable, Undelivered
from device.dialogue.degrade import Degrade
from device.dialogue.doing import Check, no_tools
from device.dialogue.endpointer import Endpointer
from device.dialogue.floor import Floor
from device.dialogue.history import History
from device.dialogue.policy import Policy
from device.dialogue.ringing import Ringing
from device.dialogue.setbacks import Setbacks, Stage
from device.dialogue.speculation import Speculation
from device.dialogue.unasked import Unasked
from device.dialogue.waking import Waking
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
        self.degrade = Degrade(policy.degrade)  #: fed by the rim, which measures; obeyed here
        self._jobs = Jobs()
        self._history = History(prompt, earlier, apologies=policy.answer.apologies)
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
        self._floor = Floor(
            policy,
            jobs=self._jobs,
            memory=self._memory,
            endpointer=self._endpointer,
            mine=self._mine,
            boundary=self._boundary,
            acting=self._acting,
            ringing=self._ringing,
            controls=self._controls,
            speculation=self._speculation,
            degrade=self.degrade,
            waking=self._waking,
        )
        self._setbacks = Setbacks(
            self._floor, self._mine, self._waking, self._ringing, unheard_text=policy.answer.unheard_text
        )
        self._muted = False  # the card zeroes the microphone
        self._state: ev.State = "idle"
        self._card_lost = False

    @property
    def state(self) -> ev.State:
        return self._state

    @property
    def card_is_lost(self) -> bool:
        return self._card_lost

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
        self._floor.now = max(self._floor.now, sample + pcm.size if now is None else now)
        if self._floor.turn is not None:
            self._floor.turn.hear(pcm, sample)
        out: list[Output] = self._mute(muted) if muted != self._muted else []
        if not self._muted:
            out += self._floor.decided(self._endpointer.hear(pcm, sample))
            out += self._waking.hear(pcm, sample, busy=self._disturbs)
        out += self._mine.hear(self._floor.now, played, dac_sample)
        if self._waking.gate is not None:
            out += self._waking.gate.tick(
                self._floor.now,
                turn=self._floor.turn is not None,
                sounding=self._mine.playing,
                voice=self._endpointer.voiced,
            )
        out += self._unasked.ring_on(
            self._floor.now, played, self._floor.turn, silent=self._card_lost, somebody=self._waking.somebody
        )
        out += self._floor.listen() + self._mine.go_on(self._floor.now)
        out += self._acting.not_understood(self._floor.now, lambda job: self._floor.working(job) is not None)
        called = self._waking.gate is not None and self._waking.gate.called
        quiet = self._floor.turn is None and not self._card_lost and not called
        return self._after(out + self._unasked.hear(self._floor.now, quiet=quiet))

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
        playing = self._mine.playing or self._ringing.sounding(self._floor.now)
        deaf = may_be_echo or (playing and (second or not self._policy.barge_in))
        if self._floor.turn is None and not deaf and not self._listens_to(second):
            self._endpointer.ignore(probability)
            overheard = self._disturbs and self._policy.wake is not None
            return self._waking.overhear(probability, start_sample, end_sample) if overheard else []
        if self._floor.turn is None and deaf:
            return []
        if self._floor.turn is not None and self._floor.turn.ended == "release":
            return []  # the button has said that it is over, whoever goes on speaking
        decisions = self._endpointer.feed(probability, start_sample, end_sample, over_playout=playing)
        return self._after(self._floor.decided(decisions))

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
        out += [*self._mine.over(self._floor.now, detection.end_sample), *self._mine.silenced.give_up()]
        in_a_turn = self._floor.turn is not None and (self._floor.turn.held or self._waking.gate is None)
        if not in_a_turn:
            out += self._floor.drop()
            self._endpointer.expect(detection.end_sample)
        self._waking.woken(detection, before_turn=not in_a_turn)
        return self._after(out)

    def press(self, sample: int) -> list[Output]:
        """The talk button goes down at `sample`: the turn is the user's, whatever was going on; what rings stops.

        While the microphone is muted it only stops the answer; while the card is away it is only told of.
        """
        rung, _ = self._ringing.stop("button", self._floor.now)
        if self._card_lost:
            return self._after([*rung, ev.NotHeard(sample, 0, "card_lost")])
        if self._muted:
            return self._after([*rung, *self._mine.over(self._floor.now, sample), Chime("muted")])
        self._endpointer.hold(sample)
        fresh = self._floor.turn is None
        return self._after([*rung, *self._floor.begin(sample, held=True), *([Chime("listening")] if fresh else [])])

    def toggle(self, sample: int) -> list[Output]:
        """A talk button that is pushed twice a turn: the first push is a press, the second a release."""
        turn = self._floor.turn
        return self.release(sample) if turn is not None and turn.held and not turn.ended else self.press(sample)

    def release(self, sample: int) -> list[Output]:
        """The talk button comes up at `sample`: the turn is the assistant's."""
        turn = self._floor.turn
        if turn is None or not turn.held or turn.ended:
            return []
        # the button says that something was said, even where the detector heard only whispering
        offset = self._endpointer.offset_sample if self._endpointer.heard_voice else sample
        self._endpointer.reset()
        if offset - turn.onset_sample < _TAP_SAMPLES:
            out = self._floor.nothing("no_words")
            if self._waking.gate is not None:
                self._waking.gate.woken(sample, "button")
            return self._after(out)
        return self._after(self._floor.finish("release", offset, until=sample))

    def hush(self, sample: int) -> list[Output]:
        """Somebody at a panel wants silence at `sample`: the same as "stop", said by nobody."""
        return self._after(self._controls.overheard("stop", max(sample, self._floor.now)))

    # --- the card ----------------------------------------------------------------------------------------------

    def card_lost(self, sample: int, message: str) -> list[Output]:
        """The card is gone; `sample` is the end of what it heard. Nothing is heard or said until `card_back`."""
        self._card_lost = True
        number = self._mine.newest_turn if self._floor.turn is None else self._floor.turn.number
        out: list[Output] = [ev.CardLost(sample, number, message)]
        if self._floor.turn is not None:  # half a sentence: to be said again
            out += self._floor.drop()
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
        return [ev.MicTrouble(sample, self._floor.number, kind, over, message)]

    # --- what comes back from the models ----------------------------------------------------------------------

    def transcribed(self, job: int, transcript: Transcript, now: int) -> list[Output]:
        """The recogniser's answer to `Decode`."""
        if (control := self._waking.overheard(job, transcript)) is not None:
            return self._after(self._controls.overheard(control, now))
        return self._after(self._floor.transcribed(job, transcript, now))

    def judged(self, job: int, finished: float, now: int) -> list[Output]:
        """The turn model's answer to `Judge`: the probability that the speaker has finished."""
        if self._floor.turn is None:
            return []
        return self._after([*self._floor.turn.judged(job, finished, now), *self._floor.listen()])

    def expected(self, job: int, sentence_end: float, now: int) -> list[Output]:
        """The language model has read what `Reply` asks: a sentence ends behind its words with this probability."""
        if self._floor.turn is None:
            return []
        return self._after([*self._floor.turn.expected(job, sentence_end, now), *self._floor.listen()])

    def understood(self, job: int, meaning: Meaning | Unable | None, now: int) -> list[Output]:
        """The interpreter's answer to `Understand`; None: it does not know these words."""
        return [] if self._floor.working(job) is None else self._after(self._acting.understood(job, meaning, now))

    def requested(self, job: int, request: ToolRequest, now: int) -> list[Output]:
        """The language model's answer to `Reply` is that it asks for a tool."""
        return [] if self._floor.working(job) is None else self._after(self._acting.requested(job, request, now))

    def acted(self, job: int, call: Call, outcome: Outcome, now: int) -> list[Output]:
        """What came of an `Act`. It stays done also where nobody waits for the answer any more."""
        return self._after(self._acting.acted(call, outcome, now, wanted=self._floor.working(job) is not None))

    def token(self, job: int, piece: str, now: int) -> list[Output]:
        """A piece of the answer to `Reply`."""
        answer = self._floor.working(job)
        return [] if answer is None else self._after(answer.token(piece, now))

    def written(self, job: int, now: int, *, complete: bool = True) -> list[Output]:
        """The answer to `Reply` has come to its end; not `complete`: cut off at its longest length."""
        answer = self._floor.working(job)
        return [] if answer is None else self._after(answer.written(now, complete=complete))

    def spoken(self, job: int, index: int, speech: Speech | None, now: int, *, more: bool = False) -> list[Output]:
        """The voice's answer to `Speak`, or (`more`) a part of it; None: no sound came of it, or that was all.

        `more` and None: nothing of it before the clause that it is the opening of.
        """
        self._ringing.spoken(job, speech)
        answer = self._floor.working(job)
        if answer is None:
            return []
        return self._after([*answer.spoken(index, speech, now, more=more), *self._floor.listen()])

    def prepared(self, behind_opening_ms: float | None) -> list[Output]:
        """`Prepare` was carried out, as far as it went; what the voice knows of itself by now (`OpeningVoice`)."""
        if behind_opening_ms is not None:
            self._mine.voice_goes_on(behind_opening_ms)
        return []

    def queued(self, job: int, span: Span, speech: Speech) -> list[Output]:
        """`Play` was carried out: the clause lies at `span`. To be told before anything else is."""
        self._ringing.queued(job, span)
        answer = self._floor.working(job)
        if answer is not None:
            answer.queued(span, speech)
        return []

    def failed(self, job: int, stage: Stage, message: str, now: int) -> list[Output]:
        """A model raised an error while it worked for `job`. The conversation goes on."""
        return self._after(self._setbacks.failed(job, stage, message, now))

    def close(self, now: int) -> list[Output]:
        """The session ends at `now`: what was heard so far is all that will be."""
        out = self._floor.drop() if self._floor.turn is not None else []
        return self._after(out + self._mine.stop(now))

    def _mute(self, muted: bool) -> list[Output]:
        """The microphone was muted or opened. What the user was saying is dropped; a finished turn is answered."""
        self._muted = muted
        out: list[Output] = [ev.Mute(self._floor.now, self._floor.committed, muted)]
        if muted:
            if self._floor.turn is not None and not self._floor.turn.ended:
                out += self._floor.nothing("no_words")
            out += self._waking.forget()
            self._memory.forget()
        self._endpointer.forget()
        return [*out, Chime("muted" if muted else "unmuted")]

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
            result.append(ev.StateChange(self._floor.now, self._floor.number, state))
        return result

    def _derive_state(self) -> ev.State:
        if self._floor.turn is not None:
            return "thinking" if self._floor.turn.ended else "listening"
        answer = self._mine.under_way
        if answer is None:
            attentive = self._waking.gate is not None and self._waking.gate.attentive
            return "ringing" if self._ringing.active else "attentive" if attentive else "idle"
        return "speaking" if answer.started else "thinking"
