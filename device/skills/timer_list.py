"""What is set, as JSON for whoever looks on.

with watch.open() as (book, now): timers_json(book, now)     # [{"kind": "timer", "label": "pasta timer", ...}]
"""

from typing import Any

from device.skills import spoken
from device.skills.timer_records import Now
from device.skills.timers import TimerBook

MOST = 20  #: as many as anybody looks at


def timers_json(book: TimerBook, now: Now) -> list[dict[str, Any]]:
    """The next one first: `kind` timer, alarm or snoozed, `label`, `left_s`, `running`; of a timer `length_s`."""
    out: list[dict[str, Any]] = [
        {
            "kind": "snoozed" if timer.snoozed else "timer",
            "id": timer.id,
            "label": timer.label,
            "left_s": round(timer.left_s(now), 1),
            "length_s": timer.length_s,
            "running": timer.due_s is not None,
        }
        for timer in [*book.timers(now), *book.snoozed(now)]
    ]
    for alarm, at in book.alarms(now):
        said = spoken.clock(book.local(at), book.clock_hours)
        label = f"{alarm.name or said} alarm"
        left_s = round(max(0.0, at - now.wall_s), 1)
        out.append(
            {"kind": "alarm", "id": alarm.id, "label": label, "left_s": left_s, "length_s": 0.0, "running": True}
        )
    return sorted(out, key=lambda each: (not each["running"], each["left_s"], each["id"]))[:MOST]
