"""Model calls through aiohttp against a local server: one span each, told by what the host itself reads."""

import asyncio
import gc
import inspect
import io
import json
import warnings
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator
from contextlib import suppress
from dataclasses import replace
from typing import Any

import aiohttp
import pytest
from opentelemetry.trace import SpanKind, StatusCode
from yarl import URL

from otel_dispatch import aiostream, context
from otel_dispatch.demo import provider as wire
from otel_dispatch.demo.provider import Provider
from otel_dispatch.outcome import outcome_of_exception
from tests.conftest import Told, eventually

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


@pytest.fixture(autouse=True)
def no_stream_stays_overheard() -> Iterator[None]:
    yield
    gc.collect()
    assert aiostream._bodies == {}


def test_a_call_is_one_span_with_the_whole_record(told: Told, provider: Provider) -> None:
    provider.script(wire.chat("Hello.", model="m-2026-01-02", usage=(11, 7), reasoning_tokens=3, cached_tokens=4))

    async def call(session: aiohttp.ClientSession, url: str) -> Any:
        async with session.post(f"{url}?key=secret", json={**BODY, "reasoning_effort": "high"}) as response:
            return await response.json()

    assert run(provider, call)["choices"][0]["message"]["content"] == "Hello."
    span = told.only()
    attributes = dict(span.attributes or {})
    assert attributes.pop("gen_ai.response.id")
    assert attributes == {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "local",
        "gen_ai.request.model": "m",
        "gen_ai.request.reasoning.level": "high",
        "gen_ai.request.stream": False,
        "gen_ai.response.model": "m-2026-01-02",
        "gen_ai.response.finish_reasons": ("stop",),
        "gen_ai.usage.input_tokens": 11,
        "gen_ai.usage.output_tokens": 7,
        "gen_ai.usage.cache_read.input_tokens": 4,
        "gen_ai.usage.reasoning.output_tokens": 3,
        "peer.service": "local",
        "service.peer.name": "local",
        "server.address": "127.0.0.1",
        "server.port": provider.port,
        "http.response.status_code": 200,
        "openai.api.type": "chat_completions",
        "dispatch.kind": "llm_call",
        "dispatch.provider": "local",
        "dispatch.model": "m",
        "dispatch.wire_format": "openai_compat",
        "dispatch.tool_format": "none",
        "dispatch.base_url_host": "127.0.0.1",
        "dispatch.thinking.mode": "effort",
        "dispatch.thinking.enabled": True,
        "dispatch.thinking.level": "high",
        "dispatch.provenance.provider": "unknown",
        "dispatch.provenance.model": "unknown",
        "dispatch.provenance.wire_format": "unknown",
        "dispatch.provenance.thinking": "unknown",
        "dispatch.provenance.tool_format": "unknown",
        "dispatch.inherited": False,
        "dispatch.inherited_fields": "",
        "dispatch.outcome.kind": "served",
        "dispatch.outcome.completion_tokens": 7,
        "dispatch.outcome.content_len": 6,
    }
    assert (span.name, span.kind, span.status.status_code) == ("chat m", SpanKind.CLIENT, StatusCode.UNSET)


async def by_read_exactly(response: aiohttp.ClientResponse) -> bytes:
    with pytest.raises(asyncio.IncompleteReadError) as caught:
        await response.content.readexactly(1_000_000)
    return caught.value.partial


async def by_reading(read: Callable[[], Awaitable[bytes]]) -> bytes:
    found = b""
    while piece := await read():
        found += piece
    return found


async def by_nowait(response: aiohttp.ClientResponse) -> bytes:
    found = b""
    while not response.content.at_eof():
        found += response.content.read_nowait()
        await asyncio.sleep(0.01)
    return found


async def by_putting_back(response: aiohttp.ClientResponse) -> bytes:
    with warnings.catch_warnings(action="ignore"):
        response.content.unread_data(await response.content.read(8))
    return await response.content.read()


async def joined(pieces: AsyncIterator[bytes]) -> bytes:
    return b"".join([piece async for piece in pieces])


async def by_chunks(response: aiohttp.ClientResponse) -> bytes:
    return b"".join([piece async for piece, _ in response.content.iter_chunks()])


async def by_text(response: aiohttp.ClientResponse) -> bytes:
    return (await response.text()).encode()


