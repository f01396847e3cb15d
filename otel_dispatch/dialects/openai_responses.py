"""OpenAI's Responses API: https://platform.openai.com/docs/api-reference/responses."""

from typing import Any

import msgspec

from ..bodies import Fields, decode, hear_error, is_filled, is_given, maps_in
from ..record import UNSENT_THINKING, Reply, Request
from ..thinking import as_map, effort_thinking
from ..vocabulary import ToolFormat, WireFormat, count_of, text_of
from . import Dialect


class _Request(Fields):
    model: Any = None
    stream: Any = None
    prompt: Any = None
    max_output_tokens: Any = None
    reasoning: Any = None
    tools: msgspec.Raw = msgspec.Raw()


class _Response(Fields):
    id: Any = None
    model: Any = None
    status: Any = None
    output: Any = None
    usage: Any = None
    error: Any = None
    incomplete_details: Any = None
    reasoning: Any = None


class _Event(Fields):
    type: Any = None
    delta: Any = None
    item: Any = None
    error: Any = None
    code: Any = None
    response: msgspec.Raw = msgspec.Raw()


_request = msgspec.json.Decoder(_Request)
_response = msgspec.json.Decoder(_Response)
_event = msgspec.json.Decoder(_Event)

_ENDS = frozenset({"response.completed", "response.incomplete", "response.failed", "response.cancelled"})
_COMMITMENTS = frozenset(
    {
        "response.refusal.delta",
        "response.function_call_arguments.delta",
        "response.custom_tool_call_input.delta",
        "response.mcp_call_arguments.delta",
        "response.code_interpreter_call_code.delta",
        "response.reasoning_summary_text.delta",
        "response.reasoning_text.delta",
        "response.audio.delta",
        "response.image_generation_call.partial_image",
    }
)


def read_request(body: bytes) -> Request | None:
    """What a ``POST …/responses`` asks for; None for the responses of a form, which name no model and no prompt."""
    sent = decode(_request, body)
    if sent is None or (text_of(sent.model) is None and text_of(as_map(sent.prompt).get("id")) is None):
        return None
    return Request(
        WireFormat.OPENAI_RESPONSES,
        model=text_of(sent.model),
        thinking=effort_thinking(as_map(sent.reasoning).get("effort")),
        tool_format=ToolFormat.NATIVE if is_filled(sent.tools) else ToolFormat.NONE,
        stream=sent.stream is True,
        max_tokens=count_of(sent.max_output_tokens),
        api_type="responses",
    )


def read_reply(body: bytes, reply: Reply) -> None:
    """What a whole response, or an error body, says."""
    response = decode(_response, body)
    if response is None:
        reply.malformed = True
    elif response.error is not None:
        _read_head(response, reply)
        hear_error(response.error, reply)
    else:
        reply.malformed = not isinstance(response.output, list)
        _read_head(response, reply)
        _read_output(response, reply)


def read_event(data: bytes, reply: Reply) -> None:
    """What one stream event says; the last carries the whole response."""
    if data == b"[DONE]":
        return
    event = decode(_event, data)
    if event is None:
        reply.malformed = True
    elif event.type == "response.output_text.delta":
        if isinstance(event.delta, str):
            reply.say(event.delta)
    elif event.type in _COMMITMENTS:
        reply.committed |= is_given(event.delta) or event.delta is None
    elif event.type == "response.output_item.added":
        _read_item(as_map(event.item), reply)
    elif event.type == "error":
        hear_error(event.error or {"code": event.code}, reply)
    elif event.response:
        _read_response(bytes(event.response), str(event.type) in _ENDS, reply)


def _read_response(body: bytes, is_last: bool, reply: Reply) -> None:
    response = decode(_response, body)
    if response is None:
        reply.malformed = True
        return
    _read_head(response, reply)
    if not is_last:
        return
    reply.done = True
    if response.error is not None:
        hear_error(response.error, reply)
    elif not reply.content_len:
        _read_output(response, reply)


def _read_head(response: _Response, reply: Reply) -> None:
    reply.id, reply.model = text_of(response.id) or reply.id, text_of(response.model) or reply.model
    if response.status not in ("in_progress", "queued", None):
        reply.stop(as_map(response.incomplete_details).get("reason") or response.status)
    thinking = effort_thinking(as_map(response.reasoning).get("effort"))
    if thinking is not UNSENT_THINKING:
        reply.thinking = thinking
    usage, kept = as_map(response.usage), reply.usage
    if usage:
        kept.input, kept.output = count_of(usage.get("input_tokens")), count_of(usage.get("output_tokens"))
        kept.cache_read = count_of(as_map(usage.get("input_tokens_details")).get("cached_tokens"))
        kept.cache_write = count_of(as_map(usage.get("input_tokens_details")).get("cache_write_tokens"))
        kept.reasoning = count_of(as_map(usage.get("output_tokens_details")).get("reasoning_tokens"))


def _read_output(response: _Response, reply: Reply) -> None:
    for item in maps_in(response.output):
        _read_item(item, reply)


def _read_item(item: Any, reply: Reply) -> None:
    kind = item.get("type")
    if kind == "message":
        for part in maps_in(item.get("content")):
            text = part.get("text")
            if part.get("type") == "output_text" and isinstance(text, str):
                reply.say(text)
            else:
                reply.committed = True
    elif kind == "reasoning":
        # The item alone is no thinking: a model that was billed for nothing also leaves one, empty.
        reply.committed |= any(is_given(item.get(name)) for name in ("summary", "content", "encrypted_content"))
    elif isinstance(kind, str):
        reply.committed = True


DIALECT = Dialect(WireFormat.OPENAI_RESPONSES, ("/responses",), read_request, read_reply, read_event)
