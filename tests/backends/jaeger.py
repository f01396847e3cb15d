"""Jaeger behind two questions: what is in this trace, and which spans carry these attributes."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import uuid
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from .asking import PATIENCE, get, instant, page, polled
from .install import awaited
from .running import DEPLOY, free_ports, running
from .spans import Span, carries, spans_in, text

FOLDER = DEPLOY / "jaeger"
PORTS = ("QUERY", "QUERY_GRPC", "OTLP_GRPC", "OTLP_HTTP", "HEALTH", "METRICS")


class AbsentError(Exception):
    """There is no such backend here; the message says how to name one."""


class Jaeger:
    """A Jaeger to ask: a running one if DISPATCH_JAEGER_URL names it, else one started here."""

    def __init__(self, query_url: str, otlp_url: str, metrics_url: str) -> None:
        self.query_url = query_url.rstrip("/")
        self.otlp_url = otlp_url.rstrip("/")
        self.metrics_url = metrics_url.rstrip("/")
        self._searches: bool | None = None

    @classmethod
    @contextlib.contextmanager
    def at_hand(cls, log: Path) -> Iterator[Jaeger]:
        """Yield the Jaeger there is, and stop it if it was started here; raises AbsentError."""
        if url := os.environ.get("DISPATCH_JAEGER_URL"):
            otlp = os.environ.get("DISPATCH_JAEGER_OTLP", "http://127.0.0.1:4318")
            yield cls(url, otlp, os.environ.get("DISPATCH_JAEGER_METRICS", "http://127.0.0.1:8889"))
        else:
            with cls.started(program(), log) as jaeger:
                yield jaeger

    @classmethod
    @contextlib.contextmanager
    def started(
        cls, binary: str, log: Path, overlays: Sequence[str] = (), variables: Mapping[str, str] | None = None
    ) -> Iterator[Jaeger]:
        """Yield a Jaeger on free loopback ports that runs on the shipped configuration and on what is laid over it."""
        ports = dict(zip(PORTS, free_ports(len(PORTS)), strict=True))
        environment = {f"JAEGER_{name}_PORT": str(port) for name, port in ports.items()}
        environment |= {"JAEGER_LISTEN_HOST": "127.0.0.1", "JAEGER_UI_CONFIG": str(FOLDER / "ui.json")}
        environment["JAEGER_FLUSH_INTERVAL"] = "1s"
        configs = [str(FOLDER / name) for name in ("config.yaml", *overlays)]
        command = [binary, *(word for config in configs for word in ("--config", config))]
        with running(command, {**environment, **(variables or {})}, log, lambda: is_healthy(ports["HEALTH"])):
            yield cls(*(f"http://127.0.0.1:{ports[name]}" for name in ("QUERY", "OTLP_HTTP", "METRICS")))

    def trace(self, trace_id: str, patience: float = PATIENCE) -> list[Span]:
        """Return the spans of one trace, as soon as there are any."""
        return polled(lambda: self._spans(f"traces/{trace_id}"), patience)

    def find(self, service: str, attributes: Mapping[str, object], patience: float = PATIENCE) -> list[Span]:
        """Return the last hour's spans of a service that carry the attributes, as soon as the server finds any."""
        return polled(lambda: self._found(service, attributes), patience)

    def searches_by_attribute(self, service: str) -> bool:
        """Return whether /api/v3 looks at the attributes it is asked for, which before 2.19 it does not."""
        if self._searches is None:
            self._searches = self._search(service, {uuid.uuid4().hex: "nobody's"}) == []
        return self._searches

    def _found(self, service: str, attributes: Mapping[str, object]) -> list[Span]:
        if not self._search(service, {}):
            return []
        search = self._search if self.searches_by_attribute(service) else self._search_by_the_old_api
        # The answer is whole traces, so the spans that made them match are still to be picked out.
        return [span for span in search(service, attributes) if span.service == service and carries(span, attributes)]

    def _search(self, service: str, attributes: Mapping[str, object]) -> list[Span]:
        since, until = instant(-3600), instant(60)
        query = {
            "query.serviceName": service,
            "query.startTimeMin": since,
            "query.startTimeMax": until,
            "query.searchDepth": 100,
            # The names before 2.19.
            "query.service_name": service,
            "query.start_time_min": since,
            "query.start_time_max": until,
            "query.num_traces": 100,
        }
        return self._spans("traces", {**query, **({"query.attributes": as_tags(attributes)} if attributes else {})})

    def _search_by_the_old_api(self, service: str, attributes: Mapping[str, object]) -> list[Span]:
        # What the UI asks, until 2.20; it finds the traces, and their spans come from /api/v3 as everywhere else.
        query = {"service": service, "tags": as_tags(attributes), "lookback": "1h", "limit": 100}
        found = get(f"{self.query_url}/api/traces", query)["data"]
        return [span for trace in found for span in self._spans(f"traces/{trace['traceID']}")]

    def _spans(self, path: str, query: Mapping[str, object] | None = None) -> list[Span]:
        return spans_in(get(f"{self.query_url}/api/v3/{path}", query).get("result", {}).get("resourceSpans", []))

    def metrics(self) -> str:
        """Return what Prometheus would scrape."""
        return page(f"{self.metrics_url}/metrics")


def program() -> str:
    """Return the path of a Jaeger that can be started here; raises AbsentError."""
    if named := os.environ.get("DISPATCH_JAEGER_BIN") or shutil.which("jaeger"):
        return named
    found = awaited()
    if isinstance(found, str):
        raise AbsentError(found)
    return str(found)


def is_healthy(port: int) -> bool:
    """Return whether Jaeger's health check answers that all is well."""
    try:
        return get(f"http://127.0.0.1:{port}/status").get("healthy") is True
    except OSError:
        return False


def as_tags(attributes: Mapping[str, object]) -> str:
    """Return attributes as a search takes them: a JSON object of strings."""
    return json.dumps({key: text(value) for key, value in attributes.items()})
