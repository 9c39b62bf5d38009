"""A conversation that hears real audio: the virtual rim with a real voice detector and a real recogniser.

    rim = HearingRim(answers=["Fine."]); rim.listen(pcm, vad, recogniser); rim.run_out()

Time stays virtual: what the models cost is not in it, and the answer is silence to the microphone.
"""

import heapq
from typing import Any

import numpy as np
from virtual_rim import MS, VirtualRim

from device.card import BLOCK_SAMPLES
from device.dialogue.commands import Command, Decode
from device.dialogue.conversation import Policy
from device.dialogue.listening import ListeningPolicy
from device.dialogue.voice_meter import VoiceMeter
from models.protocols import Int16s

#: Without partials: they change nothing about what is understood in the end, and cost a second each.
WITHOUT_PARTIALS = Policy(turn_model=False, listening=ListeningPolicy(partials=False))


class HearingRim(VirtualRim):
    """`listen`, then run."""

    def listen(self, mic: Int16s, vad: Any, recogniser: Any) -> None:
        """`mic`: (n,) int16, 16 kHz, from the start of the session on; silence behind it."""
        vad.reset()
        self._mic = mic
        self._meter = VoiceMeter(vad)
        self._recogniser = recogniser

    def run_out(self, after_ms: int = 4000) -> "HearingRim":
        """Until `after_ms` behind the recording, and until it is idle."""
        self.run(len(self._mic) // MS + after_ms)
        for _ in range(60):
            if self.talk.state == "idle":
                break
            self.run(self.clock // MS + 500)
        return self

    def _tick(self) -> None:
        sample = self.clock
        self.clock += BLOCK_SAMPLES
        self._deliver()
        pcm = self._mic[sample : self.clock]
        pcm = np.pad(pcm, (0, BLOCK_SAMPLES - pcm.size))
        self._take(self.talk.hear(pcm, sample, self._play_block(sample), sample + BLOCK_SAMPLES))
        for heard in self._meter.feed(pcm, sample):
            out = self.talk.voice(heard.probability, heard.start_sample, heard.end_sample, second=heard.second)
            self._take(out)

    def _deliver(self) -> None:
        while self._due and self._due[0][0] <= self.clock:
            self._take(heapq.heappop(self._due)[2]())

    def _do(self, command: Command) -> None:
        match command:
            case Decode(job, audio, effort):
                self._live.apply(command)
                transcript = self._recogniser.transcribe(audio, effort=effort)
                self._later(self.stt_ms * MS, lambda: self.talk.transcribed(job, transcript, self.clock))
            case _:
                super()._do(command)
