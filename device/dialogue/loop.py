"""The rim of the conversation: threads and queues around the one sans-IO object.

    assistant = Assistant(conversation, card, ear, models, on_event=print)
    with card: assistant.run()          # until stop(), from any thread

Five threads: the ear (card -> canceller -> VAD), and one each for recogniser, turn model, language model and voice.
They all post to one inbox; the thread that called `run` takes the messages in order, feeds the conversation and carries
out its commands. Every queue is bounded: a full inbox makes the posting thread wait (the capture ring holds the
microphone meanwhile), a full work queue drops its oldest job, which is always one that has been cancelled.
"""

import logging
import queue
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Literal, Protocol

from device.card import BLOCK_SAMPLES, Block, Card
from device.dialogue.commands import (
    Chime,
    Command,
    Decode,
    Flush,
    Judge,
    LiveJobs,
    Output,
    Play,
    Prepare,
    Reply,
    Speak,
    Warm,
)
from device.dialogue.conversation import Conversation
from device.dialogue.events import Event
from device.dialogue.right_of_way import RightOfWay
from device.dialogue.voice_meter import Reading, VoiceMeter
from device.dialogue.wake_ear import WakeEar
from device.dialogue.work_meter import WorkMeter
from models.protocols import (
    SAMPLE_RATE_HZ,
    ChatModel,
    Frugal,
    Int16s,
    Recogniser,
    TurnModel,
    VadModel,
    Voice,
    WakeModel,
)

_log = logging.getLogger(__name__)

_INBOX = 2000  # messages: 20 s of blocks
_WORK = 32  # jobs a worker: more are never wanted at a time
_READ_TIMEOUT_S = 0.25


class Ear(Protocol):
    """Turns a block of the card into clean microphone audio (`device.audio.frontend.FrontEnd`)."""

    delay_samples: int  #: the clean block belongs to block.sample - delay_samples

    @property
    def near_end_likely(self) -> bool:
        """False: a voice in the newest clean audio may be the assistant's own, or what it plays."""
        ...

    @property
    def for_detector(self) -> Int16s:
        """The newest clean audio as the voice detector should have it."""
        ...

    def process(self, block: Block) -> Int16s: ...


@dataclass(frozen=True, slots=True)
class Models:
    """The models of a conversation."""

    vad: VadModel
    recogniser: Recogniser
    chat: ChatModel
    voice: Voice
    turn: TurnModel | None = None  #: None: silence and words alone tell when the user has finished
    wake: WakeModel | None = None  #: None: no wake word is listened for


