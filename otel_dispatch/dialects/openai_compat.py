"""OpenAI's Chat Completions API and those shaped like it: https://platform.openai.com/docs/api-reference/chat."""

from collections.abc import Mapping
from typing import Any

import msgspec

from ..bodies import decode, is_given, maps_in, note_usage, plain
from ..compat import Asked, asked_in, request_in
from ..complaints import Answered, hear_complaint, hear_failure
from ..record import UNKNOWN_THINKING, Reply, Request
from ..routes import upstream_in
from ..thinking import as_map
from ..vocabulary import ToolFormat, WireFormat, text_of
from . import Dialect
from .plain_chat import hear_plain, output_of, plain_chunk, plain_completion

_COMMITMENTS = frozenset(
    {
        "tool_calls",
        "function_call",
        "refusal",
        "audio",
        "images",
        "reasoning_content",
        "reasoning",
        "reasoning_details",
    }
)

# Beside the details: Moonshot; DeepSeek; LiteLLM and others with Anthropic's models.
_CACHED = ("cached_tokens", "prompt_cache_hit_tokens", "cache_read_input_tokens")

# OpenRouter and Mistral; DeepSeek; Z.AI.
_FAILURES = frozenset({"error", "insufficient_system_resource", "network_error"})


class Completion(Answered):
    """What any of these calls is answered; a chunk of a stream has the same fields."""

    id: Any = None
    model: Any = None
    usage: Any = None
    provider: Any = None
    provider_metadata: Any = None
    request_id: Any = None
    data: msgspec.Raw = msgspec.Raw()


_completion = msgspec.json.Decoder(Completion)
_errors = msgspec.json.Decoder(list[Completion])


def read_request(body: bytes, path: str) -> Request | None:
    """What a ``POST …/chat/completions`` asks for; None where it names neither a model nor messages."""
    sent = asked_in(body)
    if sent is None:
        return Request(
            WireFormat.OPENAI_COMPAT,
            thinking=UNKNOWN_THINKING,
            tool_format=ToolFormat.UNKNOWN,
            api_type="chat_completions",
        )
    return chat_in(sent, path)


def chat_in(sent: Asked, path: str) -> Request | None:
    """What *sent* asks for, as read from the body of a chat."""
    request = request_in(sent, path, "chat", "chat_completions")
    return request if request.model is not None or sent.messages else None


def read_reply(body: bytes, reply: Reply) -> None:
    """What a whole completion, or an error body, says."""
    if (told := plain(plain_completion, body)) is not None:
        hear_plain(told, reply)
        return
    completion = completion_in(body, reply)
    if completion is not None and not reply.failed:
        # xAI answers a deferred call with a ticket.
        reply.unread = completion.choices is None and is_given(completion.request_id)
        reply.malformed = not reply.unread and not isinstance(completion.choices, list)


def completion_in(body: bytes, reply: Reply) -> Completion | None:
    """The whole completion in *body*, once what every answer says has been heard; None where it is none."""
    completion = decode(_completion, body)
    if completion is None:
        reply.malformed = not _is_error_list(body, reply)
    else:
        _read(completion, "message", reply)
    return completion


def read_event(data: bytes, reply: Reply) -> None:
    """What one chunk of a streamed completion says; ``[DONE]`` ends it."""
    if reply.model is not None and (text := plain(plain_chunk, data)) is not None:
        for choice in text.choices:
            reply.say(choice.delta.content)
        return
    if data.startswith(b"[DONE]"):
        reply.done = True
        return
    chunk = decode(_completion, data)
    if chunk is None:
        _is_error_list(data, reply)
    else:
        _read(chunk, "delta", reply)


def _read(completion: Completion, part: str, reply: Reply) -> None:
    reply.id = reply.id or text_of(completion.id)
    reply.model = reply.model or text_of(completion.model)
    if completion.provider is not None or completion.provider_metadata is not None:
        reply.upstream = text_of(completion.provider) or upstream_in(completion.provider_metadata) or reply.upstream
    hear_complaint(completion, reply)
    for choice in maps_in(completion.choices):
        _read_choice(choice, part, reply)
    usage = completion.usage
    if not usage and completion.x_groq is not None:
        usage = as_map(completion.x_groq).get("usage")
    if usage:
        _read_usage(as_map(usage), reply)


def _read_choice(choice: dict[str, Any], part: str, reply: Reply) -> None:
    _read_message(as_map(choice.get(part)), reply)
    text, finish, error = choice.get("text"), choice.get("finish_reason"), choice.get("error")
    if isinstance(text, str):
        reply.say(text)
    if finish is not None:
        reply.stop(finish)
    if (error and is_given(error)) or (isinstance(finish, str) and finish in _FAILURES and not reply.failed):
        hear_failure(error or {"code": finish}, reply)
    if "usage" in choice:
        _read_usage(as_map(choice["usage"]), reply)  # Moonshot's streams


def _read_message(message: Mapping[str, Any], reply: Reply) -> None:
    content = message.get("content")
    if isinstance(content, str):
        if not _is_thought(message):
            reply.say(content)
        elif is_given(content):
            reply.committed = True
    elif content is not None:
        _read_parts(content, reply)
    if not reply.committed:
        _note_commitments(message, reply)
    if "provider_metadata" in message:
        reply.upstream = upstream_in(message["provider_metadata"]) or reply.upstream


def _note_commitments(message: Mapping[str, Any], reply: Reply) -> None:
    for name, value in message.items():
        if value and name in _COMMITMENTS and is_given(value):
            reply.committed = True
            return


def _is_thought(message: Mapping[str, Any]) -> bool:
    # Gemini's compatible endpoint marks thoughts so.
    extra = message.get("extra_content")
    return extra is not None and as_map(as_map(extra).get("google")).get("thought") is True


def _read_parts(content: object, reply: Reply) -> None:
    for part in maps_in(content):
        text = part.get("text")
        if part.get("type", "text") != "text":
            reply.committed = True
        elif isinstance(text, str):
            reply.say(text)


def _read_usage(usage: Any, reply: Reply) -> None:
    told = usage.get
    prompt, completion = as_map(told("prompt_tokens_details")), as_map(told("completion_tokens_details"))
    read, output = prompt.get("cached_tokens"), told("completion_tokens")
    for name in _CACHED if read is None else ():
        read = told(name) if read is None else read
    if (reasoning := completion.get("reasoning_tokens")) is None:
        reasoning = told("reasoning_tokens")
    if reasoning:
        output = output_of(told("prompt_tokens"), output, reasoning, told("total_tokens"))
    written = prompt.get("cache_creation_input_tokens", told("cache_creation_input_tokens"))
    written = prompt.get("cache_write_tokens", written)
    note_usage(reply.usage, told("prompt_tokens"), output, read, written, reasoning)


def _is_error_list(body: bytes, reply: Reply) -> bool:
    # Gemini's compatible endpoint wraps an error in an array.
    wrapped = decode(_errors, body) if body.lstrip().startswith(b"[") else None
    return hear_complaint(wrapped[0], reply) if wrapped else False


CHAT = Dialect("openai_chat", WireFormat.OPENAI_COMPAT, ("/chat/completions",), read_request, read_reply, read_event)
DIALECTS = (CHAT,)
