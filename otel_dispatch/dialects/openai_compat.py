"""OpenAI's Chat Completions API and those shaped like it: https://platform.openai.com/docs/api-reference/chat."""

from typing import Any

import msgspec

from ..bodies import UNREADABLE, Fields, decode, hear_error, is_filled, is_given, maps_in, note_usage, request_of
from ..record import UNKNOWN_THINKING, UNSENT_THINKING, Reply, Request, Thinking
from ..thinking import as_map, compat_thinking
from ..vocabulary import ToolFormat, WireFormat, count_of, text_of
from . import Dialect

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

# OpenRouter and Mistral; DeepSeek.
_FAILURES = frozenset({"error", "insufficient_system_resource"})


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


class _PlainDelta(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    content: str = ""
    role: Any = None
    refusal: None = None


class _PlainChoice(msgspec.Struct, gc=False):
    delta: _PlainDelta
    finish_reason: None = None
    error: None = None


class _PlainChunk(msgspec.Struct, gc=False):
    """The chunk that most of a stream consists of: text and nothing else; any other is refused and read in full."""

    choices: list[_PlainChoice]
    usage: None = None
    error: None = None


_plain_chunk = msgspec.json.Decoder(_PlainChunk)
_request = msgspec.json.Decoder(_Request)
_completion = msgspec.json.Decoder(_Completion)
_THINKING = tuple(_Request.__struct_fields__[6:])


def read_request(body: bytes, _: str) -> Request:
    """What a ``POST …/chat/completions`` asks for."""
    sent = decode(_request, body)
    if sent is None:
        return Request(
            WireFormat.OPENAI_COMPAT,
            thinking=UNKNOWN_THINKING,
            tool_format=ToolFormat.UNKNOWN,
            api_type="chat_completions",
        )
    offered = bool(sent.tools and is_filled(sent.tools)) or bool(sent.functions and is_filled(sent.functions))
    limit = count_of(sent.max_completion_tokens)
    return request_of(
        WireFormat.OPENAI_COMPAT,
        "chat",
        text_of(sent.model),
        _thinking_of(sent),
        ToolFormat.NATIVE if offered else ToolFormat.NONE,
        sent.stream is True,
        count_of(sent.max_tokens) if limit is None else limit,
        "chat_completions",
    )


def _thinking_of(sent: _Request) -> Thinking:
    told = msgspec.structs.astuple(sent)[-len(_THINKING) :]
    if told.count(None) == len(told):
        return UNSENT_THINKING
    return compat_thinking(dict(zip(_THINKING, told, strict=True)))


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
    if data.startswith(b"[DONE]"):
        reply.done = True
        return
    if reply.model is not None and _read_plain(data, reply):
        return
    chunk = decode(_completion, data)
    if chunk is None:
        _is_error_list(data, reply)
    elif _is_error(chunk):
        _hear_error(chunk, reply)
    else:
        _read(chunk, "delta", reply)


def _read_plain(data: bytes, reply: Reply) -> bool:
    try:
        choices = _plain_chunk.decode(data).choices
    except UNREADABLE:
        return False
    for choice in choices:
        reply.say(choice.delta.content)
    return True


def _read(completion: _Completion, part: str, reply: Reply) -> None:
    reply.id = reply.id or text_of(completion.id)
    reply.model = reply.model or text_of(completion.model)
    for choice in maps_in(completion.choices):
        message = as_map(choice.get(part))
        content = message.get("content")
        if isinstance(content, str):
            reply.say(content)
        elif content is not None:
            _read_parts(content, reply)
        if not reply.committed and (named := _COMMITMENTS & message.keys()):
            reply.committed = any(is_given(message[name]) for name in named)
        finish, error = choice.get("finish_reason"), choice.get("error")
        if finish is not None:
            reply.stop(finish)
        if is_given(error) or (isinstance(finish, str) and finish in _FAILURES):
            hear_error(error or {"code": finish}, reply)
    if completion.usage is not None:
        _read_usage(as_map(completion.usage), reply)


def _read_parts(content: object, reply: Reply) -> None:
    for part in maps_in(content):
        text = part.get("text")
        if part.get("type", "text") != "text":
            reply.committed = True
        elif isinstance(text, str):
            reply.say(text)


def _read_usage(usage: Any, reply: Reply) -> None:
    prompt, completion = as_map(usage.get("prompt_tokens_details")), as_map(usage.get("completion_tokens_details"))
    note_usage(
        reply.usage,
        input=usage.get("prompt_tokens"),
        output=usage.get("completion_tokens"),
        cache_read=prompt.get("cached_tokens"),
        cache_write=prompt.get("cache_write_tokens"),
        reasoning=completion.get("reasoning_tokens"),
    )
    if reply.usage.cache_read is None:
        note_usage(reply.usage, cache_read=usage.get("prompt_cache_hit_tokens"))  # DeepSeek's


def _is_error(completion: _Completion) -> bool:
    return is_given(completion.error) or (completion.choices is None and completion.object == "error")


def _hear_error(completion: _Completion, reply: Reply) -> None:
    # vLLM of old puts the error's fields at the top level, xAI the code beside an error that is text.
    told = completion.error if isinstance(completion.error, (dict, list)) else None
    hear_error(told or {"code": completion.code, "type": completion.type}, reply)


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

CHAT = Dialect("openai_chat", WireFormat.OPENAI_COMPAT, ("/chat/completions",), read_request, read_reply, read_event)
DIALECTS = (CHAT,)
