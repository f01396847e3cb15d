"""How a call ends, whoever carries it: once, with the truth about what was heard."""

import asyncio
import gc
import json
import os
import subprocess
import sys
import textwrap
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import anthropic
import httpx
import httpx2
import openai
import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import StatusCode

from otel_dispatch import aloft
from otel_dispatch.demo import provider as wire
from otel_dispatch.demo.provider import HANGUP, Answer, Provider
from tests.conftest import Told, eventually
from tests.either import begun, every, inside, settled, until

HI: Any = [{"role": "user", "content": "hi"}]
EVENTS = {"content-type": "text/event-stream"}


def facts(span: ReadableSpan) -> dict[str, Any]:
    return dict(span.attributes or {})


def outcome(span: ReadableSpan) -> dict[str, Any]:
    """What a span says of how the call ended."""
    prefix = "dispatch.outcome."
    return {name.removeprefix(prefix): value for name, value in facts(span).items() if name.startswith(prefix)}


class Plain:
    """The body of a response without an SDK, read and closed as the SDKs' streams are."""

    def __init__(self, response: Any) -> None:
        self.response, self.close = response, response.close

    def __iter__(self) -> Any:
        return self.response.iter_bytes()


class AsyncPlain:
    def __init__(self, response: Any) -> None:
        self.response, self.close = response, response.aclose

    def __aiter__(self) -> Any:
        return self.response.aiter_bytes()


@dataclass(frozen=True)
class Carrier:
    """Who streams a call; ``is_theirs`` where the SDK has a span of its own for it."""

    name: str
    is_async: bool = False
    is_theirs: bool = False

    @property
    def speaks(self) -> str:
        """Whose format it speaks."""
        return "anthropic" if self.name == "anthropic" else "openai"

    @asynccontextmanager
    async def open(self, provider: Provider, told: Told) -> AsyncIterator[Callable[[], Awaitable[Any]]]:
        """What sends the request and gives the stream of its answer."""
        if self.name == "anthropic":
            native: Any = {"tracer_provider": told.tracer_provider} if self.is_theirs else False
            kind: Any = anthropic.AsyncAnthropic if self.is_async else anthropic.Anthropic
            made = kind(base_url=provider.url, api_key="k", max_retries=0, open_telemetry=native)
        elif self.name == "openai":
            kind = openai.AsyncOpenAI if self.is_async else openai.OpenAI
            made = kind(base_url=f"{provider.url}/v1", api_key="k", max_retries=0)
        else:
            library = {"httpx": httpx, "httpx2": httpx2}[self.name]
            made = library.AsyncClient() if self.is_async else library.Client()
        async with inside(made) as client:
            yield lambda: self._send(client, provider)

    async def _send(self, client: Any, provider: Provider) -> Any:
        if self.name == "anthropic":
            return await settled(client.messages.create(model="m", max_tokens=9, messages=HI, stream=True))
        if self.name == "openai":
            return await settled(client.chat.completions.create(model="m", messages=HI, stream=True))
        body = {"model": "m", "messages": HI, "stream": True}
        request = client.build_request("POST", f"{provider.url}/v1/chat/completions", json=body)
        response = await settled(client.send(request, stream=True))
        return (AsyncPlain if self.is_async else Plain)(response)

    def answer(self, *parts: Any) -> Answer:
        """A streamed answer: its first text, *parts*, the rest of it."""
        stream = wire.messages_stream if self.speaks == "anthropic" else wire.chat_stream
        pieces = list(stream(["Hel", "lo"], model="m", usage=(9, 12)).chunks or ())
        after = next(at for at, piece in enumerate(pieces) if b"Hel" in piece) + 1
        rest = [] if parts and parts[-1] is None else pieces[after:]
        return Answer(headers=EVENTS, chunks=[*pieces[:after], *filter(None, parts), *rest])

    def refusal(self) -> bytes:
        """An error in the middle of a stream."""
        if self.speaks == "anthropic":
            return wire.event("error", {"type": "error", "error": {"type": "overloaded_error", "message": "secret"}})
        return wire.event(None, {"error": {"code": "server_is_overloaded", "message": "secret"}})


