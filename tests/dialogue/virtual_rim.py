"""A whole conversation on virtual time: the world around `Conversation`, with scripted ends and no threads.

    rim = VirtualRim(answers=["Paris."]); rim.say(1000, 2000, "What is the capital of France?"); rim.run(6000)

The microphone is a list of spoken stretches, each model a latency and a script, the loudspeaker a list of samples.
Results come back when their time has come; what was played is kept, so that a test can hold the ledger against it.
"""

import heapq
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from device.card import BLOCK_SAMPLES, Span
from device.dialogue.commands import (
    Act,
    Chime,
    Command,
    Decode,
    Flush,
    Judge,
    LiveJobs,
    Output,
    Play,
    Reply,
    Speak,
    Understand,
)
from device.dialogue.conversation import Conversation, Policy
from device.dialogue.deeds import Call, Meaning, Outcome, Unable, Undelivered
from device.dialogue.doing import Check, no_tools
from device.dialogue.events import Event
from device.dialogue.notice import ACKNOWLEDGEMENT
from models.protocols import SAMPLE_RATE_HZ, Floats, Mark, Message, Speech, ToolRequest, Transcript

MS = 16  # samples
FRAME = 512
SAMPLES_PER_CHAR = 60 * MS


def fake_speech(text: str) -> Speech:
    """60 ms a character, loud throughout, one mark a word."""
    ends = [i for i in range(1, len(text) + 1) if i == len(text) or text[i] == " "]
    marks = tuple(Mark(end, end * SAMPLES_PER_CHAR) for end in ends)
    return Speech(text, np.full(len(text) * SAMPLES_PER_CHAR, 1000, np.int16), marks)


@dataclass
class Said:
    start_sample: int
    end_sample: int
    text: str


