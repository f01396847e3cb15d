"""A span's attributes are what OpenTelemetry's API would make of them, and whoever looks at its start sees them."""

from collections.abc import Sequence
from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.sdk.trace import ReadableSpan, Span, SpanLimits, SpanProcessor, TracerProvider, sampling
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import NonRecordingSpan, SpanContext, SpanKind, TraceFlags

from otel_dispatch import store

WORDS: dict[str, Any] = {f"dispatch.word{n}": "x" * n for n in range(12)} | {
    "flag": True,
    "count": 3,
    "share": 0.5,
    "reasons": ("stop", "length"),
}
LATER: dict[str, Any] = {"dispatch.word1": "again", "late": 1, "names": ("a",)}
SAMPLERS = [
    sampling.ALWAYS_ON,
    sampling.DEFAULT_ON,
    sampling.TraceIdRatioBased(1.0),
    sampling.ParentBasedTraceIdRatio(1.0),
]
LIMITS = [
    SpanLimits(),
    SpanLimits(max_span_attributes=5),
    SpanLimits(max_span_attributes=16),
    SpanLimits(max_span_attribute_length=4),
    SpanLimits(max_attribute_length=2),
]


class Looking(sampling.Sampler):
    """A sampler that reads attributes."""

    def __init__(self) -> None:
        self.seen: list[dict[str, Any]] = []

    def should_sample(self, *given: Any, **named: Any) -> sampling.SamplingResult:
        attributes = named.get("attributes", given[4] if len(given) > 4 else None)
        self.seen.append(dict(attributes or {}))
        return sampling.SamplingResult(sampling.Decision.RECORD_AND_SAMPLE, attributes)

    def get_description(self) -> str:
        return "Looking"


class Watcher(SpanProcessor):
    """A processor that reads attributes as a span starts."""

    def __init__(self) -> None:
        self.seen: list[dict[str, Any]] = []

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        self.seen.append(dict(span.attributes or {}))


def provider_with(exporter: InMemorySpanExporter, **given: Any) -> TracerProvider:
    provider = TracerProvider(shutdown_on_exit=False, **given)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    return provider


def started(provider: TracerProvider) -> trace.Span:
    return store.start(provider.get_tracer("ours"), "chat m", Context(), WORDS, 1)


def only(spans: Sequence[ReadableSpan]) -> ReadableSpan:
    (span,) = spans
    return span


@pytest.mark.parametrize("limits", LIMITS, ids=str)
@pytest.mark.parametrize("sampler", SAMPLERS, ids=lambda sampler: sampler.get_description())
def test_a_span_is_what_the_api_would_have_made_of_it(sampler: sampling.Sampler, limits: SpanLimits) -> None:
    exporter = InMemorySpanExporter()
    provider = provider_with(exporter, sampler=sampler, span_limits=limits)

    theirs = provider.get_tracer("ours").start_span("chat m", Context(), SpanKind.CLIENT, WORDS, start_time=1)
    theirs.set_attributes(LATER)
    ours = started(provider)
    store.put(ours, LATER)
    theirs.end()
    ours.end()

    first, second = exporter.get_finished_spans()
    assert dict(second.attributes or {}) == dict(first.attributes or {})
    assert second.dropped_attributes == first.dropped_attributes
    assert (second.name, second.kind, second.start_time) == (first.name, first.kind, first.start_time)


@pytest.mark.parametrize("root", [Looking(), sampling.ParentBased(Looking())], ids=["itself", "below a parent-based"])
def test_a_sampler_that_looks_sees_the_words_at_the_start(root: Any) -> None:
    looking = getattr(root, "_root", root)
    started(provider_with(InMemorySpanExporter(), sampler=root)).end()
    assert looking.seen[-1] == WORDS


def test_a_processor_that_looks_sees_the_words_at_the_start_also_where_it_comes_later() -> None:
    provider, watcher = provider_with(InMemorySpanExporter()), Watcher()
    started(provider).end()
    provider.add_span_processor(watcher)
    started(provider).end()
    assert watcher.seen == [WORDS]


def test_a_subclass_of_a_known_processor_may_look() -> None:
    class Own(BatchSpanProcessor):
        seen: dict[str, Any] | None = None

        def on_start(self, span: Span, parent_context: Context | None = None) -> None:
            type(self).seen = dict(span.attributes or {})

    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(Own(InMemorySpanExporter()))
    try:
        started(provider).end()
    finally:
        provider.shutdown()
    assert Own.seen == WORDS


def test_what_a_sampler_does_to_what_it_is_given_changes_no_later_span() -> None:
    class Scribbling(Looking):
        def should_sample(self, *given: Any, **named: Any) -> sampling.SamplingResult:
            attributes: Any = named.get("attributes", given[4] if len(given) > 4 else None)
            with pytest.raises(TypeError):
                attributes["dispatch.word1"] = "mine"
            return super().should_sample(*given, **named)

    sampler = Scribbling()
    started(provider_with(InMemorySpanExporter(), sampler=sampler)).end()
    assert WORDS["dispatch.word1"] == "x"
    assert sampler.seen == [WORDS]


def test_a_span_that_is_not_sampled_takes_the_words_in_silence() -> None:
    exporter = InMemorySpanExporter()
    span = started(provider_with(exporter, sampler=sampling.ALWAYS_OFF))
    store.put(span, LATER)
    span.end()
    assert exporter.get_finished_spans() == ()
    assert not store.read(NonRecordingSpan(SpanContext(1, 1, False, TraceFlags(0))))


def test_an_ended_span_is_left_as_it_is() -> None:
    exporter = InMemorySpanExporter()
    span = started(provider_with(exporter))
    span.end()
    store.put(span, LATER)
    assert dict(only(exporter.get_finished_spans()).attributes or {}) == WORDS


@pytest.mark.parametrize("missing", ["_dict", "_immutable", "max_value_len", "maxlen"])
def test_a_store_that_has_another_shape_is_left_to_the_api(monkeypatch: pytest.MonkeyPatch, missing: str) -> None:
    told: list[Any] = []
    span: Any = started(provider_with(InMemorySpanExporter()))
    monkeypatch.setattr(type(span), "set_attributes", lambda _, words: told.append(words))
    monkeypatch.delattr(span._attributes, missing)
    store.put(span, LATER)
    assert told == [LATER]


def test_attributes_are_taken_away_and_where_nothing_lets_us_emptied() -> None:
    exporter = InMemorySpanExporter()
    span = started(provider_with(exporter))
    store.take_away(span, ["flag"])
    assert "flag" not in (store.read(span) or {})
    span.end()

    emptied: list[Any] = []

    class Foreign(NonRecordingSpan):
        def set_attribute(self, key: str, value: Any) -> None:
            emptied.append((key, value))

    store.take_away(Foreign(SpanContext(1, 1, False, TraceFlags(0))), ["flag"])
    assert emptied == [("flag", "")]
