"""Spans that go nowhere and still know where they belong, for tests of programs that set up no OpenTelemetry."""

import secrets
from typing import Any

from opentelemetry import trace
from opentelemetry._logs import NoOpLoggerProvider
from opentelemetry.context import Context
from opentelemetry.metrics import NoOpMeterProvider
from opentelemetry.trace import NonRecordingSpan, NoOpTracer, Span, SpanContext, TraceFlags, Tracer, TracerProvider

from . import sdk


def providers() -> dict[str, Any]:
    """What `activate.instrument` is to be given: nothing where the program has set a tracer provider of its own."""
    if sdk.is_provided():
        return {}
    return {
        "tracer_provider": _Provider(),
        "meter_provider": NoOpMeterProvider(),
        "logger_provider": NoOpLoggerProvider(),
    }


class _Span(NonRecordingSpan):
    """A span that keeps its name, its ids and its parent, and nothing else."""

    def __init__(self, name: str, context: SpanContext, parent: SpanContext | None) -> None:
        super().__init__(context)
        self.name, self.parent = name, parent


class _Tracer(NoOpTracer):
    """Starts such spans; no variable of the environment samples them or switches them off."""

    def start_span(self, name: str, context: Context | None = None, *_: Any, **__: Any) -> Span:
        above = trace.get_current_span(context).get_span_context()
        parent = above if above.is_valid else None
        trace_id = parent.trace_id if parent else secrets.randbits(127) + 1
        own = SpanContext(trace_id, secrets.randbits(63) + 1, False, TraceFlags(TraceFlags.SAMPLED))
        return _Span(name, own, parent)


class _Provider(TracerProvider):
    """Gives such tracers."""

    def get_tracer(self, *_: Any, **__: Any) -> Tracer:
        return _Tracer()
