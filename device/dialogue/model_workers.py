"""The models at work, each in a thread of its own.

    models = ModelWorkers(Models(vad, recogniser, chat, voice), conversation, post, now, alive=jobs.alive, work=meter)
    models.give(Decode(job, audio))         # later: post(conversation.transcribed(...)), or conversation.failed(...)

A model that raises is told to the conversation, and ends nothing.
"""

import logging
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Literal

from device.dialogue.commands import Decode, Judge, Output, Prepare, Reply, Speak, Warm
from device.dialogue.conversation import Conversation
from device.dialogue.right_of_way import RightOfWay
from device.dialogue.work_meter import WorkMeter
from device.dialogue.workers import Worker
from models.protocols import (
    Cancelled,
    ChatModel,
    Expecting,
    Floats,
    Recogniser,
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
        self._stt, self._judge_of_turns, self._llm, self._tts = map(Worker, ("stt", "turn", "llm", "tts"))

    def give(self, command: Decode | Judge | Reply | Speak | Warm | Prepare) -> None:
        """To the thread whose work it is."""
        match command:
            case Decode():
                self._stt.give(self._work.timed("stt", partial(self._decode, command)))
            case Judge():
                self._judge_of_turns.give(self._work.timed("turn", partial(self._judge, command)))
            case Reply():
                self._llm.give(self._work.timed("llm", partial(self._reply, command)))
            case Speak():
                if command.index == 0 and not command.apart:
                    self._right_of_way.take()
                self._tts.give(partial(self._speak, command))
            case Warm():
                self._llm.give(partial(self._warm, command))
            case Prepare(texts):
                self._tts.give(partial(self._prepare, texts))

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
            except Exception as error:  # noqa: BLE001 - it was an attempt: the first hearing stands
                _log.warning("a second look at what was said failed: %s", error)
                _log.debug("where it failed", exc_info=error)
            then(text)

        return self._stt.offer(look)

    def finish(self, timeout_s: float) -> None:
        """No more work comes, and nobody waits for what is in the queues; so long for what is in work."""
        for worker in (self._stt, self._judge_of_turns, self._llm, self._tts):
            worker.finish(timeout_s)

    def _cancelled(self, job: int) -> Callable[[], bool]:
        return lambda: not self._alive(job)

    def _decode(self, command: Decode) -> None:
        cancelled = self._cancelled(command.job)
        if cancelled():
            return
        try:
            transcript = self._models.recogniser.transcribe(command.audio, cancelled=cancelled, effort=command.effort)
        except Exception as error:  # noqa: BLE001 - a model that fails must not end the conversation
            self.fail(command.job, "stt", error)
        else:
            self._work.decoded(transcript)
            self._post(partial(self._conversation.transcribed, command.job, transcript, self._now()))

    def _judge(self, command: Judge) -> None:
        model = self._models.turn
        if model is None:
            return
        begun_s = time.monotonic()
        try:
            finished = model.finished(command.audio)
        except Exception as error:  # noqa: BLE001 - as above
            self.fail(command.job, "turn", error)
        else:
            self._work.judged((time.monotonic() - begun_s) * 1000)
            self._post(partial(self._conversation.judged, command.job, finished, self._now()))

    def _reply(self, command: Reply) -> None:
        cancelled = self._cancelled(command.job)
        if cancelled():
            return
        try:
            for piece in self._pieces(command, cancelled):
                if isinstance(piece, ToolRequest):
                    self._post(partial(self._conversation.requested, command.job, piece, self._now()))
                    return
                self._post(partial(self._conversation.token, command.job, piece, self._now()))
                self._right_of_way.wait()
        except Exception as error:  # noqa: BLE001 - as above
            self.fail(command.job, "llm", error)
        else:
            complete = self._models.chat.last_complete
            self._post(partial(self._conversation.written, command.job, self._now(), complete=complete))

    def _pieces(self, command: Reply, cancelled: Cancelled) -> Iterator[str | ToolRequest]:
        chat = self._models.chat
        if command.tools and isinstance(chat, ToolCaller):
            return chat.reply_with_tools(command.messages, command.tools, cancelled=cancelled)
        return iter(chat.reply(command.messages, cancelled=cancelled))

    def _speak(self, command: Speak) -> None:
        cancelled = self._cancelled(command.job)
        voice, speech = self._models.voice, None
        try:
            if cancelled():
                return
            if command.index == 0 and not command.apart:
                for part in in_parts(voice, command.text, cancelled=cancelled):
                    self._post(partial(self._conversation.spoken, command.job, 0, part, self._now(), more=True))
            else:
                speech = voice.speak(command.text, cancelled=cancelled)
        except Exception as error:  # noqa: BLE001 - as above
            self.fail(command.job, "tts", error)
        finally:
            if command.index == 0 and not command.apart:
                self._right_of_way.give_back()
        self._post(partial(self._conversation.spoken, command.job, command.index, speech, self._now()))

    def _warm(self, command: Warm) -> None:
        try:
            self._models.chat.warm(command.messages, cancelled=lambda: self._llm.busy or self._stopping())
        except Exception as error:  # noqa: BLE001 - nobody waits for it; a reply will say what is wrong
            _log.warning("the language model could not be warmed: %s", error)

    def _prepare(self, texts: tuple[str, ...]) -> None:
        """The voice keeps what it has said before: nobody waits for this."""
        for text in texts:
            if self._tts.busy or self._stopping():
                return
            try:
                self._models.voice.speak(text)
            except Exception as error:  # noqa: BLE001 - when it is wanted, its failure will be told
                _log.warning("a phrase could not be prepared: %s", error)
                return

    def fail(self, job: int, stage: Literal["stt", "turn", "llm", "tts", "wake"], error: Exception) -> None:
        """A model raised `error` while it worked for `job`. Any thread."""
        _log.error("%s failed: %s", stage, error)
        _log.debug("where it failed", exc_info=error)
        message = str(error) or type(error).__name__
        self._post(partial(self._conversation.failed, job, stage, message, self._now()))
