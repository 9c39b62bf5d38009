"""The rim of the conversation: threads and queues around the one sans-IO object.

    assistant = Assistant(conversation, card, ear, models, on_event=print)
    with card: assistant.run()          # until stop(), from any thread

The threads: the ear (card -> canceller -> VAD), one for each model (`model_workers`), and those that look up what words
mean and do what was said (`deed_workers`). They all post to one inbox; the thread that called `run` takes the messages
in order, feeds the conversation and carries out its commands. Every queue is bounded: a full inbox makes the posting
thread wait (the capture ring holds the microphone meanwhile), a full queue of a model drops its oldest job, which is
always one that has been cancelled, and an act for which there is no room is refused, and told.
"""

import contextlib
import queue
import threading
import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import Literal, Protocol

from device.card import BLOCK_SAMPLES, Block, Card
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
    Prepare,
    Reply,
    Snooze,
    Speak,
    Understand,
    Warm,
)
from device.dialogue.conversation import Conversation
from device.dialogue.deed_workers import DeedWorkers
from device.dialogue.deeds import Call, Doer, Interpreter, Meaning, Outcome, Unable
from device.dialogue.ear_watch import EarWatch, SteadyMeter
from device.dialogue.events import Event
from device.dialogue.model_workers import Models, ModelWorkers
from device.dialogue.ringing import at_gain
from device.dialogue.voice_meter import Reading
from device.dialogue.wake_ear import WakeEar
from device.dialogue.work_meter import WorkMeter
from models.protocols import SAMPLE_RATE_HZ, Frugal, Int16s

__all__ = ["Assistant", "Ear", "Models"]

