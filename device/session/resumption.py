"""Goes on with a conversation that broke off.

    broken = unfinished(store, "assistant", within_s=600)
    if broken: store.begin("assistant", continues=broken.session_id); Conversation(policy, prompt, broken.messages)

A conversation broke off when its session ended without a farewell (power cut, kill), with a failure or to begin anew
(reload), and nothing came after it. One that was cut off before anything came of it, as while the sound card was waited
for, is none. What is told again is what history would have held: the user's words, and of the
answers what was heard. A question that waited for its yes waits again: it is to be asked anew, for nobody knows whether
it was heard. Results that nobody heard are `Journal.undelivered`, whether the conversation goes on or not.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from device.session.owner import alive
from device.session.records import RELOAD, StoredEvent, StoredSession, StoredTurn
from device.session.store import LONG_AGO, SessionStore, moment_of
from models.protocols import Message

#: More than any context holds; the newest count.
MAX_TURNS = 40
#: A conversation that broke off again and again: further back nothing is looked for.
MAX_SESSIONS = 20


@dataclass(frozen=True, slots=True)
class PendingQuestion:
    """A skill waits for a clear yes (`events.Asked` without its `Settled`)."""

    turn: int  #: in which it was asked
    skill: str
    arguments: Mapping[str, Any]
    question: str


@dataclass(frozen=True, slots=True)
class Unfinished:
    """A conversation to go on with."""

    session_id: int
    messages: tuple[Message, ...]  #: "user" and "assistant" in turn, oldest first; may be empty
    question: PendingQuestion | None = None  #: to be asked again


def unfinished(store: SessionStore, persona: str, within_s: float, now: datetime | None = None) -> Unfinished | None:
    """The newest session, if it was with `persona` and broke off not more than `within_s` ago. Raises SessionError.

    `now`: UTC; None: the wall clock. A clock that was set back by less than `within_s` is forgiven: a board without a
    battery forgets the time in a power cut.
    """
    session = store.latest()
    if within_s <= 0 or session is None or session.persona != persona:
        return None
    if session.ended_at is not None and session.ending not in ("failed", RELOAD):
        return None
    if session.ended_at is None and alive(session.owner):  # it is going on, elsewhere
        return None
    turns = store.turns(session.id)
    if session.ended_at is None and not turns and not _has_matter(store, session):
        return None
    age_s = ((now or datetime.now(UTC)) - _last_sign(session, turns)).total_seconds()
    if abs(age_s) > within_s:
        return None
    question, settled = _question(store, session.id)
    turns, earlier = _with_earlier(store, session, turns)
    for each in earlier:
        if question is None and not settled:
            question, settled = _question(store, each.id)
    return Unfinished(session.id, tuple(_messages(turns[-MAX_TURNS:])), question)


def before_turn(store: SessionStore, session: StoredSession, number: int) -> Unfinished:
    """The conversation as it stood when turn `number` of `session` began. Raises SessionError."""
    turns = [turn for turn in store.turns(session.id) if turn.committed.number < number]
    turns, _ = _with_earlier(store, session, turns)
    newest = None
    for event in store.events(session.id):
        if event.type in ("asked", "settled") and event.turn < number:
            newest = event
    question = _pending(newest) if newest is not None and newest.type == "asked" else None
    return Unfinished(session.id, tuple(_messages(turns[-MAX_TURNS:])), question)


def _has_matter(store: SessionStore, session: StoredSession) -> bool:
    """Has a session without a turn something to go on with all the same: what came before it, what is still to be
    told, a question?"""
    if session.continues is not None:
        return True
    return store.newest_event(session.id, "left_over", "asked", "settled") is not None


def _with_earlier(
    store: SessionStore, session: StoredSession, turns: list[StoredTurn]
) -> tuple[list[StoredTurn], list[StoredSession]]:
    """`turns` of `session` behind those of the sessions that it goes on with, which come too, the newest first."""
    earlier: list[StoredSession] = []
    first = session
    for _ in range(MAX_SESSIONS):
        before = store.session(first.continues) if first.continues is not None else None
        if before is None or before.id >= first.id or len(turns) >= MAX_TURNS:
            break
        turns = store.turns(before.id) + turns
        earlier.append(before)
        first = before
    return turns, earlier


def _question(store: SessionStore, session_id: int) -> tuple[PendingQuestion | None, bool]:
    """The question that waits at the end of a session; else None, and whether there was one that is settled."""
    event = store.newest_event(session_id, "asked", "settled")
    if event is None:
        return None, False
    question = _pending(event) if event.type == "asked" else None
    return question, question is None


def _pending(event: StoredEvent) -> PendingQuestion | None:
    """None: it is damaged, and what is not known for certain is not asked for."""
    skill, arguments, question = (event.content.get(name) for name in ("skill", "arguments", "question"))
    if isinstance(skill, str) and isinstance(arguments, dict) and isinstance(question, str):
        return PendingQuestion(event.turn, skill, arguments, question)
    return None


def _last_sign(session: StoredSession, turns: list[StoredTurn]) -> datetime:
    """When it ended, else when the last thing in it was said; `LONG_AGO` where that is damaged."""
    if session.ended_at is not None:
        return moment_of(session.ended_at)
    last = 0
    for turn in turns:
        last = max(last, turn.committed.commit_sample)
        if turn.finished is not None and turn.finished.playout_end_sample is not None:
            last = max(last, turn.finished.playout_end_sample)
    try:
        return moment_of(session.started_at) + timedelta(seconds=last / session.sample_rate_hz)
    except (OverflowError, ZeroDivisionError):
        return LONG_AGO


def _messages(turns: list[StoredTurn]) -> list[Message]:
    out: list[Message] = []
    for turn in turns:
        out.append(Message("user", turn.committed.user_text))
        if turn.finished is not None and turn.finished.reply_heard:
            out.append(Message("assistant", turn.finished.reply_heard))
    return out
