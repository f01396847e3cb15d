"""The soak's provider, in a process of its own: answers on loopback as the model that is asked for says."""

import asyncio
import json
import socket
import struct
from collections.abc import Awaitable, Callable
from typing import Final

from .soak_server import serve
from .soak_ways import BY_THE_HOST, THINKS

_EVENT: Final = b'data: {"choices":[{"delta":{"content":"word "}}]}\n\n'
_LAST: Final = (
    b'data: {"choices":[{"delta":{},"finish_reason":"stop"}]}\n\n',
    b'data: {"choices":[],"usage":{"prompt_tokens":9,"completion_tokens":12}}\n\n',
    b"data: [DONE]\n\n",
)
_WHOLE: Final = json.dumps(
    {
        "id": "c1",
        "model": "soak",
        "choices": [{"message": {"role": "assistant", "content": "word " * 12}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 9, "completion_tokens": 12},
    }
).encode()
_REFUSAL: Final = b'{"error":{"code":"rate_limit_exceeded"}}'
_STREAMED: Final = (
    b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n"
    b"transfer-encoding: chunked\r\ncache-control: no-cache\r\n\r\n"
)
_EVENTS: Final = 12
_PAUSE: Final = 0.01

Way = Callable[[asyncio.StreamWriter], Awaitable[bool]]
"""Answers one request; gives whether the connection may serve another."""


async def _take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
    head = await reader.readuntil(b"\r\n\r\n")
    body = json.loads(await reader.readexactly(_length_in(head)))
    way = "endless" if body["model"] in BY_THE_HOST else body["model"]
    return await _WAYS[way](writer)


def _length_in(head: bytes) -> int:
    lines = head.lower().split(b"\r\n")
    return next(int(line.partition(b":")[2]) for line in lines if line.startswith(b"content-length:"))


async def _whole(writer: asyncio.StreamWriter) -> bool:
    await asyncio.sleep(THINKS)
    return await _answer(writer, b"200 OK", _WHOLE)


async def _refuse(writer: asyncio.StreamWriter) -> bool:
    return await _answer(writer, b"429 Too Many Requests", _REFUSAL)


async def _answer(writer: asyncio.StreamWriter, status: bytes, body: bytes) -> bool:
    head = b"HTTP/1.1 %b\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % (status, len(body))
    writer.write(head + body)
    await writer.drain()
    return True


async def _stream(writer: asyncio.StreamWriter) -> bool:
    return await _events(writer, 0)


async def _slow(writer: asyncio.StreamWriter) -> bool:
    return await _events(writer, _PAUSE)


async def _events(writer: asyncio.StreamWriter, pause: float) -> bool:
    writer.write(_STREAMED)
    for event in (*[_EVENT] * _EVENTS, *_LAST):
        writer.write(_chunk(event))
        await writer.drain()
        await asyncio.sleep(pause)
    writer.write(b"0\r\n\r\n")
    await writer.drain()
    return True


async def _endless(writer: asyncio.StreamWriter) -> bool:
    writer.write(_STREAMED)
    while True:
        writer.write(_chunk(_EVENT))
        await writer.drain()
        await asyncio.sleep(_PAUSE)


async def _drop(_: asyncio.StreamWriter) -> bool:
    return False


async def _reset(writer: asyncio.StreamWriter) -> bool:
    writer.write(_STREAMED + _chunk(_EVENT))
    await writer.drain()
    await asyncio.sleep(_PAUSE)
    # With no time to linger, closing sends RST.
    connection = writer.get_extra_info("socket")
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()
    return False


async def _cut(writer: asyncio.StreamWriter) -> bool:
    writer.write(_STREAMED + _chunk(_EVENT))
    await writer.drain()
    return False


async def _garbage(writer: asyncio.StreamWriter) -> bool:
    writer.write(bytes(range(256)) * 4)
    await writer.drain()
    return False


def _chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


_WAYS: Final[dict[str, Way]] = {
    "whole": _whole,
    "stream": _stream,
    "slow": _slow,
    "refuse": _refuse,
    "drop": _drop,
    "reset": _reset,
    "cut": _cut,
    "garbage": _garbage,
    "endless": _endless,
}

if __name__ == "__main__":
    asyncio.run(serve(_take))
