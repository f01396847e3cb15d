"""Ollama's SDK, every way it calls a model, against a local server: one span each, with a true record."""

import asyncio
import gc
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import ollama
import pytest
from opentelemetry.trace import SpanKind, StatusCode

import otel_dispatch as od
from otel_dispatch.demo.provider import HANGUP, Answer, Provider
from tests.conftest import Told, eventually
from tests.wires.ollama import (
    ollama_chat,
    ollama_chat_stream,
    ollama_embed,
    ollama_error,
    ollama_generate,
    ollama_generate_stream,
    streamed,
    systemone,
    whole,
)

HI: Any = [{"role": "user", "content": "hi"}]
TOOL: Any = {"type": "function", "function": {"name": "read_file", "parameters": {"type": "object", "properties": {}}}}
Call = Callable[..., Any]


def sync_call(provider: Provider, method: str, most: int | None = None, **told: Any) -> Any:
    """What *method* gives: an answer, or the first *most* parts of a stream."""
    with opened(provider, told.pop("timeout", 5)) as client:
        result = getattr(client, method)(**told)
        if not isinstance(result, Iterator):
            return result
        parts: list[Any] = []
        for part in result:
            parts.append(part)
            if len(parts) == most:
                break
        return parts


def async_call(provider: Provider, method: str, most: int | None = None, **told: Any) -> Any:
    """What *method* of the asynchronous client gives."""

    async def run() -> Any:
        client = ollama.AsyncClient(host=provider.url, timeout=told.pop("timeout", 5))
        async with client._client:
            result = await getattr(client, method)(**told)
            if not isinstance(result, AsyncIterator):
                return result
            parts: list[Any] = []
            async for part in result:
                parts.append(part)
                if len(parts) == most:
                    break
            return parts

    return asyncio.run(run())


@contextmanager
def opened(provider: Provider, timeout: float = 5) -> Iterator[ollama.Client]:
    """A client; of old ones only what they are made of can be closed."""
    client = ollama.Client(host=provider.url, timeout=timeout)
    with client._client:
        yield client


BOTH = pytest.mark.parametrize("call", [sync_call, async_call], ids=["sync", "async"])


def attributes_of(told: Told) -> dict[str, Any]:
    return dict(told.only().attributes or {})


def end_of(told: Told) -> tuple[Any, Any]:
    attributes = attributes_of(told)
    return attributes["dispatch.outcome.kind"], attributes.get("dispatch.outcome.class")


def record(provider: Provider, **more: Any) -> dict[str, Any]:
    """The attributes of a call that says as little as it can."""
    return {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "ollama",
        "gen_ai.request.model": "qwen3",
        "gen_ai.request.stream": False,
        "gen_ai.response.model": "qwen3",
        "peer.service": "ollama",
        "service.peer.name": "ollama",
        "server.address": "127.0.0.1",
        "server.port": provider.port,
        "http.response.status_code": 200,
        "dispatch.kind": "llm_call",
        "dispatch.provider": "ollama",
        "dispatch.model": "qwen3",
        "dispatch.wire_format": "ollama",
        "dispatch.tool_format": "none",
        "dispatch.base_url_host": "127.0.0.1",
        "dispatch.thinking.mode": "provider_default",
        "dispatch.provenance.provider": "unknown",
        "dispatch.provenance.model": "unknown",
        "dispatch.provenance.wire_format": "catalog_default",
        "dispatch.provenance.thinking": "catalog_default",
        "dispatch.provenance.tool_format": "unknown",
        "dispatch.inherited": False,
        "dispatch.inherited_fields": "",
        "dispatch.outcome.kind": "served",
        **more,
    }


SAID = {
    "gen_ai.response.finish_reasons": ("stop",),
    "gen_ai.usage.input_tokens": 9,
    "gen_ai.usage.output_tokens": 12,
    "dispatch.outcome.completion_tokens": 12,
    "dispatch.outcome.content_len": 5,
}


@BOTH
def test_a_chat_is_one_span_with_the_whole_record(told: Told, provider: Provider, call: Call) -> None:
    provider.script(ollama_chat(model="qwen3"))
    assert call(provider, "chat", model="qwen3", messages=HI).message.content == "Done."
    span = told.only()
    assert (span.name, span.kind, span.status.status_code) == ("chat qwen3", SpanKind.CLIENT, StatusCode.UNSET)
    assert attributes_of(told) == record(provider, **SAID)