class _Worker:
    """One thread that does one kind of work, in order."""

    def __init__(self, name: str) -> None:
        self._queue: queue.Queue[Callable[[], None] | None] = queue.Queue(_WORK)
        self._thread = threading.Thread(target=self._run, name=f"nearfield-{name}", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while (work := self._queue.get()) is not None:
            work()

    def give(self, work: Callable[[], None] | None) -> None:
        while True:
            try:
                self._queue.put_nowait(work)
            except queue.Full:
                _log.warning("%s is behind: a cancelled job is dropped", self._thread.name)
                try:
                    self._queue.get_nowait()
                except queue.Empty:
                    continue
            else:
                return

    @property
    def busy(self) -> bool:
        """Does more work wait behind the present job?"""
        return not self._queue.empty()

    def finish(self, timeout_s: float) -> None:
        self.give(None)
        self._thread.join(timeout_s)


class Assistant:
    """A conversation on a card with real (or fake) models."""

    def __init__(
        self,
        conversation: Conversation,
        card: Card,
        ear: Ear,
        models: Models,
        *,
        on_event: Callable[[Event], None],
        on_block: Callable[[int], None] = lambda _sample: None,
        on_mic: Callable[[Block], None] = lambda _block: None,
        greeting: str = "",
        earcons: Mapping[str, Int16s] | None = None,
    ) -> None:
        """`on_event` and `on_block` (end of the newest block, capture clock) are called from the thread of `run`.
        `earcons`: (n,) int16 at 16 kHz by name; what is not there is not played.
        `on_mic` gets every block before the echo is taken out of it, in the thread of the ear.
        """
        self._conversation = conversation
        self._card = card
        self._ear = ear
        self._models = models
        self._on_event = on_event
        self._on_block = on_block
        self._on_mic = on_mic
        self._greeting = greeting
        self._earcons = earcons or {}
        self._inbox: queue.Queue[Callable[[], list[Output]]] = queue.Queue(_INBOX)
        self._stopping = threading.Event()
        self._jobs = LiveJobs()
        self._right_of_way = RightOfWay()  # of the first clause
        self._work = WorkMeter(conversation.degrade)
        self._heard = (0, time.monotonic())  # end of the newest block, and when it was read

    def run(self) -> None:
        """Converse until `stop`. Raises AudioError when the card is lost. The record is closed in any case."""
        workers = {name: _Worker(name) for name in ("stt", "turn", "llm", "tts")}
        self._stt, self._judge_of_turns, self._llm, self._tts = workers.values()
        ear = threading.Thread(target=self._listen, name="nearfield-ear", daemon=True)
        try:
            self._carry_out(self._conversation.open(self._greeting))
            ear.start()
            while not self._stopping.is_set():
                try:
                    message = self._inbox.get(timeout=_READ_TIMEOUT_S)
                except queue.Empty:
                    continue
                self._carry_out(message())
        finally:
            self._stopping.set()
            self._jobs.clear()
            self._drain()
            self._carry_out(self._conversation.close(self.now()))
            self._drain()
            for worker in workers.values():
                worker.finish(timeout_s=5.0)
            if ear.is_alive():
                ear.join(2.0)

    def stop(self) -> None:
        """End `run` soon. Any thread, any number of times."""
        self._stopping.set()

    def press(self, at_s: float | None = None) -> None:
        """The talk button goes down, now or at `at_s` (time.monotonic). Any thread."""
        self._post(partial(self._conversation.press, self.now(at_s)))

    def release(self, at_s: float | None = None) -> None:
        """The talk button comes up, now or at `at_s` (time.monotonic). Any thread."""
        self._post(partial(self._conversation.release, self.now(at_s)))

    def toggle(self, at_s: float | None = None) -> None:
        """A talk button that is pushed once to begin and once to ask. Any thread."""
        self._post(partial(self._conversation.toggle, self.now(at_s)))

    def chime(self, name: str) -> None:
        """Play an earcon, unless an answer sounds: behind that it would tell of what is past. Any thread."""
        self._post(lambda: [Chime(name)])

    def card_lost(self, sample: int, message: str) -> None:
        """The card is gone since `sample`. From the thread that reads it."""
        self._post(partial(self._conversation.card_lost, sample, message))

    def card_back(self, sample: int, lost_ms: float) -> None:
        """The card hears again from `sample` on. From the thread that reads it."""
        self._post(partial(self._conversation.card_back, sample, lost_ms))

    def heat(self, temperature_c: float | None, *, throttled: bool) -> None:
        """The processor is so warm (None: unknown), or slows itself down. Any thread."""
        self._work.heat(temperature_c, throttled=throttled)

    def mic_trouble(
        self, sample: int, kind: Literal["silent", "stuck", "clipping", "swapped"], message: str, *, over: bool
    ) -> None:
        """Something is wrong with what the microphone delivers, or is no longer. Any thread."""
        self._post(partial(self._conversation.mic_trouble, sample, kind, message, over=over))

    def now(self, at_s: float | None = None) -> int:
        """The capture clock now, or at `at_s`: the newest block, and at most two more that have not been read yet."""
        sample, read_s = self._heard
        later_s = (time.monotonic() if at_s is None else at_s) - read_s
        return max(0, sample + min(int(later_s * SAMPLE_RATE_HZ), 2 * BLOCK_SAMPLES))

    # --- threads ----------------------------------------------------------------------------------------------

    def _post(self, message: Callable[[], list[Output]]) -> None:
        while not self._stopping.is_set():
            try:
                self._inbox.put(message, timeout=_READ_TIMEOUT_S)
            except queue.Full:
                continue
            return

    def _drain(self) -> None:
        """Nobody waits for what is still in the inbox; make room for threads that are blocked on it."""
        while True:
            try:
                self._inbox.get_nowait()
            except queue.Empty:
                return

    def _listen(self) -> None:
        """The ear: every block through the canceller, every 32 ms of it through the VAD."""
        meter = VoiceMeter(self._models.vad)
        wake = None if self._models.wake is None else WakeEar(self._models.wake)
        try:
            while not self._stopping.is_set():
                asked_s = time.monotonic()
                block = self._card.read(_READ_TIMEOUT_S)
                if block is None:
                    continue
                self._work.read(block.sample + block.mic.size, asked_s)
                self._on_mic(block)
                clean = self._ear.process(block)
                sample = block.sample - self._ear.delay_samples
                self._heard = (block.sample + block.mic.size, time.monotonic())
                self._post(partial(self._heard_block, block, clean, sample))
                unsure = not self._ear.near_end_likely
                for reading in meter.feed(self._ear.for_detector, sample):
                    self._post(partial(self._heard_voice, reading, unsure))
                if wake is not None and not self._listen_for_words(wake, block, sample):
                    wake = None
        except Exception as error:  # noqa: BLE001 - whatever ends the ear must end the run, and be told there
            self._post(partial(_raise, error))

    def _listen_for_words(self, wake: WakeEar, block: Block, sample: int) -> bool:
        """Was a wake word said? False: no more can be, for the model fails; the conversation goes on without."""
        try:
            found = wake.feed(self._ear.for_detector, sample, far=block.far, far_sample=block.sample)
        except Exception as error:  # noqa: BLE001 - as for the other models
            self._fail(0, "wake", error)
            return False
        for detection in found:
            self._post(partial(self._conversation.wake, detection, self.now()))
        return True

    def _heard_voice(self, reading: Reading, unsure: bool) -> list[Output]:
        return self._conversation.voice(
            reading.probability, reading.start_sample, reading.end_sample, may_be_echo=unsure, second=reading.second
        )

    def _heard_block(self, block: Block, clean: Int16s, sample: int) -> list[Output]:
        now = block.sample + block.mic.size
        degraded = self._work.heard(now)
        if degraded and isinstance(self._models.recogniser, Frugal):
            self._models.recogniser.frugal = self._conversation.degrade.context_scale < 1
        out: list[Output] = [*degraded]
        out += self._conversation.hear(clean, sample, block.played, block.dac_sample, now, muted=block.muted)
        self._on_block(now)
        return out

    # --- commands ---------------------------------------------------------------------------------------------

    def _carry_out(self, outputs: list[Output]) -> None:
        for output in outputs:
            if isinstance(output, Event):
                self._on_event(output)
            else:
                self._do(output)

    def _do(self, command: Command) -> None:
        self._jobs.apply(command)
        match command:
            case Flush():
                self._card.flush()
            case Chime(name):
                if name in self._earcons and self._conversation.state != "speaking":
                    self._card.play(self._earcons[name])
            case Decode():
                self._stt.give(self._work.timed("stt", partial(self._decode, command)))
            case Judge():
                self._judge_of_turns.give(self._work.timed("turn", partial(self._judge, command)))
            case Reply():
                self._llm.give(self._work.timed("llm", partial(self._reply, command)))
            case Speak():
                if command.index == 0:
                    self._right_of_way.take()
                self._tts.give(partial(self._speak, command))
            case Play(job, _, speech):
                span = self._card.play(speech.pcm)
                self._carry_out(self._conversation.queued(job, span, speech))
            case Warm():
                self._llm.give(partial(self._warm, command))
            case Prepare(texts):
                self._tts.give(partial(self._prepare, texts))

    def _cancelled(self, job: int) -> Callable[[], bool]:
        return lambda: not self._jobs.alive(job)

    def _decode(self, command: Decode) -> None:
        cancelled = self._cancelled(command.job)
        if cancelled():
            return
        try:
            transcript = self._models.recogniser.transcribe(command.audio, cancelled=cancelled, effort=command.effort)
        except Exception as error:  # noqa: BLE001 - a model that fails must not end the conversation
            self._fail(command.job, "stt", error)
        else:
            self._work.decoded(transcript)
            self._post(partial(self._conversation.transcribed, command.job, transcript, self.now()))

    def _judge(self, command: Judge) -> None:
        model = self._models.turn
        if model is None:
            return
        begun_s = time.monotonic()
        try:
            finished = model.finished(command.audio)
        except Exception as error:  # noqa: BLE001 - as above
            self._fail(command.job, "turn", error)
        else:
            self._work.judged((time.monotonic() - begun_s) * 1000)
            self._post(partial(self._conversation.judged, command.job, finished, self.now()))

    def _reply(self, command: Reply) -> None:
        cancelled = self._cancelled(command.job)
        if cancelled():
            return
        try:
            for piece in self._models.chat.reply(command.messages, cancelled=cancelled):
                self._post(partial(self._conversation.token, command.job, piece, self.now()))
                self._right_of_way.wait()
        except Exception as error:  # noqa: BLE001 - as above
            self._fail(command.job, "llm", error)
        else:
            complete = self._models.chat.last_complete
            self._post(partial(self._conversation.written, command.job, self.now(), complete=complete))

    def _speak(self, command: Speak) -> None:
        cancelled = self._cancelled(command.job)
        speech = None
        try:
            if cancelled():
                return
            speech = self._models.voice.speak(command.text, cancelled=cancelled)
        except Exception as error:  # noqa: BLE001 - as above
            self._fail(command.job, "tts", error)
        finally:
            if command.index == 0:
                self._right_of_way.give_back()
        self._post(partial(self._conversation.spoken, command.job, command.index, speech, self.now()))

    def _warm(self, command: Warm) -> None:
        try:
            self._models.chat.warm(command.messages, cancelled=lambda: self._llm.busy or self._stopping.is_set())
        except Exception as error:  # noqa: BLE001 - nobody waits for it; a reply will say what is wrong
            _log.warning("the language model could not be warmed: %s", error)

    def _prepare(self, texts: tuple[str, ...]) -> None:
        """The voice keeps what it has said before: nobody waits for this."""
        for text in texts:
            if self._tts.busy or self._stopping.is_set():
                return
            try:
                self._models.voice.speak(text)
            except Exception as error:  # noqa: BLE001 - when it is wanted, its failure will be told
                _log.warning("a phrase could not be prepared: %s", error)
                return

    def _fail(self, job: int, stage: Literal["stt", "turn", "llm", "tts", "wake"], error: Exception) -> None:
        _log.error("%s failed: %s", stage, error)
        _log.debug("where it failed", exc_info=error)
        message = str(error) or type(error).__name__
        self._post(partial(self._conversation.failed, job, stage, message, self.now()))


def _raise(error: Exception) -> list[Output]:
    raise error
