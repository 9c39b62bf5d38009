"""Each turn as a trace of OpenTelemetry: one span the turn, one a stage, no word of what was said.

    with TurnSpans(settings.telemetry, desk): ...          # batches to http://collector:4318/v1/traces

The SDK is an extra ("otel" in pyproject.toml), imported when a collector is configured. Its batches wait in a bounded
queue and go out in a thread of their own: while the collector is away the oldest are dropped, and nobody waits.
"""

import logging
import threading
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Self

from device.config.metrics import TelemetrySettings
from device.dialogue.events import Event
from device.errors import ConfigError
from device.secret_file import read_secret
from device.telemetry.marks import TraceMark
from device.telemetry.metrics import Desk
from device.telemetry.turn_trace import Span, TurnTrace
from device.version import software_version
from models.protocols import SAMPLE_RATE_HZ

if TYPE_CHECKING:
    from opentelemetry.sdk.trace.export import SpanExporter

_log = logging.getLogger(__name__)

MOST_WAITING = 1_024  #: spans: the turns of some minutes of quick talk
DELAY_MS = 1_000.0  #: between two batches
SEND_S = 3.0  #: for one batch, tries and all
CLOSE_S = 4.0

#: Marks that are told as events of the turn's span: what a stage does not show.
_TOLD = (
    "speech_start", "end_point", "commit", "discarded", "called", "call_ended", "asked", "settled", "acknowledged",
    "interrupted", "resumed", "degraded", "error", "card_lost", "card_back", "playout_start", "playout_end",
)  # fmt: skip


class TurnSpans:
    """A listener of the desk. Use as a context manager.

    Raises ConfigError: the extra is not installed, or the token cannot be used. `exporter`: in place of OTLP.
    """

    def __init__(
        self, settings: TelemetrySettings, desk: Desk, *, exporter: "Callable[[], SpanExporter] | None" = None
    ) -> None:
        self._desk = desk
        try:
            from opentelemetry.sdk.resources import Resource  # noqa: PLC0415 - an extra, and slow to import
            from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415
            from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415

            made = (exporter or _otlp(settings))()
        except ImportError as error:
            raise ConfigError(
                f"telemetry.otlp_endpoint needs the OpenTelemetry SDK, which is not installed ({error.name})",
                hint="install it with \".venv/bin/pip install '.[otel]'\" in the folder of nearfield",
            ) from error
        logging.getLogger("opentelemetry").setLevel(logging.CRITICAL)  # `_Reporting` says it once
        resource = Resource.create({"service.name": settings.otlp_service, "service.version": software_version()})
        self._provider: TracerProvider = TracerProvider(resource=resource, shutdown_on_exit=False)
        self._provider.add_span_processor(
            BatchSpanProcessor(
                _Reporting(made, settings.otlp_endpoint),
                max_queue_size=MOST_WAITING,
                schedule_delay_millis=DELAY_MS,
                max_export_batch_size=MOST_WAITING // 2,
            )
        )
        self._tracer = self._provider.get_tracer("nearfield", software_version())

    def on_event(self, event: Event) -> None:
        """Nothing: a turn is told when it is over."""

    def on_trace(self, trace: TurnTrace) -> None:
        """A turn is over: its spans are queued. The capture clock's time of its last mark counts as now."""
        last = max((mark.sample for mark in trace.marks), default=trace.zero_sample)
        zero_ns = time.time_ns() - (last - trace.zero_sample) * 1_000_000_000 // SAMPLE_RATE_HZ
        write_spans(self._tracer, trace, zero_ns)

    def close(self) -> None:
        """What waits is sent, if that does not take long."""
        self._desk.remove_listener(self)
        # the SDK would wait for 30 s
        last = threading.Thread(target=self._provider.shutdown, name="nearfield-otlp-end", daemon=True)
        last.start()
        last.join(CLOSE_S)

    def __enter__(self) -> Self:
        self._desk.add_listener(self)
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def write_spans(tracer: Any, trace: TurnTrace, zero_ns: int) -> None:
    """`tracer`: opentelemetry.trace.Tracer. `zero_ns`: Unix time of the trace's 0 ms (its end of speech)."""
    from opentelemetry.trace import SpanKind, Status, StatusCode, set_span_in_context  # noqa: PLC0415

    def at_ns(ms: float) -> int:
        return zero_ns + round(ms * 1_000_000)

    starts = [span.start_ms for span in trace.spans] + [trace.at_ms(mark.sample) for mark in trace.marks]
    ends = [span.end_ms for span in trace.spans] + starts
    turn = tracer.start_span(
        "turn", kind=SpanKind.SERVER, start_time=at_ns(min(starts, default=0.0)), attributes=_attributes(trace)
    )
    for mark in trace.marks:
        if mark.name in _TOLD:
            turn.add_event(mark.name, _plain(mark), timestamp=at_ns(trace.at_ms(mark.sample)))
    if any(mark.name == "error" for mark in trace.marks):
        turn.set_status(Status(StatusCode.ERROR))
    within = set_span_in_context(turn)
    for span in trace.spans:
        stage = tracer.start_span(span.stage, context=within, start_time=at_ns(span.start_ms), attributes=_of(span))
        stage.end(end_time=at_ns(span.end_ms))
    turn.end(end_time=at_ns(max(ends, default=0.0)))


def _attributes(trace: TurnTrace) -> dict[str, str | int | float | bool]:
    out: dict[str, str | int | float | bool] = {
        "nearfield.session": trace.session,
        "nearfield.turn": trace.turn,
        "nearfield.commit_reason": trace.reason,
        "nearfield.interrupted": trace.interrupted,
        "nearfield.over_budget": ",".join(trace.over),
        "nearfield.wasted_ms": trace.wasted_ms,
        "nearfield.zero": trace.zero,
    }
    if trace.ttfa_ms is not None:
        out["nearfield.ttfa_ms"] = trace.ttfa_ms
    return out


def _of(span: Span) -> dict[str, float | bool]:
    out: dict[str, float | bool] = {"nearfield.length_ms": span.length_ms, "nearfield.over_budget": span.over}
    if span.budget_ms is not None:
        out["nearfield.budget_ms"] = span.budget_ms
    return out


def _plain(mark: TraceMark) -> Mapping[str, Any]:
    """A mark has no words, only counts of them and what the program itself calls things."""
    return {f"nearfield.{key}": value for key, value in mark.data.items() if value is not None}


def _otlp(settings: TelemetrySettings) -> "Callable[[], SpanExporter]":
    headers = {}
    if settings.otlp_token_file is not None:
        headers["authorization"] = f"Bearer {read_secret(settings.otlp_token_file)}"

    def made() -> "SpanExporter":
        from opentelemetry.exporter.otlp.proto.http import Compression  # noqa: PLC0415
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415

        return OTLPSpanExporter(settings.traces_url, headers=headers, timeout=SEND_S, compression=Compression.Gzip)

    return made


class _Reporting:
    """An exporter; the log says once that the collector is away, and once that it is back."""

    def __init__(self, exporter: "SpanExporter", where: str) -> None:
        self._exporter = exporter
        self._where = where
        self._away = False

    def export(self, spans: Any) -> Any:
        result = self._exporter.export(spans)
        failed = result.name != "SUCCESS"
        if failed and not self._away:
            _log.warning("traces are not taken at %s: they are dropped until they are", self._where)
        elif self._away and not failed:
            _log.warning("traces are taken at %s again", self._where)
        self._away = failed
        return result

    def shutdown(self) -> None:
        self._exporter.shutdown()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        return bool(self._exporter.force_flush(timeout_millis))
