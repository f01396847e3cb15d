"""A provider that sends garbage, too much, without end, or in odd packings: the host gets what it gets without us."""

import asyncio
import gzip
import json
import threading
import tracemalloc
import zlib
from collections.abc import Callable, Iterable, Iterator
from itertools import repeat
from typing import Any

import aiohttp
import httpx2
import pytest

import otel_dispatch
from otel_dispatch import aloft
from tests.conftest import Told, eventually
from tests.faults.raw import BODY, HEADERS, READERS, RawServer, chunk, head, seen_by_host

EVENT = b'data: {"choices":[{"delta":{"content":"ab"}}]}\n\n'
STOP = b'data: {"choices":[{"delta":{},"finish_reason":"stop"}]}\n\n'
STREAM = EVENT + EVENT + STOP + b"data: [DONE]\n\n"
CHUNKED, LAST = "transfer-encoding: chunked", b"0\r\n\r\n"
SIZE = 100 * 1024 * 1024


def packed(data: bytes, wbits: int) -> bytes:
    packer = zlib.compressobj(wbits=wbits)
    return packer.compress(data) + packer.flush()


def sized(data: bytes, *lines: str) -> bytes:
    return head(f"content-length: {len(data)}", *lines) + data


GARBAGE = bytes(range(256)) * 8
ODD: dict[str, list[bytes]] = {
    "no http at all": [GARBAGE],
    "nothing": [],
    "half a head": [b"HTTP/1.1 200 OK\r\ncontent-ty"],
    "garbage in events": [head(CHUNKED), chunk(b"data: " + GARBAGE + b"\n\n"), LAST],
    "garbage as json": [sized(GARBAGE).replace(b"text/event-stream", b"application/json")],
    "garbage that claims to be gzip": [sized(GARBAGE, "content-encoding: gzip")],
    "gzip that is cut": [sized(gzip.compress(STREAM)[:-12], "content-encoding: gzip")],
    "gzip with garbage behind it": [sized(gzip.compress(STREAM) + b"garbage", "content-encoding: gzip")],
    "gzip in two members": [sized(gzip.compress(EVENT) + gzip.compress(STOP), "content-encoding: gzip")],
    "gzip of nothing": [sized(gzip.compress(b""), "content-encoding: gzip")],
    "gzip, one byte a chunk": [
        head(CHUNKED, "content-encoding: gzip"),
        *(chunk(bytes([each])) for each in gzip.compress(STREAM)),
        LAST,
    ],
    "deflate with its header": [sized(zlib.compress(STREAM), "content-encoding: deflate")],
    "deflate without its header": [sized(packed(STREAM, -15), "content-encoding: deflate")],
    "packed twice": [sized(gzip.compress(gzip.compress(STREAM)), "content-encoding: gzip, gzip")],
    "an encoding that nobody knows": [sized(STREAM, "content-encoding: rot13")],
    "identity by name": [sized(STREAM, "content-encoding: identity")],
    "chunks with extensions": [head(CHUNKED), chunk(STREAM, b";name=value"), LAST],
    "a trailer behind the chunks": [head(CHUNKED, "trailer: x-a"), chunk(STREAM), b"0\r\nx-a: 1\r\n\r\n"],
    # In one piece: where the head comes alone, aiohttp's own parser never tells its reader (see below).
    "a chunk of no size": [head(CHUNKED) + b"xyz\r\n" + STREAM],
    "no last chunk": [head(CHUNKED), chunk(STREAM)],
    "no length": [head("connection: close"), STREAM],
    "a length that is too great": [head(f"content-length: {len(STREAM) + 10}"), STREAM],
    "two lengths": [head("content-length: 5", "content-length: 9"), STREAM],
    "a length and chunks": [head("content-length: 5", CHUNKED), chunk(STREAM), LAST],
    "one byte a chunk": [head(CHUNKED), *(chunk(bytes([each])) for each in STREAM), LAST],
    "a status of no number": [b"HTTP/1.1 abc OK\r\n\r\n"],
    "a status of nobody's": [head("content-length: 0", status="799 What")],
    "a mark at the beginning": [sized(b"\xef\xbb\xbf" + STREAM)],
    "line ends of all kinds": [sized(STREAM.replace(b"\n\n", b"\r\n\r\n").replace(b'ab"', b'ab"  '))],
}
SERVED = {
    "gzip with garbage behind it",
    "gzip in two members",
    "gzip, one byte a chunk",
    "deflate with its header",
    "deflate without its header",
    "packed twice",
    "an encoding that nobody knows",
    "identity by name",
    "chunks with extensions",
    "a trailer behind the chunks",
    "no length",
    "one byte a chunk",
    "a mark at the beginning",
    "line ends of all kinds",
}


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("oddity", ODD)
def test_an_odd_answer_reaches_the_host_as_it_would_without_us_and_is_one_span(
    make_told: Callable[[], Told], oddity: str, reader: str
) -> None:
    with RawServer(lambda: ODD[oddity]) as server:
        plain = seen_by_host(READERS[reader], server.url)
        told = make_told()
        assert seen_by_host(READERS[reader], server.url) == plain
    eventually(lambda: aloft.count() == 0)
    kind = (told.only().attributes or {})["dispatch.outcome.kind"]
    if isinstance(plain, bytes) and oddity in SERVED and b"[DONE]" in plain:
        assert kind == "served"
    elif isinstance(plain, type):
        assert kind in ("provider_error", "served")
    otel_dispatch.uninstrument()


