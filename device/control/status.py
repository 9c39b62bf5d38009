"""How it stands, from the events of the conversation. Sans-IO.

    status = LiveStatus()
    status.on_event(event)
    status.to_json()["state"]        # "listening"

One dict, for a page, a terminal and `nearfield ctl status` alike. It holds words that were said (`hearing`, `saying`,
`last`): whoever may not see them gets `to_json(words=False)`.
"""

from collections import deque
from typing import Any

from device.dialogue import events as ev
from device.telemetry.percentiles import stage_percentiles
from device.telemetry.tracer import Tracer
from device.telemetry.turn_trace import TurnTrace

#: Of so many turns are the percentiles.
TURNS = 100
_WRITTEN_TURNS = 4


class LiveStatus:
    """For one thread."""

    def __init__(self, session: int = 0) -> None:
        self._session = session
        self._tracer = Tracer()
        self.traces: deque[TurnTrace] = deque(maxlen=TURNS)  #: of finished turns, newest last
        self.state = "idle"
        self.turn = 0
        self.turns = 0  #: committed
        self.failures = 0
        self.muted = False
        self.ringing: str | None = None
        self.degraded = 0
        self.trouble: dict[str, str] = {}  #: what is wrong now: "card", "microphone", "degraded"
        self._mic_trouble: dict[str, str] = {}  # by kind: a microphone may clip and be a swapped one, and cease to clip
        self._hearing = {"stable": "", "unstable": ""}
        self._saying = {"text": "", "heard": ""}
        self._saying_turn = -1
        self._written: dict[int, str] = {}  # by turn: clauses may come before it is certain that they will be said
        self._last = {"heard": "", "said": "", "error": ""}

    def on_event(self, event: ev.Event) -> list[TurnTrace]:
        """Every event, in order; returns the traces of the turns that are over with it, nearly always none."""
        self.turn = max(self.turn, event.turn)
        match event:
            case ev.StateChange(state=state):
                self.state = state
            case ev.Mute(muted=muted):
                self.muted = muted
            case ev.SpeechStart():
                self._hearing = {"stable": "", "unstable": ""}
            case ev.Partial(text=text, stable=stable):
                self._hearing = {"stable": stable, "unstable": text.removeprefix(stable)}
            case ev.Commit(text=text):
                self.turns += 1
                self._hearing = {"stable": text, "unstable": ""}
                self._speak(event.turn)
                self._last["heard"] = text
            case ev.RingStart(text=text):
                self.ringing = text
            case ev.RingEnd():
                self.ringing = None
            case _:
                self._on_answer(event)
                self._on_trouble(event)
        over = [TurnTrace.of(self._session, each.number, each.marks) for each in self._tracer.on_event(event)]
        self.traces.extend(over)
        return over

    def _on_answer(self, event: ev.Event) -> None:
        match event:
            case ev.Clause():
                self._on_clause(event)
            case ev.PlayoutStart(turn=turn) | ev.Resumed(turn=turn) if turn != self._saying_turn:
                self._speak(turn)  # an announcement, which no commit came before
            case ev.Spoken(heard=heard):
                self._saying["heard"] = heard
            case ev.PlayoutEnd(heard=heard) | ev.Interrupted(heard=heard):
                self._saying["heard"] = heard
                self._last["said"] = heard
            case _:
                pass

    def _on_clause(self, clause: ev.Clause) -> None:
        before = self._written.pop(clause.turn, "") if clause.index else ""
        self._written[clause.turn] = f"{before} {clause.text}".strip()
        while len(self._written) > _WRITTEN_TURNS:
            del self._written[next(iter(self._written))]
        if clause.turn == self._saying_turn:
            written, heard = self._written[clause.turn], self._saying["heard"]
            if not written.startswith(heard):  # it is another answer's; else its first words sounded before this
                heard = ""
            self._saying = {"text": written, "heard": heard}

    def _speak(self, turn: int) -> None:
        """From here on it is the answer of `turn` that is being said."""
        self._saying_turn = turn
        self._saying = {"text": self._written.get(turn, ""), "heard": ""}

    def _on_trouble(self, event: ev.Event) -> None:
        match event:
            case ev.CardLost(message=message):
                self.trouble["card"] = message
            case ev.CardBack():
                self.trouble.pop("card", None)
            case ev.MicTrouble():
                self._on_mic_trouble(event)
            case ev.Degraded(level=level, without=without, reason=reason):
                self.degraded = level
                self.trouble.pop("degraded", None)
                if level:
                    self.trouble["degraded"] = f"without {', '.join(without)}: {reason}"
            case ev.Failure(stage=stage, message=message):
                self.failures += 1
                self._last["error"] = f"{stage}: {message}"
            case _:
                pass

    def _on_mic_trouble(self, event: ev.MicTrouble) -> None:
        self._mic_trouble.pop(event.kind, None)
        if not event.over:
            self._mic_trouble[event.kind] = event.message
        self.trouble.pop("microphone", None)
        if self._mic_trouble:
            self.trouble["microphone"] = "; ".join(self._mic_trouble.values())

    def to_json(self, *, words: bool = True) -> dict[str, Any]:
        """A JSON object. `words`: with what was said and heard."""
        out: dict[str, Any] = {
            "session": self._session,
            "state": self.state,
            "muted": self.muted,
            "ringing": self.ringing if words or self.ringing is None else "",
            "turn": self.turn,
            "turns": self.turns,
            "failures": self.failures,
            "degraded": self.degraded,
            "trouble": dict(self.trouble),
            "stages": [each.to_json() for each in stage_percentiles(list(self.traces))],
        }
        if words:
            out |= {"hearing": dict(self._hearing), "saying": dict(self._saying), "last": dict(self._last)}
        return out
