"""Anthropic's SDK through Bedrock, Vertex, Foundry and the others: each in its cloud's own envelope, told alike."""

import asyncio
import inspect
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import anthropic
import pytest
from opentelemetry.trace import SpanKind, StatusCode

from otel_dispatch import aloft
from otel_dispatch.demo import provider as demo
from otel_dispatch.demo.provider import HANGUP, Answer, Provider
from tests.conftest import Told, eventually
from tests.wires import bedrock as wire

HI: Any = [{"role": "user", "content": "hi"}]
HAS_SPANS = "open_telemetry" in inspect.signature(anthropic.Anthropic.__init__).parameters
MODEL = "us.anthropic.claude-opus-5-20260101-v1:0"
ANSWERED = "claude-opus-5-20260101"


async def settled(value: Any) -> Any:
    """*value*, awaited where it is an asynchronous client's."""
    return await value if inspect.isawaitable(value) else value


async def every(items: Any) -> list[Any]:
    """All that *items* gives, of either client."""
    return [item async for item in items] if hasattr(items, "__aiter__") else list(items)


@asynccontextmanager
async def inside(manager: Any) -> AsyncIterator[Any]:
    """The inside of a context manager of either client."""
    if hasattr(manager, "__aenter__"):
        async with manager as entered:
            yield entered
    else:
        with manager as entered:
            yield entered


def over_events(answer: Answer) -> Answer:
    """A stream as every cloud but Bedrock hands it on."""
    return answer


def over_messages(answer: Answer) -> Answer:
    """A stream as Bedrock hands it on."""
    events = wire.unwrapped(answer)
    return wire.invoke_stream([*events[:-1], {**events[-1], **wire.metrics()}])


@dataclass(frozen=True)
class Cloud:
    """How a client is made, what its requests are sent to, and how its streams come; ``theirs`` is its own name."""

    name: str
    options: dict[str, Any]
    path: str
    streamed: str = ""
    theirs: str = "anthropic"
    envelope: Callable[[Answer], Answer] = over_events
    scope: str = ""

    @property
    def clients(self) -> dict[str, Any]:
        """Its clients, synchronous and asynchronous."""
        return {"sync": getattr(anthropic, self.name), "async": getattr(anthropic, f"Async{self.name}")}


_KEYS = {"aws_access_key": "AKIDEXAMPLE", "aws_secret_key": "wJalrXUtnFEMI", "aws_region": "us-east-1"}
_VERTEX = f"/projects/p/locations/us-east5/publishers/anthropic/models/{MODEL}"
_ALL = (
    Cloud(
        "AnthropicBedrock",
        _KEYS,
        f"/model/{MODEL}/invoke",
        f"/model/{MODEL}/invoke-with-response-stream",
        "aws.bedrock",
        over_messages,
        ".bedrock",
    ),
    Cloud(
        "AnthropicVertex",
        {"region": "us-east5", "project_id": "p", "access_token": "k"},
        f"{_VERTEX}:rawPredict",
        f"{_VERTEX}:streamRawPredict",
        "gcp.vertex_ai",
        scope=".vertex",
    ),
    Cloud("AnthropicFoundry", {"api_key": "k"}, "/v1/messages", scope=".foundry"),
    Cloud("AnthropicBedrockMantle", _KEYS, "/v1/messages", theirs="aws.bedrock", scope=".bedrock"),
    Cloud("AnthropicAWS", {**_KEYS, "workspace_id": "w"}, "/v1/messages", scope=".aws"),
    Cloud("AnthropicGoogleCloud", {"workspace_id": "w", "skip_auth": True}, "/v1/messages", scope=".google_cloud"),
)
CLOUDS = [cloud for cloud in _ALL if hasattr(anthropic, cloud.name)]

of_each_cloud = pytest.mark.parametrize("cloud", CLOUDS, ids=lambda cloud: cloud.name)
of_each_client = pytest.mark.parametrize("client", ["sync", "async"])
on_each_span = pytest.mark.parametrize("span", ["ours", "theirs"] if HAS_SPANS else ["ours"])


def run(told: Told, provider: Provider, cloud: Cloud, client: str, span: str, ask: Any, **options: Any) -> None:
    """Have *ask* use a client whose calls are told on *ours* or on *theirs*."""
    if HAS_SPANS:
        options["open_telemetry"] = {"tracer_provider": told.tracer_provider} if span == "theirs" else False

    async def go() -> None:
        async with inside(cloud.clients[client](base_url=provider.url, **cloud.options, **options)) as opened:
            await ask(opened)

    if client == "async":
        asyncio.run(go())
        return
    # A synchronous client has nothing to wait for, and no event loop around it.
    with pytest.raises(StopIteration):
        go().send(None)


