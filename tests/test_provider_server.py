from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import anthropic
import httpx
import openai
import pytest
from anthropic import Anthropic, AsyncAnthropic
from anthropic.types import Message, RawMessageStreamEvent
from openai import AsyncOpenAI, OpenAI
from openai.types.chat import ChatCompletion, ChatCompletionChunk
from openai.types.responses import Response, ResponseStreamEvent
from pydantic import TypeAdapter

from otel_dispatch.demo import provider as demo
from otel_dispatch.demo.provider import HANGUP, Answer, Provider, event

ROOT = Path(__file__).resolve().parent.parent

CHAT: Any = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}
MESSAGE: Any = {**CHAT, "max_tokens": 100}
RESPONSE: Any = {"model": "m", "input": "hi"}


@pytest.fixture
def provider() -> Iterator[Provider]:
    with Provider() as running:
        yield running


@pytest.fixture
def gpt(provider: Provider) -> Iterator[OpenAI]:
    with OpenAI(base_url=f"{provider.url}/v1", api_key="k", max_retries=0) as client:
        yield client


@pytest.fixture
def claude(provider: Provider) -> Iterator[Anthropic]:
    with Anthropic(base_url=provider.url, api_key="k", max_retries=0) as client:
        yield client


def test_default_chat_is_served_whole(gpt: OpenAI) -> None:
    got = gpt.chat.completions.create(**{**CHAT, "model": "gpt-x"})
    assert got.model == "gpt-x"
    assert got.choices[0].message.content == "Hello from gpt-x."
    assert got.choices[0].finish_reason == "stop"
    assert got.usage
    assert (got.usage.prompt_tokens, got.usage.completion_tokens, got.usage.total_tokens) == (9, 12, 21)
    assert got._request_id


def test_default_chat_is_streamed_with_usage_only_if_asked(gpt: OpenAI) -> None:
    plain = list(gpt.chat.completions.create(**CHAT, stream=True))
    assert "".join(chunk.choices[0].delta.content or "" for chunk in plain) == "Hello from m."
    counted = list(gpt.chat.completions.create(**CHAT, stream=True, stream_options={"include_usage": True}))
    assert counted[-1].choices == []
    assert counted[-1].usage
    assert counted[-1].usage.completion_tokens == 12
    assert all(chunk.usage is None for chunk in counted[:-1])


def test_default_message_is_served_whole_and_streamed(claude: Anthropic) -> None:
    whole = claude.messages.create(**MESSAGE)
    with claude.messages.stream(**MESSAGE) as stream:
        streamed = stream.get_final_message()
    for message in (whole, streamed):
        assert message.model == "m"
        assert [block.to_dict() for block in message.content] == [{"type": "text", "text": "Hello from m."}]
        assert message.stop_reason == "end_turn"
        assert (message.usage.input_tokens, message.usage.output_tokens) == (9, 12)
        assert message.usage.cache_read_input_tokens == message.usage.cache_creation_input_tokens == 0
    assert whole._request_id


def test_default_response_is_served_whole_and_streamed(gpt: OpenAI) -> None:
    asked = {**RESPONSE, "reasoning": {"effort": "high"}}
    whole = gpt.responses.create(**asked)
    with gpt.responses.stream(**asked) as stream:
        kinds = [got.type for got in stream]
        streamed = stream.get_final_response()
    for response in (whole, streamed):
        assert (response.model, response.status) == ("m", "completed")
        assert response.output_text == "Hello from m."
        assert response.reasoning
        assert response.reasoning.effort == "high"
        assert response.usage
        assert (response.usage.input_tokens, response.usage.output_tokens) == (9, 12)
        assert response.usage.output_tokens_details.reasoning_tokens == 0
    assert kinds == [
        "response.created",
        "response.in_progress",
        "response.output_item.added",
        "response.content_part.added",
        *["response.output_text.delta"] * 3,
        "response.output_text.done",
        "response.content_part.done",
        "response.output_item.done",
        "response.completed",
    ]


