"""Model calls through aiohttp against a local server: one span each, told by what the host itself reads."""

import asyncio
import inspect
import warnings
from typing import Any

import aiohttp
import pytest
from opentelemetry.trace import SpanKind, StatusCode

from otel_dispatch import context
from otel_dispatch.demo import provider as wire
from otel_dispatch.demo.provider import Provider
from tests.conftest import Told
from tests.transports.aiohttp.calls import BODY, PATH, outcome, run


def test_a_call_is_one_span_with_the_whole_record(told: Told, provider: Provider) -> None:
    provider.script(wire.chat("Hello.", model="m-2026-01-02", usage=(11, 7), reasoning_tokens=3, cached_tokens=4))

    async def call(session: aiohttp.ClientSession, url: str) -> Any:
        async with session.post(f"{url}?key=secret", json={**BODY, "reasoning_effort": "high"}) as response:
            return await response.json()

    assert run(provider, call)["choices"][0]["message"]["content"] == "Hello."
    span = told.only()
    attributes = dict(span.attributes or {})
    assert attributes.pop("gen_ai.response.id")
    assert attributes == {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "local",
        "gen_ai.request.model": "m",
        "gen_ai.request.reasoning.level": "high",
        "gen_ai.request.stream": False,
        "gen_ai.response.model": "m-2026-01-02",
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
        "dispatch.model": "m",
        "dispatch.wire_format": "openai_compat",
        "dispatch.tool_format": "none",
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
    assert (span.name, span.kind, span.status.status_code) == ("chat m", SpanKind.CLIENT, StatusCode.UNSET)


def test_what_is_no_model_call_keeps_its_very_coroutine_and_stream(told: Told, provider: Provider) -> None:
    provider.script(wire.Answer(body=b"{}"), wire.Answer(body=b"{}"))

    async def call(session: aiohttp.ClientSession, _: str) -> list[Any]:
        watched = session._request("POST", f"{provider.url}{PATH}", json=BODY)
        plain = session._request("POST", f"{provider.url}/v1/other", json=BODY)
        code: list[Any] = []
        for coroutine in (watched, plain):
            assert inspect.iscoroutine(coroutine)
            code.append(coroutine.cr_code.co_filename)
        watched.close()
        async with await plain as response:
            code.append(type(response.content) is aiohttp.StreamReader)
            await response.read()
        async with session.get(f"{provider.url}/healthz") as response:
            await response.read()
        return code

    with warnings.catch_warnings(action="ignore"):
        ours, theirs, is_plain = run(provider, call)
    assert "otel_dispatch" in ours
    assert "otel_dispatch" not in theirs
    assert is_plain
    assert told.spans() == []


def test_the_host_gets_its_own_objects_which_are_as_they_were_once_read(told: Told, provider: Provider) -> None:
    async def call(session: aiohttp.ClientSession, url: str) -> None:
        async with (
            session.post(f"{provider.url}/v1/other", json=BODY) as plain,
            session.post(url, json=BODY) as response,
        ):
            assert type(response) is aiohttp.ClientResponse
            assert set(vars(response)) == set(vars(plain))
            stream = response.content
            assert isinstance(stream, aiohttp.StreamReader)
            assert type(stream).__name__ == "StreamReader"
            assert repr(stream).startswith("<StreamReader")
            before = repr(type(stream))
            await response.read()
            assert response.content is stream
            assert type(stream) is aiohttp.StreamReader
            assert repr(type(stream)) == before

    run(provider, call)
    assert outcome(told) == ("served", None)


def test_a_redirect_is_part_of_the_same_call(told: Told, provider: Provider) -> None:
    provider.script(wire.Answer(status=307, headers={"location": f"{PATH}?again=1"}), wire.chat("ok", model="m"))

    async def call(session: aiohttp.ClientSession, url: str) -> int:
        async with session.post(url, json=BODY) as response:
            await response.read()
            return len(response.history)

    assert run(provider, call) == 1
    assert len(provider.seen) == 2
    assert outcome(told) == ("served", None)


def test_too_many_redirects_are_told_by_the_last_answer(told: Told, provider: Provider) -> None:
    provider.script(*[wire.Answer(status=307, headers={"location": PATH})] * 2)

    async def call(session: aiohttp.ClientSession, url: str) -> None:
        with pytest.raises(aiohttp.TooManyRedirects):
            await session.post(url, json=BODY, max_redirects=2)

    run(provider, call)
    assert (told.only().attributes or {})["http.response.status_code"] == 307
    assert outcome(told) == ("provider_error", "unknown")


def test_calls_at_the_same_time_are_a_span_each(told: Told, provider: Provider) -> None:
    async def call(session: aiohttp.ClientSession, url: str) -> None:
        async def one(body: dict[str, Any]) -> None:
            async with session.post(url, json=body) as response:
                assert await response.read()

        await asyncio.gather(*(one(body) for body in [{"model": "w"}, {"model": "s", "stream": True}] * 5))

    run(provider, call)
    kinds = [(span.name, (span.attributes or {})["dispatch.outcome.kind"]) for span in told.spans()]
    assert sorted(kinds) == [("chat s", "served")] * 5 + [("chat w", "served")] * 5


def test_requests_of_hooks_within_a_call_are_none_of_its_own(told: Told, provider: Provider) -> None:
    provider.script(wire.Answer(body=b"{}"), wire.chat("ok", model="m"))

    async def call(session: aiohttp.ClientSession, url: str) -> None:
        async def fetch_a_token(*_: Any) -> None:
            async with aiohttp.ClientSession() as other, other.post(f"{provider.url}/token", data=b"{}") as response:
                await response.read()

        hooks = aiohttp.TraceConfig()
        hooks.on_request_start.append(fetch_a_token)
        async with aiohttp.ClientSession(trace_configs=[hooks]) as hooked, hooked.post(url, json=BODY) as response:
            await response.read()

    run(provider, call)
    assert [seen.path for seen in provider.seen] == ["/token", PATH]
    assert outcome(told) == ("served", None)


def test_within_a_call_that_is_observed_another_layer_opens_no_second(told: Told, provider: Provider) -> None:
    token = context.attach(context.with_frame(context.IN_FLIGHT))

    async def call(session: aiohttp.ClientSession, url: str) -> None:
        async with session.post(url, json=BODY) as response:
            assert type(response.content) is aiohttp.StreamReader
            await response.read()

    try:
        run(provider, call)
    finally:
        context.detach(token)
    assert told.spans() == []
