"""Voices that may not interrupt: is one of them saying "stop"?

    ear = Overhearing(EndpointPolicy(), control_in, jobs, memory)
    ear.hear(pcm, sample); ear.voice(p, start, end)     # while an answer is under way: [Decode] at a pause
    ear.transcribed(job, transcript)                    # "stop", or None: nobody else has heard anything

In wake mode somebody in the room may talk while an answer sounds, and it goes on. What is said is recognised without a
trace: only a control word is obeyed, and what is longer than one is not even decoded. Sans-IO.
"""

from collections.abc import Callable

from device.dialogue.audio_memory import AudioMemory
from device.dialogue.commands import Cancel, Decode, Jobs, Output
from device.dialogue.control_words import Control
from device.dialogue.endpointer import Cap, Endpointer, EndpointPolicy, Onset, Pause, Resume
from models.protocols import SAMPLE_RATE_HZ, Int16s, Transcript

#: No control word takes longer; the talk of a television does.
LONGEST_SAMPLES = SAMPLE_RATE_HZ * 5 // 2
#: The first pause may be the closure before the "p" of "stop": after 350 ms of silence it is heard once more.
_AGAIN_SAMPLES = SAMPLE_RATE_HZ * 35 // 100
_PRE_ROLL_SAMPLES = SAMPLE_RATE_HZ * 3 // 10  # the first sound of "stop" is before the onset


class Overhearing:
    """Listens while nobody is listened to. One thread."""

    def __init__(
        self, policy: EndpointPolicy, control_in: Callable[[str], Control | None], jobs: Jobs, memory: AudioMemory
    ) -> None:
        """`control_in`: what the whole of a text commands; None: nothing."""
        self._control_in = control_in
        self._jobs = jobs
        self._memory = memory
        self._endpointer = Endpointer(policy)
        self._onset = 0
        self._job: int | None = None
        self._again = False  # it has been heard with the silence behind it

    @property
    def talking(self) -> bool:
        """Does somebody speak?"""
        return self._endpointer.talking

    def hear(self, pcm: Int16s, sample: int) -> list[Output]:
        """`pcm`: (n,) int16, the newest block of the microphone, from `sample` on."""
        out: list[Output] = []
        for decision in self._endpointer.hear(pcm, sample):
            match decision:
                case Pause(offset) if offset - self._onset <= LONGEST_SAMPLES:
                    out += self._decode(sample + pcm.size)
                case Pause() | Cap():
                    self._endpointer.reset()
        quiet = sample + pcm.size - self._endpointer.offset_sample
        if self._endpointer.paused and self._job is None and not self._again and quiet >= _AGAIN_SAMPLES:
            self._again = True
            out += self._decode(sample + pcm.size)
        return out

    def _decode(self, until: int) -> list[Output]:
        out = self._call_off()
        self._job = self._jobs.next()
        return [*out, Decode(self._job, self._memory.cut(max(0, self._onset - _PRE_ROLL_SAMPLES), until))]

    def voice(self, probability: float, start_sample: int, end_sample: int) -> list[Output]:
        """The speech probability of [start, end)."""
        out: list[Output] = []
        for decision in self._endpointer.feed(probability, start_sample, end_sample, over_playout=True):
            match decision:
                case Onset(onset):
                    self._onset, self._again = onset, False
                case Resume():  # there was more to say: what was decoded was not the whole of it
                    self._again = False
                    out += self._call_off()
        return out

    def transcribed(self, job: int, transcript: Transcript) -> Control | None:
        """The answer to a `Decode` of this object: the command in it. None also for the jobs of others."""
        if job != self._job:
            return None
        self._job = None
        control = self._control_in(transcript.text) if transcript.complete else None
        if control is not None or self._again:
            self._endpointer.reset()
        return control

    def works_for(self, job: int) -> bool:
        """Is `job` a decode of this object that it waits for?"""
        return job == self._job

    def forget(self) -> list[Output]:
        """What was overheard counts no more."""
        self._endpointer.forget()
        return self._call_off()

    def _call_off(self) -> list[Output]:
        job, self._job = self._job, None
        return [] if job is None else [Cancel(job)]
