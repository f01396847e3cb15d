"""The names in rules, dashboard, links and collectors are those that the code writes."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader

from otel_dispatch import attributes as a
from otel_dispatch.instruments import Instruments
from otel_dispatch.record import Dispatch, Outcome, Provenance, Usage
from otel_dispatch.vocabulary import Field, Kind, Origin, OutcomeClass, OutcomeKind

from . import deployed
from .promql import Selector, grouped_by, selectors

ATTRIBUTES = {value for name, value in vars(a).items() if name.isupper() and isinstance(value, str)}
LABELS = {value.replace(".", "_"): value for value in ATTRIBUTES}
SPAN_METRICS = {"service_name", "span_name", "span_kind", "status_code", "le"}
"""What both collectors put on every series that they make of spans."""
SCRAPED = {"job", "instance"}
"""What a collector puts on every series of ours, after the service and its process."""

JAEGER_CALLS, JAEGER_TIME = "traces_span_metrics_calls_total", "traces_span_metrics_duration_milliseconds_bucket"
TEMPO_CALLS, TEMPO_TIME = "traces_spanmetrics_calls_total", "traces_spanmetrics_latency_bucket"

PROMQL = [*deployed.dashboard_promql(), *deployed.rules_promql()]
every_promql = pytest.mark.parametrize("query", PROMQL, ids=str)


def jaeger_dimensions() -> set[str]:
    """Return the attributes that Jaeger's connector makes labels of."""
    connector = deployed.JAEGER["connectors"]["spanmetrics"]
    return {each["name"] for each in connector["dimensions"]}


def tempo_dimensions() -> set[str]:
    """Return the attributes that Tempo's generator makes labels of."""
    return set(deployed.TEMPO["metrics_generator"]["processor"]["span_metrics"]["dimensions"])


def own_metrics() -> dict[str, set[str]]:
    """Return the names under which Prometheus has what we measure, and the labels that we really set on each."""
    reader = InMemoryMetricReader()
    tools = Instruments(meter_provider=MeterProvider([reader], shutdown_on_exit=False))
    dispatch = Dispatch(Kind.LLM_CALL, "chat", provenance=Provenance(provider=Origin.INHERITED))
    tools.count(dispatch, Outcome(OutcomeKind.SERVED))
    tools.time_run(dispatch, Outcome(OutcomeKind.SERVED), 1.0)
    words = dict.fromkeys((*ATTRIBUTES,), "x")
    tools.time_call(words, Usage(input=1, output=1), 1.0)
    data: Any = reader.get_metrics_data()
    found: dict[str, set[str]] = {}
    for metric in data.resource_metrics[0].scope_metrics[0].metrics:
        labels = {key.replace(".", "_") for point in metric.data.data_points for key in point.attributes}
        for name in exposed(
            metric.name, metric.unit, is_histogram=hasattr(metric.data.data_points[0], "bucket_counts")
        ):
            found[name] = labels
    return found


def exposed(name: str, unit: str, *, is_histogram: bool) -> list[str]:
    """Return the names that a Prometheus exporter gives an instrument: its unit, unless in braces, and a suffix."""
    stem = name.replace(".", "_") + {"s": "_seconds"}.get(unit, "")
    return [f"{stem}_{part}" for part in ("bucket", "sum", "count")] if is_histogram else [f"{stem}_total"]


def metrics() -> dict[str, set[str]]:
    """Return every metric that a query may name, with its labels."""
    own = {name: labels | SCRAPED | {"le"} for name, labels in own_metrics().items()}
    jaeger = {label(each) for each in jaeger_dimensions()} | SPAN_METRICS | SCRAPED
    tempo = {label(each) for each in tempo_dimensions()} | SPAN_METRICS | {"service"}
    return own | {JAEGER_CALLS: jaeger, JAEGER_TIME: jaeger, TEMPO_CALLS: tempo, TEMPO_TIME: tempo} | recorded()


def recorded() -> dict[str, set[str]]:
    """Return what the recording rules add, with the labels that they keep."""
    found: dict[str, set[str]] = {"up": SCRAPED}
    for rule in deployed.prometheus_rules():
        if "record" in rule:
            kept = grouped_by(rule["expr"]) | rule.get("labels", {}).keys()
            found[rule["record"]] = found.get(rule["record"], set()) | kept
    return found


def label(attribute: str) -> str:
    """Return an attribute's name as Prometheus writes it."""
    return attribute.replace(".", "_")


def chosen(selector: Selector) -> set[str]:
    """Return the metrics that a selector takes."""
    return {name for name in metrics() if selector.chooses(name)}


@every_promql
def test_a_query_asks_for_metrics_that_exist(query: deployed.Query) -> None:
    found = selectors(query.text)
    assert found
    assert [each for each in found if not chosen(each)] == []


@every_promql
def test_a_query_filters_by_labels_that_the_metric_has(query: deployed.Query) -> None:
    known = metrics()
    for selector in selectors(query.text):
        for metric in chosen(selector):
            assert selector.labels.keys() - {"__name__"} <= known[metric]


