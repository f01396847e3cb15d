"""One dialect at its own provider: what a call there sends, and transports that answer it."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

try:
    import httpx2
except ImportError:
    # Beside a neighbour that supports but the SDKs of a year ago.
    import httpx as httpx2

from otel_dispatch.demo.provider import Answer

SIZES: Final = {"1 kB": 1_000, "100 kB": 100_000}
"""The sizes of a request's body, in bytes, about."""

_LINE: Final = 'Read `src/main.py`, then say:\n\t- what it does,\n\t- which "flags" it takes, and why.\n'
_TURNS: Final = 15
_STREAM_HEADERS: Final = {"content-type": "text/event-stream; charset=utf-8"}

Json = dict[str, Any]


@dataclass(frozen=True)
class Wire:
    """One dialect at its own provider, with the answer that every call gets.

    ``asks`` gives the body that says these turns; ``streamed`` gives an answer with these texts, asked for at
    ``streamed_path`` or, where there is none, by the body.
    """

    name: str
    host: str
    path: str
    asks: Callable[[Sequence[str]], Json]
    answer: Answer
    streamed: Callable[[Sequence[str]], Answer] | None = None
    streamed_path: str = ""

    @property
    def url(self) -> str:
        """Where a call goes whose answer is whole."""
        return f"https://{self.host}{self.path}"

    @property
    def streamed_url(self) -> str:
        """Where a call goes whose answer is streamed."""
        return f"https://{self.host}{self.streamed_path or self.path}"

    def arguments(self, size: int, *, stream: bool = False) -> Json:
        """The call's arguments, so that its body has about *size* bytes."""
        asked = self.asks(_turns(size))
        return {**asked, "stream": True} if stream and not self.streamed_path else asked

    def body(self, size: int, *, stream: bool = False) -> bytes:
        """The call's body as its SDK sends it."""
        return json.dumps(self.arguments(size, stream=stream), separators=(",", ":")).encode()

    def chunks(self, count: int) -> tuple[bytes, ...]:
        """A streamed answer of *count* events, each a chunk of its own."""
        few = self._events(["A"])
        return self._events([f" token{n}" for n in range(count - len(few) + 1)])

    def stream_headers(self) -> Mapping[str, str]:
        """The headers of a streamed answer."""
        return self._stream([]).headers

    def _events(self, texts: Sequence[str]) -> tuple[bytes, ...]:
        return tuple(event for event in self._stream(texts).chunks or () if isinstance(event, bytes))

    def _stream(self, texts: Sequence[str]) -> Answer:
        if self.streamed is None:
            raise ValueError(f"{self.name} is not streamed here")
        return self.streamed(texts)


class Chunks(httpx2.SyncByteStream):
    """A body that really comes in pieces."""

    def __init__(self, chunks: Sequence[bytes]) -> None:
        self._chunks = chunks

    def __iter__(self) -> Iterator[bytes]:
        yield from self._chunks


def whole(answer: Answer) -> httpx2.MockTransport:
    """A transport that answers every request with *answer*."""
    headers, body = dict(answer.headers), answer.body
    return httpx2.MockTransport(lambda _: httpx2.Response(answer.status, headers=headers, content=body))


def pieces(chunks: Sequence[bytes], headers: Mapping[str, str] = _STREAM_HEADERS) -> httpx2.MockTransport:
    """A transport that answers every request with *chunks*, one by one."""
    return httpx2.MockTransport(lambda _: httpx2.Response(200, headers=dict(headers), stream=Chunks(chunks)))


def _turns(size: int) -> list[str]:
    turns = min(_TURNS, max(1, size // 2_000))
    lines = (size - 100) // turns // (len(json.dumps(_LINE)) - 2)
    return [_LINE * lines] * turns
