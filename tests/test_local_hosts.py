"""Who answers at a local host: told by its answer, by the path, by the user, or nobody knows."""

from dataclasses import replace
from typing import Any

import httpx2
import openai
import pytest

import otel_dispatch as od
from otel_dispatch.demo import provider as wire
from otel_dispatch.demo.provider import Answer, Provider
from tests.conftest import Told
from tests.wires.ollama import ollama_chat, ollama_chat_stream

HI: Any = [{"role": "user", "content": "hi"}]
CHAT, EMBED, OLLAMA = "/v1/chat/completions", "/v1/embeddings", "/api/chat"

PROOFS: list[tuple[dict[str, str], str]] = [
    ({}, "local"),
    ({"Server": "uvicorn"}, "local"),
    ({"Server": "nginx/1.27 (llama.cpp)"}, "local"),
    ({"Server": "llama.cpp"}, "llamacpp"),
    ({"server": "LLAMA.CPP/b4321"}, "llamacpp"),
    ({"Server": "vllm"}, "vllm"),
    ({"Server": "SGLang/0.5"}, "sglang"),
    ({"Server": "Ollama"}, "ollama"),
    ({"Server": "text-generation-inference/3"}, "tgi"),
    ({"x-litellm-version": "1.109.1"}, "litellm"),
    ({"X-LiteLLM-Call-Id": "0199"}, "litellm"),
    ({"x-litellm-model-id": "abc"}, "litellm"),
    ({"x-litellm-attempted-fallbacks": "0"}, "litellm"),
    ({"Server": "uvicorn", "x-litellm-version": "1"}, "litellm"),
    ({"x-compute-type": "gpu+optimized", "x-compute-time": "9"}, "local"),
    ({"x-compute-type": "gpu+optimized", "x-compute-characters": "9", "x-total-time": "9"}, "tgi"),
    ({"x-compute-characters": "9", "x-compute-tokens": "3"}, "tei"),
    ({"x-compute-tokens": "3", "x-compute-characters": "9"}, "tei"),
    ({"x-litellm": "1", "x-powered-by": "llama.cpp"}, "local"),
]


def answered(headers: dict[str, str], is_stream: bool = False) -> Answer:
    answer = wire.chat_stream(model="m") if is_stream else wire.chat(model="m")
    return replace(answer, headers={**answer.headers, **headers})


def ask(provider: Provider, answer: Answer, path: str = CHAT, **body: Any) -> None:
    provider.script(answer)
    with httpx2.Client() as client, client.stream("POST", provider.url + path, json={"model": "m", **body}) as response:
        response.read()


def named(attributes: Any) -> set[Any]:
    """Every name that a span has for who answered."""
    return {
        attributes[name] for name in ("dispatch.provider", "gen_ai.provider.name", "peer.service", "service.peer.name")
    }


@pytest.mark.parametrize("is_stream", [False, True])
@pytest.mark.parametrize(("headers", "name"), PROOFS)
def test_the_headers_of_an_answer_prove_who_gave_it(
    told: Told, provider: Provider, headers: dict[str, str], name: str, is_stream: bool
) -> None:
    ask(provider, answered(headers, is_stream), stream=is_stream)
    assert named(told.only().attributes) == {name}
    (labels,) = told.points("dispatch.calls")
    assert dict(labels)["dispatch.provider"] == name


def test_also_a_refusal_proves_it(told: Told, provider: Provider) -> None:
    ask(provider, wire.error("openai", 503, "server_error", headers={"Server": "llama.cpp"}))
    assert named(told.only().attributes) == {"llamacpp"}
    assert (told.only().attributes or {})["dispatch.outcome.class"] == "overloaded"


def test_a_proven_name_is_told_with_the_whole_record(told: Told, provider: Provider) -> None:
    provider.script(answered({"Server": "llama.cpp"}))
    with openai.OpenAI(base_url=f"{provider.url}/v1", api_key="k") as client:
        client.chat.completions.create(model="m", messages=HI)
    attributes = dict(told.only().attributes or {})
    assert attributes.pop("gen_ai.response.id")
    assert attributes == {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "llamacpp",
        "gen_ai.request.model": "m",
        "gen_ai.request.stream": False,
        "gen_ai.response.model": "m",
        "gen_ai.response.finish_reasons": ("stop",),
        "gen_ai.usage.input_tokens": 9,
        "gen_ai.usage.output_tokens": 12,
        "gen_ai.usage.cache_read.input_tokens": 0,
        "gen_ai.usage.reasoning.output_tokens": 0,
        "peer.service": "llamacpp",
        "service.peer.name": "llamacpp",
        "server.address": "127.0.0.1",
        "server.port": provider.port,
        "http.response.status_code": 200,
        "openai.api.type": "chat_completions",
        "dispatch.kind": "llm_call",
        "dispatch.provider": "llamacpp",
        "dispatch.model": "m",
        "dispatch.wire_format": "openai_compat",
        "dispatch.tool_format": "none",
        "dispatch.base_url_host": "127.0.0.1",
        "dispatch.thinking.mode": "provider_default",
        **{f"dispatch.provenance.{field}": "unknown" for field in ("provider", "model", "wire_format", "tool_format")},
        "dispatch.provenance.thinking": "catalog_default",
        "dispatch.inherited": False,
        "dispatch.inherited_fields": "",
        "dispatch.outcome.kind": "served",
        "dispatch.outcome.completion_tokens": 12,
        "dispatch.outcome.content_len": 5,
    }