READERS: dict[str, Callable[[aiohttp.ClientResponse], Awaitable[bytes]]] = {
    "response.read": lambda response: response.read(),
    "response.text": by_text,
    "read": lambda response: response.content.read(),
    "read some": lambda response: by_reading(lambda: response.content.read(7)),
    "readany": lambda response: by_reading(response.content.readany),
    "readline": lambda response: by_reading(response.content.readline),
    "readuntil": lambda response: by_reading(lambda: response.content.readuntil(b"}")),
    "readexactly": by_read_exactly,
    "read_nowait": by_nowait,
    "unread_data": by_putting_back,
    "iter_any": lambda response: joined(response.content.iter_any()),
    "iter_chunked": lambda response: joined(response.content.iter_chunked(5)),
    "iter_chunks": by_chunks,
    "lines": lambda response: joined(response.content),
}


@pytest.mark.parametrize("packing", ["plain", "gzip", "left packed"])
@pytest.mark.parametrize("reader", READERS)
def test_every_way_to_read_is_overheard(told: Told, provider: Provider, reader: str, packing: str) -> None:
    provider.script(replace(wire.chat_stream(["a", "bc"], model="m", usage=(3, 9)), gzip=packing != "plain"))

    async def call(session: aiohttp.ClientSession, url: str) -> bytes:
        if reader == "response.text" and packing == "left packed":
            async with session.post(url, json=STREAM) as response:
                return (await response.text("latin-1")).encode("latin-1")
        async with session.post(url, json=STREAM) as response:
            return await READERS[reader](response)

    read = run(provider, call, auto_decompress=packing != "left packed")
    assert (b"[DONE]" in read) is (packing != "left packed")
    attributes = told.only().attributes or {}
    assert attributes["dispatch.outcome.kind"] == "served"
    assert attributes["dispatch.outcome.content_len"] == 3
    assert attributes["gen_ai.usage.output_tokens"] == 9


@pytest.mark.parametrize("reader", READERS)
def test_a_whole_body_is_read_as_a_whole_however_it_is_taken(told: Told, provider: Provider, reader: str) -> None:
    provider.script(wire.chat("Hello.", model="m", usage=(3, 9)))

    async def call(session: aiohttp.ClientSession, url: str) -> bytes:
        async with session.post(url, json=BODY) as response:
            return await READERS[reader](response)

    assert b"Hello." in run(provider, call)
    attributes = told.only().attributes or {}
    assert (attributes["dispatch.outcome.kind"], attributes["dispatch.outcome.content_len"]) == ("served", 6)


def test_what_the_network_has_brought_and_the_host_has_not_read_is_not_heard(told: Told, provider: Provider) -> None:
    provider.script(wire.chat_stream(["a", "b"], model="m"))

    async def call(session: aiohttp.ClientSession, url: str) -> None:
        async with session.post(url, json=STREAM) as response:
            while not response.content.is_eof():
                await asyncio.sleep(0.01)
            assert told.spans() == []
            await response.content.readline()
            assert told.spans() == []

    run(provider, call)
    assert outcome(told) == ("cancelled", "abandoned")


def test_the_last_event_ends_the_call_before_the_host_has_it(told: Told, provider: Provider) -> None:
    provider.script(wire.chat_stream(["a", "b"], model="m"))

    async def call(session: aiohttp.ClientSession, url: str) -> list[int]:
        async with session.post(url, json=STREAM) as response:
            return [len(told.spans()) async for piece in response.content.iter_any() if b"[DONE]" in piece]

    assert run(provider, call) == [1]


BODIES: dict[str, Callable[[], dict[str, Any]]] = {
    "json": lambda: {"json": BODY},
    "bytes": lambda: {"data": json.dumps(BODY).encode()},
    "text": lambda: {"data": json.dumps(BODY)},
    "bytearray": lambda: {"data": bytearray(json.dumps(BODY).encode())},
    "a file in memory": lambda: {"data": io.BytesIO(json.dumps(BODY).encode())},
    "text in memory": lambda: {"data": io.StringIO(json.dumps(BODY))},
    "a payload": lambda: {"data": aiohttp.JsonPayload(BODY)},
    "compressed": lambda: {"json": BODY, "compress": "gzip"},
}


@pytest.mark.parametrize("body", BODIES)
def test_a_body_is_read_in_whichever_form_it_is_given(told: Told, provider: Provider, body: str) -> None:
    async def call(session: aiohttp.ClientSession, url: str) -> None:
        async with session.post(url, **BODIES[body]()) as response:
            await response.read()

    run(provider, call)
    assert (told.only().attributes or {})["gen_ai.request.model"] == "m"
    assert body == "compressed" or provider.seen[0].json == BODY


