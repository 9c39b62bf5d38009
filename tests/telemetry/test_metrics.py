"""Figures for Prometheus: what happens is counted, what stands is told, nothing has a word in it."""

import http.client
import re
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import pytest
from prometheus_client.parser import text_string_to_metric_families
from pydantic import ValidationError
from starlette.applications import Starlette
from starlette.routing import Route
from starlette.testclient import TestClient
from turn_scripts import full_turn

from device.config import Settings
from device.config.metrics import MetricsSettings, TelemetrySettings
from device.control.desk import ControlDesk
from device.dialogue import events as ev
from device.dialogue.setbacks import Stage
from device.errors import ConfigError
from device.outside import Outside
from device.skills.services import Board
from device.telemetry.budgets import STAGES
from device.telemetry.metrics import STAGE_BUCKETS_S, TTFA_BUCKETS_S, Metrics
from device.telemetry.metrics_server import MOST_AT_ONCE, MetricsApp, MetricsPortError, MetricsServer

DOCS = Path(__file__).resolve().parents[2] / "docs"
STATS = {
    "blocks": 500,
    "capture_lost_samples": 160,
    "capture_overflows": 2,
    "playback_underflows": 3,
    "starved_samples": 80,
    "worst_interval_ms": 31.0,
}
BOARD = Board(61.5, False, None, 40.0, 10_000_000, 99.0, "eth0", "192.0.2.7")


class Calls:
    muted, volume_percent = False, 40

    def __getattr__(self, _name: str) -> Any:
        return lambda *_: None


@pytest.fixture
def desk() -> ControlDesk:
    made = ControlDesk(Calls(), Calls())
    made.add_status(lambda: {"card_stats": dict(STATS), "outside": {}, "resumed": True})
    return made


@pytest.fixture
def metrics(desk: ControlDesk) -> Iterator[Metrics]:
    with Metrics(desk, read_board=lambda: BOARD) as made:
        yield made


