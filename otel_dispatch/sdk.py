"""Sets up OpenTelemetry's SDK where the host has not: exporters from the environment, an exit that cannot hang."""

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from importlib import import_module
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, Final, cast
from urllib.parse import urlsplit, urlunsplit

from .guard import swallow, warn
from .paced import Paced
from .refusals import quiet, tuned, unquoted

PREFIX: Final = "DISPATCH_OTEL_"
OURS: Final = frozenset({"ENTRYPOINTS", "PINS", "PROVIDERS", "QUERY_HEADERS", "RECORD_FILE", "SCOPE", "CHILD"})
"""The variables after `PREFIX` that are not OpenTelemetry's."""

_DEFAULTS: Final = {
    # The SDK's 10 s, times its retries, would be paid at exit when nobody listens.
    "OTEL_EXPORTER_OTLP_TIMEOUT": "2",
    "OTEL_BSP_SCHEDULE_DELAY": "1000",
    "OTEL_BLRP_SCHEDULE_DELAY": "1000",
}
_NO_URL: Final = "an endpoint that is no URL"
_PROTOCOLS: Final = {"http/protobuf": "http", "grpc": "grpc"}
_OTLP: Final = {
    "traces": ("trace_exporter", "OTLPSpanExporter"),
    "metrics": ("metric_exporter", "OTLPMetricExporter"),
    "logs": ("_log_exporter", "OTLPLogExporter"),
}
_CONSOLE: Final = {
    "traces": ("opentelemetry.sdk.trace.export", "ConsoleSpanExporter"),
    "metrics": ("opentelemetry.sdk.metrics.export", "ConsoleMetricExporter"),
    "logs": ("opentelemetry.sdk._logs.export", "ConsoleLogRecordExporter"),
}
_GROUPS: Final = {
    "traces": "opentelemetry_traces_exporter",
    "metrics": "opentelemetry_metrics_exporter",
    "logs": "opentelemetry_logs_exporter",
}


class Providers:
    """The providers that we set up, and how they are flushed and closed."""

    def __init__(self, providers: Sequence[Any], paced: Sequence[Paced]) -> None:
        self._providers, self._paced = providers, paced

    def flush(self) -> None:
        """Send what is queued; may block, so never on a host's thread."""
        for provider in self._providers:
            swallow("sdk.flush", provider.force_flush, 2000)

    def close(self) -> None:
        """Send what is queued and stop; may block."""
        for exporter in self._paced:
            exporter.hurry()
        for provider in self._providers:
            swallow("sdk.close", provider.shutdown)


@contextmanager
def overlay(environ: Any = os.environ) -> Iterator[None]:
    """Let ``DISPATCH_OTEL_X`` stand for ``OTEL_X``, and our defaults for what nobody set, while the SDK reads both."""
    mine = {
        "OTEL_" + name.removeprefix(PREFIX): value
        for name, value in environ.items()
        if name.startswith(PREFIX) and name.removeprefix(PREFIX) not in OURS
    }
    wanted = {**{name: value for name, value in _DEFAULTS.items() if not environ.get(name)}, **mine}
    before = {name: environ.get(name) for name in wanted}
    environ.update(wanted)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                environ.pop(name, None)
            else:
                environ[name] = value


def is_provided() -> bool:
    """Whether the host has set a tracer provider of its own."""
    from opentelemetry import trace

    return not isinstance(trace.get_tracer_provider(), trace.ProxyTracerProvider)


@unquoted()
def set_up() -> Providers:
    """Make providers from the environment and make them the process's own.

    None of metrics or logs where they go nowhere, or where the host has set one.
    """
    tuned(partial(import_module, "opentelemetry.sdk.trace"))
    from opentelemetry import _logs, metrics, trace
    from opentelemetry.sdk._logs import LoggerProvider
    from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
    from opentelemetry.sdk.metrics import MeterProvider
    from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    from . import sampler

    with overlay():
        target = _target()
        loaders = {signal: [] if _is_taken(signal) else list(_loaders(signal)) for signal in _OTLP}
    # Importing takes long; a child that another thread starts meanwhile must not inherit the overlay.
    makers = {signal: [swallow(signal, load) for load in found] for signal, found in loaders.items()}
    with overlay():
        made = {signal: [swallow(signal, make) for make in found if make] for signal, found in makers.items()}
        resource = _resource()
        tracing = tuned(partial(TracerProvider, sampler.asked_for(), resource, shutdown_on_exit=False))
        spans, records = ([Paced(exporter) for exporter in made[signal] if exporter] for signal in ("traces", "logs"))
        for exporter in spans:
            tracing.add_span_processor(tuned(partial(BatchSpanProcessor, cast("Any", exporter))))
        meters = filter(None, made["metrics"])
        readers = [
            each if hasattr(each, "collect") else tuned(partial(PeriodicExportingMetricReader, each)) for each in meters
        ]
        providers: list[Any] = [tracing]
        if records:
            providers.append(logging_ := tuned(partial(LoggerProvider, resource=resource, shutdown_on_exit=False)))
            for exporter in records:
                logging_.add_log_record_processor(tuned(partial(BatchLogRecordProcessor, cast("Any", exporter))))
            _logs.set_logger_provider(logging_)
        if readers:
            providers.append(
                metering := tuned(partial(MeterProvider, readers, resource=resource, shutdown_on_exit=False))
            )
            metrics.set_meter_provider(metering)
    trace.set_tracer_provider(tracing)
    quiet(target)
    return Providers(providers, (*spans, *records))


