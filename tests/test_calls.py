"""Model calls through the real SDKs against a local server: one span each, with a true record."""

import asyncio
import gc
from typing import Any

import anthropic
import httpx
import httpx2
import openai
import pytest
from opentelemetry import trace
from opentelemetry.trace import SpanKind, StatusCode

from otel_dispatch.demo import provider as wire
from otel_dispatch.demo.provider import Provider
from tests.conftest import Told, eventually

HI: Any = [{"role": "user", "content": "hi"}]


def chat_client(provider: Provider, **options: Any) -> openai.OpenAI:
    return openai.OpenAI(base_url=f"{provider.url}/v1", api_key="k", **options)


def claude_client(provider: Provider, told: Told | None = None, **options: Any) -> anthropic.Anthropic:
    native: Any = {"tracer_provider": told.tracer_provider} if told else False
    return anthropic.Anthropic(base_url=provider.url, api_key="k", open_telemetry=native, **options)


def test_a_chat_call_is_one_span_with_the_whole_record(told: Told, provider: Provider) -> None:
    provider.script(
        wire.chat("Hello.", model="gpt-6-luna-2026-01-02", usage=(11, 7), reasoning_tokens=3, cached_tokens=4)
    )
    with chat_client(provider) as client:
        client.chat.completions.create(
            model="gpt-6-luna",
            messages=HI,
            reasoning_effort="high",
            max_completion_tokens=50,
            tools=[{"type": "function", "function": {"name": "f", "parameters": {}}}],
        )
    span = told.only()
    attributes = dict(span.attributes or {})
    assert attributes.pop("gen_ai.response.id")
    assert attributes == {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "local",
        "gen_ai.request.model": "gpt-6-luna",
        "gen_ai.request.max_tokens": 50,
        "gen_ai.request.reasoning.level": "high",
        "gen_ai.request.stream": False,
        "gen_ai.response.model": "gpt-6-luna-2026-01-02",
        "gen_ai.response.finish_reasons": ("stop",),
        "gen_ai.usage.input_tokens": 11,
        "gen_ai.usage.output_tokens": 7,
        "gen_ai.usage.cache_read.input_tokens": 4,
        "gen_ai.usage.reasoning.output_tokens": 3,
        "peer.service": "local",
        "service.peer.name": "local",
        "server.address": "127.0.0.1",
        "server.port": provider.port,
        "http.response.status_code": 200,
        "openai.api.type": "chat_completions",
        "dispatch.kind": "llm_call",
        "dispatch.provider": "local",
        "dispatch.model": "gpt-6-luna",
        "dispatch.wire_format": "openai_compat",
        "dispatch.tool_format": "native",
        "dispatch.base_url_host": "127.0.0.1",
        "dispatch.thinking.mode": "effort",
        "dispatch.thinking.enabled": True,
        "dispatch.thinking.level": "high",
        "dispatch.provenance.provider": "unknown",
        "dispatch.provenance.model": "unknown",
        "dispatch.provenance.wire_format": "unknown",
        "dispatch.provenance.thinking": "unknown",
        "dispatch.provenance.tool_format": "unknown",
        "dispatch.inherited": False,
        "dispatch.inherited_fields": "",
        "dispatch.outcome.kind": "served",
        "dispatch.outcome.completion_tokens": 7,
        "dispatch.outcome.content_len": 6,
    }
    assert (span.name, span.kind, span.status.status_code) == ("chat gpt-6-luna", SpanKind.CLIENT, StatusCode.UNSET)
    assert span.instrumentation_scope is not None
    assert span.instrumentation_scope.name == "otel_dispatch"
    assert span.instrumentation_scope.version
    assert span.instrumentation_scope.schema_url


def test_a_streamed_chat_call_ends_when_the_stream_does(told: Told, provider: Provider) -> None:
    provider.script(wire.chat_stream(["Hel", "lo ", "you é"], model="gpt-6-luna", usage=(3, 9)))
    with chat_client(provider) as client:
        stream = client.chat.completions.create(
            model="gpt-6-luna", messages=HI, stream=True, stream_options={"include_usage": True}
        )
        assert told.spans() == []
        text = "".join(c.choices[0].delta.content or "" for c in stream if c.choices)
    assert text == "Hello you é"
    attributes = told.only().attributes or {}
    assert attributes["dispatch.outcome.kind"] == "served"
    assert attributes["dispatch.outcome.content_len"] == len(text.encode())
    assert attributes["gen_ai.usage.output_tokens"] == 9
    assert attributes["gen_ai.request.stream"] is True
    assert 0 < attributes["gen_ai.response.time_to_first_chunk"] < 5  # type: ignore[operator]