@BOTH
def test_a_streamed_chat_is_one_span_with_the_same_record(told: Told, provider: Provider, call: Call) -> None:
    provider.script(ollama_chat_stream(["Do", "ne."], model="qwen3"))
    parts = call(provider, "chat", model="qwen3", messages=HI, stream=True)
    assert [part.message.content for part in parts] == ["Do", "ne.", ""]
    attributes = attributes_of(told)
    assert 0 < attributes.pop("gen_ai.response.time_to_first_chunk") < 5
    assert attributes == record(provider, **SAID, **{"gen_ai.request.stream": True})


@BOTH
@pytest.mark.parametrize("stream", [False, True])
def test_a_generation_is_a_completion_of_text(told: Told, provider: Provider, call: Call, stream: bool) -> None:
    provider.script(ollama_generate_stream(model="qwen3") if stream else ollama_generate(model="qwen3"))
    call(provider, "generate", model="qwen3", prompt="hi", options={"num_predict": 50}, stream=stream)
    attributes = attributes_of(told)
    attributes.pop("gen_ai.response.time_to_first_chunk", None)
    more = {"gen_ai.operation.name": "text_completion", "gen_ai.request.max_tokens": 50}
    assert told.only().name == "text_completion qwen3"
    assert attributes == record(provider, **SAID, **more, **{"gen_ai.request.stream": stream})


@BOTH
def test_embeddings_are_a_call_too(told: Told, provider: Provider, call: Call) -> None:
    provider.script(ollama_embed("qwen3"), whole({"embedding": [0.5]}))
    call(provider, "embed", model="qwen3", input=["hi"])
    call(provider, "embeddings", model="old", prompt="hi")
    first, second = told.spans()
    more = {"gen_ai.operation.name": "embeddings", "gen_ai.usage.input_tokens": 9}
    attributes = dict(first.attributes or {})
    assert attributes.pop("dispatch.outcome.content_len", 0) == 0
    assert attributes == record(provider, **more)
    assert (second.name, (second.attributes or {})["dispatch.outcome.kind"]) == ("embeddings old", "served")


@BOTH
def test_tools_and_an_unlimited_length_are_read_from_what_was_sent(told: Told, provider: Provider, call: Call) -> None:
    provider.script(ollama_chat("", tool_calls=2, model="qwen3:latest"))
    call(provider, "chat", model="qwen3", messages=HI, tools=[TOOL], options={"num_predict": -1})
    attributes = attributes_of(told)
    assert attributes["dispatch.tool_format"] == "native"
    assert "gen_ai.request.max_tokens" not in attributes
    assert "dispatch.mismatch" not in attributes
    assert (attributes["dispatch.outcome.kind"], attributes["dispatch.outcome.content_len"]) == ("served", 0)


THINKING: list[tuple[Any, dict[str, Any]]] = [
    (True, {"mode": "enabled", "enabled": True}),
    (False, {"mode": "off", "enabled": False}),
    ("high", {"mode": "effort", "enabled": True, "level": "high"}),
]


@BOTH
@pytest.mark.parametrize(("think", "expected"), THINKING)
def test_thinking_is_what_was_sent(
    told: Told, provider: Provider, call: Call, think: Any, expected: dict[str, Any]
) -> None:
    provider.script(ollama_chat_stream([], thinking="hm hm"))
    # What the SDK of the day has no parameter for is sent by its users past it.
    with httpx.Client() as client:
        client.post(f"{provider.url}/api/chat", json={"model": "m", "messages": HI, "think": think})
    if hasattr(ollama.Message(role="user"), "thinking"):
        provider.script(ollama_chat_stream([], thinking="hm hm"))
        call(provider, "chat", model="m", messages=HI, think=think, stream=True)
    for span in told.spans():
        attributes = dict(span.attributes or {})
        found = {name[18:]: value for name, value in attributes.items() if name.startswith("dispatch.thinking.")}
        assert found == expected
        assert (attributes["dispatch.outcome.kind"], attributes["gen_ai.request.stream"]) == ("served", True)


@BOTH
def test_a_stream_that_is_broken_off_is_abandoned(told: Told, provider: Provider, call: Call) -> None:
    provider.script(ollama_chat_stream(["a", "b", "c"]))
    assert len(call(provider, "chat", most=1, model="m", messages=HI, stream=True)) == 1
    gc.collect()
    eventually(lambda: len(told.spans()) == 1)
    assert end_of(told) == ("cancelled", "abandoned")
    assert told.only().status.status_code is StatusCode.UNSET


def test_a_stream_that_is_closed_is_abandoned(told: Told, provider: Provider) -> None:
    provider.script(ollama_chat_stream(["a", "b", "c"]))
    with opened(provider) as client:
        stream: Any = client.chat(model="m", messages=HI, stream=True)
        next(stream)
        assert told.spans() == []
        stream.close()
    eventually(lambda: len(told.spans()) == 1)
    assert end_of(told) == ("cancelled", "abandoned")


