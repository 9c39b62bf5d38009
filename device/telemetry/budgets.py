"""The stages of a turn, and the time that each may take.

    for stage in STAGES: print(stage.label, stage.budget_ms)

The budgets are the ones of the design ("Budgets a turn is held to"); there is no other copy of them in code. Stages
overlap: their sum is not the time to first audio, which has a budget of its own. One of the design's is missing here:
20 ms from the capture to the front end, which events do not show.
"""

from dataclasses import dataclass
from typing import Literal

StageKey = Literal[
    "capture",
    "vad",
    "end_point",
    "final",
    "understood",
    "llm_first_token",
    "act",
    "first_clause",
    "tts_first_audio",
    "playout",
    "ttfa",
]


@dataclass(frozen=True, slots=True)
class Stage:
    """One step of a turn. `what` says from when to when, for a person."""

    key: StageKey
    label: str  #: at most 14 characters: a column of the waterfall
    budget_ms: float | None  #: None: none is set
    what: str


STAGES = (
    Stage("capture", "speech", None, "first voiced sample to last, as the detector has it"),
    Stage("vad", "voice detector", None, "last voiced sample to the detector's word that speech is over"),
    Stage("end_point", "end-point", 200.0, "last voiced sample to the decision that the turn is over"),
    Stage("final", "transcript", 150.0, "the decode that the turn was committed on"),
    Stage("understood", "meaning", 30.0, "transcript supposed to whether it means a skill"),
    Stage("llm_first_token", "first token", None, "transcript supposed to the first token of its answer"),
    Stage("act", "skill", None, "a skill being carried out; one that is carried out aside is not waited for"),
    Stage(
        "first_clause",
        "first clause",
        100.0,
        "transcript supposed to the first clause of its answer, or the opening of it",
    ),
    Stage("tts_first_audio", "first audio", 80.0, "first clause to its sound"),
    Stage("playout", "playout", 30.0, "commit, skill done, and sound there, to the converter"),
    # the design sets no time for the whole; this is what 95 of 100 turns are to keep
    Stage("ttfa", "TTFA", 600.0, "last voiced sample to the first sample at the converter"),
)
BY_KEY = {stage.key: stage for stage in STAGES}
