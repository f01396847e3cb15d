"""Ollama's own API: https://github.com/ollama/ollama/blob/main/docs/api.md."""

from typing import Any

import msgspec

from ..bodies import (
    Fields,
    decode,
    hear_error,
    is_filled,
    is_given,
    is_text,
    maps_in,
    note_usage,
    plain,
    request_of,
    tools_in,
)
from ..record import Reply, Request
from ..thinking import as_map, ollama_thinking
from ..vocabulary import WireFormat, count_of, text_of
from . import Dialect

_NAME, _WIRE_FORMAT = "ollama", WireFormat.OLLAMA
_SILENCE = msgspec.Raw(b'""')
_COMMITMENTS = ("thinking", "tool_calls", "images", "image")


class _Request(Fields):
    model: Any = None
    messages: msgspec.Raw = msgspec.Raw()
    prompt: msgspec.Raw = msgspec.Raw()
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


class _PlainMessage(msgspec.Struct, gc=False):
    role: str
    id: msgspec.UnsetType = msgspec.UNSET
    parts: msgspec.UnsetType = msgspec.UNSET


class _PlainChat(msgspec.Struct, gc=False):
    """What most chats are; any other is refused and read in full."""

    model: Any
    messages: list[_PlainMessage]
    stream: Any = None
    think: Any = None
    options: Any = None
    tools: msgspec.Raw = msgspec.Raw()
    id: msgspec.UnsetType = msgspec.UNSET
    user_id: msgspec.UnsetType = msgspec.UNSET
    chat_id: msgspec.UnsetType = msgspec.UNSET
    session_id: msgspec.UnsetType = msgspec.UNSET
    conversation_id: msgspec.UnsetType = msgspec.UNSET
    userId: msgspec.UnsetType = msgspec.UNSET  # noqa: N815
    chatId: msgspec.UnsetType = msgspec.UNSET  # noqa: N815
    sessionId: msgspec.UnsetType = msgspec.UNSET  # noqa: N815
    conversationId: msgspec.UnsetType = msgspec.UNSET  # noqa: N815


class _Message(Fields):
    role: Any = None
    id: msgspec.Raw = msgspec.Raw()
    parts: msgspec.Raw = msgspec.Raw()


class _Dialogue(Fields):
    messages: Any = None


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


class _TextMessage(msgspec.Struct, gc=False):
    content: str = ""
    thinking: None = None
    tool_calls: None = None
    images: None = None
    image: None = None


class _TextLine(msgspec.Struct, gc=False):
    """The line that most of a stream consists of; any other is refused and read in full."""

    done: bool = False
    message: _TextMessage | None = None
    response: str = ""
    thinking: None = None
    image: None = None
    done_reason: None = None
    prompt_eval_count: None = None
    eval_count: None = None
    error: None = None


_plain_chat = msgspec.json.Decoder(_PlainChat)
_request = msgspec.json.Decoder(_Request)
_messages = msgspec.json.Decoder(list[_Message])
_dialogue = msgspec.json.Decoder(_Dialogue)
_answer = msgspec.json.Decoder(_Answer)
_text_line = msgspec.json.Decoder(_TextLine)
_UI = frozenset({"id", "parts"})
_FOREIGN = tuple(_Request.__struct_fields__[7:])


def read_chat(body: bytes, _: str) -> Request | None:
    """What a ``POST /api/chat`` asks for; None for the chat of an application's own, and where a model is loaded."""
    chat = plain(_plain_chat, body)
    if chat is not None and chat.messages:
        return _asked(chat, "chat")
    sent = decode(_request, body)
    if sent is None or _is_foreign(sent) or not _is_dialogue(sent.messages):
        return None
    return _asked(sent, "chat")


def read_generate(body: bytes, _: str) -> Request | None:
    """What a ``POST /api/generate`` asks for; None where it has no prompt, which loads a model or unloads it."""
    sent = decode(_request, body)
    if sent is None or not is_said(sent.prompt) or _is_foreign(sent):
        return None
    return _asked(sent, "text_completion")


def _asked(sent: _Request | _PlainChat, operation: str) -> Request | None:
    model = text_of(sent.model)
    if model is None:
        return None
    return request_of(
        _WIRE_FORMAT,
        operation,
        model,
        ollama_thinking(sent.think),
        # The Python SDK sends an empty list where there are none.
        tools_in(sent.tools),
        sent.stream is not False,
        # Negative is no limit.
        count_of(as_map(sent.options).get("num_predict")),
    )


def _is_dialogue(messages: msgspec.Raw) -> bool:
    if not is_filled(messages):
        return False
    found = decode(_messages, messages)
    if found is None:
        return _is_dialogue_after_all(messages)
    return all(isinstance(one.role, str) and not (one.id or one.parts) for one in found)


def _is_dialogue_after_all(messages: msgspec.Raw) -> bool:
    # msgspec refuses half an emoji in one of them, the lenient decoder does not.
    told = decode(_dialogue, b'{"messages":%b}' % bytes(messages))
    found = maps_in(told.messages) if told is not None else []
    return bool(found) and all(isinstance(one.get("role"), str) and not _UI & one.keys() for one in found)


def is_said(raw: msgspec.Raw) -> bool:
    """Whether *raw* is a text and not an empty one."""
    return is_text(raw) and raw != _SILENCE


def _is_foreign(sent: _Request) -> bool:
    return any(getattr(sent, name) for name in _FOREIGN)


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
    line = plain(_text_line, data) if reply.model is not None else None
    if line is not None and not line.done:
        if line.message is not None:
            reply.say(line.message.content)
        reply.say(line.response)
        return
    answer = decode(_answer, data)
    if answer is not None:
        _read(answer, reply)


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
DIALECTS = (CHAT, GENERATE)
