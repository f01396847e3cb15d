"""Google's SDK, every public way, over every library that carries it: one dispatch a request, with a true record."""

import asyncio
import gc
from collections.abc import Callable, Coroutine
from contextlib import nullcontext, suppress
from typing import Any

import httpx
import pytest
from google.genai import errors, types
from google.oauth2.credentials import Credentials
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import SpanKind, StatusCode

from otel_dispatch.demo.provider import HANGUP, Answer, Provider
from otel_dispatch.outcome import outcome_of_exception
from tests.conftest import Told, eventually
from tests.sdks.google_genai_ways import (
    CLIENTS,
    HAS_DECISIONS,
    HAS_INLINE_BATCHES,
    HAS_INTERACTIONS,
    HAS_LEVELS,
    HI,
    MODEL,
    OPTIONS,
    QUESTIONS,
    WAYS,
    WORDS,
    Way,
    every,
    first,
    opened,
    settled,
    shut,
    with_client,
)
from tests.wires import gemini as wire

Ask = Callable[[Any], Coroutine[Any, Any, Any]]
TEXT = "".join(WORDS)
LIMIT = wire.failure(429, "RESOURCE_EXHAUSTED", "RATE_LIMIT_EXCEEDED", "secret words")

pytestmark = [
    # The SDK inherits from a class of aiohttp's, which aiohttp discourages; old versions warn of what is new in them.
    pytest.mark.filterwarnings("ignore:Inheritance class:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:(Interactions usage is|Async interactions client):UserWarning"),
]
of_each_client = pytest.mark.parametrize("client", CLIENTS)


def run(provider: Provider, client: str, ask: Ask, **options: Any) -> Any:
    """What *ask* gives, handed a client that asks *provider*."""
    with opened(provider, client, **options) as made:
        if client != "sync":
            return asyncio.run(with_client(made, client, ask))
        # A synchronous client has nothing to wait for, and no event loop around it.
        with pytest.raises(StopIteration) as done:
            with_client(made, client, ask).send(None)
        return done.value.value


def facts(span: ReadableSpan) -> dict[str, Any]:
    return dict(span.attributes or {})


def ends(told: Told) -> list[tuple[str, str | None]]:
    found = [facts(span) for span in told.spans()]
    return [(each["dispatch.outcome.kind"], each.get("dispatch.outcome.class")) for each in found]


def record(provider: Provider, **changes: Any) -> dict[str, Any]:
    found = {
        "gen_ai.operation.name": "generate_content",
        "gen_ai.provider.name": "local",
        "gen_ai.request.model": MODEL,
        "gen_ai.request.stream": False,
        "gen_ai.response.model": MODEL,
        "gen_ai.response.finish_reasons": ("STOP",),
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
        "dispatch.wire_format": "gemini",
        "dispatch.tool_format": "none",
        "dispatch.base_url_host": "127.0.0.1",
        "dispatch.thinking.mode": "provider_default",
        **{f"dispatch.provenance.{field}": "unknown" for field in ("provider", "model", "wire_format", "tool_format")},
        "dispatch.provenance.thinking": "catalog_default",
        "dispatch.inherited": False,
        "dispatch.inherited_fields": "",
        "dispatch.outcome.kind": "served",
        "dispatch.outcome.completion_tokens": 12,
        "dispatch.outcome.content_len": len(TEXT.encode()),
    }
    return {name: value for name, value in {**found, **changes}.items() if value is not None}


def test_a_call_is_one_span_with_the_whole_record(told: Told, provider: Provider) -> None:
    spent: Any = {"usage": (9, 12), "thought": "hm", "thought_tokens": 4, "cached": 3, "tool_tokens": 2}
    provider.script(wire.whole(wire.content("Héllo", model="gemini-2.5-flash-001", **spent)))
    config = {"thinking_config": {"thinking_budget": 512}, "max_output_tokens": 50, "tools": [{"google_search": {}}]}
    with opened(provider) as client:
        client.models.generate_content(**HI, config=config)
    span = told.only()
    attributes = facts(span)
    assert attributes.pop("gen_ai.response.id")
    assert attributes == record(
        provider,
        **{
            "gen_ai.request.max_tokens": 50,
            "gen_ai.response.model": "gemini-2.5-flash-001",
            "gen_ai.usage.input_tokens": 11,
            "gen_ai.usage.output_tokens": 16,
            "gen_ai.usage.cache_read.input_tokens": 3,
            "gen_ai.usage.reasoning.output_tokens": 4,
            "dispatch.tool_format": "native",
            "dispatch.thinking.mode": "enabled",
            "dispatch.thinking.enabled": True,
            "dispatch.thinking.budget_tokens": 512,
            "dispatch.provenance.thinking": "unknown",
            "dispatch.outcome.completion_tokens": 16,
            "dispatch.outcome.content_len": 6,
        },
    )
    assert (span.name, span.kind) == (f"generate_content {MODEL}", SpanKind.CLIENT)
    assert span.status.status_code is StatusCode.UNSET


