"""Cohere's own API, versions 2 and 1: https://docs.cohere.com/reference/chat, as cohere 7.3 and 5 speak them."""

from typing import Any

import msgspec

from ..bodies import Fields, decode, hear_error, is_filled, is_given, maps_in, note_usage, request_of
from ..record import UNSENT_THINKING, Reply, Request, Thinking
from ..thinking import as_map, cohere_thinking
from ..vocabulary import ToolFormat, WireFormat, count_of, text_of
from . import Dialect

# Finish reasons that are failures; any other, ERROR_LIMIT for a full context too, leaves an answer that stands.
_FAILURES = frozenset({"ERROR", "TIMEOUT", "ERROR_TOXIC", "USER_CANCEL"})


class _Request(Fields):
    model: Any = None
    messages: msgspec.Raw = msgspec.Raw()
    message: Any = None
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


class _FirstAnswer(Fields):
    """A reply of version 1, whole or as an event of a stream."""

    event_type: Any = None
    response: Any = None
    response_id: Any = None
    text: Any = None
    tool_calls: Any = None
    search_queries: Any = None
    tool_call_delta: Any = None
    finish_reason: Any = None
    meta: Any = None


class _Vectors(Fields):
    id: Any = None
    embeddings: msgspec.Raw = msgspec.Raw()
    meta: Any = None


_request = msgspec.json.Decoder(_Request)
_inputs = msgspec.json.Decoder(_Inputs)
_answer = msgspec.json.Decoder(_Answer)
_event = msgspec.json.Decoder(_Event)
_first_answer = msgspec.json.Decoder(_FirstAnswer)
_vectors = msgspec.json.Decoder(_Vectors)


def read_request(body: bytes, _: str) -> Request | None:
    """What a ``POST /v2/chat`` asks for."""
    sent = decode(_request, body)
    if sent is None or not is_filled(sent.messages):
        return None
    return _asked(sent, cohere_thinking(sent.thinking))


def read_first_request(body: bytes, _: str) -> Request | None:
    """What a ``POST /v1/chat`` asks for: one message, and a stream or not, which the SDKs always say."""
    sent = decode(_request, body)
    if sent is None or not isinstance(sent.message, str) or not isinstance(sent.stream, bool):
        return None
    return _asked(sent, UNSENT_THINKING)


def read_inputs(body: bytes, _: str) -> Request | None:
    """What a ``POST …/embed`` asks for."""
    sent = decode(_inputs, body)
    model = text_of(sent.model) if sent is not None else None
    if sent is None or model is None or not any(map(is_filled, (sent.texts, sent.images, sent.inputs))):
        return None
    return request_of(WireFormat.COHERE, "embeddings", model)


def _asked(sent: _Request, thinking: Thinking) -> Request | None:
    model = text_of(sent.model)
    if model is None:
        return None
    return request_of(
        WireFormat.COHERE,
        "chat",
        model,
        thinking,
        ToolFormat.NATIVE if is_filled(sent.tools) else ToolFormat.NONE,
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
        _read_usage(answer.usage, reply)
        _stop(answer.finish_reason, reply)


def read_event(data: bytes, reply: Reply) -> None:
    """What one event of a stream of version 2 says; the last is ``message-end``, and before ``[DONE]``."""
    event = decode(_event, data)
    if event is None:
        return
    delta = as_map(event.delta)
    if event.type == "message-end":
        reply.done = True
        _read_usage(delta.get("usage"), reply)
        _stop(delta.get("finish_reason"), reply)
        if is_given(delta.get("error")) and not reply.failed:
            hear_error({}, reply)
    elif event.type != "debug":
        reply.id = reply.id or text_of(event.id)
        _read_message(as_map(delta.get("message")), reply)


def read_first_reply(body: bytes, reply: Reply) -> None:
    """What a whole reply of version 1, or an error body, says; also one of several lines, which a read stream is."""
    answer = decode(_first_answer, body)
    if answer is not None and answer.event_type is None:
        reply.malformed = not isinstance(answer.text, str)
        _read_first(answer, reply)
        return
    for line in body.splitlines():
        read_first_event(line, reply)
    reply.malformed = not reply.done


def read_first_event(data: bytes, reply: Reply) -> None:
    """What one event of a stream of version 1 says; the last holds the whole reply."""
    event = decode(_first_answer, data)
    if event is None:
        return
    if event.event_type == "stream-end":
        reply.done = True
        _read_end(as_map(event.response), reply)
        _stop(event.finish_reason, reply)
    else:
        _read_first(event, reply)


def read_vectors(body: bytes, reply: Reply) -> None:
    """What an answer with embeddings, or an error body, says."""
    told = decode(_vectors, body)
    if told is None or not told.embeddings:
        reply.malformed = True
        return
    reply.id = text_of(told.id)
    reply.committed = is_filled(told.embeddings)
    _read_usage(told.meta, reply)


def _read_first(answer: _FirstAnswer, reply: Reply) -> None:
    reply.id = reply.id or text_of(answer.response_id)
    # Text beside tool calls is the plan for them.
    if isinstance(answer.text, str) and answer.event_type in (None, "text-generation"):
        reply.say(answer.text)
    reply.committed |= any(map(is_given, (answer.tool_calls, answer.search_queries, answer.tool_call_delta)))
    _read_usage(answer.meta, reply)
    _stop(answer.finish_reason, reply)


def _read_end(response: Any, reply: Reply) -> None:
    reply.id = text_of(response.get("response_id")) or reply.id
    text = response.get("text")
    if isinstance(text, str) and not reply.content_len:
        reply.say(text)
    reply.committed |= is_given(response.get("tool_calls"))
    _read_usage(response.get("meta"), reply)


def _read_message(message: Any, reply: Reply) -> None:
    content = message.get("content")
    for part in [content] if isinstance(content, dict) else maps_in(content):
        text = part.get("text")
        if isinstance(text, str):
            reply.say(text)
        reply.committed |= is_given(part.get("thinking"))
    reply.committed |= is_given(message.get("tool_calls")) or is_given(message.get("tool_plan"))


def _read_usage(usage: object, reply: Reply) -> None:
    told = as_map(usage)
    # Of embeddings only what is billed is told.
    tokens = as_map(told.get("tokens")) or as_map(told.get("billed_units"))
    note_usage(
        reply.usage,
        input=tokens.get("input_tokens"),
        output=tokens.get("output_tokens"),
        cache_read=told.get("cached_tokens"),
    )


def _stop(reason: object, reply: Reply) -> None:
    reply.stop(reason)
    if isinstance(reason, str) and reason in _FAILURES:
        hear_error({"code": reason}, reply)


CHAT = Dialect("cohere_chat", WireFormat.COHERE, ("/v2/chat",), read_request, read_reply, read_event)
FIRST_CHAT = Dialect(
    "cohere_chat_v1", WireFormat.COHERE, ("/v1/chat",), read_first_request, read_first_reply, read_first_event
)
EMBED = Dialect("cohere_embed", WireFormat.COHERE, ("/v2/embed", "/v1/embed"), read_inputs, read_vectors, read_vectors)
DIALECTS = (CHAT, FIRST_CHAT, EMBED)