def test_async_clients_are_served(provider: Provider) -> None:
    async def run() -> list[str | None]:
        gpt = AsyncOpenAI(base_url=f"{provider.url}/deep/prefix/v1", api_key="k")
        claude = AsyncAnthropic(base_url=provider.url, api_key="k")
        async with gpt, claude:
            chat, response, message = await asyncio.gather(
                gpt.chat.completions.create(**CHAT),
                gpt.responses.create(**RESPONSE),
                claude.messages.create(**MESSAGE),
            )
            async with gpt.chat.completions.stream(**CHAT) as chats:
                streamed_chat = await chats.get_final_completion()
            async with gpt.responses.stream(**RESPONSE) as responses:
                streamed_response = await responses.get_final_response()
            async with claude.messages.stream(**MESSAGE) as texts:
                streamed_message = "".join([text async for text in texts.text_stream])
        return [
            chat.choices[0].message.content,
            response.output_text,
            message.content[0].to_dict()["text"],
            streamed_chat.choices[0].message.content,
            streamed_response.output_text,
            streamed_message,
        ]

    assert asyncio.run(run()) == ["Hello from m."] * 6
    assert len(provider.seen) == 6


FULL: Any = {"tool_calls": 2, "model": "m"}
MESSAGE_FULL: Any = {**FULL, "thinking": "t", "redacted": True, "thinking_tokens": 1}


@pytest.mark.parametrize(
    ("answer", "schema"),
    [
        (demo.chat(**FULL, reasoning="r"), ChatCompletion),
        (demo.messages(**MESSAGE_FULL), Message),
        (demo.responses(**FULL, reasoning_summary="s"), Response),
        (demo.responses(model="m", status="incomplete", incomplete_reason="max_output_tokens"), Response),
        (demo.responses(model="m", status="failed"), Response),
        (demo.chat_stream(**FULL, reasoning="r", refusal="no"), ChatCompletionChunk),
        (demo.messages_stream(**MESSAGE_FULL), RawMessageStreamEvent),
        (demo.responses_stream(**FULL, reasoning_summary="s"), ResponseStreamEvent),
        (demo.responses_stream(model="m", status="incomplete"), ResponseStreamEvent),
        (demo.responses_stream(model="m", status="failed"), ResponseStreamEvent),
    ],
)
def test_bodies_are_valid_in_the_sdk_types(answer: Answer, schema: Any) -> None:
    # The SDKs themselves build their objects without validation.
    check = TypeAdapter(schema).validate_json
    for body in [answer.body] if answer.chunks is None else _data(answer.chunks):
        if b'"ping"' not in body:
            check(body)


def _data(chunks: Sequence[Any]) -> Iterator[bytes]:
    lines = b"".join(chunks).splitlines()
    data = (line.removeprefix(b"data: ") for line in lines if line.startswith(b"data: "))
    return (each for each in data if each != b"[DONE]")


def test_seen_keeps_the_request(provider: Provider, gpt: OpenAI) -> None:
    gpt.chat.completions.create(**CHAT, extra_headers={"X-Step": "draft"}, extra_query={"api-version": "1"})
    (seen,) = provider.seen
    assert (seen.method, seen.path) == ("POST", "/v1/chat/completions?api-version=1")
    assert seen.headers["x-step"] == "draft"
    assert seen.headers["authorization"] == "Bearer k"
    assert seen.json == CHAT


@pytest.mark.parametrize("streamed", [False, True])
def test_chat_with_tool_calls_and_reasoning(provider: Provider, gpt: OpenAI, streamed: bool) -> None:
    told: Any = {"model": "gpt-y", "tool_calls": 2, "reasoning": "hmm.", "reasoning_tokens": 5}
    if streamed:
        provider.script(demo.chat_stream([], cached_tokens=3, **told))
        with gpt.chat.completions.stream(**CHAT) as stream:
            got = stream.get_final_completion()
    else:
        provider.script(demo.chat("", cached_tokens=3, **told))
        got = gpt.chat.completions.parse(**CHAT)
    choice = got.choices[0]
    assert (got.model, choice.finish_reason) == ("gpt-y", "tool_calls")
    assert not choice.message.content
    calls = choice.message.tool_calls or []
    assert [call.function.name for call in calls] == ["read_file"] * 2
    assert [json.loads(call.function.arguments) for call in calls] == [
        {"path": "step_1.md"},
        {"path": "step_2.md"},
    ]
    assert choice.message.to_dict()["reasoning_content"] == "hmm."
    assert got.usage
    assert got.usage.completion_tokens_details
    assert got.usage.completion_tokens_details.reasoning_tokens == 5
    assert got.usage.prompt_tokens_details
    assert got.usage.prompt_tokens_details.cached_tokens == 3