@pytest.mark.parametrize("mark", ["gen_ai.operation.name", "openinference.span.kind"])
def test_on_somebodys_span_our_names_tell_it_and_theirs_stay(told: Told, provider: Provider, mark: str) -> None:
    marks = {mark: {"gen_ai.operation.name": "chat"}.get(mark, "LLM"), "gen_ai.provider.name": "openai"}
    with told.tracer_provider.get_tracer("somebody").start_as_current_span("theirs", attributes=marks):
        ask(provider, answered({"Server": "llama.cpp"}))
    found = told.only().attributes or {}
    assert (found["dispatch.provider"], found["gen_ai.provider.name"]) == ("llamacpp", "openai")


@pytest.mark.parametrize("is_stream", [False, True])
def test_the_path_of_ollamas_own_api_tells_it(told: Told, provider: Provider, is_stream: bool) -> None:
    ask(provider, ollama_chat_stream() if is_stream else ollama_chat(), OLLAMA, messages=HI, stream=is_stream)
    found = told.only().attributes or {}
    assert named(found) == {"ollama"}
    assert (found["dispatch.wire_format"], found.get("dispatch.mismatch")) == ("ollama", None)


@pytest.mark.parametrize("path", [CHAT, OLLAMA])
@pytest.mark.parametrize("headers", [{}, {"Server": "llama.cpp"}, {"x-litellm-version": "1"}])
@pytest.mark.parametrize("entry", ["127.0.0.1=mine", "*.0.0.1=mine", "127.0.0.1:{port}=mine"])
def test_what_the_user_says_wins(
    told: Told, provider: Provider, monkeypatch: pytest.MonkeyPatch, path: str, headers: dict[str, str], entry: str
) -> None:
    monkeypatch.setenv("DISPATCH_OTEL_PROVIDERS", entry.format(port=provider.port))
    answer = ollama_chat() if path == OLLAMA else wire.chat(model="m")
    ask(provider, replace(answer, headers={**answer.headers, **headers}), path, messages=HI)
    assert named(told.only().attributes) == {"mine"}


def test_a_host_that_nobody_knows_is_named_by_its_answer_and_a_known_one_is_not(told: Told) -> None:
    def answer(request: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(200, headers={"Server": "llama.cpp"}, json={"choices": []})

    with httpx2.Client(transport=httpx2.MockTransport(answer)) as client:
        for host in ("gpu1.internal", "10.0.0.1", "api.groq.com"):
            client.post(f"https://{host}/v1/chat/completions", json={"model": "m"})
    assert [(span.attributes or {})["dispatch.provider"] for span in told.spans()] == ["llamacpp", "llamacpp", "groq"]


ASKED: list[tuple[str, str, dict[str, str], str, str | None]] = [
    # asked for, path, headers, who answers, mismatch
    ("openai", CHAT, {}, "local", "provider.host"),
    ("openai", CHAT, {"Server": "llama.cpp"}, "llamacpp", "provider.host"),
    ("anthropic", OLLAMA, {}, "ollama", "provider.host"),
    # Whoever asks for Ollama means a host of his own: it may well be the one.
    ("ollama", CHAT, {}, "local", None),
    ("ollama", OLLAMA, {}, "ollama", None),
    ("ollama", CHAT, {"Server": "ollama"}, "ollama", None),
    ("ollama", CHAT, {"Server": "llama.cpp"}, "llamacpp", "provider.host"),
    ("ollama", CHAT, {"x-litellm-version": "1"}, "litellm", "provider.host"),
    # A name of the user's own says nothing of a host.
    ("mine", CHAT, {}, "local", None),
    ("mine", CHAT, {"Server": "llama.cpp"}, "llamacpp", None),
]


@pytest.mark.parametrize(("asked", "path", "headers", "name", "mismatch"), ASKED)
def test_a_provider_that_is_not_the_hosts_is_a_mismatch(
    told: Told, provider: Provider, asked: str, path: str, headers: dict[str, str], name: str, mismatch: str | None
) -> None:
    answer = ollama_chat() if path == OLLAMA else wire.chat(model="m")

    server = provider

    @od.entry_point("run_skill", name="s")
    def skill(provider: str) -> None:
        ask(server, replace(answer, headers={**answer.headers, **headers}), path, messages=HI)

    skill(asked)
    (call,) = [span for span in told.spans() if span.name == "chat m"]
    found = dict(call.attributes or {})
    assert (found["dispatch.provider"], found.get("dispatch.mismatch")) == (name, mismatch)
    (entry,) = told.spans("invoke_agent s")
    assert (entry.attributes or {}).get("dispatch.mismatch") == mismatch


SERVED: list[tuple[str, str, str | None]] = [
    ("gpt-6-luna", "gpt-6-luna-2026-01-02", None),
    ("claude-sonnet-4-5", "claude-sonnet-4-5-20250929", None),
    ("llama3", "llama3:latest", None),
    ("openai/gpt-6-luna", "gpt-6-luna", None),
    ("gpt-6-luna-2026-01-02", "gpt-6-luna-2025-09-09", "model.served"),
    ("gpt-6-luna", "gpt-6-luna-mini", "model.served"),
    ("llama3:8b", "llama3:70b", "model.served"),
]


@pytest.mark.parametrize(("asked", "served", "mismatch"), SERVED)
@pytest.mark.parametrize("headers", [{}, {"x-litellm-version": "1"}, {"Server": "llama.cpp"}])
def test_another_model_than_asked_for_is_a_mismatch_and_a_snapshot_is_none(
    told: Told, provider: Provider, asked: str, served: str, mismatch: str | None, headers: dict[str, str]
) -> None:
    answer = wire.chat(model=served)
    ask(provider, replace(answer, headers={**answer.headers, **headers}), model=asked)
    assert (told.only().attributes or {}).get("dispatch.mismatch") == mismatch