def test_a_response_is_read_with_the_thinking_that_it_really_used(told: Told, provider: Provider) -> None:
    provider.script(wire.responses("Fine.", model="gpt-6-sol", reasoning_effort="medium"))
    with chat_client(provider) as client:
        client.responses.create(model="gpt-6-sol", input="hi")
    attributes = told.only().attributes or {}
    assert attributes["dispatch.wire_format"] == "openai_responses"
    assert attributes["openai.api.type"] == "responses"
    assert attributes["dispatch.thinking.mode"] == "effort"
    assert attributes["dispatch.thinking.level"] == "medium"
    assert attributes["dispatch.provenance.thinking"] == "catalog_default"


def test_a_streamed_response_is_one_span(told: Told, provider: Provider) -> None:
    provider.script(wire.responses_stream(["a", "b"], model="gpt-6-sol", usage=(5, 6)))
    with chat_client(provider) as client, client.responses.stream(model="gpt-6-sol", input="hi") as stream:
        assert stream.get_final_response().output_text == "ab"
    attributes = told.only().attributes or {}
    assert attributes["dispatch.outcome.content_len"] == 2
    assert attributes["gen_ai.usage.output_tokens"] == 6
    assert attributes["gen_ai.response.finish_reasons"] == ("completed",)


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


@pytest.mark.parametrize("is_native", [True, False])
def test_an_anthropic_stream_is_one_span_with_its_true_end(told: Told, provider: Provider, is_native: bool) -> None:
    provider.script(wire.messages_stream(["Hel", "lo"], model="claude-opus-5-5", usage=(9, 12)))
    with (
        claude_client(provider, told if is_native else None) as client,
        client.messages.stream(model="claude-opus-5-5", max_tokens=99, messages=HI) as stream,
    ):
        assert stream.get_final_text() == "Hello"
    attributes = told.only().attributes or {}
    assert attributes["dispatch.outcome.kind"] == "served"
    assert attributes["dispatch.outcome.completion_tokens"] == 12
    assert attributes["dispatch.outcome.content_len"] == 5
    assert "dispatch.outcome.class" not in attributes
    assert attributes["gen_ai.usage.output_tokens"] == 12


@pytest.mark.parametrize("is_native", [True, False])
def test_a_stream_that_nobody_reads_to_its_end_is_abandoned(told: Told, provider: Provider, is_native: bool) -> None:
    provider.script(wire.messages_stream(["Hel", "lo"], model="claude-opus-5-5"))
    with claude_client(provider, told if is_native else None) as client:
        with client.messages.create(model="claude-opus-5-5", max_tokens=99, messages=HI, stream=True) as stream:
            for event in stream:
                if event.type == "content_block_delta":
                    break
    span = told.only()
    attributes = span.attributes or {}
    assert attributes["dispatch.outcome.kind"] == "cancelled"
    assert attributes["dispatch.outcome.class"] == "abandoned"
    assert "dispatch.outcome.completion_tokens" not in attributes
    assert span.status.status_code is not StatusCode.ERROR


def test_a_stream_that_is_dropped_unread_ends_with_it(told: Told, provider: Provider) -> None:
    provider.script(wire.chat_stream(["a"], model="m"))
    with chat_client(provider) as client:
        stream = client.chat.completions.create(model="m", messages=HI, stream=True)
        del stream
        gc.collect()
        eventually(lambda: len(told.spans()) == 1)
    assert (told.only().attributes or {})["dispatch.outcome.class"] == "abandoned"


def test_a_connection_lost_mid_stream_is_a_connection_error(told: Told, provider: Provider) -> None:
    whole = wire.chat_stream(["a", "b", "c"], model="m")
    assert whole.chunks is not None
    provider.script(wire.Answer(headers=whole.headers, chunks=[*whole.chunks[:2], wire.HANGUP]))
    # Older SDKs let the transport's own exception through.
    lost = (openai.APIConnectionError, httpx2.RemoteProtocolError)
    with chat_client(provider, max_retries=0) as client, pytest.raises(lost):
        list(client.chat.completions.create(model="m", messages=HI, stream=True))
    span = told.only()
    assert (span.attributes or {})["dispatch.outcome.kind"] == "provider_error"
    assert (span.attributes or {})["dispatch.outcome.class"] == "connection"
    assert span.status.status_code is StatusCode.ERROR
    assert span.status.description is None
    assert span.events == ()