@pytest.mark.parametrize("streamed", [False, True])
def test_chat_refusal(provider: Provider, gpt: OpenAI, streamed: bool) -> None:
    if streamed:
        provider.script(demo.chat_stream([], model="m", refusal="I cannot.", usage=None))
        with gpt.chat.completions.stream(**CHAT) as stream:
            got = stream.get_final_completion()
    else:
        provider.script(demo.chat("", model="m", refusal="I cannot.", usage=None))
        got = gpt.chat.completions.parse(**CHAT)
    assert got.choices[0].message.refusal == "I cannot."
    assert got.usage is None


@pytest.mark.parametrize("streamed", [False, True])
def test_message_with_every_block(provider: Provider, claude: Anthropic, streamed: bool) -> None:
    told: Any = {"model": "c", "thinking": "let me", "redacted": True, "tool_calls": 1, "thinking_tokens": 4}
    cached: Any = {"cache_read": 20, "cache_write": 30}
    if streamed:
        provider.script(demo.messages_stream(["a", "b"], **told, **cached))
        with claude.messages.stream(**MESSAGE) as stream:
            got: Any = stream.get_final_message()
    else:
        provider.script(demo.messages("ab", **told, **cached))
        got = claude.messages.create(**MESSAGE)
    thinking, redacted, text, call = got.content
    assert (thinking.type, thinking.thinking, bool(thinking.signature)) == ("thinking", "let me", True)
    assert (redacted.type, bool(redacted.data)) == ("redacted_thinking", True)
    assert (text.type, text.text) == ("text", "ab")
    assert (call.type, call.name, call.input) == ("tool_use", "read_file", {"path": "step_1.md"})
    assert (got.model, got.stop_reason) == ("c", "tool_use")
    assert (got.usage.cache_read_input_tokens, got.usage.cache_creation_input_tokens) == (20, 30)
    assert got.usage.output_tokens_details.thinking_tokens == 4


def test_message_stream_has_the_documented_events(provider: Provider, claude: Anthropic) -> None:
    with claude.messages.with_streaming_response.create(**MESSAGE, stream=True) as raw:
        assert raw.headers["content-type"].startswith("text/event-stream")
        names = [line.removeprefix("event: ") for line in raw.iter_lines() if line.startswith("event: ")]
    assert names == [
        "message_start",
        "content_block_start",
        "ping",
        *["content_block_delta"] * 3,
        "content_block_stop",
        "message_delta",
        "message_stop",
    ]


@pytest.mark.parametrize("streamed", [False, True])
def test_response_with_every_item(provider: Provider, gpt: OpenAI, streamed: bool) -> None:
    told: Any = {"model": "o", "reasoning_summary": "in short", "tool_calls": 1, "reasoning_tokens": 6}
    if streamed:
        provider.script(demo.responses_stream(["a", "b"], cached_tokens=2, **told))
        with gpt.responses.stream(**RESPONSE) as stream:
            got: Any = stream.until_done().get_final_response()
    else:
        provider.script(demo.responses("ab", cached_tokens=2, **told))
        got = gpt.responses.create(**RESPONSE)
    reasoning, message, call = got.output
    assert reasoning.summary[0].text == "in short"
    assert message.content[0].text == "ab"
    assert (call.name, json.loads(call.arguments)) == ("read_file", {"path": "step_1.md"})
    assert got.usage.output_tokens_details.reasoning_tokens == 6
    assert got.usage.input_tokens_details.cached_tokens == 2


@pytest.mark.parametrize("status", ["incomplete", "failed"])
def test_response_that_does_not_complete(provider: Provider, gpt: OpenAI, status: str) -> None:
    reason = "max_output_tokens" if status == "incomplete" else None
    told: Any = {"model": "o", "status": status, "incomplete_reason": reason}
    provider.script(demo.responses(**told), demo.responses_stream(**told))
    whole = gpt.responses.create(**RESPONSE)
    last: Any = list(gpt.responses.create(**RESPONSE, stream=True))[-1]
    assert last.type == f"response.{status}"
    for response in (whole, last.response):
        assert response.status == status
        assert bool(response.error) is (status == "failed")
        assert (response.incomplete_details and response.incomplete_details.reason) == reason


ERRORS = [
    (400, "BadRequestError"),
    (401, "AuthenticationError"),
    (403, "PermissionDeniedError"),
    (404, "NotFoundError"),
    (429, "RateLimitError"),
    (500, "InternalServerError"),
]


