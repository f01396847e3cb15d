"""A stream that somebody closes while somebody else reads it: the host has given it up, and no provider has failed."""

import asyncio
import json
import threading
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import httpx
import httpx2
import pytest
import requests
import urllib3

from otel_dispatch import aloft
from otel_dispatch.demo.provider import Answer, Provider, chat_stream
from tests.conftest import Told, eventually

PATH = "/v1/chat/completions"
HEADERS = {"content-type": "application/json"}
BODY = json.dumps({"model": "m", "stream": True, "messages": [{"role": "user", "content": "hi"}]}).encode()
PIECES = [each for each in chat_stream(["Hel"], model="m", usage=(9, 12)).chunks or () if b"Hel" in bytes(each)]
# Some libraries close only once their reader has got something more; it never gets all.
SLOW = Answer(headers={"content-type": "text/event-stream"}, chunks=[*PIECES, *[0.05, b": on\n\n"] * 200])
Opened = tuple[Iterator[bytes], Callable[[], None]]


def open_httpx(library: Any) -> Callable[[str], Opened]:
    def open_it(url: str) -> Opened:
        client = library.Client()
        response = client.send(client.build_request("POST", url, content=BODY, headers=HEADERS), stream=True)
        return response.iter_bytes(), response.close

    return open_it


def open_requests(url: str) -> Opened:
    response = requests.post(url, BODY, headers=HEADERS, stream=True)
    return response.iter_content(None), response.close


def open_urllib3(url: str) -> Opened:
    response = urllib3.PoolManager().request("POST", url, body=BODY, headers=HEADERS, preload_content=False)
    return response.stream(), response.close


def open_urllib(url: str) -> Opened:
    response = urllib.request.urlopen(urllib.request.Request(url, BODY, HEADERS))
    return iter(response), response.close


OPENED = {
    "httpx": open_httpx(httpx),
    "httpx2": open_httpx(httpx2),
    "requests": open_requests,
    "urllib3": open_urllib3,
    "urllib.request": open_urllib,
}


def assert_abandoned(told: Told) -> None:
    eventually(lambda: aloft.count() == 0 and bool(told.spans()))
    facts = told.only().attributes or {}
    assert (facts["dispatch.outcome.kind"], facts["dispatch.outcome.class"]) == ("cancelled", "abandoned")
    assert facts["http.response.status_code"] == 200
    assert "error.type" not in facts


@pytest.mark.filterwarnings("ignore::ResourceWarning")
@pytest.mark.parametrize("way", OPENED)
def test_a_stream_that_another_thread_closes_under_its_reader_is_abandoned(
    told: Told, provider: Provider, way: str
) -> None:
    provider.script(SLOW)
    pieces, close = OPENED[way](provider.url + PATH)
    has_begun = threading.Event()

    def read() -> None:
        # What it raises is the library's own affair: urllib3 and http.client give an AttributeError.
        with suppress(Exception):
            for _ in pieces:
                has_begun.set()

    reader = threading.Thread(target=read)
    reader.start()
    assert has_begun.wait(10)
    close()
    reader.join(10)
    assert not reader.is_alive()
    assert_abandoned(told)


@pytest.mark.parametrize("library", [httpx, httpx2])
def test_a_stream_that_another_task_closes_under_its_reader_is_abandoned(
    told: Told, provider: Provider, library: Any
) -> None:
    provider.script(SLOW)

    async def main() -> None:
        async with library.AsyncClient() as client:
            request = client.build_request("POST", provider.url + PATH, content=BODY, headers=HEADERS)
            response = await client.send(request, stream=True)
            pieces = response.aiter_bytes()
            await anext(pieces)

            async def read() -> None:
                async for _ in pieces:
                    pass

            reader = asyncio.create_task(read())
            await asyncio.sleep(0)
            await response.aclose()
            with pytest.raises(library.ReadError):
                await reader

    asyncio.run(main())
    assert_abandoned(told)