@unquoted()
def span_exporters(service: str) -> tuple[list[Any], Any]:
    """The span exporters that the environment asks for, and the resource: *service*, unless a variable names it."""
    with overlay():
        loaders = list(_loaders("traces"))
    makers = [swallow("traces", load) for load in loaders]
    with overlay():
        made = [swallow("traces", make) for make in makers if make]
        return [exporter for exporter in made if exporter is not None], _resource(service)


def service_name(argv: list[str] | None = None) -> str:
    """The program's name, which the service goes by where no variable names it."""
    program = (sys.argv if argv is None else argv)[0:1] or [""]
    path = Path(program[0])
    name = path.parent.name if path.name == "__main__.py" else path.stem
    return name if name not in ("", "-c", "-m", "-") else Path(sys.executable or "python").stem


def endpoint() -> str:
    """Where spans go, as a URL without userinfo, path and query, or the exporters' names where that is not OTLP."""
    with overlay():
        return _target()


def _is_taken(signal: str) -> bool:
    from opentelemetry import _logs, metrics

    held = {"metrics": metrics.get_meter_provider, "logs": _logs.get_logger_provider}.get(signal)
    kind = type(held()) if held else None
    # OpenTelemetry's placeholders for these two are private, and Logfire's own are called alike.
    return kind is not None and not (kind.__module__.startswith("opentelemetry.") and "Proxy" in kind.__name__)


def _target() -> str:
    names = os.environ.get("OTEL_TRACES_EXPORTER", "otlp")
    if "otlp" not in names:
        return names
    default = "http://localhost:4317" if _protocol("traces") == "grpc" else "http://localhost:4318"
    specific = os.environ.get("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
    return _bare(specific or os.environ.get("OTEL_EXPORTER_OTLP_ENDPOINT") or default)


def _bare(url: str) -> str:
    # The host and the port: all else of a URL may hold a key. gRPC endpoints often have no scheme.
    try:
        parts = urlsplit(url if "://" in url else f"//{url}")
        _ = parts.port
    except ValueError:
        return _NO_URL
    netloc = parts.netloc.rpartition("@")[2]
    return urlunsplit((parts.scheme, netloc, "", "", "")).removeprefix("//") if netloc else _NO_URL


def _resource(service: str | None = None) -> Any:
    from opentelemetry.sdk.resources import Resource

    from .attributes import SERVICE_NAME

    resource = Resource.create()
    named = str(resource.attributes.get(SERVICE_NAME, ""))
    if named and not named.startswith("unknown_service"):
        return resource
    return resource.merge(Resource({SERVICE_NAME: service or service_name()}))


def _loaders(signal: str) -> Iterator[Callable[[], Callable[[], Any]]]:
    for word in os.environ.get(f"OTEL_{signal.upper()}_EXPORTER", "otlp").split(","):
        name = word.strip().lower()
        if name == "otlp":
            module, cls = _OTLP[signal]
            path = f"opentelemetry.exporter.otlp.proto.{_PROTOCOLS[_protocol(signal)]}.{module}"
            yield partial(_load, path, cls)
        elif name == "console":
            yield partial(_load_console, signal)
        elif name not in ("none", ""):
            found = next(iter(entry_points(group=_GROUPS[signal], name=name)), None)
            if found is not None:
                yield found.load
            else:
                warn("OTEL_%s_EXPORTER: there is no exporter %r; its data is not sent.", signal.upper(), name)


def _load(module: str, cls: str) -> Callable[[], Any]:
    found: Callable[[], Any] = getattr(import_module(module), cls)
    return found


def _load_console(signal: str) -> Callable[[], Any]:
    module, name = _CONSOLE[signal]
    exporters = import_module(module)
    # Renamed in 1.39; and stdout may be the wire of a stdio MCP server.
    return partial(getattr(exporters, name, None) or exporters.ConsoleLogExporter, out=sys.stderr)


def _protocol(signal: str) -> str:
    specific = os.environ.get(f"OTEL_EXPORTER_OTLP_{signal.upper()}_PROTOCOL")
    asked = (specific or os.environ.get("OTEL_EXPORTER_OTLP_PROTOCOL") or "http/protobuf").strip().lower()
    if asked in _PROTOCOLS:
        return asked
    warn(
        "OTEL_EXPORTER_OTLP_PROTOCOL: %r is not one of %s; http/protobuf is used.",
        asked,
        ", ".join(_PROTOCOLS),
    )
    return "http/protobuf"
