"""The conversation: who has the turn, what is prepared, what is committed, what was heard.

    talk = Conversation(Policy(), prompt="You are ...")
    for output in talk.hear(pcm, sample, played, dac_sample): publish_or_do(output)

Sans-IO: every method takes what happened, with its time on the capture clock, and returns events (to publish) and
commands (to carry out). The life of a turn:

    onset -> [pause -> hypothesis: transcript, answer, first clauses as audio] -> end -> commit -> playout -> end
              ^ more speech discards the hypothesis without a trace                         ^ words interrupt it

The commit is the boundary. Before it nothing is spoken and nothing enters the history; it happens in `_commit` alone.

At an onset over it the answer falls silent at once and waits (`interruption`); it is given up when words were
understood, and goes on when it was nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from device.card import Span
from device.dialogue import events as ev
from device.dialogue.answer import Answer, AnswerPolicy
from device.dialogue.audio_memory import AudioMemory
from device.dialogue.commands import Cancel, Chime, Decode, Output, Reply, Warm
from device.dialogue.endpointer import Cap, End, Endpointer, EndpointPolicy, Onset, Pause, Resume
from device.dialogue.history import History
from device.dialogue.interruption import Interruptions, Reason, ResumePolicy
from models.protocols import SAMPLE_RATE_HZ, Int16s, Message, Speech, Transcript

_TAP_SAMPLES = SAMPLE_RATE_HZ // 5  # a shorter push holds no word: 200 ms


@dataclass(frozen=True, slots=True)
class Policy:
    """How the conversation behaves. Units in the names."""

    endpoint: EndpointPolicy = EndpointPolicy()
    answer: AnswerPolicy = AnswerPolicy()
    pre_roll_ms: float = 500.0  #: audio before the onset that the recogniser gets
    open_microphone: bool = True  #: False: only push-to-talk opens a turn
    barge_in: bool = True  #: may speech (not the button) interrupt the answer?
    resume: ResumePolicy = ResumePolicy()  #: does an answer go on that was interrupted by nothing?


@dataclass(slots=True)
class _Hypothesis:
    """What would be answered if the user has finished: one cancel scope, nothing of it is final."""

    job: int
    offset_sample: int  # covers the speech up to here
    transcript: Transcript | None = None
    answer: Answer | None = None


@dataclass(slots=True)
class _Turn:
    """The user's turn, from the onset to the commit."""

    number: int
    onset_sample: int
    held: bool  # by push-to-talk
    hypothesis: _Hypothesis | None = None
    ended: Literal["silence", "release", "cap"] | None = None  # why it is over; None: it goes on


