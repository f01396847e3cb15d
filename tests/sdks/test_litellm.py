"""LiteLLM: what it made of a call is read from the wire, over the OpenAI SDK, its own httpx and its own aiohttp."""

import asyncio
import gc
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import aiohttp
import pytest
from opentelemetry.trace import SpanKind, StatusCode

from otel_dispatch.demo import provider as wire
from otel_dispatch.demo.answer import Answer
from otel_dispatch.demo.provider import Provider
from tests.conftest import Told, eventually
from tests.sdks.litellm_ways import MODES, Shop, fresh_clients, litellm
from tests.wires import gemini, ollama
from tests.wires.openai import embeddings

pytestmark = pytest.mark.filterwarnings("ignore")

of_each_mode = pytest.mark.parametrize("mode", MODES)


@dataclass(frozen=True)
class Way:
    """One of LiteLLM's providers, with its answer whole and streamed, and what is told of it."""

    model: str
    base: str
    whole: Callable[[], Answer]
    stream: Callable[[], Answer]
    wire_format: str
    operation: str = "chat"

    @property
    def sent(self) -> str:
        """The model as it is sent."""
        return self.model.partition("/")[2]


CLAUDE, GEMINI, QWEN = "claude-sonnet-4-5", "gemini-2.5-pro", "qwen3"
SLUG = f"anthropic/{CLAUDE}"

WAYS = {
    "openai": Way(
        "openai/gpt-4.1",
        "/v1",
        lambda: wire.chat("Hello.", model="gpt-4.1"),
        lambda: wire.chat_stream(["Hel", "lo."], model="gpt-4.1"),
        "openai_compat",
    ),
    "anthropic": Way(
        f"anthropic/{CLAUDE}",
        "",
        lambda: wire.messages("Hello.", model=CLAUDE),
        lambda: wire.messages_stream(["Hel", "lo."], model=CLAUDE),
        "anthropic_native",
    ),
    "gemini": Way(
        f"gemini/{GEMINI}",
        "",
        lambda: gemini.whole(gemini.content("Hello.", model=GEMINI)),
        lambda: gemini.streamed(*gemini.contents(["Hel", "lo."], model=GEMINI)),
        "gemini",
        "generate_content",
    ),
    "ollama": Way(
        f"ollama/{QWEN}",
        "",
        lambda: ollama.ollama_generate("Hello.", model=QWEN),
        lambda: ollama.ollama_generate_stream(["Hel", "lo."], model=QWEN),
        "ollama",
        "text_completion",
    ),
    "ollama_chat": Way(
        f"ollama_chat/{QWEN}",
        "",
        lambda: ollama.ollama_chat("Hello.", model=QWEN),
        lambda: ollama.ollama_chat_stream(["Hel", "lo."], model=QWEN),
        "ollama",
    ),
    "openrouter": Way(
        f"openrouter/{SLUG}",
        "/api/v1",
        lambda: wire.chat("Hello.", model=SLUG),
        lambda: wire.chat_stream(["Hel", "lo."], model=SLUG),
        "openai_compat",
    ),
}


@pytest.fixture(autouse=True)
def with_fresh_clients() -> Iterator[None]:
    with fresh_clients():
        yield


@pytest.fixture
def provider() -> Iterator[Provider]:
    with Shop() as server:
        yield server


def spans(told: Told, count: int) -> list[dict[str, Any]]:
    """The attributes of *count* spans; a stream that LiteLLM leaves half read ends as the collector finds it."""

    def have_ended() -> bool:
        # Where older versions keep the latest stream of all.
        getattr(litellm, "error_logs", {}).clear()
        gc.collect()
        return len(told.spans()) >= count

    eventually(have_ended)
    assert len(told.spans()) == count
    return [dict(span.attributes or {}) for span in told.spans()]


def ask(provider: Provider, way: Way, mode: str, **call: Any) -> str:
    provider.script(way.stream() if "stream" in mode else way.whole())
    return MODES[mode](model=way.model, api_base=f"{provider.url}{way.base}", **call)


