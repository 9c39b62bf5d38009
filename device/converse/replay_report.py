"""What differs between a turn as it was and the same turn run again.

    report = compared(kept, again)
    report.differs              # ("transcript", "reply"): nothing of it: ()
    report.to_json(); report_lines(report)

Sans-IO. Times are ms after the end of the user's speech, as in `nearfield trace`.
"""

from dataclasses import asdict, dataclass
from typing import Any, Literal

from device.converse.kept_turn import KeptTurn
from device.converse.replay import Again
from device.dialogue.agreement import same_words
from device.telemetry.budgets import BY_KEY, STAGES
from device.telemetry.turn_trace import TurnTrace

#: A decision of the end-point that comes so much sooner or later is another one: five frames of the voice detector.
TOLERANCE_MS = 160.0

Difference = Literal["no_turn", "transcript", "end_point", "calls", "reply", "errors"]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was thought of a pause (`events.EndPoint`)."""

    at_ms: float
    verdict: str
    wording: str
    finished: float | None
    wait_ms: float | None

    def __str__(self) -> str:
        judged = "" if self.finished is None else f", finished {self.finished:.2f}"
        return f"{self.at_ms:+.0f} {self.verdict} ({self.wording or 'no words'}{judged})"


@dataclass(frozen=True, slots=True)
class Side:
    """The turn, then or now."""

    text: str
    reason: str  #: of the commit; "": no turn came of it
    verdicts: tuple[Verdict, ...]
    calls: tuple[str, ...]  #: "set_timer(minutes=5)"
    reply: str
    errors: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class StageRow:
    """A stage of the trace: when it ended and how long it took; None: it did not happen."""

    stage: str
    then_end_ms: float | None
    then_took_ms: float | None
    now_end_ms: float | None
    now_took_ms: float | None


@dataclass(frozen=True, slots=True)
class Report:
    """`differs` is in the order in which things happen; () when it came to the same."""

    session: int
    turn: int
    version: str  #: of the software then
    then: Side
    now: Side
    stages: tuple[StageRow, ...]
    differs: tuple[Difference, ...]

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def compared(kept: KeptTurn, again: Again) -> Report:
    """Transcripts and answers by their words, calls by skill and arguments, the end-point by its reason and time."""
    finished = kept.finished
    then = Side(
        kept.committed.user_text,
        kept.committed.commit_reason,
        _verdicts(kept.trace),
        tuple(_call(call.skill, call.arguments) for call in kept.calls),
        "" if finished is None else finished.reply_generated,
        (finished.error,) if finished is not None and finished.error else (),
    )
    now = Side(
        again.text,
        again.reason,
        _verdicts(again.trace),
        tuple(_call(skill, arguments) for skill, arguments in again.calls),
        again.reply,
        again.errors,
    )
    return Report(
        session=kept.session.id,
        turn=kept.committed.number,
        version=kept.session.software_version,
        then=then,
        now=now,
        stages=tuple(_stages(kept.trace, again.trace)),
        differs=tuple(_differences(then, now, kept, again)),
    )


def _differences(then: Side, now: Side, kept: KeptTurn, again: Again) -> list[Difference]:
    if not now.reason:
        return ["no_turn"]
    out: list[Difference] = []
    if not same_words(then.text, now.text):
        out.append("transcript")
    if then.reason != now.reason or again.turns != 1 or _far(_decided(kept.trace), _decided(again.trace)):
        out.append("end_point")
    if then.calls != now.calls:
        out.append("calls")
    if kept.finished is not None and not same_words(then.reply, now.reply):
        out.append("reply")
    if bool(then.errors) != bool(now.errors):
        out.append("errors")
    return out


def _far(then_ms: float | None, now_ms: float | None) -> bool:
    return then_ms is not None and now_ms is not None and abs(then_ms - now_ms) > TOLERANCE_MS


def _decided(trace: TurnTrace | None) -> float | None:
    spans = [] if trace is None else [span for span in trace.spans if span.stage == "end_point"]
    return spans[0].end_ms if spans else None


def _verdicts(trace: TurnTrace | None) -> tuple[Verdict, ...]:
    if trace is None:
        return ()
    return tuple(
        Verdict(
            trace.at_ms(mark.sample),
            str(mark.data.get("verdict")),
            str(mark.data.get("wording") or ""),
            mark.number("finished"),
            mark.number("wait_ms"),
        )
        for mark in trace.marks
        if mark.name == "end_point"
    )


def _call(skill: str, arguments: dict[str, Any]) -> str:
    return f"{skill}({', '.join(f'{name}={value!r}' for name, value in sorted(arguments.items()))})"


def _stages(then: TurnTrace | None, now: TurnTrace | None) -> list[StageRow]:
    sides = [{span.stage: span for span in trace.spans} if trace is not None else {} for trace in (then, now)]
    rows = []
    for stage in STAGES:
        old, new = (side.get(stage.key) for side in sides)
        if old is None and new is None:
            continue
        rows.append(
            StageRow(
                stage.key,
                None if old is None else old.end_ms,
                None if old is None else old.length_ms,
                None if new is None else new.end_ms,
                None if new is None else new.length_ms,
            )
        )
    return rows


def report_lines(report: Report) -> list[str]:
    """For a person; what differs is marked with a "!"."""
    then, now = report.then, report.now
    out = [f"Turn {report.turn} of session {report.session}, kept by version {report.version}", ""]
    out += _pair("words", then.text, now.text or "(no turn came of it)", differs=_has(report, "transcript", "no_turn"))
    out += _pair("end-point", _ended(then), _ended(now), differs=_has(report, "end_point"))
    if then.calls or now.calls:
        out += _pair("done", "; ".join(then.calls), "; ".join(now.calls), differs=_has(report, "calls"))
    out += _pair("answer", then.reply, now.reply, differs=_has(report, "reply"))
    if then.errors or now.errors:
        out += _pair("errors", "; ".join(then.errors), "; ".join(now.errors), differs=_has(report, "errors"))
    out += ["", f"  {'stage, ms':<15}{'ended then':>11}{'now':>7}{'':>7}{'took then':>12}{'now':>7}"]
    for row in report.stages:
        moved = "" if row.then_end_ms is None or row.now_end_ms is None else f"{row.now_end_ms - row.then_end_ms:+.0f}"
        out.append(
            f"  {BY_KEY[row.stage].label:<15}{_ms(row.then_end_ms):>11}{_ms(row.now_end_ms):>7}{moved:>7}"  # type: ignore[index]
            f"{_ms(row.then_took_ms):>12}{_ms(row.now_took_ms):>7}"
        )
    differs = ", ".join(each.replace("_", " ") for each in report.differs)
    return [*out, "", f"Differs: {differs}" if differs else "It came to the same."]


def _has(report: Report, *which: Difference) -> bool:
    return any(each in report.differs for each in which)


def _pair(label: str, then: str, now: str, *, differs: bool) -> list[str]:
    if not differs and then == now:
        return [f"  {label:<10} {then or '(none)'}"]
    mark = "!" if differs else " "
    return [f"  {label:<10} then  {then or '(none)'}", f"{mark} {'':<10} now   {now or '(none)'}"]


def _ended(side: Side) -> str:
    if not side.reason:
        return "(none)"
    return f"{side.reason}: {', '.join(map(str, side.verdicts)) or 'no verdict kept'}"


def _ms(value: float | None) -> str:
    return "-" if value is None else f"{value:.0f}"
