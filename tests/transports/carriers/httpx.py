"""httpx and httpx2, each synchronous and asynchronous."""

import asyncio
from types import ModuleType
from typing import Any

import httpx
import httpx2

from otel_dispatch.demo.provider import Provider
from tests.transports.carriers import BODY, KINDS, PATH, Carrier, collect, script


def _sync(library: ModuleType) -> list[Any]:
    seen: list[Any] = []
    with Provider() as server, library.Client() as client:
        url = f"{server.url}{PATH}"
        script(server)
        seen.append(client.post(url, json=BODY).content)
        for _ in range(2):
            with client.stream("POST", url, json=BODY) as response:
                collect(seen, lambda r=response: list(r.iter_bytes()))
        seen.append(client.post(url, json=BODY).status_code)
        collect(seen, lambda: client.post(url, json=BODY))
    return seen


async def _async(library: ModuleType) -> list[Any]:
    seen: list[Any] = []
    with Provider() as server:
        async with library.AsyncClient() as client:
            url = f"{server.url}{PATH}"
            script(server)
            seen.append((await client.post(url, json=BODY)).content)
            for _ in range(2):
                async with client.stream("POST", url, json=BODY) as response:
                    try:
                        seen.append([chunk async for chunk in response.aiter_bytes()])
                    except Exception as error:
                        seen.append(type(error))
            seen.append((await client.post(url, json=BODY)).status_code)
            try:
                await client.post(url, json=BODY)
            except Exception as error:
                seen.append(type(error))
    return seen


def _both(library: ModuleType) -> list[Any]:
    return [*_sync(library), *asyncio.run(_async(library))]


CARRIERS = {
    library.__name__: Carrier("otel_dispatch.transports.httpx", lambda library=library: _both(library), KINDS * 2)
    for library in (httpx, httpx2)
}
