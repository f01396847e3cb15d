"""Version 1 of Cohere's chat: https://docs.cohere.com/v1/reference/chat."""

from typing import Any, Literal

import msgspec

from ..bodies import Fields, decode, is_given, is_text, plain
from ..record import UNSENT_THINKING, Reply, Request
from ..thinking import as_map
from ..vocabulary import WireFormat, text_of
from . import Dialect
from .cohere import asked_in, hear_stop, read_usage, request_in


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


class _FirstTextEvent(msgspec.Struct, gc=False):
    """The event that most of a stream consists of; any other is refused and read in full."""

    event_type: Literal["text-generation"]
    text: str
    response_id: None = None
    tool_calls: None = None
    search_queries: None = None
    tool_call_delta: None = None
    finish_reason: None = None
    meta: None = None


_first_answer = msgspec.json.Decoder(_FirstAnswer)
_first_text_event = msgspec.json.Decoder(_FirstTextEvent)


def read_first_request(body: bytes, _: str) -> Request | None:
    """What a ``POST /v1/chat`` asks for: one message, and a stream or not, which the SDKs always say."""
    sent = asked_in(body)
    if sent is None or not is_text(sent.message) or not isinstance(sent.stream, bool):
        return None
    return request_in(sent, UNSENT_THINKING)


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
    if (text := plain(_first_text_event, data)) is not None:
        reply.say(text.text)
        return
    event = decode(_first_answer, data)
    if event is None:
        return
    if event.event_type == "stream-end":
        reply.done = True
        _read_end(as_map(event.response), reply)
        hear_stop(event.finish_reason, reply)
    else:
        _read_first(event, reply)


def _read_first(answer: _FirstAnswer, reply: Reply) -> None:
    reply.id = reply.id or text_of(answer.response_id)
    # Text beside tool calls is the plan for them.
    if isinstance(answer.text, str) and answer.event_type in (None, "text-generation"):
        reply.say(answer.text)
    if is_given(answer.tool_calls) or is_given(answer.search_queries) or is_given(answer.tool_call_delta):
        reply.committed = True
    read_usage(answer.meta, reply)
    hear_stop(answer.finish_reason, reply)


def _read_end(response: Any, reply: Reply) -> None:
    reply.id = text_of(response.get("response_id")) or reply.id
    text = response.get("text")
    if isinstance(text, str) and not reply.content_len:
        reply.say(text)
    reply.committed |= is_given(response.get("tool_calls"))
    read_usage(response.get("meta"), reply)


FIRST_CHAT = Dialect(
    "cohere_chat_v1", WireFormat.COHERE, ("/v1/chat",), read_first_request, read_first_reply, read_first_event
)
DIALECTS = (FIRST_CHAT,)
