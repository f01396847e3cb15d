"""Which span a record is written on, where somebody's is open: a call's own, and no other call's."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import anthropic
import httpx2
import openai
import pytest
from opentelemetry import context as otel
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import SpanKind

from otel_dispatch.demo import provider as wire
from otel_dispatch.demo.provider import Provider
from tests.conftest import Told, eventually

HI: Any = [{"role": "user", "content": "hi"}]
CHAT = {"gen_ai.operation.name": "chat"}
LIMIT = wire.error("openai", 429, "requests", "rate_limit_exceeded", headers={"retry-after-ms": "1"})


def chat_client(provider: Provider, **options: Any) -> openai.OpenAI:
    return openai.OpenAI(base_url=f"{provider.url}/v1", api_key="k", **options)


def claude_client(provider: Provider, told: Told) -> anthropic.Anthropic:
    native: Any = {"tracer_provider": told.tracer_provider}
    return anthropic.Anthropic(base_url=provider.url, api_key="k", open_telemetry=native)


def post(provider: Provider, model: str = "m") -> None:
    with httpx2.Client() as client:
        client.post(f"{provider.url}/v1/chat/completions", json={"model": model})


@contextmanager
def theirs(told: Told, name: str = "theirs", scope: str = "somebody", **options: Any) -> Iterator[Any]:
    with told.tracer_provider.get_tracer(scope).start_as_current_span(name, **options) as span:
        yield span


def outcomes(spans: list[ReadableSpan]) -> list[tuple[Any, Any]]:
    facts = [dict(span.attributes or {}) for span in spans]
    return [(one.get("dispatch.outcome.kind"), one.get("dispatch.outcome.class")) for one in facts]


@pytest.mark.parametrize(
    "mark",
    [
        {"openinference.span.kind": "EMBEDDING"},
        {"langfuse.observation.type": "generation"},
        {"gen_ai.operation.name": "embeddings"},
    ],
    ids=str,
)
def test_a_span_that_is_marked_as_a_call_is_told(told: Told, provider: Provider, mark: dict[str, str]) -> None:
    with theirs(told, attributes=mark):
        post(provider)
    assert outcomes(told.spans()) == [("served", None)]


@pytest.mark.parametrize(
    "mark",
    [
        {"gen_ai.operation.name": "invoke_agent"},
        {"gen_ai.operation.name": "execute_tool"},
        {"openinference.span.kind": "AGENT"},
        {"openinference.span.kind": "CHAIN"},
        {"traceloop.span.kind": "workflow"},
        {"traceloop.span.kind": "task"},
        {"langfuse.observation.type": "agent"},
    ],
    ids=str,
)
def test_a_span_of_a_step_is_only_the_parent(told: Told, provider: Provider, mark: dict[str, str]) -> None:
    with theirs(told, attributes={**mark, "gen_ai.system": "x"}):
        post(provider)
    call, outer = told.spans()
    assert outcomes([call, outer]) == [("served", None), (None, None)]
    assert call.parent == outer.context


def test_a_span_that_has_but_the_name_of_the_call_is_its_span(told: Told, provider: Provider) -> None:
    with theirs(told, "chat m", kind=SpanKind.CLIENT):
        post(provider)
    assert outcomes(told.spans()) == [("served", None)]


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("chat another", {"kind": SpanKind.CLIENT}),
        ("chat m", {"kind": SpanKind.INTERNAL}),
        ("chat m", {"kind": SpanKind.CLIENT, "attributes": {"http.request.method": "POST"}}),
    ],
)
def test_a_like_name_alone_makes_no_call(told: Told, provider: Provider, name: str, options: dict[str, Any]) -> None:
    with theirs(told, name, **options):
        post(provider)
    assert outcomes(told.spans()) == [("served", None), (None, None)]


def test_a_second_call_below_an_answered_one_has_a_span_of_its_own(told: Told, provider: Provider) -> None:
    with theirs(told, attributes=CHAT):
        post(provider, "first")
        post(provider, "second")
    second, first = told.spans()
    assert (first.attributes or {})["dispatch.model"] == "first"
    assert (second.attributes or {})["dispatch.model"] == "second"
    assert second.parent == first.context


def test_a_call_made_while_a_stream_is_read_has_a_span_of_its_own(told: Told, provider: Provider) -> None:
    with theirs(told, attributes=CHAT), chat_client(provider) as client:
        for n, _ in enumerate(client.chat.completions.create(model="outer", messages=HI, stream=True)):
            if n == 0:
                post(provider, "inner")
    inner, outer = told.spans()
    assert (outer.attributes or {})["dispatch.model"] == "outer"
    assert (inner.attributes or {})["dispatch.model"] == "inner"
    assert outcomes([inner, outer]) == [("served", None)] * 2


def test_a_failed_attempt_gives_way_to_the_next_on_the_same_span(told: Told, provider: Provider) -> None:
    provider.script(LIMIT, LIMIT)
    with theirs(told, attributes=CHAT), chat_client(provider) as client:
        client.chat.completions.create(model="m", messages=HI)
    assert outcomes(told.spans()) == [("served", None)]


def test_each_refused_attempt_at_a_stream_is_a_span_with_its_true_outcome(told: Told, provider: Provider) -> None:
    provider.script(LIMIT, wire.error("openai", 503, "server_error", headers={"retry-after-ms": "1"}))
    with chat_client(provider) as client:
        assert list(client.chat.completions.create(model="m", messages=HI, stream=True))
    eventually(lambda: len(told.spans()) == 3)
    expected = [("usage_limit", "rate_limit"), ("provider_error", "overloaded"), ("served", None)]
    by_start = sorted(told.spans(), key=lambda span: span.start_time or 0)
    assert outcomes(by_start) == expected


def test_refused_attempts_at_a_stream_leave_no_trace_on_anthropics_own_span(told: Told, provider: Provider) -> None:
    limit = wire.error("anthropic", 429, "rate_limit_error", headers={"retry-after-ms": "1"})
    provider.script(limit, limit)
    with claude_client(provider, told) as client:
        assert list(client.messages.create(model="m", max_tokens=9, messages=HI, stream=True))
    eventually(lambda: sum(told.points("dispatch.calls").values()) == 3)
    facts = told.only().attributes or {}
    assert outcomes(told.spans()) == [("served", None)]
    assert facts["http.request.resend_count"] == 2
    assert "error.type" not in facts


def under(key: str, run: Callable[[], None]) -> None:
    token = otel.attach(otel.set_value(key, True))
    try:
        run()
    finally:
        otel.detach(token)


@pytest.mark.parametrize("key", ["suppress_instrumentation", "suppress_language_model_instrumentation"])
def test_where_spans_are_suppressed_the_open_one_of_the_call_is_told(told: Told, provider: Provider, key: str) -> None:
    with theirs(told, attributes=CHAT):
        under(key, lambda: post(provider))
    assert outcomes(told.spans()) == [("served", None)]


def test_where_spans_are_suppressed_a_second_call_is_not_told(told: Told, provider: Provider) -> None:
    with theirs(told, attributes=CHAT):
        post(provider, "first")
        under("suppress_instrumentation", lambda: post(provider, "second"))
    assert (told.only().attributes or {})["dispatch.model"] == "first"


@pytest.mark.parametrize("scope", ["logfire.openai", "somebody"])
def test_on_a_span_that_ends_before_its_stream_is_read_no_outcome_is_guessed(
    told: Told, provider: Provider, scope: str
) -> None:
    with chat_client(provider) as client:
        with theirs(told, scope=scope, attributes=CHAT):
            stream = client.chat.completions.create(model="m", messages=HI, stream=True)
        assert list(stream)
    assert outcomes(told.spans()) == [(None, None)]
    assert (told.only().attributes or {})["dispatch.model"] == "m"
    (event,) = told.events()
    assert event.attributes["dispatch.outcome.kind"] == "served"
