"""All the rules of a conversation, in one place.

    policy = Policy(turn_model=False, barge_in=False)
    Conversation(policy, prompt="You are ...")

Each part has the rules of one module, and its defaults there.
"""

from dataclasses import dataclass

from device.dialogue.acting import ActingPolicy
from device.dialogue.answer import AnswerPolicy
from device.dialogue.degrade import DegradePolicy
from device.dialogue.endpointer import EndpointPolicy
from device.dialogue.interruption import ResumePolicy
from device.dialogue.listening import ListeningPolicy
from device.dialogue.ringing import RingPolicy
from device.dialogue.speaker_pauses import SpeakerPausePolicy
from device.dialogue.turn_end import TurnEndPolicy
from device.dialogue.wake_gate import WakePolicy


@dataclass(frozen=True, slots=True)
class Policy:
    """How the conversation behaves. Units in the names."""

    endpoint: EndpointPolicy = EndpointPolicy()
    listening: ListeningPolicy = ListeningPolicy()
    turn_end: TurnEndPolicy = TurnEndPolicy()
    turn_model: bool = True  #: is there one that answers `Judge`?
    pauses: SpeakerPausePolicy = SpeakerPausePolicy()  #: how far the waits follow the speaker's own pauses
    answer: AnswerPolicy = AnswerPolicy()
    language: str = "en"  #: of the recogniser
    pre_roll_ms: float = 500.0  #: audio before the onset that the recogniser gets
    open_microphone: bool = True  #: False: only push-to-talk opens a turn, and a wake word if there is `wake`
    wake: WakePolicy | None = None  #: who has said a wake word may speak; of no account while the microphone is open
    barge_in: bool = True  #: may speech (not the button) interrupt the answer?
    speculate: bool = True  #: prepare the answer before the turn is over
    degrade: DegradePolicy = DegradePolicy()  #: what is done without when the machine is behind
    resume: ResumePolicy = ResumePolicy()  #: does an answer go on that was interrupted by nothing?
    acting: ActingPolicy = ActingPolicy()  #: what is done for what was said
    ringing: RingPolicy = RingPolicy()  #: how a timer or an alarm rings
