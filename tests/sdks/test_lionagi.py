"""lionagi's own HTTP endpoints, over httpx and before 0.36 over aiohttp: one span for each request that it sends."""

import asyncio
import gc
import warnings
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from importlib.metadata import version
from typing import Any

import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import SpanKind, StatusCode

from otel_dispatch.demo import provider as wire
from otel_dispatch.demo.answer import Answer
from otel_dispatch.demo.provider import Provider
from tests.conftest import Told, eventually
from tests.hosts.lionagi.quiet import a_tokenizer_of_bytes as a_tokenizer_of_bytes
from tests.hosts.lionagi.quiet import no_logs as no_logs

with warnings.catch_warnings(action="ignore"):
    from lionagi import Branch, iModel

pytestmark = pytest.mark.filterwarnings("ignore")

IS_AIOHTTP = tuple(map(int, version("lionagi").split(".")[:2])) < (0, 36)
MESSAGES: Any = [{"role": "user", "content": "hi"}]


@dataclass(frozen=True)
class Way:
    """One of lionagi's endpoints, what it is asked, and its answer whole and streamed."""

    provider: str
    base: str
    model: str
    whole: Callable[..., Answer] = wire.chat
    stream: Callable[..., Answer] = wire.chat_stream
    wire_format: str = "openai_compat"
    options: dict[str, Any] = field(default_factory=dict)
    question: dict[str, Any] = field(default_factory=lambda: {"messages": MESSAGES})

    def made(self, server: Provider, **more: Any) -> Any:
        """The model, with *server* as its provider."""
        at = {"base_url": server.url + self.base, "api_key": "k", "allow_local_network": True}
        return iModel(provider=self.provider, model=self.model, **at, **self.options, **more)


WAYS = {
    "openai": Way("openai", "/v1", "gpt-4.1-mini"),
    "responses": Way(
        "openai",
        "/v1",
        "gpt-4.1-mini",
        wire.responses,
        wire.responses_stream,
        "openai_responses",
        {"endpoint": "responses"},
        {"input": "hi"},
    ),
    "anthropic": Way(
        "anthropic",
        "/v1",
        "claude-sonnet-4-5",
        wire.messages,
        wire.messages_stream,
        "anthropic_native",
        {"max_tokens": 99},
    ),
    "openrouter": Way("openrouter", "/api/v1", "anthropic/claude-sonnet-4-5"),
    "groq": Way("groq", "/openai/v1", "llama-3.3-70b-versatile"),
    "gemini": Way("gemini", "/v1beta/openai", "gemini-2.5-flash"),
    "deepseek": Way("deepseek", "/v1", "deepseek-chat"),
}
of_each_way = pytest.mark.parametrize("way", WAYS)


def calls(told: Told) -> list[ReadableSpan]:
    """The spans of model calls; the steps above them are the host's."""
    return [span for span in told.spans() if (span.attributes or {}).get("dispatch.kind") == "llm_call"]


def only_call(told: Told) -> ReadableSpan:
    """The one call there is."""
    (span,) = calls(told)
    return span


def run(ask: Callable[[], Awaitable[Any]]) -> Any:
    """Await what *ask* gives."""

    async def main() -> Any:
        return await ask()

    return asyncio.run(main())


def only(told: Told) -> dict[str, Any]:
    return dict(only_call(told).attributes or {})