@pytest.mark.parametrize(("status", "name"), ERRORS)
def test_errors_raise_the_sdk_classes(
    provider: Provider, gpt: OpenAI, claude: Anthropic, status: int, name: str
) -> None:
    provider.script(demo.error("openai", status, "kind", "why"), demo.error("anthropic", status, "kind"))
    with pytest.raises(getattr(openai, name)) as refused:
        gpt.chat.completions.create(**CHAT)
    assert (refused.value.status_code, refused.value.type, refused.value.code) == (status, "kind", "why")
    with pytest.raises(getattr(anthropic, name)) as failed:
        claude.messages.create(**MESSAGE)
    assert failed.value.body["error"] == {"type": "kind", "message": "The request failed."}
    assert failed.value.request_id


def test_anthropic_error_in_the_middle_of_a_stream(provider: Provider, claude: Anthropic) -> None:
    whole = demo.messages_stream(model="m")
    failure = {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}
    provider.script(replace(whole, chunks=[*(whole.chunks or [])[:4], event("error", failure)]))
    stream = claude.messages.create(**MESSAGE, stream=True)
    with pytest.raises(anthropic.APIStatusError, match="Overloaded"):
        list(stream)


def test_openai_error_in_the_middle_of_a_stream(provider: Provider, gpt: OpenAI) -> None:
    whole = demo.chat_stream(model="m")
    failure = {"error": {"message": "Overloaded", "type": "server_error", "param": None, "code": None}}
    provider.script(replace(whole, chunks=[*(whole.chunks or [])[:2], event(None, failure)]))
    with pytest.raises(openai.APIError, match="Overloaded"):
        list(gpt.chat.completions.create(**CHAT, stream=True))


def test_hangup_breaks_a_stream_after_what_was_sent(provider: Provider, gpt: OpenAI) -> None:
    whole = demo.chat_stream(["a", "b"], model="m")
    provider.script(replace(whole, chunks=[*(whole.chunks or [])[:2], HANGUP]))
    stream = gpt.chat.completions.create(**CHAT, stream=True)
    assert [next(stream).choices[0].delta.content for _ in range(2)] == ["", "a"]
    with pytest.raises(openai.APIConnectionError):
        next(stream)


def test_drop_closes_without_a_response(provider: Provider, gpt: OpenAI, claude: Anthropic) -> None:
    provider.script(Answer(drop=True), Answer(drop=True))
    with pytest.raises(openai.APIConnectionError):
        gpt.chat.completions.create(**CHAT)
    with pytest.raises(anthropic.APIConnectionError):
        claude.messages.create(**MESSAGE)
    assert gpt.chat.completions.create(**CHAT).choices


def test_delays_outlast_a_timeout(provider: Provider, gpt: OpenAI) -> None:
    slow = demo.chat_stream(model="m")
    provider.script(Answer(delay=30), replace(slow, chunks=[*(slow.chunks or [])[:1], 30.0]))
    with pytest.raises(openai.APITimeoutError):
        gpt.with_options(timeout=0.1).chat.completions.create(**CHAT)
    with pytest.raises(openai.APIConnectionError):
        list(gpt.with_options(timeout=0.1).chat.completions.create(**CHAT, stream=True))


def test_events_arrive_one_by_one(provider: Provider, gpt: OpenAI) -> None:
    slow = demo.chat_stream(["a", "b"], model="m")
    first, *rest = slow.chunks or []
    provider.script(replace(slow, chunks=[first, 0.2, *rest]))
    times = [time.monotonic() for _ in gpt.chat.completions.create(**CHAT, stream=True)]
    assert times[1] - times[0] > 0.1


def test_bodies_can_be_gzipped(provider: Provider, gpt: OpenAI, claude: Anthropic) -> None:
    whole = replace(demo.chat("zipped", model="m"), gzip=True)
    provider.script(whole, replace(demo.messages_stream(["zip", "ped"], model="m"), gzip=True))
    assert gpt.chat.completions.create(**CHAT).choices[0].message.content == "zipped"
    with claude.messages.stream(**MESSAGE) as stream:
        assert stream.get_final_text() == "zipped"
        assert stream.response.headers["content-encoding"] == "gzip"