@of_each_client
@pytest.mark.parametrize("way", WAYS.values(), ids=list(WAYS))
def test_every_way_is_one_span_with_the_whole_record(told: Told, provider: Provider, way: Way, client: str) -> None:
    provider.script(way.answer())
    assert run(provider, client, way.ask) == way.gives
    attributes = facts(told.only())
    is_embedding, is_interaction = way.operation == "embeddings", way.wire_format != "gemini"
    is_decision = way.operation == "decisions"
    assert bool(attributes.pop("gen_ai.response.id", None)) != (is_embedding or is_decision)
    assert bool(attributes.pop("gen_ai.response.time_to_first_chunk", None)) == way.stream
    changes: dict[str, Any] = {
        "gen_ai.operation.name": way.operation,
        "gen_ai.request.stream": way.stream,
        "dispatch.wire_format": way.wire_format,
    }
    if is_interaction:
        changes["gen_ai.response.finish_reasons"] = ("completed",)
    if is_embedding:
        untold = ("response.model", "response.finish_reasons", "usage.input_tokens", "usage.output_tokens")
        changes |= {f"gen_ai.{name}": None for name in untold}
        changes |= {"dispatch.outcome.completion_tokens": None, "dispatch.outcome.content_len": 0}
    if is_decision:
        changes |= {"gen_ai.response.model": None, "gen_ai.response.finish_reasons": None}
        changes |= {"gen_ai.usage.output_tokens": 0, "dispatch.outcome.completion_tokens": 0}
        changes |= {"dispatch.outcome.content_len": 0}
    assert attributes == record(provider, **changes)


@of_each_client
def test_each_request_of_a_loop_over_functions_is_a_dispatch(told: Told, provider: Provider, client: str) -> None:
    asked = []

    def read_file(path: str) -> str:
        """Read a file."""
        asked.append(path)
        return "words"

    async def ask(models: Any) -> str:
        config = types.GenerateContentConfig(tools=[read_file])
        return str((await settled(models.models.generate_content(**HI, config=config))).text)

    provider.script(wire.whole(wire.content("", model=MODEL, tool_calls=1)), wire.whole(wire.content(model=MODEL)))
    assert (run(provider, client, ask), asked) == ("Done.", ["step_1.md"])
    assert ends(told) == [("served", None)] * 2
    assert [facts(span)["dispatch.tool_format"] for span in told.spans()] == ["native", "native"]
    assert [facts(span)["dispatch.outcome.content_len"] for span in told.spans()] == [0, 5]


async def leave_by_closing(stream: Any) -> None:
    await first(stream)
    await shut(stream)


async def leave_by_dropping(stream: Any) -> None:
    async for _ in stream:
        break


@of_each_client
@pytest.mark.parametrize("leave", [leave_by_closing, leave_by_dropping])
def test_a_stream_that_is_left_is_abandoned(told: Told, provider: Provider, client: str, leave: Any) -> None:
    async def ask(models: Any) -> None:
        stream = await settled(models.models.generate_content_stream(**HI))
        if client == "sync" and leave is leave_by_dropping:
            for _ in stream:
                break
        else:
            await leave(stream)

    chunks = wire.streamed(*wire.contents(WORDS, model=MODEL)).chunks
    assert chunks is not None
    provider.script(wire.streamed(chunks[0], 0.2, *chunks[1:]))
    run(provider, client, ask)
    gc.collect()
    eventually(lambda: len(told.spans()) == 1)
    assert ends(told) == [("cancelled", "abandoned")]
    assert told.only().status.status_code is StatusCode.UNSET


