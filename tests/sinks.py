"""OTLP sinks on 127.0.0.1 that decode what real exporters send them."""

from __future__ import annotations

import gzip
import socket
import threading
import time
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Self

import grpc  # type: ignore[import-untyped]
from opentelemetry.proto.collector.logs.v1 import logs_service_pb2 as logs_pb
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2 as metrics_pb
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2 as traces_pb
from opentelemetry.proto.metrics.v1 import metrics_pb2
from opentelemetry.proto.trace.v1 import trace_pb2

from otel_dispatch.demo.answer import Answer
from otel_dispatch.demo.server import Seen, Served

if TYPE_CHECKING:
    from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue


@dataclass(frozen=True)
class SinkSpan:
    """A span as it arrived."""

    name: str
    kind: str
    scope: str
    scope_version: str
    schema_url: str
    trace_id: str
    span_id: str
    parent_id: str
    start: int
    end: int
    status: str
    status_message: str
    attributes: dict[str, Any]
    resource: dict[str, Any]
    events: list[str]


@dataclass(frozen=True)
class SinkPoint:
    """A metric's data point as it arrived, whose value is the count of a histogram."""

    name: str
    unit: str
    kind: str
    temporality: str
    monotonic: bool
    attributes: dict[str, Any]
    value: float
    sum: float


@dataclass(frozen=True)
class SinkLog:
    """A log record as it arrived."""

    event_name: str
    severity: int
    severity_text: str
    body: Any
    attributes: dict[str, Any]
    trace_id: str
    span_id: str
    scope: str


class _Sink:
    """Keeps what arrived."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._requests = 0
        self._arrived: dict[str, list[Any]] = {"spans": [], "metrics": [], "logs": []}

    @property
    def requests(self) -> int:
        """How many export requests arrived."""
        with self._lock:
            return self._requests

    def spans(self) -> list[SinkSpan]:
        """Return the spans so far."""
        return self._kept("spans")

    def metrics(self) -> list[SinkPoint]:
        """Return the data points so far."""
        return self._kept("metrics")

    def logs(self) -> list[SinkLog]:
        """Return the log records so far."""
        return self._kept("logs")

    def wait(self, n: int, kind: str = "spans", seconds: float = 10) -> list[Any]:
        """Return what arrived of a kind once it is at least n, or fail saying what came."""
        deadline = time.monotonic() + seconds
        while len(self._kept(kind)) < n:
            if time.monotonic() > deadline:
                came = [getattr(one, "name", None) or getattr(one, "event_name", "") for one in self._kept(kind)]
                raise AssertionError(f"{len(came)} of {n} {kind} came in {seconds} s: {came}")
            time.sleep(0.01)
        return self._kept(kind)

    def _kept(self, kind: str) -> list[Any]:
        with self._lock:
            return list(self._arrived[kind])

    def _take(self, signal: _Signal, data: bytes) -> bytes:
        items = list(signal.read(signal.request.FromString(data)))
        with self._lock:
            self._requests += 1
            self._arrived[signal.kind] += items
        empty: bytes = signal.response().SerializeToString()
        return empty


class HttpSink(Served, _Sink):
    """A sink for http/protobuf, at its url."""

    @property
    def url(self) -> str:
        """The address of the sink, without a signal's path."""
        return f"http://127.0.0.1:{self._server.server_port}"

    def _answer(self, seen: Seen) -> Answer:
        signal = _SIGNALS.get(seen.path)
        if signal is None:
            return Answer(status=404)
        decode = _DECODERS.get(seen.headers.get("content-encoding", ""), bytes)
        reply = self._take(signal, decode(seen.body))
        return Answer(headers={"content-type": "application/x-protobuf"}, body=reply)


class GrpcSink(_Sink):
    """A sink for OTLP over gRPC, at its endpoint."""

    def __enter__(self) -> Self:
        self._pool = ThreadPoolExecutor(4)
        self._server = grpc.server(self._pool)
        self._server.add_generic_rpc_handlers([self._service(signal) for signal in _SIGNALS.values()])
        self._port = self._server.add_insecure_port("127.0.0.1:0")
        self._server.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, raised: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.stop(None).wait()
        self._pool.shutdown()

    @property
    def endpoint(self) -> str:
        """The address of the sink, as the exporters take it."""
        return f"http://127.0.0.1:{self._port}"

    def _service(self, signal: _Signal) -> Any:
        # Without a serializer the handler gets and gives bytes, as the HTTP sink does.
        export = grpc.unary_unary_rpc_method_handler(lambda data, _context: self._take(signal, data))
        return grpc.method_handlers_generic_handler(signal.service, {"Export": export})


