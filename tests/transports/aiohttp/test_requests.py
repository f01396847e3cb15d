"""A request is read in whichever form aiohttp takes it."""

import asyncio
import io
import json
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import aiohttp
import pytest
from yarl import URL

from otel_dispatch.demo.provider import Provider
from tests.conftest import Told
from tests.transports.aiohttp.calls import BODY, PATH, outcome, run

BODIES: dict[str, Callable[[], dict[str, Any]]] = {
    "json": lambda: {"json": BODY},
    "bytes": lambda: {"data": json.dumps(BODY).encode()},
    "text": lambda: {"data": json.dumps(BODY)},
    "bytearray": lambda: {"data": bytearray(json.dumps(BODY).encode())},
    "a file in memory": lambda: {"data": io.BytesIO(json.dumps(BODY).encode())},
    "text in memory": lambda: {"data": io.StringIO(json.dumps(BODY))},
    "a payload": lambda: {"data": aiohttp.JsonPayload(BODY)},
    "compressed": lambda: {"json": BODY, "compress": "gzip"},
}


@pytest.mark.parametrize("body", BODIES)
def test_a_body_is_read_in_whichever_form_it_is_given(told: Told, provider: Provider, body: str) -> None:
    async def call(session: aiohttp.ClientSession, url: str) -> None:
        async with session.post(url, **BODIES[body]()) as response:
            await response.read()

    run(provider, call)
    assert (told.only().attributes or {})["gen_ai.request.model"] == "m"
    assert body == "compressed" or provider.seen[0].json == BODY


def test_a_sessions_own_serialiser_is_called_once_and_its_bytes_are_read(told: Told, provider: Provider) -> None:
    seen = []

    def dumps(value: Any) -> str:
        seen.append(value)
        return json.dumps({**value, "model": "as-serialised"})

    async def call(session: aiohttp.ClientSession, url: str) -> None:
        async with session.post(url, json=BODY) as response:
            await response.read()

    run(provider, call, json_serialize=dumps)
    assert seen == [BODY]
    assert told.only().name == "chat as-serialised"


@pytest.mark.parametrize(
    "address",
    [
        lambda url: url,
        lambda url: f"{url}?x=1#part",
        lambda url: URL(url),
        lambda url: URL(url).with_query(x="1"),
    ],
)
def test_an_address_is_taken_in_every_form(told: Told, provider: Provider, address: Callable[[str], Any]) -> None:
    async def call(session: aiohttp.ClientSession, url: str) -> None:
        async with session.request("post", address(url), json=BODY) as response:
            await response.read()

    run(provider, call)
    assert told.only().name == "chat m"


def test_a_session_with_a_base_address_is_watched(told: Told, provider: Provider) -> None:
    async def call(session: aiohttp.ClientSession, _: str) -> None:
        async with session.post(PATH, json=BODY) as response:
            await response.read()

    run(provider, call, base_url=provider.url)
    assert (told.only().attributes or {})["server.port"] == provider.port


def test_the_bare_function_is_watched(told: Told, provider: Provider) -> None:
    async def main() -> None:
        async with aiohttp.request("POST", f"{provider.url}{PATH}", json=BODY) as response:
            await response.read()

    asyncio.run(main())
    assert outcome(told) == ("served", None)


def test_what_never_left_is_no_call(told: Told, provider: Provider) -> None:
    async def call(session: aiohttp.ClientSession, url: str) -> None:
        with pytest.raises(TypeError):
            await session.post(url, json={"model": object()})
        with pytest.raises(ValueError):
            await session.post(url, json=BODY, data=b"{}")
        with suppress(aiohttp.InvalidURL):
            await session.post("http:///v1/chat/completions", json=BODY)
        await session.close()
        with pytest.raises(RuntimeError):
            await session.post(url, json=BODY)

    run(provider, call)
    assert (told.spans(), provider.seen) == ([], [])


def test_a_form_is_no_model_call(told: Told, provider: Provider) -> None:
    async def call(session: aiohttp.ClientSession, _: str) -> None:
        async with session.post(f"{provider.url}/v1/messages", data={"content": "of a chat server"}) as response:
            await response.read()

    run(provider, call)
    assert told.spans() == []
