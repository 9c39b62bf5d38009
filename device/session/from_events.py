"""Writes a conversation down as it happens.

    scribe = Scribe(recorder)
    for event in events: scribe.on_event(event)

Turns what the dialogue publishes into the records of `device.session.records`: a turn is written when it is
committed and completed when its answer has ended. Its trace follows (`device.telemetry`).
"""

from typing import Protocol

from device.dialogue import events as ev
from device.session.records import TurnCommitted, TurnFinished, TurnTraced
from device.telemetry.marks import marks_to_json
from device.telemetry.tracer import Tracer


class Recorder(Protocol):
    """Where the records go (`device.session.store.SessionRecorder`)."""

    def commit_turn(self, record: TurnCommitted) -> None: ...

    def finish_turn(self, record: TurnFinished) -> None: ...

    def trace_turn(self, record: TurnTraced) -> None: ...


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

    def on_event(self, event: ev.Event) -> None:
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
                self._recorder.commit_turn(
                    TurnCommitted(
                        number=turn,
                        user_text=event.text,
                        stt_probability=self._probability.pop(turn, None),
                        speech_start_sample=self._speech_start.pop(turn, None),
                        speech_end_sample=self._speech_end.pop(turn, None),
                        commit_sample=event.sample,
                        commit_reason=event.reason,
                    )
                )
            case ev.PlayoutEnd() | ev.Interrupted():
                self._finish(event)
        for trace in self._tracer.on_event(event):  # last: a trace belongs to a turn that is there
            self._recorder.trace_turn(TurnTraced(trace.number, marks_to_json(trace.marks, trace.lost)))

    def _finish(self, event: ev.PlayoutEnd | ev.Interrupted) -> None:
        turn = event.turn
        start = self._playout_start.pop(turn, None)
        if turn not in self._open:
            return  # a greeting or an apology: said, but no turn
        self._open.discard(turn)
        self._recorder.finish_turn(
            TurnFinished(
                number=turn,
                reply_generated=event.generated,
                reply_heard=event.heard,
                interrupted=isinstance(event, ev.Interrupted),
                playout_start_sample=start,
                playout_end_sample=None if start is None else event.sample,
                error=self._errors.pop(turn, None),
            )
        )
