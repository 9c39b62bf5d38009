"""Writes a conversation down as it happens.

    scribe = Scribe(recorder)
    for event in events: scribe.on_event(event)

Turns what the dialogue publishes into the records of `device.session.records`: a turn is written when it is
committed and completed when its answer has ended. Its trace follows (`device.telemetry`). What tells the story of the
conversation goes to the log too, as `to_json` has it; what a skill did is logged by who did it (`journal`).
"""

from typing import Protocol

from device.dialogue import events as ev
from device.session.records import CallAside, Logged, Record, TurnCommitted, TurnFinished, TurnTraced
from device.session.rows import json_of, utc_now
from device.telemetry.marks import marks_to_json
from device.telemetry.tracer import Tracer


class Recorder(Protocol):
    """Where the records go (`device.session.store.SessionRecorder`)."""

    def write(self, *records: Record, soon: bool = True) -> None: ...


#: Of what comes by the dozen, and of what others tell, the log has nothing.
_NOT_LOGGED = frozenset(
    "end_point supposed understood discarded llm_first_token opening clause tts_first_audio spoken state "
    "called call_ended".split()
)
#: These wait for company: nothing depends on them.
_BY_THE_WAY = (ev.SpeechStart, ev.SpeechEnd, ev.Partial, ev.Final, ev.PlayoutStart, ev.Mute, ev.Degraded, ev.MicTrouble)
_PARTIAL_EVERY_SAMPLES = 16_000  # the log has one revision of a transcript a second...
_PARTIALS_A_TURN = 30  # ... and not more of one turn than these


class Scribe:
    """Collects what belongs to the turn in hand. Not thread-safe: fed from the thread of the conversation."""

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder
        self._tracer = Tracer()
        self._speech_start: dict[int, int] = {}
        self._speech_end: dict[int, int] = {}
        self._probability: dict[int, float] = {}
        self._playout_start: dict[int, int] = {}
        self._errors: dict[int, str] = {}
        self._open: set[int] = set()  # committed, not finished
        self._partials: tuple[int, int, str, int] = (-1, 0, "", 0)  # turn, sample, text of the last; how many

    def on_event(self, event: ev.Event) -> None:
        records: list[Record] = []
        if self._worth_logging(event):
            records.append(Logged(utc_now(), event.sample, event.turn, event.type, _content(event)))
        records += self._of_the_turn(event)
        for trace in self._tracer.on_event(event):  # last: a trace belongs to a turn that is there
            records.append(TurnTraced(trace.number, marks_to_json(trace.marks, trace.lost)))
        if records:
            self._recorder.write(*records, soon=not isinstance(event, _BY_THE_WAY))

    def _worth_logging(self, event: ev.Event) -> bool:
        if not isinstance(event, ev.Partial):
            return event.type not in _NOT_LOGGED
        turn, sample, text, count = self._partials
        if turn != event.turn or event.sample < sample:
            turn, sample, text, count = event.turn, event.sample - _PARTIAL_EVERY_SAMPLES, "", 0
        due = event.sample - sample >= _PARTIAL_EVERY_SAMPLES or event.retracted > 0
        if event.text == text or not due or count >= _PARTIALS_A_TURN:
            return False
        self._partials = (turn, event.sample, event.text, count + 1)
        return True

    def _of_the_turn(self, event: ev.Event) -> list[Record]:
        """What the quick view has of it."""
        turn = event.turn
        match event:
            case ev.SpeechStart():
                self._speech_start[turn] = event.onset_sample
            case ev.SpeechEnd():
                self._speech_end[turn] = event.offset_sample
            case ev.Final():
                self._probability[turn] = event.probability
            case ev.Failure():
                self._errors[turn] = f"{event.stage}: {event.message}"
            case ev.PlayoutStart():
                self._playout_start[turn] = event.sample
            case ev.Commit():
                self._open.add(turn)
                return [
                    TurnCommitted(
                        number=turn,
                        user_text=event.text,
                        stt_probability=self._probability.pop(turn, None),
                        speech_start_sample=self._speech_start.pop(turn, None),
                        speech_end_sample=self._speech_end.pop(turn, None),
                        commit_sample=event.sample,
                        commit_reason=event.reason,
                    )
                ]
            case ev.CallEnded() if event.aside:
                return [CallAside(turn, event.index)]
            case ev.PlayoutEnd() | ev.Interrupted():
                return self._finished(event)
        return []

    def _finished(self, event: ev.PlayoutEnd | ev.Interrupted) -> list[Record]:
        turn = event.turn
        start = self._playout_start.pop(turn, None)
        if turn not in self._open:
            return []  # a greeting or an apology: said, but no turn
        self._open.discard(turn)
        return [
            TurnFinished(
                number=turn,
                reply_generated=event.generated,
                reply_heard=event.heard,
                interrupted=isinstance(event, ev.Interrupted),
                playout_start_sample=start,
                playout_end_sample=None if start is None else event.sample,
                error=self._errors.pop(turn, None),
            )
        ]


def _content(event: ev.Event) -> str:
    content = {name: value for name, value in event.to_json().items() if name not in ("type", "t_ms", "turn")}
    try:
        return json_of(content)
    except (TypeError, ValueError) as error:  # a gap in the log is better than the end of the conversation
        return json_of({"lost": str(error)})
