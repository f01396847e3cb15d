"""Beside OpenTelemetry's instrumentations of the HTTP clients that no SDK of OpenAI's or Anthropic's uses."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from importlib import import_module
from typing import Any

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from otel_dispatch.demo.provider import Provider
from tests.conftest import Told
from tests.wires import bedrock as wire

from .harness import ORDERS, WE_FIRST, needs

needs("contrib")

BODY = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}
HI = [{"role": "user", "content": [{"text": "hi"}]}]


def requests(url: str) -> None:
    module: Any = import_module("requests")
    module.post(url, json=BODY)


def urllib3(url: str) -> None:
    module: Any = import_module("urllib3")
    with module.PoolManager() as pool:
        pool.request("POST", url, json=BODY)


def aiohttp(url: str) -> None:
    module: Any = import_module("aiohttp")

    async def post() -> None:
        async with module.ClientSession() as session, session.post(url, json=BODY) as response:
            await response.read()

    asyncio.run(post())


CLIENTS: dict[str, tuple[str, Callable[[str], None]]] = {
    "requests": ("opentelemetry.instrumentation.requests:RequestsInstrumentor", requests),
    "urllib3": ("opentelemetry.instrumentation.urllib3:URLLib3Instrumentor", urllib3),
    "aiohttp": ("opentelemetry.instrumentation.aiohttp_client:AioHttpClientInstrumentor", aiohttp),
}
Beside = Callable[[str, str], tuple[Told, InMemorySpanExporter]]


@pytest.fixture
def beside(make_told: Callable[[], Told]) -> Iterator[Beside]:
    """Switches us and one of theirs on, in either order; gives what is told by us, and by them."""
    with ExitStack() as ends:

        def switch_on(name: str, order: str) -> tuple[Told, InMemorySpanExporter]:
            module, _, cls = name.partition(":")
            instrumentor, exporter = getattr(import_module(module), cls)(), InMemorySpanExporter()
            provider = TracerProvider(shutdown_on_exit=False)
            provider.add_span_processor(SimpleSpanProcessor(exporter))
            ends.callback(instrumentor.uninstrument)
            told = make_told() if order == WE_FIRST else None
            instrumentor.instrument(tracer_provider=provider)
            return told or make_told(), exporter

        yield switch_on


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("client", CLIENTS)
def test_the_span_of_a_request_is_no_call(beside: Beside, provider: Provider, client: str, order: str) -> None:
    name, post = CLIENTS[client]
    told, exporter = beside(name, order)
    post(f"{provider.url}/v1/chat/completions")
    ours, (theirs,) = told.only(), exporter.get_finished_spans()
    assert (ours.attributes or {})["dispatch.outcome.kind"] == "served"
    assert not [key for key in theirs.attributes or {} if key.startswith("dispatch.")]
    # Which of the two lies inside the other depends on whose seam lies deeper; aiohttp's tells through a hook.
    inner, outer = (theirs, ours) if theirs.parent else (ours, theirs)
    assert inner.parent == outer.context


def bedrock(url: str) -> Any:
    module, config = import_module("boto3"), import_module("botocore.config")
    return module.client(
        "bedrock-runtime",
        region_name="us-east-1",
        aws_access_key_id="a",
        aws_secret_access_key="s",
        endpoint_url=url,
        config=config.Config(retries={"total_max_attempts": 1}, proxies={}),
    )


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("streams", [False, True])
def test_bedrocks_span_carries_the_record(beside: Beside, provider: Provider, streams: bool, order: str) -> None:
    told, exporter = beside("opentelemetry.instrumentation.botocore:BotocoreInstrumentor", order)
    with closing(bedrock(provider.url)) as client:
        if streams:
            provider.script(wire.converse_stream(["Hel", "lo."]))
            assert list(client.converse_stream(modelId="m", messages=HI)["stream"])
        else:
            provider.script(wire.converse("Hello."))
            client.converse(modelId="m", messages=HI)
    assert told.spans() == []
    (theirs,) = exporter.get_finished_spans()
    facts = theirs.attributes or {}
    assert facts["dispatch.wire_format"] == "bedrock_converse"
    assert facts["dispatch.outcome.kind"] == "served"
    assert facts["gen_ai.system"] == "aws.bedrock"
