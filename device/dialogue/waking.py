"""Wake words in a conversation: who has the turn by them, and what is obeyed without one.

    waking = Waking(policy.wake, policy.endpoint, jobs, memory)     # policy.wake None: every voice is listened to
    waking.woken(detection, before_turn=True); waking.admits(sounding=False)
    transcript = waking.cleaned(transcript)

Everything that the conversation has to know of wake words: the gate (`wake_gate`), where the sound of the command
begins, the rest of the word in its transcript (`wake_remnant`), and who says "stop" over an answer (`overhearing`).
Sans-IO.
"""

from collections.abc import Callable, Iterable
from dataclasses import replace

from device.dialogue import events as ev
from device.dialogue.audio_memory import AudioMemory
from device.dialogue.commands import Jobs, Output
from device.dialogue.control_words import Control
from device.dialogue.endpointer import EndpointPolicy
from device.dialogue.overhearing import Overhearing
from device.dialogue.wake_gate import WakeGate, WakePolicy
from device.dialogue.wake_remnant import without_wake_word
from models.protocols import Int16s, Transcript, WakeDetection


class Waking:
    """One conversation's. One thread."""

    def __init__(
        self,
        policy: WakePolicy | None,
        endpoint: EndpointPolicy,
        jobs: Jobs,
        memory: AudioMemory,
        control_in: Callable[[str], Control | None],
    ) -> None:
        """`policy` None: every voice may open a turn, and a wake word only makes an answer fall silent."""
        self.gate = None if policy is None else WakeGate(policy)
        self._any_voice = policy is not None and policy.barge_in == "any"
        self._overhearing = Overhearing(endpoint, control_in, jobs, memory)
        self._phrase = ""  # that was said in front of the turn, or in it
        self.not_before = 0  #: the sample that the next turn may reach back to

    def admits(self, *, sounding: bool, second: bool = False) -> bool:
        """May a voice open a turn? `sounding`: an answer does.

        `second`: a burst heard again. Behind a commit that is the last sound of what was said, not more of it.
        """
        gate = self.gate
        return gate is None or gate.attentive or (gate.open and not second) or (sounding and self._any_voice)

    def woken(self, detection: WakeDetection, *, before_turn: bool) -> None:
        """A wake word. `before_turn`: what comes behind it is the turn."""
        self._phrase = detection.phrase
        if before_turn:
            self.not_before = detection.word_end_sample
            if self.gate is not None:
                self.gate.woken(detection.end_sample)

    def cleaned(self, transcript: Transcript) -> Transcript:
        """`transcript` of the turn without what is left of the wake word."""
        if not self._phrase:
            return transcript
        return replace(transcript, text=without_wake_word(transcript.text, self._phrase))

    def follow(self, outputs: Iterable[Output]) -> None:
        """What the conversation is about to publish: commits and ends of answers open and close the gate."""
        for output in outputs:
            match output:
                case ev.Commit():
                    self._phrase = ""
                    if self.gate is not None:
                        self.gate.committed(output.sample)
                case ev.PlayoutEnd() if self.gate is not None:
                    self.gate.answered(output.sample, question=output.heard.rstrip().endswith("?"))

    # --- voices that may not open a turn ------------------------------------------------------------------------

    def hear(self, pcm: Int16s, sample: int, *, busy: bool) -> list[Output]:
        """A block of the microphone. `busy`: an answer is made or sounds, and a control word would be obeyed."""
        if self.gate is None:
            return []
        return self._overhearing.hear(pcm, sample) if busy else self._overhearing.forget()

    def overhear(self, probability: float, start_sample: int, end_sample: int) -> list[Output]:
        """A VAD frame of somebody who was not invited, while an answer is made or sounds."""
        return self._overhearing.voice(probability, start_sample, end_sample)

    def overheard(self, job: int, transcript: Transcript) -> Control | None:
        """The control word in what somebody said who was not invited. None also for the jobs of others."""
        return self._overhearing.transcribed(job, transcript)

    @property
    def somebody(self) -> bool:
        """Has somebody called, or does somebody speak who was not invited? What rings makes room for both."""
        return self._overhearing.talking or (self.gate is not None and self.gate.called)

    def gave_up(self, job: int) -> bool:
        """Was the decode `job`, which failed, of what was overheard?"""
        ours = self._overhearing.works_for(job)
        if ours:
            self._overhearing.forget()
        return ours

    def forget(self) -> list[Output]:
        """The microphone is muted, or gone: nobody is invited, and nothing was overheard."""
        self._phrase = ""
        if self.gate is not None:
            self.gate.close()
        return self._overhearing.forget()
