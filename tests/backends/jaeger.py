"""Jaeger behind two questions: what is in this trace, and which spans carry these attributes."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

DEPLOY = Path(__file__).resolve().parents[2] / "deploy" / "jaeger"
PATIENCE = 60.0

# urllib would otherwise send loopback requests to the proxy of the environment.
OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))

Answer = TypeVar("Answer")


class NoJaeger(Exception):  # noqa: N818 - an absence, not an error
    """There is no Jaeger here; the message says how to name one."""


@dataclass(frozen=True, slots=True)
class Span:
    """One span as Jaeger gives it back."""

    service: str
    trace_id: str
    span_id: str
    name: str
    kind: int
    attributes: dict[str, Any]


class Jaeger:
    """A Jaeger to ask: a running one if DISPATCH_JAEGER_URL names it, else one started here."""

    def __init__(self, query_url: str, otlp_url: str) -> None:
        self.query_url = query_url.rstrip("/")
        self.otlp_url = otlp_url.rstrip("/")

    @classmethod
    @contextlib.contextmanager
    def at_hand(cls, log: Path) -> Iterator[Jaeger]:
        """Yield the Jaeger there is, and stop it if it was started here; raises NoJaeger."""
        if url := os.environ.get("DISPATCH_JAEGER_URL"):
            yield cls(url, os.environ.get("DISPATCH_JAEGER_OTLP", "http://127.0.0.1:4318"))
        elif binary := os.environ.get("DISPATCH_JAEGER_BIN") or shutil.which("jaeger"):
            with started(binary, log) as jaeger:
                yield jaeger
        else:
            raise NoJaeger("no Jaeger: set DISPATCH_JAEGER_URL or DISPATCH_JAEGER_BIN, or put jaeger on PATH")

    def trace(self, trace_id: str, patience: float = PATIENCE) -> list[Span]:
        """Return the spans of one trace, as soon as there are any."""
        url = f"{self.query_url}/api/v3/traces/{trace_id}"
        return polled(lambda: spans_in(get(url)), patience)

    def find(self, service: str, attributes: dict[str, str], patience: float = PATIENCE) -> list[Span]:
        """Return the last hour's spans of a service that carry the attributes, as soon as there are any."""
        return polled(lambda: self._found(service, attributes), patience)

    def _found(self, service: str, attributes: dict[str, str]) -> list[Span]:
        since, until = instant(-3600), instant(60)
        query = {
            "query.serviceName": service,
            "query.startTimeMin": since,
            "query.startTimeMax": until,
            "query.searchDepth": 100,
            "query.attributes": json.dumps(attributes),
            # The names before 2.19, whose servers moreover ignore the attributes.
            "query.service_name": service,
            "query.start_time_min": since,
            "query.start_time_max": until,
            "query.num_traces": 100,
        }
        found = spans_in(get(f"{self.query_url}/api/v3/traces?{urllib.parse.urlencode(query)}"))
        # The answer is whole traces, so the spans that made them match are still to be picked out.
        return [span for span in found if span.service == service and carries(span, attributes)]


@contextlib.contextmanager
def started(binary: str, log: Path) -> Iterator[Jaeger]:
    """Yield a Jaeger on free loopback ports that runs on the shipped configuration."""
    query, query_grpc, otlp_grpc, otlp_http, health = free_ports(5)
    environment = {
        **os.environ,
        "JAEGER_LISTEN_HOST": "127.0.0.1",
        "JAEGER_UI_CONFIG": str(DEPLOY / "ui.json"),
        "JAEGER_QUERY_PORT": str(query),
        "JAEGER_QUERY_GRPC_PORT": str(query_grpc),
        "JAEGER_OTLP_GRPC_PORT": str(otlp_grpc),
        "JAEGER_OTLP_HTTP_PORT": str(otlp_http),
        "JAEGER_HEALTH_PORT": str(health),
    }
    with log.open("wb") as output:
        process = subprocess.Popen(
            [binary, "--config", str(DEPLOY / "config.yaml")],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        polled(lambda: process.poll() is not None or is_healthy(health), PATIENCE)
        if process.poll() is not None or not is_healthy(health):
            raise RuntimeError(f"Jaeger did not start:\n{log.read_text(errors='replace')[-4000:]}")
        yield Jaeger(f"http://127.0.0.1:{query}", f"http://127.0.0.1:{otlp_http}")
    finally:
        stop(process)


def is_healthy(port: int) -> bool:
    """Return whether Jaeger's health check answers that all is well."""
    try:
        return get(f"http://127.0.0.1:{port}/status").get("healthy") is True
    except OSError:
        return False


def stop(process: subprocess.Popen[bytes]) -> None:
    """End the process, by force if it does not go."""
    process.terminate()
    try:
        process.wait(15)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def free_ports(count: int) -> list[int]:
    """Return distinct loopback ports that nothing listens on."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


def polled(ask: Callable[[], Answer], patience: float) -> Answer:
    """Return the first answer that is not empty, or the last one when patience ends."""
    deadline = time.monotonic() + patience
    while not (answer := ask()) and time.monotonic() < deadline:
        time.sleep(0.1)
    return answer


def get(url: str) -> dict[str, Any]:
    """Return the JSON at a URL; nothing found is an empty object."""
    try:
        with OPENER.open(url, timeout=10) as response:
            answer: dict[str, Any] = json.load(response)
            return answer
    except urllib.error.HTTPError as error:
        with error:
            if error.code == 404:
                return {}
            raise


def spans_in(answer: dict[str, Any]) -> list[Span]:
    """Return the spans of an answer of /api/v3, which wraps OTLP's JSON."""
    return [
        Span(
            service=values_of(resource["resource"]).get("service.name", ""),
            trace_id=span["traceId"],
            span_id=span["spanId"],
            name=span["name"],
            kind=span.get("kind", 0),
            attributes=values_of(span),
        )
        for resource in answer.get("result", {}).get("resourceSpans", [])
        for scope in resource["scopeSpans"]
        for span in scope["spans"]
    ]


def values_of(owner: dict[str, Any]) -> dict[str, Any]:
    """Return the attributes of a span or resource, integers as integers."""
    return {each["key"]: value_of(each["value"]) for each in owner.get("attributes", [])}


def value_of(wrapped: dict[str, Any]) -> Any:
    """Return the Python value of OTLP's one-entry {type: value} object."""
    ((kind, value),) = wrapped.items()
    if kind == "intValue":
        return int(value)
    if kind == "arrayValue":
        return [value_of(each) for each in value.get("values", [])]
    return value


def carries(span: Span, attributes: dict[str, str]) -> bool:
    """Return whether the span has all the attributes, compared as Jaeger does: as text."""
    return all(key in span.attributes and text(span.attributes[key]) == attributes[key] for key in attributes)


def text(value: Any) -> str:
    """Return a value as Jaeger compares it."""
    return value if isinstance(value, str) else json.dumps(value)


def instant(seconds_from_now: float) -> str:
    """Return a moment as RFC 3339 writes it."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + seconds_from_now))
