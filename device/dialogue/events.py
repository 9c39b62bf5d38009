"""All that can happen in a conversation, one dataclass each, with its time on the capture clock.

    for event in conversation.hear(frame): print(event.to_json())

`sample` counts capture samples at 16 kHz from the start of the session; `t_ms` in the JSON form is the same time.
The JSON form is a public format (docs/converse.md): keys and types are added to, never changed.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, ClassVar, Literal

from models.protocols import SAMPLE_RATE_HZ

#: "attentive": whoever speaks next is listened to; only where that is not always so (wake mode)
State = Literal["idle", "attentive", "listening", "thinking", "speaking", "ringing"]
#: Whose model failed, or the session record. (A card that is lost has events of its own.)
FailingStage = Literal["stt", "turn", "llm", "tts", "wake", "vad", "session"]


def to_ms(samples: int) -> float:
    """Capture samples (16 kHz) as milliseconds, to a hundredth."""
    return round(samples * 1000 / SAMPLE_RATE_HZ, 2)


@dataclass(frozen=True, slots=True)
class Event:
    """Base: `sample` is when it happened, `turn` the turn it belongs to (counted from 1; 0: none)."""

    type: ClassVar[str]
    sample: int
    turn: int

    def to_json(self) -> dict[str, Any]:
        """A JSON object: type, t_ms, turn, then the event's own fields (`*_sample` fields become `*_ms`)."""
        out: dict[str, Any] = {"type": self.type, "t_ms": to_ms(self.sample), "turn": self.turn}
        for f in fields(self):
            if f.name in ("sample", "turn"):
                continue
            value = getattr(self, f.name)
            if f.name.endswith("_sample"):
                out[f.name.removesuffix("_sample") + "_ms"] = to_ms(value)
            else:
                out[f.name] = value
        return out


@dataclass(frozen=True, slots=True)
class Wake(Event):
    """The wake word `word` was said; its model was convinced at `end_sample`."""

    type: ClassVar[str] = "wake"
    word: str
    probability: float
    end_sample: int


@dataclass(frozen=True, slots=True)
class WakeTimeout(Event):
    """Nothing was said for a while `after` the wake word, the button or an answer: nobody listens any more."""

    type: ClassVar[str] = "wake_timeout"
    after: Literal["word", "button", "answer"]


@dataclass(frozen=True, slots=True)
class SpeechStart(Event):
    """The user began to speak; decided at `sample`, first voiced sample at `onset_sample`."""

    type: ClassVar[str] = "speech_start"
    onset_sample: int


@dataclass(frozen=True, slots=True)
class SpeechEnd(Event):
    """The user fell silent; decided at `sample`, last voiced sample at `offset_sample`."""

    type: ClassVar[str] = "speech_end"
    offset_sample: int


@dataclass(frozen=True, slots=True)
class Partial(Event):
    """What was understood so far; may still change, but for the words of `stable`, which begin `text`.

    `covered_sample`: end of the audio that was decoded; `retracted`: stable words that it took back after all.
    """

    type: ClassVar[str] = "partial"
    text: str
    stable: str = ""
    retracted: int = 0
    decode_ms: float = 0.0
    covered_sample: int = 0


@dataclass(frozen=True, slots=True)
class Final(Event):
    """What was understood; will not change. `retracted`: words that were stable until then and are not in it."""

    type: ClassVar[str] = "final"
    text: str
    probability: float
    decode_ms: float
    retracted: int = 0


@dataclass(frozen=True, slots=True)
class EndPoint(Event):
    """What was thought of a pause that has lasted `silence_ms`: is the turn over?

    `finished`: the turn model's probability that it is (None: not asked, or it has not answered yet); `wording`: how
    the transcript ends (`wording.Wording`); `wait_ms`: the silence that will be waited for, as it looks now;
    `sentence_end`: the language model's probability that a sentence ends behind these words (None: not known).
    """

    type: ClassVar[str] = "end_point"
    verdict: Literal["commit", "wait", "nothing"]
    silence_ms: float
    finished: float | None
    wording: str
    wait_ms: float
    sentence_end: float | None = None


@dataclass(frozen=True, slots=True)
class Supposed(Event):
    """A hypothesis: should the user have finished, `text` is what will be answered. Nothing of it is final."""

    type: ClassVar[str] = "supposed"
    text: str


@dataclass(frozen=True, slots=True)
class Discarded(Event):
    """The hypothesis was wrong, and not a trace of it remains."""

    type: ClassVar[str] = "discarded"
    text: str
    reason: Literal["more_speech", "other_words", "nothing", "failed"]


@dataclass(frozen=True, slots=True)
class Commit(Event):
    """The turn is the assistant's: from here on speech, history and side effects are allowed.

    `reason`: the layers agreed that it was over ("complete"), it was quiet for as long as is waited at most
    ("silence"), the button came up ("release"), the utterance was too long ("cap").
    """

    type: ClassVar[str] = "commit"
    text: str
    reason: Literal["complete", "silence", "release", "cap"]


@dataclass(frozen=True, slots=True)
class LlmFirstToken(Event):
    type: ClassVar[str] = "llm_first_token"


@dataclass(frozen=True, slots=True)
class Opening(Event):
    """The first words of the answer are audio before its first clause is complete; the voice was given them then."""

    type: ClassVar[str] = "opening"
    text: str


@dataclass(frozen=True, slots=True)
class Clause(Event):
    """A clause of the answer is ready to be spoken."""

    type: ClassVar[str] = "clause"
    index: int
    text: str


