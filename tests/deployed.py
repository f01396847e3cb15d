"""The shipped files of `deploy/` and the compose file, read once, and what stands in their queries."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parent.parent


def loaded(path: str) -> dict[str, Any]:
    """Return a YAML or JSON file of the repository."""
    text = (ROOT / path).read_text(encoding="utf-8")
    document: dict[str, Any] = json.loads(text) if path.endswith(".json") else yaml.safe_load(text)
    return document


def plain(path: str) -> dict[str, Any]:
    """Return a file with the default in place of each ``${VARIABLE:-default}``."""
    text = (ROOT / path).read_text(encoding="utf-8")
    document: dict[str, Any] = yaml.safe_load(re.sub(r"\$\{(?:env:)?\w+:-([^}]*)\}", r"\1", text))
    return document


COMPOSE = loaded("docker-compose.yml")
JAEGER = loaded("deploy/jaeger/config.yaml")
UI = loaded("deploy/jaeger/ui.json")
TEMPO = plain("deploy/tempo/tempo.yaml")
DASHBOARD = loaded("deploy/grafana/dashboards/dispatch.json")
SOURCES = loaded("deploy/grafana/provisioning/datasources/datasources.yaml")
GRAFANA_RULES = loaded("deploy/grafana/provisioning/alerting/rules.yaml")
PROMETHEUS = loaded("deploy/prometheus/prometheus.yml")
RULE_FILES = {
    path.name: loaded(f"deploy/prometheus/rules/{path.name}")
    for path in sorted((ROOT / "deploy/prometheus/rules").glob("*.yml"))
}


@dataclass(frozen=True, slots=True)
class Query:
    """One query of a shipped file, and the panel or rule it stands in."""

    place: str
    text: str

    def __str__(self) -> str:
        return self.place


def panels() -> list[dict[str, Any]]:
    """Return the dashboard's panels that show something."""
    return [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]


def targets() -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """Give each query of each panel, with its panel."""
    for panel in panels():
        for target in panel["targets"]:
            yield panel, target


def dashboard_promql() -> list[Query]:
    """Return the dashboard's PromQL, with values in place of Grafana's variables."""
    return [Query(f"panel {panel['title']}", filled(target["expr"])) for panel, target in targets() if "expr" in target]


def traceql() -> list[Query]:
    """Return the dashboard's TraceQL."""
    return [
        Query(f"panel {panel['title']}", filled(target["query"])) for panel, target in targets() if "query" in target
    ]


def grafana_rules() -> list[dict[str, Any]]:
    """Return the alert rules that Grafana evaluates."""
    return [rule for group in GRAFANA_RULES["groups"] for rule in group["rules"]]


def prometheus_rules() -> list[dict[str, Any]]:
    """Return the rules that Prometheus evaluates."""
    return [rule for document in RULE_FILES.values() for group in document["groups"] for rule in group["rules"]]


def rules_promql() -> list[Query]:
    """Return the PromQL of every alert and recording rule, Grafana's and Prometheus'."""
    own = [
        Query(f"Grafana rule {rule['title']}", data["model"]["expr"])
        for rule in grafana_rules()
        for data in rule["data"]
        if "expr" in data["model"]
    ]
    return own + [Query(f"rule {rule.get('alert') or rule['record']}", rule["expr"]) for rule in prometheus_rules()]


def filled(text: str) -> str:
    """Return a query with a value in place of each of Grafana's variables, as a person has chosen them."""
    for name, value in (("$__interval", "30s"), ("$__rate_interval", "1m"), ("$__range", "1h")):
        text = text.replace(name, value)
    return re.sub(r"\$\{?\w+(?::\w+)?\}?", "chosen", text)