class BlackHole:
    """An address that completes a TCP connection and then never answers."""

    def __enter__(self) -> Self:
        # The kernel completes connections to a listening socket that nobody accepts from.
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.port: int = self._listener.getsockname()[1]
        return self

    def __exit__(
        self, kind: type[BaseException] | None, raised: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._listener.close()

    @property
    def url(self) -> str:
        """The address, as HTTP and gRPC exporters take it."""
        return f"http://127.0.0.1:{self.port}"


def dead_endpoint() -> str:
    """Return the address of a port that nothing listens on any more."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return f"http://127.0.0.1:{listener.getsockname()[1]}"


@dataclass(frozen=True)
class _Signal:
    kind: str
    service: str
    request: Any
    response: Any
    read: Callable[[Any], Iterable[Any]]


def _read_spans(request: traces_pb.ExportTraceServiceRequest) -> Iterator[SinkSpan]:
    for resource in request.resource_spans:
        for scoped in resource.scope_spans:
            for span in scoped.spans:
                yield SinkSpan(
                    name=span.name,
                    kind=trace_pb2.Span.SpanKind.Name(span.kind).removeprefix("SPAN_KIND_"),
                    scope=scoped.scope.name,
                    scope_version=scoped.scope.version,
                    schema_url=scoped.schema_url,
                    trace_id=span.trace_id.hex(),
                    span_id=span.span_id.hex(),
                    parent_id=span.parent_span_id.hex(),
                    start=span.start_time_unix_nano,
                    end=span.end_time_unix_nano,
                    status=("UNSET", "OK", "ERROR")[span.status.code],
                    status_message=span.status.message,
                    attributes=_mapping(span.attributes),
                    resource=_mapping(resource.resource.attributes),
                    events=[event.name for event in span.events],
                )


def _read_metrics(request: metrics_pb.ExportMetricsServiceRequest) -> Iterator[SinkPoint]:
    for resource in request.resource_metrics:
        for scoped in resource.scope_metrics:
            for metric in scoped.metrics:
                yield from _read_points(metric)


def _read_points(metric: metrics_pb2.Metric) -> Iterator[SinkPoint]:
    field = metric.WhichOneof("data") or "gauge"
    data: Any = getattr(metric, field)
    histogram = field.endswith("histogram")
    chosen = metrics_pb2.AggregationTemporality.Name(getattr(data, "aggregation_temporality", 0))
    for point in data.data_points:
        value = point.count if histogram else getattr(point, point.WhichOneof("value"))
        yield SinkPoint(
            name=metric.name,
            unit=metric.unit,
            kind="histogram" if histogram else field,
            temporality=chosen.removeprefix("AGGREGATION_TEMPORALITY_"),
            monotonic=getattr(data, "is_monotonic", False),
            attributes=_mapping(point.attributes),
            value=value,
            sum=point.sum if histogram else value,
        )


def _read_logs(request: logs_pb.ExportLogsServiceRequest) -> Iterator[SinkLog]:
    for resource in request.resource_logs:
        for scoped in resource.scope_logs:
            for log in scoped.log_records:
                yield SinkLog(
                    event_name=log.event_name,
                    severity=log.severity_number,
                    severity_text=log.severity_text,
                    body=_value(log.body),
                    attributes=_mapping(log.attributes),
                    trace_id=log.trace_id.hex(),
                    span_id=log.span_id.hex(),
                    scope=scoped.scope.name,
                )


def _name(one: SinkSpan | SinkPoint | SinkLog) -> str:
    return one.event_name if isinstance(one, SinkLog) else one.name


def _mapping(pairs: Iterable[KeyValue]) -> dict[str, Any]:
    return {pair.key: _value(pair.value) for pair in pairs}


def _value(value: AnyValue) -> Any:
    field = value.WhichOneof("value")
    if field is None:
        return None
    held = getattr(value, field)
    if field == "array_value":
        return [_value(one) for one in held.values]
    return _mapping(held.values) if field == "kvlist_value" else held


_COLLECTOR: Final = "opentelemetry.proto.collector"

_SIGNALS: Final[Mapping[str, _Signal]] = {
    "/v1/traces": _Signal(
        "spans",
        f"{_COLLECTOR}.trace.v1.TraceService",
        traces_pb.ExportTraceServiceRequest,
        traces_pb.ExportTraceServiceResponse,
        _read_spans,
    ),
    "/v1/metrics": _Signal(
        "metrics",
        f"{_COLLECTOR}.metrics.v1.MetricsService",
        metrics_pb.ExportMetricsServiceRequest,
        metrics_pb.ExportMetricsServiceResponse,
        _read_metrics,
    ),
    "/v1/logs": _Signal(
        "logs",
        f"{_COLLECTOR}.logs.v1.LogsService",
        logs_pb.ExportLogsServiceRequest,
        logs_pb.ExportLogsServiceResponse,
        _read_logs,
    ),
}

_DECODERS: Final[Mapping[str, Callable[[bytes], bytes]]] = {
    "gzip": gzip.decompress,
    "deflate": zlib.decompress,
}
