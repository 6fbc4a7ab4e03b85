"""The rules and dashboards that are shipped ask only for what ``/metrics`` shows."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import promql_parser
import pytest
import yaml
from prometheus_client import REGISTRY

from aiker.config import BASE_DIR
from monitoring import metrics
from monitoring.stored_metrics import FAMILIES, StoredMetrics

PROMETHEUS = BASE_DIR / "monitoring" / "prometheus"
GRAFANA = BASE_DIR / "monitoring" / "grafana"
RULES = PROMETHEUS / "aiker.rules.yml"
DASHBOARDS = sorted((GRAFANA / "dashboards").glob("*.json"))
OF_PROMETHEUS = {"up": {"job", "instance"}}


def known_series() -> dict[str, set[str]]:
    """Return the labels of every series there can be, by its name."""
    found = dict(OF_PROMETHEUS)
    for name, about in vars(metrics).items():
        if not name.isupper() or not hasattr(about, "describe"):
            continue
        (family,) = about.describe()
        labels = set(about._labelnames)
        suffixes = {"histogram": ("_bucket", "_sum", "_count"), "counter": ("_total",)}.get(
            family.type, ("",)
        )
        found |= {family.name + end: labels | ({"le"} if end == "_bucket" else set()) for end in suffixes}
    for name, _, labels_of, _ in FAMILIES.values():
        found[name] = set(labels_of)
    stored: list[Any] = list(StoredMetrics().describe())
    found |= {family.name: set(family._labelnames) for family in stored}
    return found


def selectors(expression: str) -> list[tuple[str, set[str]]]:
    """Return the series that an expression asks for, each with the labels it is chosen by."""
    found: list[tuple[str, set[str]]] = []

    def visit(node: Any) -> bool:
        if isinstance(node, promql_parser.VectorSelector):
            found.append((node.name or "", {matcher.name for matcher in node.matchers.matchers}))
        return True

    parsed = promql_parser.parse(expression.replace("$__rate_interval", "1m").replace('"$profile"', '".*"'))
    promql_parser.walk(parsed, visit)
    assert found, expression
    return found


def rules() -> list[dict[str, Any]]:
    return [rule for group in yaml.safe_load(RULES.read_text())["groups"] for rule in group["rules"]]


def expressions(dashboard: Path) -> Iterator[str]:
    for panel in json.loads(dashboard.read_text())["panels"]:
        yield from (target["expr"] for target in panel["targets"])


@pytest.mark.parametrize(
    "expression",
    [rule["expr"] for rule in rules()] + [e for dashboard in DASHBOARDS for e in expressions(dashboard)],
)
def test_every_series_asked_for_exists(expression: str) -> None:
    known = known_series()
    for name, labels in selectors(expression):
        assert name in known, name
        assert labels <= known[name], (name, labels)


def test_every_own_metric_is_on_a_dashboard() -> None:
    shown = {name for dashboard in DASHBOARDS for e in expressions(dashboard) for name, _ in selectors(e)}
    families = {re.sub("_(bucket|sum|count)$", "", name) for name in shown}
    own = {re.sub("_(bucket|sum|count)$", "", name) for name in known_series()} - set(OF_PROMETHEUS)
    assert own - families - {"aiker_gpu_temperature_celsius", "aiker_gpu_power_watts"} == set()


def test_a_metric_that_was_renamed_would_be_noticed() -> None:
    assert selectors('rate(aiker_no_such_total{stage="a"}[5m])') == [("aiker_no_such_total", {"stage"})]
    assert "aiker_no_such_total" not in known_series()


def test_the_registry_knows_them() -> None:
    names = {name for name in REGISTRY._names_to_collectors if name.startswith("aiker_")}
    assert set(known_series()) - set(OF_PROMETHEUS) <= names


def test_alerts_say_what_happened() -> None:
    alerts = [rule for rule in rules() if "alert" in rule]
    assert len({rule["alert"] for rule in alerts}) == len(alerts) >= 10
    assert all(rule["annotations"]["summary"] and rule["labels"]["severity"] for rule in alerts)


@pytest.mark.parametrize("dashboard", DASHBOARDS, ids=lambda path: path.stem)
def test_dashboards_can_be_provisioned(dashboard: Path) -> None:
    board = json.loads(dashboard.read_text())
    assert board["uid"] == dashboard.stem
    ids = [panel["id"] for panel in board["panels"]]
    assert len(ids) == len(set(ids))
    assert {panel["datasource"]["uid"] for panel in board["panels"]} == {"${DS_PROMETHEUS}"}
    source = yaml.safe_load((GRAFANA / "provisioning/datasources/prometheus.yml").read_text())
    variables = {variable["name"]: variable for variable in board["templating"]["list"]}
    assert variables["DS_PROMETHEUS"]["current"]["value"] == source["datasources"][0]["uid"]
    for panel in board["panels"]:
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24


def test_promtool_takes_the_rules() -> None:
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip(
            "promtool is not installed (Debian: apt install prometheus); the expressions are parsed above"
        )
    for command in (["check", "config", "prometheus.yml"], ["test", "rules", "aiker.rules.test.yml"]):
        done = subprocess.run(
            [promtool, *command], cwd=PROMETHEUS, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