def samples(metrics: Metrics) -> dict[tuple[str, str], float]:
    """By name and the value of the one label ("" for none), as a scraper reads them."""
    body, _ = metrics.exposition("")
    return {
        (sample.name, ",".join(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(body.decode())
        for sample in family.samples
    }


def test_a_turn_is_counted_in_every_figure_that_it_concerns(desk: ControlDesk, metrics: Metrics) -> None:
    for event in [*full_turn(1), *full_turn(2, late_ms=400.0)]:
        desk.on_event(event)
    found = samples(metrics)
    assert found["nearfield_turns_total", "complete"] == 2
    assert found["nearfield_turns_total", "cap"] == 0
    assert found["nearfield_ttfa_seconds_count", ""] == 2
    assert found["nearfield_ttfa_seconds_sum", ""] == pytest.approx(0.330 + 0.730)
    assert found["nearfield_ttfa_seconds_bucket", "0.6"] == 1
    assert found["nearfield_stage_seconds_count", "end_point"] == 2
    assert found["nearfield_stage_over_budget_total", "ttfa"] == 1
    assert found["nearfield_stage_over_budget_total", "first_clause"] == 1
    assert found["nearfield_stage_budget_seconds", "ttfa"] == 0.6
    assert found["nearfield_hypotheses_total", "committed"] == 2
    assert found["nearfield_hypotheses_total", "discarded"] == 2
    assert found["nearfield_wasted_seconds_total", ""] == pytest.approx(0.2)
    assert found["nearfield_stable_words_retracted_total", ""] == 2 * (1 + 2)  # in a partial, and by the final words
    assert found["nearfield_turns_unheard_total", ""] == 0


@pytest.mark.parametrize(
    ("event", "name", "label", "value"),
    [
        (ev.Failure(1, 1, "tts", "the secret words"), "nearfield_failures_total", "tts", 1),
        (ev.CallEnded(1, 1, 0, "weather", "failed", "rain", ""), "nearfield_skill_calls_total", "failed", 1),
        (ev.Wake(1, 1, "okay_nabu", 0.9, 1), "nearfield_wakes_total", "", 1),
        (ev.WakeTimeout(1, 1, "word"), "nearfield_wake_timeouts_total", "", 1),
        (ev.Resumed(1, 1, 0, "a", "no_words"), "nearfield_answers_resumed_total", "", 1),
        (ev.Degraded(1, 1, 2, ("partials",), "hot"), "nearfield_degradations_total", "", 1),
        (ev.Degraded(1, 1, 2, ("partials",), "hot"), "nearfield_degraded_level", "", 2),
        (ev.CardLost(1, 1, "gone"), "nearfield_card_losses_total", "", 1),
        (ev.CardLost(1, 1, "gone"), "nearfield_card_up", "", 0),
        (ev.CardBack(1, 1, 2500.0), "nearfield_card_lost_seconds_total", "", 2.5),
        (ev.MicTrouble(1, 1, "silent", False, "?"), "nearfield_mic_trouble", "", 1),
        (ev.StateChange(1, 1, "speaking"), "nearfield_state", "speaking", 1),
        (ev.StateChange(1, 1, "speaking"), "nearfield_state", "idle", 0),
        (ev.RingStart(1, 0, "tea", "Your tea."), "nearfield_ringing", "", 1),
    ],
)
def test_each_event_has_its_figure(
    desk: ControlDesk, metrics: Metrics, event: ev.Event, name: str, label: str, value: float
) -> None:
    desk.on_event(event)
    assert samples(metrics)[name, label] == value


def test_every_stage_that_can_fail_has_its_zero_to_rise_from(metrics: Metrics) -> None:
    fails = {*get_args(Stage), "session"}  # whose model, and the record
    assert {label for name, label in samples(metrics) if name == "nearfield_failures_total"} == fails
    for paper, row in (("metrics.md", r"`nearfield_failures_total`.*: (.*) \|"), ("converse.md", r"`stage`: (.*?);")):
        listed = re.search(row, (DOCS / paper).read_text("utf-8"))
        assert listed is not None
        assert set(re.findall(r"`(\w+)`", listed[1])) == fails, paper


def test_how_it_stands_is_told_when_it_is_scraped(metrics: Metrics) -> None:
    found = samples(metrics)
    assert found["nearfield_card_capture_lost_samples_total", ""] == 160
    assert found["nearfield_card_capture_overflows_total", ""] == 2
    assert found["nearfield_card_playback_underflows_total", ""] == 3
    assert found["nearfield_card_starved_samples_total", ""] == 80
    assert found["nearfield_card_worst_interval_seconds", ""] == pytest.approx(0.031)
    assert found["nearfield_temperature_celsius", ""] == 61.5
    assert found["nearfield_throttled", ""] == 0
    assert ("nearfield_power_low", "") not in found  # this board does not say
    assert found["nearfield_memory_available_ratio", ""] == 0.4
    assert found["nearfield_volume_ratio", ""] == 0.4
    assert found["nearfield_session_resumed", ""] == 1
    assert found["process_resident_memory_bytes", ""] > 1e6
    assert any(name == "nearfield_build_info" for name, _ in found)


def test_no_word_is_in_any_figure(desk: ControlDesk, metrics: Metrics) -> None:
    for event in [*full_turn(1), ev.RingStart(9, 0, "rhubarb", "Your rhubarb."), ev.Failure(1, 1, "llm", "rhubarb")]:
        desk.on_event(event)
    body = metrics.exposition("")[0].decode()
    assert not re.search(r"(?i)france|paris|capital|rhubarb", body)


def test_a_figure_that_breaks_costs_no_event(desk: ControlDesk, metrics: Metrics) -> None:
    class Broken:
        def on_event(self, _event: ev.Event) -> None:
            raise RuntimeError

        def on_trace(self, _trace: object) -> None:
            raise RuntimeError

    desk.add_listener(Broken())
    for event in [*full_turn(1), *full_turn(2)]:
        desk.on_event(event)
    assert samples(metrics)["nearfield_ttfa_seconds_count", ""] == 2


def test_what_is_no_longer_listened_to_is_not_counted(desk: ControlDesk) -> None:
    with Metrics(desk) as metrics:
        pass
    for event in full_turn(1):
        desk.on_event(event)
    assert samples(metrics)["nearfield_ttfa_seconds_count", ""] == 0


def test_a_status_that_cannot_be_asked_for_costs_only_its_figures() -> None:
    class Desk(ControlDesk):
        def status(self, *, words: bool = True) -> dict[str, Any]:
            raise RuntimeError(words)

    found = samples(Metrics(Desk(Calls(), Calls())))
    assert ("nearfield_uptime_seconds", "") in found
    assert ("nearfield_state", "idle") not in found


def test_each_budget_is_a_bound_of_its_histogram() -> None:
    for stage in STAGES:
        if stage.budget_ms is not None:
            bounds = TTFA_BUCKETS_S if stage.key == "ttfa" else STAGE_BUCKETS_S
            assert stage.budget_ms / 1000 in bounds


# ------------------------------------------------------------ the listener


def ask(port: int, path: str = "/metrics", method: str = "GET", **headers: str) -> tuple[int, str, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request(method, path, headers=headers)
        response = connection.getresponse()
        return response.status, response.getheader("Content-Type", ""), response.read()
    finally:
        connection.close()


def test_prometheus_scrapes_it(metrics: Metrics) -> None:
    with MetricsServer(MetricsSettings(), metrics) as server:
        status, kind, body = ask(server.port)
        assert (status, kind.partition(";")[0]) == (200, "text/plain")
        assert b"nearfield_ttfa_seconds_bucket" in body
        openmetrics = ask(server.port, Accept="application/openmetrics-text; version=1.0.0")
        assert openmetrics[1].startswith("application/openmetrics-text")
        assert openmetrics[2].endswith(b"# EOF\n")
        assert ask(server.port, "/metrics?x=1")[0] == 200
        assert ask(server.port, method="HEAD")[2] == b""
        assert ask(server.port, "/")[0] == 404
        assert ask(server.port, method="POST")[0] == 501
        port = server.port
    with pytest.raises(OSError):
        ask(port)


def test_a_token_is_asked_for(metrics: Metrics, tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("sesame-sesame\n")
    token.chmod(0o600)
    with MetricsServer(MetricsSettings(token_file=token), metrics) as server:
        assert ask(server.port)[0] == 401
        assert ask(server.port, Authorization="Bearer wrong")[0] == 401
        assert ask(server.port, Authorization="Bearer sesame-sesame")[0] == 200
    token.chmod(0o644)
    with pytest.raises(ConfigError, match="others may read"):
        MetricsServer(MetricsSettings(token_file=token), metrics).__enter__()


def test_a_port_that_is_taken_is_told(metrics: Metrics) -> None:
    with (
        MetricsServer(MetricsSettings(), metrics) as server,
        pytest.raises(MetricsPortError, match="already in use"),
    ):
        MetricsServer(MetricsSettings(port=server.port), metrics).__enter__()


def test_slow_scrapers_are_bounded_and_do_not_hold_up_the_end(metrics: Metrics) -> None:
    with MetricsServer(MetricsSettings(), metrics) as server:
        slow = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(MOST_AT_ONCE)]
        one_more = socket.create_connection(("127.0.0.1", server.port))
        one_more.settimeout(10)
        assert one_more.recv(1) == b""  # sent away
        for each in [*slow, one_more]:
            each.close()


def test_beyond_this_machine_a_token_is_needed() -> None:
    with pytest.raises(ValidationError, match="token_file"):
        MetricsSettings(host="0.0.0.0", port=9464)
    assert MetricsSettings(host="::1", port=9464).port == 9464
    assert MetricsSettings(host="localhost", port=9464).port == 9464


@pytest.mark.parametrize(
    ("address", "url"),
    [
        ("http://c:4318", "http://c:4318/v1/traces"),
        ("http://c:4318/", "http://c:4318/v1/traces"),
        ("https://c/otlp/v1/traces", "https://c/otlp/v1/traces"),
    ],
)
def test_address_of_a_collector(address: str, url: str) -> None:
    assert TelemetrySettings(otlp_endpoint=address).traces_url == url


@pytest.mark.parametrize("address", ["c:4318", "ftp://c", "http://", "http://c:0", "http://c:99999", "http://c/?a=b"])
def test_what_is_no_address_of_a_collector(address: str) -> None:
    with pytest.raises(ValidationError):
        TelemetrySettings(otlp_endpoint=address)


def test_the_page_can_serve_them_too(metrics: Metrics) -> None:
    client = TestClient(Starlette(routes=[Route("/metrics", MetricsApp(metrics))]))
    answer = client.get("/metrics")
    assert answer.status_code == 200
    assert "nearfield_turns_total" in answer.text
    assert client.post("/metrics").status_code == 405


def test_it_is_a_way_in_only_where_it_is_configured(desk: ControlDesk) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    settings = Settings.model_validate({"metrics": {"port": port}, "control": {"enabled": False}})
    with Outside(settings, desk) as outside:
        assert outside.trouble == {}
        assert ask(port)[0] == 200
        with Outside(settings, desk) as second:
            assert "already in use" in second.trouble["metrics"]
    with Outside(Settings.model_validate({"control": {"enabled": False}}), desk) as nothing:
        assert nothing.trouble == {}
        with pytest.raises(OSError):
            ask(port)


def test_page_and_port_tell_of_one_count(desk: ControlDesk, monkeypatch: pytest.MonkeyPatch) -> None:
    counting: list[object] = []
    added = desk.add_listener
    monkeypatch.setattr(desk, "add_listener", lambda listener: (counting.append(listener), added(listener)))
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    both = {"metrics": {"port": port}, "web": {"enabled": True, "port": 0}, "control": {"enabled": False}}
    with Outside(Settings.model_validate(both), desk) as outside:
        assert outside.trouble == {}
        assert ask(port)[0] == 200
        assert len(counting) == 1
