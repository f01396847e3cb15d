"""The three wire formats that are measured: what is asked, and the canned answers, whole and streamed."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

try:
    import httpx2
except ImportError:
    # Beside a neighbour that supports but the SDKs of a year ago.
    import httpx as httpx2

from otel_dispatch.demo.provider import Answer, chat, chat_stream, messages, messages_stream, responses
from otel_dispatch.vocabulary import WireFormat

SIZES: Final = {"1 kB": 1_000, "100 kB": 100_000}
"""The sizes of a request's body, in bytes, about."""

MAX_TOKENS: Final = 1024
TEXT: Final = "The step is done: 14 files were read, 2 were changed, and every test of the module passes now. " * 4
USAGE: Final = (911, 96)

_LINE: Final = 'Read `src/main.py`, then say:\n\t- what it does,\n\t- which "flags" it takes, and why.\n'
_TURNS: Final = 15
_STREAM_HEADERS: Final = {"content-type": "text/event-stream; charset=utf-8"}


@dataclass(frozen=True)
class Wire:
    """One wire format at its own provider, with the answer that every call gets."""

    name: str
    wire_format: WireFormat
    provider: str
    host: str
    path: str
    model: str
    answer: Answer
    stop: str
    streamed: Callable[[Sequence[str]], Answer] | None = None

    @property
    def url(self) -> str:
        """Where the call goes."""
        return f"https://{self.host}{self.path}"

    @property
    def reply_id(self) -> str:
        """The id in the canned answer."""
        return str(json.loads(self.answer.body)["id"])

    def arguments(self, size: int, *, stream: bool = False) -> dict[str, Any]:
        """The call's arguments, so that its body has about *size* bytes."""
        given: dict[str, Any] = {"model": self.model, "input" if self is RESPONSES else "messages": _turns(size)}
        if self is MESSAGES:
            given["max_tokens"] = MAX_TOKENS
        if stream:
            given["stream"] = True
        return given

    def body(self, size: int, *, stream: bool = False) -> bytes:
        """The call's body as its SDK sends it."""
        return json.dumps(self.arguments(size, stream=stream), separators=(",", ":")).encode()

    def chunks(self, count: int) -> tuple[bytes, ...]:
        """A streamed answer of *count* events, each a chunk of its own."""
        if self.streamed is None:
            raise ValueError(f"{self.name} is not streamed here")
        few = [event for event in self.streamed(["A"]).chunks or () if isinstance(event, bytes)]
        texts = [f" token{n}" for n in range(count - len(few) + 1)]
        return tuple(event for event in self.streamed(texts).chunks or () if isinstance(event, bytes))


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


def _turns(size: int) -> list[dict[str, str]]:
    turns = min(_TURNS, max(1, size // 2_000))
    lines = (size - 100) // turns // (len(json.dumps(_LINE)) - 2)
    return [{"role": "assistant" if n % 2 else "user", "content": _LINE * lines} for n in range(turns)]


CHAT: Final = Wire(
    "chat",
    WireFormat.OPENAI_COMPAT,
    "openai",
    "api.openai.com",
    "/v1/chat/completions",
    "gpt-5.2",
    chat(TEXT, model="gpt-5.2", usage=USAGE),
    "stop",
    lambda texts: chat_stream(texts, model="gpt-5.2", usage=USAGE),
)
RESPONSES: Final = Wire(
    "responses",
    WireFormat.OPENAI_RESPONSES,
    "openai",
    "api.openai.com",
    "/v1/responses",
    "gpt-5.2",
    responses(TEXT, model="gpt-5.2", usage=USAGE),
    "completed",
)
MESSAGES: Final = Wire(
    "messages",
    WireFormat.ANTHROPIC_NATIVE,
    "anthropic",
    "api.anthropic.com",
    "/v1/messages",
    "claude-opus-4-5",
    messages(TEXT, model="claude-opus-4-5", usage=USAGE),
    "end_turn",
    lambda texts: messages_stream(texts, model="claude-opus-4-5", usage=USAGE),
)
WIRES: Final = (CHAT, RESPONSES, MESSAGES)
