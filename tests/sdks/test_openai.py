"""OpenAI's SDK, every public way: one span for each request, with a true record."""

import asyncio
import importlib
import importlib.util
import inspect
from collections.abc import Callable, Coroutine
from contextlib import suppress
from operator import attrgetter
from typing import Any

import openai
import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import SpanKind, StatusCode

from otel_dispatch import aloft
from otel_dispatch.demo import provider as wire
from otel_dispatch.demo.provider import Answer, Provider
from tests.conftest import Told
from tests.sdks.openai_ways import (
    CHAT,
    MODEL,
    QUESTIONS,
    RESPONSE,
    TEXT,
    VECTORS,
    WAYS,
    Way,
    every,
    first,
    inside,
    is_there,
    settled,
)
from tests.wires.openai import PREDICATE, azure_chat_stream, azure_refusal, completion, decision, embeddings

CLIENTS = {"sync": openai.OpenAI, "async": openai.AsyncOpenAI}
AZURES = {"sync": openai.AzureOpenAI, "async": openai.AsyncAzureOpenAI}

of_each_client = pytest.mark.parametrize("client", list(CLIENTS))

Ask = Callable[[Any], Coroutine[Any, Any, Any]]


def run_with(opened: Any, ask: Ask) -> None:
    """Have *ask* use a client, and close it."""

    async def go() -> None:
        async with inside(opened) as entered:
            await ask(entered)

    if hasattr(opened, "__aenter__"):
        asyncio.run(go())
        return
    # A synchronous client has nothing to wait for, and no event loop around it.
    with pytest.raises(StopIteration):
        go().send(None)


def run(provider: Provider, client: str, ask: Ask, **options: Any) -> None:
    run_with(CLIENTS[client](base_url=f"{provider.url}/v1", api_key="k", **options), ask)


def facts(span: ReadableSpan) -> dict[str, Any]:
    return dict(span.attributes or {})


def record(provider: Provider, **changes: Any) -> dict[str, Any]:
    """All that the span of a usual call tells, changed as said; None takes away."""
    fields = ("provider", "model", "wire_format", "tool_format")
    found = {
        "gen_ai.provider.name": "local",
        "gen_ai.request.model": MODEL,
        "gen_ai.request.stream": False,
        "gen_ai.response.model": MODEL,
        "gen_ai.usage.input_tokens": 9,
        "gen_ai.usage.output_tokens": 12,
        "peer.service": "local",
        "service.peer.name": "local",
        "server.address": "127.0.0.1",
        "server.port": provider.port,
        "http.response.status_code": 200,
        "dispatch.kind": "llm_call",
        "dispatch.provider": "local",
        "dispatch.model": MODEL,
        "dispatch.wire_format": "openai_compat",
        "dispatch.tool_format": "none",
        "dispatch.base_url_host": "127.0.0.1",
        "dispatch.thinking.mode": "provider_default",
        **{f"dispatch.provenance.{field}": "unknown" for field in fields},
        "dispatch.provenance.thinking": "catalog_default",
        "dispatch.inherited": False,
        "dispatch.inherited_fields": "",
        "dispatch.outcome.kind": "served",
        "dispatch.outcome.completion_tokens": 12,
        "dispatch.outcome.content_len": 5,
    }
    return {name: value for name, value in {**found, **changes}.items() if value is not None}


def whole(span: ReadableSpan) -> dict[str, Any]:
    """All that a span tells, without what differs each time."""
    attributes = facts(span)
    attributes.pop("gen_ai.response.id", None)
    attributes.pop("gen_ai.response.time_to_first_chunk", None)
    return attributes


