"""Cohere's own API, versions 2 and 1: https://docs.cohere.com/reference/chat, as cohere 7.3 and 5 speak them."""

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
from ..record import Reply, Request, Thinking
from ..thinking import as_map, cohere_thinking
from ..vocabulary import WireFormat, count_of, text_of
from . import Dialect

_WIRE_FORMAT = WireFormat.COHERE

# Finish reasons that are failures; any other, ERROR_LIMIT for a full context too, leaves an answer that stands.
_FAILURES = frozenset({"ERROR", "TIMEOUT", "ERROR_TOXIC", "USER_CANCEL"})


class Asked(Fields):
    """What the body of a chat says."""

    model: Any = None
    messages: msgspec.Raw = msgspec.Raw()
    message: msgspec.Raw = msgspec.Raw()
    stream: Any = None
    max_tokens: Any = None
    thinking: Any = None
    tools: msgspec.Raw = msgspec.Raw()


class _Inputs(Fields):
    model: Any = None
    texts: msgspec.Raw = msgspec.Raw()
    images: msgspec.Raw = msgspec.Raw()
    inputs: msgspec.Raw = msgspec.Raw()


class _Answer(Fields):
    """A reply of version 2, whose message is an object; of an error it is text."""

    id: Any = None
    message: Any = None
    finish_reason: Any = None
    usage: Any = None


class _Event(Fields):
    type: Any = None
    id: Any = None
    delta: Any = None


class _Vectors(Fields):
    id: Any = None
    embeddings: msgspec.Raw = msgspec.Raw()
    meta: Any = None


class _Text(msgspec.Struct, gc=False):
    text: str
    thinking: None = None


class _TextMessage(msgspec.Struct, gc=False):
    content: _Text
    tool_calls: None = None
    tool_plan: None = None


class _TextDelta(msgspec.Struct, gc=False):
    message: _TextMessage


class _TextEvent(msgspec.Struct, gc=False):
    """The event that most of a stream consists of; any other is refused and read in full."""

    type: Literal["content-delta"]
    delta: _TextDelta
    id: None = None


_text_event = msgspec.json.Decoder(_TextEvent)
_asked = msgspec.json.Decoder(Asked)
_inputs = msgspec.json.Decoder(_Inputs)
_answer = msgspec.json.Decoder(_Answer)
_event = msgspec.json.Decoder(_Event)
_vectors = msgspec.json.Decoder(_Vectors)


def read_request(body: bytes, _: str) -> Request | None:
    """What a ``POST /v2/chat`` asks for."""
    sent = asked_in(body)
    if sent is None or not is_filled(sent.messages):
        return None
    return request_in(sent, cohere_thinking(sent.thinking))


def read_inputs(body: bytes, _: str) -> Request | None:
    """What a ``POST …/embed`` asks for."""
    sent = decode(_inputs, body)
    model = text_of(sent.model) if sent is not None else None
    if sent is None or model is None or not (is_filled(sent.texts) or is_filled(sent.images) or is_filled(sent.inputs)):
        return None
    return request_of(WireFormat.COHERE, "embeddings", model)


def asked_in(body: bytes) -> Asked | None:
    """What *body* says, or None where it is no JSON object."""
    return decode(_asked, body)


def request_in(sent: Asked, thinking: Thinking) -> Request | None:
    """What *sent* asks for, or None where it names no model."""
    model = text_of(sent.model)
    if model is None:
        return None
    return request_of(
        _WIRE_FORMAT,
        "chat",
        model,
        thinking,
        tools_in(sent.tools),
        sent.stream is True,
        count_of(sent.max_tokens),
    )


def read_reply(body: bytes, reply: Reply) -> None:
    """What a whole reply of version 2, or an error body, says."""
    answer = decode(_answer, body)
    reply.malformed = answer is None or not isinstance(answer.message, dict)
    if answer is not None:
        reply.id = text_of(answer.id)
        _read_message(as_map(answer.message), reply)
        read_usage(answer.usage, reply)
        hear_stop(answer.finish_reason, reply)


def read_event(data: bytes, reply: Reply) -> None:
    """What one event of a stream of version 2 says; the last is ``message-end``, and before ``[DONE]``."""
    if (text := plain(_text_event, data)) is not None:
        reply.say(text.delta.message.content.text)
        return
    event = decode(_event, data)
    if event is None:
        return
    delta = as_map(event.delta)
    if event.type == "message-end":
        reply.done = True
        read_usage(delta.get("usage"), reply)
        hear_stop(delta.get("finish_reason"), reply)
        if is_given(delta.get("error")) and not reply.failed:
            hear_error({}, reply)
    elif event.type != "debug":
        reply.id = reply.id or text_of(event.id)
        _read_message(as_map(delta.get("message")), reply)


def read_vectors(body: bytes, reply: Reply) -> None:
    """What an answer with embeddings, or an error body, says."""
    told = decode(_vectors, body)
    if told is None or not told.embeddings:
        reply.malformed = True
        return
    reply.id = text_of(told.id)
    reply.committed = is_filled(told.embeddings)
    read_usage(told.meta, reply)


def _read_message(message: Any, reply: Reply) -> None:
    content = message.get("content")
    for part in [content] if isinstance(content, dict) else maps_in(content):
        text = part.get("text")
        if isinstance(text, str):
            reply.say(text)
        reply.committed |= is_given(part.get("thinking"))
    reply.committed |= is_given(message.get("tool_calls")) or is_given(message.get("tool_plan"))


def read_usage(usage: object, reply: Reply) -> None:
    """Note the tokens that *usage* reports."""
    told = as_map(usage)
    # Of embeddings only what is billed is told.
    tokens = as_map(told.get("tokens")) or as_map(told.get("billed_units"))
    note_usage(
        reply.usage,
        input=tokens.get("input_tokens"),
        output=tokens.get("output_tokens"),
        cache_read=told.get("cached_tokens"),
    )


def hear_stop(reason: object, reply: Reply) -> None:
    """Note why the answer stopped, and the failure that this may be."""
    reply.stop(reason)
    if isinstance(reason, str) and reason in _FAILURES:
        hear_error({"code": reason}, reply)


CHAT = Dialect("cohere_chat", WireFormat.COHERE, ("/v2/chat",), read_request, read_reply, read_event)
EMBED = Dialect("cohere_embed", WireFormat.COHERE, ("/v2/embed", "/v1/embed"), read_inputs, read_vectors, read_vectors)
DIALECTS = (CHAT, EMBED)
