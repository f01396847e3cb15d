"""Anthropic's SDK, every public way: one dispatch for each request, on its own span or on ours, with a true record."""

import asyncio
import inspect
from collections.abc import Callable, Coroutine
from typing import Any

import anthropic
import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import SpanKind, StatusCode

from otel_dispatch import aloft
from otel_dispatch.demo import provider as wire
from otel_dispatch.demo.provider import Provider
from tests.conftest import Told
from tests.either import first, inside, settled, until
from tests.sdks.anthropic_ways import ASK, HAS_SPANS, HI, MODEL, OPTIONS, WAYS, Way, is_there

CLIENTS = {"sync": anthropic.Anthropic, "async": anthropic.AsyncAnthropic}
SPANS = ("ours", "theirs") if HAS_SPANS else ("ours",)

of_each_client = pytest.mark.parametrize("client", list(CLIENTS))
on_each_span = pytest.mark.parametrize("span", SPANS)

Ask = Callable[[Any], Coroutine[Any, Any, Any]]


def run(told: Told, provider: Provider, client: str, span: str, ask: Ask, **options: Any) -> None:
    """Have *ask* use a client whose calls are told on *ours* or on *theirs*."""
    if HAS_SPANS:
        options["open_telemetry"] = {"tracer_provider": told.tracer_provider} if span == "theirs" else False

    async def go() -> None:
        async with inside(CLIENTS[client](base_url=provider.url, api_key="k", **options)) as opened:
            await ask(opened)

    if client == "async":
        asyncio.run(go())
        return
    # A synchronous client has nothing to wait for, and no event loop around it.
    with pytest.raises(StopIteration):
        go().send(None)


def facts(span: ReadableSpan) -> dict[str, Any]:
    return dict(span.attributes or {})


def ours(span: ReadableSpan) -> dict[str, Any]:
    """What of a span's attributes only we write."""
    return {name: value for name, value in facts(span).items() if name.startswith("dispatch.")}


def is_theirs(span: ReadableSpan) -> bool:
    scope = span.instrumentation_scope
    return scope is not None and scope.name == "com.anthropic.sdk.python"


def record(text: str = f"Hello from {MODEL}.", tool_format: str = "none", **changes: Any) -> dict[str, Any]:
    found = {
        "dispatch.kind": "llm_call",
        "dispatch.provider": "local",
        "dispatch.model": MODEL,
        "dispatch.wire_format": "anthropic_native",
        "dispatch.tool_format": tool_format,
        "dispatch.base_url_host": "127.0.0.1",
        "dispatch.thinking.mode": "provider_default",
        **{f"dispatch.provenance.{field}": "unknown" for field in ("provider", "model", "wire_format", "tool_format")},
        "dispatch.provenance.thinking": "catalog_default",
        "dispatch.inherited": False,
        "dispatch.inherited_fields": "",
        "dispatch.outcome.kind": "served",
        "dispatch.outcome.completion_tokens": 12,
        "dispatch.outcome.content_len": len(text),
    }
    return {name: value for name, value in {**found, **changes}.items() if value is not None}


def test_a_call_is_one_span_with_the_whole_record(told: Told, provider: Provider) -> None:
    async def ask(client: Any) -> None:
        assert (await settled(client.messages.create(**ASK))).model == MODEL

    run(told, provider, "async", "ours", ask)
    span = told.only()
    attributes = facts(span)
    assert attributes.pop("gen_ai.response.id").startswith("msg_")
    assert attributes == {
        **record(),
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "local",
        "gen_ai.request.model": MODEL,
        "gen_ai.request.max_tokens": 99,
        "gen_ai.request.stream": False,
        "gen_ai.response.model": MODEL,
        "gen_ai.response.finish_reasons": ("end_turn",),
        "gen_ai.usage.input_tokens": 9,
        "gen_ai.usage.output_tokens": 12,
        "gen_ai.usage.cache_read.input_tokens": 0,
        "gen_ai.usage.cache_write.input_tokens": 0,
        "peer.service": "local",
        "service.peer.name": "local",
        "server.address": "127.0.0.1",
        "server.port": provider.port,
        "http.response.status_code": 200,
    }
    assert (span.name, span.kind, span.status.status_code) == (f"chat {MODEL}", SpanKind.CLIENT, StatusCode.UNSET)


