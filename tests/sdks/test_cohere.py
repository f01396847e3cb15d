"""Cohere's SDK, both versions of its API, against a local server: one span for each request, with a true record."""

import asyncio
import gc
import importlib.util
import warnings
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import aclosing
from dataclasses import replace
from typing import Any

import httpx
import pytest
from opentelemetry.trace import SpanKind, StatusCode

import otel_dispatch as od
from otel_dispatch.demo.provider import HANGUP, Answer, Provider
from tests.conftest import Told, eventually
from tests.wires.cohere import (
    cohere_chat,
    cohere_chat_stream,
    cohere_embed,
    cohere_error,
    cohere_first_chat,
    cohere_first_chat_stream,
    events,
    whole,
)

with warnings.catch_warnings():
    # Old releases define their types in ways that pydantic has deprecated since.
    warnings.simplefilter("ignore", DeprecationWarning)
    import cohere
    from cohere.core.api_error import ApiError

HAS_CLOUDS = importlib.util.find_spec("boto3") is not None and hasattr(cohere, "SagemakerClientV2")

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:cohere")
HI: Any = [{"role": "user", "content": "hi"}]
ASK: dict[str, Any] = {"model": "command-a", "messages": HI}
FIRST_ASK: dict[str, Any] = {"model": "command-r", "message": "hi"}
TOOL: Any = {"type": "function", "function": {"name": "read_file", "parameters": {"type": "object", "properties": {}}}}
ONCE: Any = {"max_retries": 0}
Call = Callable[..., Any]


def sync_call(
    provider: Provider, method: str, kind: str = "ClientV2", most: int | None = None, timeout: float = 5, **told: Any
) -> Any:
    """What *method* gives: an answer, or the first *most* parts of a stream."""
    with httpx.Client() as carrier:
        client = getattr(cohere, kind)(api_key="k", base_url=provider.url, httpx_client=carrier)
        result = getattr(client, method)(**told, request_options=ONCE | {"timeout_in_seconds": timeout})
        if not isinstance(result, Iterator):
            return result
        parts: list[Any] = []
        for part in result:
            parts.append(part)
            if len(parts) == most:
                break
        return parts


def async_call(
    provider: Provider, method: str, kind: str = "ClientV2", most: int | None = None, timeout: float = 5, **told: Any
) -> Any:
    """What *method* of the asynchronous client gives."""

    async def run() -> Any:
        async with httpx.AsyncClient() as carrier:
            client = getattr(cohere, f"Async{kind}")(api_key="k", base_url=provider.url, httpx_client=carrier)
            result = getattr(client, method)(**told, request_options=ONCE | {"timeout_in_seconds": timeout})
            if not isinstance(result, AsyncGenerator):
                return await result
            parts: list[Any] = []
            # Left to the loop's end, the SDK's generators fail to close, with us or without.
            async with aclosing(result) as stream:
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
        "gen_ai.request.model": "command-a",
        "gen_ai.request.stream": False,
        "gen_ai.response.finish_reasons": ("COMPLETE",),
        "gen_ai.usage.input_tokens": 9,
        "gen_ai.usage.output_tokens": 12,
        "peer.service": "local",
        "service.peer.name": "local",
        "server.address": "127.0.0.1",
        "server.port": provider.port,
        "http.response.status_code": 200,
        "dispatch.kind": "llm_call",
        "dispatch.provider": "local",
        "dispatch.model": "command-a",
        "dispatch.wire_format": "cohere",
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
    provider.script(cohere_chat())
    assert call(provider, "chat", **ASK, max_tokens=50).message.content[0].text == "Done."
    attributes = attributes_of(told)
    assert attributes.pop("gen_ai.response.id").startswith("c-")
    assert attributes == record(provider, **{"gen_ai.request.max_tokens": 50})
    span = told.only()
    assert (span.name, span.kind, span.status.status_code) == ("chat command-a", SpanKind.CLIENT, StatusCode.UNSET)


