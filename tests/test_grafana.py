"""What Grafana is given to start with holds together: sources, dashboard, alert rule and where its alerts go."""

from __future__ import annotations

import re
import subprocess
import urllib.parse
from pathlib import Path
from typing import Any

import pytest
import yaml

from . import deployed
from .alerting.debian import Missing, program

RECEIVERS = deployed.loaded("deploy/grafana/provisioning/alerting/receivers.yaml")
PROVIDERS = deployed.loaded("deploy/grafana/provisioning/dashboards/dashboards.yaml")
SOURCES = {source["uid"]: source for source in deployed.SOURCES["datasources"]}
VARIABLES = {each["name"]: each for each in deployed.DASHBOARD["templating"]["list"]}

every_panel = pytest.mark.parametrize("panel", deployed.panels(), ids=lambda panel: panel["title"])
every_rule = pytest.mark.parametrize("rule", deployed.grafana_rules(), ids=lambda rule: rule["title"])


@pytest.mark.parametrize(("uid", "service"), [("prometheus", "prometheus"), ("tempo", "tempo"), ("jaeger", "jaeger")])
def test_a_source_is_a_service_of_the_compose_file_on_a_port_it_publishes(uid: str, service: str) -> None:
    assert SOURCES[uid]["type"] == uid
    url = urllib.parse.urlsplit(SOURCES[uid]["url"])
    assert url.hostname == service
    assert any(port.endswith(f":{url.port}") for port in deployed.COMPOSE["services"][service]["ports"])


def test_a_source_refers_only_to_sources_that_are_there() -> None:
    text = (deployed.ROOT / "deploy/grafana/provisioning/datasources/datasources.yaml").read_text(encoding="utf-8")
    assert set(re.findall(r"datasourceUid: (\w+)", text)) <= SOURCES.keys()


def test_the_dashboard_is_where_its_provider_looks() -> None:
    (provider,) = PROVIDERS["providers"]
    mounts = dict(mount.split(":")[:2][::-1] for mount in deployed.COMPOSE["services"]["grafana"]["volumes"])
    assert (deployed.ROOT / mounts[provider["options"]["path"]] / "dispatch.json").is_file()


def test_the_links_of_the_alerts_lead_to_the_dashboard() -> None:
    links = [rule["annotations"]["grafana"] for rule in [*deployed.grafana_rules(), *alerts()]]
    assert links
    assert {match[1] for link in links for match in re.finditer(r"/d/([\w-]+)/", link)} == {deployed.DASHBOARD["uid"]}
    assert {name for link in links for name in re.findall(r"var-(\w+)=", link)} <= VARIABLES.keys()


def alerts() -> list[dict[str, Any]]:
    """Return Prometheus' own alerts."""
    return [rule for rule in deployed.prometheus_rules() if "alert" in rule]


@every_panel
def test_a_panel_says_what_it_shows(panel: dict[str, Any]) -> None:
    assert panel["description"].endswith(".")


@every_panel
def test_a_panel_asks_a_source_of_its_kind(panel: dict[str, Any]) -> None:
    for target in panel["targets"]:
        source = target["datasource"]
        variable = VARIABLES[source["uid"].removeprefix("${").removesuffix("}")]
        assert (variable["type"], variable["query"]) == ("datasource", source["type"])
        assert ("expr" in target) == (source["type"] == "prometheus")
        assert SOURCES[variable["current"]["value"]]["type"] == source["type"]


def test_no_panel_lies_over_another_or_beyond_the_edge() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in deployed.DASHBOARD["panels"]:
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert place["x"] + place["w"] <= 24
        assert not cells & taken
        taken |= cells


def test_every_panel_has_an_id_of_its_own() -> None:
    ids = [panel["id"] for panel in deployed.DASHBOARD["panels"]]
    assert len(set(ids)) == len(ids)


@every_panel
def test_a_panel_uses_only_variables_that_exist(panel: dict[str, Any]) -> None:
    own = {"__interval", "__range", "__rate_interval", "__data"}
    queries = [target.get("expr") or target["query"] for target in panel["targets"]]
    links = re.findall(r"'url': '([^']*)'", str(panel))
    assert set(re.findall(r"\$\{?(\w+)", " ".join([*queries, *links]))) <= VARIABLES.keys() | own


@every_panel
def test_a_table_names_the_columns_that_its_query_gives(panel: dict[str, Any]) -> None:
    renamed = [each["options"]["renameByName"] for each in panel.get("transformations", []) if each["id"] == "organize"]
    for names in renamed:
        labels = {name for name in names if not name.startswith("Value")}
        for target in panel["targets"]:
            assert labels == grouped_at_the_end(target["expr"])


def grouped_at_the_end(expression: str) -> set[str]:
    """Return the labels of an expression's outermost sum."""
    found = re.search(r"sum by \(([^)]*)\)", expression)
    assert found
    return {name.strip() for name in found[1].split(",")}


@every_rule
def test_a_rule_pages_on_one_event_and_not_on_nothing(rule: dict[str, Any]) -> None:
    assert (rule["for"], rule["noDataState"]) == ("0s", "OK")
    assert rule["labels"]["severity"] == "page"
    (condition,) = (data for data in rule["data"] if data["refId"] == rule["condition"])
    assert condition["datasourceUid"] == "__expr__"
    assert condition["model"]["expression"] in {data["refId"] for data in rule["data"]}
    assert condition["model"]["conditions"][0]["evaluator"] == {"type": "gt", "params": [0]}


@every_rule
def test_a_rule_stands_beside_a_panel_of_the_dashboard(rule: dict[str, Any]) -> None:
    (panel,) = (panel for panel in deployed.panels() if panel["id"] == rule["panelId"])
    assert rule["dashboardUid"] == deployed.DASHBOARD["uid"]
    assert "nherited" in panel["title"]


@every_rule
def test_a_text_holds_no_variable_but_grafanas_own_address(rule: dict[str, Any]) -> None:
    # Grafana puts its environment in place of every $name, so that $labels would come out empty.
    texts = [*rule["annotations"].values(), *rule["labels"].values()]
    assert {name for text in texts for name in re.findall(r"\$+\{?\w+\}?", text)} == {"${GF_SERVER_ROOT_URL}"}
    assert "GF_SERVER_ROOT_URL" in deployed.COMPOSE["services"]["grafana"]["environment"]


def test_alerts_go_to_the_alertmanager_of_the_compose_file() -> None:
    (point,), (policy,) = RECEIVERS["contactPoints"], RECEIVERS["policies"]
    assert policy["receiver"] == point["name"]
    assert policy["group_wait"] == "0s"
    (receiver,) = point["receivers"]
    url = urllib.parse.urlsplit(receiver["settings"]["url"])
    assert receiver["type"] == "prometheus-alertmanager"
    assert any(each.endswith(f":{url.port}") for each in deployed.COMPOSE["services"][url.hostname or ""]["ports"])


def test_prometheus_reads_every_query(tmp_path: Path) -> None:
    queries = [*deployed.dashboard_promql(), *(each for each in deployed.rules_promql() if "Grafana" in each.place)]
    rules = [{"record": f"query:{index}", "expr": query.text} for index, query in enumerate(queries)]
    path = tmp_path / "rules.yml"
    path.write_text(yaml.safe_dump({"groups": [{"name": "queries", "rules": rules}]}), encoding="utf-8")
    try:
        promtool = program("promtool")
    except Missing as reason:
        pytest.skip(str(reason))
    ran = subprocess.run([promtool, "check", "rules", str(path)], capture_output=True, text=True, timeout=60)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert f"SUCCESS: {len(queries)} rules found" in ran.stdout
