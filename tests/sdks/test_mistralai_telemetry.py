"""Mistral's SDK with the telemetry of its own switched on: its span carries our record, and there is no second."""

import asyncio
from typing import Any

import pytest
from mistralai.extra.observability.telemetry import configure_telemetry

from otel_dispatch.demo.provider import Provider
from tests.conftest import Told
from tests.sdks.test_mistralai import ASK, opened
from tests.wires.mistral import mistral_chat, mistral_chat_stream, mistral_error


def run(told: Told, provider: Provider, is_async: bool) -> None:
    async def call() -> None:
        async with opened(provider) as client:
            configure_telemetry(client, provider=told.tracer_provider)
            if is_async:
                await client.chat.complete_async(**ASK)
            else:
                client.chat.complete(**ASK)

    asyncio.run(call())


def attributes_of(told: Told) -> dict[str, Any]:
    span = told.only()
    assert span.instrumentation_scope is not None
    assert span.instrumentation_scope.name == "mistralai_sdk_tracer"
    return dict(span.attributes or {})


@pytest.mark.parametrize("is_async", [False, True])
def test_the_sdks_own_span_is_enriched_and_not_doubled(told: Told, provider: Provider, is_async: bool) -> None:
    provider.script(mistral_chat())
    run(told, provider, is_async)
    attributes = attributes_of(told)
    assert (attributes["dispatch.provider"], attributes["dispatch.wire_format"]) == ("local", "openai_compat")
    assert (attributes["dispatch.outcome.kind"], attributes["dispatch.outcome.content_len"]) == ("served", 5)


@pytest.mark.parametrize("is_async", [False, True])
def test_a_refusal_is_told_on_it_too(told: Told, provider: Provider, is_async: bool) -> None:
    provider.script(mistral_error(429))
    with pytest.raises(Exception, match="429"):
        run(told, provider, is_async)
    assert attributes_of(told)["dispatch.outcome.kind"] == "usage_limit"


@pytest.mark.parametrize("is_async", [False, True])
def test_a_stream_is_told_on_it_and_ends_it_as_without_us(told: Told, provider: Provider, is_async: bool) -> None:
    provider.script(mistral_chat_stream())

    async def call() -> None:
        async with opened(provider) as client:
            configure_telemetry(client, provider=told.tracer_provider)
            if is_async:
                async with await client.chat.stream_async(**ASK) as events:
                    assert [event async for event in events]
            else:
                with client.chat.stream(**ASK) as events:
                    assert list(events)

    asyncio.run(call())
    attributes = attributes_of(told)
    assert attributes["gen_ai.request.stream"] is True
    assert attributes["dispatch.outcome.kind"] == "served"