@BOTH
def test_a_streamed_chat_is_one_span_with_the_same_record(told: Told, provider: Provider, call: Call) -> None:
    provider.script(cohere_chat_stream(["Do", "ne."]))
    parts = call(provider, "chat_stream", **ASK)
    assert [part.type for part in parts if part][-1] == "message-end"
    attributes = attributes_of(told)
    assert attributes.pop("gen_ai.response.id").startswith("c-")
    assert 0 < attributes.pop("gen_ai.response.time_to_first_chunk") < 5
    assert attributes == record(provider, **{"gen_ai.request.stream": True})


@BOTH
@pytest.mark.parametrize("stream", [False, True])
def test_a_chat_of_version_1_is_read_too(told: Told, provider: Provider, call: Call, stream: bool) -> None:
    provider.script(cohere_first_chat_stream(["Do", "ne."]) if stream else cohere_first_chat())
    call(provider, "chat_stream" if stream else "chat", "Client", **FIRST_ASK)
    attributes = attributes_of(told)
    attributes.pop("gen_ai.response.time_to_first_chunk", None)
    assert attributes.pop("gen_ai.response.id").startswith("r-")
    model = {"gen_ai.request.model": "command-r", "dispatch.model": "command-r"}
    assert attributes == record(provider, **model, **{"gen_ai.request.stream": stream})


@BOTH
def test_tools_and_thinking_are_read_from_what_was_sent(told: Told, provider: Provider, call: Call) -> None:
    told_of = {"tool_calls": 2, "thinking": "hm", "finish": "TOOL_CALL"}
    provider.script(cohere_chat("", **told_of), cohere_chat_stream([], **told_of))  # type: ignore[arg-type]
    thinking = {"type": "enabled", "token_budget": 500}
    more: dict[str, Any] = {"tools": [TOOL]}
    if hasattr(cohere, "Thinking"):
        more["thinking"] = cohere.Thinking(type="enabled", token_budget=500)
    for method in ("chat", "chat_stream"):
        call(provider, method, **ASK, **more)
    assert [seen.json.get("thinking", thinking) for seen in provider.seen] == [thinking] * 2
    for span in told.spans():
        attributes = dict(span.attributes or {})
        assert (attributes["dispatch.tool_format"], attributes["dispatch.outcome.kind"]) == ("native", "served")
        assert attributes["gen_ai.response.finish_reasons"] == ("TOOL_CALL",)
        assert attributes["dispatch.outcome.content_len"] == 0
        if "thinking" in more:
            assert attributes["dispatch.thinking.mode"] == "enabled"
            assert attributes["dispatch.thinking.budget_tokens"] == 500


@BOTH
def test_embeddings_are_a_call_too(told: Told, provider: Provider, call: Call) -> None:
    provider.script(cohere_embed())
    call(provider, "embed", model="embed-4", texts=["hi"], input_type="search_query", embedding_types=["float"])
    attributes = attributes_of(told)
    assert told.only().name == "embeddings embed-4"
    assert attributes["gen_ai.operation.name"] == "embeddings"
    assert attributes["gen_ai.usage.input_tokens"] == 9
    assert end_of(told) == ("served", None)


@BOTH
def test_embeddings_of_version_1_are_a_call_too(told: Told, provider: Provider, call: Call) -> None:
    provider.script(whole({"id": "e", "response_type": "embeddings_floats", "embeddings": [[0.5]], "texts": ["hi"]}))
    call(provider, "embed", "Client", model="embed-3", texts=["hi"], input_type="search_query")
    assert told.only().name == "embeddings embed-3"
    assert end_of(told) == ("served", None)


