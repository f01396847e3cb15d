"""Ollama's own API: https://github.com/ollama/ollama/blob/main/docs/api.md."""

from typing import Any

import msgspec

from ..bodies import UNREADABLE, Fields, decode, hear_error, is_filled, is_given, maps_in, note_usage, request_of
from ..record import Reply, Request
from ..thinking import as_map, ollama_thinking
from ..vocabulary import ToolFormat, WireFormat, count_of, text_of
from . import Dialect

_NAME = "ollama"
_COMMITMENTS = ("thinking", "tool_calls", "images", "image")


class _Request(Fields):
    model: Any = None
    messages: msgspec.Raw = msgspec.Raw()
    prompt: Any = None
    stream: Any = None
    think: Any = None
    options: Any = None
    tools: msgspec.Raw = msgspec.Raw()
    # What the APIs of chat applications send to paths of these names, and nobody sends to Ollama.
    id: msgspec.Raw = msgspec.Raw()
    user_id: msgspec.Raw = msgspec.Raw()
    chat_id: msgspec.Raw = msgspec.Raw()
    session_id: msgspec.Raw = msgspec.Raw()
    conversation_id: msgspec.Raw = msgspec.Raw()
    userId: msgspec.Raw = msgspec.Raw()  # noqa: N815 - as it is sent
    chatId: msgspec.Raw = msgspec.Raw()  # noqa: N815
    sessionId: msgspec.Raw = msgspec.Raw()  # noqa: N815
    conversationId: msgspec.Raw = msgspec.Raw()  # noqa: N815


class _Message(Fields):
    role: Any = None
    id: msgspec.Raw = msgspec.Raw()
    parts: msgspec.Raw = msgspec.Raw()


class _Dialogue(Fields):
    messages: Any = None


class _Inputs(Fields):
    model: Any = None
    input: msgspec.Raw = msgspec.Raw()
    prompt: msgspec.Raw = msgspec.Raw()


class _Answer(Fields):
    model: Any = None
    message: Any = None
    response: Any = None
    thinking: Any = None
    image: Any = None
    done: Any = None
    done_reason: Any = None
    prompt_eval_count: Any = None
    eval_count: Any = None
    error: Any = None


class _Vectors(Fields):
    model: Any = None
    embeddings: msgspec.Raw = msgspec.Raw()
    embedding: msgspec.Raw = msgspec.Raw()
    prompt_eval_count: Any = None
    error: Any = None


_request = msgspec.json.Decoder(_Request)
_messages = msgspec.json.Decoder(list[_Message])
_dialogue = msgspec.json.Decoder(_Dialogue)
_inputs = msgspec.json.Decoder(_Inputs)
_answer = msgspec.json.Decoder(_Answer)
_vectors = msgspec.json.Decoder(_Vectors)
_UI = frozenset({"id", "parts"})
_FOREIGN = tuple(_Request.__struct_fields__[7:])


def read_chat(body: bytes, _: str) -> Request | None:
    """What a ``POST /api/chat`` asks for; None for the chat of an application's own, and where a model is loaded."""
    sent = decode(_request, body)
    return _asked(sent, "chat") if sent is not None and _is_dialogue(sent.messages) else None


def read_generate(body: bytes, _: str) -> Request | None:
    """What a ``POST /api/generate`` asks for; None where it has no prompt, which loads a model or unloads it."""
    sent = decode(_request, body)
    is_prompted = sent is not None and isinstance(sent.prompt, str) and sent.prompt != ""
    return _asked(sent, "text_completion") if sent is not None and is_prompted else None


def read_inputs(body: bytes, _: str) -> Request | None:
    """What a ``POST /api/embed`` or ``/api/embeddings`` asks for."""
    sent = decode(_inputs, body)
    model = text_of(sent.model) if sent is not None else None
    if sent is None or model is None or not (_is_text(sent.input) or is_filled(sent.input) or _is_text(sent.prompt)):
        return None
    return request_of(WireFormat.OLLAMA, "embeddings", model)


