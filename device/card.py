"""The sound card as everything above it sees it: the same for PortAudio and for the virtual card.

    with open_card(...) as card:            # portaudio.PortAudioCard or virtual.VirtualCard
        span = card.play(speech_pcm)
        while (block := card.read(timeout_s=1.0)) is not None: ...

Time is the capture clock: sample 0 is the first microphone sample after `start`, 16,000 a second, whatever
rate the card itself runs at. What is queued for the loudspeaker is one long stream with its own axis (*ring
position*): `play` says which stretch of it a sound got, and every block says which stretch was just handed to
the converter and at which capture sample it becomes sound. A flush skips positions; an empty ring plays
silence, which has no position.
"""

from dataclasses import dataclass
from types import TracebackType
from typing import Protocol, Self

from models.protocols import SAMPLE_RATE_HZ, Int16s

BLOCK_MS = 10
BLOCK_SAMPLES = SAMPLE_RATE_HZ * BLOCK_MS // 1000  # 160


@dataclass(frozen=True, slots=True)
class Span:
    """Ring positions [start, end) that a sound was given, 16 kHz."""

    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Block:
    """10 ms of both directions, from one and the same callback."""

    sample: int  #: capture clock of mic[0]
    mic: Int16s  #: (160,) what the microphone heard
    far: Int16s  #: (160,) what this callback handed to the loudspeaker: the echo canceller's reference
    played: Span  #: ring positions that far[:played.end - played.start] came from; the rest of far is silence
    dac_sample: int  #: capture clock at which far[0] leaves the loudspeaker
    muted: bool = False  #: mic is zeros because the microphone is muted
    #: Capture clock of far[0] where `far` is not what the callback handed over but a loop-back channel of the card,
    #: which was captured as it sounded; None: far[0] sounds at `dac_sample`.
    far_sample: int | None = None
    #: False: something sounds, or has just sounded, and what is not known yet: far is silence in its place.
    far_known: bool = True


@dataclass(frozen=True, slots=True)
class CardStats:
    """Counters since `start`. None of them ever falls."""

    blocks: int  #: callbacks served
    capture_lost_samples: int  #: microphone samples dropped because nobody read them (ring full)
    capture_overflows: int  #: overflows that the driver reported
    playback_underflows: int  #: underflows that the driver reported
    starved_samples: int  #: samples of silence put inside a sound, because its rest came too late
    worst_interval_ms: float = 0.0  #: longest time between two callbacks, 10 when all is well


class Card(Protocol):
    """A duplex sound card. Not thread-safe but for `play`, `flush`, `mute`, `muted`, `set_volume` and `stats`."""

    name: str
    rate_hz: int  #: the card's own rate

    def start(self) -> None:
        """Begin; raises NoCardError or AudioError."""
        ...

    def read(self, timeout_s: float) -> Block | None:
        """The next block; None at time-out or after the end. Raises AudioError when the card is lost."""
        ...

    def play(self, pcm: Int16s) -> Span:
        """Queue (n,) int16 at 16 kHz after what is queued already. Raises AudioError when the ring has no room."""
        ...

    def flush(self) -> None:
        """Drop all that is queued; the callback obeys within one block."""
        ...

    def mute(self, muted: bool) -> None:
        """Zero the microphone in the callback, before anything sees it, or stop doing so. Holds across `start`."""
        ...

    @property
    def muted(self) -> bool:
        """The truth: was the microphone of the newest block zeroed? False until a block has been."""
        ...

    def set_volume(self, factor: float) -> None:
        """Multiply what is played by 0..1, what is queued already included. Holds across `start`."""
        ...

    def stats(self) -> CardStats: ...

    def stop(self) -> None:
        """End; safe to call twice."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None, /
    ) -> None: ...