@of_each_client
@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.name)
def test_every_way_is_one_span_with_the_whole_record(told: Told, provider: Provider, way: Way, client: str) -> None:
    provider.script(way.answer())
    run(provider, client, way.go, max_retries=0)
    assert len(provider.seen) == 1
    span = told.only()
    assert whole(span) == record(provider, **way.told)
    assert span.name == f"{way.told['gen_ai.operation.name']} {MODEL}"
    assert (span.kind, span.status.status_code) == (SpanKind.CLIENT, StatusCode.UNSET)
    assert facts(span).get("gen_ai.response.id") or way.path.startswith(("embeddings", "decisions"))
    assert ("gen_ai.response.time_to_first_chunk" in facts(span)) == way.told.get("gen_ai.request.stream", False)
    assert aloft.count() == 0


def test_most_ways_are_there() -> None:
    assert len(WAYS) >= (61 if is_there("beta.responses") else 50 if is_there("responses") else 31)


async def break_off(client: Any) -> None:
    async with inside(await settled(client.chat.completions.create(**CHAT, stream=True))) as stream:
        await first(stream)


async def break_off_events(client: Any) -> None:
    path = "chat.completions.stream" if is_there("chat.completions.stream") else "beta.chat.completions.stream"
    async with inside(attrgetter(path)(client)(**CHAT)) as stream:
        await first(stream)


async def close_unread(client: Any) -> None:
    await settled((await settled(client.chat.completions.create(**CHAT, stream=True))).close())


async def open_only(client: Any) -> None:
    async with inside(client.chat.completions.with_streaming_response.create(**CHAT)):
        pass


@of_each_client
@pytest.mark.parametrize("leave", [break_off, break_off_events, close_unread, open_only])
def test_what_is_left_unread_is_abandoned(told: Told, provider: Provider, leave: Ask, client: str) -> None:
    # Pieces apart, as what comes at once is heard at once.
    pieces = wire.chat_stream(["Hello ", "you"], model=MODEL).chunks or ()
    apart = [part for piece in pieces for part in (piece, 0.1)]
    provider.script(Answer(headers={"content-type": "text/event-stream"}, chunks=apart))
    run(provider, client, leave)
    span = told.only()
    assert facts(span)["dispatch.outcome.kind"] == "cancelled"
    assert facts(span)["dispatch.outcome.class"] == "abandoned"
    assert "dispatch.outcome.completion_tokens" not in facts(span)
    assert span.status.status_code is StatusCode.UNSET
    assert aloft.count() == 0


@of_each_client
def test_what_is_added_to_the_body_is_what_is_told(told: Told, provider: Provider, client: str) -> None:
    async def ask(client: Any) -> None:
        await settled(
            client.with_options(max_retries=0, timeout=9).chat.completions.create(
                **CHAT,
                extra_body={"model": "other", "thinking": {"type": "enabled"}, "models": ["other", "third"]},
                extra_headers={"x-mine": "secret"},
                extra_query={"key": "secret"},
            )
        )

    provider.script(wire.chat(model="third"))
    run(provider, client, ask)
    attributes = whole(told.only())
    assert provider.seen[0].headers["x-mine"] == "secret"
    assert provider.seen[0].path.endswith("?key=secret")
    assert attributes == record(
        provider,
        **{
            **WAYS[0].told,
            "gen_ai.request.model": "other",
            "gen_ai.response.model": "third",
            "dispatch.model": "other",
            "dispatch.mismatch": "model.served",
            "dispatch.provenance.model": "escalation_override",
            "dispatch.provenance.thinking": "unknown",
            "dispatch.thinking.mode": "enabled",
            "dispatch.thinking.enabled": True,
        },
    )
    assert "secret" not in repr(attributes)


@of_each_client
def test_each_attempt_is_a_span_with_its_count(told: Told, provider: Provider, client: str) -> None:
    async def ask(client: Any) -> None:
        assert (await settled(client.embeddings.create(**VECTORS))).data

    limit = wire.error("openai", 429, "requests", "rate_limit_exceeded", headers={"retry-after-ms": "1"})
    provider.script(limit, limit, embeddings(model=MODEL))
    run(provider, client, ask)
    found = [(facts(s)["dispatch.outcome.kind"], facts(s).get("http.request.resend_count")) for s in told.spans()]
    # The oldest say nothing of their retries.
    counts = (None, 1, 2) if "x-stainless-retry-count" in provider.seen[0].headers else (None,) * 3
    assert found == list(zip(("usage_limit", "usage_limit", "served"), counts, strict=True))