@every_promql
def test_a_query_groups_by_labels_that_its_metrics_have(query: deployed.Query) -> None:
    known = metrics()
    asked = [chosen(selector) for selector in selectors(query.text)]
    made = {match[1] for match in re.finditer(r"label_replace\(.*?,\s*\"(\w+)\",\s*\"\$", query.text, re.DOTALL)}
    assert grouped_by(query.text) <= {each for names in asked for name in names for each in known[name]} | made


@every_promql
def test_a_query_asks_both_collectors_or_says_which(query: deployed.Query) -> None:
    for selector in selectors(query.text):
        if selector.is_pattern:
            assert chosen(selector) == {JAEGER_CALLS, TEMPO_CALLS}


@every_promql
def test_a_label_of_ours_is_an_attribute_of_ours(query: deployed.Query) -> None:
    used = grouped_by(query.text) | {name for selector in selectors(query.text) for name in selector.labels}
    assert {name for name in used if is_ours(name)} <= LABELS.keys()


@pytest.mark.parametrize(
    "rule",
    [*deployed.grafana_rules(), *(r for r in deployed.prometheus_rules() if "alert" in r)],
    ids=lambda r: str(r)[:60],
)
def test_an_alert_tells_labels_that_its_query_keeps(rule: dict[str, Any]) -> None:
    expressions = [rule["expr"]] if "expr" in rule else [data["model"].get("expr", "") for data in rule["data"]]
    told = json.dumps(rule["annotations"])
    kept = {name for text in expressions for name in grouped_by(text)} | rule.get("labels", {}).keys() | SCRAPED
    own = set(re.findall(r"\$labels\.(\w+)", told)) if "expr" in rule else set(re.findall(r"\.Labels\.(\w+)", told))
    assert own
    assert own <= kept | {"alertname"}


def test_both_collectors_make_labels_of_the_same_attributes() -> None:
    assert jaeger_dimensions() == tempo_dimensions()


def test_a_dimension_is_an_attribute_of_ours() -> None:
    assert jaeger_dimensions() | tempo_dimensions() <= ATTRIBUTES


def test_tempo_labels_the_service_as_jaeger_does() -> None:
    (mapping,) = deployed.TEMPO["metrics_generator"]["processor"]["span_metrics"]["dimension_mappings"]
    assert mapping == {"name": "service_name", "source_labels": [a.SERVICE_NAME]}


def test_tempo_counts_the_spans_that_carry_our_kind() -> None:
    (policy,) = deployed.TEMPO["metrics_generator"]["processor"]["span_metrics"]["filter_policies"]
    assert [each["key"] for each in policy["include"]["attributes"]] == [f"span.{a.KIND}"]


def test_the_service_graph_is_drawn_by_attributes_of_ours() -> None:
    assert set(deployed.TEMPO["metrics_generator"]["processor"]["service_graphs"]["peer_attributes"]) <= ATTRIBUTES


@pytest.mark.parametrize("query", deployed.traceql(), ids=str)
def test_traceql_asks_for_attributes_of_ours(query: deployed.Query) -> None:
    used = re.findall(r"\b(?:span|resource)\.([\w.]+)", re.sub(r'"[^"]*"', '""', query.text))
    assert used
    assert set(used) <= ATTRIBUTES


@pytest.mark.parametrize("path", ["deploy/jaeger/ui.json", "deploy/grafana/dashboards/dispatch.json"])
def test_a_link_searches_for_attributes_of_ours(path: str) -> None:
    text = (deployed.ROOT / path).read_text(encoding="utf-8")
    searched = set(re.findall(r"(?:%7B|%2C)%22([\w.]+)%22%3A", text))
    assert len(searched) >= 3
    assert searched <= ATTRIBUTES


def test_a_link_pattern_hangs_on_an_attribute_of_ours() -> None:
    assert {pattern["key"] for pattern in deployed.UI["linkPatterns"]} <= ATTRIBUTES


WORDS = {
    a.KIND: {str(each) for each in Kind},
    a.OUTCOME_KIND: {str(each) for each in OutcomeKind},
    a.OUTCOME_CLASS: {str(each) for each in OutcomeClass},
    a.FIELD: {str(each) for each in Field},
    a.INHERITED: {"true", "false"},
}


@every_promql
def test_a_query_looks_for_words_of_the_vocabulary(query: deployed.Query) -> None:
    for selector in selectors(query.text):
        for name, value in selector.labels.items():
            if (attribute := LABELS.get(name, "")) in WORDS:
                assert set(filter(None, value.split("|"))) <= WORDS[attribute]


def test_a_link_looks_for_words_of_the_vocabulary() -> None:
    text = (deployed.ROOT / "deploy/jaeger/ui.json").read_text(encoding="utf-8")
    for attribute, value in re.findall(r"%22([\w.]+)%22%3A%22([\w.]+)%22", text):
        assert attribute not in WORDS or value in WORDS[attribute]


def is_ours(name: str) -> bool:
    """Return whether a label looks like one of our attributes."""
    return name.startswith(("dispatch_", "gen_ai_"))