def test_an_error_event_inside_a_stream_beats_its_status_200(told: Told, provider: Provider) -> None:
    chunks = [
        wire.event("message_start", {"type": "message_start", "message": {"id": "m1", "model": "claude-opus-5-5"}}),
        wire.event("error", {"type": "error", "error": {"type": "overloaded_error", "message": "secret words"}}),
    ]
    provider.script(wire.Answer(headers={"content-type": "text/event-stream"}, chunks=chunks))
    with claude_client(provider) as client, pytest.raises(anthropic.APIStatusError):
        list(client.messages.create(model="claude-opus-5-5", max_tokens=9, messages=HI, stream=True))
    span = told.only()
    attributes = span.attributes or {}
    assert attributes["dispatch.outcome.kind"] == "provider_error"
    assert attributes["dispatch.outcome.class"] == "overloaded"
    assert attributes["error.type"] == "overloaded_error"
    assert attributes["http.response.status_code"] == 200
    assert "secret" not in repr(dict(attributes))


@pytest.mark.parametrize(
    ("answer", "kind", "cls", "error_type"),
    [
        (
            wire.error("openai", 429, "requests", "rate_limit_exceeded"),
            "usage_limit",
            "rate_limit",
            "rate_limit_exceeded",
        ),
        (
            wire.error("openai", 429, "insufficient_quota", "insufficient_quota"),
            "usage_limit",
            "quota",
            "insufficient_quota",
        ),
        (
            wire.error("openai", 401, "invalid_request_error", "invalid_api_key"),
            "provider_error",
            "auth",
            "invalid_api_key",
        ),
        (
            wire.error("openai", 400, "invalid_request_error", "context_length_exceeded", "429 rate limit quota"),
            "provider_error",
            "context_overflow",
            "context_length_exceeded",
        ),
        (wire.error("openai", 503, "server_error"), "provider_error", "overloaded", "server_error"),
        (wire.Answer(status=502, body=b"<html>bad gateway</html>"), "provider_error", "server_error", "502"),
    ],
)
def test_an_error_answer_is_classified_by_status_and_code(
    told: Told, provider: Provider, answer: Any, kind: str, cls: str, error_type: str
) -> None:
    provider.script(answer)
    with chat_client(provider, max_retries=0) as client, pytest.raises(openai.APIStatusError):
        client.chat.completions.create(model="m", messages=HI)
    span = told.only()
    attributes = span.attributes or {}
    assert attributes["dispatch.outcome.kind"] == kind
    assert attributes["dispatch.outcome.class"] == cls
    assert attributes["error.type"] == error_type
    assert span.status.status_code is StatusCode.ERROR
    assert "rate limit quota" not in repr(dict(attributes))


def test_each_attempt_of_an_sdks_own_retry_is_a_span(told: Told, provider: Provider) -> None:
    limit = wire.error("openai", 429, "requests", "rate_limit_exceeded", headers={"retry-after-ms": "1"})
    provider.script(limit, limit, wire.chat("ok", model="m"))
    with chat_client(provider) as client:
        client.chat.completions.create(model="m", messages=HI)
    found = [
        ((s.attributes or {})["dispatch.outcome.kind"], (s.attributes or {}).get("http.request.resend_count"))
        for s in told.spans()
    ]
    assert found == [("usage_limit", None), ("usage_limit", 1), ("served", 2)]


def test_on_anthropics_own_span_the_last_attempts_facts_stand(told: Told, provider: Provider) -> None:
    limit = wire.error("anthropic", 429, "rate_limit_error", headers={"retry-after-ms": "1"})
    provider.script(limit, wire.messages("ok", model="claude-opus-5-5"))
    with claude_client(provider, told) as client:
        client.messages.create(model="claude-opus-5-5", max_tokens=9, messages=HI)
    attributes = told.only().attributes or {}
    assert attributes["dispatch.outcome.kind"] == "served"
    assert "dispatch.outcome.class" not in attributes
    assert "error.type" not in attributes
    assert attributes["http.request.resend_count"] == 1
    assert attributes["http.response.status_code"] == 200
    kinds = [dict(labels)["dispatch.outcome.kind"] for labels in told.points("dispatch.calls")]
    assert sorted(kinds) == ["served", "usage_limit"]


