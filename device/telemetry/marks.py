"""What a trace is made of: what happened in a turn and when, without a word of what was said.

    mark = mark_of(event)  # None: nothing that a trace needs
    text = marks_to_json([mark]); marks = marks_from_json(text)

A mark is an event less its text: words are counted, never kept. The text is in the session record, under the same
session and turn; a trace may be shown to somebody who should not read along.
"""

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields

from device.dialogue import events as ev

FORMAT = 1  #: of the JSON form
Value = int | float | str | bool | None

_LEFT_OUT = (
    ev.StateChange,
    ev.Mute,
    ev.MicTrouble,
    ev.Wake,
    ev.WakeTimeout,
    ev.Spoken,
)  # follow from other marks, or concern no turn
# what the program itself says; every other text of an event is somebody's words, or may hold some
_LABELS = ("verdict", "wording", "reason", "stage", "without", "skill", "status", "answer", "control")
_LABEL_CHARS = 32  # a label that is longer is no label


@dataclass(frozen=True, slots=True)
class TraceMark:
    """`name` is the type of the event (docs/converse.md), `sample` when it was, on the capture clock at 16 kHz."""

    name: str
    sample: int
    data: dict[str, Value] = field(default_factory=dict)

    def number(self, key: str) -> float | None:
        """The finite number under `key`; None when there is none."""
        value = self.data.get(key)
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            return None
        return float(value)


def mark_of(event: ev.Event) -> TraceMark | None:
    """The event without its words; None for one that a trace does not need."""
    return None if isinstance(event, _LEFT_OUT) else TraceMark(event.type, event.sample, _data(event))


def marks_of(events: Iterable[ev.Event]) -> list[TraceMark]:
    """The marks of all events, in their order."""
    return [mark for mark in map(mark_of, events) if mark is not None]


def _data(event: ev.Event) -> dict[str, Value]:
    out: dict[str, Value] = {}
    for each in fields(event):
        value = getattr(event, each.name)
        if each.name in ("sample", "turn"):
            continue
        if each.name.endswith("_sample"):
            out[each.name.removesuffix("_sample")] = value
        elif each.name in _LABELS:
            out[each.name] = ", ".join(map(str, value)) if isinstance(value, tuple) else str(value)[:_LABEL_CHARS]
        elif isinstance(value, Mapping):  # arguments of a skill: words too
            out[each.name] = len(value)
        elif isinstance(value, str):
            out["words" if each.name == "text" else each.name] = _words(value)
        else:
            out[each.name] = value
    return out


def _words(text: str) -> int:
    return len(text.split())


def marks_to_json(marks: Iterable[TraceMark], lost: int = 0) -> str:
    """One line; `lost`: how many more there were."""
    rows = [[mark.name, mark.sample, mark.data] if mark.data else [mark.name, mark.sample] for mark in marks]
    return json.dumps({"format": FORMAT, "lost": lost, "marks": rows}, ensure_ascii=False, separators=(",", ":"))


def marks_from_json(text: str) -> list[TraceMark]:
    """Raises ValueError for text that `marks_to_json` of this format did not write."""
    try:
        table = json.loads(text)
        if table["format"] != FORMAT:
            raise ValueError(f"traces of format {table['format']} are not known here")
        return [_mark(row) for row in table["marks"]]
    except (TypeError, KeyError, AttributeError, RecursionError) as error:
        raise ValueError(f"this is not a trace: {error!r}") from error


def _mark(row: list[object]) -> TraceMark:
    name, sample, data = (*row, {})[:3]
    if not isinstance(name, str) or not isinstance(sample, int) or not isinstance(data, dict):
        raise TypeError(row)
    return TraceMark(name, sample, data)