@BOTH
def test_what_calls_no_model_that_answers_is_no_span(told: Told, provider: Provider, call: Call) -> None:
    tokens = {"tokens": [1], "token_strings": ["hi"]}
    provider.script(whole({"id": "r", "results": []}), whole({"id": "c", "classifications": []}), whole(tokens))
    call(provider, "rerank", model="rerank-4", query="q", documents=["d"])
    call(provider, "classify", "Client", model="m", inputs=["hi"])
    call(provider, "tokenize", "Client", model="m", text="hi", offline=False)
    assert len(provider.seen) == 3
    assert told.spans() == []


@BOTH
@pytest.mark.parametrize(("kind", "ask"), [("ClientV2", ASK), ("Client", FIRST_ASK)])
def test_a_stream_that_is_broken_off_is_abandoned(
    told: Told, provider: Provider, call: Call, kind: str, ask: Any
) -> None:
    provider.script(cohere_chat_stream(["a", "b"]) if kind == "ClientV2" else cohere_first_chat_stream(["a", "b"]))
    assert len(call(provider, "chat_stream", kind, most=1, **ask)) == 1
    gc.collect()
    eventually(lambda: len(told.spans()) == 1)
    assert end_of(told) == ("cancelled", "abandoned")
    assert told.only().status.status_code is StatusCode.UNSET


def test_a_stream_that_is_closed_is_abandoned_and_one_never_read_is_never_sent(told: Told, provider: Provider) -> None:
    provider.script(cohere_chat_stream(["a", "b"]))
    with httpx.Client() as carrier:
        client = cohere.ClientV2(api_key="k", base_url=provider.url, httpx_client=carrier)
        unread = client.chat_stream(**ASK)
        del unread
        gc.collect()
        assert (told.spans(), provider.seen) == ([], [])
        stream: Any = client.chat_stream(**ASK)
        next(stream)
        assert told.spans() == []
        stream.close()
    eventually(lambda: len(told.spans()) == 1)
    assert end_of(told) == ("cancelled", "abandoned")


@BOTH
@pytest.mark.parametrize(
    ("finish", "end"),
    [
        ("ERROR", ("provider_error", "unknown")),
        ("TIMEOUT", ("provider_error", "timeout")),
        ("ERROR_TOXIC", ("provider_error", "content_filter")),
    ],
)
def test_a_finish_that_is_a_failure_beats_the_status_200(
    told: Told, provider: Provider, call: Call, finish: str, end: tuple[str, str]
) -> None:
    last = ("message-end", {"delta": {"finish_reason": finish, "error": "secret words"}})
    provider.script(events([("content-delta", {"delta": {"message": {"content": {"text": "so f"}}}}), last]))
    call(provider, "chat_stream", **ASK)
    attributes = attributes_of(told)
    assert (end_of(told), attributes["error.type"]) == (end, finish)
    assert attributes["http.response.status_code"] == 200
    assert "secret" not in repr(attributes)


@BOTH
@pytest.mark.parametrize("method", ["chat", "chat_stream"])
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
    provider.script(cohere_error(status, "secret words"))
    with pytest.raises(ApiError) as raised:
        call(provider, method, **ASK)
    assert raised.value.status_code == status
    attributes = attributes_of(told)
    assert (*end_of(told), attributes["error.type"]) == (kind, cls, str(status))
    assert "secret" not in repr(attributes)


def test_each_attempt_of_the_sdks_own_retry_is_a_span(told: Told, provider: Provider) -> None:
    soon = {"content-type": "application/json", "retry-after-ms": "1"}
    provider.script(Answer(status=429, headers=soon, body=b'{"message":"slow down"}'), cohere_chat())
    with httpx.Client() as carrier:
        client = cohere.ClientV2(api_key="k", base_url=provider.url, httpx_client=carrier)
        # Old releases count from two.
        client.chat(**ASK, request_options={"max_retries": 3})
    assert [(s.attributes or {})["dispatch.outcome.kind"] for s in told.spans()] == ["usage_limit", "served"]


