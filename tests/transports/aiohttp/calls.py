"""Calls through aiohttp against a local server, and answers that pause or break off."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp

from otel_dispatch.demo import provider as wire
from otel_dispatch.demo.provider import Provider
from tests.conftest import Told

PATH = "/v1/chat/completions"
BODY = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}
STREAM = {**BODY, "stream": True}
EVENTS = {"content-type": "text/event-stream"}

Calls = Callable[[aiohttp.ClientSession, str], Awaitable[Any]]


def run(provider: Provider, calls: Calls, **options: Any) -> Any:
    """Await *calls* with a session and the address of the model."""

    async def main() -> Any:
        async with aiohttp.ClientSession(**options) as session:
            return await calls(session, f"{provider.url}{PATH}")

    return asyncio.run(main())


def outcome(told: Told) -> tuple[Any, Any]:
    """The kind and the class of what came of the only call."""
    attributes = told.only().attributes or {}
    return attributes["dispatch.outcome.kind"], attributes.get("dispatch.outcome.class")


def broken_off() -> wire.Answer:
    """A stream that breaks off after its first words."""
    chunks = wire.chat_stream(["a", "b"], model="m").chunks
    assert chunks is not None
    return wire.Answer(headers=EVENTS, chunks=[*chunks[:2], wire.HANGUP])


def pausing(seconds: float) -> wire.Answer:
    """A stream that pauses after its first words."""
    chunks = wire.chat_stream(["a", "b"], model="m").chunks
    assert chunks is not None
    return wire.Answer(headers=EVENTS, chunks=[*chunks[:2], seconds, *chunks[2:]])
