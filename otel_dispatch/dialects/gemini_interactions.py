"""Google's Interactions API: https://ai.google.dev/api/interactions-api, in the revisions that google-genai speaks.

Since 2.0 (revision 2026-05-20) an answer consists of steps, before that of outputs; the events are named after them.
"""

from typing import Any, Literal

import msgspec

from ..bodies import Fields, decode, hear_error, is_given, maps_in, plain, request_of, tools_in
from ..record import UNSENT_THINKING, Reply, Request
from ..thinking import as_map, gemini_thinking
from ..vocabulary import ToolFormat, WireFormat, count_of, text_of
from . import Dialect
from .google import note_tokens


class _Request(Fields):
    model: Any = None
    agent: Any = None
    input: msgspec.Raw = msgspec.Raw()
    previous_interaction_id: Any = None
    generation_config: Any = None
    cached_content: Any = None
    stream: Any = None
    tools: msgspec.Raw = msgspec.Raw()


class _Interaction(Fields):
    id: Any = None
    model: Any = None
    agent: Any = None
    status: Any = None
    steps: Any = None
    outputs: Any = None
    usage: Any = None
    error: Any = None
    errors: Any = None
    generation_config: Any = None


class _Event(Fields):
    event_type: Any = None
    step: Any = None
    content: Any = None
    delta: Any = None
    status: Any = None
    usage: Any = None
    error: Any = None
    interaction: msgspec.Raw = msgspec.Raw()


class _TextDelta(msgspec.Struct, gc=False):
    type: Literal["text"]
    text: str


class _TextEvent(msgspec.Struct, gc=False):
    """The event that most of a stream consists of; any other is refused and read in full."""

    event_type: Literal["step.delta", "content.delta"]
    delta: _TextDelta
    step: None = None
    content: None = None
    status: None = None
    usage: None = None
    error: None = None
    interaction: None = None


_text_event = msgspec.json.Decoder(_TextEvent)
_request = msgspec.json.Decoder(_Request)
_interaction = msgspec.json.Decoder(_Interaction)
_event = msgspec.json.Decoder(_Event)

_WIRE_FORMAT = WireFormat.GEMINI_INTERACTIONS
_RUNNING = frozenset({"queued", "in_progress"})
_FAILED = frozenset({"failed", "cancelled"})
_ENDS = frozenset({"interaction.completed", "interaction.complete"})
# What the caller said, and what is only about what the model said.
_NOT_THE_MODELS = frozenset({"user_input", "function_result", "text_annotation", "text_annotation_delta"})
_THOUGHTS = frozenset({"thought", "thought_summary", "thought_signature"})


def read_request(body: bytes, _: str) -> Request | None:
    """What a ``POST …/interactions`` asks for; None for another interaction, which names no model and no agent.

    An agent's name stands where there is no model's: it is all that is asked for.
    """
    sent = decode(_request, body)
    model = None if sent is None else text_of(sent.model) or text_of(sent.agent)
    if sent is None or model is None or not (sent.input or text_of(sent.previous_interaction_id)):
        return None
    config = as_map(sent.generation_config)
    return request_of(
        _WIRE_FORMAT,
        "generate_content",
        model,
        gemini_thinking(config) if config else UNSENT_THINKING,
        _tools_of(sent),
        sent.stream is True,
        count_of(config.get("max_output_tokens")),
    )


def _tools_of(sent: _Request) -> ToolFormat:
    offered = tools_in(sent.tools)
    # What is cached may hold tools, and an agent brings its own.
    is_open = offered is ToolFormat.NONE and (is_given(sent.cached_content) or is_given(sent.agent))
    return ToolFormat.UNKNOWN if is_open else offered


def read_reply(body: bytes, reply: Reply) -> None:
    """What a whole interaction, or an error body, says."""
    interaction = decode(_interaction, body)
    if interaction is None:
        reply.malformed = True
    elif is_given(interaction.error):
        hear_error(interaction.error, reply)
    else:
        reply.malformed = text_of(interaction.status) is None
        # One that runs in the background is not there yet; that it has no steps says nothing about it.
        reply.unread = text_of(interaction.status) in _RUNNING
        _read(interaction, reply)
        _read_steps(interaction, reply)


def read_event(data: bytes, reply: Reply) -> None:
    """What one event of a stream says; the last carries the usage."""
    if (text := plain(_text_event, data)) is not None:
        reply.say(text.delta.text)
        return
    if data.startswith(b"[DONE]"):
        reply.done = True
        return
    event = decode(_event, data)
    if event is None:
        return
    if event.event_type == "error" or is_given(event.error):
        hear_error(event.error, reply)
        return
    for content in (event.step, event.content, event.delta):
        if content is not None:
            _read_item(as_map(content), reply)
    _note_status(event.status, None, reply)
    if event.usage is not None:
        _read_usage(event.usage, reply)
    interaction = decode(_interaction, bytes(event.interaction)) if event.interaction else None
    if interaction is not None:
        _read(interaction, reply)
        if not (reply.content_len or reply.committed):
            _read_steps(interaction, reply)
    reply.done |= text_of(event.event_type) in _ENDS


def _read(interaction: _Interaction, reply: Reply) -> None:
    # Of an agent its own name is answered, so that like is compared with like.
    reply.model = text_of(interaction.agent) or text_of(interaction.model) or reply.model
    reply.id = text_of(interaction.id) or reply.id
    if config := as_map(interaction.generation_config):
        thinking = gemini_thinking(config)
        reply.thinking = reply.thinking if thinking is UNSENT_THINKING else thinking
    _note_status(interaction.status, interaction.errors, reply)
    if interaction.usage is not None:
        _read_usage(interaction.usage, reply)


def _note_status(status: object, errors: object, reply: Reply) -> None:
    word = text_of(status)
    if word is not None and word not in _RUNNING:
        reply.stop(word)
    if word in _FAILED:
        hear_error({"code": reply.code or word, **next(iter(maps_in(errors)), {})}, reply)


def _read_steps(interaction: _Interaction, reply: Reply) -> None:
    for items in (interaction.steps, interaction.outputs):
        for item in maps_in(items):
            _read_item(item, reply)


def _read_item(item: Any, reply: Reply) -> None:
    """Read a step, a content or a delta: what is not text or thought, and not the caller's, commits to something."""
    kind, text = item.get("type"), item.get("text")
    if kind == "model_output":
        for content in maps_in(item.get("content")):
            _read_item(content, reply)
    elif kind == "text":
        if isinstance(text, str):
            reply.say(text)
    elif isinstance(kind, str) and kind not in _NOT_THE_MODELS:
        reply.committed |= (
            kind not in _THOUGHTS
            or is_given(item.get("signature"))
            or is_given(item.get("summary"))
            or is_given(item.get("content"))
        )


def _read_usage(usage: object, reply: Reply) -> None:
    told = as_map(usage)
    note_tokens(
        reply.usage,
        input=told.get("total_input_tokens"),
        tools=told.get("total_tool_use_tokens"),
        output=told.get("total_output_tokens"),
        thoughts=told.get("total_thought_tokens"),
        cached=told.get("total_cached_tokens"),
    )


INTERACTIONS = Dialect(
    "gemini_interactions",
    WireFormat.GEMINI_INTERACTIONS,
    ("/interactions",),
    read_request,
    read_reply,
    read_event,
)
DIALECTS = (INTERACTIONS,)
