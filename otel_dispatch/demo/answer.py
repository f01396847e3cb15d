"""One answer of the local provider: whole, in pieces, refused or broken off; and what all shapes share."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal, TypeAlias

Wire: TypeAlias = Literal["openai", "anthropic"]
Usage: TypeAlias = tuple[int, int] | None
Json: TypeAlias = dict[str, Any]

TOOL: Final = "read_file"

_REQUEST_ID: Final[Mapping[str, str]] = {"openai": "x-request-id", "anthropic": "request-id"}

_PADDED: Final = 16


@dataclass(frozen=True)
class Hangup:
    """Ends a streamed body by closing the connection before the body is complete."""


HANGUP: Final = Hangup()


@dataclass(frozen=True)
class Answer:
    """What the provider does with one request."""

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    chunks: Sequence[bytes | float | Hangup] | None = None
    delay: float = 0
    drop: bool = False
    gzip: bool = False


def event(name: str | None, data: Mapping[str, Any] | str) -> bytes:
    """Return one server-sent event, without an event line if the name is None."""
    text = data if isinstance(data, str) else json.dumps(data)
    return (f"event: {name}\n" if name else "").encode() + f"data: {text}\n\n".encode()


def error(
    wire: Wire,
    status: int,
    type: str,  # noqa: A002 - the providers' name
    code: str | None = None,
    message: str = "The request failed.",
    *,
    headers: Mapping[str, str] | None = None,
) -> Answer:
    """Return a refused request in the provider's documented error body."""
    body: Json = {"error": {"message": message, "type": type, "param": None, "code": code}}
    if wire == "anthropic":
        body = {"type": "error", "error": {"type": type, "message": message}, "request_id": new_id("req_")}
    return whole(wire, body, status, headers or {})


def whole(wire: Wire, body: Json, status: int = 200, headers: Mapping[str, str] | None = None) -> Answer:
    """Return *body* as a whole answer."""
    named = {"content-type": "application/json", _REQUEST_ID[wire]: new_id("req_"), **(headers or {})}
    return Answer(status, named, json.dumps(body).encode())


def streamed(wire: Wire, events: Iterable[bytes]) -> Answer:
    """Return *events* as a streamed answer, one chunk each."""
    headers = {
        "content-type": "text/event-stream; charset=utf-8",
        "cache-control": "no-cache",
        _REQUEST_ID[wire]: new_id("req_"),
    }
    return Answer(headers=headers, chunks=tuple(events))


def new_id(prefix: str) -> str:
    """Return a made-up id."""
    return prefix + uuid.uuid4().hex[:24]


def padding(text: str) -> str:
    """Return what OpenAI sends beside a *text* so that its length cannot be told from the event's."""
    return new_id("")[: _PADDED - len(text) % _PADDED]


def halves(text: str) -> list[str]:
    """Return *text* in two pieces."""
    middle = len(text) // 2
    return [part for part in (text[:middle], text[middle:]) if part]


def arguments(n: int) -> str:
    """Return the arguments of the n-th tool call."""
    return json.dumps({"path": f"step_{n + 1}.md"})