def test_model_names_provoke_failures(provider: Provider, gpt: OpenAI, claude: Anthropic) -> None:
    empty = gpt.chat.completions.create(**{**CHAT, "model": "m-empty"})
    assert (empty.choices[0].message.content, empty.choices[0].finish_reason) == ("", "stop")
    assert empty.usage
    assert empty.usage.completion_tokens == 7
    message = claude.messages.create(**{**MESSAGE, "model": "m-empty"})
    assert (message.content, message.stop_reason, message.usage.output_tokens) == ([], "end_turn", 7)
    assert gpt.responses.create(**{**RESPONSE, "model": "m-empty"}).output_text == ""
    with gpt.responses.stream(**{**RESPONSE, "model": "m-empty"}) as stream:
        assert stream.get_final_response().output_text == ""
    with claude.messages.stream(**{**MESSAGE, "model": "m-empty"}) as texts:
        assert texts.get_final_message().content == []
    with pytest.raises(openai.RateLimitError):
        gpt.responses.create(**{**RESPONSE, "model": "m-limit"})
    with pytest.raises(anthropic.InternalServerError):
        claude.messages.create(**{**MESSAGE, "model": "m-broken"}, stream=True)


def test_a_limit_is_retried_soon(provider: Provider, claude: Anthropic, gpt: OpenAI) -> None:
    started = time.monotonic()
    with pytest.raises(anthropic.RateLimitError):
        claude.with_options(max_retries=2).messages.create(**{**MESSAGE, "model": "m-limit"})
    with pytest.raises(openai.RateLimitError):
        gpt.with_options(max_retries=2).chat.completions.create(**{**CHAT, "model": "m-limit"})
    assert len(provider.seen) == 6
    assert time.monotonic() - started < 1


def test_other_paths(provider: Provider) -> None:
    with httpx.Client(base_url=provider.url) as client:
        assert client.get("/healthz").status_code == 200
        assert provider.seen == []
        assert client.post("/v1/embeddings", json={}).json()["error"]["code"] == "unknown_url"
        assert client.get("/v1/models").status_code == 404
        assert client.post("/v1/messages", content=b"{").json()["type"] == "error"
        chunked = client.post("/v1/responses", content=iter([b'{"model":', b'"m"}']))
        assert chunked.json()["model"] == "m"
        assert provider.seen[-1].body == b'{"model":"m"}'


def test_script_answers_in_order_across_threads(provider: Provider) -> None:
    provider.script(*(Answer(body=str(n).encode()) for n in range(16)))
    bodies: list[str] = []

    def ask() -> None:
        bodies.append(httpx.post(f"{provider.url}/x", content=b"").text)

    threads = [threading.Thread(target=ask) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(bodies, key=int) == [str(n) for n in range(16)]


def test_stopping_waits_for_no_slow_answer_and_no_open_connection() -> None:
    before = set(threading.enumerate())
    with httpx.Client() as client:
        with Provider() as running:
            running.script(Answer(delay=60))
            with pytest.raises(httpx.ReadTimeout):
                client.post(running.url, content=b"", timeout=0.05)
            client.get(f"{running.url}/healthz")
            started = time.monotonic()
        assert time.monotonic() - started < 1
    assert set(threading.enumerate()) <= before


def _run(*command: str, **env: str) -> subprocess.CompletedProcess[str]:
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("OPENAI_", "ANTHROPIC_"))}
    return subprocess.run(
        [sys.executable, *command], cwd=ROOT, env={**kept, **env}, capture_output=True, text=True, check=False
    )


def test_program_runs_a_command_with_the_environment() -> None:
    names = ("OPENAI_BASE_URL", "OPENAI_API_KEY", "ANTHROPIC_BASE_URL", "ANTHROPIC_API_KEY")
    code = f"import os; print(*(os.environ[name] for name in {names}))"
    done = _run("-m", "otel_dispatch.demo.provider", "--", sys.executable, "-c", code, OPENAI_API_KEY="mine")
    openai_url, openai_key, anthropic_url, anthropic_key = done.stdout.split()
    assert openai_url == f"{anthropic_url}/v1"
    assert (openai_key, bool(anthropic_key)) == ("mine", True)
    failed = _run("-m", "otel_dispatch.demo.provider", "--", sys.executable, "-c", "raise SystemExit(3)")
    assert failed.returncode == 3


def test_example_runs_against_the_provider() -> None:
    done = _run("-m", "otel_dispatch.demo.provider", "--", sys.executable, "examples/pipeline.py")
    assert (done.returncode, done.stderr) == (0, "")
    assert len(done.stdout.splitlines()) == 4
    assert done.stdout.count("Hello from") == 4


def test_example_says_what_it_needs() -> None:
    done = _run("examples/pipeline.py", OPENAI_API_KEY="k")
    assert (done.returncode, done.stdout) == (2, "")
    assert "OPENAI_BASE_URL, ANTHROPIC_BASE_URL, ANTHROPIC_API_KEY" in done.stderr
