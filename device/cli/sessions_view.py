"""Sessions as lines for a terminal.

print_text(list_text(store.sessions(), store.turn_counts(), total, path), end="")
"""

import json
import textwrap
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path

from device.session.owner import alive
from device.session.records import StoredCall, StoredSession, StoredTurn

_LABEL = 11  # columns in front of what was said


def ending(session: StoredSession) -> str:
    """How it ended, in a word."""
    if session.ended_at is None:
        return "running" if alive(session.owner) else "broke off"
    return session.ending or "ended"


def list_text(shown: Sequence[StoredSession], counts: Mapping[int, int], total: int, path: Path) -> str:
    """A line a session, the newest last. All numbers fit 80 columns."""
    lines = [f"{'id':>7}  {'begun':16}  {'turns':>5}  {'ending':9}  persona"]
    for session in shown:
        goes_on = f"  (goes on with {session.continues})" if session.continues is not None else ""
        lines.append(
            f"{session.id:7d}  {_local(session.started_at):16}  {counts.get(session.id, 0):5d}"
            f"  {ending(session):9}  {_short(session.persona, 14)}{goes_on}"
        )
    lines.append(f"{len(shown)} of {total} in {path}" if len(shown) < total else f"in {path}")
    return "\n".join(lines) + "\n"


def session_text(
    session: StoredSession, turns: Sequence[StoredTurn], calls: Sequence[StoredCall], width: int | None
) -> str:
    """What was said and done. `width`: columns, None: lines as long as they are."""
    head = f"Session {session.id}, {_local(session.started_at)}, {session.persona}, {ending(session)}"
    if session.continues is not None:
        head += f", goes on with session {session.continues}"
    out = [head]
    for turn in turns:
        number, done = turn.committed.number, turn.finished
        out += ["", *_lines(f"{number:3d} user", turn.committed.user_text, width)]
        for call in calls:
            if call.turn == number:
                out += _lines("did", _call(call), width)
        if done is None:
            out += _lines("said", "(it broke off before the answer ended)", width)
            continue
        out += _lines("said", done.reply_heard or "(nothing was heard)", width)
        if done.reply_generated != done.reply_heard:
            rest = done.reply_generated.removeprefix(done.reply_heard).strip()
            out += _lines("not heard", rest, width)
        if done.error:
            out += _lines("error", done.error, width)
    if not turns:
        out.append("nothing was said")
    return "\n".join(out) + "\n"


def _call(call: StoredCall) -> str:
    arguments = ", ".join(f"{k}={json.dumps(v, ensure_ascii=False)}" for k, v in call.arguments.items())
    status = call.status or "begun"
    return f"{call.skill}({arguments}): {status}{f' ({call.error})' if call.error else ''}"


def _lines(label: str, text: str, width: int | None) -> list[str]:
    text = " ".join("".join(c if c.isprintable() else " " for c in text).split())  # nobody's words steer a terminal
    if width is None:
        return [f"{label:>{_LABEL - 2}}  {text}"]
    indent = " " * _LABEL
    return textwrap.wrap(
        text or "-", max(width, _LABEL + 20), initial_indent=f"{label:>{_LABEL - 2}}  ", subsequent_indent=indent
    )


def _short(text: str, longest: int) -> str:
    return text if len(text) <= longest else text[: longest - 3] + "..."


def _local(at: str) -> str:
    """In the time zone of the device, to a minute."""
    try:
        return datetime.fromisoformat(at).astimezone().strftime("%Y-%m-%d %H:%M")
    except (ValueError, OverflowError):
        return at[:16]