def test_a_call_is_one_span_with_the_whole_record(told: Told, provider: Provider) -> None:
    provider.script(wire.chat("Hello.", model="gpt-4.1-2025-04-14", usage=(11, 7), reasoning_tokens=3, cached_tokens=4))
    MODES["sync"](model="openai/gpt-4.1", api_base=f"{provider.url}/v1", max_tokens=50)
    span = told.only()
    attributes = dict(span.attributes or {})
    assert attributes.pop("gen_ai.response.id")
    assert attributes == {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "local",
        "gen_ai.request.model": "gpt-4.1",
        "gen_ai.request.max_tokens": 50,
        "gen_ai.request.stream": False,
        "gen_ai.response.model": "gpt-4.1-2025-04-14",
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
        "dispatch.model": "gpt-4.1",
        "dispatch.wire_format": "openai_compat",
        "dispatch.tool_format": "none",
        "dispatch.base_url_host": "127.0.0.1",
        "dispatch.thinking.mode": "provider_default",
        "dispatch.provenance.provider": "unknown",
        "dispatch.provenance.model": "unknown",
        "dispatch.provenance.wire_format": "unknown",
        "dispatch.provenance.thinking": "catalog_default",
        "dispatch.provenance.tool_format": "unknown",
        "dispatch.inherited": False,
        "dispatch.inherited_fields": "",
        "dispatch.outcome.kind": "served",
        "dispatch.outcome.completion_tokens": 7,
        "dispatch.outcome.content_len": 6,
    }
    assert (span.name, span.kind, span.status.status_code) == ("chat gpt-4.1", SpanKind.CLIENT, StatusCode.UNSET)


@of_each_mode
@pytest.mark.parametrize("way", WAYS)
def test_every_way_is_one_span_with_a_true_record(told: Told, provider: Provider, way: str, mode: str) -> None:
    expected = WAYS[way]
    assert ask(provider, expected, mode) == "Hello."
    (attributes,) = spans(told, 1)
    assert attributes["gen_ai.operation.name"] == expected.operation
    assert attributes["dispatch.model"] == expected.sent
    assert attributes["dispatch.wire_format"] == expected.wire_format
    assert attributes["gen_ai.request.stream"] is ("stream" in mode)
    assert attributes["dispatch.outcome.kind"] == "served"
    assert attributes["dispatch.outcome.content_len"] == 6
    assert attributes["gen_ai.usage.output_tokens"] == 12
    assert attributes["dispatch.provenance.model"] == "unknown"
    assert "dispatch.mismatch" not in attributes


def thinking_sent(way: str, body: dict[str, Any]) -> dict[str, Any]:
    """What the body that arrived says of thinking, in the words of the record."""
    if way == "anthropic":
        thinking = body["thinking"]
        return {"mode": thinking["type"], "enabled": True, "budget_tokens": thinking["budget_tokens"]}
    if way == "gemini":
        budget = body["generationConfig"]["thinkingConfig"]["thinkingBudget"]
        return {"mode": "enabled", "enabled": True, "budget_tokens": budget}
    if way == "ollama_chat":
        return {"mode": "enabled", "enabled": body["think"]}
    effort = body.get("reasoning_effort") or body["reasoning"]["effort"]
    return {"mode": "effort", "enabled": True, "level": effort}


@of_each_mode
@pytest.mark.parametrize("way", ["anthropic", "gemini", "ollama_chat", "openrouter"])
def test_an_effort_is_told_as_what_it_was_rewritten_to(told: Told, provider: Provider, way: str, mode: str) -> None:
    ask(provider, WAYS[way], mode, reasoning_effort="high", max_tokens=9000)
    (attributes,) = spans(told, 1)
    asked = next(seen.json for seen in provider.seen if not seen.path.endswith("/api/show"))
    found = {name.rpartition(".")[2]: value for name, value in attributes.items() if ".thinking." in name}
    assert found == thinking_sent(way, asked)


REFUSALS = [
    (529, "overloaded_error", litellm.InternalServerError, "provider_error", "overloaded", "overloaded_error"),
    (429, "rate_limit_error", litellm.RateLimitError, "usage_limit", "rate_limit", "rate_limit_error"),
    (402, "billing_error", Exception, "usage_limit", "billing", "billing_error"),
    (504, "timeout_error", Exception, "provider_error", "timeout", "timeout_error"),
]