class Conversation:
    """One conversation. Not thread-safe: one thread feeds it."""

    def __init__(self, policy: Policy, prompt: str, earlier: Sequence[Message] = ()) -> None:
        """`earlier`: what was said before this session, which goes on with it (`device.session.resumption`)."""
        self._policy = policy
        self._pre_roll_samples = round(policy.pre_roll_ms * SAMPLE_RATE_HZ / 1000)
        self._history = History(prompt, earlier)
        seconds = (policy.endpoint.max_utterance_ms + policy.endpoint.end_silence_ms + policy.pre_roll_ms) / 1000 + 2
        self._memory = AudioMemory(seconds)
        self._endpointer = Endpointer(policy.endpoint)
        self._turn: _Turn | None = None
        self._answer: Answer | None = None  # committed, being made or played
        self._silenced = Interruptions(policy.resume, self._history)
        self._turns = 0  # committed so far
        self._jobs = 0
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
        return self._after(out + (self._announce(greeting, 0) if greeting else []))

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
        out: list[Output] = self._mute(muted) if muted != self._muted else []
        out += self._silenced.hear(self._now, played, dac_sample)
        if self._answer is not None:
            out += self._answer.played(played, dac_sample)
        return self._after(out + self._go_on())

    def voice(
        self, probability: float, start_sample: int, end_sample: int, *, may_be_echo: bool = False, second: bool = False
    ) -> list[Output]:
        """The speech probability of [start, end). `may_be_echo`: the ear says that it proves nothing.

        `second`: a burst heard again (`second_hearing.py`), which proves nothing while the loudspeaker sounds.
        """
        if self._muted:
            return []
        playing = self._answer is not None and self._answer.started
        deaf = may_be_echo or (playing and (second or not self._policy.barge_in))
        if self._turn is None and (deaf or not self._policy.open_microphone):
            return []
        out: list[Output] = []
        for decision in self._endpointer.feed(probability, start_sample, end_sample, over_playout=playing):
            match decision:
                case Onset(onset):
                    out += self._begin(onset, held=False)
                case Pause(offset):
                    out += self._suppose(offset)
                case Resume():
                    out += self._discard()
                case End(offset):
                    out += self._end("silence", offset)
                case Cap(offset):
                    out += self._end("cap", offset)
        return self._after(out)

    def press(self, sample: int) -> list[Output]:
        """The talk button goes down at `sample`: the turn is the user's, whatever was going on.

        While the microphone is muted it only stops the answer; while the card is away it is only told of.
        """
        if self._card_lost:
            return [ev.NotHeard(sample, 0, "card_lost")]
        if self._muted:
            answer, self._answer = self._answer, None
            out = self._silenced.final(answer, self._now, sample) if answer is not None else []
            return self._after([*out, Chime("muted")])
        self._endpointer.hold(sample)
        fresh = self._turn is None
        return self._after([*self._begin(sample, held=True), *([Chime("listening")] if fresh else [])])

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
            return self._after(self._nothing("no_words"))
        return self._after(self._end("release", offset, until=sample))

    # --- the card ----------------------------------------------------------------------------------------------

    def card_lost(self, sample: int, message: str) -> list[Output]:
        """The card is gone; `sample` is the end of what it heard. Nothing is heard or said until `card_back`."""
        self._card_lost = True
        answer, self._answer = self._answer, None
        speaking = [*self._silenced.answers, *([answer] if answer is not None else [])]
        number = self._turn.number if self._turn is not None else speaking[-1].turn if speaking else 0
        out: list[Output] = [ev.CardLost(sample, number, message)]
        if self._turn is not None:  # half a sentence: to be said again
            out += self._drop()
        self._endpointer.reset()
        if answer is not None:
            out += self._silenced.final(answer, sample, sample)
        for each in speaking:
            each.cut(sample)
        return self._after(out + self._silenced.settle_all())

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
        hypothesis = self._hypothesis(job)
        turn = self._turn
        if hypothesis is None or turn is None or not transcript.complete:
            return []
        hypothesis.transcript = transcript
        out: list[Output] = [ev.Partial(now, turn.number, transcript.text)] if transcript.text else []
        if turn.ended:
            out += self._conclude(turn, hypothesis, now)
        elif self._silenced.excuse(transcript.text, by_button=turn.held) is None:
            out += self._prepare(turn, hypothesis)
        return self._after(out)

    def token(self, job: int, piece: str, now: int) -> list[Output]:
        """A piece of the answer to `Reply`."""
        answer = self._working(job)
        return [] if answer is None else self._after(answer.token(piece, now))

    def written(self, job: int, now: int, *, complete: bool = True) -> list[Output]:
        """The answer to `Reply` has come to its end; not `complete`: cut off at its longest length."""
        answer = self._working(job)
        return [] if answer is None else self._after(answer.written(now, complete=complete))

    def spoken(self, job: int, index: int, speech: Speech | None, now: int) -> list[Output]:
        """The voice's answer to `Speak`; None: no sound came of it."""
        answer = self._working(job)
        return [] if answer is None else self._after(answer.spoken(index, speech, now))

    def queued(self, job: int, span: Span, speech: Speech) -> list[Output]:
        """`Play` was carried out: the clause lies at `span`. To be told before anything else is."""
        answer = self._working(job)
        if answer is not None:
            answer.queued(span, speech)
        return []

    def failed(self, job: int, stage: Literal["stt", "llm", "tts"], message: str, now: int) -> list[Output]:
        """A model raised an error while it worked for `job`. The conversation goes on."""
        hypothesis, answer = self._hypothesis(job), self._working(job)
        if hypothesis is None and answer is None:
            return []
        number = answer.turn if answer is not None else self._turns + 1
        out: list[Output] = [ev.Failure(now, number, stage, message)]
        if stage == "stt":
            ended = self._turn is not None and self._turn.ended
            out += self._discard()  # while the user still talks the next pause tries again
            if ended:
                out += [*self._drop(), *self._silenced.settle_all()]
                out += self._announce(self._policy.answer.unheard_text, now)
        elif stage == "llm" and answer is not None:
            out += answer.failed(now)
        else:  # what cannot be spoken can still be sounded
            out.append(Chime("error"))
        return self._after(out)

    def close(self, now: int) -> list[Output]:
        """The session ends at `now`: what was heard so far is all that will be."""
        out = self._drop() if self._turn is not None else []
        return self._after(out + self._stop_speaking(now))

    def _mute(self, muted: bool) -> list[Output]:
        """The microphone was muted or opened. What the user was saying is dropped; a finished turn is answered."""
        self._muted = muted
        out: list[Output] = [ev.Mute(self._now, self._turns, muted)]
        if muted:
            if self._turn is not None and not self._turn.ended:
                out += self._nothing("no_words")
            self._memory.forget()
        self._endpointer.reset()
        return [*out, Chime("muted" if muted else "unmuted")]

    # --- the turn ---------------------------------------------------------------------------------------------

    def _begin(self, onset_sample: int, *, held: bool) -> list[Output]:
        """The user speaks: the turn is theirs."""
        out: list[Output] = []
        if self._answer is not None:
            answer, self._answer = self._answer, None
            out += self._silenced.begin(answer, self._now, onset_sample)
        self._silenced.nothing(None)  # it may have been about to go on
        if self._turn is not None:  # its transcript is still awaited: what follows belongs to it
            turn = self._turn
            out += self._discard()
            turn.ended = None
            turn.held = held
            return out
        self._turn = _Turn(self._turns + 1, onset_sample, held)
        return [*out, ev.SpeechStart(self._now, self._turn.number, onset_sample)]

    def _suppose(self, offset_sample: int) -> list[Output]:
        """The user may have finished: prepare the answer to what was said so far."""
        turn = self._turn
        assert turn is not None
        out = self._discard()
        self._jobs += 1
        turn.hypothesis = _Hypothesis(self._jobs, offset_sample)
        audio = self._memory.cut(turn.onset_sample - self._pre_roll_samples, self._now)
        return [*out, Decode(self._jobs, audio)]

    def _discard(self) -> list[Output]:
        """The hypothesis is wrong: not a trace of it remains."""
        if self._turn is None or self._turn.hypothesis is None:
            return []
        job = self._turn.hypothesis.job
        self._turn.hypothesis = None
        return [Cancel(job)]

    def _end(
        self, reason: Literal["silence", "release", "cap"], offset_sample: int, until: int | None = None
    ) -> list[Output]:
        """The user has finished. Commit at once when the hypothesis is ready, else when its transcript comes."""
        turn = self._turn
        assert turn is not None
        turn.ended = reason
        out: list[Output] = [ev.SpeechEnd(self._now if until is None else until, turn.number, offset_sample)]
        hypothesis = turn.hypothesis
        if hypothesis is None or hypothesis.offset_sample < offset_sample:
            return out + self._suppose(offset_sample)
        if hypothesis.transcript is None:
            return out
        if not hypothesis.transcript.text:
            # cut off close behind the voice nothing could be made out: once more, with the silence that has come since
            return out + self._suppose(offset_sample)
        return out + self._conclude(turn, hypothesis, self._now)

    def _prepare(self, turn: _Turn, hypothesis: _Hypothesis) -> list[Output]:
        """There are words: what was being said before them is over, and an answer to them is begun."""
        assert hypothesis.transcript is not None
        out = self._silenced.settle_all()
        hypothesis.answer = Answer(hypothesis.job, turn.number, self._policy.answer)
        return [*out, Reply(hypothesis.job, self._history.messages_with(hypothesis.transcript.text))]

    def _conclude(self, turn: _Turn, hypothesis: _Hypothesis, now: int) -> list[Output]:
        """The user has finished and the transcript is there: a turn, or nothing."""
        assert hypothesis.transcript is not None
        why = self._silenced.excuse(hypothesis.transcript.text, by_button=turn.held)
        if why is not None:
            return self._nothing(why)
        out = self._prepare(turn, hypothesis) if hypothesis.answer is None else []
        return out + self._commit(turn, hypothesis, now)

    def _commit(self, turn: _Turn, hypothesis: _Hypothesis, now: int) -> list[Output]:
        """The one place where a turn becomes the assistant's."""
        transcript, answer = hypothesis.transcript, hypothesis.answer
        assert transcript is not None
        assert answer is not None
        assert turn.ended is not None
        self._turn = None
        self._turns = turn.number
        self._answer = answer
        self._history.user(transcript.text)
        return [
            ev.Final(now, turn.number, transcript.text, transcript.probability, transcript.decode_ms),
            ev.Commit(now, turn.number, transcript.text, turn.ended),
            *answer.release(now),
        ]

    def _drop(self) -> list[Output]:
        """It was nothing: no turn comes of it."""
        out = self._discard()
        self._turn = None
        self._endpointer.reset()
        return out

    def _nothing(self, why: Reason) -> list[Output]:
        """It was nothing: an answer that fell silent for it goes on, but not if it was silenced by the button."""
        by_button = self._turn is not None and self._turn.held
        out = self._drop()
        if by_button:  # who pushes it means it, though nothing be said
            return out + self._silenced.give_up()
        self._silenced.nothing(why)
        return out + self._go_on()

    def _go_on(self) -> list[Output]:
        """An answer that was silenced for nothing, as soon as it can."""
        answer, out = self._silenced.go_on(self._now)
        if answer is not None:
            self._answer = answer
        return out

    def _announce(self, text: str, now: int) -> list[Output]:
        """Say something that answers no turn: its events carry the number 0."""
        self._jobs += 1
        self._answer = answer = Answer(self._jobs, 0, self._policy.answer)
        return [*answer.fixed(text, now), *answer.release(now)]

    # --- the answer -------------------------------------------------------------------------------------------

    def _stop_speaking(self, now: int) -> list[Output]:
        """The answer, also one that waits to go on, is over: what was heard of it is what is known now."""
        answer, self._answer = self._answer, None
        out = self._silenced.final(answer, now, now) if answer is not None else []
        return out + self._silenced.settle_all()

    def _hypothesis(self, job: int) -> _Hypothesis | None:
        hypothesis = self._turn.hypothesis if self._turn is not None else None
        return hypothesis if hypothesis is not None and hypothesis.job == job else None

    def _working(self, job: int) -> Answer | None:
        """The answer that `job` works for, if it is still wanted."""
        for answer in (self._answer, self._silenced.waiting):
            if answer is not None and answer.job == job:
                return answer
        hypothesis = self._hypothesis(job)
        return hypothesis.answer if hypothesis is not None else None

    # --- after every input ------------------------------------------------------------------------------------

    def _after(self, out: Sequence[Output]) -> list[Output]:
        """Close a finished answer; tell a change of state."""
        result = list(out)
        if self._answer is not None and self._answer.finished:
            answer, self._answer = self._answer, None
            self._history.assistant(answer.heard)
            result.append(Warm(self._history.messages))
        state = self._derive_state()
        if state != self._state:
            self._state = state
            result.append(ev.StateChange(self._now, self._turns if self._turn is None else self._turn.number, state))
        return result

    def _derive_state(self) -> ev.State:
        if self._turn is not None:
            return "thinking" if self._turn.ended else "listening"
        answer = self._answer or self._silenced.waiting
        if answer is not None:
            return "speaking" if answer.started else "thinking"
        return "idle"