def _asked(sent: _Request, operation: str) -> Request | None:
    model = text_of(sent.model)
    if model is None or any(map(sent.__getattribute__, _FOREIGN)):
        return None
    return request_of(
        WireFormat.OLLAMA,
        operation,
        model,
        ollama_thinking(sent.think),
        # The Python SDK sends an empty list where there are none.
        ToolFormat.NATIVE if is_filled(sent.tools) else ToolFormat.NONE,
        sent.stream is not False,
        # Negative is no limit.
        count_of(as_map(sent.options).get("num_predict")),
    )


def _is_dialogue(messages: msgspec.Raw) -> bool:
    if not is_filled(messages):
        return False
    try:
        found = _messages.decode(messages)
    except UNREADABLE:
        return _is_dialogue_after_all(messages)
    return all(isinstance(one.role, str) and not (one.id or one.parts) for one in found)


def _is_dialogue_after_all(messages: msgspec.Raw) -> bool:
    # msgspec refuses half an emoji in one of them, the lenient decoder does not.
    told = decode(_dialogue, b'{"messages":%b}' % bytes(messages))
    found = maps_in(told.messages) if told is not None else []
    return bool(found) and all(isinstance(one.get("role"), str) and not _UI & one.keys() for one in found)


def _is_text(raw: msgspec.Raw) -> bool:
    return bytes(raw).lstrip()[:1] == b'"' and len(bytes(raw).strip()) > 2


def read_reply(body: bytes, reply: Reply) -> None:
    """What a whole answer, or an error body, says; also one of several lines, which a read stream is."""
    answer = decode(_answer, body)
    if answer is not None:
        _read(answer, reply)
        reply.malformed = not (reply.failed or reply.done)
        return
    for line in body.splitlines():
        read_event(line, reply)
    reply.malformed = not (reply.failed or reply.done)


def read_event(data: bytes, reply: Reply) -> None:
    """What one line of a stream says; the last says ``done``."""
    answer = decode(_answer, data)
    if answer is not None:
        _read(answer, reply)


def read_vectors(body: bytes, reply: Reply) -> None:
    """What an answer with embeddings, or an error body, says; the older endpoint names no model."""
    told = decode(_vectors, body)
    if told is None:
        reply.malformed = True
    elif is_given(told.error):
        hear_error(told.error, reply)
    else:
        reply.committed = is_filled(told.embeddings) or is_filled(told.embedding)
        reply.malformed = not (told.embeddings or told.embedding)
        reply.model = text_of(told.model)
        note_usage(reply.usage, input=told.prompt_eval_count)


def _read(answer: _Answer, reply: Reply) -> None:
    if is_given(answer.error):
        hear_error(answer.error, reply)
        return
    reply.model = reply.model or text_of(answer.model)
    message = as_map(answer.message)
    for text in (message.get("content"), answer.response):
        if isinstance(text, str):
            reply.say(text)
    if not reply.committed:
        told = (*map(message.get, _COMMITMENTS), answer.thinking, answer.image)
        reply.committed = any(map(is_given, told))
    reply.done |= answer.done is True
    reply.stop(answer.done_reason)
    note_usage(reply.usage, input=answer.prompt_eval_count, output=answer.eval_count)


CHAT = Dialect("ollama_chat", WireFormat.OLLAMA, ("/api/chat",), read_chat, read_reply, read_event, _NAME)
GENERATE = Dialect(
    "ollama_generate", WireFormat.OLLAMA, ("/api/generate",), read_generate, read_reply, read_event, _NAME
)
EMBED = Dialect(
    "ollama_embed", WireFormat.OLLAMA, ("/api/embed", "/api/embeddings"), read_inputs, read_vectors, read_vectors, _NAME
)
DIALECTS = (CHAT, GENERATE, EMBED)
