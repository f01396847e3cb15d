"""Model calls inside spans of others: an inference span carries the record, any other is only the parent."""

import httpx2
import pytest
from opentelemetry import trace
from opentelemetry.trace import StatusCode

from otel_dispatch.demo import provider as wire
from otel_dispatch.demo.provider import Provider
from tests.clients import HI, chat_client, claude_client
from tests.conftest import Told


def test_anthropics_own_span_is_enriched_and_not_doubled(told: Told, provider: Provider) -> None:
    provider.script(wire.messages("Hello.", model="claude-opus-5-5", usage=(9, 12), cache_read=3, thinking="hm"))
    with claude_client(provider, told) as client:
        client.messages.create(
            model="claude-opus-5-5", max_tokens=99, messages=HI, thinking={"type": "enabled", "budget_tokens": 2000}
        )
    span = told.only()
    attributes = span.attributes or {}
    assert span.instrumentation_scope is not None
    assert span.instrumentation_scope.name == "com.anthropic.sdk.python"
    assert span.name == "anthropic.messages.create"
    assert attributes["gen_ai.provider.name"] == "anthropic"
    assert attributes["dispatch.provider"] == "local"
    assert attributes["dispatch.wire_format"] == "anthropic_native"
    assert attributes["dispatch.thinking.mode"] == "enabled"
    assert attributes["dispatch.thinking.budget_tokens"] == 2000
    assert attributes["dispatch.outcome.kind"] == "served"
    assert attributes["dispatch.outcome.completion_tokens"] == 12
    assert attributes["dispatch.outcome.content_len"] == 6
    assert attributes["peer.service"] == "local"
    assert attributes["gen_ai.usage.input_tokens"] == 12


def test_a_span_that_is_no_inference_is_only_the_parent(told: Told, provider: Provider) -> None:
    tracer = told.tracer_provider.get_tracer("app")
    with tracer.start_as_current_span(
        "invoke_agent a", attributes={"gen_ai.operation.name": "invoke_agent", "gen_ai.system": "x"}
    ):
        with chat_client(provider) as client:
            client.chat.completions.create(model="m", messages=HI)
    call, outer = told.spans()
    assert call.name == "chat m"
    assert call.parent is not None
    assert outer.context is not None
    assert call.parent.span_id == outer.context.span_id
    assert "dispatch.kind" not in (outer.attributes or {})


@pytest.mark.parametrize(
    "mark", [{"gen_ai.operation.name": "chat"}, {"gen_ai.system": "openai"}, {"openinference.span.kind": "LLM"}]
)
def test_somebodys_inference_span_carries_our_record(told: Told, provider: Provider, mark: dict[str, str]) -> None:
    tracer = told.tracer_provider.get_tracer("somebody")
    with tracer.start_as_current_span("theirs", attributes={**mark, "gen_ai.request.model": "kept"}) as span:
        with chat_client(provider) as client:
            client.chat.completions.create(model="m", messages=HI)
        span.set_status(StatusCode.OK)
    attributes = told.only().attributes or {}
    assert attributes["dispatch.model"] == "m"
    assert attributes["gen_ai.request.model"] == "kept"
    assert told.only().status.status_code is StatusCode.OK


def test_while_the_request_is_sent_our_span_is_current(told: Told, provider: Provider) -> None:
    seen = []

    class Transport(httpx2.BaseTransport):
        def handle_request(self, request: httpx2.Request) -> httpx2.Response:
            seen.append(trace.get_current_span().get_span_context().span_id)
            return httpx2.Response(200, json={"choices": []})

    with httpx2.Client(transport=Transport()) as client:
        client.post("https://api.openai.com/v1/chat/completions", json={"model": "m"})
    context = told.only().context
    assert context is not None
    assert seen == [context.span_id]
    assert not trace.get_current_span().get_span_context().is_valid


@pytest.mark.parametrize("key", ["suppress_instrumentation", "suppress_language_model_instrumentation"])
def test_suppression_is_honoured(told: Told, provider: Provider, key: str) -> None:
    from opentelemetry import context as otel

    token = otel.attach(otel.set_value(key, True))
    try:
        with chat_client(provider) as client:
            client.chat.completions.create(model="m", messages=HI)
    finally:
        otel.detach(token)
    assert told.spans() == []
