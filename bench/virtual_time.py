"""When would it answer? Recordings heard by the real ears in virtual time: a minute instead of a quarter of an hour.

    ears = VirtualEars(models, policy)
    heard = ears.hear(utterance)
    heard.ending.commits_ms; heard.sounds          # [(first, end) samples of the recording in which an answer sounds]
    events, release = ears.held(utterance)         # with the talk button held down

Voice detector, recogniser and turn model are the real ones, and each takes a set time, so that what else the machine
does changes nothing: two rules for the end of a turn can be compared on any machine. The rest of the card, the echo
canceller and the loudspeaker are not in it, and an answer is a second of sound that takes `ANSWER_MS`: how long it
really takes is measured by `nearfield bench turns`.
"""

import contextlib
import heapq
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from bench.options import PRESS_SAMPLES, Utterance
from bench.verdicts import Ending, Look
from device.card import BLOCK_SAMPLES, Span
from device.dialogue.commands import Decode, Flush, Judge, LiveJobs, Output, Play, Reply, Speak
from device.dialogue.conversation import Conversation, Policy
from device.dialogue.events import Commit, EndPoint, Event, to_ms
from device.dialogue.loop import Models
from device.dialogue.voice_meter import VoiceMeter
from models.protocols import SAMPLE_RATE_HZ, ExpectsEnds, Int16s, Mark, Message, Speech

#: What the models take on two x86-64 cores (`nearfield bench model-waits`): a question until it is read and the first
#: token of its answer written, and that until it is sound.
RECOGNISER_MS = 100
TURN_MS = 27
READ_MS = 45
ANSWER_MS = 85
_LEAD_SAMPLES = SAMPLE_RATE_HZ
_TAIL_SAMPLES = 3 * SAMPLE_RATE_HZ
_ANSWER = Speech("Okay.", np.full(SAMPLE_RATE_HZ, 1000, np.int16), (Mark(5, SAMPLE_RATE_HZ),))


@dataclass(frozen=True, slots=True)
class Heard:
    """What came of one recording."""

    ending: Ending
    transcript: str  #: of all turns that it became
    sounds: tuple[tuple[int, int], ...]  #: samples of the recording during which an answer sounded


class VirtualEars:
    """A new conversation for every recording."""

    def __init__(
        self, models: Models, policy: Policy, *, recogniser_ms: float = RECOGNISER_MS, turn_ms: float = TURN_MS
    ) -> None:
        self._models = models
        self._policy = policy
        self._recogniser_ms = recogniser_ms
        self._turn_ms = turn_ms

    def hear(self, said: Utterance) -> Heard:
        """`said`, with a second of silence before it and three behind."""
        run = _Run(self._models, self._policy, self._recogniser_ms, self._turn_ms)
        run.hear(_with_silence(said.pcm))
        end_ms = to_ms(_LEAD_SAMPLES + said.speech_end)
        commits = [e for e in run.events if isinstance(e, Commit)]
        looks = [
            Look(to_ms(e.sample) - end_ms, e.silence_ms, e.wait_ms, e.finished, e.wording, e.verdict, e.sentence_end)
            for e in run.events
            if isinstance(e, EndPoint)
        ]
        sound_ms = to_ms(run.sounds[0][0]) - end_ms if run.sounds else None
        return Heard(
            Ending(said.name, tuple(round(to_ms(e.sample) - end_ms, 1) for e in commits), sound_ms, tuple(looks)),
            " | ".join(e.text for e in commits),
            tuple((first - _LEAD_SAMPLES, end - _LEAD_SAMPLES) for first, end in run.sounds),
        )

    def held(self, said: Utterance, after_s: float = 0.05) -> tuple[list[Event], int]:
        """Say `said` with the talk button held down from before it until `after_s` behind its end of speech.

        Returns what happened, and the sample of the release. The policy must be that of push-to-talk.
        """
        run = _Run(self._models, self._policy, self._recogniser_ms, self._turn_ms)
        release = _LEAD_SAMPLES + said.speech_end + round(after_s * SAMPLE_RATE_HZ)
        run.hear(_with_silence(said.pcm), button=(_LEAD_SAMPLES - PRESS_SAMPLES, release))
        return run.events, release


def _with_silence(pcm: Int16s) -> Int16s:
    return np.concatenate([np.zeros(_LEAD_SAMPLES, np.int16), pcm, np.zeros(_TAIL_SAMPLES, np.int16)])


