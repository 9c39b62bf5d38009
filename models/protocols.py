"""What the dialogue needs of a model, and nothing more.

One small protocol a task; the adapters (`models.vad`, `models.stt`, `models.llm`, `models.tts`) fulfil them with the
real runtimes, the dialogue tests with fakes on virtual time. Audio is mono at 16 kHz throughout. Long calls take
a `cancelled` callable: it is asked often, from the thread that works, and once it says True the call comes back
as soon as it can with what it has.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

SAMPLE_RATE_HZ = 16_000

Int16s = npt.NDArray[np.int16]
Floats = npt.NDArray[np.float32]
Cancelled = Callable[[], bool]
Effort = Literal["partial", "final"]


def never() -> bool:
    """A `Cancelled` for calls that nobody will cancel."""
    return False


@dataclass(frozen=True, slots=True)
class Transcript:
    """What the recogniser made of a stretch of audio."""

    text: str  #: "" when nothing intelligible was said
    probability: float  #: geometric mean of the token probabilities, 0..1; 0.0 when text is ""
    audio_ms: float  #: length of the audio that was decoded
    decode_ms: float  #: how long the decode took
    complete: bool = True  #: False: cancelled before the end, text is not to be used
    #: the least token probability of each word of `text`, as white space parts them; (): not known
    word_probabilities: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class Message:
    """One entry of a chat."""

    role: Literal["system", "user", "assistant", "tool"]  #: "tool": what a skill gave back; it is data, not a wish
    text: str


@dataclass(frozen=True, slots=True)
class ToolSpec:
    """Something that a language model may ask for."""

    name: str
    description: str
    schema: Mapping[str, Any]  #: JSON Schema of the arguments: an object


@dataclass(frozen=True, slots=True)
class ToolRequest:
    """A language model asks for it. Nothing in it has been checked but that it is JSON."""

    name: str
    arguments: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Mark:
    """Up to here: text[:chars] is spoken by pcm[:samples]. Marks rise strictly in chars, never fall in samples."""

    chars: int
    samples: int


@dataclass(frozen=True, slots=True)
class Speech:
    """A clause as audio."""

    text: str
    pcm: Int16s  #: (n,) int16, 16 kHz mono; leading and trailing silence trimmed
    marks: tuple[Mark, ...]  #: one a word, the last one is (len(text), len(pcm))
    begun_samples: int = 0  #: so much of the part before it is the beginning of its first word
    stand_in: bool = False  #: said by a voice in place of the one that is wanted, which is away: not to be kept


class VadModel(Protocol):
    """Speech probability, frame by frame; carries state from frame to frame."""

    frame_samples: int  #: samples a call at 16 kHz (Silero: 512)

    def probability(self, frame: Floats) -> float:
        """`frame`: (frame_samples,) float32 in -1..1. Returns 0..1."""
        ...

    def reset(self) -> None:
        """Forget the past: the next frame begins a new stretch of audio."""
        ...

    def fresh(self) -> "VadModel":
        """Another stream through the same network, with nothing heard yet."""
        ...


@dataclass(frozen=True, slots=True)
class WakeDetection:
    """A wake word was said."""

    word: str  #: name of the model: "okay_nabu"
    phrase: str  #: as it is spoken: "Okay Nabu"
    end_sample: int  #: of the audio that convinced the model
    word_end_sample: int  #: the word itself ended about here: what was said since is said to the assistant
    probability: float  #: mean over the model's sliding window, 0..1


class WakeModel(Protocol):
    """Listens for one or more wake words in one stream."""

    def feed(self, pcm: Int16s, sample: int) -> list[WakeDetection]:
        """`pcm`: (n,) int16, 16 kHz, from sample `sample` on. A gap in the samples begins a new stretch.

        Raises ModelRunError.
        """
        ...

    def reset(self) -> None:
        """Forget the past: the next samples begin a new stretch of audio."""
        ...

    def far_end(self) -> "WakeModel":
        """The same words for another stream, what the loudspeaker plays; readier to believe that one was said."""
        ...


class Recogniser(Protocol):
    """Speech to text."""

    def transcribe(self, audio: Floats, *, cancelled: Cancelled = never, effort: Effort = "final") -> Transcript:
        """`audio`: (n,) float32 in -1..1, 16 kHz. `effort` "partial": one quick pass, for a text that is not the last
        word; "final": what is doubtful is listened to again. Raises ModelRunError."""
        ...


@runtime_checkable
class Frugal(Protocol):
    """A recogniser that can do with less of the machine, at the price of some words."""

    frugal: bool  #: any thread may set it, for the next call


@runtime_checkable
class Expecting(Protocol):
    """A recogniser that can be told what to expect."""

    def transcribe_expecting(self, audio: Floats, expected: str, *, cancelled: Cancelled = never) -> Transcript:
        """A second look at `audio` when `expected` (sentences, names) may have been said. Raises ModelRunError."""
        ...


class TurnModel(Protocol):
    """Has the speaker finished? Judged by the sound alone."""

    def finished(self, audio: Floats) -> float:
        """`audio`: (n,) float32 in -1..1, 16 kHz: the utterance so far, with the silence behind it. The last seconds
        count. Returns 0..1. Raises ModelRunError."""
        ...


class ChatModel(Protocol):
    """Text to text, streamed."""

    last_complete: bool  #: False: the newest reply was cut off at its longest length, maybe within a sentence

    def reply(self, messages: Sequence[Message], *, cancelled: Cancelled = never) -> Iterator[str]:
        """Yields the pieces of the answer as they are written. Raises ModelRunError."""
        ...

    def warm(self, messages: Sequence[Message], *, cancelled: Cancelled = never) -> None:
        """Prefill the KV cache with the chat so far, so that the next `reply` starts sooner."""
        ...


@runtime_checkable
class ExpectsEnds(Protocol):
    """A chat model that tells, beside its reply, whether a sentence would end behind the words that it is asked."""

    sentence_end: float | None  #: 0..1, known before the first piece of the newest reply; None: it cannot tell


@runtime_checkable
class ToolCaller(Protocol):
    """A chat model that can ask for a tool instead of answering."""

    def reply_with_tools(
        self, messages: Sequence[Message], tools: Sequence[ToolSpec], *, cancelled: Cancelled = never
    ) -> Iterator[str | ToolRequest]:
        """Yields the pieces of an answer, or one `ToolRequest` for one of `tools` and nothing behind it.

        Raises ModelRunError.
        """
        ...


class Voice(Protocol):
    """Text to speech, a clause a call."""

    def speak(self, text: str, *, cancelled: Cancelled = never) -> Speech | None:
        """None when cancelled, or when there is nothing in `text` to say. Raises ModelRunError."""
        ...


@runtime_checkable
class StreamingVoice(Protocol):
    """A voice that hands out the beginning of a clause while it works on the rest."""

    def speak_parts(self, text: str, *, cancelled: Cancelled = never) -> Iterator[Speech]:
        """`text` in parts of whole words, in order, which say together what `speak` says.

        Their texts joined by a space are `text`, and their audio laid end to end is the clause, without a gap or
        a click. Yields nothing when there is nothing to say; ends early when cancelled. Raises ModelRunError.
        """
        ...


@dataclass(frozen=True, slots=True)
class Opening:
    """The first words of a clause as audio, made before the clause was written to its end."""

    part: Speech
    #: Given the whole clause: what it says behind `part`, in parts as of a `StreamingVoice`. Raises ModelRunError.
    rest: "Callable[[str, Cancelled], Iterator[Speech]]"


@runtime_checkable
class OpeningVoice(Protocol):
    """A voice that can begin a clause of which only the first words are known."""

    @property
    def behind_opening_ms(self) -> float | None:
        """So long takes what follows an opening, once its clause is there, by the voice itself; None: unknown."""
        ...

    def open(self, text: str, *, cancelled: Cancelled = never) -> Opening | None:
        """`text`: words with which a clause begins, and commas, semicolons or colons; the last one is not said.

        That may lack letters, and be a number; before it there are no digits.

        None: it is too little to begin with, or this voice cannot do so (now). Raises ModelRunError.
        """
        ...


def joined(parts: Sequence[Speech]) -> Speech:
    """The parts of a clause as one, their texts joined by a space."""
    marks: list[Mark] = []
    chars = samples = 0
    for part in parts:
        marks += [Mark(chars + m.chars, samples + m.samples) for m in part.marks]
        chars, samples = chars + len(part.text) + 1, samples + part.pcm.size
    text, pcm = " ".join(p.text for p in parts), np.concatenate([p.pcm for p in parts])
    return Speech(text, pcm, tuple(marks), stand_in=any(p.stand_in for p in parts))


def in_parts(voice: Voice, text: str, *, cancelled: Cancelled = never) -> Iterator[Speech]:
    """`text` in parts as `StreamingVoice` has it; in one part by a voice that makes clauses whole only."""
    if isinstance(voice, StreamingVoice):
        yield from voice.speak_parts(text, cancelled=cancelled)
    elif (speech := voice.speak(text, cancelled=cancelled)) is not None:
        yield speech
