"""What Mistral serves beside chat completions: completions of agents, fill-in-the-middle, conversations that it keeps.

https://docs.mistral.ai/api. Conversations are a format of their own, for which the record has no name.
"""

from dataclasses import replace
from functools import lru_cache
from typing import Any, Literal

import msgspec

from ..bodies import Fields, decode, hear_error, is_filled, is_text, maps_in, note_usage, plain, request_of, tools_in
from ..compat import Asked, asked_in, request_in
from ..record import UNKNOWN_THINKING, UNSENT_THINKING, Reply, Request, Thinking
from ..thinking import as_map, effort_thinking
from ..vocabulary import ToolFormat, WireFormat, count_of, text_of
from . import Dialect, openai_compat


class _Asked(Asked):
    agent_id: Any = None


class _Turn(Fields):
    model: Any = None
    agent_id: Any = None
    inputs: msgspec.Raw = msgspec.Raw()
    tool_confirmations: msgspec.Raw = msgspec.Raw()
    from_entry_id: Any = None
    stream: Any = None
    completion_args: Any = None
    tools: msgspec.Raw = msgspec.Raw()


class _Answer(Fields):
    outputs: Any = None
    usage: Any = None


class _Event(Fields):
    type: Any = None
    model: Any = None
    content: Any = None
    usage: Any = None
    code: Any = None


class _TextEvent(msgspec.Struct, gc=False):
    """The event that most of a stream consists of; any other is refused and read in full."""

    type: Literal["message.output.delta"]
    content: str


_text_event = msgspec.json.Decoder(_TextEvent)
_asked = msgspec.json.Decoder(_Asked)
_turn = msgspec.json.Decoder(_Turn)
_answer = msgspec.json.Decoder(_Answer)
_event = msgspec.json.Decoder(_Event)


def read_agent(body: bytes, path: str) -> Request | None:
    """What a ``POST …/agents/completions`` asks for: an agent, which knows its model."""
    sent = decode(_asked, body)
    if sent is None or text_of(sent.agent_id) is None or not is_filled(sent.messages):
        return None
    return _by_agent(request_in(sent, path, "chat"), is_filled(sent.tools))


@lru_cache(256)
def _by_agent(asked: Request, is_offered: bool) -> Request:
    offered = ToolFormat.NATIVE if is_offered else ToolFormat.UNKNOWN
    return replace(asked, tool_format=offered, thinking=_unless_sent(asked.thinking))


def read_middle(body: bytes, path: str) -> Request | None:
    """What a ``POST …/fim/completions`` asks for."""
    sent = asked_in(body)
    if sent is None or text_of(sent.model) is None or not is_text(sent.prompt):
        return None
    return request_in(sent, path, "text_completion")


def read_turn(body: bytes, _: str) -> Request | None:
    """What a ``POST …/conversations`` asks for, which begins one, or that to one of them, which goes on with it."""
    sent = decode(_turn, body)
    if sent is None or not _is_turn(sent):
        return None
    model, args = text_of(sent.model), as_map(sent.completion_args)
    thinking = effort_thinking(args.get("reasoning_effort"))
    return request_of(
        WireFormat.UNKNOWN,
        "chat",
        model,
        thinking if model else _unless_sent(thinking),
        ToolFormat.UNKNOWN if model is None and not is_filled(sent.tools) else tools_in(sent.tools),
        sent.stream is True,
        count_of(args.get("max_tokens")),
    )


def _unless_sent(thinking: Thinking) -> Thinking:
    # An agent, or a conversation that goes on, has the config and the tools that it was made with.
    return UNKNOWN_THINKING if thinking is UNSENT_THINKING else thinking


def _is_turn(sent: _Turn) -> bool:
    is_said = is_text(sent.inputs) or is_filled(sent.inputs)
    if not (is_said or is_filled(sent.tool_confirmations) or text_of(sent.from_entry_id)):
        return False
    # To go on with a conversation no model is named; the SDKs always say whether they stream.
    return bool(text_of(sent.model) or text_of(sent.agent_id)) or isinstance(sent.stream, bool)


def read_outputs(body: bytes, reply: Reply) -> None:
    """What a whole turn, or an error body, says."""
    answer = decode(_answer, body)
    if answer is None or not isinstance(answer.outputs, list):
        reply.malformed = True
        return
    for entry in maps_in(answer.outputs):
        _read_entry(entry.get("type"), entry.get("model"), entry.get("content"), reply)
    _read_usage(answer.usage, reply)


def read_event(data: bytes, reply: Reply) -> None:
    """What one event of a streamed turn says."""
    text = plain(_text_event, data) if reply.model is not None else None
    if text is not None:
        reply.say(text.content)
        return
    event = decode(_event, data)
    if event is None:
        return
    if event.type == "conversation.response.done":
        reply.done = True
        _read_usage(event.usage, reply)
    elif event.type == "conversation.response.error":
        hear_error({"code": event.code}, reply)
    elif event.type != "conversation.response.started":
        _read_entry(event.type, event.model, event.content, reply)


def _read_entry(kind: object, model: object, content: object, reply: Reply) -> None:
    reply.model = reply.model or text_of(model)
    if kind not in ("message.output", "message.output.delta"):
        # A call of a function, the run of a tool, the hand-off to another agent.
        reply.committed |= isinstance(kind, str)
    elif isinstance(content, str):
        reply.say(content)
    else:
        for part in [content] if isinstance(content, dict) else maps_in(content):
            _read_part(part, reply)


def _read_part(part: Any, reply: Reply) -> None:
    text = part.get("text")
    if part.get("type", "text") != "text":
        reply.committed = True
    elif isinstance(text, str):
        reply.say(text)


def _read_usage(usage: object, reply: Reply) -> None:
    told = as_map(usage)
    note_usage(reply.usage, input=told.get("prompt_tokens"), output=told.get("completion_tokens"))


_READERS = openai_compat.read_reply, openai_compat.read_event
AGENT = Dialect("mistral_agents", WireFormat.OPENAI_COMPAT, ("/agents/completions",), read_agent, *_READERS)
MIDDLE = Dialect("mistral_fim", WireFormat.OPENAI_COMPAT, ("/fim/completions",), read_middle, *_READERS)
TURN = Dialect(
    "mistral_conversations",
    WireFormat.UNKNOWN,
    ("/conversations", "/conversations/", "/restart"),
    read_turn,
    read_outputs,
    read_event,
)
DIALECTS = (AGENT, MIDDLE, TURN)
