"""One turn, worked out from its marks: what took how long, what was thrown away, what was over its budget.

    trace = TurnTrace.of(session=3, turn=7, marks=marks)
    for span in trace.spans: print(span.stage, span.start_ms, span.length_ms, span.over)

All times are ms after the end of the user's speech. That is the voice detector's last voiced sample: it is right to
within one frame of the detector (32 ms) or two in most rooms, and only a bench, which has the recording, knows the
truth (`nearfield converse`, `nearfield bench turns`).

Sans-IO, and total: marks in any order give a trace, and no span is ever of negative length.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from device.dialogue.events import Event, to_ms
from device.telemetry.budgets import STAGES, StageKey
from device.telemetry.hypotheses import Hypothesis, hypotheses, milestones
from device.telemetry.marks import TraceMark, marks_from_json, marks_of
from models.protocols import SAMPLE_RATE_HZ

#: Results of models are stamped with the newest block that was read, decisions with the one that was worked on: what
#: follows may seem to come first, by two or three blocks of 10 ms. Beyond that the order makes no sense.
_JITTER_SAMPLES = 640

_FROM_ZERO = ("capture", "vad", "end_point", "ttfa")  # mean nothing where the end of speech is not known


@dataclass(frozen=True, slots=True)
class Span:
    """A stage of the turn. `budget_ms` is None where none applies."""

    stage: StageKey
    start_ms: float
    end_ms: float
    budget_ms: float | None = None

    @property
    def length_ms(self) -> float:
        return round(self.end_ms - self.start_ms, 2)

    @property
    def over(self) -> bool:
        return self.budget_ms is not None and self.length_ms > self.budget_ms

    def to_json(self) -> dict[str, Any]:
        return {
            "stage": self.stage,
            "start_ms": self.start_ms,
            "end_ms": self.end_ms,
            "length_ms": self.length_ms,
            "budget_ms": self.budget_ms,
            "over": self.over,
        }


@dataclass(frozen=True, slots=True)
class Guess:
    """A hypothesis on the trace's time line. `end_ms` None: its end was not told."""

    start_ms: float
    end_ms: float | None
    committed: bool
    reason: str  #: why it was discarded
    reached: Literal["words", "first_token", "first_clause", "first_audio"]  #: how far it got

    def to_json(self) -> dict[str, Any]:
        return {
            "start_ms": self.start_ms,
            "end_ms": self.end_ms,
            "committed": self.committed,
            "reason": self.reason,
            "reached": self.reached,
        }


@dataclass(frozen=True, slots=True)
class TurnTrace:
    """Made by `of`; `session` 0: of no record."""

    session: int
    turn: int
    zero_sample: int  #: capture sample of 0 ms
    zero: Literal["speech_end", "commit", "first_mark"]  #: what 0 ms is; the first wherever there was an end of speech
    reason: str  #: of the commit, "" without one
    interrupted: bool
    spans: tuple[Span, ...]  #: at most one a stage, in the order of `STAGES`
    guesses: tuple[Guess, ...]
    marks: tuple[TraceMark, ...]

    @classmethod
    def of(cls, session: int, turn: int, marks: Sequence[TraceMark]) -> "TurnTrace":
        zero, zero_sample = _zero(marks)
        commit = _first(marks, "commit")
        guesses = hypotheses(marks)
        return cls(
            session=session,
            turn=turn,
            zero_sample=zero_sample,
            zero=zero,
            reason="" if commit is None else str(commit.data.get("reason", "")),
            interrupted=any(mark.name == "interrupted" for mark in marks),
            spans=tuple(_spans(marks, guesses, zero_sample, zero_known=zero == "speech_end")),
            guesses=tuple(_guess(guess, zero_sample) for guess in guesses),
            marks=tuple(marks),
        )

    @classmethod
    def of_events(cls, turn: int, events: Iterable[Event], session: int = 0) -> "TurnTrace":
        """From a list of events, of which those of `turn` count."""
        return cls.of(session, turn, marks_of(event for event in events if event.turn == turn))

    @classmethod
    def from_json(cls, session: int, turn: int, text: str) -> "TurnTrace":
        """From `marks_to_json`. Raises ValueError."""
        return cls.of(session, turn, marks_from_json(text))

    @property
    def ttfa_ms(self) -> float | None:
        """Time to first audio; None: no answer sounded."""
        span = self.span("ttfa")
        return None if span is None else span.length_ms

    @property
    def over(self) -> tuple[StageKey, ...]:
        """The stages that took longer than they may."""
        return tuple(span.stage for span in self.spans if span.over)

    @property
    def wasted_ms(self) -> float:
        """For how long answers were prepared that nobody wanted."""
        return round(sum(g.end_ms - g.start_ms for g in self.guesses if not g.committed and g.end_ms is not None), 2)

    def span(self, stage: StageKey) -> Span | None:
        return next((span for span in self.spans if span.stage == stage), None)

    def at_ms(self, sample: int) -> float:
        """A capture sample on the trace's time line."""
        return to_ms(sample - self.zero_sample)

    def to_json(self) -> dict[str, Any]:
        """The public form (docs/trace.md): keys are added, never changed."""
        return {
            "session": self.session,
            "turn": self.turn,
            "zero": self.zero,
            "zero_ms": to_ms(self.zero_sample),
            "commit_reason": self.reason,
            "interrupted": self.interrupted,
            "ttfa_ms": self.ttfa_ms,
            "over": list(self.over),
            "wasted_ms": self.wasted_ms,
            "spans": [span.to_json() for span in self.spans],
            "hypotheses": [guess.to_json() for guess in self.guesses],
            # what a timer is called is counted under "name" too: the mark's own name has precedence
            "marks": [{**_with_times(m, self), "name": m.name, "at_ms": self.at_ms(m.sample)} for m in self.marks],
        }


