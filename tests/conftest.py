"""What the tests share: a local provider, everything that was told, and no fault of ours left unseen."""

import gc
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from opentelemetry import context as otel
from opentelemetry.context import Context
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import InMemoryLogRecordExporter, SimpleLogRecordProcessor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

import otel_dispatch
from otel_dispatch import context, guard
from otel_dispatch.context import Frame
from otel_dispatch.demo.provider import Provider

VARIABLES = ("DISPATCH_OTEL", "OTEL_", "OPENAI_", "ANTHROPIC_", "TRACEPARENT", "TRACESTATE", "OLLAMA_HOST")


def pytest_collection_finish(session: pytest.Session) -> None:
    """Keeps what a worker of the whole suite has imported out of every later collection: many tests ask for one."""
    if hasattr(session.config, "workerinput"):
        gc.collect()
        gc.freeze()


def pytest_sessionfinish() -> None:
    """Lets collections see everything again: who asks for referrers at the end is to find them."""
    gc.unfreeze()


@dataclass
class Told:
    """Everything that a test's instrumentation told: spans, metrics and log events."""

    tracer_provider: TracerProvider
    exporter: InMemorySpanExporter
    reader: InMemoryMetricReader
    logs_exporter: InMemoryLogRecordExporter

    def spans(self, name: str | None = None) -> list[ReadableSpan]:
        """The finished spans, or those of this name, in the order in which they ended."""
        return [span for span in self.exporter.get_finished_spans() if name in (None, span.name)]

    def only(self) -> ReadableSpan:
        """The one span there is."""
        spans = self.spans()
        assert len(spans) == 1, [span.name for span in spans]
        return spans[0]

    def points(self, name: str) -> dict[tuple[tuple[str, Any], ...], Any]:
        """The points of one metric: sorted attributes → the value, or a histogram's count."""
        found = {}
        data = self.reader.get_metrics_data()
        for resource in data.resource_metrics if data else ():
            for scope in resource.scope_metrics:
                for metric in scope.metrics:
                    if metric.name == name:
                        for point in metric.data.data_points:
                            value = getattr(point, "value", None)
                            found[tuple(sorted(point.attributes.items()))] = point.count if value is None else value
        return found

    def events(self) -> list[Any]:
        """The log events, in order."""
        return [entry.log_record for entry in self.logs_exporter.get_finished_logs()]


def eventually(is_so: Callable[[], bool], seconds: float = 5.0) -> None:
    """Wait until *is_so*; fail after *seconds*."""
    deadline = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < deadline, "it never came to be"
        time.sleep(0.01)


@dataclass
class Faults:
    """The faults of ours that were swallowed during a test."""

    seen: list[tuple[str, Exception]] = field(default_factory=list)
    are_expected: bool = False

    def expect(self) -> None:
        """Say that this test provokes faults."""
        self.are_expected = True


@pytest.fixture(autouse=True)
def faults(monkeypatch: pytest.MonkeyPatch) -> Iterator[Faults]:
    """Makes every fault of ours that was swallowed red, unless the test expects faults."""
    found = Faults()
    monkeypatch.setattr(guard, "report", lambda place, error: found.seen.append((place, error)))
    monkeypatch.setattr(guard, "_told", set())
    yield found
    if not found.are_expected:
        assert not found.seen, found.seen


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Takes away the variables that would steer us or the SDKs, and what another test resolved."""
    for name in list(os.environ):
        if name.startswith(VARIABLES):
            monkeypatch.delenv(name)
    for name in ("CLAUDE_CONFIG_DIR", "CODEX_HOME"):
        # What agent programs are set up with on this machine.
        monkeypatch.setenv(name, os.path.join(os.devnull, "none"))
    context.begin(Frame(), None)
    token = otel.attach(Context())
    yield
    otel.detach(token)


@pytest.fixture
def provider() -> Iterator[Provider]:
    """A local provider that speaks the wire formats."""
    with Provider() as server:
        yield server


@pytest.fixture
def make_told() -> Iterator[Callable[[], Told]]:
    """Instruments this process with providers of the test's own."""
    made: list[tuple[Any, ...]] = []

    def make() -> Told:
        exporter, reader, logs = InMemorySpanExporter(), InMemoryMetricReader(), InMemoryLogRecordExporter()
        tracing = TracerProvider(shutdown_on_exit=False)
        tracing.add_span_processor(SimpleSpanProcessor(exporter))
        metering = MeterProvider([reader], shutdown_on_exit=False)
        logging = LoggerProvider(shutdown_on_exit=False)
        logging.add_log_record_processor(SimpleLogRecordProcessor(logs))
        made.append((tracing, metering, logging))
        otel_dispatch.instrument(tracer_provider=tracing, meter_provider=metering, logger_provider=logging)
        return Told(tracing, exporter, reader, logs)

    yield make
    otel_dispatch.uninstrument()
    for providers in made:
        for one in providers:
            one.shutdown()


@pytest.fixture
def told(make_told: Callable[[], Told]) -> Told:
    """This process, instrumented, and all that it tells."""
    return make_told()
