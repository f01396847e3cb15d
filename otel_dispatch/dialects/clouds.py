"""The models of many makers behind one path of a cloud's, whose answers alone tell whose format they are in."""

from typing import Any, Final

import msgspec

from .. import compat
from ..bodies import Fields, decode, hear_error, maps_in, note_usage, plain, request_of
from ..record import Reply, Request
from ..thinking import as_map
from ..vocabulary import count_of
from . import anthropic_native, bedrock, openai_compat

_METRICS: Final = "amazon-bedrock-invocationMetrics"


class _Whole(anthropic_native.Message):
    choices: Any = None
    output: Any = None
    fault: Any = msgspec.field(default=None, name="__type")


class _Piece(Fields):
    type: Any = None
    choices: Any = None
    messageStart: Any = None  # noqa: N815
    contentBlockStart: Any = None  # noqa: N815
    contentBlockDelta: Any = None  # noqa: N815
    contentBlockStop: Any = None  # noqa: N815
    messageStop: Any = None  # noqa: N815
    metadata: Any = None
    error: Any = None
    metrics: Any = msgspec.field(default=None, name=_METRICS)


class _TextEvent(anthropic_native.TextEvent, gc=False):
    """The piece that most of a stream of Claude's consists of; any other is refused and read in full."""

    choices: None = None
    metrics: None = msgspec.field(default=None, name=_METRICS)


_whole = msgspec.json.Decoder(_Whole)
_text_event = msgspec.json.Decoder(_TextEvent)
_piece = msgspec.json.Decoder(_Piece)

_CONVERSE: Final = (
    "messageStart",
    "contentBlockStart",
    "contentBlockDelta",
    "contentBlockStop",
    "messageStop",
    "metadata",
)


def chat_at(sent: compat.Asked, path: str, model: str | None, stream: bool) -> Request | None:
    """What *sent*, in the shape of a chat, asks of *model*, which the path names."""
    asked = openai_compat.chat_in(sent, path)
    return None if asked is None else asked_of(asked, model, stream)


def asked_of(asked: Request, model: str | None, stream: bool) -> Request:
    """*asked*, but of *model* and as a *stream*, as the path names them."""
    how = asked.thinking, asked.tool_format, stream or asked.stream, asked.max_tokens
    return request_of(asked.wire_format, asked.operation, model, *how)


def read_whole(body: bytes, reply: Reply) -> None:
    """What a whole answer, or an error body, says; of a shape that we do not know, only what its headers do."""
    whole = decode(_whole, body)
    if whole is None or _is_chat(whole.choices):
        openai_compat.read_reply(body, reply)
    elif whole.type in ("message", "error") or (whole.content and isinstance(whole.content, (list, dict))):
        anthropic_native.hear_message(whole, reply)
    elif "message" in as_map(whole.output) or whole.error is not None or whole.fault is not None:
        bedrock.read_reply(body, reply)
    else:
        reply.unread = True


def read_piece(data: bytes, reply: Reply) -> None:
    """What one event of a model's own stream says."""
    if (text := plain(_text_event, data)) is not None:
        reply.say(text.delta.text)
        return
    if data.startswith(b'{"type":'):
        anthropic_native.read_event(data, reply)
    else:
        _read_other(data, reply)
    if _METRICS.encode() in data:
        piece = decode(_piece, data)
        _read_metrics(as_map(piece.metrics if piece is not None else None), reply)


def _read_other(data: bytes, reply: Reply) -> None:
    piece = decode(_piece, data)
    if piece is None or _is_chat(piece.choices):
        openai_compat.read_event(data, reply)
    elif isinstance(piece.type, str):
        anthropic_native.read_event(data, reply)
    elif any(getattr(piece, name) is not None for name in _CONVERSE):
        bedrock.read_event(data, reply)
    elif piece.error is not None:
        hear_error(piece.error, reply)
    elif piece.metrics is None:
        reply.unread = True


def _is_chat(choices: object) -> bool:
    # A completion's choices (DeepSeek's R1) have a text, where those of a chat have a message or a delta.
    return isinstance(choices, list) and not any("text" in choice for choice in maps_in(choices))


def _read_metrics(told: Any, reply: Reply) -> None:
    kept = reply.usage
    fresh, read, write = (
        count_of(told.get(f"{name}InputTokenCount" if name else "inputTokenCount"))
        for name in ("", "cacheRead", "cacheWrite")
    )
    if kept.output is None:
        note_usage(kept, output=told.get("outputTokenCount"))
    if kept.input is None and fresh is not None:
        note_usage(kept, input=fresh + (read or 0) + (write or 0), cache_read=read, cache_write=write)