def test_a_stream_that_nobody_asks_for_is_never_sent(told: Told, provider: Provider) -> None:
    with opened(provider) as client:
        client.models.generate_content_stream(**HI)
    gc.collect()
    assert (provider.seen, told.spans()) == ([], [])


FAILURES: list[tuple[Answer, type[Exception], tuple[str, str], str]] = [
    (wire.whole(LIMIT, 429), errors.ClientError, ("usage_limit", "rate_limit"), "RESOURCE_EXHAUSTED"),
    *(
        (wire.whole(wire.failure(status, word, reason), status), kind, ("provider_error", cls), reason or word)
        for status, word, reason, kind, cls in (
            (400, "INVALID_ARGUMENT", None, errors.ClientError, "bad_request"),
            (400, "INVALID_ARGUMENT", "API_KEY_INVALID", errors.ClientError, "auth"),
            (403, "PERMISSION_DENIED", None, errors.ClientError, "permission"),
            (404, "NOT_FOUND", None, errors.ClientError, "not_found"),
            (500, "INTERNAL", None, errors.ServerError, "server_error"),
            (503, "UNAVAILABLE", None, errors.ServerError, "overloaded"),
        )
    ),
]


@of_each_client
@pytest.mark.parametrize("name", ["generate_content", "generate_content_stream"])
@pytest.mark.parametrize(("answer", "error", "end", "code"), FAILURES)
def test_a_refusal_is_classed_and_its_text_is_not_told(
    told: Told, provider: Provider, name: str, client: str, answer: Answer, error: Any, end: Any, code: str
) -> None:
    provider.script(answer)

    async def ask(models: Any) -> errors.APIError:
        with pytest.raises(error) as raised:
            await WAYS[name].ask(models)
        assert isinstance(raised.value, errors.APIError)
        return raised.value

    raised = run(provider, client, ask)
    assert ends(told) == [end]
    span = told.only()
    assert (facts(span)["error.type"], span.status.status_code) == (code, StatusCode.ERROR)
    assert "secret" not in repr(facts(span))
    outcome = outcome_of_exception(raised)
    # The SDK does not keep why an argument was invalid.
    assert (outcome.kind, outcome.cls) == (end if end[1] != "auth" else ("provider_error", "bad_request"))


@of_each_client
@pytest.mark.parametrize("name", ["generate_content", "generate_content_stream"])
def test_a_blocked_prompt_is_an_error_and_a_blocked_answer_is_no_empty_completion(
    told: Told, provider: Provider, name: str, client: str
) -> None:
    way = WAYS[name]
    answer = wire.streamed if way.stream else wire.whole
    provider.script(answer(wire.blocked("SAFETY", model=MODEL)), answer(wire.content("", model=MODEL, finish="SAFETY")))

    async def ask(models: Any) -> None:
        for _ in range(2):
            await way.ask(models)

    run(provider, client, ask)
    assert ends(told) == [("provider_error", "content_filter"), ("served", None)]
    blocked, stopped = map(facts, told.spans())
    assert blocked["error.type"] == "SAFETY"
    assert stopped["gen_ai.response.finish_reasons"] == ("SAFETY",)


@of_each_client
def test_an_error_inside_a_stream_beats_its_status_200(told: Told, provider: Provider, client: str) -> None:
    provider.script(wire.streamed(wire.content("so f", model=MODEL, finish=None), wire.failure(503, "UNAVAILABLE")))

    async def ask(models: Any) -> None:
        # Old versions do not notice.
        with suppress(errors.ServerError):
            await every(models.models.generate_content_stream(**HI))

    run(provider, client, ask)
    assert ends(told) == [("provider_error", "overloaded")]


def test_who_reads_by_lines_may_leave_before_the_blank_one(told: Told, provider: Provider) -> None:
    event = wire.streamed(wire.failure(503, "UNAVAILABLE")).chunks[0]  # type: ignore[index]
    assert isinstance(event, bytes)
    provider.script(wire.streamed(event[:-1], 5.0, event[-1:]))
    url = f"{provider.url}/v1beta/models/{MODEL}:streamGenerateContent?alt=sse"
    with httpx.Client() as client, client.stream("POST", url, json={}) as response:
        assert next(response.iter_bytes()) == event[:-1]
    assert ends(told) == [("provider_error", "overloaded")]


