"""aiohttp: bodies read whole and taken from the stream in every way there is."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp

from otel_dispatch.demo.provider import Provider
from tests.transports.carriers import BODY, KINDS, PATH, Carrier, script

Read = Callable[[aiohttp.ClientResponse], Awaitable[bytes]]


async def _whole(response: aiohttp.ClientResponse) -> bytes:
    return await response.read()


async def _pieces(response: aiohttp.ClientResponse) -> bytes:
    return b"".join([piece async for piece in response.content.iter_any()])


async def _lines(response: aiohttp.ClientResponse) -> bytes:
    return b"".join([line async for line in response.content])


async def _calls(read: Read) -> list[Any]:
    seen: list[Any] = []
    with Provider() as server:
        async with aiohttp.ClientSession() as session:
            script(server)
            for _ in KINDS:
                try:
                    async with session.post(f"{server.url}{PATH}", json=BODY) as response:
                        seen.append((response.status, type(response), await read(response)))
                except Exception as error:
                    seen.append((type(error), str(error)))
    return seen


def _all() -> list[Any]:
    return [seen for read in (_whole, _pieces, _lines) for seen in asyncio.run(_calls(read))]


CARRIERS = {"aiohttp": Carrier("otel_dispatch.transports.aiohttp", _all, KINDS * 3)}
