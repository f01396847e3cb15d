"""Makes every call beside one neighbour, and writes down what was told: python -m tests.coexistence.program …"""

import asyncio
import contextvars
import gc
import json
import logging
import sys
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from importlib import import_module
from importlib.util import find_spec
from inspect import signature
from pathlib import Path
from typing import Any

import anthropic
import openai
from opentelemetry import _logs, metrics, trace
from opentelemetry import context as otel
from opentelemetry.instrumentation.utils import suppress_http_instrumentation, suppress_instrumentation
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import InMemoryLogRecordExporter, SimpleLogRecordProcessor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider

import otel_dispatch
from otel_dispatch import aloft

from .calls import CALLS, MESSAGE, NATIVE, call_of
from .peers import PEERS, Peer, outers_of

ALONE, THEY_FIRST, WE_FIRST = "alone", "they first", "we first"


class Spans(SpanProcessor):
    """Keeps every span that is started, also what is never ended."""

    def __init__(self) -> None:
        self.started: list[Any] = []

    def on_start(self, span: Any, parent_context: Any = None) -> None:
        """Keep *span*."""
        self.started.append(span)

    def on_end(self, span: Any) -> None:
        """Keep *span* if nobody told that it was started."""
        if span.context.span_id not in {one.context.span_id for one in self.started}:
            self.started.append(span)


class Faults(logging.Handler):
    """Keeps what we logged."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.told: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep the message."""
        self.told.append(record.getMessage())


class Listener:
    """Everything that this process tells."""

    def __init__(self, peer: str) -> None:
        self.spans, self.events, self.faults = Spans(), InMemoryLogRecordExporter(), Faults()
        self.metrics = InMemoryMetricReader()
        logging.getLogger("otel_dispatch").addHandler(self.faults)
        events = SimpleLogRecordProcessor(self.events)
        if peer == "logfire":
            module: Any = import_module("logfire")
            module.configure(
                send_to_logfire=False,
                console=False,
                inspect_arguments=False,
                additional_span_processors=[self.spans],
                metrics=module.MetricsOptions(additional_readers=[self.metrics]),
                advanced=module.AdvancedOptions(log_record_processors=[events]),
            )
            return
        tracing, logs = TracerProvider(shutdown_on_exit=False), LoggerProvider(shutdown_on_exit=False)
        tracing.add_span_processor(self.spans)
        logs.add_log_record_processor(events)
        trace.set_tracer_provider(tracing)
        _logs.set_logger_provider(logs)
        metrics.set_meter_provider(MeterProvider([self.metrics], shutdown_on_exit=False))

    def take(self) -> dict[str, Any]:
        """What was told since the last take, when every call of ours has ended."""
        deadline = time.monotonic() + 10
        while aloft.count() and time.monotonic() < deadline:
            time.sleep(0.001)
        gc.collect()
        told = [entry.log_record for entry in self.events.get_finished_logs()]
        found = {
            "spans": [_span(span) for span in self.spans.started],
            "events": [dict(one.attributes or {}) for one in told if one.event_name == "dispatch.resolved"],
        }
        self.spans.started.clear()
        self.events.clear()
        return found

    def counted(self) -> dict[str, int]:
        """How many calls of ours came to which outcome."""
        found: Counter[str] = Counter()
        data = self.metrics.get_metrics_data()
        for scope in (scope for resource in data.resource_metrics for scope in resource.scope_metrics):
            for point in (
                point for one in scope.metrics if one.name == "dispatch.calls" for point in one.data.data_points
            ):
                found[point.attributes["dispatch.outcome.kind"]] += point.value
        return found


def _span(span: Any) -> dict[str, Any]:
    return {
        "scope": span.instrumentation_scope.name,
        "name": span.name,
        "kind": span.kind.name,
        "status": [span.status.status_code.name, span.status.description],
        "attributes": dict(span.attributes or {}),
        "events": [[event.name, dict(event.attributes or {})] for event in span.events],
        "has_ended": span.end_time is not None,
        "id": span.context.span_id,
        "parent": span.parent and span.parent.span_id,
    }


class Clients:
    """The SDKs' clients, sync and async, at the local provider; each call is made in a context of its own."""

    def __init__(self, url: str) -> None:
        chat: dict[str, Any] = {"base_url": f"{url}/v1", "api_key": "k", "max_retries": 0}
        claude: dict[str, Any] = {"base_url": url, "api_key": "k", "max_retries": 0}
        self._url, self._runner = f"{url}/v1/messages", asyncio.Runner()
        self._sync = {"openai": openai.OpenAI(**chat), "anthropic": anthropic.Anthropic(**claude)}
        has_native = "open_telemetry" in signature(anthropic.Anthropic).parameters
        self.native: Any = (
            anthropic.Anthropic(**claude, open_telemetry={"tracer_provider": trace.get_tracer_provider()})
            if has_native
            else None
        )
        self._async = {"openai": openai.AsyncOpenAI(**chat), "anthropic": anthropic.AsyncAnthropic(**claude)}

    def post(self) -> None:
        """Make a call without any SDK."""
        module: Any = import_module("httpx2" if find_spec("httpx2") else "httpx")
        module.post(self._url, json=dict(MESSAGE))

    def run(self, name: str) -> None:
        """Make the call of *name*."""
        call, context = call_of(name), contextvars.copy_context()
        with suppress(openai.RateLimitError, anthropic.RateLimitError):
            if name.startswith("async"):
                self._runner.run(call.arun(self._async[call.sdk]), context=context)
            else:
                context.run(call.run, self._sync[call.sdk])


def _under(key: str) -> Callable[[], Any]:
    class Under:
        def __enter__(self) -> None:
            self.token = otel.attach(otel.set_value(key, True))

        def __exit__(self, *_: object) -> None:
            otel.detach(self.token)

    return Under


def _around(peer: Peer, clients: Clients, listener: Listener) -> dict[str, Any]:
    """What is told of a call inside each span that is no call, and under each key that suppresses."""
    found = {}
    keys = {
        "suppress_instrumentation": suppress_instrumentation,
        "suppress_language_model_instrumentation": _under("suppress_language_model_instrumentation"),
        "suppress_http_instrumentation": suppress_http_instrumentation,
    }
    outers = {**{f"in {name}": outer for name, outer in outers_of(peer).items()}, **keys}
    for name, outer in outers.items():
        with outer():
            clients.run("chat")
            clients.run("messages")
        found[name] = listener.take()
    if clients.native is not None:
        for name in NATIVE:
            call_of(name).run(clients.native)
            found[f"{name}, native"] = listener.take()
    if peer.generation is not None:
        with peer.generation():
            clients.post()
        found["in generation"] = listener.take()
    return found


def main(name: str, order: str, url: str, out: str) -> None:
    """Make every call beside the neighbour *name*."""
    listener, peer = Listener(name), PEERS[name]
    if order == WE_FIRST:
        otel_dispatch.instrument()
    peer.activate()
    if order == THEY_FIRST:
        otel_dispatch.instrument()
    clients = Clients(url)
    gc.freeze()
    told = {}
    for call in CALLS:
        clients.run(call)
        told[call] = listener.take()
    counted = listener.counted() if order != ALONE else {}
    told.update(_around(peer, clients, listener))
    dump = {"told": told, "counted": counted, "faults": listener.faults.told}
    Path(out).write_text(json.dumps(dump), encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
