"""Which of a turn's marks belong to which hypothesis: one was committed, the others were work for nothing.

    guesses = hypotheses(marks)
    guesses[-1].committed

Sans-IO, and total: marks in any order give some answer.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from device.telemetry.marks import TraceMark

#: What a trace calls them. An answer that is begun before its first clause is written has an opening first.
_STEPS = {
    "llm_first_token": "llm_first_token",
    "opening": "first_clause",
    "clause": "first_clause",
    "tts_first_audio": "tts_first_audio",
}


@dataclass(slots=True)
class Hypothesis:
    """What would have been answered, had the user finished. Times in capture samples."""

    start_sample: int  #: its words were there
    end_sample: int | None = None  #: committed or discarded; None: neither was told
    committed: bool = False
    reason: str = ""  #: why it was discarded ("superseded": the next one simply took its place)
    first: dict[str, int] = field(default_factory=dict)  #: first token, clause (or opening), audio: when


def hypotheses(marks: Sequence[TraceMark]) -> list[Hypothesis]:
    """In their order; the committed one is the last. A conversation that tells no `supposed` has one a partial."""
    begins = "supposed" if any(mark.name == "supposed" for mark in marks) else "partial"
    out: list[Hypothesis] = []
    current: Hypothesis | None = None
    committed = False
    for mark in marks:
        if mark.name == begins and not committed:
            if current is not None:
                _end(current, mark.sample, "superseded")
            current = Hypothesis(mark.sample)
            out.append(current)
        elif mark.name == "discarded" and not committed and current is not None:
            _end(current, mark.sample, str(mark.data.get("reason", "")))
            current = None
        elif mark.name in (*_STEPS, "final", "commit"):
            if current is None:  # the button came up: what was understood is answered without being supposed first
                current = Hypothesis(mark.sample)
                out.append(current)
            if mark.name in _STEPS:
                current.first.setdefault(_STEPS[mark.name], mark.sample)
            if mark.name == "commit" and not committed:
                committed = True
                current.committed = True
                current.end_sample = max(mark.sample, current.start_sample)
    return out


def _end(hypothesis: Hypothesis, sample: int, reason: str) -> None:
    hypothesis.end_sample = max(sample, hypothesis.start_sample)
    hypothesis.reason = reason


def milestones(marks: Sequence[TraceMark]) -> dict[str, int]:
    """When each step came first, in the hypothesis that was committed (or is the last): names as in `stages_ms` of
    docs/converse.md, capture samples. What did not happen is missing."""
    out: dict[str, int] = {}
    for mark in marks:
        match mark.name:
            case "speech_end":
                out["end_point"] = mark.sample  # the last: earlier ones were followed by more speech
            case "partial" if "final" not in out:
                out["partial"] = mark.sample
            case "final" | "commit" | "playout_start":
                out.setdefault(mark.name, mark.sample)
    guesses = hypotheses(marks)
    if guesses:
        out |= guesses[-1].first
    return out