@dataclass(frozen=True, slots=True)
class TtsFirstAudio(Event):
    type: ClassVar[str] = "tts_first_audio"


@dataclass(frozen=True, slots=True)
class Understood(Event):
    """What was supposed means `skill`; nothing is done yet. "": nothing that is known, the language model is asked."""

    type: ClassVar[str] = "understood"
    skill: str


@dataclass(frozen=True, slots=True)
class Called(Event):
    """A skill is being carried out: call `index` of the turn."""

    type: ClassVar[str] = "called"
    index: int
    skill: str
    arguments: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class CallEnded(Event):
    """What came of call `index` of the turn (`deeds.Outcome`); `say` waits to be told if it was carried out aside."""

    type: ClassVar[str] = "call_ended"
    index: int
    skill: str
    status: Literal["done", "failed", "unknown"]
    say: str
    error: str
    aside: bool = False


@dataclass(frozen=True, slots=True)
class Told(Event):
    """The result of a call that was carried out aside has been heard, or waved away: call `index` of `turn` (0: of a
    session that broke off)."""

    type: ClassVar[str] = "told"
    index: int


@dataclass(frozen=True, slots=True)
class Asked(Event):
    """A skill waits for a clear yes: the question is being put."""

    type: ClassVar[str] = "asked"
    skill: str
    arguments: Mapping[str, Any]
    question: str


@dataclass(frozen=True, slots=True)
class Settled(Event):
    """The question that was asked in turn `asked_turn` (0: in none) is settled; only "yes" carries it out."""

    type: ClassVar[str] = "settled"
    asked_turn: int
    answer: Literal["yes", "no", "dropped"]


@dataclass(frozen=True, slots=True)
class Controlled(Event):
    """A word that is obeyed at once: "stop", "never_mind", "repeat", ..."""

    type: ClassVar[str] = "controlled"
    control: str


@dataclass(frozen=True, slots=True)
class RingStart(Event):
    """It rings, again and again, until somebody stops it; `text` is what is said with it."""

    type: ClassVar[str] = "ring_start"
    name: str
    text: str


@dataclass(frozen=True, slots=True)
class RingEnd(Event):
    """It rings no longer: a word or the button stopped it, it rings later again ("snoozed"), whoever had it ring took
    it back ("withdrawn"), nobody came for a long time ("unanswered")."""

    type: ClassVar[str] = "ring_end"
    name: str
    reason: Literal["stopped", "button", "snoozed", "withdrawn", "unanswered"]


@dataclass(frozen=True, slots=True)
class Acknowledged(Event):
    """The answer is late, and `text` was said in the meantime."""

    type: ClassVar[str] = "acknowledged"
    text: str


@dataclass(frozen=True, slots=True)
class PlayoutStart(Event):
    """The first sample of the answer leaves the loudspeaker at `sample`."""

    type: ClassVar[str] = "playout_start"


@dataclass(frozen=True, slots=True)
class Spoken(Event):
    """So far `heard` has left the loudspeaker; told while an answer sounds, when a word is complete, 100 ms apart."""

    type: ClassVar[str] = "spoken"
    heard: str


@dataclass(frozen=True, slots=True)
class PlayoutEnd(Event):
    """The last sample of the answer left the loudspeaker at `sample`."""

    type: ClassVar[str] = "playout_end"
    generated: str
    heard: str


@dataclass(frozen=True, slots=True)
class Interrupted(Event):
    """The user spoke over the answer (or over its making): it fell silent at `sample`, for good."""

    type: ClassVar[str] = "interrupted"
    onset_sample: int
    generated: str
    heard: str


@dataclass(frozen=True, slots=True)
class Resumed(Event):
    """What silenced the answer at `interrupted_sample` was nothing: it goes on behind `heard`."""

    type: ClassVar[str] = "resumed"
    interrupted_sample: int
    heard: str
    reason: Literal["no_words", "backchannel"]


@dataclass(frozen=True, slots=True)
class StateChange(Event):
    type: ClassVar[str] = "state"
    state: State


@dataclass(frozen=True, slots=True)
class Mute(Event):
    """The microphone was muted (its blocks are zeros from here on) or lets sound through again."""

    type: ClassVar[str] = "mute"
    muted: bool


@dataclass(frozen=True, slots=True)
class CardLost(Event):
    """The sound card is gone; `sample` is the end of what it heard. What it was playing ends there."""

    type: ClassVar[str] = "card_lost"
    message: str


@dataclass(frozen=True, slots=True)
class CardBack(Event):
    """The sound card hears again from `sample` on, `lost_ms` after it was lost."""

    type: ClassVar[str] = "card_back"
    lost_ms: float


@dataclass(frozen=True, slots=True)
class NotHeard(Event):
    """The talk button was pushed and nobody can hear: no turn comes of it, also if it is held until somebody can."""

    type: ClassVar[str] = "not_heard"
    reason: Literal["card_lost"]


@dataclass(frozen=True, slots=True)
class MicTrouble(Event):
    """The microphone delivers what no microphone should; `over`: it does no longer."""

    type: ClassVar[str] = "mic_trouble"
    kind: Literal["silent", "stuck", "clipping", "swapped"]
    over: bool
    message: str


@dataclass(frozen=True, slots=True)
class Degraded(Event):
    """What is done without from here on, because the machine is behind; `level` 0: nothing, all is as it should be."""

    type: ClassVar[str] = "degraded"
    level: int
    without: tuple[str, ...]
    reason: str


@dataclass(frozen=True, slots=True)
class Failure(Event):
    """A stage failed; the conversation goes on."""

    type: ClassVar[str] = "error"
    stage: FailingStage
    message: str