def test_a_sessions_own_serialiser_is_called_once_and_its_bytes_are_read(told: Told, provider: Provider) -> None:
    seen = []

    def dumps(value: Any) -> str:
        seen.append(value)
        return json.dumps({**value, "model": "as-serialised"})

    async def call(session: aiohttp.ClientSession, url: str) -> None:
        async with session.post(url, json=BODY) as response:
            await response.read()

    run(provider, call, json_serialize=dumps)
    assert seen == [BODY]
    assert told.only().name == "chat as-serialised"


@pytest.mark.parametrize(
    "address",
    [
        lambda url: url,
        lambda url: f"{url}?x=1#part",
        lambda url: URL(url),
        lambda url: URL(url).with_query(x="1"),
    ],
)
def test_an_address_is_taken_in_every_form(told: Told, provider: Provider, address: Callable[[str], Any]) -> None:
    async def call(session: aiohttp.ClientSession, url: str) -> None:
        async with session.request("post", address(url), json=BODY) as response:
            await response.read()

    run(provider, call)
    assert told.only().name == "chat m"


def test_a_session_with_a_base_address_is_watched(told: Told, provider: Provider) -> None:
    async def call(session: aiohttp.ClientSession, _: str) -> None:
        async with session.post(PATH, json=BODY) as response:
            await response.read()

    run(provider, call, base_url=provider.url)
    assert (told.only().attributes or {})["server.port"] == provider.port


def test_the_bare_function_is_watched(told: Told, provider: Provider) -> None:
    async def main() -> None:
        async with aiohttp.request("POST", f"{provider.url}{PATH}", json=BODY) as response:
            await response.read()

    asyncio.run(main())
    assert outcome(told) == ("served", None)


def test_what_is_no_model_call_keeps_its_very_coroutine_and_stream(told: Told, provider: Provider) -> None:
    provider.script(wire.Answer(body=b"{}"), wire.Answer(body=b"{}"))

    async def call(session: aiohttp.ClientSession, _: str) -> list[Any]:
        watched = session._request("POST", f"{provider.url}{PATH}", json=BODY)
        plain = session._request("POST", f"{provider.url}/v1/other", json=BODY)
        code: list[Any] = []
        for coroutine in (watched, plain):
            assert inspect.iscoroutine(coroutine)
            code.append(coroutine.cr_code.co_filename)
        watched.close()
        async with await plain as response:
            code.append(type(response.content) is aiohttp.StreamReader)
            await response.read()
        async with session.get(f"{provider.url}/healthz") as response:
            await response.read()
        return code

    with warnings.catch_warnings(action="ignore"):
        ours, theirs, is_plain = run(provider, call)
    assert "otel_dispatch" in ours
    assert "otel_dispatch" not in theirs
    assert is_plain
    assert told.spans() == []


def test_the_host_gets_its_own_objects_which_are_as_they_were_once_read(told: Told, provider: Provider) -> None:
    async def call(session: aiohttp.ClientSession, url: str) -> None:
        async with (
            session.post(f"{provider.url}/v1/other", json=BODY) as plain,
            session.post(url, json=BODY) as response,
        ):
            assert type(response) is aiohttp.ClientResponse
            assert set(vars(response)) == set(vars(plain))
            stream = response.content
            assert isinstance(stream, aiohttp.StreamReader)
            assert type(stream).__name__ == "StreamReader"
            assert repr(stream).startswith("<StreamReader")
            before = repr(type(stream))
            await response.read()
            assert response.content is stream
            assert type(stream) is aiohttp.StreamReader
            assert repr(type(stream)) == before

    run(provider, call)
    assert outcome(told) == ("served", None)


def test_a_redirect_is_part_of_the_same_call(told: Told, provider: Provider) -> None:
    provider.script(wire.Answer(status=307, headers={"location": f"{PATH}?again=1"}), wire.chat("ok", model="m"))

    async def call(session: aiohttp.ClientSession, url: str) -> int:
        async with session.post(url, json=BODY) as response:
            await response.read()
            return len(response.history)

    assert run(provider, call) == 1
    assert len(provider.seen) == 2
    assert outcome(told) == ("served", None)


def test_too_many_redirects_are_told_by_the_last_answer(told: Told, provider: Provider) -> None:
    provider.script(*[wire.Answer(status=307, headers={"location": PATH})] * 2)

    async def call(session: aiohttp.ClientSession, url: str) -> None:
        with pytest.raises(aiohttp.TooManyRedirects):
            await session.post(url, json=BODY, max_redirects=2)

    run(provider, call)
    assert (told.only().attributes or {})["http.response.status_code"] == 307
    assert outcome(told) == ("provider_error", "unknown")


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