@dataclass
class VirtualRim:
    answers: list[str | Exception | ToolRequest] = field(default_factory=list)
    policy: Policy = field(default_factory=lambda: Policy(turn_model=False))
    judge: Callable[[str], float] = lambda _text: 0.99  # what the turn model thinks of what was said
    judge_ms: int = 25
    expects: Callable[[str], float | None] = lambda _text: None  # what the language model makes of the end of the words
    probability: float = 0.9  # of every transcript
    stt_ms: int = 150
    first_token_ms: int = 40
    token_ms: int = 6
    tts_ms: int = 45
    voice_works: bool = True
    part_words: int = 0  # the first clause comes from the voice in parts of so many words, tts_ms each; 0: whole
    opens: bool = False  # the voice can begin a clause that is still being written
    room_known: bool = True  # by the echo canceller
    cut_off: bool = False  # answers end at their longest length
    hears: Callable[[str], str | Exception] = lambda text: text
    meanings: dict[str, Meaning | Unable] = field(default_factory=dict)  # what the interpreter knows
    understand_ms: int = 5
    guesses: dict[str, Meaning | None] = field(default_factory=dict)  # what a second look makes of what it is near to
    look_ms: int = 450
    does: Callable[[Call], Outcome | None] = lambda call: Outcome("done", f"{call.skill} is done.")  # None: never
    act_ms: int = 20
    check: Check = no_tools
    pending: Meaning | None = None
    undelivered: tuple[Undelivered, ...] = ()

    def __post_init__(self) -> None:
        self.talk = Conversation(
            self.policy, "Be brief.", check=self.check, pending=self.pending, undelivered=self.undelivered
        )
        self.acts: list[tuple[int, Call]] = []  # when what was carried out
        self.said: list[Said] = []
        self.events: list[Event] = []
        self.commands: list[tuple[int, Command]] = []
        self.asked: list[tuple[Message, ...]] = []  # what the language model was asked, per Reply
        self.rounds: list[tuple[int, float]] = []  # when a signal rang, and how loud in dB
        self._apart: set[int] = set()  # jobs whose words ring
        self._begun: dict[int, str] = {}  # what was said of a clause before it was there, by job
        self.clock = 0
        self._live = LiveJobs()
        self._due: list[tuple[int, int, Callable[[], list[Output]]]] = []
        self._seq = 0
        self._ring: list[tuple[int, int, int]] = []  # (start position, end position, next position to play)
        self._written = 0
        self._flush_to = 0
        self.sounded: list[tuple[int, int, int]] = []  # (position start, end, dac sample) of what was played
        self.spans: list[tuple[Span, Speech]] = []
        self._next_frame = FRAME
        self._take(self.talk.open())

    # --- script -------------------------------------------------------------------------------------------------

    def say(self, start_ms: int, end_ms: int, text: str) -> None:
        self.said.append(Said(start_ms * MS, end_ms * MS, text))

    def noise(self, start_ms: int, end_ms: int) -> None:
        """The VAD takes it for a voice; there is not a word in it."""
        self.say(start_ms, end_ms, "")

    def at(self, ms: int, action: Callable[[], list[Output]]) -> None:
        self._later(ms * MS - self.clock, action)

    def press(self, ms: int) -> None:
        self.at(ms, lambda: self.talk.press(self.clock))

    def release(self, ms: int) -> None:
        self.at(ms, lambda: self.talk.release(self.clock))

    def run(self, until_ms: int) -> "VirtualRim":
        while self.clock < until_ms * MS:
            self._tick()
        return self

    # --- what a test asks ---------------------------------------------------------------------------------------

    def kinds(self) -> list[str]:
        return [e.type for e in self.events]

    def of(self, kind: type[Event]) -> list[Event]:
        return [e for e in self.events if isinstance(e, kind)]

    def truly_heard(self) -> str:
        """From the loudspeaker's own record: every word of which all samples were played."""
        runs: list[tuple[int, int]] = []
        for start, end, _ in self.sounded:
            if runs and runs[-1][1] == start:
                runs[-1] = (runs[-1][0], end)
            else:
                runs.append((start, end))
        words = []
        for span, speech in self.spans:
            start, first = 0, span.start
            for mark in speech.marks:
                last = span.start + mark.samples
                if any(s <= first and last <= e for s, e in runs):
                    words.append(speech.text[start : mark.chars].strip())
                start, first = mark.chars, last
        return " ".join(words)

    def history_is_what_was_heard(self) -> bool:
        """Each answer in the history was heard, in that order; what is no example for a model may be missing."""
        heard, at = f" {self.truly_heard()} ", 0
        for message in self.talk.history.messages:
            if message.role == "assistant":
                at = heard.find(f" {message.text} ", at) + 1
                if not at:
                    return False
                at += len(message.text)
        return True

    # --- the world ----------------------------------------------------------------------------------------------

    def _tick(self) -> None:
        sample = self.clock
        self.clock += BLOCK_SAMPLES
        while self._due and self._due[0][0] <= self.clock:
            self._take(heapq.heappop(self._due)[2]())
        self._take(self.talk.hear(np.zeros(BLOCK_SAMPLES, np.int16), sample, self._play_block(sample), sample + 160))
        while self._next_frame <= self.clock:
            start = self._next_frame - FRAME
            overlap = sum(max(0, min(s.end_sample, start + FRAME) - max(s.start_sample, start)) for s in self.said)
            self._take(self._voice(0.95 if overlap >= FRAME // 2 else 0.02, start))
            self._next_frame += FRAME

    def _voice(self, probability: float, start: int) -> list[Output]:
        # the ear doubts a voice only where something has been played of late
        sounding = bool(self.sounded) and self.clock - self.sounded[-1][2] < SAMPLE_RATE_HZ
        return self.talk.voice(probability, start, start + FRAME, may_be_echo=sounding and not self.room_known)

    def _play_block(self, sample: int) -> Span:
        # what was queued after the flush stays, as on a card
        self._ring = [each for each in self._ring if each[0] >= self._flush_to]
        if not self._ring:
            return Span(self._written, self._written)
        start, end, at = self._ring[0]
        to = min(end, at + BLOCK_SAMPLES)  # a block never joins two sounds: simple, and harder for the ledger
        self.sounded.append((at, to, sample + 160))
        if to == end:
            self._ring.pop(0)
        else:
            self._ring[0] = (start, end, to)
        return Span(at, to)

    def _later(self, samples: int, action: Callable[[], list[Output]]) -> None:
        self._seq += 1
        heapq.heappush(self._due, (self.clock + max(0, samples), self._seq, action))

    def _take(self, outputs: list[Output]) -> None:
        for output in outputs:
            if isinstance(output, Event):
                self.events.append(output)
            else:
                self.commands.append((self.clock, output))
                self._do(output)

    def _do(self, command: Command) -> None:
        self._live.apply(command)
        match command:
            case Decode(job, audio):
                text = self._words(audio)
                self._later(self.stt_ms * MS, lambda: self._transcribed(job, self.hears(text), len(audio)))
            case Judge(job, audio):
                finished = self.judge(self._words(audio))
                self._later(self.judge_ms * MS, lambda: self.talk.judged(job, finished, self.clock))
            case Chime("alarm", gain_db):
                self.rounds.append((self.clock, gain_db))
            case Understand() | Act() | Reply():
                self._think(command)
            case Speak(job, index, text, apart, opening):
                if apart:
                    self._apart.add(job)
                elif opening:
                    self._open(job, text)
                    return
                elif index == 0 and (self.part_words or job in self._begun) and self.voice_works:
                    self._speak_parts(job, text)
                    return
                speech = fake_speech(text) if self.voice_works else None
                self._later(self.tts_ms * MS, lambda: self._spoken(job, index, speech))
            case Play(job, index, speech):
                span = Span(self._written, self._written + len(speech.pcm))
                self._written = span.end
                self._ring.append((span.start, span.end, span.start))
                if index != ACKNOWLEDGEMENT and job not in self._apart:  # no words of an answer
                    self.spans.append((span, speech))
                self._take(self.talk.queued(job, span, speech))
            case Flush():
                self._flush_to = self._written

    def _think(self, command: Understand | Act | Reply) -> None:
        match command:
            case Understand(job, words, audio):
                looks = audio is not None and words not in self.meanings and words in self.guesses
                took_ms = self.understand_ms + (self.look_ms if looks else 0)
                meaning = self.guesses[words] if looks else self.meanings.get(words)
                self._later(took_ms * MS, lambda: self._understood(job, meaning))
            case Act(job, call):
                self.acts.append((self.clock, call))
                outcome = self.does(call)
                if outcome is not None:
                    self._later(self.act_ms * MS, lambda: self.talk.acted(job, call, outcome, self.clock))
            case Reply(job, messages):
                self.asked.append(messages)
                answer = self.answers.pop(0) if self.answers else ""
                if isinstance(answer, ToolRequest):
                    self._later(self.first_token_ms * MS, lambda: self._requested(job, answer))
                    return
                if isinstance(answer, Exception):
                    text = str(answer)
                    self._later(self.first_token_ms * MS, lambda: self.talk.failed(job, "llm", text, self.clock))
                    return
                ends = self.expects(messages[-1].text)
                if ends is not None:
                    self._later(self.first_token_ms * MS, lambda: self._expected(job, ends))
                delay = self.first_token_ms
                for piece in (answer[i : i + 4] for i in range(0, len(answer), 4)):
                    self._later(delay * MS, lambda p=piece: self._token(job, p))  # type: ignore[misc]
                    delay += self.token_ms
                self._later(delay * MS, lambda: self.talk.written(job, self.clock, complete=not self.cut_off))

    def _words(self, audio: Floats) -> str:
        """What was said in the newest stretch of that length; of what is still being said, the words so far."""
        end = self.clock
        start = end - len(audio) - 1
        words: list[str] = []
        for said in self.said:
            if said.text and said.start_sample < end and said.end_sample > start:
                parts = said.text.split(" ")
                share = min(1.0, (end - said.start_sample) / (said.end_sample - said.start_sample))
                words += parts[: max(1, int(share * len(parts)))]
        return " ".join(words)

    def _understood(self, job: int, meaning: Meaning | Unable | None) -> list[Output]:
        return self.talk.understood(job, meaning, self.clock) if self._live.alive(job) else []

    def _expected(self, job: int, sentence_end: float) -> list[Output]:
        return self.talk.expected(job, sentence_end, self.clock) if self._live.alive(job) else []

    def _requested(self, job: int, request: ToolRequest) -> list[Output]:
        return self.talk.requested(job, request, self.clock) if self._live.alive(job) else []

    def _token(self, job: int, piece: str) -> list[Output]:
        return self.talk.token(job, piece, self.clock) if self._live.alive(job) else []

    def _open(self, job: int, text: str) -> None:
        """The first half of the words that are certain, or nothing."""
        words = text.split(" ")[:-1]
        part = None
        if self.opens and self.voice_works:
            self._begun[job] = begun = " ".join(words[: (len(words) + 1) // 2])
            part = fake_speech(begun)
        self._later(self.tts_ms * MS if part else 0, lambda: self._part(job, part))

    def _speak_parts(self, job: int, text: str) -> None:
        """As the rim of the threads has it: a message for each part, and an empty one when that was all."""
        begun, delay = self._begun.pop(job, ""), 0
        assert f"{text} ".startswith(f"{begun} " if begun else ""), "a clause goes on as it began"
        words = text[len(begun) :].split()
        step = self.part_words or len(words)
        for at in range(0, len(words), max(1, step)):
            delay += self.tts_ms * MS
            part = fake_speech(" ".join(words[at : at + step]))
            self._later(delay, lambda p=part: self._part(job, p))  # type: ignore[misc]
        self._later(delay, lambda: self._spoken(job, 0, None))

    def _part(self, job: int, part: Speech | None) -> list[Output]:
        return self.talk.spoken(job, 0, part, self.clock, more=True) if self._live.alive(job) else []

    def _spoken(self, job: int, index: int, speech: Speech | None) -> list[Output]:
        return self.talk.spoken(job, index, speech if self._live.alive(job) else None, self.clock)

    def _transcribed(self, job: int, heard: str | Exception, samples: int) -> list[Output]:
        if isinstance(heard, Exception):
            return self.talk.failed(job, "stt", str(heard), self.clock)
        transcript = Transcript(heard, self.probability if heard else 0.0, samples / MS, float(self.stt_ms))
        return self.talk.transcribed(job, transcript, self.clock)
