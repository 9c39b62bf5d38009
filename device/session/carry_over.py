"""What sessions that broke off still have to tell, taken over by the next one.

    carry_over(connection, new_session)      # within the transaction that begins it
    Journal(recorder).untold()               # [Untold(turn=0, index=0, say="Timer set for 5 minutes.")]

A call that was begun and has no end may have been done: it is "unknown" for good, and not made again. What came of it,
and every result that nobody heard, is a call of the new session with turn 0, so that it is kept until it is `Told`
there, and is carried over again if that one breaks off too. What ended in order has nothing to tell but what was
promised. A session whose process is still running is left alone.
"""

import sqlite3
from typing import Any

from device.session.owner import alive
from device.session.rows import json_of, log, object_of, utc_now

#: Nobody listens to more; the newest count.
MAX_UNTOLD = 10

UNSURE = 'I was cut off. I am not sure whether this was done: "{what}".'
UNANSWERED = 'I was cut off before I knew this: "{what}".'

_UNTOLD = """
SELECT c.session, c.turn, c.number, c.skill, c.arguments, c.read_only, c.aside, c.status, c.say, c.data, c.error,
       t.user_text, s.owner
FROM call c JOIN session s ON s.id = c.session LEFT JOIN turn t ON t.session = c.session AND t.number = c.turn
WHERE c.session < ? AND c.told = 0
  AND (c.turn = 0 OR c.aside = 1  -- promised, or carried over already
       OR (c.status IS NULL AND c.read_only = 0)  -- cut off: it may have been done
       OR (c.read_only = 0 AND s.ending IS NOT 'done'  -- the answer that would have told it was cut off
           AND c.turn = (SELECT max(number) FROM turn WHERE session = c.session) AND coalesce(t.reply_heard, '') = ''))
ORDER BY c.session DESC, c.turn DESC, c.number DESC"""


def carry_over(connection: sqlite3.Connection, session: int) -> None:
    """Give `session` what earlier ones have not told. Within a transaction. Raises sqlite3.Error."""
    rows = [row for row in connection.execute(_UNTOLD, (session,)).fetchall() if not alive(row[-1])]
    now = utc_now()
    kept = rows[:MAX_UNTOLD][::-1]
    for index, row in enumerate(kept):
        _session, turn, _number, skill, arguments, read_only, _aside, status, say, data, error, said, _owner = row
        if status is None:
            status, error = "unknown", "cut off"
            what = _question(connection, row[0], turn, skill) or said or skill.replace("_", " ")
            say = (UNANSWERED if read_only else UNSURE).format(what=what)
        if not say:
            continue
        connection.execute(
            "INSERT INTO call (session, turn, number, skill, arguments, read_only, aside, status, say, data, error)"
            " VALUES (?, 0, ?, ?, ?, ?, 1, ?, ?, ?, ?)",
            (session, index, skill, arguments, read_only, status, say, data, error),
        )
        content = {"index": index, "skill": skill, "status": status, "say": say, "from": [row[0], turn, row[2]]}
        log(connection, session, now, None, 0, "carried_over", json_of(content))
    for row in rows:  # what there was no room for is given up
        connection.execute(
            "UPDATE call SET told = 1, status = coalesce(status, 'unknown') WHERE session = ? AND turn = ?"
            " AND number = ?",
            (row[0], row[1], row[2]),
        )


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
