"""What a middleware makes of a request is what is told, and only the call's own answers are told of it."""

import asyncio
import io
import json
from contextlib import suppress
from typing import Any

import aiohttp
import pytest

from otel_dispatch.demo import provider as wire
from otel_dispatch.demo.provider import Provider
from tests.conftest import Told
from tests.transports.aiohttp.calls import BODY, PATH, outcome, run

needs_middlewares = pytest.mark.skipif(
    not hasattr(aiohttp.ClientRequest, "update_body"), reason="this aiohttp has no middlewares that write a body"
)


async def with_another_body(asked: Any, handler: Any) -> Any:
    await asked.update_body(json.dumps({**BODY, "model": "n", "reasoning_effort": "high"}).encode())
    return await handler(asked)


async def with_a_body_in_memory(asked: Any, handler: Any) -> Any:
    await asked.update_body(io.BytesIO(json.dumps({**BODY, "model": "n"}).encode()))
    return await handler(asked)


async def at_another_address(asked: Any, handler: Any) -> Any:
    asked.url = asked.url.with_host("localhost")
    return await handler(asked)


async def in_another_format(asked: Any, handler: Any) -> Any:
    asked.url = asked.url.with_path("/v1/messages")
    await asked.update_body(json.dumps({**BODY, "model": "n", "max_tokens": 9}).encode())
    return await handler(asked)


async def at_a_path_of_nobodys(asked: Any, handler: Any) -> Any:
    asked.url = asked.url.with_path("/relay")
    return await handler(asked)


async def after_an_empty_try(asked: Any, handler: Any) -> Any:
    (await handler(asked)).close()
    return await with_another_body(asked, handler)


MIDDLEWARES = {
    with_another_body: ("n", "openai_compat", "127.0.0.1", "high"),
    with_a_body_in_memory: ("n", "openai_compat", "127.0.0.1", None),
    at_another_address: ("m", "openai_compat", "localhost", None),
    in_another_format: ("n", "anthropic_native", "127.0.0.1", None),
    at_a_path_of_nobodys: ("m", "unknown", "127.0.0.1", None),
    after_an_empty_try: ("n", "openai_compat", "127.0.0.1", "high"),
}


@needs_middlewares
@pytest.mark.parametrize("data", [BODY, {**BODY, "stream": True}, io.BytesIO], ids=["whole", "stream", "in memory"])
@pytest.mark.parametrize("middleware", MIDDLEWARES, ids=lambda middleware: middleware.__name__)
def test_what_a_middleware_makes_of_a_request_is_what_is_told(
    told: Told, provider: Provider, middleware: Any, data: Any
) -> None:
    async def call(session: aiohttp.ClientSession, url: str) -> None:
        sent = {"data": io.BytesIO(json.dumps(BODY).encode())} if data is io.BytesIO else {"json": data}
        async with session.post(url, **sent) as response:
            await response.read()

    run(provider, call, middlewares=[middleware])
    attributes = told.only().attributes or {}
    names = ("dispatch.model", "dispatch.wire_format", "dispatch.base_url_host", "dispatch.thinking.level")
    assert tuple(attributes.get(name) for name in names) == MIDDLEWARES[middleware]
    assert json.loads(provider.seen[-1].body)["model"] == attributes["gen_ai.request.model"]
    assert attributes["server.address"] == attributes["dispatch.base_url_host"]
    if attributes["dispatch.wire_format"] != "unknown":
        assert attributes["dispatch.outcome.kind"] == "served"
        assert attributes["dispatch.outcome.content_len"]


@needs_middlewares
def test_a_rewritten_request_that_is_refused_is_told_as_rewritten(told: Told, provider: Provider) -> None:
    provider.script(wire.error("openai", 429, "insufficient_quota", "insufficient_quota"))

    async def call(session: aiohttp.ClientSession, url: str) -> None:
        with pytest.raises(aiohttp.ClientResponseError):
            await session.post(url, json=BODY, raise_for_status=True)

    run(provider, call, middlewares=[with_another_body])
    assert (told.only().attributes or {})["dispatch.model"] == "n"
    assert outcome(told)[0] == "usage_limit"


@needs_middlewares
def test_what_a_middleware_fetches_first_does_not_answer_for_the_model(told: Told, provider: Provider) -> None:
    provider.script(wire.Answer(body=b"{}"))

    async def middleware(asked: Any, _: Any) -> Any:
        async with asked.session.post(f"{provider.url}/token", middlewares=()) as response:
            await response.read()
        raise aiohttp.ClientConnectionError

    async def call(session: aiohttp.ClientSession, url: str) -> None:
        with pytest.raises(aiohttp.ClientConnectionError):
            await session.post(url, json=BODY)

    run(provider, call, middlewares=[middleware])
    assert [seen.path for seen in provider.seen] == ["/token"]
    assert outcome(told) == ("provider_error", "connection")
    assert "http.response.status_code" not in (told.only().attributes or {})


@pytest.mark.parametrize("status", [200, 407, 503])
def test_what_a_proxy_answers_for_a_tunnel_is_no_answer_of_the_model(told: Told, status: int) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 %d x\r\ncontent-length: 0\r\n\r\n" % status)
        await writer.drain()
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()

    async def main() -> None:
        server = await asyncio.start_server(answer, "127.0.0.1", 0)
        proxy = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        async with server, aiohttp.ClientSession() as session:
            with pytest.raises(aiohttp.ClientError):
                await session.post(f"https://127.0.0.1:9{PATH}", json=BODY, proxy=proxy)

    asyncio.run(main())
    assert outcome(told) == ("provider_error", "connection")
    assert "http.response.status_code" not in (told.only().attributes or {})