def test_a_stream_outlives_its_response(told: Told, provider: Provider) -> None:
    provider.script(wire.chat_stream(["a", "b"], model="m"))

    async def opened(session: aiohttp.ClientSession, url: str) -> aiohttp.StreamReader:
        return (await session.post(url, json=STREAM)).content

    async def call(session: aiohttp.ClientSession, url: str) -> bytes:
        stream = await opened(session, url)
        while not stream.is_eof():
            await asyncio.sleep(0.01)
        gc.collect()
        return await stream.read()

    assert b"[DONE]" in run(provider, call)
    assert outcome(told) == ("served", None)


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


def test_a_read_that_is_given_up_and_taken_up_again_is_no_end(told: Told, provider: Provider) -> None:
    provider.script(pausing(0.4))

    async def call(session: aiohttp.ClientSession, url: str) -> None:
        async with session.post(url, json=STREAM) as response:
            await response.content.readline()
            with pytest.raises(asyncio.TimeoutError):
                await asyncio.wait_for(response.content.readuntil(b"[DONE]"), 0.1)
            assert told.spans() == []
            await response.read()

    run(provider, call)
    assert outcome(told) == ("served", None)


def test_a_body_may_be_read_in_another_task(told: Told, provider: Provider) -> None:
    provider.script(pausing(0.1))

    async def call(session: aiohttp.ClientSession, url: str) -> bytes:
        response = await session.post(url, json=STREAM)
        return await asyncio.create_task(response.read())

    assert b"[DONE]" in run(provider, call)
    assert outcome(told) == ("served", None)


def test_calls_at_the_same_time_are_a_span_each(told: Told, provider: Provider) -> None:
    async def call(session: aiohttp.ClientSession, url: str) -> None:
        async def one(body: dict[str, Any]) -> None:
            async with session.post(url, json=body) as response:
                assert await response.read()

        await asyncio.gather(*(one(body) for body in [{"model": "w"}, {"model": "s", "stream": True}] * 5))

    run(provider, call)
    kinds = [(span.name, (span.attributes or {})["dispatch.outcome.kind"]) for span in told.spans()]
    assert sorted(kinds) == [("chat s", "served")] * 5 + [("chat w", "served")] * 5


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


def test_requests_of_hooks_within_a_call_are_none_of_its_own(told: Told, provider: Provider) -> None:
    provider.script(wire.Answer(body=b"{}"), wire.chat("ok", model="m"))

    async def call(session: aiohttp.ClientSession, url: str) -> None:
        async def fetch_a_token(*_: Any) -> None:
            async with aiohttp.ClientSession() as other, other.post(f"{provider.url}/token", data=b"{}") as response:
                await response.read()

        hooks = aiohttp.TraceConfig()
        hooks.on_request_start.append(fetch_a_token)
        async with aiohttp.ClientSession(trace_configs=[hooks]) as hooked, hooked.post(url, json=BODY) as response:
            await response.read()

    run(provider, call)
    assert [seen.path for seen in provider.seen] == ["/token", PATH]
    assert outcome(told) == ("served", None)


def test_within_a_call_that_is_observed_another_layer_opens_no_second(told: Told, provider: Provider) -> None:
    token = context.attach(context.with_frame(context.IN_FLIGHT))

    async def call(session: aiohttp.ClientSession, url: str) -> None:
        async with session.post(url, json=BODY) as response:
            assert type(response.content) is aiohttp.StreamReader
            await response.read()

    try:
        run(provider, call)
    finally:
        context.detach(token)
    assert told.spans() == []


def test_what_never_left_is_no_call(told: Told, provider: Provider) -> None:
    async def call(session: aiohttp.ClientSession, url: str) -> None:
        with pytest.raises(TypeError):
            await session.post(url, json={"model": object()})
        with pytest.raises(ValueError):
            await session.post(url, json=BODY, data=b"{}")
        with suppress(aiohttp.InvalidURL):
            await session.post("http:///v1/chat/completions", json=BODY)
        await session.close()
        with pytest.raises(RuntimeError):
            await session.post(url, json=BODY)

    run(provider, call)
    assert (told.spans(), provider.seen) == ([], [])


def test_a_form_is_no_model_call(told: Told, provider: Provider) -> None:
    async def call(session: aiohttp.ClientSession, _: str) -> None:
        async with session.post(f"{provider.url}/v1/messages", data={"content": "of a chat server"}) as response:
            await response.read()

    run(provider, call)
    assert told.spans() == []


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
