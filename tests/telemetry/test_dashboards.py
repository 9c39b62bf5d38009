"""Dashboard, alerts and their paper name only figures that are exported, in PromQL that parses."""

import json
import re
from pathlib import Path
from typing import Any

import promql_parser
import pytest
import yaml

from device.control.desk import ControlDesk
from device.skills.services import Board
from device.telemetry.metrics import Metrics

ROOT = Path(__file__).resolve().parents[2]
DASHBOARD = json.loads((ROOT / "firmware_scripts/grafana/nearfield.json").read_text("utf-8"))
RULES = yaml.safe_load((ROOT / "firmware_scripts/prometheus/alerts.yml").read_text("utf-8"))["groups"][0]["rules"]
PAPER = (ROOT / "docs/metrics.md").read_text("utf-8")

_OURS = re.compile(r"\b(?:nearfield|process)_[a-z0-9_]+")
_LABELS = re.compile(r"(?:by|on|ignoring|without) *\(([^)]*)\)")


class Calls:
    muted, volume_percent = False, 40

    def __getattr__(self, _name: str) -> Any:
        return lambda *_: None


def exported() -> dict[str, set[str]]:
    """Every figure by name, and the labels that it has."""
    desk = ControlDesk(Calls(), Calls())
    stats = "blocks capture_lost_samples capture_overflows playback_underflows starved_samples worst_interval_ms"
    desk.add_status(lambda: {"card_stats": dict.fromkeys(stats.split(), 1), "outside": {}, "resumed": False})
    metrics = Metrics(desk, read_board=lambda: Board(50.0, False, False, 50.0, 1, 1.0, "eth0", "192.0.2.1"))
    out: dict[str, set[str]] = {}
    for family in metrics.families():
        for sample in family.samples:
            out.setdefault(sample.name, set()).update(sample.labels)
    return out


def dashboard_queries() -> list[str]:
    panels = [target["expr"] for panel in DASHBOARD["panels"] for target in panel["targets"]]
    return [*panels, *(each["expr"] for each in DASHBOARD["annotations"]["list"])]


QUERIES = [*dashboard_queries(), *(rule["expr"] for rule in RULES)]


def plain(query: str) -> str:
    """With Grafana's variables filled in."""
    return query.replace("$__rate_interval", "5m").replace("$instance", "kitchen")


@pytest.mark.parametrize("query", sorted(set(QUERIES)))
def test_a_query_parses_and_asks_for_what_there_is(query: str) -> None:
    promql_parser.parse(plain(query))
    known = exported()
    unknown = set(_OURS.findall(query)) - set(known)
    assert not unknown
    labels = {label.strip() for inside in _LABELS.findall(query) for label in inside.split(",")} - {""}
    offered = {label for name in _OURS.findall(query) for label in known[name]} | {"instance", "job"}
    assert labels <= offered
    for name, inside in re.findall(r"((?:nearfield|process)_[a-z0-9_]+)\{([^}]*)\}", query):
        assert set(re.findall(r"(\w+)\s*[=!]~?", inside)) <= known[name] | {"instance", "job"}


def test_values_of_labels_that_are_asked_for_exist() -> None:
    desk = ControlDesk(Calls(), Calls())
    values = {
        (sample.name, label, value)
        for family in Metrics(desk).families()
        for sample in family.samples
        for label, value in sample.labels.items()
    }
    for query in QUERIES:
        for name, inside in re.findall(r"(nearfield_[a-z0-9_]+)\{([^}]*)\}", query):
            for label, alternatives in re.findall(r'(\w+)=~?"([^"]*)"', inside):
                if label not in ("instance", "job"):
                    assert {(name, label, each) for each in alternatives.split("|")} <= values


def test_alerts_say_what_is_wrong_and_what_to_do() -> None:
    names = [rule["alert"] for rule in RULES]
    assert len(set(names)) == len(names)
    for rule in RULES:
        assert rule["labels"]["severity"] in ("page", "ticket")
        assert "{{ $labels.instance }}" in rule["annotations"]["summary"]
        assert rule["annotations"]["description"].strip().endswith((".", "?"))
    wanted = {"NearfieldDown", "NearfieldCardLost", "NearfieldMicrophone", "NearfieldSlow", "NearfieldXruns"}
    assert wanted | {"NearfieldRestarts", "NearfieldMemoryGrows"} <= set(names)


def test_the_dashboard_can_be_imported() -> None:
    ids = [panel["id"] for panel in DASHBOARD["panels"]]
    assert len(set(ids)) == len(ids)
    for panel in DASHBOARD["panels"]:
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24
        assert panel["targets"]
        assert len({target["refId"] for target in panel["targets"]}) == len(panel["targets"])
    taken = [
        (x, y)
        for panel in DASHBOARD["panels"]
        for x in range(panel["gridPos"]["x"], panel["gridPos"]["x"] + panel["gridPos"]["w"])
        for y in range(panel["gridPos"]["y"], panel["gridPos"]["y"] + panel["gridPos"]["h"])
    ]
    assert len(set(taken)) == len(taken)
    assert [each["name"] for each in DASHBOARD["templating"]["list"]] == ["datasource", "instance"]


def test_the_paper_lists_every_figure_and_no_other() -> None:
    families = {re.sub(r"_(bucket|count|sum|created)$", "", name) for name in exported()}
    told = set(re.findall(r"^\| `((?:nearfield|process)_[a-z0-9_]+)`", PAPER, re.MULTILINE))
    assert told == families


def test_the_paper_names_every_alert() -> None:
    assert {rule["alert"] for rule in RULES} <= set(re.findall(r"Nearfield[A-Z]\w+", PAPER))