ASK: Any = {
    "model": MODEL,
    "max_tokens": 3000,
    "messages": HI,
    # Older SDKs have no argument for it.
    "extra_body": {"thinking": {"type": "enabled", "budget_tokens": 2000}},
    "tools": [{"name": "f", "input_schema": {"type": "object"}}],
}


async def create(client: Any) -> None:
    message = await settled(client.messages.create(**ASK))
    assert message.content[-1].text == "Hello."


async def stream(client: Any) -> None:
    events = await every(await settled(client.messages.create(**ASK, stream=True)))
    assert [event.type for event in events[-1:]] == ["message_stop"]


def whole_span(provider: Provider, streamed: bool) -> dict[str, Any]:
    return {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "local",
        "gen_ai.request.model": MODEL,
        "gen_ai.request.max_tokens": 3000,
        "gen_ai.request.stream": streamed,
        "gen_ai.response.model": ANSWERED,
        "gen_ai.response.finish_reasons": ("end_turn",),
        "gen_ai.usage.input_tokens": 9 + 20,
        "gen_ai.usage.output_tokens": 12,
        "gen_ai.usage.cache_read.input_tokens": 20,
        "gen_ai.usage.cache_write.input_tokens": 0,
        "peer.service": "local",
        "service.peer.name": "local",
        "server.address": "127.0.0.1",
        "server.port": provider.port,
        "http.response.status_code": 200,
        **{f"dispatch.provenance.{field}": "unknown" for field in ("provider", "model", "wire_format", "tool_format")},
        "dispatch.provenance.thinking": "unknown",
        "dispatch.kind": "llm_call",
        "dispatch.provider": "local",
        "dispatch.model": MODEL,
        "dispatch.wire_format": "anthropic_native",
        "dispatch.tool_format": "native",
        "dispatch.base_url_host": "127.0.0.1",
        "dispatch.thinking.mode": "enabled",
        "dispatch.thinking.enabled": True,
        "dispatch.thinking.budget_tokens": 2000,
        "dispatch.inherited": False,
        "dispatch.inherited_fields": "",
        "dispatch.outcome.kind": "served",
        "dispatch.outcome.completion_tokens": 12,
        "dispatch.outcome.content_len": 6,
    }


@of_each_cloud
@of_each_client
@on_each_span
@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
def test_a_call_through_a_cloud_is_one_span_with_the_whole_record(
    told: Told, provider: Provider, cloud: Cloud, client: str, span: str, streamed: bool
) -> None:
    if streamed:
        answer = cloud.envelope(demo.messages_stream(["Hel", "lo."], model=ANSWERED, cache_read=20, thinking="hm"))
    else:
        answer = demo.messages("Hello.", model=ANSWERED, cache_read=20, thinking="hm")
    provider.script(answer)
    run(told, provider, cloud, client, span, stream if streamed else create)
    (seen,) = provider.seen
    assert seen.path == (cloud.streamed or cloud.path if streamed else cloud.path)
    found = told.only()
    attributes = {name: value for name, value in (found.attributes or {}).items() if not name.startswith("anthropic.")}
    assert attributes.pop("gen_ai.response.id").startswith("msg_")
    assert (attributes.pop("gen_ai.response.time_to_first_chunk", 0) > 0) == streamed  # type: ignore[operator]
    expected, scope = whole_span(provider, streamed), found.instrumentation_scope
    assert scope is not None
    assert found.kind is SpanKind.CLIENT
    if span == "ours":
        assert attributes == expected
        assert found.status.status_code is StatusCode.UNSET
        assert (found.name, scope.name) == (f"chat {MODEL}", "otel_dispatch")
        return
    # Their own span tells more of the request, and the provider by its own name.
    assert attributes == {**attributes, **expected, "gen_ai.provider.name": cloud.theirs}
    assert found.status.status_code is StatusCode.OK
    assert scope.name == f"com.anthropic.sdk.python{cloud.scope}"


@of_each_cloud
@of_each_client
@on_each_span
def test_a_stream_that_is_left_is_abandoned(
    told: Told, provider: Provider, cloud: Cloud, client: str, span: str
) -> None:
    async def leave(opened: Any) -> None:
        async with inside(await settled(opened.messages.create(**ASK, stream=True))) as events:
            await (anext(events) if hasattr(events, "__anext__") else settled(next(events)))

    provider.script(cloud.envelope(demo.messages_stream(["Hel", "lo."], model=ANSWERED)))
    run(told, provider, cloud, client, span, leave)
    eventually(lambda: len(told.spans()) == 1)
    attributes = told.only().attributes or {}
    assert (attributes["dispatch.outcome.kind"], attributes["dispatch.outcome.class"]) == ("cancelled", "abandoned")
    assert aloft.count() == 0


