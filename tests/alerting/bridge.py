"""A double of the collector, for machines without one: OTLP in, Prometheus' text out.

It counts spans as deploy/jaeger/config.yaml has Jaeger count them, and keeps the last value of each counter of each
process. It is the only part of the alert path that is not real, and the test that uses it says so in its name.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import yaml
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2 as metrics_pb
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2 as traces_pb

from otel_dispatch.demo.answer import Answer
from otel_dispatch.demo.server import Seen, Served
from tests.backends.running import DEPLOY

SPANS = "traces_span_metrics_calls_total"
Labels = tuple[tuple[str, str], ...]


class Bridge(Served):
    """Takes OTLP over HTTP, and answers GET /metrics, while its context is open."""

    def __init__(self) -> None:
        config = yaml.safe_load((DEPLOY / "jaeger" / "config.yaml").read_text(encoding="utf-8"))
        self._dimensions = [one["name"] for one in config["connectors"]["spanmetrics"]["dimensions"]]
        self._lock = threading.Lock()
        self._series: Counter[tuple[str, Labels]] = Counter()
        self._take: Mapping[str, Callable[[bytes], None]] = {"/v1/traces": self._spans, "/v1/metrics": self._counters}

    @property
    def otlp_url(self) -> str:
        """Where programs send to."""
        return f"http://127.0.0.1:{self._server.server_port}"

    @property
    def metrics_url(self) -> str:
        """Where Prometheus scrapes."""
        return self.otlp_url

    def _answer(self, seen: Seen) -> Answer:
        if seen.path == "/metrics":
            return Answer(headers={"content-type": "text/plain; version=0.0.4"}, body=self._page().encode())
        with self._lock:
            self._take.get(seen.path, lambda body: None)(seen.body)
        return Answer(headers={"content-type": "application/x-protobuf"})

    def _page(self) -> str:
        with self._lock:
            lines = [f"{name}{{{told(labels)}}} {value}" for (name, labels), value in sorted(self._series.items())]
        return "\n".join([*lines, ""])

    def _spans(self, body: bytes) -> None:
        for resource in traces_pb.ExportTraceServiceRequest.FromString(body).resource_spans:
            service = facts(resource.resource.attributes)["service.name"]
            for span in (span for scope in resource.scope_spans for span in scope.spans):
                said = facts(span.attributes)
                if "dispatch.kind" in said:
                    kept = {name: said[name] for name in self._dimensions if name in said}
                    self._series[SPANS, labelled(job=service, service_name=service, span_name=span.name, **kept)] += 1

    def _counters(self, body: bytes) -> None:
        for resource in metrics_pb.ExportMetricsServiceRequest.FromString(body).resource_metrics:
            whose = facts(resource.resource.attributes)
            process = {"job": whose["service.name"], "instance": whose.get("service.instance.id", "")}
            for name, said, value in sums(resource):
                self._series[f"{name.replace('.', '_')}_total", labelled(**process, **said)] = value


def sums(resource: Any) -> Iterator[tuple[str, dict[str, str], int]]:
    """Yield the points of a process's counters: name, attributes, value."""
    for metric in (metric for scope in resource.scope_metrics for metric in scope.metrics):
        for point in metric.sum.data_points:
            yield metric.name, facts(point.attributes), point.as_int


def facts(pairs: Any) -> dict[str, str]:
    """Return attributes as labels have them: text."""
    return {pair.key: text(getattr(pair.value, pair.value.WhichOneof("value"))) for pair in pairs}


def text(value: Any) -> str:
    """Return a value as Prometheus' label has it."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def labelled(**values: str) -> Labels:
    """Return labels under the names that Prometheus takes."""
    return tuple(sorted((name.replace(".", "_"), value) for name, value in values.items()))


def told(labels: Labels) -> str:
    """Return labels as Prometheus' text format writes them."""
    escaped = ((name, value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")) for name, value in labels)
    return ",".join(f'{name}="{value}"' for name, value in escaped)