class _Run:
    """One conversation, its world, and their clock."""

    def __init__(self, models: Models, policy: Policy, recogniser_ms: float, turn_ms: float) -> None:
        self._models = models
        self._recogniser_ms, self._turn_ms = recogniser_ms, turn_ms
        models.vad.reset()
        self._meter = VoiceMeter(models.vad)
        self._talk = Conversation(policy, "")
        self._live = LiveJobs()
        self._due: list[tuple[int, int, Callable[[], list[Output]]]] = []
        self._clock = self._number = 0
        self._queued: list[Span] = []  # in the loudspeaker's ring; what was flushed is gone
        self._written = 0
        self.events: list[Event] = []
        self.sounds: list[tuple[int, int]] = []

    def hear(self, mic: Int16s, button: tuple[int, int] | None = None) -> None:
        """`button`: the samples at which the talk button goes down and comes up."""
        self._take(self._talk.open())
        moves = [] if button is None else [(button[0], self._talk.press), (button[1], self._talk.release)]
        for sample in range(0, mic.size - BLOCK_SAMPLES + 1, BLOCK_SAMPLES):
            self._clock = sample + BLOCK_SAMPLES
            while moves and moves[0][0] <= self._clock:
                at, move = moves.pop(0)
                self._take(move(at))
            while self._due and self._due[0][0] <= self._clock:
                self._take(heapq.heappop(self._due)[2]())
            pcm = mic[sample : self._clock]
            self._take(self._talk.hear(pcm, sample, self._play(sample), self._clock))
            for heard in self._meter.feed(pcm, sample):
                out = self._talk.voice(heard.probability, heard.start_sample, heard.end_sample, second=heard.second)
                self._take(out)

    def _play(self, sample: int) -> Span:
        if not self._queued:
            return Span(self._written, self._written)
        first = self._queued.pop(0)
        end = min(first.end, first.start + BLOCK_SAMPLES)
        if end < first.end:
            self._queued.insert(0, Span(end, first.end))
        if self.sounds and self.sounds[-1][1] == sample:
            self.sounds[-1] = (self.sounds[-1][0], sample + BLOCK_SAMPLES)
        else:
            self.sounds.append((sample, sample + BLOCK_SAMPLES))
        return Span(first.start, end)

    def _take(self, outputs: list[Output]) -> None:
        for output in outputs:
            if isinstance(output, Event):
                self.events.append(output)
            else:
                self._live.apply(output)
                self._do(output)

    def _do(self, command: Output) -> None:
        talk, models = self._talk, self._models
        match command:
            case Decode(job, audio, effort):
                heard = models.recogniser.transcribe(audio, effort=effort)
                self._later(self._recogniser_ms, lambda: talk.transcribed(job, heard, self._clock))
            case Judge(job, audio):
                assert models.turn is not None
                finished = models.turn.finished(audio)
                self._later(self._turn_ms, lambda: talk.judged(job, finished, self._clock))
            case Reply(job, messages):
                ends = self._sentence_end(messages)
                if ends is not None:
                    self._answer(job, lambda: talk.expected(job, ends, self._clock))
                self._answer(job, lambda: talk.token(job, _ANSWER.text, self._clock))
                self._answer(job, lambda: talk.written(job, self._clock))
            case Speak(job, index):
                self._later(ANSWER_MS, lambda: self._spoken(job, index))
            case Play(job, _, speech):
                span = Span(self._written, self._written + speech.pcm.size)
                self._written = span.end
                self._queued.append(span)
                self._take(talk.queued(job, span, speech))
            case Flush():
                self._queued.clear()

    def _sentence_end(self, messages: Sequence[Message]) -> float | None:
        chat = self._models.chat
        if not isinstance(chat, ExpectsEnds):
            return None
        with contextlib.closing(chat.reply(messages)) as pieces:
            next(pieces, "")
        return chat.sentence_end

    def _answer(self, job: int, action: Callable[[], list[Output]]) -> None:
        self._later(READ_MS, lambda: action() if self._live.alive(job) else [])

    def _spoken(self, job: int, index: int) -> list[Output]:
        return self._talk.spoken(job, index, _ANSWER if self._live.alive(job) else None, self._clock)

    def _later(self, ms: float, action: Callable[[], list[Output]]) -> None:
        self._number += 1
        heapq.heappush(self._due, (self._clock + round(ms * SAMPLE_RATE_HZ / 1000), self._number, action))