@of_each_client
@pytest.mark.parametrize("name", ["generate_content", "generate_content_stream"])
def test_a_lost_connection_is_a_connection_error(told: Told, provider: Provider, name: str, client: str) -> None:
    begun = wire.streamed(wire.content("so f", model=MODEL, finish=None), HANGUP)
    provider.script(*([begun] if WAYS[name].stream else [Answer(drop=True)] * 2))

    async def ask(models: Any) -> str:
        with pytest.raises(Exception, match=r".") as raised:
            await WAYS[name].ask(models)
        return type(raised.value).__module__.partition(".")[0]

    assert run(provider, client, ask) in {"httpx", "httpx2", "aiohttp"}
    # Over aiohttp the SDK asks once more by itself.
    times = 2 if client == "aiohttp" and not WAYS[name].stream else 1
    assert ends(told) == [("provider_error", "connection")] * times


THOUGHTS: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({"thinking_budget": 0}, {"mode": "off", "enabled": False}),
    ({"thinking_budget": -1, "include_thoughts": True}, {"mode": "adaptive", "enabled": True}),
    ({"thinking_budget": 99}, {"mode": "enabled", "enabled": True, "budget_tokens": 99}),
    ({"include_thoughts": False}, {"mode": "provider_default"}),
]
if HAS_LEVELS:
    THOUGHTS.append(({"thinking_level": "HIGH"}, {"mode": "effort", "enabled": True, "level": "high"}))


@pytest.mark.parametrize(("config", "expected"), THOUGHTS)
def test_the_thinking_config_is_told_as_it_was_sent(
    told: Told, provider: Provider, config: dict[str, Any], expected: dict[str, Any]
) -> None:
    provider.script(wire.whole(wire.content(model=MODEL)))
    with opened(provider) as client:
        client.models.generate_content(**HI, config={"thinking_config": config})
    start = "dispatch.thinking."
    assert {k[len(start) :]: v for k, v in facts(told.only()).items() if k.startswith(start)} == expected


def test_what_one_call_sends_otherwise_is_what_is_told(told: Told, provider: Provider) -> None:
    extra: dict[str, Any] = {}
    if "extra_body" in OPTIONS:
        extra["extra_body"] = {"generationConfig": {"thinkingConfig": {"thinkingBudget": 0}, "maxOutputTokens": 7}}
    http = {"base_url": provider.url, "headers": {"x-secret": "secret words"}, **extra}
    provider.script(wire.whole(wire.content(model=MODEL)))
    with opened(provider, http_options={"base_url": "http://127.0.0.1:9"}) as client:
        client.models.generate_content(**HI, config={"max_output_tokens": 5, "http_options": http})
    attributes = facts(told.only())
    assert (attributes["server.port"], attributes["gen_ai.request.max_tokens"]) == (provider.port, 7 if extra else 5)
    assert attributes["dispatch.thinking.mode"] == ("off" if extra else "provider_default")
    assert provider.seen[0].headers["x-secret"] == "secret words"
    assert "secret" not in repr(attributes)


PROJECT = {"project": "p", "location": "us-central1", "credentials": Credentials("token")}
VERTEX: list[tuple[dict[str, Any], str, str]] = [
    ({**PROJECT, "api_key": None}, MODEL, MODEL),
    ({**PROJECT, "api_key": None}, "projects/p/locations/us-central1/endpoints/42", "endpoints/42"),
]
if "extra_body" in OPTIONS:
    VERTEX.append(({}, MODEL, MODEL))


@of_each_client
@pytest.mark.parametrize(("options", "asked", "model"), VERTEX)
def test_vertex_is_heard_the_same(
    told: Told, provider: Provider, client: str, options: Any, asked: str, model: str
) -> None:
    provider.script(wire.whole(wire.content(model=MODEL)), wire.streamed(*wire.contents(["a"], model=MODEL)))

    async def ask(models: Any) -> None:
        await settled(models.models.generate_content(model=asked, contents="hi"))
        await every(models.models.generate_content_stream(model=asked, contents="hi"))

    run(provider, client, ask, vertexai=True, **options)
    assert [span.name for span in told.spans()] == [f"generate_content {model}"] * 2
    assert ends(told) == [("served", None)] * 2
    assert all("dispatch.mismatch" not in facts(span) for span in told.spans())


