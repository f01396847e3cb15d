"""Anthropic's Messages API: https://docs.anthropic.com/en/api/messages, as anthropic 2.11 sends and reads it."""

from typing import Any, Literal

import msgspec

from ..bodies import UNREADABLE, Fields, decode, hear_error, is_filled, is_given, maps_in, note_usage, request_of
from ..record import Reply, Request
from ..thinking import anthropic_thinking, as_map
from ..vocabulary import Field, ToolFormat, WireFormat, count_of, text_of
from . import Dialect

_MOST = 16


class _Request(Fields):
    model: Any = None
    messages: msgspec.Raw = msgspec.Raw()
    max_tokens: Any = None
    stream: Any = None
    thinking: Any = None
    output_config: Any = None
    tools: msgspec.Raw = msgspec.Raw()
    mcp_servers: msgspec.Raw = msgspec.Raw()
    thread: Any = None
    fallbacks: Any = None


class _Message(Fields):
    type: Any = None
    id: Any = None
    model: Any = None
    content: Any = None
    stop_reason: Any = None
    usage: Any = None
    error: Any = None


class _Event(Fields):
    type: Any = None
    message: Any = None
    content_block: Any = None
    delta: Any = None
    usage: Any = None
    error: Any = None


class _TextDelta(msgspec.Struct, gc=False):
    type: Literal["text_delta"]
    text: str


class _TextEvent(msgspec.Struct, gc=False):
    """The event that most of a stream consists of; any other is refused and read in full."""

    type: Literal["content_block_delta"]
    delta: _TextDelta


_text_event = msgspec.json.Decoder(_TextEvent)
_request = msgspec.json.Decoder(_Request)
_message = msgspec.json.Decoder(_Message)
_event = msgspec.json.Decoder(_Event)


def read_request(body: bytes, _: str) -> Request | None:
    """What a ``POST …/messages`` asks for; None for the messages of a chat server, which name no model."""
    return request_in(body)


def request_in(body: bytes, model: str | None = None, stream: bool = False) -> Request | None:
    """What *body* asks of *model*, where a cloud's path names it, else of the one that it names itself."""
    sent = decode(_request, body)
    model = model or (text_of(sent.model) if sent is not None else None)
    thread = as_map(sent.thread).get("type") if sent is not None else None
    # A turn that continues a thread, whose history the server holds, may add no message of its own.
    if sent is None or not (is_filled(sent.messages) or thread == "continue") or model is None:
        return None
    return request_of(
        WireFormat.ANTHROPIC_NATIVE,
        "chat",
        model,
        anthropic_thinking(sent.thinking, as_map(sent.output_config).get("effort")),
        _tool_format(sent, thread),
        stream or sent.stream is True,
        count_of(sent.max_tokens),
        fallbacks=tuple(filter(None, (text_of(each.get("model")) for each in maps_in(sent.fallbacks)[:_MOST]))),
    )


def _tool_format(sent: _Request, thread: object) -> ToolFormat:
    if is_filled(sent.tools) or is_filled(sent.mcp_servers):
        return ToolFormat.NATIVE
    # The server also holds the tools that a thread began with.
    return ToolFormat.UNKNOWN if thread == "continue" else ToolFormat.NONE


def read_reply(body: bytes, reply: Reply) -> None:
    """What a whole message, or an error body, says."""
    message = decode(_message, body)
    if message is None:
        reply.malformed = True
    elif message.type == "error" or is_given(message.error):
        hear_error(message.error, reply)
    else:
        reply.malformed = not isinstance(message.content, list)
        _read_head(message.id, message.model, reply)
        for block in maps_in(message.content):
            _read_block(block, reply)
        reply.stop(message.stop_reason)
        _read_usage(message.usage, reply)


def read_event(data: bytes, reply: Reply) -> None:
    """What one stream event says. The output tokens of ``message_start`` are a placeholder, so they do not count."""
    try:
        reply.say(_text_event.decode(data).delta.text)
        return
    except UNREADABLE:
        event = decode(_event, data)
    if event is None:
        return
    if event.type == "content_block_delta":
        _read_delta(as_map(event.delta), reply)
    elif event.type == "content_block_start":
        _read_block(as_map(event.content_block), reply)
    elif event.type == "message_delta":
        reply.stop(as_map(event.delta).get("stop_reason"))
        _read_usage(event.usage, reply)
    elif event.type == "message_start":
        message = as_map(event.message)
        _read_head(message.get("id"), message.get("model"), reply)
        _read_usage({**as_map(message.get("usage")), "output_tokens": None}, reply)
    elif event.type == "message_stop":
        reply.done = True
    elif event.type == "error" or is_given(event.error):
        hear_error(event.error, reply)


def _read_head(name: object, model: object, reply: Reply) -> None:
    reply.id, reply.model = text_of(name) or reply.id, text_of(model) or reply.model


def _read_block(block: Any, reply: Reply) -> None:
    kind = block.get("type")
    if kind == "text":
        _say(block.get("text"), reply)
    elif kind == "thinking":
        # With display "omitted" the text is empty and the signature alone says that there was thinking.
        reply.committed |= is_given(block.get("thinking")) or is_given(block.get("signature"))
    elif kind == "fallback":
        _fall_back(as_map(block.get("to")).get("model"), reply)
    elif isinstance(kind, str):
        reply.committed = True


def _fall_back(model: object, reply: Reply) -> None:
    # What a stream began with names the model that then declined.
    reply.model = text_of(model) or reply.model
    reply.overridden.add(Field.MODEL)


def _read_delta(delta: Any, reply: Reply) -> None:
    kind = delta.get("type")
    if kind == "text_delta":
        _say(delta.get("text"), reply)
    elif kind in ("thinking_delta", "signature_delta"):
        reply.committed |= is_given(delta.get("thinking")) or is_given(delta.get("signature"))
    elif kind == "input_json_delta":
        reply.committed = True


def _say(text: object, reply: Reply) -> None:
    if isinstance(text, str):
        reply.say(text)


def _read_usage(usage: object, reply: Reply) -> None:
    told, kept = as_map(usage), reply.usage
    note_usage(
        kept,
        cache_read=told.get("cache_read_input_tokens"),
        cache_write=told.get("cache_creation_input_tokens"),
        output=told.get("output_tokens"),
        reasoning=as_map(told.get("output_tokens_details")).get("thinking_tokens"),
    )
    fresh = count_of(told.get("input_tokens"))
    if fresh is not None:
        # semconv counts cached tokens as input; Anthropic reports them beside it.
        note_usage(kept, input=fresh + (kept.cache_read or 0) + (kept.cache_write or 0))
    for iteration in maps_in(told.get("iterations")):
        if iteration.get("type") == "fallback_message":
            _fall_back(iteration.get("model"), reply)


MESSAGES = Dialect(
    "anthropic_messages", WireFormat.ANTHROPIC_NATIVE, ("/messages",), read_request, read_reply, read_event
)
DIALECTS = (MESSAGES,)