@of_each_client
def test_options_of_one_call_steer_its_retries(told: Told, provider: Provider, client: str) -> None:
    async def ask(client: Any) -> None:
        with pytest.raises(openai.RateLimitError):
            await settled(client.with_options(max_retries=0).completions.create(**TEXT))

    provider.script(wire.error("openai", 429, "insufficient_quota", "insufficient_quota"))
    run(provider, client, ask)
    assert facts(told.only())["dispatch.outcome.class"] == "quota"
    assert facts(told.only())["gen_ai.operation.name"] == "text_completion"


def test_the_client_of_the_module_is_one_too(told: Told, provider: Provider, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(openai, "base_url", f"{provider.url}/v1/")
    monkeypatch.setattr(openai, "api_key", "k")
    monkeypatch.setattr(openai, "_client", None)
    provider.script(wire.chat(model=MODEL), embeddings(model=MODEL))
    assert openai.chat.completions.create(**CHAT).model == openai.embeddings.create(**VECTORS).model == MODEL
    client: Any = openai._client
    client.close()
    assert [span.name for span in told.spans()] == [f"chat {MODEL}", f"embeddings {MODEL}"]
    assert whole(told.spans()[0]) == record(provider, **WAYS[0].told)


AZURE: list[tuple[str, dict[str, Any], Answer, str]] = [
    ("chat.completions.create", CHAT, wire.chat(model="gpt-4o-2024-11-20"), f"deployments/{MODEL}/chat/completions"),
    ("completions.create", TEXT, completion(model="gpt-4o-2024-11-20"), f"deployments/{MODEL}/completions"),
    ("embeddings.create", VECTORS, embeddings(model="gpt-4o-2024-11-20"), f"deployments/{MODEL}/embeddings"),
    ("responses.create", RESPONSE, wire.responses(model=MODEL), "responses"),
]


@of_each_client
@pytest.mark.parametrize(
    ("path", "asks", "answer", "sent"), [row for row in AZURE if is_there(row[0])], ids=lambda row: str(row)[:20]
)
@pytest.mark.parametrize("named", ["by the call", "by the client"])
def test_azures_deployments_are_named_and_no_mismatch(
    told: Told, provider: Provider, path: str, asks: Any, answer: Answer, sent: str, named: str, client: str
) -> None:
    async def ask(client: Any) -> None:
        assert (await settled(attrgetter(path)(client)(**asks))).model

    provider.script(answer)
    deployment = {} if named == "by the call" else {"azure_deployment": MODEL}
    options = {"azure_endpoint": provider.url, "api_key": "k", "api_version": "2026-01-01"}
    run_with(AZURES[client](**options, **deployment), ask)
    assert provider.seen[0].path.partition("?")[0].endswith(f"/openai/{sent}")
    attributes = whole(told.only())
    assert attributes["gen_ai.request.model"] == attributes["dispatch.model"] == MODEL
    assert attributes["dispatch.outcome.kind"] == "served"
    assert "dispatch.mismatch" not in attributes


@of_each_client
def test_azures_filter_stops_a_prompt_or_an_answer(told: Told, provider: Provider, client: str) -> None:
    async def ask(client: Any) -> None:
        with pytest.raises(openai.BadRequestError):
            await settled(client.chat.completions.create(**CHAT))
        assert await every(await settled(client.chat.completions.create(**CHAT, stream=True)))

    provider.script(azure_refusal(), azure_chat_stream(["so far"], model="gpt-4o", finish="content_filter"))
    options = {"azure_endpoint": provider.url, "api_key": "k", "api_version": "2026-01-01"}
    run_with(AZURES[client](**options), ask)
    refused, stopped = map(facts, told.spans())
    assert refused["dispatch.outcome.class"] == "content_filter"
    assert refused["error.type"] == "ResponsibleAIPolicyViolation"
    assert stopped["dispatch.outcome.kind"] == "served"
    assert stopped["gen_ai.response.finish_reasons"] == ("content_filter",)
    assert stopped["gen_ai.response.model"] == "gpt-4o"
    assert "dispatch.mismatch" not in stopped


def _through(name: str, base_url: str) -> Any:
    """The SDK's own way to a cloud, as an option of a client."""
    module: Any = importlib.import_module(f"openai.providers.{name}")
    if name == "vertex":
        return module.vertex(base_url=base_url, token_provider=lambda: "k")
    return module.bedrock(base_url=base_url, region="us-east-1", endpoint="mantle", api_key="k")


CLOUDS = {
    "bedrock": "/openai/v1",
    "vertex": "/v1/projects/p/locations/l/publishers/openai/v1",
}
if importlib.util.find_spec("openai.providers") and importlib.util.find_spec("openai.providers.vertex"):

    @of_each_client
    @pytest.mark.parametrize("cloud", list(CLOUDS))
    def test_responses_through_a_cloud_are_what_they_are_elsewhere(
        told: Told, provider: Provider, monkeypatch: pytest.MonkeyPatch, cloud: str, client: str
    ) -> None:
        async def ask(client: Any) -> None:
            assert (await settled(client.responses.create(**RESPONSE))).model == MODEL
            assert await every(await settled(client.responses.create(**RESPONSE, stream=True)))

        monkeypatch.setenv("DISPATCH_OTEL_PROVIDERS", f"127.0.0.1={cloud}")
        run_with(CLIENTS[client](provider=_through(cloud, provider.url + CLOUDS[cloud])), ask)
        assert [seen.path for seen in provider.seen] == [f"{CLOUDS[cloud]}/responses"] * 2
        once, streamed = map(whole, told.spans())
        assert (once["dispatch.provider"], once["dispatch.wire_format"]) == (cloud, "openai_responses")
        assert (once["gen_ai.request.stream"], streamed["gen_ai.request.stream"]) == (False, True)
        # Neither cloud's own format, and yet one that it is known to speak.
        assert "dispatch.mismatch" not in {*once, *streamed}


FILE: Any = ("a.jsonl", b"{}")
NO_CALLS: list[tuple[str, dict[str, Any]]] = [
    ("batches.create", {"input_file_id": "f", "endpoint": "/v1/chat/completions", "completion_window": "24h"}),
    ("batches.retrieve", {"batch_id": "b"}),
    ("files.create", {"file": FILE, "purpose": "batch"}),
    ("files.list", {}),
    ("models.list", {}),
    ("models.retrieve", {"model": MODEL}),
    ("moderations.create", {"input": "x", "model": "omni-moderation-latest"}),
    ("images.generate", {"prompt": "x", "model": "gpt-image-2"}),
    ("audio.speech.create", {"input": "x", "model": "tts-1", "voice": "alloy"}),
    ("audio.transcriptions.create", {"file": FILE, "model": "whisper-1"}),
    ("responses.retrieve", {"response_id": "r"}),
    ("responses.cancel", {"response_id": "r"}),
    ("responses.delete", {"response_id": "r"}),
    ("responses.input_items.list", {"response_id": "r"}),
    ("responses.input_tokens.count", {"model": MODEL, "input": "x"}),
    ("chat.completions.retrieve", {"completion_id": "c"}),
    ("chat.completions.update", {"completion_id": "c", "metadata": {}}),
    ("conversations.create", {}),
    ("fine_tuning.jobs.create", {"model": MODEL, "training_file": "f"}),
    ("beta.threads.create", {}),
    ("vector_stores.create", {}),
]


@of_each_client
@pytest.mark.parametrize(("path", "asks"), [row for row in NO_CALLS if is_there(row[0])], ids=lambda row: str(row)[:30])
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_what_asks_no_model_is_no_span(told: Told, provider: Provider, path: str, asks: Any, client: str) -> None:
    async def ask(client: Any) -> None:
        await settled(attrgetter(path)(client)(**asks))

    provider.script(Answer(headers={"content-type": "application/json"}, body=b'{"id":"x","data":[]}'))
    run(provider, client, ask)
    assert len(provider.seen) == 1
    assert told.spans() == []


async def begin_and_fetch(client: Any) -> None:
    begun = await settled(client.responses.create(**RESPONSE, background=True))
    assert (await settled(client.responses.retrieve(begun.id))).status == "completed"


@of_each_client
def test_a_response_that_runs_in_the_background_is_served_and_its_length_unknown(
    told: Told, provider: Provider, client: str
) -> None:
    provider.script(wire.responses("", model=MODEL, status="queued", usage=None), wire.responses(model=MODEL))
    run(provider, client, begin_and_fetch)
    response = next(way.told for way in WAYS if way.path == "responses.create")
    absent = [name for name in record(provider, **response) if "usage" in name or name.startswith("dispatch.outcome.c")]
    expected = {**response, **dict.fromkeys((*absent, "gen_ai.response.finish_reasons"))}
    assert whole(told.only()) == record(provider, **expected)


if not is_there("responses.retrieve"):
    del test_a_response_that_runs_in_the_background_is_served_and_its_length_unknown


LIBRARY: Any = importlib.import_module(openai.DefaultHttpxClient.__mro__[1].__module__.partition(".")[0])


class Transport(LIBRARY.HTTPTransport):  # type: ignore[misc]
    """A host's own transport."""


class AsyncTransport(LIBRARY.AsyncHTTPTransport):  # type: ignore[misc]
    """A host's own asynchronous transport."""


def _legacy() -> Any:
    import httpx

    return httpx


HTTP_CLIENTS: dict[str, tuple[str, Callable[[], Any]]] = {
    "default": ("sync", lambda: openai.DefaultHttpxClient(timeout=9)),
    "default-async": ("async", lambda: openai.DefaultAsyncHttpxClient(timeout=9)),
    "own-transport": ("sync", lambda: LIBRARY.Client(transport=Transport(retries=1))),
    "own-transport-async": ("async", lambda: LIBRARY.AsyncClient(transport=AsyncTransport(retries=1))),
    "httpx": ("sync", lambda: _legacy().Client()),
    "httpx-async": ("async", lambda: _legacy().AsyncClient()),
}
if hasattr(openai, "DefaultAioHttpClient") and importlib.util.find_spec("aiohttp") is not None:
    HTTP_CLIENTS["aiohttp"] = ("async", lambda: openai.DefaultAioHttpClient())


@pytest.mark.parametrize("name", list(HTTP_CLIENTS))
def test_whatever_client_carries_it_a_call_is_one_span(told: Told, provider: Provider, name: str) -> None:
    async def ask(client: Any) -> None:
        await settled(client.chat.completions.create(**CHAT))
        assert await every(await settled(client.chat.completions.create(**CHAT, stream=True)))

    async def go() -> None:
        async with inside(CLIENTS[client](base_url=f"{provider.url}/v1", api_key="k", http_client=make())) as opened:
            await ask(opened)

    client, make = HTTP_CLIENTS[name]
    provider.script(wire.chat(model=MODEL), wire.chat_stream(model=MODEL, usage=None))
    if client == "async":
        # An asynchronous client may want a running loop when it is made.
        asyncio.run(go())
    else:
        run(provider, client, ask, http_client=make())
    once, streamed = told.spans()
    assert whole(once) == record(provider, **WAYS[0].told)
    assert whole(streamed) == record(provider, **WAYS[1].told)


@of_each_client
def test_signatures_and_results_stay_what_they_were(told: Told, provider: Provider, client: str) -> None:
    async def ask(client: Any) -> None:
        answer = client.chat.completions.create(**CHAT)
        assert inspect.isawaitable(answer) == isinstance(client, openai.AsyncOpenAI)
        assert type(await settled(answer)).__name__ == "ChatCompletion"
        stream = await settled(client.chat.completions.create(**CHAT, stream=True))
        assert type(stream) in (openai.Stream, openai.AsyncStream)
        assert type(stream.response).__module__.partition(".")[0] == LIBRARY.__name__
        await every(stream)

    run(provider, client, ask)
    assert len(told.spans()) == 2


if is_there("decisions"):
    REFUSAL: dict[str, Any] = {"type": "refusal", "name": None}
    DECIDED = next(way.told for way in WAYS if way.path == "decisions.create")
    JSON, MALFORMED = {"content-type": "application/json"}, ("provider_error", "malformed_response")

    @of_each_client
    @pytest.mark.parametrize(
        ("answer", "end", "reasons"),
        [
            (decision(REFUSAL, PREDICATE, model=MODEL), ("served", None), None),
            (decision(REFUSAL, REFUSAL, model=MODEL), ("served", None), ("refusal",)),
            (Answer(200, JSON, b'{"answers":[],"model":"%b"}' % MODEL.encode()), MALFORMED, None),
            (wire.error("openai", 429, "requests", "rate_limit_exceeded"), ("usage_limit", "rate_limit"), None),
            (wire.error("openai", 400, "invalid_request_error"), ("provider_error", "bad_request"), None),
        ],
        ids=["some-declined", "all-declined", "none", "limit", "bad-request"],
    )
    def test_decisions_end_as_they_were_answered(
        told: Told, provider: Provider, client: str, answer: Answer, end: tuple[str, str | None], reasons: Any
    ) -> None:
        async def ask(client: Any) -> None:
            with suppress(openai.APIStatusError):
                assert (await settled(client.decisions.create(**QUESTIONS))).model == MODEL

        provider.script(answer)
        run(provider, client, ask, max_retries=0)
        span = told.only()
        assert span.name == f"decisions {MODEL}"
        assert (facts(span)["dispatch.outcome.kind"], facts(span).get("dispatch.outcome.class")) == end
        assert facts(span).get("gen_ai.response.finish_reasons") == reasons
        assert (span.status.status_code is StatusCode.ERROR) == (end[0] != "served")

    @of_each_client
    def test_each_choice_that_a_runner_of_actions_asks_for_is_a_dispatch(
        told: Told, provider: Provider, client: str
    ) -> None:
        runners = importlib.import_module("openai.lib.decisions_tool_runner")
        runner = {"sync": runners.DecisionsToolRunner, "async": runners.AsyncDecisionsToolRunner}[client]
        done: list[str] = []

        def here(value: Any) -> Any:
            async def later() -> Any:
                return value

            return value if client == "sync" else later()

        actions = [
            {"id": "look", "description": "Look.", "execute": lambda: here(done.append("look"))},
            {"id": "end", "description": "It is done.", "done": True},
        ]
        chosen = {"type": "choice", "name": "next_action", "confidence": 1.0, "probabilities": []}

        async def ask(client: Any) -> None:
            made = runner(observe=lambda: here("words"), candidates=lambda _: here(actions))
            assert (await settled(made.run(client, {"model": MODEL, "input": "go"})))["status"] == "unverified"

        provider.script(*(decision({**chosen, "choice": each["id"]}, model=MODEL) for each in actions))
        run(provider, client, ask, max_retries=0)
        assert done == ["look"]
        assert [whole(span) for span in told.spans()] == [record(provider, **DECIDED)] * 2
