"""Goes on with a conversation that broke off.

    broken = unfinished(store, "assistant", within_s=600)
    if broken: store.begin("assistant", continues=broken.session_id); Conversation(policy, prompt, broken.messages)

A conversation broke off when its session ended without a farewell (power cut, kill) or with a failure, and nothing
came after it. What is told again is what history would have held: the user's words, and of the answers what was heard.
"""

from dataclasses import dataclass
from datetime import UTC, datetime

from device.session.records import StoredSession, StoredTurn
from device.session.store import SessionStore
from models.protocols import Message

#: More than any context holds; the newest count.
MAX_TURNS = 40
#: A conversation that broke off again and again: further back nothing is looked for.
MAX_SESSIONS = 20


@dataclass(frozen=True, slots=True)
class Unfinished:
    """A conversation to go on with."""

    session_id: int
    messages: tuple[Message, ...]  #: "user" and "assistant" in turn, oldest first; may be empty


def unfinished(store: SessionStore, persona: str, within_s: float, now: datetime | None = None) -> Unfinished | None:
    """The newest session, if it was with `persona` and broke off not more than `within_s` ago. Raises SessionError.

    `now`: UTC; None: the wall clock. A clock that was set back by less than `within_s` is forgiven: a board without a
    battery forgets the time in a power cut.
    """
    session = store.latest()
    if within_s <= 0 or session is None or session.persona != persona:
        return None
    if session.ended_at is not None and session.ending != "failed":
        return None
    turns = store.turns(session.id)
    age_s = ((now or datetime.now(UTC)) - _last_sign(session, turns)).total_seconds()
    if abs(age_s) > within_s:
        return None
    first = session
    for _ in range(MAX_SESSIONS):
        earlier = store.session(first.continues) if first.continues is not None else None
        if earlier is None or earlier.id >= first.id or len(turns) >= MAX_TURNS:
            break
        turns = store.turns(earlier.id) + turns
        first = earlier
    return Unfinished(session.id, tuple(_messages(turns[-MAX_TURNS:])))


def _last_sign(session: StoredSession, turns: list[StoredTurn]) -> datetime:
    """When it ended, else when the last thing in it was said."""
    if session.ended_at is not None:
        return datetime.fromisoformat(session.ended_at)
    last = 0
    for turn in turns:
        last = max(last, turn.committed.commit_sample)
        if turn.finished is not None and turn.finished.playout_end_sample is not None:
            last = max(last, turn.finished.playout_end_sample)
    started = datetime.fromisoformat(session.started_at)
    return datetime.fromtimestamp(started.timestamp() + last / session.sample_rate_hz, UTC)


def _messages(turns: list[StoredTurn]) -> list[Message]:
    out: list[Message] = []
    for turn in turns:
        out.append(Message("user", turn.committed.user_text))
        if turn.finished is not None and turn.finished.reply_heard:
            out.append(Message("assistant", turn.finished.reply_heard))
    return out