CARRIERS = [
    Carrier(name, is_async, is_theirs)
    for name, is_theirs in (
        ("openai", False),
        ("anthropic", False),
        ("anthropic", True),
        ("httpx", False),
        ("httpx2", False),
    )
    for is_async in (False, True)
]


def of(carriers: list[Carrier]) -> Any:
    ids = [f"{c.name}{'-theirs' * c.is_theirs}-{'async' if c.is_async else 'sync'}" for c in carriers]
    return pytest.mark.parametrize("carrier", carriers, ids=ids)


def live(told: Told, provider: Provider, carrier: Carrier, life: Callable[[Any], Awaitable[None]]) -> None:
    """Open a stream by *carrier* and have *life* lead it to its end, of which it leaves no name here."""

    async def go() -> None:
        async with carrier.open(provider, told) as send:
            await life(send)

    if carrier.is_async:
        asyncio.run(go())
    else:
        with pytest.raises(StopIteration):
            go().send(None)


def ended(told: Told) -> ReadableSpan:
    """The one span, with nothing left open."""
    eventually(lambda: aloft.count() == 0 and bool(told.spans()))
    return told.only()


async def read(send: Any) -> None:
    assert await every(await send())


async def break_off_and_close(send: Any) -> None:
    stream = await send()
    await until(begun(stream), "Hel")
    await settled(stream.close())


async def break_off_and_drop(send: Any) -> None:
    stream = await send()
    passing = begun(stream)
    await until(passing, "Hel")
    del stream, passing
    gc.collect()


async def leave_in_a_circle(send: Any) -> None:
    stream = await send()
    passing = begun(stream)
    await until(passing, "Hel")
    circle: list[Any] = [stream, passing]
    circle.append(circle)
    del stream, passing, circle
    gc.collect()


async def close_unread(send: Any) -> None:
    await settled((await send()).close())


async def close_thrice(send: Any) -> None:
    stream = await send()
    await until(begun(stream), "Hel")
    for _ in range(3):
        await settled(stream.close())


async def drop_unread(send: Any) -> None:
    await send()
    gc.collect()


async def read_then_close(send: Any) -> None:
    stream = await send()
    assert await every(stream)
    await settled(stream.close())
    gc.collect()


ABANDONED = {"kind": "cancelled", "class": "abandoned"}
# Anthropic's SDK may end its span before it closes the body below, and so before the length can be told.
ENDED_BEFORE = (break_off_and_close, break_off_and_drop, leave_in_a_circle, close_thrice)
LIVES = [
    (read, 5),
    (read_then_close, 5),
    (break_off_and_close, 3),
    (break_off_and_drop, 3),
    (leave_in_a_circle, 3),
    (close_thrice, 3),
    (close_unread, None),
    (drop_unread, None),
]


@of(CARRIERS)
@pytest.mark.parametrize(("life", "length"), LIVES)
def test_a_stream_ends_once_with_what_was_heard(
    told: Told, provider: Provider, carrier: Carrier, life: Any, length: int | None
) -> None:
    provider.script(carrier.answer(0.2))
    live(told, provider, carrier, life)
    span = ended(told)
    if length == 5:
        assert outcome(span) == {"kind": "served", "completion_tokens": 12, "content_len": 5}
        assert facts(span)["gen_ai.usage.output_tokens"] == 12
    else:
        found = outcome(span)
        if length is not None and not (carrier.is_theirs and life in ENDED_BEFORE and "content_len" not in found):
            assert found.pop("content_len") == length
        assert found == ABANDONED
        assert "gen_ai.usage.output_tokens" not in facts(span)
    assert span.status.status_code is not StatusCode.ERROR
    assert sum(told.points("dispatch.calls").values()) == 1


@of(CARRIERS)
@pytest.mark.parametrize("passed", [0, 1])
def test_a_connection_lost_on_the_way_is_a_connection_error(
    told: Told, provider: Provider, carrier: Carrier, passed: int
) -> None:
    whole = carrier.answer(HANGUP, None)
    provider.script(whole if passed else replace(whole, chunks=[HANGUP]))

    async def life(send: Any) -> None:
        with pytest.raises(Exception) as raised:
            await every(await send())
        assert type(raised.value).__module__.partition(".")[0] in ("httpx", "httpx2", "openai", "anthropic")

    live(told, provider, carrier, life)
    assert outcome(ended(told)) == {"kind": "provider_error", "class": "connection"}
    assert "RemoteProtocolError" in facts(told.only())["error.type"] or carrier.is_theirs
    assert told.only().status.status_code is StatusCode.ERROR


