"""Every way to read an answer of aiohttp's is overheard, and nothing else."""

import asyncio
import gc
import warnings
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace

import aiohttp
import pytest

from otel_dispatch.demo import provider as wire
from otel_dispatch.demo.provider import Provider
from tests.conftest import Told
from tests.transports.aiohttp.calls import BODY, STREAM, outcome, pausing, run


async def by_read_exactly(response: aiohttp.ClientResponse) -> bytes:
    with pytest.raises(asyncio.IncompleteReadError) as caught:
        await response.content.readexactly(1_000_000)
    return caught.value.partial


async def by_reading(read: Callable[[], Awaitable[bytes]]) -> bytes:
    found = b""
    while piece := await read():
        found += piece
    return found


async def by_nowait(response: aiohttp.ClientResponse) -> bytes:
    found = b""
    while not response.content.at_eof():
        found += response.content.read_nowait()
        await asyncio.sleep(0.01)
    return found


async def by_putting_back(response: aiohttp.ClientResponse) -> bytes:
    with warnings.catch_warnings(action="ignore"):
        response.content.unread_data(await response.content.read(8))
    return await response.content.read()


async def joined(pieces: AsyncIterator[bytes]) -> bytes:
    return b"".join([piece async for piece in pieces])


async def by_chunks(response: aiohttp.ClientResponse) -> bytes:
    return b"".join([piece async for piece, _ in response.content.iter_chunks()])


async def by_text(response: aiohttp.ClientResponse) -> bytes:
    return (await response.text()).encode()


READERS: dict[str, Callable[[aiohttp.ClientResponse], Awaitable[bytes]]] = {
    "response.read": lambda response: response.read(),
    "response.text": by_text,
    "read": lambda response: response.content.read(),
    "read some": lambda response: by_reading(lambda: response.content.read(7)),
    "readany": lambda response: by_reading(response.content.readany),
    "readline": lambda response: by_reading(response.content.readline),
    "readuntil": lambda response: by_reading(lambda: response.content.readuntil(b"}")),
    "readexactly": by_read_exactly,
    "read_nowait": by_nowait,
    "unread_data": by_putting_back,
    "iter_any": lambda response: joined(response.content.iter_any()),
    "iter_chunked": lambda response: joined(response.content.iter_chunked(5)),
    "iter_chunks": by_chunks,
    "lines": lambda response: joined(response.content),
}


@pytest.mark.parametrize("packing", ["plain", "gzip", "left packed"])
@pytest.mark.parametrize("reader", READERS)
def test_every_way_to_read_is_overheard(told: Told, provider: Provider, reader: str, packing: str) -> None:
    provider.script(replace(wire.chat_stream(["a", "bc"], model="m", usage=(3, 9)), gzip=packing != "plain"))

    async def call(session: aiohttp.ClientSession, url: str) -> bytes:
        if reader == "response.text" and packing == "left packed":
            async with session.post(url, json=STREAM) as response:
                return (await response.text("latin-1")).encode("latin-1")
        async with session.post(url, json=STREAM) as response:
            return await READERS[reader](response)

    read = run(provider, call, auto_decompress=packing != "left packed")
    assert (b"[DONE]" in read) is (packing != "left packed")
    attributes = told.only().attributes or {}
    assert attributes["dispatch.outcome.kind"] == "served"
    assert attributes["dispatch.outcome.content_len"] == 3
    assert attributes["gen_ai.usage.output_tokens"] == 9


@pytest.mark.parametrize("reader", READERS)
def test_a_whole_body_is_read_as_a_whole_however_it_is_taken(told: Told, provider: Provider, reader: str) -> None:
    provider.script(wire.chat("Hello.", model="m", usage=(3, 9)))

    async def call(session: aiohttp.ClientSession, url: str) -> bytes:
        async with session.post(url, json=BODY) as response:
            return await READERS[reader](response)

    assert b"Hello." in run(provider, call)
    attributes = told.only().attributes or {}
    assert (attributes["dispatch.outcome.kind"], attributes["dispatch.outcome.content_len"]) == ("served", 6)


def test_what_the_network_has_brought_and_the_host_has_not_read_is_not_heard(told: Told, provider: Provider) -> None:
    provider.script(wire.chat_stream(["a", "b"], model="m"))

    async def call(session: aiohttp.ClientSession, url: str) -> None:
        async with session.post(url, json=STREAM) as response:
            while not response.content.is_eof():
                await asyncio.sleep(0.01)
            assert told.spans() == []
            await response.content.readline()
            assert told.spans() == []

    run(provider, call)
    assert outcome(told) == ("cancelled", "abandoned")


def test_the_last_event_ends_the_call_before_the_host_has_it(told: Told, provider: Provider) -> None:
    provider.script(wire.chat_stream(["a", "b"], model="m"))

    async def call(session: aiohttp.ClientSession, url: str) -> list[int]:
        async with session.post(url, json=STREAM) as response:
            return [len(told.spans()) async for piece in response.content.iter_any() if b"[DONE]" in piece]

    assert run(provider, call) == [1]


def test_a_read_that_is_given_up_and_taken_up_again_is_no_end(told: Told, provider: Provider) -> None:
    provider.script(pausing(0.4))

    async def call(session: aiohttp.ClientSession, url: str) -> None:
        async with session.post(url, json=STREAM) as response:
            await response.content.readline()
            with pytest.raises(asyncio.TimeoutError):
                await asyncio.wait_for(response.content.readuntil(b"[DONE]"), 0.1)
            assert told.spans() == []
            await response.read()

    run(provider, call)
    assert outcome(told) == ("served", None)


def test_a_body_may_be_read_in_another_task(told: Told, provider: Provider) -> None:
    provider.script(pausing(0.1))

    async def call(session: aiohttp.ClientSession, url: str) -> bytes:
        response = await session.post(url, json=STREAM)
        return await asyncio.create_task(response.read())

    assert b"[DONE]" in run(provider, call)
    assert outcome(told) == ("served", None)


def test_a_stream_outlives_its_response(told: Told, provider: Provider) -> None:
    provider.script(wire.chat_stream(["a", "b"], model="m"))

    async def opened(session: aiohttp.ClientSession, url: str) -> aiohttp.StreamReader:
        return (await session.post(url, json=STREAM)).content

    async def call(session: aiohttp.ClientSession, url: str) -> bytes:
        stream = await opened(session, url)
        while not stream.is_eof():
            await asyncio.sleep(0.01)
        gc.collect()
        return await stream.read()

    assert b"[DONE]" in run(provider, call)
    assert outcome(told) == ("served", None)
