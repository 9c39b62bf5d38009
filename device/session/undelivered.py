"""What sessions that broke off left behind: calls without an end, and results that nobody has heard.

    settle(connection, new_session)       # within the transaction that begins it
    Journal(recorder).undelivered()       # [Undelivered(turn=0, index=0, say="Timer set for 5 minutes.")]

A call that was begun and has no end may have been done: it is "unknown" for good, and not made again. That is told
once, as is what was promised, and what an answer would have said that was cut off before a word of it was heard. The
new session's log has a number for each (`left_over`), by which `events.Told(turn=0, index)` names it; it waits for that
through as many crashes as it takes. A session that ended in order leaves only what was promised. One whose process is
still running is left alone.
"""

import sqlite3
from typing import Any

from device.dialogue.deeds import Undelivered
from device.session.owner import alive
from device.session.records import CallFinished
from device.session.rows import json_of, left_over, log, object_of, utc_now, written

#: Nobody listens to more; the newest count.
MOST = 10

UNSURE = 'I was cut off. I am not sure whether this was done: "{what}".'
UNANSWERED = 'I was cut off before I knew this: "{what}".'

_CUT_OFF = """
SELECT c.session, c.turn, c.number, c.skill, c.read_only, c.aside, t.user_text, s.owner
FROM call c JOIN session s ON s.id = c.session LEFT JOIN turn t ON t.session = c.session AND t.number = c.turn
WHERE c.told = 0 AND c.status IS NULL AND c.session <> ?
ORDER BY c.session, c.turn, c.number"""

_UNDELIVERED = """
SELECT c.session, c.turn, c.number, s.owner
FROM call c JOIN session s ON s.id = c.session LEFT JOIN turn t ON t.session = c.session AND t.number = c.turn
WHERE c.told = 0 AND c.status IS NOT NULL AND c.say <> '' AND c.session <> ?
  AND (c.aside = 1 OR c.error = 'cut off'
       OR (c.read_only = 0 AND coalesce(s.ending, '') <> 'done'  -- the answer that would have told it was cut off
           AND coalesce(t.reply_heard, '') = ''
           AND c.turn = (SELECT max(number) FROM turn WHERE session = c.session)))
ORDER BY c.session, c.turn, c.number"""


def settle(connection: sqlite3.Connection, session: int) -> None:
    """What is known of calls that broke off is written down, and what `session` has to tell. Raises sqlite3.Error."""
    for broken, turn, index, skill, read_only, aside, said, owner in connection.execute(
        _CUT_OFF, (session,)
    ).fetchall():
        if alive(owner):
            continue
        what = _question(connection, broken, turn, skill) or said or skill.replace("_", " ")
        say = "" if read_only and not aside else (UNANSWERED if read_only else UNSURE).format(what=what)
        end = CallFinished(utc_now(), turn, index, "unknown", say, "", "cut off")
        written(connection, broken, end)
    waiting = [row[:3] for row in connection.execute(_UNDELIVERED, (session,)).fetchall() if not alive(row[3])]
    for name in waiting[:-MOST]:  # given up
        connection.execute("UPDATE call SET told = 1 WHERE session = ? AND turn = ? AND number = ?", name)
    for number, name in enumerate(waiting[-MOST:]):
        content = json_of({"index": number, "from": list(name)})
        log(connection, session, utc_now(), None, 0, "left_over", content)


def undelivered(connection: sqlite3.Connection, session: int) -> list[Undelivered]:
    """What sessions before `session` have not told, oldest first. Raises sqlite3.Error."""
    out = []
    for number, name in left_over(connection, session).items():
        row = connection.execute(
            "SELECT say FROM call WHERE session = ? AND turn = ? AND number = ? AND told = 0", name
        ).fetchone()
        if row is not None:
            out.append(Undelivered(0, number, row[0]))
    return out


def _question(connection: sqlite3.Connection, session: int, turn: int, skill: str) -> str:
    """What was asked before the call, if its turn is but the yes to it; else ""."""
    rows = connection.execute(
        "SELECT turn, type, json FROM event WHERE session = ? AND type IN ('asked', 'settled') AND turn <= ?"
        " ORDER BY seq DESC LIMIT 20",
        (session, turn),
    ).fetchall()
    asked_in: set[Any] = set()
    for at_turn, kind, text in rows:
        content = object_of(text)
        if kind == "settled" and at_turn == turn and content.get("answer") == "yes":
            asked_in.add(content.get("asked_turn"))
        elif kind == "asked" and at_turn in asked_in and content.get("skill") == skill:
            return str(content.get("question", ""))
    return ""