def test_a_connection_that_cannot_be_made_is_a_connection_error(told: Told) -> None:
    with (
        openai.OpenAI(base_url="http://127.0.0.1:9/v1", api_key="k", max_retries=0) as client,
        pytest.raises(openai.APIConnectionError),
    ):
        client.chat.completions.create(model="m", messages=HI)
    attributes = told.only().attributes or {}
    assert attributes["dispatch.outcome.class"] == "connection"
    assert attributes["error.type"] == "httpx2.ConnectError"


def test_a_timeout_is_a_timeout(told: Told, provider: Provider) -> None:
    provider.script(wire.Answer(body=b"{}", delay=2.0))
    with chat_client(provider, max_retries=0, timeout=0.05) as client, pytest.raises(openai.APITimeoutError):
        client.chat.completions.create(model="m", messages=HI)
    assert (told.only().attributes or {})["dispatch.outcome.class"] == "timeout"


def test_async_calls_whole_streamed_and_concurrent_are_a_span_each(told: Told, provider: Provider) -> None:
    async def run() -> None:
        async with openai.AsyncOpenAI(base_url=f"{provider.url}/v1", api_key="k") as client:

            async def streamed() -> None:
                stream = await client.chat.completions.create(model="s", messages=HI, stream=True)
                assert [c async for c in stream]

            calls = [client.chat.completions.create(model="w", messages=HI) for _ in range(5)]
            await asyncio.gather(*calls, *(streamed() for _ in range(5)))

    asyncio.run(run())
    kinds = [(s.name, (s.attributes or {})["dispatch.outcome.kind"]) for s in told.spans()]
    assert sorted(kinds) == [("chat s", "served")] * 5 + [("chat w", "served")] * 5


def test_a_cancelled_task_leaves_a_cancelled_span(told: Told, provider: Provider) -> None:
    provider.script(wire.Answer(body=b"{}", delay=5.0))

    async def run() -> None:
        async with openai.AsyncOpenAI(base_url=f"{provider.url}/v1", api_key="k") as client:
            task = asyncio.create_task(client.chat.completions.create(model="m", messages=HI))
            await asyncio.sleep(0.2)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

    asyncio.run(run())
    span = told.only()
    assert (span.attributes or {})["dispatch.outcome.kind"] == "cancelled"
    assert (span.attributes or {})["dispatch.outcome.class"] == "cancelled"
    assert span.status.status_code is StatusCode.UNSET


def test_an_async_stream_that_is_cancelled_midway_is_cancelled(told: Told, provider: Provider) -> None:
    chunks = wire.chat_stream(["a", "b"], model="m").chunks
    assert chunks is not None
    provider.script(wire.Answer(headers={"content-type": "text/event-stream"}, chunks=[*chunks[:2], 5.0, *chunks[2:]]))

    async def run() -> None:
        async with openai.AsyncOpenAI(base_url=f"{provider.url}/v1", api_key="k") as client:

            async def read() -> None:
                async for _ in await client.chat.completions.create(model="m", messages=HI, stream=True):
                    pass

            task = asyncio.create_task(read())
            await asyncio.sleep(0.3)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

    asyncio.run(run())
    assert (told.only().attributes or {})["dispatch.outcome.class"] == "cancelled"


def test_raw_and_streaming_raw_responses_are_read_too(told: Told, provider: Provider) -> None:
    with chat_client(provider) as client:
        raw = client.chat.completions.with_raw_response.create(model="raw", messages=HI)
        assert raw.parse().choices
        with client.chat.completions.with_streaming_response.create(model="piecemeal", messages=HI) as response:
            assert response.parse().choices
        with client.chat.completions.with_streaming_response.create(model="unread", messages=HI):
            pass
    found = {s.name: (s.attributes or {}).get("dispatch.outcome.kind") for s in told.spans()}
    assert found == {"chat raw": "served", "chat piecemeal": "served", "chat unread": "cancelled"}


