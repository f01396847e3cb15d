"""Sends what is told straight through the exporters, batch by batch: a slow backend slows the import down."""

from typing import Any, Final

from opentelemetry.instrumentation.utils import suppress_instrumentation
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExportResult
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import SpanContext, SpanKind, Status, StatusCode, TraceFlags

from .. import attributes as a
from ..version import __version__
from ..vocabulary import Kind
from .telling import Told

BATCH: Final = 512
"""How many spans go into one export."""

_SCOPE: Final = InstrumentationScope(a.SCOPE, __version__, a.SCHEMA_URL)
_SAMPLED: Final = TraceFlags(TraceFlags.SAMPLED)


class UndeliveredError(Exception):
    """A batch that no exporter took."""


class Spans:
    """Takes what is told, and sends it in batches through every exporter."""

    def __init__(self, exporters: list[Any], resource: Any) -> None:
        self._exporters, self._resource = exporters, resource
        self._batch: list[ReadableSpan] = []

    def take(self, told: Told) -> None:
        """Take one span; raises `UndeliveredError` where its batch is full and does not arrive."""
        self._batch.append(_span(told, self._resource))
        if len(self._batch) >= BATCH:
            self.flush()

    def flush(self) -> None:
        """Send what is held; raises `UndeliveredError` where it does not arrive."""
        batch, self._batch = self._batch, []
        if not batch:
            return
        with suppress_instrumentation():
            for exporter in self._exporters:
                if exporter.export(batch) is not SpanExportResult.SUCCESS:
                    raise UndeliveredError

    def close(self) -> None:
        """Close the exporters."""
        for exporter in self._exporters:
            exporter.shutdown()


def _span(told: Told, resource: Any) -> ReadableSpan:
    parent = None if told.parent_id is None else _context(told.trace_id, told.parent_id)
    return ReadableSpan(
        told.name,
        _context(told.trace_id, told.span_id),
        parent,
        resource,
        told.words,
        kind=SpanKind.CLIENT if told.dispatch.kind is Kind.LLM_CALL else SpanKind.INTERNAL,
        status=Status(StatusCode.ERROR) if told.has_failed else Status(),
        start_time=told.start_ns,
        end_time=told.end_ns,
        instrumentation_scope=_SCOPE,
    )


def _context(trace_id: int, span_id: int) -> SpanContext:
    return SpanContext(trace_id, span_id, is_remote=False, trace_flags=_SAMPLED)
