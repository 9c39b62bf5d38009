"""What the runner needs of a journal of calls, and one that keeps it in memory only.

    journal = MemoryJournal()
    journal.begin_call(call, read_only=False)   # None: carry it out

`device.session.journal` writes the real one; this one is for tests and for `nearfield skills try`.
"""

import json
from collections.abc import Mapping
from typing import Any, Protocol

from device.dialogue.deeds import Call, Outcome
from device.skills.skill import SkillError, State


class Journal(Protocol):
    """Knows which calls were carried out. What it has written survives a power cut."""

    def begin_call(self, call: Call, read_only: bool = False, aside: bool = False) -> Outcome | None:
        """None: carry it out now, it is written that it has begun. An Outcome: it was, or may have been, before.

        `aside`: what comes of it is to be told later.
        """
        ...

    def end_call(self, call: Call, outcome: Outcome) -> None:
        """Write what came of it."""
        ...

    def state(self, group: str) -> State:
        """What the skills of `group` keep."""
        ...


class MemoryJournal:
    """Forgets everything at the end of the process."""

    def __init__(self) -> None:
        self._calls: dict[tuple[int, int], Outcome | None] = {}
        self._states: dict[str, MemoryState] = {}

    def begin_call(self, call: Call, read_only: bool = False, aside: bool = False) -> Outcome | None:  # noqa: ARG002
        key = (call.turn, call.index)
        if key not in self._calls:
            self._calls[key] = None
            return None
        ended = self._calls[key]
        if ended is None and not read_only:
            return Outcome("unknown", error="it was begun before, and has not ended")
        return ended

    def end_call(self, call: Call, outcome: Outcome) -> None:
        self._calls[call.turn, call.index] = outcome

    def state(self, group: str) -> State:
        return self._states.setdefault(group, MemoryState())


class MemoryState:
    """`State` in memory; values are kept as JSON, as the real one keeps them."""

    def __init__(self) -> None:
        self._values: dict[str, str] = {}

    def get(self, name: str) -> Any:
        return json.loads(self._values[name]) if name in self._values else None

    def put(self, name: str, value: Any) -> None:
        if value is None:
            self._values.pop(name, None)
            return
        try:
            self._values[name] = json.dumps(value, allow_nan=False)
        except (TypeError, ValueError) as error:
            raise SkillError(f"I cannot keep that: {error}") from None

    def all(self) -> Mapping[str, Any]:
        return {name: json.loads(self._values[name]) for name in sorted(self._values)}