@of_each_cloud
@of_each_client
def test_a_stream_that_breaks_off_is_a_connection_error(
    told: Told, provider: Provider, cloud: Cloud, client: str
) -> None:
    async def ask(opened: Any) -> None:
        with pytest.raises(Exception, match=r"."):
            await every(await settled(opened.messages.create(**ASK, stream=True)))

    answer = cloud.envelope(demo.messages_stream(["Hel", "lo."], model=ANSWERED))
    assert answer.chunks is not None
    provider.script(Answer(headers=answer.headers, chunks=[*answer.chunks[:3], HANGUP]))
    run(told, provider, cloud, client, "ours", ask, max_retries=0)
    assert (told.only().attributes or {})["dispatch.outcome.class"] == "connection"


LIMIT = {
    "AnthropicBedrock": (wire.refused(429, "ThrottlingException", "secret words"), "ThrottlingException"),
    "AnthropicVertex": (
        wire.whole({"error": {"code": 429, "message": "secret words", "status": "RESOURCE_EXHAUSTED"}}, 429),
        "RESOURCE_EXHAUSTED",
    ),
}
OTHER_LIMIT = demo.error("anthropic", 429, "rate_limit_error", None, "secret words"), "rate_limit_error"


@of_each_cloud
@of_each_client
@on_each_span
def test_a_refusal_is_classed_in_each_clouds_own_words(
    told: Told, provider: Provider, cloud: Cloud, client: str, span: str
) -> None:
    async def ask(opened: Any) -> None:
        with pytest.raises(anthropic.RateLimitError):
            await settled(opened.messages.create(**ASK))

    answer, code = LIMIT.get(cloud.name, OTHER_LIMIT)
    provider.script(answer)
    run(told, provider, cloud, client, span, ask, max_retries=0)
    found = told.only()
    attributes = found.attributes or {}
    assert (attributes["dispatch.outcome.kind"], attributes["dispatch.outcome.class"]) == ("usage_limit", "rate_limit")
    assert attributes["http.response.status_code"] == 429
    if span == "ours":
        assert attributes["error.type"] == code
        assert found.status.status_code is StatusCode.ERROR
        assert "secret" not in repr(dict(attributes))


@of_each_client
def test_an_exception_inside_bedrocks_stream_is_classed_by_its_name(
    told: Told, provider: Provider, client: str
) -> None:
    cloud = CLOUDS[0]

    async def ask(opened: Any) -> None:
        events = await settled(opened.messages.create(**ASK, stream=True))
        with pytest.raises(Exception, match=r"."):
            await every(events)

    answer = over_messages(demo.messages_stream(["Hel", "lo."], model=ANSWERED))
    assert answer.chunks is not None
    broken = [*answer.chunks[:3], wire.exception("throttlingException", "secret words")]
    provider.script(Answer(headers=answer.headers, chunks=broken))
    run(told, provider, cloud, client, "ours", ask, max_retries=0)
    attributes = told.only().attributes or {}
    assert (attributes["dispatch.outcome.kind"], attributes["dispatch.outcome.class"]) == ("usage_limit", "rate_limit")
    assert attributes["error.type"] == "throttlingException"
    assert "secret" not in repr(dict(attributes))


def test_each_attempt_of_the_sdks_own_retry_is_a_span(told: Told, provider: Provider) -> None:
    limit = wire.refused(429, "ThrottlingException")
    limit = Answer(limit.status, {**limit.headers, "retry-after-ms": "1"}, limit.body)
    provider.script(limit, demo.messages("Hello.", model=ANSWERED))
    run(told, provider, CLOUDS[0], "sync", "ours", create)
    found = [
        ((s.attributes or {})["dispatch.outcome.kind"], (s.attributes or {}).get("http.request.resend_count"))
        for s in told.spans()
    ]
    assert found == [("usage_limit", None), ("served", 1)]


def test_counting_tokens_is_no_model_call(told: Told, provider: Provider) -> None:
    async def ask(opened: Any) -> None:
        # Not every version has a method for it.
        body = {"model": MODEL, "messages": HI}
        counted = opened.post("/v1/messages/count_tokens", cast_to=object, body=body)
        assert await settled(counted) == {"input_tokens": 3}

    for cloud in CLOUDS[1:]:
        provider.script(wire.whole({"input_tokens": 3}))
        run(told, provider, cloud, "sync", "ours", ask)
    assert len(provider.seen) == len(CLOUDS) - 1
    assert told.spans() == []
