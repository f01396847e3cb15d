"""What is sent to a real backend over OTLP can be found there again: the same tests for each that is at hand."""

import os
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from otel_dispatch.demo.provider import Provider

from .asking import PATIENCE, polled
from .conftest import Demo
from .jaeger import Jaeger
from .sending import ATTRIBUTES, sent
from .spans import Span
from .tempo import Tempo

pytestmark = pytest.mark.timeout(900)  # a Jaeger may first have to be built

Backend = Jaeger | Tempo


def test_a_span_is_found_by_id(backend: Backend, service: str) -> None:
    trace_id = sent(backend.otlp_url, service)
    (span,) = backend.trace(trace_id)
    assert (span.service, span.trace_id, span.name) == (service, trace_id, "chat MiniMax-M2")
    assert (span.kind, span.parent_id) == ("CLIENT", "")
    assert span.attributes == ATTRIBUTES


@pytest.mark.parametrize(
    "attributes",
    [
        {"dispatch.inherited": True},
        {"dispatch.inherited_fields": "model,provider"},
        {"dispatch.inherited": True, "dispatch.provider": "minimax"},
        {"dispatch.outcome.completion_tokens": 17},
    ],
    ids=lambda attributes: "+".join(attributes),
)
def test_a_span_is_found_by_its_attributes(
    backend: Backend, service: str, attributes: dict[str, bool | int | str]
) -> None:
    trace_id = sent(backend.otlp_url, service)
    assert [span.trace_id for span in backend.find(service, attributes)] == [trace_id]


@pytest.mark.parametrize(
    "attributes",
    [{"dispatch.inherited": False}, {"dispatch.inherited": True, "dispatch.provider": "other"}],
    ids=lambda attributes: "+".join(attributes),
)
def test_a_span_with_another_value_is_not_found(
    backend: Backend, service: str, attributes: dict[str, bool | int | str]
) -> None:
    sent(backend.otlp_url, service)
    assert backend.find(service, {"dispatch.provider": "minimax"})
    assert backend.find(service, attributes, patience=0) == []


def test_each_record_of_the_demonstration_is_a_span_below_the_right_one(backend: Backend, demo: Demo) -> None:
    spans = all_of(backend, demo)
    for record in demo.records:
        span = spans[record["otel_span_id"]]
        told = span.attributes
        assert (told["dispatch.provider"], told["dispatch.model"]) == (record["provider"], record["model"])
        assert told["dispatch.kind"] == record["kind"]
        if told["dispatch.kind"] == "llm_call":
            assert spans[span.parent_id].attributes["dispatch.kind"] != "llm_call"
    assert any(span.attributes["dispatch.inherited"] for span in spans.values())


def is_found(backend: Backend, demo: Demo, attributes: dict[str, Any], carriers: set[str]) -> bool:
    return {span.span_id for span in backend.find(demo.service, attributes)} == carriers


def test_every_fact_of_every_span_is_found_by_searching_for_it(backend: Backend, demo: Demo) -> None:
    spans = all_of(backend, demo)
    facts = {(key, value) for span in spans.values() for key, value in span.attributes.items() if is_searched(value)}
    ours = {key for key, _ in facts if key.startswith("dispatch.")}
    assert ours >= {"dispatch.inherited", "dispatch.outcome.class", "dispatch.rollup.models", "dispatch.thinking.mode"}
    for key, value in sorted(facts, key=str):
        carriers = {each for each, span in spans.items() if is_same(span.attributes.get(key), value)}
        # Tempo's search sees the traces of one process one after the other.
        assert polled(partial(is_found, backend, demo, {key: value}, carriers), PATIENCE), (key, value)


def all_of(backend: Backend, demo: Demo) -> dict[str, Span]:
    """Return the spans of the demonstration by their ids, once all are there."""

    def arrived() -> dict[str, Span]:
        found = {span.span_id: span for trace in demo.traces for span in backend.trace(trace)}
        return {each: found[each] for each in demo.spans} if demo.spans <= found.keys() else {}

    spans = polled(arrived)
    assert spans
    return spans


def is_searched(value: object) -> bool:
    """Return whether people search for such a value: not for a list, and not for a measured time."""
    return isinstance(value, bool | int | str)


def is_same(one: object, other: object) -> bool:
    """Return whether two values are equal and of one type, which 1 and True are not."""
    return type(one) is type(other) and one == other


def test_a_whole_run_of_an_unmodified_program_is_one_trace(backend: Backend, service: str, provider: Provider) -> None:
    env = {name: value for name, value in os.environ.items() if not name.startswith("OTEL_")}
    env |= {"OPENAI_API_KEY": "k", "ANTHROPIC_API_KEY": "k", "DISPATCH_OTEL": "1", "OTEL_SERVICE_NAME": service}
    env |= {"OPENAI_BASE_URL": f"{provider.url}/v1", "ANTHROPIC_BASE_URL": provider.url, "NO_PROXY": "*"}
    env |= {
        "OTEL_EXPORTER_OTLP_ENDPOINT": backend.otlp_url,
        "DISPATCH_OTEL_ENTRYPOINTS": "run_skill=pipeline:run_skill",
    }
    program = Path(__file__).parents[2] / "examples" / "pipeline.py"
    subprocess.run([sys.executable, str(program)], env=env, check=True, capture_output=True, timeout=60)
    (entry,) = backend.find(service, {"dispatch.kind": "run_skill", "dispatch.rollup.calls": 2})
    spans = backend.trace(entry.trace_id)
    calls = [span for span in spans if span.attributes["dispatch.kind"] == "llm_call"]
    assert len(calls) == 2
    for call in calls:
        assert call.attributes["dispatch.wire_format"] == "anthropic_native"
        assert call.attributes["dispatch.provenance.provider"] == "operator_pin"
        assert call.attributes["dispatch.outcome.kind"] == "served"
        assert call.attributes["peer.service"] == "local"
