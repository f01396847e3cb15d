"""However a call through aiohttp ends, its one span tells it."""

import asyncio
import gc
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

import aiohttp
import pytest
from opentelemetry.trace import StatusCode

from otel_dispatch.demo import provider as wire
from otel_dispatch.demo.provider import Provider
from tests.conftest import Told, eventually
from tests.transports.aiohttp.calls import BODY, STREAM, broken_off, outcome, pausing, run


async def leave(response: aiohttp.ClientResponse) -> None:
    async with response:
        await response.content.readline()


async def close(response: aiohttp.ClientResponse) -> None:
    response.close()
    response.close()


async def release(response: aiohttp.ClientResponse) -> None:
    response.release()


async def close_between(response: aiohttp.ClientResponse) -> None:
    await response.content.readany()
    response.close()
    with pytest.raises(aiohttp.ClientConnectionError):
        await response.content.readany()


@pytest.mark.parametrize("end", [leave, close, release, close_between])
def test_a_stream_that_is_left_early_is_abandoned(
    told: Told, provider: Provider, end: Callable[[aiohttp.ClientResponse], Awaitable[None]]
) -> None:
    provider.script(pausing(5.0))

    async def call(session: aiohttp.ClientSession, url: str) -> None:
        await end(await session.post(url, json=STREAM))
        assert outcome(told) == ("cancelled", "abandoned")

    run(provider, call)
    assert told.only().status.status_code is StatusCode.UNSET


@pytest.mark.filterwarnings("ignore:Unclosed connection:ResourceWarning")
@pytest.mark.parametrize("answer", [pausing(5.0), wire.chat_stream(["a"], model="m")])
def test_a_response_that_is_dropped_unread_ends_with_its_connection(
    told: Told, provider: Provider, answer: wire.Answer
) -> None:
    provider.script(answer)

    async def call(session: aiohttp.ClientSession, url: str) -> None:
        response = await session.post(url, json=STREAM)
        await asyncio.sleep(0.1)
        del response

    run(provider, call)
    gc.collect()
    eventually(lambda: len(told.spans()) == 1)
    assert outcome(told) == ("cancelled", "abandoned")


def test_a_connection_lost_midway_is_a_connection_error(told: Told, provider: Provider) -> None:
    provider.script(broken_off())

    async def call(session: aiohttp.ClientSession, url: str) -> None:
        async with session.post(url, json=STREAM) as response:
            with pytest.raises(aiohttp.ClientPayloadError):
                await response.read()

    run(provider, call)
    span = told.only()
    assert outcome(told) == ("provider_error", "connection")
    assert (span.attributes or {})["error.type"] == "aiohttp.client_exceptions.ClientPayloadError"
    assert (span.status.status_code, span.status.description, span.events) == (StatusCode.ERROR, None, ())


def test_a_connection_that_cannot_be_made_is_a_connection_error(told: Told) -> None:
    async def main() -> None:
        async with aiohttp.ClientSession() as session:
            with pytest.raises(aiohttp.ClientConnectorError):
                await session.post("http://127.0.0.1:9/v1/chat/completions", json=BODY)

    asyncio.run(main())
    assert outcome(told) == ("provider_error", "connection")


@pytest.mark.parametrize("answer", [wire.Answer(drop=True), wire.Answer(headers={"a b": "no header"})])
def test_an_answer_that_is_none_is_a_connection_error(told: Told, provider: Provider, answer: wire.Answer) -> None:
    provider.script(answer)

    async def call(session: aiohttp.ClientSession, url: str) -> None:
        with pytest.raises(aiohttp.ClientError):
            await session.post(url, json=BODY)

    run(provider, call)
    assert outcome(told) == ("provider_error", "connection")
    assert "http.response.status_code" not in (told.only().attributes or {})


TIMEOUTS = {"total": aiohttp.ClientTimeout(total=0.2), "between reads": aiohttp.ClientTimeout(sock_read=0.2)}


@pytest.mark.parametrize("timeout", TIMEOUTS)
@pytest.mark.parametrize("answer", [wire.Answer(body=b"{}", delay=5.0), pausing(5.0)])
def test_a_timeout_is_a_timeout(told: Told, provider: Provider, answer: wire.Answer, timeout: str) -> None:
    provider.script(answer)

    async def call(session: aiohttp.ClientSession, url: str) -> None:
        with pytest.raises(asyncio.TimeoutError):
            async with session.post(url, json=STREAM, timeout=TIMEOUTS[timeout]) as response:
                await response.read()

    run(provider, call)
    assert outcome(told) == ("provider_error", "timeout")


def test_a_timeout_that_passes_between_two_reads_is_a_timeout(told: Told, provider: Provider) -> None:
    provider.script(wire.chat_stream(["a", "b"], model="m"))

    async def call(session: aiohttp.ClientSession, url: str) -> None:
        async with session.post(url, json=STREAM, timeout=aiohttp.ClientTimeout(total=9)) as response:
            await response.content.readline()
            while not response.content.is_eof():
                await asyncio.sleep(0.01)
            response._timer.timeout()
            with pytest.raises(asyncio.TimeoutError):
                await response.content.readany()

    run(provider, call)
    assert outcome(told) == ("provider_error", "timeout")


async def read_whole(session: aiohttp.ClientSession, url: str) -> None:
    async with session.post(url, json=STREAM) as response:
        await response.read()


async def read_pieces(session: aiohttp.ClientSession, url: str) -> None:
    async with session.post(url, json=STREAM) as response:
        async for _ in response.content.iter_any():
            pass


@pytest.mark.parametrize("answer", [wire.Answer(body=b"{}", delay=5.0), pausing(5.0)])
@pytest.mark.parametrize("read", [read_whole, read_pieces])
def test_a_cancelled_task_leaves_a_cancelled_span(
    told: Told,
    provider: Provider,
    answer: wire.Answer,
    read: Callable[[aiohttp.ClientSession, str], Coroutine[Any, Any, None]],
) -> None:
    provider.script(answer)

    async def call(session: aiohttp.ClientSession, url: str) -> None:
        task = asyncio.create_task(read(session, url))
        await asyncio.sleep(0.2)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    run(provider, call)
    assert outcome(told) == ("cancelled", "cancelled")
    assert told.only().status.status_code is StatusCode.UNSET
