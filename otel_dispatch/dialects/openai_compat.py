"""OpenAI's Chat Completions API and those shaped like it: https://platform.openai.com/docs/api-reference/chat."""

from typing import Any

import msgspec

from ..bodies import Fields, decode, hear_error, is_filled, is_given, maps_in
from ..record import Reply, Request
from ..thinking import as_map, compat_thinking
from ..vocabulary import ToolFormat, WireFormat, count_of, text_of
from . import Dialect

_COMMITMENTS = (
    "tool_calls",
    "function_call",
    "refusal",
    "audio",
    "images",
    "reasoning_content",
    "reasoning",
    "reasoning_details",
)


class _Request(Fields):
    model: Any = None
    stream: Any = None
    max_tokens: Any = None
    max_completion_tokens: Any = None
    tools: msgspec.Raw = msgspec.Raw()
    functions: msgspec.Raw = msgspec.Raw()
    reasoning_effort: Any = None
    reasoning: Any = None
    thinking: Any = None
    thinking_budget: Any = None
    enable_thinking: Any = None
    chat_template_kwargs: Any = None
    chat_template_args: Any = None
    prompt_mode: Any = None
    google: Any = None
    extra_body: Any = None


class _Completion(Fields):
    object: Any = None
    id: Any = None
    model: Any = None
    choices: Any = None
    usage: Any = None
    error: Any = None
    code: Any = None
    type: Any = None


_request = msgspec.json.Decoder(_Request)
_completion = msgspec.json.Decoder(_Completion)
_THINKING = tuple(_Request.__struct_fields__[6:])


def read_request(body: bytes) -> Request:
    """What a ``POST …/chat/completions`` asks for."""
    sent = decode(_request, body)
    if sent is None:
        return Request(WireFormat.OPENAI_COMPAT, tool_format=ToolFormat.UNKNOWN, api_type="chat_completions")
    offered = is_filled(sent.tools) or is_filled(sent.functions)
    limit = count_of(sent.max_completion_tokens)
    return Request(
        WireFormat.OPENAI_COMPAT,
        model=text_of(sent.model),
        thinking=compat_thinking({name: getattr(sent, name) for name in _THINKING}),
        tool_format=ToolFormat.NATIVE if offered else ToolFormat.NONE,
        stream=sent.stream is True,
        max_tokens=count_of(sent.max_tokens) if limit is None else limit,
        api_type="chat_completions",
    )


def read_reply(body: bytes, reply: Reply) -> None:
    """What a whole completion, or an error body, says."""
    completion = decode(_completion, body)
    if completion is None:
        reply.malformed = not _is_error_list(body, reply)
    elif _is_error(completion):
        _hear_error(completion, reply)
    else:
        reply.malformed = not isinstance(completion.choices, list)
        _read(completion, "message", reply)


def read_event(data: bytes, reply: Reply) -> None:
    """What one chunk of a streamed completion says; ``[DONE]`` ends it."""
    if data == b"[DONE]":
        reply.done = True
        return
    chunk = decode(_completion, data)
    if chunk is None:
        reply.malformed = True
    elif chunk.error is not None:
        hear_error(chunk.error, reply)
    else:
        _read(chunk, "delta", reply)


def _read(completion: _Completion, part: str, reply: Reply) -> None:
    reply.id = reply.id or text_of(completion.id)
    reply.model = reply.model or text_of(completion.model)
    for choice in maps_in(completion.choices):
        message = as_map(choice.get(part))
        _read_content(message.get("content"), reply)
        if not reply.committed:
            reply.committed = any(is_given(message.get(name)) for name in _COMMITMENTS)
        reply.stop(choice.get("finish_reason"))
    if completion.usage is not None:
        _read_usage(as_map(completion.usage), reply)


def _read_content(content: object, reply: Reply) -> None:
    if isinstance(content, str):
        reply.say(content)
    for part in maps_in(content):
        text = part.get("text")
        if part.get("type", "text") != "text":
            reply.committed = True
        elif isinstance(text, str):
            reply.say(text)


def _read_usage(usage: Any, reply: Reply) -> None:
    kept, prompt = reply.usage, as_map(usage.get("prompt_tokens_details"))
    cached = prompt.get("cached_tokens", usage.get("prompt_cache_hit_tokens"))
    kept.input = count_of(usage.get("prompt_tokens"))
    kept.output = count_of(usage.get("completion_tokens"))
    kept.cache_read = count_of(cached)
    kept.cache_write = count_of(prompt.get("cache_write_tokens"))
    kept.reasoning = count_of(as_map(usage.get("completion_tokens_details")).get("reasoning_tokens"))


def _is_error(completion: _Completion) -> bool:
    return completion.error is not None or (completion.choices is None and completion.object == "error")


def _hear_error(completion: _Completion, reply: Reply) -> None:
    # vLLM of old puts the error's fields at the top level.
    hear_error(completion.error or {"code": completion.code, "type": completion.type}, reply)


def _is_error_list(body: bytes, reply: Reply) -> bool:
    # Gemini's compatible endpoint wraps an error in an array.
    if not body.lstrip().startswith(b"["):
        return False
    wrapped = decode(_errors, body)
    first = wrapped[0] if wrapped else None
    if first is None or not _is_error(first):
        return False
    _hear_error(first, reply)
    return True


_errors = msgspec.json.Decoder(list[_Completion])

DIALECT = Dialect(WireFormat.OPENAI_COMPAT, ("/chat/completions",), read_request, read_reply, read_event)