@of_each_mode
@pytest.mark.parametrize(("status", "code", "raised", "kind", "cls", "error_type"), REFUSALS)
def test_a_refusal_is_told_as_the_wire_has_it_where_litellm_flattens_it(
    told: Told,
    provider: Provider,
    mode: str,
    status: int,
    code: str,
    raised: type[Exception],
    kind: str,
    cls: str,
    error_type: str,
) -> None:
    provider.script(wire.error("anthropic", status, code, message="secret words"))
    with pytest.raises(raised):
        MODES[mode](model=f"anthropic/{CLAUDE}", api_base=provider.url)
    (attributes,) = spans(told, 1)
    assert attributes["http.response.status_code"] == status
    assert attributes["dispatch.outcome.kind"] == kind
    assert attributes["dispatch.outcome.class"] == cls
    assert attributes["error.type"] == error_type
    assert "secret" not in repr(attributes)


@of_each_mode
@pytest.mark.parametrize("way", ["openai", "anthropic"])
def test_a_connection_that_is_dropped_is_a_connection_error(
    told: Told, provider: Provider, way: str, mode: str
) -> None:
    provider.script(Answer(drop=True))
    with pytest.raises(Exception, match="litellm"):
        MODES[mode](model=WAYS[way].model, api_base=f"{provider.url}{WAYS[way].base}", max_retries=0)
    (attributes,) = spans(told, 1)
    assert attributes["dispatch.outcome.class"] == "connection"


@pytest.mark.parametrize("mode", ["async", "async stream"])
@pytest.mark.parametrize("way", ["openai", "anthropic", "gemini"])
def test_aiohttp_below_httpx_opens_no_second_span(
    told: Told, provider: Provider, way: str, mode: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    carried: list[str] = []
    ours = aiohttp.ClientSession._request

    def noted(self: aiohttp.ClientSession, method: str, url: Any, **options: Any) -> Any:
        carried.append(method)
        return ours(self, method, url, **options)

    monkeypatch.setattr(aiohttp.ClientSession, "_request", noted)
    ask(provider, WAYS[way], mode)
    assert carried == ["POST"]
    (attributes,) = spans(told, 1)
    assert attributes["dispatch.outcome.kind"] == "served"


@pytest.mark.parametrize("is_async", [False, True])
def test_an_embedding_is_one_span(told: Told, provider: Provider, is_async: bool) -> None:
    provider.script(embeddings(model="text-embedding-3-small"))
    call = {
        "model": "openai/text-embedding-3-small",
        "input": ["hi"],
        "api_base": f"{provider.url}/v1",
        "api_key": "k",
    }
    answer = asyncio.run(litellm.aembedding(**call)) if is_async else litellm.embedding(**call)
    assert answer.data
    (attributes,) = spans(told, 1)
    assert attributes["gen_ai.operation.name"] == "embeddings"
    assert attributes["dispatch.model"] == "text-embedding-3-small"
    assert attributes["gen_ai.usage.input_tokens"] == 9


@of_each_mode
@pytest.mark.parametrize(("attempted", "origin"), [("0", "unknown"), ("1", "escalation_override")])
def test_a_proxy_that_fell_back_says_so_in_a_header(
    told: Told, provider: Provider, mode: str, attempted: str, origin: str
) -> None:
    make = wire.chat_stream if "stream" in mode else wire.chat
    text: Any = ["Hel", "lo."] if "stream" in mode else "Hello."
    answer = make(text, model="gpt-4.1")
    headers = {**answer.headers, "x-litellm-attempted-fallbacks": attempted}
    provider.script(Answer(headers=headers, body=answer.body, chunks=answer.chunks))
    MODES[mode](model="litellm_proxy/smart", api_base=f"{provider.url}/v1")
    (attributes,) = spans(told, 1)
    assert attributes["dispatch.provider"] == "litellm"
    assert attributes["dispatch.provenance.model"] == origin
    assert attributes["dispatch.provenance.provider"] == "unknown"
    assert attributes["dispatch.mismatch"] == "model.served"
