"""The record of what was said and done: `store` opens it, `recorder` writes it, `records` are its values.

with SessionStore.open(path).begin("assistant") as recorder:
    recorder.commit_turn(TurnCommitted(...))
"""

from device.session.recorder import SessionRecorder
from device.session.records import (
    StoredCall,
    StoredEvent,
    StoredSession,
    StoredTrace,
    StoredTurn,
    TurnCommitted,
    TurnFinished,
    TurnTraced,
)
from device.session.store import SessionStore

__all__ = [
    "SessionRecorder",
    "SessionStore",
    "StoredCall",
    "StoredEvent",
    "StoredSession",
    "StoredTrace",
    "StoredTurn",
    "TurnCommitted",
    "TurnFinished",
    "TurnTraced",
]
