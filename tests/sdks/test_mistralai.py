"""Mistral's SDK, every way it calls a model, against a local server: one span each, with a true record."""

import asyncio
import gc
import sys
from collections.abc import Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from opentelemetry.trace import SpanKind, StatusCode

import otel_dispatch as od
from otel_dispatch.demo.provider import HANGUP, Answer, Provider
from tests.conftest import Told, eventually
from tests.wires.mistral import (
    mistral_chat,
    mistral_chat_stream,
    mistral_error,
    mistral_turn,
    mistral_turn_stream,
    streamed,
    whole,
)

try:
    from mistralai.client import Mistral
    from mistralai.client.errors import SDKError
except ImportError:  # version 1
    from mistralai import Mistral  # type: ignore[no-redef, attr-defined]
    from mistralai.models import SDKError  # type: ignore[no-redef, import-not-found]

carrier: Any = vars(sys.modules[Mistral.__module__])["httpx"]
HI: Any = [{"role": "user", "content": "hi"}]
ASK: dict[str, Any] = {"model": "mistral-large-latest", "messages": HI}
TOOL: Any = {"type": "function", "function": {"name": "read_file", "parameters": {}}}
THOUGHT: Any = {"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]}
Call = Callable[..., Any]


@asynccontextmanager
async def opened(provider: Provider) -> Any:
    with carrier.Client(timeout=5) as client:
        async with carrier.AsyncClient(timeout=5) as async_client:
            yield Mistral(api_key="k", server_url=provider.url, client=client, async_client=async_client)


def part_of(client: Any, method: str) -> Any:
    for name in method.split("."):
        client = getattr(client, name)
    return client


def sync_call(provider: Provider, method: str, most: int | None = None, **told: Any) -> Any:
    """What *method* gives: an answer, or the first *most* parts of a stream."""
    with carrier.Client(timeout=5) as http:
        # Held on to: old releases take their HTTP client away as they are collected.
        client = Mistral(api_key="k", server_url=provider.url, client=http)
        result = part_of(client, method)(**told)
        if not hasattr(result, "__iter__") or hasattr(result, "model_dump"):
            return result
        with result as stream:
            return [part for part, _ in zip(stream, range(most or 99), strict=False)]


def async_call(provider: Provider, method: str, most: int | None = None, **told: Any) -> Any:
    """What the asynchronous twin of *method* gives."""

    async def run() -> Any:
        async with opened(provider) as client:
            result = await part_of(client, f"{method}_async")(**told)
            if not hasattr(result, "__aiter__"):
                return result
            parts: list[Any] = []
            async with result as stream:
                async for part in stream:
                    parts.append(part)
                    if len(parts) == most:
                        break
            return parts

    return asyncio.run(run())


BOTH = pytest.mark.parametrize("call", [sync_call, async_call], ids=["sync", "async"])


def attributes_of(told: Told) -> dict[str, Any]:
    return dict(told.only().attributes or {})


def end_of(told: Told) -> tuple[Any, Any]:
    attributes = attributes_of(told)
    return attributes["dispatch.outcome.kind"], attributes.get("dispatch.outcome.class")


def record(provider: Provider, **more: Any) -> dict[str, Any]:
    """The attributes of a chat that says as little as it can."""
    names = ("provider", "model", "wire_format", "tool_format")
    return {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "local",
        "gen_ai.request.model": "mistral-large-latest",
        "gen_ai.request.stream": False,
        "gen_ai.response.model": "mistral-large-2411",
        "gen_ai.response.finish_reasons": ("stop",),
        "gen_ai.usage.input_tokens": 9,
        "gen_ai.usage.output_tokens": 12,
        "openai.api.type": "chat_completions",
        "peer.service": "local",
        "service.peer.name": "local",
        "server.address": "127.0.0.1",
        "server.port": provider.port,
        "http.response.status_code": 200,
        "dispatch.kind": "llm_call",
        "dispatch.provider": "local",
        "dispatch.model": "mistral-large-latest",
        "dispatch.wire_format": "openai_compat",
        "dispatch.tool_format": "none",
        "dispatch.base_url_host": "127.0.0.1",
        "dispatch.thinking.mode": "provider_default",
        **{f"dispatch.provenance.{name}": "unknown" for name in names},
        "dispatch.provenance.thinking": "catalog_default",
        "dispatch.inherited": False,
        "dispatch.inherited_fields": "",
        "dispatch.outcome.kind": "served",
        "dispatch.outcome.completion_tokens": 12,
        "dispatch.outcome.content_len": 5,
        **more,
    }


@BOTH
def test_a_chat_is_one_span_with_the_whole_record(told: Told, provider: Provider, call: Call) -> None:
    provider.script(mistral_chat(model="mistral-large-2411"))
    assert call(provider, "chat.complete", **ASK, max_tokens=50).choices[0].message.content == "Done."
    attributes = attributes_of(told)
    assert attributes.pop("gen_ai.response.id")
    assert attributes == record(provider, **{"gen_ai.request.max_tokens": 50})
    span = told.only()
    assert (span.name, span.kind) == ("chat mistral-large-latest", SpanKind.CLIENT)
    assert span.status.status_code is StatusCode.UNSET


@BOTH
def test_a_streamed_chat_is_one_span_with_the_same_record(told: Told, provider: Provider, call: Call) -> None:
    provider.script(mistral_chat_stream(["Do", "ne."], model="mistral-large-2411"))
    parts = call(provider, "chat.stream", **ASK)
    assert [part.data.choices[0].delta.content for part in parts] == ["Do", "ne.", ""]
    attributes = attributes_of(told)
    assert attributes.pop("gen_ai.response.id")
    assert 0 < attributes.pop("gen_ai.response.time_to_first_chunk") < 5
    assert attributes == record(provider, **{"gen_ai.request.stream": True})


@BOTH
@pytest.mark.parametrize("content", [[THOUGHT], [THOUGHT, {"type": "text", "text": "Done."}]])
def test_thoughts_and_tools_are_an_answer(told: Told, provider: Provider, call: Call, content: Any) -> None:
    provider.script(
        mistral_chat(content, tool_calls=1, finish="tool_calls"), mistral_chat_stream([content[0], "Done."])
    )
    call(provider, "chat.complete", **ASK, tools=[TOOL], prompt_mode="reasoning")
    attributes = attributes_of(told)
    assert (attributes["dispatch.tool_format"], attributes["dispatch.thinking.mode"]) == ("native", "enabled")
    assert end_of(told) == ("served", None)
    assert attributes["dispatch.outcome.content_len"] == 5 * (len(content) - 1)


@BOTH
def test_a_parsed_chat_is_a_chat(told: Told, provider: Provider, call: Call) -> None:
    from pydantic import BaseModel

    class Said(BaseModel):
        word: str

    provider.script(mistral_chat('{"word": "hi"}'))
    assert call(provider, "chat.parse", response_format=Said, **ASK).choices[0].message.parsed == Said(word="hi")
    assert told.only().name == "chat mistral-large-latest"
    assert end_of(told) == ("served", None)


@BOTH
@pytest.mark.parametrize("method", ["agents.complete", "agents.stream"])
def test_an_agent_has_a_model_of_its_own(told: Told, provider: Provider, call: Call, method: str) -> None:
    provider.script(mistral_chat(model="m") if method.endswith("complete") else mistral_chat_stream(model="m"))
    call(provider, method, agent_id="ag_1", messages=HI)
    attributes = attributes_of(told)
    assert attributes["dispatch.wire_format"] == "openai_compat"
    assert (attributes["dispatch.model"], attributes["gen_ai.response.model"]) == ("unknown", "m")
    assert (attributes["dispatch.tool_format"], attributes["dispatch.thinking.mode"]) == ("unknown", "unknown")
    assert "ag_1" not in repr(attributes)
    assert "dispatch.mismatch" not in attributes
    assert (end_of(told), attributes["dispatch.outcome.content_len"]) == (("served", None), 5)


@BOTH
@pytest.mark.parametrize("method", ["fim.complete", "fim.stream"])
def test_a_gap_is_filled_as_a_completion_of_text(told: Told, provider: Provider, call: Call, method: str) -> None:
    provider.script(mistral_chat() if method.endswith("complete") else mistral_chat_stream())
    call(provider, method, model="codestral", prompt="def f(", suffix="return a")
    attributes = attributes_of(told)
    assert told.only().name == "text_completion codestral"
    assert (end_of(told), attributes["dispatch.outcome.content_len"]) == (("served", None), 5)
    assert attributes["gen_ai.usage.output_tokens"] == 12
    assert "openai.api.type" not in attributes


@BOTH
def test_embeddings_are_a_call_too(told: Told, provider: Provider, call: Call) -> None:
    vector = {"object": "embedding", "embedding": [0.5], "index": 0}
    usage = {"prompt_tokens": 9, "total_tokens": 9, "completion_tokens": 0}
    provider.script(whole({"id": "e", "object": "list", "model": "mistral-embed", "data": [vector], "usage": usage}))
    call(provider, "embeddings.create", model="mistral-embed", inputs=["hi"])
    assert told.only().name == "embeddings mistral-embed"
    assert attributes_of(told)["gen_ai.usage.input_tokens"] == 9
    assert end_of(told) == ("served", None)


TURNS: list[tuple[str, dict[str, Any]]] = [
    ("start", {"model": "m", "inputs": "hi"}),
    ("append", {"conversation_id": "conv_1", "inputs": "more"}),
    ("restart", {"conversation_id": "conv_1", "inputs": "again", "from_entry_id": "e_1"}),
]


@BOTH
@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(("method", "ask"), TURNS)
def test_a_turn_of_a_conversation_is_a_call_of_no_format_that_has_a_name(
    told: Told, provider: Provider, call: Call, method: str, ask: dict[str, Any], stream: bool
) -> None:
    provider.script(mistral_turn_stream() if stream else mistral_turn())
    call(provider, f"beta.conversations.{method}" + "_stream" * stream, **ask)
    attributes = attributes_of(told)
    attributes.pop("gen_ai.response.time_to_first_chunk", None)
    begun = method == "start"
    model = {"gen_ai.request.model": "m"} if begun else {}
    expected = record(
        provider,
        **{
            "gen_ai.request.stream": stream,
            "gen_ai.response.model": "m",
            "dispatch.model": "m" if begun else "unknown",
            "dispatch.wire_format": "unknown",
            "dispatch.tool_format": "none" if begun else "unknown",
            "dispatch.thinking.mode": "provider_default" if begun else "unknown",
            "dispatch.provenance.thinking": "catalog_default" if begun else "unknown",
        },
    )
    for name in ("gen_ai.request.model", "gen_ai.response.finish_reasons", "openai.api.type"):
        expected.pop(name)
    assert attributes == {**expected, **model}


@BOTH
def test_a_streamed_turn_that_fails_is_classed_by_its_code(told: Told, provider: Provider, call: Call) -> None:
    provider.script(mistral_turn_stream(["so f"], error=429))
    call(provider, "beta.conversations.start_stream", model="m", inputs="hi")
    assert end_of(told) == ("usage_limit", "rate_limit")
    assert "secret" not in repr(attributes_of(told))


@BOTH
def test_what_is_no_dispatch_is_no_span(told: Told, provider: Provider, call: Call) -> None:
    results = [{"categories": {}, "category_scores": {}}]
    read = {"pages": [], "model": "ocr", "usage_info": {"pages_processed": 1}}
    provider.script(whole({"id": "m", "model": "m", "results": results}), whole(read))
    call(provider, "classifiers.moderate", model="m", inputs=["hi"])
    call(provider, "ocr.process", model="ocr", document={"type": "document_url", "document_url": "https://h.example/a"})
    assert len(provider.seen) == 2
    assert told.spans() == []


@BOTH
def test_a_call_may_name_a_server_of_its_own(told: Told, call: Call) -> None:
    with Provider() as first, Provider() as second:
        second.script(mistral_chat())
        call(first, "chat.complete", **ASK, server_url=second.url)
        assert (first.seen, attributes_of(told)["server.port"]) == ([], second.port)


@BOTH
def test_a_stream_that_is_broken_off_is_abandoned(told: Told, provider: Provider, call: Call) -> None:
    provider.script(mistral_chat_stream(["a", "b"]))
    assert call(provider, "chat.stream", most=1, **ASK)
    eventually(lambda: len(told.spans()) == 1)
    assert end_of(told) == ("cancelled", "abandoned")
    assert told.only().status.status_code is StatusCode.UNSET


def test_a_stream_that_is_never_read_is_abandoned(told: Told, provider: Provider) -> None:
    provider.script(mistral_chat_stream(["a", "b"]))
    with carrier.Client() as http:
        client = Mistral(api_key="k", server_url=provider.url, client=http)
        stream = client.chat.stream(**ASK)
        assert told.spans() == []
        stream.response.close()
        del stream
        gc.collect()
    eventually(lambda: len(told.spans()) == 1)
    assert end_of(told) == ("cancelled", "abandoned")


@BOTH
def test_an_error_inside_a_stream_beats_its_status_200(told: Told, provider: Provider, call: Call) -> None:
    failed = b'data: {"object":"error","message":"secret words","type":"overloaded_error","code":"3505"}\n\n'
    provider.script(streamed([*(mistral_chat_stream(["so f"]).chunks or ())[:1], failed]))  # type: ignore[list-item]
    # The SDK cannot make a chunk of it.
    with pytest.raises(Exception, match=r"(?i)validation"):
        call(provider, "chat.stream", **ASK)
    attributes = attributes_of(told)
    assert (end_of(told), attributes["http.response.status_code"]) == (("provider_error", "overloaded"), 200)
    assert "secret" not in repr(attributes)


@BOTH
@pytest.mark.parametrize("method", ["chat.complete", "chat.stream"])
@pytest.mark.parametrize(
    ("status", "kind", "cls"),
    [
        (401, "provider_error", "auth"),
        (404, "provider_error", "not_found"),
        (429, "usage_limit", "rate_limit"),
        (500, "provider_error", "server_error"),
    ],
)
def test_a_refusal_is_classed_by_its_status(
    told: Told, provider: Provider, call: Call, status: int, kind: str, cls: str, method: str
) -> None:
    provider.script(mistral_error(status))
    with pytest.raises(SDKError) as raised:
        call(provider, method, **ASK)
    assert raised.value.status_code == status
    assert end_of(told) == (kind, cls)
    assert "secret" not in repr(attributes_of(told))


@BOTH
def test_a_lost_connection_is_a_connection_error(told: Told, provider: Provider, call: Call) -> None:
    events = {"content-type": "text/event-stream"}
    chunks = mistral_chat_stream(["a", "b"]).chunks or ()
    provider.script(Answer(drop=True), Answer(headers=events, chunks=[*chunks[:1], HANGUP]))
    for method in ("chat.complete", "chat.stream"):
        with pytest.raises(carrier.RemoteProtocolError):
            call(provider, method, **ASK)
    found = [(s.attributes or {})["dispatch.outcome.class"] for s in told.spans()]
    assert found == ["connection", "connection"]


@BOTH
def test_a_timeout_is_a_timeout(told: Told, provider: Provider, call: Call) -> None:
    provider.script(Answer(delay=2))
    with pytest.raises(carrier.TimeoutException):
        call(provider, "chat.complete", **ASK, timeout_ms=50)
    assert end_of(told) == ("provider_error", "timeout")


def test_an_empty_completion_is_terminal(told: Told, provider: Provider) -> None:
    provider.script(mistral_chat(""))
    sync_call(provider, "chat.complete", **ASK)
    assert end_of(told) == ("empty_completion_terminal", None)


def test_an_entry_point_that_its_error_ends_is_classed_by_the_status(told: Told, provider: Provider) -> None:
    provider.script(mistral_error(401))

    @od.entry_point("run_skill", name="implement")
    def implement() -> None:
        sync_call(provider, "chat.complete", **ASK)

    with pytest.raises(SDKError):
        implement()
    entry = told.spans()[-1]
    assert (entry.attributes or {})["dispatch.outcome.class"] == "auth"