@of(CARRIERS)
def test_a_stream_that_just_stops_is_malformed(told: Told, provider: Provider, carrier: Carrier) -> None:
    provider.script(carrier.answer(None))

    async def life(send: Any) -> None:
        assert await every(await send())

    live(told, provider, carrier, life)
    assert outcome(ended(told)) == {"kind": "provider_error", "class": "malformed_response"}


@of(CARRIERS)
def test_an_error_event_ends_a_stream(told: Told, provider: Provider, carrier: Carrier) -> None:
    provider.script(carrier.answer(carrier.refusal(), None))

    async def life(send: Any) -> None:
        if carrier.name.startswith("httpx"):
            assert await every(await send())
        else:
            with pytest.raises((openai.APIError, anthropic.APIError)):
                await every(await send())

    live(told, provider, carrier, life)
    assert outcome(ended(told)) == {"kind": "provider_error", "class": "overloaded"}
    assert "secret" not in repr((facts(told.only()), told.only().events, told.only().status.description))


@of([carrier for carrier in CARRIERS if carrier.is_async])
@pytest.mark.parametrize("is_waiting", [True, False])
def test_a_task_that_is_cancelled_leaves_a_cancelled_call(
    told: Told, provider: Provider, carrier: Carrier, is_waiting: bool
) -> None:
    provider.script(replace(carrier.answer(9.0), delay=9.0 if is_waiting else 0))
    begins = asyncio.Event()

    async def life(send: Any) -> None:
        async def use() -> None:
            if is_waiting:
                begins.set()
            stream = await send()
            async for item in stream:
                if "Hel" in str(item):
                    begins.set()

        task = asyncio.create_task(use())
        await begins.wait()
        while is_waiting and not provider.seen:
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.05)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    live(told, provider, carrier, life)
    heard = {} if is_waiting else {"content_len": 3}
    assert outcome(ended(told)) == {"kind": "cancelled", "class": "cancelled", **heard}
    assert told.only().status.status_code is not StatusCode.ERROR


@of([carrier for carrier in CARRIERS if carrier.is_async])
def test_a_deadline_around_a_stream_leaves_a_cancelled_call(told: Told, provider: Provider, carrier: Carrier) -> None:
    provider.script(carrier.answer(9.0))

    async def life(send: Any) -> None:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.3):
                await every(await send())

    live(told, provider, carrier, life)
    assert outcome(ended(told)) == {"kind": "cancelled", "class": "cancelled", "content_len": 3}


@of([carrier for carrier in CARRIERS if carrier.is_async])
@pytest.mark.parametrize("is_read", [True, False])
def test_another_task_may_end_a_stream(told: Told, provider: Provider, carrier: Carrier, is_read: bool) -> None:
    provider.script(carrier.answer(0.1))

    async def life(send: Any) -> None:
        stream = await asyncio.create_task(send())
        passing = begun(stream)
        await asyncio.create_task(until(passing, "Hel"))
        if is_read:
            await asyncio.create_task(every(passing))
        else:
            await asyncio.create_task(settled(passing.aclose()))
            await asyncio.create_task(settled(stream.close()))

    live(told, provider, carrier, life)
    assert outcome(ended(told))["kind"] == ("served" if is_read else "cancelled")
    assert sum(told.points("dispatch.calls").values()) == 1


def in_a_thread(work: Callable[[], object]) -> None:
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()