@of_each_client
@on_each_span
@pytest.mark.filterwarnings("ignore:The 'output_format' parameter is deprecated:DeprecationWarning")
@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.name)
def test_every_way_is_one_span(told: Told, provider: Provider, way: Way, span: str, client: str) -> None:
    answers = list(way.answers())
    provider.script(*answers)
    run(told, provider, client, span, way.go)
    assert len(provider.seen) == 1
    text = {"text": '{"degrees": 21}'} if answers else {}
    assert ours(told.only()) == record(**text)
    assert is_theirs(told.only()) == (span == "theirs")
    assert facts(told.only())["http.response.status_code"] == 200
    assert (facts(told.only()).get("gen_ai.request.stream") or False) == way.is_stream
    assert aloft.count() == 0


async def break_off(client: Any) -> None:
    async with inside(await settled(client.messages.create(**ASK, stream=True))) as stream:
        await first(stream)


async def break_off_text(client: Any) -> None:
    async with inside(client.messages.stream(**ASK)) as stream:
        await first(stream.text_stream)


async def close_unread(client: Any) -> None:
    await settled((await settled(client.messages.create(**ASK, stream=True))).close())


async def enter_only(client: Any) -> None:
    async with inside(client.messages.stream(**ASK)):
        pass


async def read_some_lines(client: Any) -> None:
    async with inside(client.messages.with_streaming_response.create(**ASK, stream=True)) as response:
        await until(response.iter_lines(), "text_delta")


async def open_only(client: Any) -> None:
    async with inside(client.messages.with_streaming_response.create(**ASK)):
        pass


@of_each_client
@pytest.mark.parametrize(
    ("leave", "span", "length"),
    [
        *((leave, span, None) for leave in (break_off, close_unread, enter_only, open_only) for span in SPANS),
        *((read_some_lines, span, 6) for span in SPANS),
        *((break_off_text, span, 6) for span in SPANS),
    ],
)
def test_what_is_left_unread_is_abandoned_with_what_was_heard(
    told: Told, provider: Provider, leave: Ask, span: str, length: int | None, client: str
) -> None:
    if leave is not open_only:
        # Pieces apart, as what comes at once is heard at once.
        pieces = wire.messages_stream(["Hello ", "you"], model=MODEL).chunks or ()
        apart = [part for piece in pieces for part in (piece, 0.1)]
        provider.script(wire.Answer(headers={"content-type": "text/event-stream"}, chunks=apart))
    run(told, provider, client, span, leave)
    abandoned = {"dispatch.outcome.kind": "cancelled", "dispatch.outcome.class": "abandoned"}
    heard = {"dispatch.outcome.completion_tokens": None, "dispatch.outcome.content_len": length}
    found = ours(told.only())
    # The SDK may end its span before it closes the response, and so before the length can be told.
    if span == "theirs" and "dispatch.outcome.content_len" not in found:
        heard["dispatch.outcome.content_len"] = None
    assert found == record(**abandoned, **heard)
    assert told.only().status.status_code is not StatusCode.ERROR
    assert aloft.count() == 0


@on_each_span
@of_each_client
def test_a_stream_that_is_never_entered_sends_nothing(told: Told, provider: Provider, span: str, client: str) -> None:
    async def ask(client: Any) -> None:
        manager = client.messages.stream(**ASK)
        # An asynchronous one holds a coroutine, which would complain that nobody awaited it.
        for held in filter(inspect.iscoroutine, vars(manager).values()):
            held.close()

    run(told, provider, client, span, ask)
    assert (provider.seen, told.spans(), aloft.count()) == ([], [], 0)


def content(path: str) -> str:
    """What stands in a file."""
    return f"Nothing is in {path}."


async def acontent(path: str) -> str:
    """What stands in a file."""
    return content(path)


def tool_of(client: Any) -> Any:
    """A tool that a client's runner runs."""
    if isinstance(client, anthropic.AsyncAnthropic):
        return anthropic.beta_async_tool(acontent, name="read_file")
    return anthropic.beta_tool(content, name="read_file")


async def run_tools(client: Any) -> None:
    runner = client.beta.messages.tool_runner(**ASK, tools=[tool_of(client)])
    assert (await settled(runner.until_done())).content


async def stream_tools(client: Any) -> None:
    runner = client.beta.messages.tool_runner(**ASK, tools=[tool_of(client)], stream=True)
    for stream in [turn async for turn in runner] if hasattr(runner, "__aiter__") else runner:
        await settled(stream.until_done())