_INBOX = 2000  # messages: 20 s of blocks
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
        interpreter: Interpreter | None = None,
        doer: Doer | None = None,
        on_snooze: Callable[[str], None] = lambda _name: None,
    ) -> None:
        """`on_event` and `on_block` (end of the newest block, capture clock) are called from the thread of `run`.
        `earcons`: (n,) int16 at 16 kHz by name; what is not there is not played.
        `on_mic` gets every block before the echo is taken out of it, in the thread of the ear.
        `interpreter`, `doer`: know what words mean (`DoingPolicy.interpreter` must say so) and carry it out.
        `on_snooze` (name of what rings): it is to ring again later; from the thread of `run`.
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
        self._interpreter, self._doer = interpreter, doer
        self._on_snooze = on_snooze
        self._inbox: queue.Queue[Callable[[], list[Output]]] = queue.Queue(_INBOX)
        self._stopping = threading.Event()
        self._jobs = LiveJobs()
        self._work = WorkMeter(conversation.degrade)
        self._heard = (0, time.monotonic())  # end of the newest block, and when it was read
        self._beats, self._beat_asked = 0, False
        self._ear_watch = EarWatch(time.monotonic())
        self._looked_s = 0.0  # when it was last looked whether anything hangs

    def run(self) -> None:
        """Converse until `stop`. Raises AudioError when the card is lost. The record is closed in any case."""
        self._model_workers = ModelWorkers(
            self._models,
            self._conversation,
            self._post,
            self.now,
            alive=self._jobs.alive,
            work=self._work,
            stopping=self._stopping.is_set,
        )
        self._deeds = DeedWorkers(
            self._interpreter,
            self._doer,
            understood=self._understood,
            acted=self._acted,
            alive=self._jobs.alive,
            hear_again=self._model_workers.hear_again,
        )
        ear = threading.Thread(target=self._listen, name="nearfield-ear", daemon=True)
        try:
            self._carry_out(self._conversation.open(self._greeting))
            self._ear_watch.alive(time.monotonic())
            ear.start()
            while not self._stopping.is_set():
                message = None
                with contextlib.suppress(queue.Empty):
                    message = self._inbox.get(timeout=_READ_TIMEOUT_S)
                if message is not None:
                    self._carry_out(message())
                self._look_for_what_hangs()
        finally:
            self._stopping.set()
            self._jobs.clear()
            self._drain()
            self._carry_out(self._conversation.close(self.now()))
            self._drain()
            self._deeds.finish(timeout_s=5.0)
            self._model_workers.finish(timeout_s=5.0)
            if ear.is_alive():
                ear.join(2.0)

    def stop(self) -> None:
        """End `run` soon. Any thread, any number of times."""
        self._stopping.set()

    def press(self, at_s: float | None = None, *, sample: int | None = None) -> None:
        """The talk button goes down: now, at `at_s` (time.monotonic) or at `sample` (capture clock). Any thread."""
        self._post(partial(self._conversation.press, self.now(at_s) if sample is None else sample))

    def release(self, at_s: float | None = None, *, sample: int | None = None) -> None:
        """The talk button comes up: now, at `at_s` (time.monotonic) or at `sample` (capture clock). Any thread."""
        self._post(partial(self._conversation.release, self.now(at_s) if sample is None else sample))

    def toggle(self, at_s: float | None = None) -> None:
        """A talk button that is pushed once to begin and once to ask. Any thread."""
        self._post(partial(self._conversation.toggle, self.now(at_s)))

    def hush(self) -> None:
        """Silence: what is being said or rings ends, as by the word "stop". Any thread."""
        self._post(lambda: self._conversation.hush(self.now()))

    def chime(self, name: str) -> None:
        """Play an earcon, unless an answer sounds: behind that it would tell of what is past. Any thread."""
        self._post(lambda: [Chime(name)])

    def announce(self, text: str) -> None:
        """Say `text` at the next natural pause. Any thread."""
        self._post(partial(self._conversation.announce, text))

    def ring(self, name: str, text: str) -> None:
        """Ring, and say `text`, until somebody stops it; the same name again begins anew. Any thread."""
        self._post(lambda: self._conversation.ring(name, text, self.now()))

    def stop_ringing(self, name: str = "") -> None:
        """What rings under `name` ("": whatever rings) is not to ring any more. Any thread."""
        self._post(lambda: self._conversation.stop_ringing(name, self.now()))

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

    @property
    def heard_samples(self) -> int:
        """How far the ear has come, capture clock: it grows while the card is heard. Any thread."""
        return self._heard[0]

    @property
    def beats(self) -> int:
        """Heart-beats that the conversation has answered. Any thread."""
        return self._beats

    def beat(self) -> None:
        """Ask for a heart-beat, unless one is on its way. Never waits, even if nobody takes messages. One thread."""
        if self._beat_asked:
            return
        self._beat_asked = True
        try:
            self._inbox.put_nowait(self._answer_beat)
        except queue.Full:  # the next time, then
            self._beat_asked = False

    # --- threads ----------------------------------------------------------------------------------------------

    def _answer_beat(self) -> list[Output]:
        self._beats += 1
        self._beat_asked = False
        return []

    def _look_for_what_hangs(self) -> None:
        """Raises ModelStuckError: what hangs will not come back."""
        now_s = time.monotonic()
        if now_s - self._looked_s < _READ_TIMEOUT_S:
            return
        self._looked_s = now_s
        self._carry_out(self._model_workers.impatient())
        trouble = self._ear_watch.look(now_s, card_lost=self._conversation.card_is_lost)
        if trouble:
            self._carry_out(self._conversation.failed(0, "vad", trouble, self.now()))

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
        meter = SteadyMeter(self._models.vad, partial(self._model_workers.fail, 0, "vad"))
        wake = None if self._models.wake is None else WakeEar(self._models.wake)
        try:
            while not self._stopping.is_set():
                asked_s = time.monotonic()
                self._ear_watch.alive(asked_s)
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
            self._model_workers.fail(0, "wake", error)
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
            case Chime(name, gain_db):
                if name in self._earcons and self._conversation.state != "speaking":
                    self._card.play(at_gain(self._earcons[name], gain_db))
            case Snooze(name):
                self._on_snooze(name)
            case Play(job, _, speech):
                span = self._card.play(speech.pcm)
                self._carry_out(self._conversation.queued(job, span, speech))
            case _:
                self._give(command)

    def _give(self, command: Command) -> None:
        """To the thread whose work it is."""
        match command:
            case Understand():
                self._deeds.understand(command)
            case Act():
                self._deeds.act(command)
            case Decode() | Judge() | Reply() | Speak() | Warm() | Prepare():
                self._model_workers.give(command)

    def _understood(self, job: int, meaning: Meaning | Unable | None) -> None:
        self._post(partial(self._conversation.understood, job, meaning, self.now()))

    def _acted(self, job: int, call: Call, outcome: Outcome) -> None:
        self._post(partial(self._conversation.acted, job, call, outcome, self.now()))


def _raise(error: Exception) -> list[Output]:
    raise error
