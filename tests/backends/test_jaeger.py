"""What is sent to a real Jaeger over OTLP can be found there again."""

from __future__ import annotations

import os
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.trace import SpanKind

from otel_dispatch.demo.provider import Provider  # noqa: TC001 - a fixture is annotated with it

from .jaeger import Jaeger, NoJaeger

ATTRIBUTES: dict[str, bool | int | str] = {
    "dispatch.inherited": True,
    "dispatch.inherited_fields": "model,provider",
    "dispatch.provider": "minimax",
    "dispatch.outcome.completion_tokens": 17,
}


@pytest.fixture(scope="module")
def jaeger(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Jaeger]:
    """Give the Jaeger at hand, or skip with the reason."""
    try:
        with Jaeger.at_hand(tmp_path_factory.mktemp("jaeger") / "log") as found:
            yield found
    except NoJaeger as reason:
        pytest.skip(str(reason))


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> str:
    """Name a service that no other run uses, so that a shared Jaeger does not confuse the tests."""
    monkeypatch.setenv("NO_PROXY", "*")
    return f"otel-dispatch-test-{uuid.uuid4().hex[:12]}"


def test_a_span_is_found_by_id(jaeger: Jaeger, service: str) -> None:
    trace_id = sent(jaeger, service)
    (span,) = jaeger.trace(trace_id)
    assert (span.service, span.trace_id, span.name) == (service, trace_id, "chat MiniMax-M2")
    assert span.kind == 3
    assert span.attributes == ATTRIBUTES


@pytest.mark.parametrize(
    "attributes",
    [
        {"dispatch.inherited": "true"},
        {"dispatch.inherited_fields": "model,provider"},
        {"dispatch.inherited": "true", "dispatch.provider": "minimax"},
        {"dispatch.outcome.completion_tokens": "17"},
    ],
    ids=lambda attributes: "+".join(attributes),
)
def test_a_span_is_found_by_its_attributes(jaeger: Jaeger, service: str, attributes: dict[str, str]) -> None:
    trace_id = sent(jaeger, service)
    assert [span.trace_id for span in jaeger.find(service, attributes)] == [trace_id]


@pytest.mark.parametrize(
    "attributes",
    [{"dispatch.inherited": "false"}, {"dispatch.inherited": "true", "dispatch.provider": "other"}],
)
def test_a_span_with_another_value_is_not_found(jaeger: Jaeger, service: str, attributes: dict[str, str]) -> None:
    jaeger.trace(sent(jaeger, service))
    assert jaeger.find(service, attributes, patience=0) == []


def sent(jaeger: Jaeger, service: str) -> str:
    """Send one span by OpenTelemetry's own exporter and return its trace id."""
    provider = TracerProvider(resource=Resource({"service.name": service}), shutdown_on_exit=False)
    provider.add_span_processor(
        SimpleSpanProcessor(OTLPSpanExporter(endpoint=f"{jaeger.otlp_url}/v1/traces", timeout=10))
    )
    try:
        tracer = provider.get_tracer("tests")
        with tracer.start_as_current_span("chat MiniMax-M2", kind=SpanKind.CLIENT, attributes=ATTRIBUTES) as span:
            return format(span.get_span_context().trace_id, "032x")
    finally:
        provider.shutdown()


def test_a_whole_run_of_an_unmodified_program_is_one_trace(jaeger: Jaeger, service: str, provider: Provider) -> None:
    env = {name: value for name, value in os.environ.items() if not name.startswith("OTEL_")}
    env |= {"OPENAI_API_KEY": "k", "ANTHROPIC_API_KEY": "k", "DISPATCH_OTEL": "1", "OTEL_SERVICE_NAME": service}
    env |= {"OPENAI_BASE_URL": f"{provider.url}/v1", "ANTHROPIC_BASE_URL": provider.url}
    env |= {"OTEL_EXPORTER_OTLP_ENDPOINT": jaeger.otlp_url, "DISPATCH_OTEL_ENTRYPOINTS": "run_skill=pipeline:run_skill"}
    program = Path(__file__).parents[2] / "examples" / "pipeline.py"
    subprocess.run([sys.executable, str(program)], env=env, check=True, capture_output=True, timeout=60)
    (entry,) = jaeger.find(service, {"dispatch.kind": "run_skill", "dispatch.rollup.calls": "2"})
    spans = jaeger.trace(entry.trace_id)
    calls = [span for span in spans if span.attributes["dispatch.kind"] == "llm_call"]
    assert len(calls) == 2
    for call in calls:
        assert call.attributes["dispatch.wire_format"] == "anthropic_native"
        assert call.attributes["dispatch.provenance.provider"] == "operator_pin"
        assert call.attributes["dispatch.outcome.kind"] == "served"
        assert call.attributes["peer.service"] == "local"
