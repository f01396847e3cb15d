"""Sends one span by OpenTelemetry's own exporter."""

from __future__ import annotations

import os
import uuid
from collections.abc import Mapping
from unittest.mock import patch

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.trace import SpanKind

ATTRIBUTES: dict[str, bool | int | str] = {
    "dispatch.kind": "llm_call",
    "dispatch.inherited": True,
    "dispatch.inherited_fields": "model,provider",
    "dispatch.provider": "minimax",
    "dispatch.model": "MiniMax-M2",
    "dispatch.base_url_host": "api.minimax.io",
    "dispatch.mismatch": "model.served,provider.host",
    "dispatch.outcome.kind": "usage_limit",
    "dispatch.outcome.class": "quota",
    "dispatch.outcome.completion_tokens": 17,
    "gen_ai.skill.name": "implement",
}
"""A span of ours that has all there is to search for and to count by."""


def sent(otlp_url: str, service: str, attributes: Mapping[str, bool | int | str] = ATTRIBUTES) -> str:
    """Send one span and return its trace id."""
    with patch.dict(os.environ, NO_PROXY="*"):
        # As each process of the SDK does, it has an id of its own.
        resource = {"service.name": service, "service.instance.id": str(uuid.uuid4())}
        exporter = OTLPSpanExporter(endpoint=f"{otlp_url}/v1/traces", timeout=10)
        provider = TracerProvider(resource=Resource(resource), shutdown_on_exit=False)
        provider.add_span_processor(SimpleSpanProcessor(exporter))
        try:
            tracer = provider.get_tracer("tests")
            with tracer.start_as_current_span("chat MiniMax-M2", kind=SpanKind.CLIENT, attributes=attributes) as span:
                return format(span.get_span_context().trace_id, "032x")
        finally:
            provider.shutdown()
