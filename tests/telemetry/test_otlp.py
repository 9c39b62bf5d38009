"""Turns as OpenTelemetry spans, before a collector that reads the protobuf; and one that is away."""

import gzip
import http.server
import logging
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from turn_scripts import full_turn

from device.config.metrics import TelemetrySettings
from device.control.desk import ControlDesk
from device.dialogue import events as ev
from device.errors import ConfigError
from device.telemetry import otlp

pytest.importorskip("opentelemetry.exporter.otlp.proto.http", reason="the extra 'otel' is not installed")

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest


class Calls:
    muted, volume_percent = False, 40

    def __getattr__(self, _name: str) -> Any:
        return lambda *_: None


class Collector:
    """Listens on a port of its own and keeps what is sent."""

    def __init__(self) -> None:
        self.requests: list[ExportTraceServiceRequest] = []
        self.headers: list[dict[str, str]] = []
        self.raw = b""
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                outer.raw = gzip.decompress(body) if self.headers["Content-Encoding"] == "gzip" else body
                outer.headers.append({key.lower(): value for key, value in self.headers.items()} | {"path": self.path})
                outer.requests.append(ExportTraceServiceRequest.FromString(outer.raw))
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_port}"

    def spans(self) -> list[Any]:
        return [
            span
            for request in self.requests
            for resource in request.resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        ]


@pytest.fixture
def collector() -> Iterator[Collector]:
    made = Collector()
    yield made
    made.server.shutdown()
    made.server.server_close()


def tell(settings: TelemetrySettings, *events: ev.Event) -> None:
    desk = ControlDesk(Calls(), Calls())
    with otlp.TurnSpans(settings, desk):
        for event in events:
            desk.on_event(event)


def attributes(of: Any) -> dict[str, Any]:
    return {each.key: getattr(each.value, each.value.WhichOneof("value")) for each in of.attributes}


def test_a_turn_is_one_trace_with_a_span_a_stage(collector: Collector) -> None:
    before_ns = time.time_ns()
    tell(TelemetrySettings(otlp_endpoint=collector.url, otlp_service="kitchen"), *full_turn(1), *full_turn(2, 400.0))
    spans = collector.spans()
    turns = [span for span in spans if span.name == "turn"]
    assert len(turns) == 2
    assert len({span.trace_id for span in turns}) == 2
    assert all(not span.parent_span_id for span in turns)
    late = next(span for span in turns if attributes(span)["nearfield.turn"] == 2)
    stages = {span.name: span for span in spans if span.parent_span_id == late.span_id}
    assert {span.trace_id for span in stages.values()} == {late.trace_id}
    assert set(stages) >= {"capture", "vad", "end_point", "final", "first_clause", "tts_first_audio", "playout", "ttfa"}
    ttfa = stages["ttfa"]
    assert (ttfa.end_time_unix_nano - ttfa.start_time_unix_nano) / 1e6 == pytest.approx(730.0)
    assert attributes(ttfa) == {
        "nearfield.length_ms": 730.0,
        "nearfield.over_budget": True,
        "nearfield.budget_ms": 600.0,
    }
    assert attributes(late)["nearfield.ttfa_ms"] == 730.0
    assert attributes(late)["nearfield.commit_reason"] == "complete"
    for stage in stages.values():
        assert late.start_time_unix_nano <= stage.start_time_unix_nano <= stage.end_time_unix_nano
        assert stage.end_time_unix_nano <= late.end_time_unix_nano
    assert before_ns - 60e9 < late.end_time_unix_nano < time.time_ns() + 60e9
    resource = attributes(collector.requests[0].resource_spans[0].resource)
    assert resource["service.name"] == "kitchen"
    assert collector.headers[0]["path"] == "/v1/traces"
    assert collector.headers[0]["content-type"] == "application/x-protobuf"


def test_a_failure_is_an_error_of_its_turn_and_no_word_is_sent(collector: Collector) -> None:
    events = full_turn(1)
    failing = ev.Failure(events[-1].sample - 10, 1, "tts", "could not say Paris")
    tell(TelemetrySettings(otlp_endpoint=collector.url), *events[:-1], failing, events[-1])
    turn = next(span for span in collector.spans() if span.name == "turn")
    assert turn.status.code == 2  # STATUS_CODE_ERROR
    assert "error" in [event.name for event in turn.events]
    for word in (b"Paris", b"capital", b"France"):
        assert word not in collector.raw


def test_a_token_is_brought(collector: Collector, tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("sesame")
    token.chmod(0o600)
    tell(TelemetrySettings(otlp_endpoint=collector.url, otlp_token_file=token), *full_turn(1))
    assert collector.headers[0]["authorization"] == "Bearer sesame"


def test_a_collector_that_is_away_costs_nobody_anything(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(otlp, "SEND_S", 0.3)
    monkeypatch.setattr(otlp, "DELAY_MS", 20.0)
    monkeypatch.setattr(otlp, "MOST_WAITING", 64)
    caplog.set_level(logging.WARNING)
    desk = ControlDesk(Calls(), Calls())
    with otlp.TurnSpans(TelemetrySettings(otlp_endpoint="http://127.0.0.1:9"), desk):
        for turn in range(1, 60):  # ten times what the queue holds
            for event in full_turn(turn):
                desk.on_event(event)
        time.sleep(0.5)
    assert len(desk.traces()) == 59
    told = [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]
    assert told == ["traces are not taken at http://127.0.0.1:9: they are dropped until they are"]


def test_without_the_sdk_it_is_said_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "opentelemetry.sdk.resources", None)
    with pytest.raises(ConfigError, match="not installed") as caught:
        otlp.TurnSpans(TelemetrySettings(otlp_endpoint="http://c:4318"), ControlDesk(Calls(), Calls()))
    assert "[otel]" in caught.value.hint