def test_a_host_whose_library_waits_for_a_broken_chunk_in_vain_is_told_as_timed_out(told: Told) -> None:
    heard = threading.Event()

    def answer() -> Iterator[bytes]:
        yield head(CHUNKED) + chunk(EVENT)
        assert heard.wait(10)
        yield b"xyz\r\n" + STREAM

    async def read(url: str) -> None:
        limit = aiohttp.ClientTimeout(total=1)
        async with (
            aiohttp.ClientSession(timeout=limit) as session,
            session.post(url, data=BODY, headers=HEADERS) as response,
        ):
            async for _ in response.content.iter_any():
                heard.set()

    with RawServer(answer) as server, pytest.raises(TimeoutError):
        asyncio.run(read(server.url))
    attributes = told.only().attributes or {}
    assert attributes["dispatch.outcome.kind"] == "provider_error"
    assert attributes["dispatch.outcome.class"] == "timeout"


def huge(length: int) -> Iterator[bytes]:
    """A whole answer of *length* bytes of text, a piece at a time."""
    before, after = b'{"choices":[{"message":{"content":"', b'"},"finish_reason":"stop"}]}'
    yield head(f"content-length: {length + len(before) + len(after)}", kind="application/json") + before
    piece = b"a" * 65536
    yield from repeat(piece, length // len(piece))
    yield after


@pytest.mark.timeout(120)
def test_a_body_of_100_mb_reaches_the_host_whole_and_is_not_kept(told: Told) -> None:
    taken, ends = 0, b""
    with RawServer(lambda: huge(SIZE)) as server, httpx2.Client(timeout=60) as client:
        tracemalloc.start()
        try:
            with client.stream("POST", server.url, content=BODY, headers=HEADERS) as response:
                for piece in response.iter_bytes():
                    taken += len(piece)
                    ends = (ends + piece)[-8:]
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
    assert (taken - SIZE, ends) == (len(b"".join(huge(0))) - len(next(huge(0))) + 35, b'"stop"}]}'[-8:])
    # What is kept to be read has a limit of 32 MB; above it, nothing is.
    assert peak < 40 * 1024 * 1024
    attributes = told.only().attributes or {}
    assert attributes["dispatch.outcome.kind"] == "served"
    assert "dispatch.outcome.content_len" not in attributes


@pytest.mark.timeout(120)
def test_an_event_of_100_mb_reaches_the_host_whole_and_is_not_kept(told: Told) -> None:
    def answer() -> Iterator[bytes]:
        yield head("connection: close") + b"data: "
        yield from repeat(b"a" * 65536, SIZE // 65536)
        yield b"\n\n" + STREAM

    with RawServer(answer) as server, httpx2.Client(timeout=60) as client:
        tracemalloc.start()
        try:
            with client.stream("POST", server.url, content=BODY, headers=HEADERS) as response:
                taken = sum(len(piece) for piece in response.iter_bytes())
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
    assert taken == SIZE + len(b"data: \n\n") + len(STREAM)
    assert peak < 80 * 1024 * 1024
    assert (told.only().attributes or {})["dispatch.outcome.kind"] == "served"


def bomb() -> Iterable[bytes]:
    """100 MB of one letter in gzip, in about 100 kB."""
    packer = zlib.compressobj(wbits=31)
    body = b"".join([*(packer.compress(b"a" * 65536) for _ in range(SIZE // 65536)), packer.flush()])
    return [head(f"content-length: {len(body)}", "content-encoding: gzip", kind="application/json"), body]


@pytest.mark.timeout(120)
def test_a_bomb_that_the_host_leaves_packed_does_not_go_off_in_us(told: Told) -> None:
    answer = list(bomb())
    with RawServer(lambda: answer) as server, httpx2.Client(timeout=60) as client:
        tracemalloc.start()
        try:
            with client.stream("POST", server.url, content=BODY, headers=HEADERS) as response:
                taken = b"".join(response.iter_raw())
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
    assert taken == answer[1]
    assert peak < 80 * 1024 * 1024
    assert len(told.spans()) == 1


def endless() -> Iterator[bytes]:
    yield head(CHUNKED)
    yield from repeat(chunk(EVENT))


def leave_sync(library: Any, url: str, pieces: int) -> None:
    with library.Client() as client, client.stream("POST", url, content=BODY, headers=HEADERS) as response:
        for _, _ in zip(range(pieces), response.iter_raw(), strict=False):
            pass


def test_a_stream_without_end_takes_no_memory_and_ends_when_the_host_breaks_off(told: Told) -> None:
    with RawServer(endless) as server:
        leave_sync(httpx2, server.url, 10)
        told.exporter.clear()
        tracemalloc.start()
        try:
            leave_sync(httpx2, server.url, 400)
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
    assert peak < 4 * 1024 * 1024
    attributes = told.only().attributes or {}
    assert attributes["dispatch.outcome.kind"] == "cancelled"
    assert attributes["dispatch.outcome.class"] == "abandoned"
    assert attributes["dispatch.outcome.content_len"] > 0
    assert aloft.count() == 0


def test_an_answer_nested_without_end_is_malformed_and_harms_nobody(told: Told) -> None:
    deep = b'{"choices":' + b"[" * 100_000
    with RawServer(lambda: [sized(deep).replace(b"text/event-stream", b"application/json")]) as server:
        with httpx2.Client() as client:
            assert client.post(server.url, content=BODY, headers=HEADERS).content == deep
    assert (told.only().attributes or {})["dispatch.outcome.class"] == "malformed_response"
    assert json.loads(BODY)["model"] == "m"
