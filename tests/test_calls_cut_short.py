"""Model calls that fail, are refused, dropped or cancelled: one span each, with what became of them."""

import asyncio
import gc
from typing import Any

import anthropic
import httpx2
import openai
import pytest
from opentelemetry.trace import StatusCode

from otel_dispatch.demo import provider as wire
from otel_dispatch.demo.provider import Provider
from tests.clients import HI, chat_client, claude_client
from tests.conftest import Told, eventually


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
