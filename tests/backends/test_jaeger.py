"""What a real Jaeger makes of the shipped configuration: counts for the rules, links that lead somewhere."""

import json
import re
import time
import urllib.parse
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.command.harn_lines import BEGIN, request, response

from .asking import page, polled
from .conftest import Demo, command
from .jaeger import FOLDER, Jaeger
from .prometheus import Series, series_in
from .running import DEPLOY
from .sending import ATTRIBUTES, sent

pytestmark = pytest.mark.timeout(900)  # a Jaeger may first have to be built

CALLS = "traces_span_metrics_calls_total"
RULES = sorted((DEPLOY / "prometheus" / "rules").glob("*.yml"))
NAME = re.compile(r"\b(?:dispatch|traces)_\w+|\bservice_name\b|\bspan_name\b")
PARAMETER = re.compile(r"#\{(.*?)\}")
UI = json.loads((FOLDER / "ui.json").read_text(encoding="utf-8"))


def linked(menu: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the entries of a menu and of those below it that search."""
    below = [each for entry in menu for each in linked(entry.get("items", []))]
    return [entry for entry in menu if entry.get("url", "").startswith("/")] + below


def series_of(jaeger: Jaeger, name: str = CALLS, **labels: str) -> list[Series]:
    """Return the series of a metric that have the labels, as soon as there are any."""

    def found() -> list[Series]:
        series = series_in(jaeger.metrics())
        return [each for each in series if each.name == name and labels.items() <= each.labels.items()]

    return polled(found)


def test_the_first_value_of_a_series_of_spans_is_zero_and_the_next_the_truth(jaeger: Jaeger, service: str) -> None:
    values: list[float] = []

    def counts() -> bool:
        values.extend(series.value for series in series_of(jaeger, service_name=service))
        return values[-1] != 0

    sent(jaeger.otlp_url, service)
    assert polled(counts)
    assert (values[0], values[-1]) == (0, 1)


def test_a_later_process_of_a_service_goes_on_with_its_series(jaeger: Jaeger, service: str) -> None:
    for _ in range(2):
        sent(jaeger.otlp_url, service)
    polled(lambda: series_of(jaeger, service_name=service)[0].value == 2)
    assert [series.value for series in series_of(jaeger, service_name=service)] == [2]


def test_spans_of_others_are_stored_and_not_counted(jaeger: Jaeger, service: str) -> None:
    theirs = f"{service}-theirs"
    trace_id = sent(jaeger.otlp_url, theirs, {"http.route": "/users/{id}"})
    sent(jaeger.otlp_url, service)
    assert series_of(jaeger, service_name=service)
    assert {each.labels.get("service_name") for each in series_in(jaeger.metrics())}.isdisjoint({theirs})
    assert len(jaeger.trace(trace_id)) == 1


def test_a_span_is_counted_by_what_the_rules_ask_for(jaeger: Jaeger, service: str) -> None:
    sent(jaeger.otlp_url, service)
    (series,) = series_of(jaeger, service_name=service)
    by = {name: value for name, value in series.labels.items() if name.startswith(("dispatch", "gen_ai"))}
    told = {name.replace(".", "_"): value for name, value in ATTRIBUTES.items()}
    del told["dispatch_outcome_completion_tokens"]
    assert by == {**told, "dispatch_inherited": "true"}
    assert (series.labels["job"], series.labels["span_name"]) == (service, "chat MiniMax-M2")


def test_every_name_in_the_rules_is_one_that_jaeger_exposes(
    jaeger: Jaeger, service: str, demo_on: Callable[[Jaeger], Demo]
) -> None:
    sent(jaeger.otlp_url, service)
    assert series_of(jaeger, "dispatch_calls_total", job=demo_on(jaeger).service)
    assert series_of(jaeger, service_name=service, dispatch_outcome_class="quota")
    series = series_in(jaeger.metrics())
    exposed = {each.name for each in series} | {label for each in series for label in each.labels}
    rules = [rule for path in RULES for group in yaml.safe_load(path.read_text())["groups"] for rule in group["rules"]]
    assert rules
    for rule in rules:
        # What a recording rule has made has colons in its name.
        asked = set(NAME.findall(re.sub(r"\w+:[\w:]+", "", rule["expr"])))
        assert asked <= exposed, rule.get("alert") or rule.get("record")


def test_our_own_counters_arrive_with_their_process_and_begin_at_zero(
    jaeger: Jaeger, demo_on: Callable[[Jaeger], Demo]
) -> None:
    service = demo_on(jaeger).service
    calls = series_of(jaeger, "dispatch_calls_total", job=service)
    assert len({each.labels["instance"] for each in calls}) == 1
    assert {each.labels["dispatch_inherited"] for each in calls} == {"true", "false"}
    fields = {
        (each.labels["dispatch_kind"], each.labels["dispatch_field"]): each.value
        for each in series_of(jaeger, "dispatch_inherited_total", job=service)
    }
    assert len(fields) == 30
    assert {pair for pair, value in fields.items() if value} == {("llm_call", "provider"), ("run_skill", "provider")}


@pytest.mark.parametrize(
    "link", [*linked(UI["menu"]), *UI["linkPatterns"]], ids=lambda link: link.get("label", link.get("key"))
)
def test_a_link_of_the_ui_leads_to_a_search_that_jaeger_takes(
    jaeger: Jaeger, service: str, link: dict[str, Any]
) -> None:
    url = PARAMETER.sub(lambda match: str(ATTRIBUTES.get(match[1], "x")), link["url"])
    assert "JAEGER_CONFIG" in page(f"{jaeger.query_url}{url}")
    trace_id = sent(jaeger.otlp_url, service, {**ATTRIBUTES, **tags_of(url)})
    assert [span.trace_id for span in jaeger.find(service, tags_of(url))] == [trace_id]


def test_a_trace_has_a_page(jaeger: Jaeger, service: str) -> None:
    trace_id = sent(jaeger.otlp_url, service)
    assert "JAEGER_CONFIG" in page(f"{jaeger.query_url}/trace/{trace_id}")


def test_the_ui_is_given_our_menu_and_links(jaeger: Jaeger) -> None:
    (given,) = re.findall(r"^JAEGER_CONFIG = (.*);$", page(f"{jaeger.query_url}/search"), re.MULTILINE)
    assert json.loads(given) == UI


def test_an_imported_transcript_of_harn_is_found(jaeger: Jaeger, service: str, tmp_path: Path) -> None:
    path = tmp_path / "run-1-llm" / "llm_transcript.jsonl"
    path.parent.mkdir()
    ago, route = time.time() - 60 - BEGIN, ("minimax", "MiniMax-M2")
    lines = [request(ago, "c1", 1, route), response(ago + 1, "c1", 1, route)]
    path.write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    command(jaeger.otlp_url, service, "import-harn", str(path))
    (call,) = jaeger.find(service, {"dispatch.kind": "llm_call"})
    assert (call.attributes["dispatch.provider"], call.attributes["dispatch.model"]) == route
    assert [span.span_id for span in jaeger.trace(call.trace_id)].count(call.parent_id) == 1


def tags_of(url: str) -> dict[str, str]:
    """Return what a link searches for."""
    (tags,) = urllib.parse.parse_qs(urllib.parse.urlsplit(url).query)["tags"]
    found: dict[str, str] = json.loads(tags)
    return found
