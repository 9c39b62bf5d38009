"""What `nearfield top` knows, from what the control socket tells. Sans-IO.

    overview = Overview()
    overview.on_item({"ok": True, "state": "idle", ...})       # replies: the status
    overview.on_item({"type": "partial", ...})                 # news
    overview.state, overview.hearing, overview.trace

Nothing that arrives is trusted to have a form: what does not fit is left out.
"""

from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any

from device.telemetry.published import published_trace
from device.telemetry.turn_trace import TurnTrace

QUIETEST_DB = -90.0
MOST_TURNS = 50
MOST_UNANSWERED = 5  #: a status a second: then it hangs
_WRITTEN_TURNS = 4
MOST = 1e15  #: of a number that is shown


def number(value: object) -> float | None:
    """None: it is none, or beyond all measure."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not -MOST < value < MOST:
        return None
    return float(value)


def text(value: object) -> str:
    """On one line, without control characters; "" for what is no text."""
    if not isinstance(value, str):
        return ""
    return "".join(c if c.isprintable() else " " for c in " ".join(value.split()))


def table(value: object) -> Mapping[str, Any]:
    """An empty one for what is none."""
    return value if isinstance(value, Mapping) else {}


def rows(value: object) -> Sequence[Mapping[str, Any]]:
    """The tables of a list; none for what is no list."""
    return [row for row in value if isinstance(row, Mapping)] if isinstance(value, list) else []


class Overview:
    """For one thread."""

    def __init__(self) -> None:
        self.status: dict[str, Any] = {}
        self.connected = False
        self.notice = ""  #: what is to be said of the connection, or of a wish that was refused
        self.restarts = 0
        self.state = ""
        self.muted = False
        self.mic_db = self.far_db = QUIETEST_DB
        self.hearing = ("", "")  #: stable, unstable
        self.saying = ("", "")  #: the answer, what of it was heard
        self._saying_turn: float | None = None
        self._written: dict[float, str] = {}  # by turn: clauses come before it is certain that they will be said
        self._unanswered = 0
        self.traces: deque[TurnTrace] = deque(maxlen=MOST_TURNS)  #: of turns that ended since, newest last

    @property
    def trace(self) -> TurnTrace | None:
        """Of the last turn; None: none has ended since it is looked at."""
        return self.traces[-1] if self.traces else None

    @property
    def hangs(self) -> bool:
        """It is there and does not answer: what is known of it is old, and nothing more need be asked."""
        return self.connected and self._unanswered >= MOST_UNANSWERED

    def on_asked(self) -> None:
        """A question was sent."""
        self._unanswered += 1

    def on_connected(self) -> None:
        self.connected = True
        self.notice = ""
        self._unanswered = 0

    def on_gone(self, when: str) -> None:
        """The other end has gone; `when`: a time of day."""
        if self.connected:
            self.notice = f"it ended at {when}; waiting for it to come back"
        self.connected = False
        self.state = ""
        self.mic_db = self.far_db = QUIETEST_DB

    def on_item(self, item: Mapping[str, Any]) -> None:
        """Whatever arrives."""
        if "ok" in item:
            self._on_reply(item)
            return
        match item.get("type"):
            case "levels":
                self.mic_db = _level(item.get("mic_db"))
                self.far_db = _level(item.get("far_db"))
            case "state":
                self.state = text(item.get("state"))
            case "mute":
                self.muted = item.get("muted") is True
            case "volume":
                self.status["volume_percent"] = item.get("percent")
            case "trace":
                self.notice = ""  # whatever it was, there was a turn since
                self._on_trace(item)
            case _:
                self._on_words(item)

    def _on_reply(self, reply: Mapping[str, Any]) -> None:
        self._unanswered = 0
        if reply.get("ok") is not True:
            self.notice = text(reply.get("error")) or "it was refused"
            return
        before, session = self.status.get("session"), reply.get("session")
        if before is not None and session is not None and session != before:
            self.restarts += 1
            self.traces.clear()
            self.notice = f"it was started anew: session {session}"
        if "last_turns" in reply:
            self.traces.clear()
        for each in rows(reply.get("last_turns")):
            self._on_trace(each)
        self.status.update({key: value for key, value in reply.items() if key != "last_turns"})
        if "muted" in reply:
            self.muted = reply["muted"] is True
        if "state" in reply:
            self.state = text(reply["state"])
        if "hearing" in reply and "saying" in reply:
            hearing, saying = table(reply["hearing"]), table(reply["saying"])
            self.hearing = text(hearing.get("stable")), text(hearing.get("unstable"))
            self.saying = text(saying.get("text")), text(saying.get("heard"))

    def _on_trace(self, item: Mapping[str, Any]) -> None:
        try:
            self.traces.append(published_trace(item))
        except ValueError:  # of a version that writes them in another way
            self.notice = "the last turn came in a form that is not known here"

    def _on_words(self, item: Mapping[str, Any]) -> None:
        said = text(item.get("text"))
        match item.get("type"):
            case "speech_start":
                self.hearing = ("", "")
            case "partial":
                stable = text(item.get("stable"))
                self.hearing = stable, said.removeprefix(stable).strip()
            case "commit":
                self.hearing = said, ""
                self._speak(number(item.get("turn")) or 0.0)
            case "clause":
                self._on_clause(number(item.get("turn")) or 0.0, said, first=not number(item.get("index")))
            case "playout_start" | "resumed" if (turn := number(item.get("turn")) or 0.0) != self._saying_turn:
                self._speak(turn)  # an announcement, which no commit came before
            case "spoken" | "playout_end" | "interrupted":
                self.saying = self.saying[0], text(item.get("heard"))
            case "error":
                last = dict(table(self.status.get("last")))
                last["error"] = f"{text(item.get('stage'))}: {text(item.get('message'))}"
                self.status["last"] = last
            case _:
                pass

    def _on_clause(self, turn: float, said: str, *, first: bool) -> None:
        before = self._written.pop(turn, "")
        self._written[turn] = said if first else f"{before} {said}".strip()
        while len(self._written) > _WRITTEN_TURNS:
            del self._written[next(iter(self._written))]
        if turn == self._saying_turn:
            written, heard = self._written[turn], self.saying[1]
            self.saying = written, heard if written.startswith(heard) else ""

    def _speak(self, turn: float) -> None:
        """From here on it is the answer of `turn` that is being said."""
        self._saying_turn = turn
        self.saying = self._written.get(turn, ""), ""


def _level(value: object) -> float:
    level = number(value)
    return QUIETEST_DB if level is None else min(max(level, QUIETEST_DB), 0.0)