@BOTH
def test_a_lost_connection_is_a_connection_error(told: Told, provider: Provider, call: Call) -> None:
    events = {"content-type": "text/event-stream"}
    whole_stream = cohere_chat_stream(["a", "b"]).chunks or ()
    provider.script(Answer(drop=True), Answer(headers=events, chunks=[*whole_stream[:2], HANGUP]))
    for method in ("chat", "chat_stream"):
        with pytest.raises(httpx.RemoteProtocolError):
            call(provider, method, **ASK)
    found = [(s.attributes or {})["dispatch.outcome.class"] for s in told.spans()]
    assert found == ["connection", "connection"]


@BOTH
def test_a_timeout_is_a_timeout(told: Told, provider: Provider, call: Call) -> None:
    provider.script(Answer(delay=2))
    with pytest.raises(httpx.TimeoutException):
        call(provider, "chat", timeout=0.05, **ASK)
    assert end_of(told) == ("provider_error", "timeout")


def test_an_empty_completion_is_terminal(told: Told, provider: Provider) -> None:
    provider.script(cohere_chat("", usage=(9, 7)))
    sync_call(provider, "chat", **ASK)
    assert end_of(told) == ("empty_completion_terminal", None)
    assert attributes_of(told)["dispatch.outcome.completion_tokens"] == 7


def test_a_stream_without_its_end_is_malformed(told: Told, provider: Provider) -> None:
    start = ("content-delta", {"delta": {"message": {"content": {"text": "so f"}}}})
    chunks = events([start]).chunks
    provider.script(Answer(headers={"content-type": "text/event-stream"}, chunks=(chunks or ())[:1]))
    sync_call(provider, "chat_stream", **ASK)
    assert end_of(told) == ("provider_error", "malformed_response")


def test_an_entry_point_that_its_error_ends_is_classed_by_the_status(told: Told, provider: Provider) -> None:
    provider.script(cohere_error(429))

    @od.entry_point("run_skill", name="implement")
    def implement() -> None:
        sync_call(provider, "chat", **ASK)

    with pytest.raises(ApiError):
        implement()
    entry = told.spans()[-1]
    assert (entry.attributes or {})["dispatch.outcome.kind"] == "usage_limit"


if HAS_CLOUDS:
    from cohere import aws_client

    AWS: Any = {"aws_access_key": "a", "aws_secret_key": "b", "aws_region": "us-east-1"}

    @pytest.mark.parametrize(
        ("kind", "path"),
        [("BedrockClient", "/model/command-r/invoke"), ("SagemakerClient", "/endpoints/e/invocations")],
    )
    def test_what_its_clients_for_aws_send_is_told_as_sent_there(
        told: Told, provider: Provider, monkeypatch: pytest.MonkeyPatch, kind: str, path: str
    ) -> None:
        monkeypatch.setattr(aws_client, "get_url", lambda **_: f"{provider.url}{path}")
        monkeypatch.setenv("DISPATCH_OTEL_PROVIDERS", f"127.0.0.1:{provider.port}=bedrock")
        answer = whole({"text": "Hello", "generation_id": "g", "finish_reason": "COMPLETE"})
        counts = {"X-Amzn-Bedrock-Input-Token-Count": "9", "X-Amzn-Bedrock-Output-Token-Count": "12"}
        provider.script(replace(answer, headers={**answer.headers, **counts}))
        with getattr(cohere, kind)(**AWS, timeout=5) as client:
            given = client.chat(model="command-r", message="hi")
        assert (given.text, provider.seen[0].path) == ("Hello", path)
        attributes = attributes_of(told)
        assert told.only().name == "chat command-r"
        assert (attributes["dispatch.provider"], attributes["gen_ai.provider.name"]) == ("bedrock", "aws.bedrock")
        assert (attributes["server.port"], attributes["dispatch.base_url_host"]) == (provider.port, "127.0.0.1")
        assert attributes["dispatch.wire_format"] == "unknown"
        assert (attributes["gen_ai.usage.input_tokens"], attributes["gen_ai.usage.output_tokens"]) == (9, 12)
        assert end_of(told) == ("served", None)
