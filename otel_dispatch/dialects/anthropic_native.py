"""Anthropic's Messages API: https://docs.anthropic.com/en/api/messages, as anthropic 2.11 sends and reads it."""

from typing import Any, Literal

import msgspec

from ..bodies import (
    Fields,
    decode,
    hear_error,
    is_filled,
    is_given,
    maps_in,
    note_usage,
    plain,
    request_of,
    tools_in,
)
from ..record import UNSENT_THINKING, Reply, Request, Thinking
from ..thinking import anthropic_thinking, as_map
from ..vocabulary import Field, ToolFormat, WireFormat, count_of, text_of
from . import Dialect

_MOST = 16
_WIRE_FORMAT = WireFormat.ANTHROPIC_NATIVE


class Asked(Fields):
    """What the body of a message says."""

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


class Message(Fields):
    """What a whole message says."""

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


class TextEvent(msgspec.Struct, gc=False):
    """The event that most of a stream consists of; any other is refused and read in full."""

    type: Literal["content_block_delta"]
    delta: _TextDelta


_text_event = msgspec.json.Decoder(TextEvent)
_asked = msgspec.json.Decoder(Asked)
_message = msgspec.json.Decoder(Message)
_event = msgspec.json.Decoder(_Event)


def read_request(body: bytes, _: str) -> Request | None:
    """What a ``POST …/messages`` asks for; None for the messages of a chat server, which name no model."""
    sent = asked_in(body)
    return None if sent is None else request_in(sent)


def asked_in(body: bytes) -> Asked | None:
    """What *body* says, or None where it is no JSON object."""
    return decode(_asked, body)


def request_in(sent: Asked, model: str | None = None, stream: bool = False) -> Request | None:
    """What *sent* asks of *model*, where a cloud's path names it, else of the one that it names itself."""
    model = model or text_of(sent.model)
    # A turn that continues a thread, whose history the server holds, may add no message of its own.
    is_continued = sent.thread is not None and as_map(sent.thread).get("type") == "continue"
    if model is None or not (is_filled(sent.messages) or is_continued):
        return None
    offered = tools_in(sent.tools, sent.mcp_servers)
    return request_of(
        _WIRE_FORMAT,
        "chat",
        model,
        _thinking_of(sent),
        # The server also holds the tools that a thread began with.
        ToolFormat.UNKNOWN if is_continued and offered is ToolFormat.NONE else offered,
        stream or sent.stream is True,
        count_of(sent.max_tokens),
        None,
        () if sent.fallbacks is None else _models_in(sent.fallbacks),
    )


def _thinking_of(sent: Asked) -> Thinking:
    if sent.thinking is None and sent.output_config is None:
        return UNSENT_THINKING
    return anthropic_thinking(sent.thinking, as_map(sent.output_config).get("effort"))


def _models_in(fallbacks: object) -> tuple[str, ...]:
    return tuple(filter(None, (text_of(each.get("model")) for each in maps_in(fallbacks)[:_MOST])))


def read_reply(body: bytes, reply: Reply) -> None:
    """What a whole message, or an error body, says."""
    message = decode(_message, body)
    if message is None:
        reply.malformed = True
    else:
        hear_message(message, reply)


def hear_message(message: Message, reply: Reply) -> None:
    """Note what *message*, or the error in its place, says."""
    if message.type == "error" or is_given(message.error):
        hear_error(message.error, reply)
        return
    reply.malformed = not isinstance(message.content, list)
    _read_head(message.id, message.model, reply)
    for block in maps_in(message.content):
        _read_block(block, reply)
    reply.stop(message.stop_reason)
    _read_usage(message.usage, reply)


def read_event(data: bytes, reply: Reply) -> None:
    """What one stream event says. The output tokens of ``message_start`` are a placeholder, so they do not count."""
    if (text := plain(_text_event, data)) is not None:
        reply.say(text.delta.text)
        return
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
    told, kept = as_map(usage).get, reply.usage
    details, iterations = told("output_tokens_details"), told("iterations")
    note_usage(
        kept,
        None,
        told("output_tokens"),
        told("cache_read_input_tokens"),
        told("cache_creation_input_tokens"),
        None if details is None else as_map(details).get("thinking_tokens"),
    )
    if (fresh := count_of(told("input_tokens"))) is not None:
        # semconv counts cached tokens as input; Anthropic reports them beside it.
        note_usage(kept, fresh + (kept.cache_read or 0) + (kept.cache_write or 0))
    if iterations is not None:
        _read_iterations(iterations, reply)


def _read_iterations(iterations: object, reply: Reply) -> None:
    for iteration in maps_in(iterations):
        if iteration.get("type") == "fallback_message":
            _fall_back(iteration.get("model"), reply)


MESSAGES = Dialect(
    "anthropic_messages", WireFormat.ANTHROPIC_NATIVE, ("/messages",), read_request, read_reply, read_event
)
DIALECTS = (MESSAGES,)