@of([carrier for carrier in CARRIERS if not carrier.is_async])
@pytest.mark.parametrize("way", ["read", "close", "drop"])
def test_another_thread_may_end_a_stream(told: Told, provider: Provider, carrier: Carrier, way: str) -> None:
    provider.script(carrier.answer(0.1))

    async def life(send: Any) -> None:
        kept = [await send()]
        kept.append(begun(kept[0]))
        await until(kept[1], "Hel")
        if way == "read":
            in_a_thread(lambda: list(kept[1]))
        elif way == "close":
            in_a_thread(kept[0].close)
        else:
            in_a_thread(lambda: (kept.clear(), gc.collect()))

    live(told, provider, carrier, life)
    assert outcome(ended(told))["kind"] == ("served" if way == "read" else "cancelled")
    assert sum(told.points("dispatch.calls").values()) == 1


@of([carrier for carrier in CARRIERS if not carrier.is_async])
def test_threads_that_race_to_end_a_stream_end_it_once(told: Told, provider: Provider, carrier: Carrier) -> None:
    provider.script(carrier.answer(0.1))

    async def life(send: Any) -> None:
        stream = await send()
        await until(begun(stream), "Hel")
        start = threading.Barrier(4)
        threads = [threading.Thread(target=lambda: (start.wait(), stream.close())) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    live(told, provider, carrier, life)
    assert outcome(ended(told))["kind"] == "cancelled"
    assert sum(told.points("dispatch.calls").values()) == 1


EXITS = {
    "sync": """
        import {sdk}
        client = {sdk}.{kind}()
        stream = client.{ask}
        for item in stream:
            if "Hel" in str(item):
                break
    """,
    "async": """
        import asyncio, {sdk}
        async def main():
            global stream
            client = {sdk}.Async{kind}()
            stream = await client.{ask}
            async for item in stream:
                if "Hel" in str(item):
                    break
        asyncio.run(main())
    """,
    "a thread": """
        import threading, {sdk}
        def use():
            client = {sdk}.{kind}()
            for item in client.{ask}:
                if "Hel" in str(item):
                    heard.set()
        heard = threading.Event()
        threading.Thread(target=use, daemon=True).start()
        heard.wait()
    """,
    "SystemExit": """
        import sys, {sdk}
        client = {sdk}.{kind}()
        stream = client.{ask}
        for item in stream:
            if "Hel" in str(item):
                sys.exit(3)
    """,
    "a signal": """
        import signal, sys, {sdk}
        signal.signal(signal.SIGALRM, lambda *_: sys.exit(3))
        client = {sdk}.{kind}()
        stream = client.{ask}
        for item in stream:
            if "Hel" in str(item):
                signal.setitimer(signal.ITIMER_REAL, 0.2)
    """,
}
SDKS = {
    "openai": ("OpenAI", 'chat.completions.create(model="m", messages=HI, stream=True)'),
    "anthropic": ("Anthropic", 'messages.create(model="m", max_tokens=9, messages=HI, stream=True)'),
}


@pytest.mark.parametrize("sdk", SDKS)
@pytest.mark.parametrize("way", EXITS)
def test_an_exit_ends_an_open_stream_once_with_what_was_heard(
    provider: Provider, tmp_path: Path, sdk: str, way: str
) -> None:
    provider.script(Carrier(sdk).answer(9.0))
    kind, ask = SDKS[sdk]
    code = textwrap.dedent(EXITS[way]).format(sdk=sdk, kind=kind, ask=ask)
    record = tmp_path / "records.jsonl"
    env = {**os.environ, "DISPATCH_OTEL": "1", "DISPATCH_OTEL_RECORD_FILE": str(record), "OTEL_TRACES_EXPORTER": "none"}
    env |= {"OTEL_METRICS_EXPORTER": "none", "OTEL_LOGS_EXPORTER": "none", "OPENAI_BASE_URL": f"{provider.url}/v1"}
    env |= {"ANTHROPIC_BASE_URL": provider.url, "OPENAI_API_KEY": "k", "ANTHROPIC_API_KEY": "k"}
    command = [sys.executable, "-c", f"HI = {HI!r}\n{code}"]
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == (3 if way in ("SystemExit", "a signal") else 0), done.stderr
    assert done.stdout == ""
    (line,) = [json.loads(each) for each in record.read_text().splitlines()]
    # A signal strikes while the read waits, and its exception passes through the stream.
    cls = "cancelled" if way == "a signal" else "abandoned"
    assert (line["outcome"], line["model"]) == ({"kind": "cancelled", "class": cls}, "m")