def test_a_stream_that_is_never_read_is_never_sent_and_no_call(told: Told, provider: Provider) -> None:
    with opened(provider) as client:
        stream = client.chat(model="m", messages=HI, stream=True)
        del stream
        gc.collect()
    assert (told.spans(), provider.seen) == ([], [])


@BOTH
def test_an_error_inside_a_stream_beats_its_status_200(told: Told, provider: Provider, call: Call) -> None:
    provider.script(streamed([*(ollama_chat_stream(["so f"]).chunks or ())[:1], {"error": "secret words"}]))
    with pytest.raises(ollama.ResponseError) as raised:
        call(provider, "chat", model="m", messages=HI, stream=True)
    assert raised.value.status_code == -1
    attributes = attributes_of(told)
    assert end_of(told) == ("provider_error", "unknown")
    assert attributes["http.response.status_code"] == 200
    assert "secret" not in repr(attributes)
    assert told.only().status.status_code is StatusCode.ERROR


@BOTH
@pytest.mark.parametrize("stream", [False, True])
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
    told: Told, provider: Provider, call: Call, status: int, kind: str, cls: str, stream: bool
) -> None:
    provider.script(ollama_error(status, "secret words"))
    with pytest.raises(ollama.ResponseError) as raised:
        call(provider, "chat", model="m", messages=HI, stream=stream)
    assert raised.value.status_code == status
    attributes = attributes_of(told)
    assert (*end_of(told), attributes["error.type"]) == (kind, cls, str(status))
    assert "secret" not in repr(attributes)


@BOTH
def test_a_lost_connection_is_a_connection_error(told: Told, provider: Provider, call: Call) -> None:
    provider.script(Answer(drop=True), streamed([*(ollama_chat_stream(["a", "b"]).chunks or ())[:1], HANGUP]))
    with pytest.raises(httpx.RemoteProtocolError):
        call(provider, "chat", model="m", messages=HI)
    with pytest.raises(httpx.RemoteProtocolError):
        call(provider, "chat", model="m", messages=HI, stream=True)
    found = [(s.attributes or {})["dispatch.outcome.class"] for s in told.spans()]
    assert found == ["connection", "connection"]


@BOTH
def test_a_timeout_is_a_timeout(told: Told, provider: Provider, call: Call) -> None:
    provider.script(Answer(delay=2))
    with pytest.raises(httpx.TimeoutException):
        call(provider, "chat", model="m", messages=HI, timeout=0.05)
    assert end_of(told) == ("provider_error", "timeout")


@pytest.mark.parametrize("stream", [False, True])
def test_a_server_that_is_not_there_is_a_connection_error(told: Told, stream: bool) -> None:
    client = ollama.Client(host="http://127.0.0.1:9")
    # A stream's failure is httpx's own.
    with client._client, pytest.raises((ConnectionError, httpx.ConnectError)):
        list(client.chat(model="m", messages=HI, stream=stream))
    assert end_of(told) == ("provider_error", "connection")


def test_a_cut_stream_is_malformed(told: Told, provider: Provider) -> None:
    provider.script(ollama_chat_stream(["so f"], ends=False))
    sync_call(provider, "chat", model="m", messages=HI, stream=True)
    assert end_of(told) == ("provider_error", "malformed_response")


def test_an_empty_completion_is_terminal(told: Told, provider: Provider) -> None:
    provider.script(ollama_chat("", usage=(9, 7)))
    sync_call(provider, "chat", model="m", messages=HI)
    assert end_of(told) == ("empty_completion_terminal", None)
    assert attributes_of(told)["dispatch.outcome.completion_tokens"] == 7


def test_the_functions_of_the_module_are_seen(told: Told, provider: Provider, monkeypatch: pytest.MonkeyPatch) -> None:
    # They are bound to a client that was made when the module was imported.
    default: Any = ollama.chat
    provider.script(ollama_chat(), ollama_generate_stream(), ollama_embed())
    with httpx.Client(base_url=provider.url) as client:
        monkeypatch.setattr(default.__self__, "_client", client)
        ollama.chat(model="a", messages=HI)
        assert list(ollama.generate(model="b", prompt="hi", stream=True))
        ollama.embed(model="c", input="hi")
    assert [span.name for span in told.spans()] == ["chat a", "text_completion b", "embeddings c"]


