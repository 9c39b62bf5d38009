"""The models at work, each in a thread of its own.

    models = ModelWorkers(Models(vad, recogniser, chat, voice), conversation, post, now, alive=jobs.alive, work=meter)
    models.give(Decode(job, audio))         # later: post(conversation.transcribed(...)), or conversation.failed(...)

A model that raises is told to the conversation, and ends nothing; one that hangs likewise (`patience`, `impatient`).
"""

import logging
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Literal

from device.dialogue.commands import Decode, Judge, Output, Prepare, Reply, Speak, Warm
from device.dialogue.conversation import Conversation
from device.dialogue.patience import HOPELESS_LIMITS, LIMITS_S, Patience, Stage, Ticket
from device.dialogue.right_of_way import RightOfWay
from device.dialogue.work_meter import WorkMeter
from device.dialogue.workers import Worker
from device.errors import ModelStuckError
from models.cores import lead
from models.protocols import (
    SAMPLE_RATE_HZ,
    Cancelled,
    ChatModel,
    Expecting,
    ExpectsEnds,
    Floats,
    Opening,
    OpeningVoice,
    Recogniser,
    Speech,
    ToolCaller,
    ToolRequest,
    TurnModel,
    VadModel,
    Voice,
    WakeModel,
    in_parts,
)

_log = logging.getLogger(__name__)

#: A second look is given up after this, waiting and all: the answer waits for it.
_LONGEST_LOOK_S = 2.0
_CHARS_A_SECOND = 15  # of speech: how much the voice has to make
_TOKEN_TAKEN_S = 0.01  # a conversation that is busier than this does not hold up the language model


@dataclass(frozen=True, slots=True)
class Models:
    """The models of a conversation."""

    vad: VadModel
    recogniser: Recogniser
    chat: ChatModel
    voice: Voice
    turn: TurnModel | None = None  #: None: silence and words alone tell when the user has finished
    wake: WakeModel | None = None  #: None: no wake word is listened for; at work in the thread of the ear