@of_each_client
def test_the_predictions_that_vertex_embeds_by_are_embeddings(told: Told, provider: Provider, client: str) -> None:
    provider.script(wire.whole(wire.predictions(9)))

    async def ask(models: Any) -> None:
        answer = await settled(models.models.embed_content(model="text-embedding-005", contents="hi"))
        assert answer.embeddings[0].values == [0.5]

    run(provider, client, ask, vertexai=True, **{**PROJECT, "api_key": None})
    assert provider.seen[0].path.endswith("text-embedding-005:predict")
    attributes = facts(told.only())
    assert told.only().name == "embeddings text-embedding-005"
    assert (attributes["dispatch.wire_format"], attributes["gen_ai.usage.input_tokens"]) == ("unknown", 9)
    assert ends(told) == [("served", None)]


@of_each_client
def test_what_asks_no_model_is_no_dispatch(told: Told, provider: Provider, client: str) -> None:
    async def ask(models: Any) -> None:
        await settled(models.models.count_tokens(**HI))
        await settled(models.models.list())
        await settled(models.caches.create(model=MODEL, config={"contents": "hi"}))
        if HAS_INLINE_BATCHES:
            await settled(models.batches.create(model=MODEL, src=[{"contents": "hi"}]))

    provider.script(*[wire.whole({"name": "x", "totalTokens": 3})] * 4)
    run(provider, client, ask)
    assert told.spans() == []


if "retry_options" in OPTIONS:

    @of_each_client
    def test_each_attempt_of_the_sdks_own_retry_is_a_dispatch(told: Told, provider: Provider, client: str) -> None:
        provider.script(wire.whole(LIMIT, 429), WAYS["generate_content"].answer())
        retry = {"attempts": 2, "initial_delay": 0.01, "jitter": 0}
        run(provider, client, WAYS["generate_content"].ask, http_options={"retry_options": retry})
        assert ends(told) == [("usage_limit", "rate_limit"), ("served", None)]


if HAS_INTERACTIONS:

    @of_each_client
    def test_an_interaction_in_the_background_is_not_malformed(told: Told, provider: Provider, client: str) -> None:
        running = wire.interaction("", agent="deep-research", status="in_progress", usage=None)
        provider.script(wire.whole(running), wire.whole({**running, "status": "completed"}))

        async def ask(models: Any) -> None:
            made = await settled(models.interactions.create(agent="deep-research", input="hi", background=True))
            await settled(models.interactions.get(made.id))

        run(provider, client, ask)
        assert (told.only().name, ends(told)) == ("generate_content deep-research", [("served", None)])
        assert "dispatch.outcome.content_len" not in facts(told.only())

    @of_each_client
    def test_a_stream_of_an_interaction_that_nobody_reads_is_abandoned(
        told: Told, provider: Provider, client: str
    ) -> None:
        provider.script(WAYS["interactions_stream"].answer())

        async def ask(models: Any) -> None:
            await shut(await settled(models.interactions.create(model=MODEL, input="hi", stream=True)))

        run(provider, client, ask)
        gc.collect()
        eventually(lambda: len(told.spans()) == 1)
        assert ends(told) == [("cancelled", "abandoned")]


if HAS_DECISIONS:
    from google.genai import _interactions

    @of_each_client
    @pytest.mark.parametrize(
        ("body", "status", "end"),
        [
            (wire.undecided("prohibited_content"), 200, ("provider_error", "content_filter")),
            ({}, 200, ("provider_error", "malformed_response")),
            (LIMIT, 429, ("usage_limit", "rate_limit")),
            (wire.failure(404, "NOT_FOUND"), 404, ("provider_error", "not_found")),
        ],
        ids=["blocked", "empty", "limit", "not-found"],
    )
    def test_decisions_that_are_not_made_say_why(
        told: Told, provider: Provider, client: str, body: Any, status: int, end: tuple[str, str]
    ) -> None:
        async def ask(models: Any) -> None:
            with pytest.raises(_interactions.APIStatusError) if status >= 300 else nullcontext():
                assert not (await settled(models.decisions.create(**QUESTIONS))).answers

        provider.script(wire.whole(body, status))
        run(provider, client, ask, http_options={"retry_options": {"attempts": 1}})
        assert (told.only().name, ends(told)) == (f"decisions {MODEL}", [end])
