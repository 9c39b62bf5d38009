"""What is written down about a conversation, as plain values.

    recorder.commit_turn(TurnCommitted(number=1, user_text="What time is it?", ...))
    recorder.finish_turn(TurnFinished(number=1, reply_generated="It is noon.", reply_heard="It is noon.", ...))

All `*_sample` are on the capture clock: 16,000 a second, 0 at the start of the session.
"""

from dataclasses import dataclass
from typing import Any, Literal

CommitReason = Literal["complete", "silence", "release", "cap", "typed"]


#: How a session ends that the next one goes on with: it was asked to begin anew.
RELOAD = "reload"


@dataclass(frozen=True, slots=True)
class TurnCommitted:
    """The user's half of a turn: from here on the assistant may speak and act."""

    number: int  #: counted from 1 in its session
    user_text: str
    stt_probability: float | None  #: 0..1; None when typed
    speech_start_sample: int | None  #: first voiced sample; None when typed
    speech_end_sample: int | None  #: last voiced sample; None when typed
    commit_sample: int
    commit_reason: CommitReason


@dataclass(frozen=True, slots=True)
class TurnFinished:
    """The assistant's half: what it wrote and how much of it left the loudspeaker."""

    number: int
    reply_generated: str
    reply_heard: str
    interrupted: bool
    playout_start_sample: int | None = None  #: None: nothing was played
    playout_end_sample: int | None = None
    error: str | None = None  #: what failed in this turn, None when nothing did


@dataclass(frozen=True, slots=True)
class TurnTraced:
    """What happened when, once the turn is over."""

    number: int
    marks: str  #: JSON without a word of what was said (`device.telemetry.marks.marks_to_json`)


@dataclass(frozen=True, slots=True)
class Logged:
    """An entry of the log."""

    at: str  #: wall clock, UTC, ISO 8601
    sample: int | None  #: capture clock; None: it does not come from the conversation
    turn: int  #: 0: none
    type: str
    content: str  #: a JSON object


@dataclass(frozen=True, slots=True)
class CallBegun:
    """A skill is about to run."""

    at: str
    turn: int
    index: int
    skill: str
    arguments: str  #: a JSON object
    read_only: bool
    aside: bool


@dataclass(frozen=True, slots=True)
class CallFinished:
    """What came of it."""

    at: str
    turn: int
    index: int
    status: Literal["done", "failed", "unknown"]
    say: str
    data: str
    error: str


@dataclass(frozen=True, slots=True)
class CallAside:
    """The result of this call is told at the next natural pause."""

    turn: int
    index: int


Record = TurnCommitted | TurnFinished | TurnTraced | Logged | CallBegun | CallFinished | CallAside


@dataclass(frozen=True, slots=True)
class StoredSession:
    """A session as it is in the record."""

    id: int
    started_at: str  #: UTC, ISO 8601
    ended_at: str | None  #: None: running, or it ended without a farewell (power cut, kill)
    persona: str
    software_version: str
    sample_rate_hz: int
    ending: str | None = None  #: "done", "failed", RELOAD; None: running, no farewell, or older than this column
    continues: int | None = None  #: the session that this one goes on with
    owner: str | None = None  #: the process that writes it (`device.session.owner`); None once it has ended


@dataclass(frozen=True, slots=True)
class StoredTurn:
    """A turn as it is in the record; `finished` is None when the session ended before the answer did."""

    committed: TurnCommitted
    finished: TurnFinished | None


@dataclass(frozen=True, slots=True)
class StoredTrace:
    """The trace of a turn as it is in the record."""

    session_id: int
    number: int
    marks: str  #: JSON


@dataclass(frozen=True, slots=True)
class StoredEvent:
    """An entry of the log as it is in the record."""

    seq: int  #: counted from 1 in its session: this is the order
    at: str
    sample: int | None
    turn: int
    type: str
    content: dict[str, Any]


@dataclass(frozen=True, slots=True)
class StoredCall:
    """A call as it is in the record."""

    turn: int
    index: int
    skill: str
    arguments: dict[str, Any]
    read_only: bool
    aside: bool
    status: Literal["done", "failed", "unknown"] | None  #: None: begun, and no more is known
    say: str
    data: str
    error: str
    told: bool
