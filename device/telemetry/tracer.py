"""Collects the marks of the turns in hand while they happen.

    tracer = Tracer()
    for event in events:
        for number, marks in tracer.on_event(event): ...  # a turn is over

Sans-IO. All that is done while people talk is to append to lists; what the marks mean is worked out by who reads them
(`turn_trace`). Bounded: in marks a turn and in turns at a time.
"""

from dataclasses import dataclass, field

from device.dialogue import events as ev
from device.telemetry.marks import TraceMark, mark_of

MAX_OPEN_TURNS = 4  #: one speaking, one fallen silent, one being said; a turn that never ends gives way to newer ones
MAX_MARKS = 600  #: a turn of two minutes with three partials a second has 400
_KEPT_FREE = 100  # for marks that do not come by the dozen: a commit must not be lost to partials

_BY_THE_DOZEN = frozenset(
    ("partial", "end_point", "supposed", "discarded", "llm_first_token", "opening", "clause", "tts_first_audio")
)


@dataclass(frozen=True, slots=True)
class TracedTurn:
    """The marks of one committed turn, in the order in which they were told."""

    number: int
    marks: tuple[TraceMark, ...]
    lost: int = 0  #: marks that there was no room for


@dataclass(slots=True)
class _Open:
    marks: list[TraceMark] = field(default_factory=list)
    lost: int = 0
    committed: bool = False

    def add(self, mark: TraceMark) -> None:
        room = MAX_MARKS - (_KEPT_FREE if mark.name in _BY_THE_DOZEN else 0)
        if len(self.marks) < room:
            self.marks.append(mark)
        else:
            self.lost += 1


class Tracer:
    """One session. Not thread-safe: fed from the thread of the conversation."""

    def __init__(self) -> None:
        self._open: dict[int, _Open] = {}  # by turn number, oldest first
        self._degraded: TraceMark | None = None

    def on_event(self, event: ev.Event) -> list[TracedTurn]:
        """Takes what happened; returns the committed turns that are over with it, nearly always none."""
        mark = mark_of(event)
        if mark is None:
            return []
        if isinstance(event, ev.Degraded):
            self._degraded = mark if event.level else None
        if isinstance(event, ev.Degraded | ev.CardLost | ev.CardBack):  # concerns whatever is going on
            for each in self._open.values():
                each.add(mark)
            return []
        if event.turn < 1:  # a greeting, an apology
            return []
        return self._add(event, mark)

    def _add(self, event: ev.Event, mark: TraceMark) -> list[TracedTurn]:
        number = event.turn
        turn = self._open.get(number)
        over: list[TracedTurn] = []
        if isinstance(event, ev.SpeechStart) and (turn is None or not turn.committed):
            # what had this number before came to nothing
            self._open.pop(number, None)
            over = self._make_room()
            turn = self._open[number] = _Open()
            if self._degraded is not None:
                turn.add(self._degraded)
        if turn is None:  # is over, or never began
            return []
        turn.add(mark)
        if isinstance(event, ev.Commit):
            turn.committed = True
        if isinstance(event, ev.PlayoutEnd | ev.Interrupted):
            del self._open[number]
            over += _closed(number, turn)
        return over

    def _make_room(self) -> list[TracedTurn]:
        out: list[TracedTurn] = []
        while len(self._open) >= MAX_OPEN_TURNS:
            oldest = next(iter(self._open))
            out += _closed(oldest, self._open.pop(oldest))
        return out


def _closed(number: int, turn: _Open) -> list[TracedTurn]:
    return [TracedTurn(number, tuple(turn.marks), turn.lost)] if turn.committed else []
