from __future__ import annotations

import logging
import socket
from typing import Any

import httpx
import pytest
from opentelemetry._logs import SeverityNumber
from opentelemetry.exporter.otlp.proto.grpc._log_exporter import OTLPLogExporter as GrpcLogs
from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter as GrpcMetrics
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter as GrpcSpans
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter as HttpLogs
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter as HttpMetrics
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter as HttpSpans
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import SimpleLogRecordProcessor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.trace import SpanKind, Status, StatusCode

from tests.sinks import BlackHole, GrpcSink, HttpSink, dead_endpoint

RESOURCE = Resource({"service.name": "pipeline"})


def export_spans(exporter: Any) -> None:
    provider = TracerProvider(resource=RESOURCE, shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    tracer = provider.get_tracer("sinks", "1.2", "https://example.test/schema")
    with tracer.start_as_current_span("step"):
        kept: Any = {"flag": True, "count": 3, "share": 0.5, "name": "é", "tags": ["a", "b"]}
        with tracer.start_as_current_span("call", kind=SpanKind.CLIENT, attributes=kept) as span:
            span.add_event("first")
            span.set_status(Status(StatusCode.ERROR, "refused"))
    provider.shutdown()


def export_points(exporter: Any) -> None:
    reader = PeriodicExportingMetricReader(exporter, export_interval_millis=60_000)
    provider = MeterProvider([reader], resource=RESOURCE, shutdown_on_exit=False)
    meter = provider.get_meter("sinks")
    meter.create_counter("calls", "{call}").add(2, {"model": "m"})
    seconds = meter.create_histogram("wait", "s")
    seconds.record(0.5)
    seconds.record(1.5)
    provider.shutdown()


def export_log(exporter: Any) -> None:
    provider = LoggerProvider(resource=RESOURCE, shutdown_on_exit=False)
    provider.add_log_record_processor(SimpleLogRecordProcessor(exporter))
    provider.get_logger("sinks").emit(
        event_name="dispatch.ended",
        severity_number=SeverityNumber.WARN,
        severity_text="WARN",
        body={"why": ["x", 1]},
        attributes={"n": 1},
    )
    provider.shutdown()


def check(sink: HttpSink | GrpcSink) -> None:
    call, step = sink.wait(2)
    assert (call.name, call.kind, call.status, call.status_message) == ("call", "CLIENT", "ERROR", "refused")
    assert (step.name, step.kind, step.status, step.parent_id) == ("step", "INTERNAL", "UNSET", "")
    assert (call.trace_id, call.parent_id) == (step.trace_id, step.span_id)
    assert call.attributes == {"flag": True, "count": 3, "share": 0.5, "name": "é", "tags": ["a", "b"]}
    assert (call.scope, call.scope_version) == ("sinks", "1.2")
    assert call.schema_url == "https://example.test/schema"
    assert call.resource["service.name"] == "pipeline"
    assert call.events == ["first"]
    assert step.start <= call.start <= call.end <= step.end

    calls, wait = sorted(sink.wait(2, "metrics"), key=lambda point: point.name)
    assert (calls.kind, calls.value, calls.unit, calls.monotonic) == ("sum", 2, "{call}", True)
    assert (calls.attributes, calls.temporality) == ({"model": "m"}, "CUMULATIVE")
    assert (wait.kind, wait.value, wait.sum, wait.unit) == ("histogram", 2, 2.0, "s")

    (log,) = sink.wait(1, "logs")
    assert (log.event_name, log.severity, log.severity_text) == ("dispatch.ended", 13, "WARN")
    assert (log.body, log.attributes, log.scope) == ({"why": ["x", 1]}, {"n": 1}, "sinks")
    assert sink.requests == 4


@pytest.mark.parametrize("packing", [Compression.NoCompression, Compression.Gzip, Compression.Deflate])
def test_http_sink_reads_what_the_exporters_send(packing: Compression) -> None:
    with HttpSink() as sink:
        export_spans(HttpSpans(f"{sink.url}/v1/traces", compression=packing))
        export_points(HttpMetrics(f"{sink.url}/v1/metrics", compression=packing))
        export_log(HttpLogs(f"{sink.url}/v1/logs", compression=packing))
        check(sink)


def test_grpc_sink_reads_what_the_exporters_send() -> None:
    with GrpcSink() as sink:
        export_spans(GrpcSpans(sink.endpoint, insecure=True))
        export_points(GrpcMetrics(sink.endpoint, insecure=True))
        export_log(GrpcLogs(sink.endpoint, insecure=True))
        check(sink)


def test_wait_says_what_came() -> None:
    with HttpSink() as sink:
        export_spans(HttpSpans(f"{sink.url}/v1/traces"))
        with pytest.raises(AssertionError, match=r"2 of 3 spans .*'call', 'step'"):
            sink.wait(3, seconds=0.05)


def test_black_hole_connects_but_never_answers() -> None:
    with BlackHole() as hole, httpx.Client(timeout=0.2) as client, pytest.raises(httpx.ReadTimeout):
        client.post(hole.url, content=b"x")


def test_dead_endpoint_refuses() -> None:
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", int(dead_endpoint().rsplit(":")[-1])))


def test_export_to_a_dead_endpoint_fails_quietly(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.CRITICAL):
        export_spans(HttpSpans(f"{dead_endpoint()}/v1/traces", timeout=0.2))