@pytest.mark.parametrize("is_gzip", [False, True])
@pytest.mark.parametrize("reader", ["iter_raw", "iter_bytes", "iter_text", "iter_lines", "read"])
def test_every_reader_of_a_response_is_overheard(told: Told, provider: Provider, reader: str, is_gzip: bool) -> None:
    from dataclasses import replace

    provider.script(replace(wire.chat_stream(["a", "bc"], model="m"), gzip=is_gzip))
    with (
        httpx2.Client() as client,
        client.stream("POST", f"{provider.url}/v1/chat/completions", json={"model": "m", "stream": True}) as response,
    ):
        passed = getattr(response, reader)()
        assert passed if reader == "read" else list(passed)
    attributes = told.only().attributes or {}
    assert attributes["dispatch.outcome.kind"] == "served"
    assert attributes["dispatch.outcome.content_len"] == 3


def test_plain_httpx_is_a_transport_too(told: Told, provider: Provider) -> None:
    with httpx.Client() as client:
        client.post(f"{provider.url}/v1/chat/completions?x=1", json={"model": "m"})
        client.get(f"{provider.url}/healthz")
        client.post(f"{provider.url}/v1/channels/1/messages", json={"content": "a chat server's own"})
    assert told.only().name == "chat m"


def test_the_host_gets_its_own_objects_unchanged(told: Told, provider: Provider) -> None:
    import copy
    import pickle

    with httpx2.Client() as client:
        request = client.build_request("POST", f"{provider.url}/v1/chat/completions", json={"model": "m"})
        response = client.send(request, stream=True)
        assert type(response) is httpx2.Response
        assert response.request is request
        assert pickle.loads(pickle.dumps(response)).status_code == 200
        assert copy.copy(response).status_code == 200
        assert b"choices" in response.read()
        response.close()
    assert (told.only().attributes or {})["dispatch.outcome.kind"] == "served"


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


@pytest.mark.parametrize("content_type", ["Text/Event-Stream", "application/json", "application/octet-stream"])
def test_a_stream_under_a_wrong_content_type_is_heard_as_what_it_is(
    told: Told, provider: Provider, content_type: str
) -> None:
    stream = wire.chat_stream(["a", "bc"], model="m")
    provider.script(wire.Answer(headers={"content-type": content_type}, chunks=stream.chunks))
    with (
        httpx2.Client() as client,
        client.stream("POST", f"{provider.url}/v1/chat/completions", json={"model": "m", "stream": True}) as response,
    ):
        response.read()
    attributes = told.only().attributes or {}
    assert attributes["dispatch.outcome.kind"] == "served"
    assert attributes["dispatch.outcome.content_len"] == 3


@pytest.mark.parametrize("library", [httpx, httpx2], ids=["httpx", "httpx2"])
def test_a_streamed_response_keeps_its_own_methods_and_kind_of_stream(
    told: Told, provider: Provider, library: Any
) -> None:
    url = f"{provider.url}/v1/chat/completions"
    with library.Client() as client, client.stream("POST", url, json={"model": "m"}) as response:
        assert isinstance(response.stream, library.SyncByteStream)
        assert not callable(vars(response).get("iter_bytes"))
        kept = vars(response).keys()
        assert response.read()
        assert vars(response).keys() >= kept
    assert told.only().attributes["dispatch.outcome.kind"] == "served"  # type: ignore[index]


def test_a_collection_that_closes_a_reader_closes_the_connection(told: Told, provider: Provider) -> None:
    """The response dies with its readers, in one garbage collection, while its body is half read."""
    closed = []

    class Body(httpx2.SyncByteStream):
        def __iter__(self) -> Any:
            yield b'data: {"choices":[]}\n\n'
            yield b"data: [DONE]\n\n"

        def close(self) -> None:
            closed.append(True)

    class Holder:
        def __init__(self, client: httpx2.Client) -> None:
            self.me = self
            self.reader = self.read(client)
            next(self.reader)

        def read(self, client: httpx2.Client) -> Any:
            with client.stream("POST", "https://api.openai.com/v1/chat/completions", json={"model": "m"}) as response:
                yield from response.iter_bytes()

    def answer(_: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(200, headers={"content-type": "text/event-stream"}, stream=Body())

    with httpx2.Client(transport=httpx2.MockTransport(answer)) as client:
        Holder(client)
        gc.collect()
        eventually(lambda: len(told.spans()) == 1)
    assert closed
    assert (told.only().attributes or {})["dispatch.outcome.class"] == "abandoned"
