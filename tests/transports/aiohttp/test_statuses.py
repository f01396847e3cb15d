"""What the host makes of an answer that refuses or says nothing is told as the answer it was."""

from typing import Any

import aiohttp
import pytest

from otel_dispatch.demo import provider as wire
from otel_dispatch.demo.provider import Provider
from otel_dispatch.outcome import outcome_of_exception
from tests.conftest import Told
from tests.transports.aiohttp.calls import BODY, Calls, outcome, run


async def raising_by_itself(session: aiohttp.ClientSession, url: str) -> None:
    await session.post(url, json=BODY, raise_for_status=True)


async def raising_after_it(session: aiohttp.ClientSession, url: str) -> None:
    async with session.post(url, json=BODY) as response:
        response.raise_for_status()


async def raising_outside(session: aiohttp.ClientSession, url: str) -> None:
    (await session.post(url, json=BODY)).raise_for_status()


async def raising_by_a_hook(session: aiohttp.ClientSession, url: str) -> None:
    async def check(response: aiohttp.ClientResponse) -> None:
        await response.read()
        response.raise_for_status()

    await session.post(url, json=BODY, raise_for_status=check)


@pytest.mark.parametrize(
    ("call", "error_type"),
    [
        (raising_by_itself, "429"),
        (raising_after_it, "429"),
        (raising_outside, "429"),
        (raising_by_a_hook, "insufficient_quota"),
    ],
)
def test_a_status_that_is_made_an_exception_is_told_as_the_answer_it_was(
    told: Told, provider: Provider, call: Calls, error_type: str
) -> None:
    provider.script(wire.error("openai", 429, "insufficient_quota", "insufficient_quota", "secret words"))

    async def calls(session: aiohttp.ClientSession, url: str) -> None:
        with pytest.raises(aiohttp.ClientResponseError) as caught:
            await call(session, url)
        assert caught.value.status == 429

    run(provider, calls)
    attributes = told.only().attributes or {}
    assert attributes["dispatch.outcome.kind"] == "usage_limit"
    assert attributes["http.response.status_code"] == 429
    assert attributes["error.type"] == error_type
    assert "secret" not in repr(dict(attributes))


def test_an_error_body_that_is_read_tells_its_code(told: Told, provider: Provider) -> None:
    provider.script(wire.error("openai", 400, "invalid_request_error", "context_length_exceeded"))

    async def call(session: aiohttp.ClientSession, url: str) -> None:
        async with session.post(url, json=BODY) as response:
            await response.json()

    run(provider, call)
    assert outcome(told) == ("provider_error", "context_overflow")


def test_an_answer_that_a_hook_has_read_is_told(told: Told, provider: Provider) -> None:
    async def look(response: aiohttp.ClientResponse) -> None:
        assert await response.json()

    async def take(response: aiohttp.ClientResponse) -> None:
        assert await response.content.read()

    async def call(session: aiohttp.ClientSession, url: str) -> None:
        for hook in (look, take):
            async with session.post(url, json=BODY, raise_for_status=hook) as response:
                await response.read()

    run(provider, call)
    looked, taken = [span.attributes or {} for span in told.spans()]
    assert looked["dispatch.outcome.content_len"]
    assert taken["dispatch.outcome.kind"] == "served"
    assert "dispatch.outcome.content_len" not in taken


def test_an_empty_answer_is_malformed(told: Told, provider: Provider) -> None:
    provider.script(wire.Answer(headers={"content-type": "application/json"}))

    async def call(session: aiohttp.ClientSession, url: str) -> bytes:
        async with session.post(url, json=BODY) as response:
            return await response.read()

    assert run(provider, call) == b""
    assert outcome(told) == ("provider_error", "malformed_response")


INFO: Any = None

EXCEPTIONS = [
    (aiohttp.ServerTimeoutError("x"), "timeout"),
    (aiohttp.ServerDisconnectedError("x"), "connection"),
    (aiohttp.ClientOSError(104, "x"), "connection"),
    (aiohttp.ClientPayloadError("x"), "connection"),
    (aiohttp.ClientConnectionError("x"), "connection"),
    (aiohttp.ClientHttpProxyError(INFO, (), status=407), "connection"),
    (aiohttp.ContentTypeError(INFO, (), status=200), "malformed_response"),
    (aiohttp.ClientResponseError(INFO, (), status=404), "not_found"),
    (aiohttp.ClientResponseError(INFO, (), status=529), "overloaded"),
    (aiohttp.TooManyRedirects(INFO, ()), "unknown"),
    (aiohttp.ClientError("x"), "unknown"),
]


@pytest.mark.parametrize(("error", "cls"), EXCEPTIONS)
def test_an_exception_of_aiohttps_makes_its_class(error: BaseException, cls: str) -> None:
    assert outcome_of_exception(error).cls == cls
