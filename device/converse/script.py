"""When each input is said: the user of a rehearsed conversation.

    script = Script([Line("a.wav", pcm), Line("b.wav", pcm)], Timing())
    for action in script.begin(): ...          # Say(line, at_sample) | Finish(at_sample)
    for action in script.on_event(event): ...
    for action in script.on_block(end_sample): ...

Without fixed times each line is said a moment after the answer to the one before it has ended, as people do; a
line that gets no answer is waited for in vain for `patience_s`. Sans-IO: fed with the events and the clock of the
session.
"""

from dataclasses import dataclass

from device.dialogue.events import Event, Interrupted, PlayoutEnd, SpeechEnd, StateChange
from models.protocols import SAMPLE_RATE_HZ, Int16s


@dataclass(frozen=True, slots=True)
class Line:
    """One input: (n,) int16 at 16 kHz."""

    name: str
    pcm: Int16s


@dataclass(frozen=True, slots=True)
class Timing:
    lead_s: float = 0.5  #: silence before the first line
    gap_s: float = 0.8  #: from the end of an answer to the next line
    patience_s: float = 4.0  #: from the end of a line, or of the speech in it, that nobody answers
    tail_s: float = 1.0  #: from the end of the last answer to the end of the session
    at_s: tuple[float, ...] = ()  #: fixed starts, one a line, instead of the above


@dataclass(frozen=True, slots=True)
class Say:
    line: int
    at_sample: int


@dataclass(frozen=True, slots=True)
class Finish:
    """The session ends when the clock reaches this."""

    at_sample: int


Action = Say | Finish


def _samples(seconds: float) -> int:
    return round(seconds * SAMPLE_RATE_HZ)


class Script:
    """Says the lines in order; `placed` tells where each one began."""

    def __init__(self, lines: list[Line], timing: Timing) -> None:
        if timing.at_s and len(timing.at_s) != len(lines):
            raise ValueError(f"{len(timing.at_s)} times for {len(lines)} lines")
        self._lines = lines
        self._timing = timing
        self.placed: dict[int, int] = {}
        self._idle = True
        self._activity_end = 0  # end of the newest line, of its speech, or of an answer
        self._answered_end = -1  # end of the newest answer
        self._finished = False

    def begin(self) -> list[Action]:
        """What is known from the start."""
        if self._timing.at_s:
            return [self._say(n, _samples(at)) for n, at in enumerate(self._timing.at_s)]
        return [self._say(0, _samples(self._timing.lead_s))]

    def _say(self, line: int, at_sample: int) -> Say:
        self.placed[line] = at_sample
        self._activity_end = max(self._activity_end, at_sample + self._lines[line].pcm.size)
        return Say(line, at_sample)

    def on_event(self, event: Event) -> None:
        """Everything the conversation publishes."""
        match event:
            case StateChange(state=state):
                self._idle = state in ("idle", "attentive", "ringing")  # who wants it to ring no more says so
            case PlayoutEnd() | Interrupted():
                self._answered_end = event.sample
            case SpeechEnd():
                self._activity_end = max(self._activity_end, event.sample)

    def on_block(self, now: int) -> list[Action]:
        """The clock stands at `now`."""
        if self._finished or not self._idle or now < self._activity_end:
            return []
        if len(self.placed) < len(self._lines):
            at = self._ready_at(self._timing.gap_s)
            return [self._say(len(self.placed), max(at, now))] if now >= at else []
        at = self._ready_at(self._timing.tail_s)
        if now < at:
            return []
        self._finished = True
        return [Finish(now)]

    def _ready_at(self, pause_s: float) -> int:
        """When the next thing may happen: after the answer, or when none can be expected any more."""
        if self._answered_end >= max(self.placed.values()):
            return max(self._activity_end, self._answered_end + _samples(pause_s))
        return self._activity_end + _samples(max(self._timing.patience_s, pause_s))