@BOTH
def test_what_calls_no_model_is_no_span(told: Told, provider: Provider, call: Call) -> None:
    loaded = whole({"model": "m", "message": {"role": "assistant", "content": ""}, "done": True, "done_reason": "load"})
    unloaded = whole({"model": "m", "response": "", "done": True, "done_reason": "unload"})
    show = whole({"modelfile": "", "model_info": {}})
    progress = streamed([{"status": "pulling"}, {"status": "success"}])
    provider.script(whole({"status": "success"}), progress, whole({"models": []}), show, loaded, unloaded)
    call(provider, "pull", model="m")
    call(provider, "pull", model="m", stream=True)
    call(provider, "list")
    call(provider, "show", model="m")
    call(provider, "chat", model="m", messages=[])
    call(provider, "generate", model="m", prompt="", keep_alive=0)
    assert len(provider.seen) == 6
    assert told.spans() == []


def test_a_host_that_is_pinned_is_told(told: Told, provider: Provider, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OLLAMA_HOST", provider.url)
    provider.script(ollama_chat())
    client = ollama.Client()
    with client._client:
        client.chat(model="m", messages=HI)
    assert attributes_of(told)["dispatch.provenance.provider"] == "operator_pin"


def test_a_read_stream_that_was_not_asked_for_in_pieces_is_whole(told: Told, provider: Provider) -> None:
    provider.script(ollama_chat_stream(["Do", "ne."], model="qwen3"))
    with httpx.Client() as client:
        client.post(f"{provider.url}/api/chat", json={"model": "qwen3", "messages": HI})
    assert attributes_of(told)["gen_ai.usage.output_tokens"] == 12
    assert end_of(told) == ("served", None)


def test_an_applications_own_chat_is_left_alone(told: Told, provider: Provider) -> None:
    ui = {"id": "1", "messages": [{"role": "user", "parts": [{"type": "text", "text": "hi"}]}], "model": "m"}
    with httpx.Client() as client:
        client.post(f"{provider.url}/api/chat", json=ui)
        client.post(f"{provider.url}/api/chat", json={"messages": HI})
    assert told.spans() == []


def test_an_entry_point_that_its_error_ends_is_classed_by_the_status(told: Told, provider: Provider) -> None:
    provider.script(ollama_error(404))

    @od.entry_point("run_skill", name="implement")
    def implement() -> None:
        sync_call(provider, "chat", model="m", messages=HI)

    with pytest.raises(ollama.ResponseError):
        implement()
    entry = told.spans()[-1]
    assert (entry.attributes or {})["dispatch.outcome.class"] == "not_found"


if hasattr(ollama.Client, "systemone"):
    QUESTIONS: Any = {"model": "nimble", "state": "hi", "questions": {"q0": {"type": "noul", "instructions": "Is it?"}}}

    @BOTH
    def test_a_decision_is_one_span_with_the_whole_record(told: Told, provider: Provider, call: Call) -> None:
        provider.script(systemone(model="nimble"))
        assert call(provider, "systemone", **QUESTIONS).answers["q0"].noul == 0.95
        span = told.only()
        assert (span.name, span.kind, span.status.status_code) == (
            "decisions nimble",
            SpanKind.CLIENT,
            StatusCode.UNSET,
        )
        # Others serve the same API, so that neither path nor body proves whose it is.
        nobodys = dict.fromkeys(("gen_ai.provider.name", "peer.service", "service.peer.name", "dispatch.provider"))
        assert attributes_of(told) == record(
            provider,
            **dict.fromkeys(nobodys, "local"),
            **dict.fromkeys(("gen_ai.request.model", "gen_ai.response.model", "dispatch.model"), "nimble"),
            **{
                "gen_ai.operation.name": "decisions",
                "gen_ai.usage.input_tokens": 9,
                "gen_ai.usage.output_tokens": 1,
                "dispatch.wire_format": "unknown",
                "dispatch.provenance.wire_format": "unknown",
                "dispatch.outcome.completion_tokens": 1,
                "dispatch.outcome.content_len": 0,
            },
        )

    @BOTH
    @pytest.mark.parametrize(
        ("answer", "end"),
        [
            (whole({"model": "nimble", "answers": {}, "usage": {}}), ("provider_error", "malformed_response")),
            (ollama_error(404), ("provider_error", "not_found")),
            (ollama_error(503), ("provider_error", "overloaded")),
        ],
        ids=["empty", "not-found", "overloaded"],
    )
    def test_decisions_that_are_not_made_say_why(
        told: Told, provider: Provider, call: Call, answer: Answer, end: tuple[str, str]
    ) -> None:
        provider.script(answer)
        with pytest.raises((ollama.ResponseError, ValueError)):
            call(provider, "systemone", **QUESTIONS)
        assert end_of(told) == end