if is_there("beta.messages.tool_runner"):

    @of_each_client
    @on_each_span
    @pytest.mark.parametrize(("ask", "answer"), [(run_tools, wire.messages), (stream_tools, wire.messages_stream)])
    def test_each_turn_of_a_tool_runner_is_a_call_of_its_own(
        told: Told, provider: Provider, ask: Ask, answer: Callable[..., Any], span: str, client: str
    ) -> None:
        provider.script(answer(model=MODEL, tool_calls=1), answer(model=MODEL))
        run(told, provider, client, span, ask)
        calls = [each for each in told.spans() if facts(each).get("gen_ai.operation.name") == "chat"]
        # Newer runners continue a thread, which holds the tools that it began with: they are not sent again.
        formats = ["unknown" if "continue" in str(sent.json.get("thread")) else "native" for sent in provider.seen]
        assert formats[0] == "native"
        assert [ours(each) for each in calls] == [record("Done.", sent) for sent in formats]
        assert [is_theirs(each) for each in calls] == [span == "theirs"] * 2


async def rest_on_a_thread(client: Any) -> None:
    thread = client.beta.messages.thread(**ASK, tools=[{"name": "f", "input_schema": {"type": "object"}}])
    await settled(thread.send())
    await settled(thread.send())
    async with inside(thread.stream({"role": "user", "content": "more"})) as stream:
        await settled(stream.until_done())


if is_there("beta.messages.thread"):

    @of_each_client
    @on_each_span
    def test_each_turn_of_a_thread_is_a_call_also_one_without_a_message(
        told: Told, provider: Provider, span: str, client: str
    ) -> None:
        provider.script(wire.messages("Done.", model=MODEL, stop="pause_turn"))
        run(told, provider, client, span, rest_on_a_thread)
        assert [len(sent.json["messages"]) for sent in provider.seen] == [1, 0, 1]
        # The server holds the tools of a thread that is continued.
        texts = [("Done.", "native"), (f"Hello from {MODEL}.", "unknown"), (f"Hello from {MODEL}.", "unknown")]
        assert [ours(each) for each in told.spans()] == [record(text, sent) for text, sent in texts]


THINKING: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({}, {"mode": "provider_default"}),
    ({"thinking": {"type": "enabled", "budget_tokens": 9}}, {"mode": "enabled", "enabled": True, "budget_tokens": 9}),
    ({"thinking": {"type": "disabled"}}, {"mode": "off", "enabled": False}),
    ({"thinking": {"type": "adaptive"}}, {"mode": "adaptive", "enabled": True}),
    ({"thinking": {"type": "between_tools"}}, {"mode": "between_tools", "enabled": True}),
    ({"output_config": {"effort": "low"}}, {"mode": "effort", "level": "low"}),
    ({"thinking": {"type": "adaptive"}, "output_config": {"effort": "max"}},
     {"mode": "adaptive", "enabled": True, "level": "max"}),
    ({"thinking": {"type": "disabled"}, "output_config": {"effort": "low"}},
     {"mode": "off", "enabled": False, "level": "low"}),
]  # fmt: skip
KNOWN = inspect.signature(anthropic.resources.Messages.create).parameters


@on_each_span
@pytest.mark.parametrize("is_extra", [False, True])
@pytest.mark.parametrize(("sent", "mode"), THINKING)
def test_the_thinking_is_the_one_that_was_sent(
    told: Told, provider: Provider, sent: dict[str, Any], mode: dict[str, Any], is_extra: bool, span: str
) -> None:
    # What a version has no argument for goes the way that its users would send it.
    extra = {name: value for name, value in sent.items() if is_extra or name not in KNOWN}

    async def ask(client: Any) -> None:
        known = {name: value for name, value in sent.items() if name not in extra}
        await settled(client.messages.create(**ASK, **known, **({"extra_body": extra} if extra else {})))

    run(told, provider, "sync", span, ask)
    found = ours(told.only())
    assert {name.removeprefix("dispatch.thinking."): found[name] for name in found if ".thinking." in name} == mode
    assert found["dispatch.provenance.thinking"] == ("unknown" if sent else "catalog_default")


@of_each_client
@on_each_span
def test_what_extra_body_says_is_what_was_sent(told: Told, provider: Provider, span: str, client: str) -> None:
    async def ask(client: Any) -> None:
        override = {"model": "claude-haiku-9", "max_tokens": 5, "thinking": {"type": "disabled"}}
        await settled(client.messages.create(**ASK, extra_body=override))

    run(told, provider, client, span, ask)
    off = {
        "dispatch.thinking.mode": "off",
        "dispatch.thinking.enabled": False,
        "dispatch.provenance.thinking": "unknown",
    }
    assert ours(told.only()) == record("Hello from claude-haiku-9.", **{"dispatch.model": "claude-haiku-9", **off})


@of_each_client
@on_each_span
def test_options_of_a_call_change_nothing_but_where_it_goes(
    told: Told, provider: Provider, span: str, client: str
) -> None:
    async def ask(client: Any) -> None:
        elsewhere = client.with_options(base_url=f"http://localhost:{provider.port}", max_retries=0)
        await settled(elsewhere.messages.create(**ASK))

    run(told, provider, client, span, ask)
    assert ours(told.only()) == record(**{"dispatch.base_url_host": "localhost"})