def _with_times(mark: TraceMark, trace: TurnTrace) -> dict[str, Any]:
    """Sample positions become ms on the trace's time line."""
    positions = ("onset", "offset", "covered", "interrupted")
    return {(f"{k}_ms" if k in positions else k): _ms_if(k in positions, v, trace) for k, v in mark.data.items()}


def _ms_if(position: bool, value: Any, trace: TurnTrace) -> Any:
    return trace.at_ms(value) if position and isinstance(value, int) else value


def _zero(marks: Sequence[TraceMark]) -> tuple[Literal["speech_end", "commit", "first_mark"], int]:
    for mark in reversed(marks):
        offset = mark.number("offset")
        if mark.name == "speech_end" and offset is not None:
            return "speech_end", round(offset)
    commit = _first(marks, "commit")
    if commit is not None:
        return "commit", commit.sample
    return "first_mark", marks[0].sample if marks else 0


def _spans(marks: Sequence[TraceMark], guesses: Sequence[Hypothesis], zero: int, *, zero_known: bool) -> list[Span]:
    """What can be told from these marks, in the order of `STAGES`. `zero_known`: it is the end of speech."""
    at = milestones(marks)
    commit, ended = at.get("commit"), at.get("end_point")
    reason = next((mark.data.get("reason") for mark in marks if mark.name == "commit"), None)
    decided = next(
        (m.sample for m in reversed(marks) if m.name == "end_point" and m.data.get("verdict") == "commit"), ended
    )
    supposed = guesses[-1].start_sample if guesses else None
    onset = next((m.number("onset") for m in reversed(marks) if m.name == "speech_start"), None)
    audio = at.get("tts_first_audio")
    called, acted = _act(marks)
    sounding = None if commit is None else max(each for each in (commit, audio, acted) if each is not None)
    # who holds the button decides: time runs from its release, and nobody is late who waited for it
    begun = ended if reason == "release" and ended is not None else zero
    ends: dict[StageKey, tuple[float | None, float | None]] = {
        "capture": (onset, zero),
        "vad": (zero, ended),
        "end_point": (zero, decided),
        "final": _decode(marks),
        "understood": (supposed, next((m.sample for m in reversed(marks) if m.name == "understood"), None)),
        "act": (called, acted),
        "llm_first_token": (supposed, at.get("llm_first_token")),
        "first_clause": (supposed, at.get("first_clause")),
        "tts_first_audio": (at.get("first_clause"), audio),
        "playout": (sounding, at.get("playout_start")),
        "ttfa": (begun, at.get("playout_start")),
    }
    out = []
    for stage in STAGES:
        start, end = ends[stage.key]
        if stage.key in _FROM_ZERO and not zero_known:
            continue
        if start is None or end is None or end < start - _JITTER_SAMPLES:
            continue
        budget = None if stage.key == "end_point" and reason in ("release", "cap") else stage.budget_ms
        out.append(Span(stage.key, _ms(start - zero), _ms(max(start, end) - zero), budget))
    return out


def _act(marks: Sequence[TraceMark]) -> tuple[int | None, int | None]:
    """Start and end, in samples, of the call that was waited for."""
    ended = next((m for m in reversed(marks) if m.name == "call_ended" and not m.data.get("aside")), None)
    if ended is None:
        return None, None
    index = ended.data.get("index")
    return next((m.sample for m in marks if m.name == "called" and m.data.get("index") == index), None), ended.sample


def _decode(marks: Sequence[TraceMark]) -> tuple[float | None, float | None]:
    """Start and end, in samples, of the decode whose words were committed.

    A partial that covers all speech is the final: the words were there when it came, and the final only says so.
    """
    index = next((n for n, mark in enumerate(marks) if mark.name == "final"), None)
    if index is None:
        return None, None
    found = marks[index]
    _, offset = _zero(marks)
    partial = next((mark for mark in reversed(marks[:index]) if mark.name == "partial"), None)
    if partial is not None and partial.sample <= found.sample:
        covered = partial.number("covered")
        if not covered or covered >= offset:  # 0: it does not say
            decode_ms = partial.number("decode_ms") or found.number("decode_ms") or 0.0
            return partial.sample - max(0.0, decode_ms) * SAMPLE_RATE_HZ / 1000, partial.sample
    return found.sample - max(0.0, found.number("decode_ms") or 0.0) * SAMPLE_RATE_HZ / 1000, found.sample


def _guess(hypothesis: Hypothesis, zero: int) -> Guess:
    reached: Literal["words", "first_token", "first_clause", "first_audio"] = "words"
    if "tts_first_audio" in hypothesis.first:
        reached = "first_audio"
    elif "first_clause" in hypothesis.first:
        reached = "first_clause"
    elif "llm_first_token" in hypothesis.first:
        reached = "first_token"
    end = hypothesis.end_sample
    return Guess(
        to_ms(hypothesis.start_sample - zero),
        None if end is None else to_ms(end - zero),
        hypothesis.committed,
        hypothesis.reason,
        reached,
    )


def _first(marks: Sequence[TraceMark], name: str) -> TraceMark | None:
    return next((mark for mark in marks if mark.name == name), None)


def _ms(samples: float) -> float:
    return round(samples * 1000 / SAMPLE_RATE_HZ, 2)
