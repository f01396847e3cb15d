"""Model calls through the real SDKs against a local server: one span each, with a true record."""

import asyncio
from typing import Any

import httpx
import httpx2
import openai
import pytest
from opentelemetry.trace import SpanKind, StatusCode

from otel_dispatch.demo import provider as wire
from otel_dispatch.demo.provider import Provider
from tests.clients import HI, chat_client, claude_client
from tests.conftest import Told


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