@of_each_client
@on_each_span
def test_a_request_below_the_methods_is_a_call_too(told: Told, provider: Provider, span: str, client: str) -> None:
    async def ask(client: Any) -> None:
        assert await settled(client.post("/v1/messages", body=ASK, cast_to=dict[str, Any]))

    run(told, provider, client, span, ask)
    assert ours(told.only()) == record()
    # The SDK has spans for its methods only.
    assert not is_theirs(told.only())


async def pass_on(request: Any, call_next: Any) -> Any:
    return await call_next(request)


def pass_on_at_once(request: Any, call_next: Any) -> Any:
    return call_next(request)


def ask_twice_at_once(request: Any, call_next: Any) -> Any:
    call_next(request)
    return call_next(request)


async def ask_twice(request: Any, call_next: Any) -> Any:
    await call_next(request)
    return await call_next(request)


MIDDLEWARE = [
    ("sync", pass_on_at_once, 1),
    ("async", pass_on, 1),
    ("sync", ask_twice_at_once, 2),
    ("async", ask_twice, 2),
]


if "middleware" in OPTIONS:

    @on_each_span
    @pytest.mark.parametrize(("client", "between", "times"), MIDDLEWARE)
    def test_each_request_of_a_middleware_is_a_call(
        told: Told, provider: Provider, client: str, between: Any, times: int, span: str
    ) -> None:
        async def ask(client: Any) -> None:
            await settled(client.messages.create(**ASK))

        run(told, provider, client, span, ask, middleware=[between])
        assert (len(provider.seen), [ours(each) for each in told.spans()]) == (times, [record()] * times)
        # The SDK's own span is told of the first that was served; one more is no retry of it.
        assert [is_theirs(each) for each in told.spans()] == [*[False] * (times - 1), span == "theirs"]
        assert told.points("dispatch.calls")[_CALL] == times


_CALL = (
    ("dispatch.inherited", False),
    ("dispatch.kind", "llm_call"),
    ("dispatch.model", MODEL),
    ("dispatch.outcome.kind", "served"),
    ("dispatch.provider", "local"),
)


async def count(client: Any) -> None:
    await settled(client.messages.count_tokens(model=MODEL, messages=HI))


async def count_beta(client: Any) -> None:
    await settled(client.beta.messages.count_tokens(model=MODEL, messages=HI))


async def batch(client: Any) -> None:
    await settled(client.messages.batches.create(requests=[{"custom_id": "a", "params": ASK}]))


async def list_models(client: Any) -> None:
    await settled(client.models.list())


async def complete(client: Any) -> None:
    prompt = {"model": MODEL, "max_tokens_to_sample": 9, "prompt": "\n\nHuman: hi\n\nAssistant:"}
    await settled(client.completions.create(**prompt))


OTHERS = {
    "messages.count_tokens": count,
    "beta.messages.count_tokens": count_beta,
    "messages.batches": batch,
    "models": list_models,
    "completions": complete,
}


@of_each_client
@on_each_span
@pytest.mark.parametrize("ask", [ask for path, ask in OTHERS.items() if is_there(path)])
def test_what_asks_no_model_now_is_no_call(told: Told, provider: Provider, ask: Ask, span: str, client: str) -> None:
    provider.script(wire.Answer(headers={"content-type": "application/json"}, body=b'{"data": []}'))
    run(told, provider, client, span, ask)
    assert len(provider.seen) == 1
    assert [each for each in told.spans() if ours(each)] == []
    assert told.points("dispatch.calls") == {}


@of_each_client
@on_each_span
@pytest.mark.parametrize("status", [429, 529])
def test_an_attempt_that_is_retried_is_a_call_of_its_own(
    told: Told, provider: Provider, status: int, span: str, client: str
) -> None:
    code = {429: "rate_limit_error", 529: "overloaded_error"}[status]
    refused = wire.error("anthropic", status, code, None, "secret", headers={"retry-after-ms": "1"})
    provider.script(refused, refused)

    async def ask(client: Any) -> None:
        await settled(client.messages.create(**ASK))

    run(told, provider, client, span, ask)
    first, last = told.spans()[0], told.spans()[-1]
    assert ours(last) == record()
    assert facts(last)["http.request.resend_count"] == 2
    assert facts(last)["http.response.status_code"] == 200
    assert "error.type" not in facts(last)
    if span == "theirs":
        assert first is last
    else:
        assert [facts(each).get("http.request.resend_count") for each in told.spans()] == [None, 1, 2]
        failed = {429: ("usage_limit", "rate_limit"), 529: ("provider_error", "overloaded")}[status]
        assert (ours(first)["dispatch.outcome.kind"], ours(first)["dispatch.outcome.class"]) == failed
        assert (facts(first)["error.type"], first.status.status_code) == (code, StatusCode.ERROR)
    assert sum(told.points("dispatch.calls").values()) == 3
    assert "secret" not in repr([facts(each) for each in told.spans()])


