"""OpenAI's Responses API: https://platform.openai.com/docs/api-reference/responses."""

from collections.abc import Callable
from typing import Any, Literal

import msgspec

from ..bodies import Fields, decode, hear_error, is_given, maps_in, note_usage, plain, request_of, tools_in
from ..record import UNKNOWN_THINKING, UNSENT_THINKING, Reply, Request, Thinking
from ..routes import Routed, models_of, upstreams_of
from ..thinking import as_map, compat_thinking, effort_thinking, reasoning_thinking
from ..vocabulary import ToolFormat, WireFormat, count_of, text_of
from . import Dialect


class _Request(Routed):
    stream: Any = None
    prompt: Any = None
    preset: Any = None
    input: msgspec.Raw = msgspec.Raw()
    max_output_tokens: Any = None
    reasoning: Any = None
    thinking: Any = None
    enable_thinking: Any = None
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


class _TextEvent(msgspec.Struct, gc=False):
    """The event that most of a stream consists of; any other is refused and read in full."""

    type: Literal["response.output_text.delta"]
    delta: str


_text_event = msgspec.json.Decoder(_TextEvent)
_request = msgspec.json.Decoder(_Request)
_response = msgspec.json.Decoder(_Response)
_event = msgspec.json.Decoder(_Event)

_WIRE_FORMAT = WireFormat.OPENAI_RESPONSES
_RUNNING = ("queued", "in_progress")
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


def read_request(body: bytes, _: str) -> Request | None:
    """What a ``POST …/responses`` asks for; None for the responses of a form, which name no model and no prompt."""
    sent = decode(_request, body)
    if sent is None:
        return None
    (model, fallbacks), thinking, tools = models_of(sent), _thinking_of(sent), tools_in(sent.tools)
    if _is_stored(sent):
        # What the prompt or the preset was stored with holds where the request says nothing.
        thinking = UNKNOWN_THINKING if thinking is UNSENT_THINKING else thinking
        tools = ToolFormat.UNKNOWN if tools is ToolFormat.NONE else tools
    elif model is None:
        return None
    return request_of(
        _WIRE_FORMAT,
        "chat",
        model,
        thinking,
        tools,
        sent.stream is True,
        count_of(sent.max_output_tokens),
        "responses",
        fallbacks,
        upstreams_of(sent),
    )


def _is_stored(sent: _Request) -> bool:
    """Whether *sent* names a prompt of the user's, or one of Perplexity's presets, with settings of its own."""
    if sent.prompt is not None and text_of(as_map(sent.prompt).get("id")) is not None:
        return True
    return sent.preset is not None and bool(sent.input) and text_of(sent.preset) is not None


def _thinking_of(sent: _Request) -> Thinking:
    if sent.thinking is None and sent.enable_thinking is None:
        return reasoning_thinking(sent.reasoning)
    # Volcengine's and DashScope's.
    names = "reasoning", "thinking", "enable_thinking"
    return compat_thinking({name: getattr(sent, name) for name in names})


def read_reply(body: bytes, reply: Reply) -> None:
    """What a whole response, or an error body, says."""
    response = decode(_response, body)
    if response is None:
        reply.malformed = True
        return
    _read_head(response, reply)
    if not _is_failed(response, reply):
        reply.malformed = not isinstance(response.output, list)
        # One that runs in the background is not there yet; an empty output says nothing about it.
        reply.unread = response.status in _RUNNING
        _read_output(response, reply)


def read_event(data: bytes, reply: Reply) -> None:
    """What one stream event says; the last carries the whole response."""
    if (text := plain(_text_event, data)) is not None:
        reply.say(text.delta)
        return
    event = decode(_event, data)
    kind = text_of(event.type) if event is not None else None
    if event is None:
        return
    if kind == "response.output_text.delta":
        if isinstance(event.delta, str):
            reply.say(event.delta)
    elif kind in _COMMITMENTS:
        reply.committed |= is_given(event.delta) or event.delta is None
    elif kind == "response.output_item.added":
        _read_item(as_map(event.item), reply)
    elif kind == "error" or is_given(event.error):
        hear_error(event.error or {"code": event.code}, reply)
    elif event.response:
        _read_response(bytes(event.response), kind in _ENDS, reply)


def _read_response(body: bytes, is_last: bool, reply: Reply) -> None:
    response = decode(_response, body)
    if response is None:
        return
    _read_head(response, reply)
    if is_last:
        reply.done = True
        if not _is_failed(response, reply) and not reply.content_len:
            _read_output(response, reply)


def _is_failed(response: _Response, reply: Reply) -> bool:
    if not is_given(response.error) and response.status not in ("failed", "cancelled"):
        return False
    hear_error(response.error or {"code": response.status}, reply)
    return True


def _read_head(response: _Response, reply: Reply) -> None:
    reply.id, reply.model = text_of(response.id) or reply.id, text_of(response.model) or reply.model
    if response.status not in _RUNNING:
        reason = as_map(response.incomplete_details).get("reason")
        reply.stop((text_of(reason) if reason is not None else None) or response.status)
    thinking = effort_thinking(as_map(response.reasoning).get("effort"))
    if thinking.level is not None:
        reply.thinking = thinking
    if response.usage is not None:
        _read_usage(as_map(response.usage).get, reply)


def _read_usage(told: Callable[[str], Any], reply: Reply) -> None:
    taken, given = as_map(told("input_tokens_details")), as_map(told("output_tokens_details"))
    note_usage(
        reply.usage,
        told("input_tokens"),
        told("output_tokens"),
        # Perplexity names them as Anthropic does.
        taken.get("cached_tokens", taken.get("cache_read_input_tokens")),
        taken.get("cache_write_tokens", taken.get("cache_creation_input_tokens")),
        given.get("reasoning_tokens"),
    )


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
        reply.committed |= (
            is_given(item.get("summary")) or is_given(item.get("content")) or is_given(item.get("encrypted_content"))
        )
    elif isinstance(kind, str):
        reply.committed = True


RESPONSES = Dialect(
    "openai_responses",
    WireFormat.OPENAI_RESPONSES,
    # A model is asked, and paid, for a shorter history, too.
    ("/responses", "/responses/compact"),
    read_request,
    read_reply,
    read_event,
)
DIALECTS = (RESPONSES,)