def test_a_call_is_one_span_with_the_whole_record(told: Told, provider: Provider) -> None:
    provider.script(
        wire.chat("Hello.", model="gpt-4.1-mini-2025-04-14", usage=(11, 7), reasoning_tokens=3, cached_tokens=4)
    )
    model = WAYS["openai"].made(provider)
    run(lambda: model.invoke(messages=MESSAGES, reasoning_effort="low"))
    span = only_call(told)
    attributes = dict(span.attributes or {})
    assert attributes.pop("gen_ai.response.id")
    assert attributes == {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "local",
        "gen_ai.request.model": "gpt-4.1-mini",
        "gen_ai.request.reasoning.level": "low",
        "gen_ai.request.stream": False,
        "gen_ai.response.model": "gpt-4.1-mini-2025-04-14",
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
        "dispatch.model": "gpt-4.1-mini",
        "dispatch.wire_format": "openai_compat",
        "dispatch.tool_format": "none",
        "dispatch.base_url_host": "127.0.0.1",
        "dispatch.thinking.mode": "effort",
        "dispatch.thinking.enabled": True,
        "dispatch.thinking.level": "low",
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
    assert (span.name, span.kind, span.status.status_code) == (
        "chat gpt-4.1-mini",
        SpanKind.CLIENT,
        StatusCode.UNSET,
    )


def test_the_version_sends_by_the_library_that_its_row_is_for(told: Told, provider: Provider) -> None:
    run(lambda: WAYS["openai"].made(provider).invoke(messages=MESSAGES))
    assert ("aiohttp" in provider.seen[0].headers["user-agent"]) is IS_AIOHTTP


def assert_served(attributes: dict[str, Any], way: Way, is_stream: bool) -> None:
    assert attributes["dispatch.model"] == way.model
    assert attributes["dispatch.wire_format"] == way.wire_format
    assert attributes["gen_ai.request.stream"] is is_stream
    assert attributes["dispatch.outcome.kind"] == "served"
    assert attributes["dispatch.outcome.content_len"] == 6
    assert attributes["gen_ai.usage.output_tokens"] == 12
    assert "dispatch.mismatch" not in attributes


@of_each_way
def test_an_invocation_is_one_span(told: Told, provider: Provider, way: str) -> None:
    asked = WAYS[way]
    provider.script(asked.whole("Hello.", model=asked.model))
    call = run(lambda: asked.made(provider).invoke(**asked.question))
    assert (call.status.value, call.execution.error) == ("completed", None)
    assert_served(only(told), asked, False)


@of_each_way
def test_a_branchs_chat_is_one_span(told: Told, provider: Provider, way: str) -> None:
    asked = WAYS[way]
    provider.script(asked.whole("Hello.", model=asked.model))
    assert run(lambda: Branch(chat_model=asked.made(provider)).chat("hi")) == "Hello."
    assert_served(only(told), asked, False)


@of_each_way
def test_a_stream_is_one_span(told: Told, provider: Provider, way: str) -> None:
    asked = WAYS[way]
    provider.script(asked.stream(["Hel", "lo."], model=asked.model))

    async def read() -> list[Any]:
        return [chunk async for chunk in asked.made(provider).stream(**asked.question)]

    assert run(read)
    assert_served(only(told), asked, True)


def test_a_stream_that_is_left_early_is_abandoned(told: Told, provider: Provider) -> None:
    chunks = wire.chat_stream(["a", "b"], model="m").chunks
    assert chunks is not None
    provider.script(Answer(headers={"content-type": "text/event-stream"}, chunks=[*chunks[:2], 5.0, *chunks[2:]]))

    async def peek() -> None:
        pieces = WAYS["openai"].made(provider).stream(messages=MESSAGES)
        await anext(pieces)
        await pieces.aclose()

    def has_ended() -> bool:
        gc.collect()
        return len(calls(told)) == 1

    run(peek)
    eventually(has_ended)
    assert only(told)["dispatch.outcome.class"] == "abandoned"


def test_a_stream_that_breaks_off_is_a_connection_error(told: Told, provider: Provider) -> None:
    chunks = wire.chat_stream(["a", "b"], model="m").chunks
    assert chunks is not None
    headers = {"content-type": "text/event-stream"}
    provider.script(Answer(headers=headers, chunks=[*chunks[:2], wire.HANGUP]))

    async def read() -> None:
        async for _ in WAYS["openai"].made(provider).stream(messages=MESSAGES):
            pass

    # Older versions take it for the end.
    with suppress(ValueError):
        run(read)
    assert only(told)["dispatch.outcome.class"] == "connection"


REFUSALS = [
    (400, "context_length_exceeded", "provider_error", "context_overflow"),
    (401, "invalid_api_key", "provider_error", "auth"),
    (404, "model_not_found", "provider_error", "not_found"),
]


@pytest.mark.parametrize(("status", "code", "kind", "cls"), REFUSALS)
def test_a_refusal_is_told_although_lionagi_raises_nothing(
    told: Told, provider: Provider, status: int, code: str, kind: str, cls: str
) -> None:
    provider.script(wire.error("openai", status, "invalid_request_error", code, "secret words"))
    call = run(lambda: WAYS["openai"].made(provider).invoke(messages=MESSAGES))
    assert call.status.value == "failed"
    attributes = only(told)
    assert attributes["http.response.status_code"] == status
    assert (attributes["dispatch.outcome.kind"], attributes["dispatch.outcome.class"]) == (kind, cls)
    assert "secret" not in repr(attributes)
    assert only_call(told).status.status_code is StatusCode.ERROR


@pytest.mark.parametrize(
    ("answer", "kind", "cls"),
    [
        (wire.error("openai", 429, "requests", "rate_limit_exceeded"), "usage_limit", "rate_limit"),
        (wire.error("openai", 503, "server_error"), "provider_error", "overloaded"),
        (Answer(drop=True), "provider_error", "connection"),
    ],
)
def test_each_attempt_of_a_retry_is_a_span(told: Told, provider: Provider, answer: Answer, kind: str, cls: str) -> None:
    provider.script(answer, wire.chat("Hello.", model="gpt-4.1-mini"))
    call = run(lambda: WAYS["openai"].made(provider).invoke(messages=MESSAGES))
    assert call.status.value == "completed"
    first, second = (dict(span.attributes or {}) for span in calls(told))
    assert (first["dispatch.outcome.kind"], first["dispatch.outcome.class"]) == (kind, cls)
    assert second["dispatch.outcome.kind"] == "served"


def test_an_empty_answer_is_told_although_lionagi_completes_it(told: Told, provider: Provider) -> None:
    provider.script(wire.chat("", model="gpt-4.1-mini", usage=(9, 7)))
    call = run(lambda: WAYS["openai"].made(provider).invoke(messages=MESSAGES))
    assert call.status.value == "completed"
    attributes = only(told)
    assert attributes["dispatch.outcome.kind"] == "empty_completion_terminal"
    assert attributes["dispatch.outcome.completion_tokens"] == 7


def test_a_call_that_its_task_gives_up_is_cancelled(told: Told, provider: Provider) -> None:
    provider.script(Answer(body=b"{}", delay=5.0))

    async def give_up() -> None:
        call = asyncio.create_task(WAYS["openai"].made(provider).invoke(messages=MESSAGES))
        while not provider.seen:
            await asyncio.sleep(0.01)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call

    run(give_up)
    assert only(told)["dispatch.outcome.class"] == "cancelled"


def test_calls_at_the_same_time_are_a_span_each(told: Told, provider: Provider) -> None:
    async def ask() -> None:
        model = WAYS["openai"].made(provider)
        await asyncio.gather(*(model.invoke(messages=MESSAGES) for _ in range(5)))

    run(ask)
    assert [(span.attributes or {})["dispatch.outcome.kind"] for span in calls(told)] == ["served"] * 5