ERRORS = [
    (400, "invalid_request_error", "BadRequestError", "provider_error", "bad_request"),
    (401, "authentication_error", "AuthenticationError", "provider_error", "auth"),
    (402, "billing_error", "PaymentRequiredError", "usage_limit", "billing"),
    (403, "permission_error", "PermissionDeniedError", "provider_error", "permission"),
    (404, "not_found_error", "NotFoundError", "provider_error", "not_found"),
    (408, "timeout_error", "RequestTimeoutError", "provider_error", "timeout"),
    (409, "invalid_request_error", "ConflictError", "provider_error", "bad_request"),
    (413, "request_too_large", "ContentTooLargeError", "provider_error", "bad_request"),
    (422, "invalid_request_error", "UnprocessableEntityError", "provider_error", "bad_request"),
    (429, "rate_limit_error", "RateLimitError", "usage_limit", "rate_limit"),
    (500, "api_error", "InternalServerError", "provider_error", "server_error"),
    (503, "overloaded_error", "InternalServerError", "provider_error", "overloaded"),
    (504, "timeout_error", "InternalServerError", "provider_error", "timeout"),
    (529, "overloaded_error", "OverloadedError", "provider_error", "overloaded"),
]


@of_each_client
@on_each_span
@pytest.mark.parametrize("is_stream", [False, True])
@pytest.mark.parametrize(("status", "code", "error", "kind", "cls"), ERRORS)
def test_a_refusal_is_the_sdks_exception_and_our_outcome(
    told: Told, provider: Provider, status: int, code: str, error: str, kind: str, cls: str, is_stream: bool,
    span: str, client: str,
) -> None:  # fmt: skip
    provider.script(wire.error("anthropic", status, code, None, "secret 429 quota"))
    # Older versions have no exception of its own for each status.
    expected = getattr(anthropic, error, anthropic.APIStatusError)

    async def ask(client: Any) -> None:
        with pytest.raises(expected) as raised:
            await settled(client.messages.create(**ASK, stream=is_stream))
        assert raised.value.status_code == status

    run(told, provider, client, span, ask, max_retries=0)
    failed = {"dispatch.outcome.kind": kind, "dispatch.outcome.class": cls}
    absent = {"dispatch.outcome.completion_tokens": None, "dispatch.outcome.content_len": None}
    assert ours(told.only()) == record(**failed, **absent)
    assert facts(told.only())["http.response.status_code"] == status
    assert facts(told.only())["error.type"] == code
    assert told.only().status.status_code is StatusCode.ERROR
    assert "secret" not in repr(facts(told.only()))


@of_each_client
@on_each_span
@pytest.mark.parametrize(
    ("code", "kind", "cls"),
    [
        ("overloaded_error", "provider_error", "overloaded"),
        ("rate_limit_error", "usage_limit", "rate_limit"),
        ("api_error", "provider_error", "server_error"),
        ("a_new_one", "provider_error", "unknown"),
    ],
)
def test_an_error_within_a_stream_is_an_error_whatever_its_status(
    told: Told, provider: Provider, code: str, kind: str, cls: str, span: str, client: str
) -> None:
    chunks = list(wire.messages_stream(["Hel", "lo"], model=MODEL).chunks or ())[:4]
    refusal = {"type": "error", "error": {"type": code, "message": "secret 429 quota"}}
    chunks.append(wire.event("error", refusal))
    provider.script(wire.Answer(headers={"content-type": "text/event-stream"}, chunks=chunks))

    async def ask(client: Any) -> None:
        with pytest.raises(anthropic.APIStatusError) as raised:
            async with inside(client.messages.stream(**ASK)) as stream:
                await settled(stream.until_done())
        assert raised.value.status_code == 200

    run(told, provider, client, span, ask)
    failed = {"dispatch.outcome.kind": kind, "dispatch.outcome.class": cls}
    absent = {"dispatch.outcome.completion_tokens": None, "dispatch.outcome.content_len": None}
    assert ours(told.only()) == record(**failed, **absent)
    assert facts(told.only())["error.type"] == code
    assert "secret" not in repr(facts(told.only()))
