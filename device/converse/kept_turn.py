"""A turn as it was kept: its sound, what was made of it, and the conversation before it.

    kept = kept_turn(SessionStore.existing(settings.session.database), "last")      # or "7", or "12/7"
    kept.pcm, kept.committed.user_text, kept.before.messages

The sound is there only if `retention.audio` said so when the turn was spoken.
"""

import re
from dataclasses import dataclass
from pathlib import Path

from device.audio.files import load_audio
from device.errors import NearfieldError, UsageError
from device.session.records import StoredCall, StoredSession, TurnCommitted, TurnFinished
from device.session.resumption import Unfinished, before_turn
from device.session.store import SessionStore
from device.session.turn_audio import audio_folder, kept_audio
from device.telemetry.turn_trace import TurnTrace
from models.protocols import Int16s

LAST = "last"
_WHICH = re.compile(r"(?:(\d{1,9})/)?(\d{1,9})")


class NotKeptError(NearfieldError):
    """There is nothing to run again."""


@dataclass(frozen=True, slots=True)
class KeptTurn:
    """What the record and the folder beside it have of one turn."""

    session: StoredSession
    committed: TurnCommitted
    finished: TurnFinished | None  #: None: the session ended before the answer did
    calls: tuple[StoredCall, ...]  #: what was done in it
    trace: TurnTrace | None  #: None: none was written, or it cannot be read
    before: Unfinished  #: the conversation before it
    pcm: Int16s  #: (n,) int16, 16 kHz: the microphone, echo and all, from the pre-roll to the commit
    held: tuple[int, int] | None  #: where in `pcm` the talk button went down and came up; None: it ended otherwise


def kept_turn(store: SessionStore, which: str) -> KeptTurn:
    """`which`: "last" (the newest that has its sound), a turn of the newest session, or SESSION/TURN.

    Raises UsageError: no such session or turn; NotKeptError: it has no sound; SessionError, AudioFileError.
    """
    folder = audio_folder(store.path)
    session, number = _named(store, folder, which)
    turn = next((each for each in store.turns(session.id) if each.committed.number == number), None)
    if turn is None:
        raise UsageError(
            f"session {session.id} has no turn {number}", hint=f"'nearfield sessions show {session.id}' lists them"
        )
    if turn.committed.commit_reason == "typed":
        raise NotKeptError(f"turn {number} of session {session.id} was typed: there is no sound to run again")
    path = next((file for _, kept, file in kept_audio(folder, session.id) if kept == number), None)
    if path is None:
        raise NotKeptError(f"the sound of turn {number} of session {session.id} was not kept", hint=_how(folder))
    pcm, trace = load_audio(path), _trace(store, session.id, number)
    return KeptTurn(
        session=session,
        committed=turn.committed,
        finished=turn.finished,
        calls=tuple(call for call in store.calls(session.id) if call.turn == number),
        trace=trace,
        before=before_turn(store, session, number),
        pcm=pcm,
        held=_held(turn.committed, trace, len(pcm)),
    )


def _held(committed: TurnCommitted, trace: TurnTrace | None, samples: int) -> tuple[int, int] | None:
    """What is kept ends with the commit; the button came up before that, while the transcript was still awaited.

    Only the trace knows when. The turn of a button begins where it went down.
    """
    if committed.commit_reason != "release":
        return None
    first = committed.commit_sample - samples
    ups = [mark.sample for mark in trace.marks if mark.name == "speech_end"] if trace is not None else []
    down, up = committed.speech_start_sample or first, ups[-1] if ups else committed.commit_sample
    press = min(max(down - first, 0), samples)
    return press, min(max(up - first, press), samples)


def _named(store: SessionStore, folder: Path, which: str) -> tuple[StoredSession, int]:
    if which == LAST:
        there = kept_audio(folder)
        if not there:
            raise NotKeptError(f"no turn's sound has been kept beside {store.path}", hint=_how(folder))
        session_id, number, _ = there[-1]
        return _session(store, session_id), number
    match = _WHICH.fullmatch(which)
    if match is None:
        raise UsageError(f"{which!r} names no turn", hint="'last', a turn of the newest session, or SESSION/TURN: 12/7")
    if match[1] is not None:
        return _session(store, int(match[1])), int(match[2])
    newest = store.latest()
    if newest is None:
        raise NotKeptError(f"nobody has talked to it yet, by {store.path}", hint="'nearfield run' begins")
    return newest, int(match[2])


def _session(store: SessionStore, session_id: int) -> StoredSession:
    session = store.session(session_id)
    if session is None:
        raise UsageError(f"there is no session {session_id} in {store.path}", hint="'nearfield sessions list' has them")
    return session


def _how(folder: Path) -> str:
    """What to set, and which turns there are instead."""
    there = [f"{session}/{turn}" for session, turn, _ in kept_audio(folder)]
    if there:
        shown = ", ".join(there[-5:])
        return f"there is {shown}; 'audio' under [retention] says of how many turns it is kept"
    return "set 'audio = 20' under [retention] in the configuration: from then on that of the last 20 turns is kept"


def _trace(store: SessionStore, session_id: int, number: int) -> TurnTrace | None:
    for stored in store.traces(session_id):
        if stored.number == number:
            try:
                return TurnTrace.from_json(session_id, number, stored.marks)
            except ValueError:
                return None
    return None