class ModelWorkers:
    """Four threads: recogniser, turn model, language model and voice."""

    def __init__(
        self,
        models: Models,
        conversation: Conversation,
        post: Callable[[Callable[[], list[Output]]], None],
        now: Callable[[], int],
        *,
        alive: Callable[[int], bool],
        work: WorkMeter,
        stopping: Callable[[], bool],
        patience: Patience | None = None,
    ) -> None:
        """`post`: to the thread that feeds the conversation; `now`: the capture clock; `alive`: is a job wanted?
        `stopping`: nobody waits for anything any more.
        """
        self._models = models
        self._conversation = conversation
        self._post = post
        self._now = now
        self._alive = alive
        self._work = work
        self._right_of_way = RightOfWay()  # of the first clause
        self._stopping = stopping
        self._patience = patience or Patience()
        self._told_job = 0  # the answer whose voice was last given up
        self._voiced_job = 0  # the answer of which the voice was last given the first clause
        self._openings: dict[int, Opening] = {}  # by job, in the voice's thread: clauses begun before they were written
        # OpenMP binds the two that call it by itself
        self._stt, self._llm = Worker("stt"), Worker("llm")
        self._judge_of_turns, self._tts = Worker("turn", begin=lead), Worker("tts", begin=lead)

    def give(self, command: Decode | Judge | Reply | Speak | Warm | Prepare) -> None:
        """To the thread whose work it is."""
        now_s = time.monotonic()
        match command:
            case Decode():
                ticket = self._patience.given("stt", command, now_s, work_s=command.audio.size / SAMPLE_RATE_HZ)
                self._stt.give(self._work.timed("stt", partial(self._decode, command, ticket)))
            case Judge():
                ticket = self._patience.given("turn", command, now_s)
                self._judge_of_turns.give(self._work.timed("turn", partial(self._judge, command, ticket)))
            case Reply():
                ticket = self._patience.given("llm", command, now_s)
                self._llm.give(self._work.timed("llm", partial(self._reply, command, ticket)))
            case Speak():
                if command.first:
                    self._right_of_way.take()
                    if not command.opening:
                        self._voiced_job = command.job
                work_s = len(command.text) / _CHARS_A_SECOND
                ticket = self._patience.given("tts", command, now_s, work_s=work_s)
                self._tts.give(partial(self._open if command.opening else self._speak, command, ticket))
            case Warm():
                self._llm.give(partial(self._warm, command, self._patience.given("llm", command, now_s)))
            case Prepare():
                self._tts.give(partial(self._prepare, command, self._patience.given("tts", command, now_s)))

    def impatient(self) -> list[Output]:
        """What follows from models that hang; to be asked some times a second, by the thread of the conversation.

        Raises ModelStuckError: one of them will not come back, and only a new process has it again.
        """
        now_s = time.monotonic()
        out: list[Output] = []
        for ticket in self._patience.overdue(now_s):
            out += self._give_up(ticket)
        stage = self._patience.hopeless(now_s)
        if stage is not None:
            raise ModelStuckError(
                f"{stage} hangs: no sign of life for {HOPELESS_LIMITS * LIMITS_S[stage]:.0f} s",
                hint="only a new process has it again: start nearfield again (a supervisor does at status 75)",
            )
        return out

    def _give_up(self, ticket: Ticket) -> list[Output]:
        stage, work = ticket.stage, ticket.work
        message = f"no sign of life for {ticket.limit_s:.0f} s"
        if isinstance(work, Warm | Prepare):  # nobody waits for these
            _log.warning("%s: %s", stage, message)
            return []
        _log.error("%s hangs: %s", stage, message)
        again = isinstance(work, Speak) and work.job == self._told_job  # one tone an answer, not one a clause
        out = [] if again else self._conversation.failed(work.job, stage, message, self._now())
        if isinstance(work, Speak):
            self._told_job = work.job
            if work.first:
                self._right_of_way.give_back()
            # the clause of an opening is still to come
            told = self._conversation.spoken(work.job, work.index, None, self._now(), more=work.opening)
            out = [*out, *told]
        return out

    def hear_again(self, job: int, audio: Floats, expected: str, then: Callable[[str], None]) -> bool:
        """Recognise `audio` once more, with `expected` in mind; `then`, in the recogniser's thread, gets the text.

        That is "" when it failed, took too long, or had to make room for other work. False: it is not done at all, for
        the recogniser cannot or has other work to do. Any thread.
        """
        recogniser = self._models.recogniser
        if not isinstance(recogniser, Expecting) or self._stt.busy:
            return False
        until_s = time.monotonic() + _LONGEST_LOOK_S

        def cancelled() -> bool:
            return not self._alive(job) or self._stt.busy or self._stopping() or time.monotonic() > until_s

        def look() -> None:
            text = ""
            try:
                if not cancelled():
                    transcript = recogniser.transcribe_expecting(audio, expected, cancelled=cancelled)
                    text = transcript.text if transcript.complete else ""
            except BaseException as error:  # noqa: BLE001 - an attempt, and somebody waits for it: the first hearing stands
                _log.warning("a second look at what was said failed: %s", type(error).__name__)
                _log.debug("where it failed", exc_info=error)
            then(text)

        return self._stt.offer(look)

    def finish(self, timeout_s: float) -> None:
        """No more work comes, and nobody waits for what is in the queues; so long for what is in work."""
        for worker in (self._stt, self._judge_of_turns, self._llm, self._tts):
            worker.finish(timeout_s)

    def _cancelled(self, job: int, ticket: Ticket) -> Callable[[], bool]:
        return lambda: ticket.given_up or not self._alive(job)

    def _alive_at(self, ticket: Ticket) -> None:
        self._patience.life(ticket, time.monotonic())

    def _over(self, ticket: Ticket) -> bool:
        """The model has come back. Does anybody want what came of it?"""
        return self._patience.done(ticket, time.monotonic())

    def _decode(self, command: Decode, ticket: Ticket) -> None:
        self._alive_at(ticket)
        cancelled = self._cancelled(command.job, ticket)
        transcript = None
        try:
            if not cancelled():
                transcript = self._models.recogniser.transcribe(
                    command.audio, cancelled=cancelled, effort=command.effort
                )
        except BaseException as error:  # noqa: BLE001 - a model that fails must not end the conversation nor the thread
            if self._over(ticket):
                self.fail(command.job, "stt", error)
            return
        if self._over(ticket) and transcript is not None:
            self._work.decoded(transcript)
            self._post(partial(self._conversation.transcribed, command.job, transcript, self._now()))

    def _judge(self, command: Judge, ticket: Ticket) -> None:
        self._alive_at(ticket)
        model = self._models.turn
        begun_s = time.monotonic()
        finished = 0.0
        try:
            if model is not None:
                finished = model.finished(command.audio)
        except BaseException as error:  # noqa: BLE001 - as above
            if self._over(ticket):
                self.fail(command.job, "turn", error)
            return
        if self._over(ticket) and model is not None:
            self._work.judged((time.monotonic() - begun_s) * 1000)
            self._post(partial(self._conversation.judged, command.job, finished, self._now()))

    def _reply(self, command: Reply, ticket: Ticket) -> None:
        self._alive_at(ticket)
        try:
            wanted = not self._cancelled(command.job, ticket)() and self._write(command, ticket)
        except BaseException as error:  # noqa: BLE001 - as above
            if self._over(ticket):
                self.fail(command.job, "llm", error)
            return
        if self._over(ticket) and wanted:
            complete = self._models.chat.last_complete
            self._post(partial(self._conversation.written, command.job, self._now(), complete=complete))

    def _write(self, command: Reply, ticket: Ticket) -> bool:
        """Post the pieces of a reply. False: its end is not to be told."""
        chat, told = self._models.chat, False
        for piece in self._pieces(command, self._cancelled(command.job, ticket)):
            if ticket.given_up:
                return False
            self._alive_at(ticket)
            if not told and isinstance(chat, ExpectsEnds) and chat.sentence_end is not None:
                self._post(partial(self._conversation.expected, command.job, chat.sentence_end, self._now()))
            told = True
            if isinstance(piece, ToolRequest):
                self._post(partial(self._conversation.requested, command.job, piece, self._now()))
                return False
            self._post(partial(self._conversation.token, command.job, piece, self._now()))
            self._leave_way(command.job)
        return True

    def _leave_way(self, job: int) -> None:
        """Before another token is made, let the voice begin if the newest one completes what it begins with."""
        if self._voiced_job != job:
            taken = threading.Event()

            def behind_it() -> list[Output]:
                taken.set()
                return []

            self._post(behind_it)
            taken.wait(_TOKEN_TAKEN_S)
        self._right_of_way.wait()

    def _pieces(self, command: Reply, cancelled: Cancelled) -> Iterator[str | ToolRequest]:
        chat = self._models.chat
        if command.tools and isinstance(chat, ToolCaller):
            return chat.reply_with_tools(command.messages, command.tools, cancelled=cancelled)
        return iter(chat.reply(command.messages, cancelled=cancelled))

    def _open(self, command: Speak, ticket: Ticket) -> None:
        self._alive_at(ticket)
        cancelled = self._cancelled(command.job, ticket)
        voice, opening = self._models.voice, None
        self._openings = {job: each for job, each in self._openings.items() if self._alive(job)}
        try:
            if isinstance(voice, OpeningVoice) and not cancelled():
                opening = voice.open(command.text, cancelled=cancelled)
        except BaseException as error:  # noqa: BLE001 - its clause comes by itself then, and tells if it fails
            _log.warning("the first words of a clause could not be said: %s", type(error).__name__)
            _log.debug("where it failed", exc_info=error)
        if self._over(ticket):
            self._right_of_way.give_back()
            part = None
            if opening is not None:
                self._openings[command.job], part = opening, opening.part
            self._post(partial(self._conversation.spoken, command.job, 0, part, self._now(), more=True))

    def _first(self, command: Speak, cancelled: Cancelled) -> Iterator[Speech]:
        """The parts of a first clause that nobody has yet."""
        opening = self._openings.pop(command.job, None)
        if opening is not None:
            return opening.rest(command.text, cancelled)
        return in_parts(self._models.voice, command.text, cancelled=cancelled)

    def _speak(self, command: Speak, ticket: Ticket) -> None:
        self._alive_at(ticket)
        cancelled = self._cancelled(command.job, ticket)
        speech = None
        wanted = not cancelled()
        try:
            if wanted and command.first:
                for part in self._first(command, cancelled):
                    if ticket.given_up:
                        break
                    self._alive_at(ticket)
                    self._post(partial(self._conversation.spoken, command.job, 0, part, self._now(), more=True))
            elif wanted:
                speech = self._models.voice.speak(command.text, cancelled=cancelled)
        except BaseException as error:  # noqa: BLE001 - as above
            if self._over(ticket):
                self.fail(command.job, "tts", error)
                self._spoken(command, None, wanted=wanted)
            return
        if self._over(ticket):
            self._spoken(command, speech, wanted=wanted)

    def _spoken(self, command: Speak, speech: Speech | None, *, wanted: bool) -> None:
        if command.first:
            self._right_of_way.give_back()
        if wanted:
            self._post(partial(self._conversation.spoken, command.job, command.index, speech, self._now()))

    def _warm(self, command: Warm, ticket: Ticket) -> None:
        self._alive_at(ticket)
        try:
            self._models.chat.warm(command.messages, cancelled=lambda: self._llm.busy or self._stopping())
        except BaseException as error:  # noqa: BLE001 - nobody waits for it; a reply will say what is wrong
            _log.warning("the language model could not be warmed: %s", error)
        self._over(ticket)

    def _prepare(self, command: Prepare, ticket: Ticket) -> None:
        """The voice keeps what it has said before: nobody waits for this."""
        for text in command.texts:
            if self._tts.busy or self._stopping():
                break
            self._alive_at(ticket)
            try:
                self._models.voice.speak(text)
            except BaseException as error:  # noqa: BLE001 - when it is wanted, its failure will be told
                _log.warning("a phrase could not be prepared: %s", error)
                break
        if self._over(ticket):
            voice = self._models.voice
            known_ms = voice.behind_opening_ms if isinstance(voice, OpeningVoice) else None
            self._post(partial(self._conversation.prepared, known_ms))

    def fail(self, job: int, stage: Literal[Stage, "wake", "vad"], error: BaseException) -> None:
        """A model raised `error` while it worked for `job`. Any thread."""
        _log.error("%s failed: %s", stage, error)
        _log.debug("where it failed", exc_info=error)
        message = str(error) or type(error).__name__
        self._post(partial(self._conversation.failed, job, stage, message, self._now()))
