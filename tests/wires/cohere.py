"""Replies in the shape that Cohere documents, versions 2 and 1, with made-up content."""

import json
from collections.abc import Iterable, Sequence
from typing import Any

from otel_dispatch.demo.answer import TOOL, Answer, Json, Usage, event, new_id

FIRST = "application/stream+json"
_CALL = {"id": "call_1", "type": "function", "function": {"name": TOOL, "arguments": '{"path": "step_1.md"}'}}
_FIRST_CALL = {"name": TOOL, "parameters": {"path": "step_1.md"}}


def cohere_chat(
    text: str = "Done.",
    *,
    finish: str = "COMPLETE",
    usage: Usage = (9, 12),
    thinking: str | None = None,
    tool_calls: int = 0,
    plan: str | None = None,
) -> Answer:
    """Return a whole reply of ``/v2/chat``."""
    content = [{"type": "thinking", "thinking": thinking}] if thinking is not None else []
    content += [{"type": "text", "text": text}] if text else []
    message: Json = {"role": "assistant", **({"content": content} if content else {})}
    if tool_calls:
        message.update(tool_plan=plan or "I will read.", tool_calls=[_CALL] * tool_calls)
    return whole({"id": new_id("c-"), "finish_reason": finish, "message": message, **_usage(usage)})


def cohere_chat_stream(
    texts: Sequence[str] = ("Done", "."),
    *,
    finish: str = "COMPLETE",
    usage: Usage = (9, 12),
    thinking: str | None = None,
    tool_calls: int = 0,
    plan: str | None = None,
    ends: bool = True,
) -> Answer:
    """Return a streamed reply of ``/v2/chat``, without its last event unless it *ends*."""
    steps = [("message-start", {"id": new_id("c-"), "delta": {"message": {"role": "assistant", "content": []}}})]
    if thinking is not None:
        steps += [_start(0, {"type": "thinking", "thinking": ""}), _delta(0, thinking=thinking), _end(0)]
    if texts:
        steps += [_start(1, {"type": "text", "text": ""}), *(_delta(1, text=piece) for piece in texts), _end(1)]
    if tool_calls:
        steps.append(("tool-plan-delta", {"delta": {"message": {"tool_plan": plan or "I will read."}}}))
        steps += _calls(tool_calls)
    if ends:
        steps.append(("message-end", {"delta": {"finish_reason": finish, **_usage(usage)}}))
    return events(steps)


def cohere_first_chat(
    text: str = "Done.", *, finish: str = "COMPLETE", usage: Usage = (9, 12), tool_calls: int = 0
) -> Answer:
    """Return a whole reply of ``/v1/chat``."""
    return whole(_first(text, finish, usage, tool_calls))


def cohere_first_chat_stream(
    texts: Sequence[str] = ("Done", "."), *, finish: str = "COMPLETE", usage: Usage = (9, 12), tool_calls: int = 0
) -> Answer:
    """Return a streamed reply of ``/v1/chat``."""
    lines: list[Json] = [{"event_type": "stream-start", "generation_id": new_id("g-")}]
    lines += [{"event_type": "text-generation", "text": piece} for piece in texts]
    if tool_calls:
        lines.append({"event_type": "tool-calls-chunk", "tool_call_delta": {"index": 0, "name": TOOL}})
        lines.append({"event_type": "tool-calls-generation", "text": "".join(texts), "tool_calls": [_FIRST_CALL]})
    end = {"event_type": "stream-end", "finish_reason": finish, "response": _first("".join(texts), finish, usage, 0)}
    lines.append(end)
    chunks = [json.dumps({"is_finished": line is end, **line}).encode() + b"\n" for line in lines]
    return Answer(headers={"content-type": FIRST}, chunks=chunks)


def cohere_embed(input_tokens: int = 9, vectors: int = 1) -> Answer:
    """Return an answer of ``/v2/embed``."""
    meta = {"api_version": {"version": "2"}, "billed_units": {"input_tokens": float(input_tokens)}}
    return whole({"id": new_id("e-"), "embeddings": {"float": [[0.5, -0.5]] * vectors}, "texts": ["x"], "meta": meta})


def cohere_error(status: int, message: str = "invalid request") -> Answer:
    """Return a refused request."""
    return whole({"id": new_id("x-"), "message": message}, status)


def whole(body: Json, status: int = 200) -> Answer:
    """Return *body* as a whole answer."""
    return Answer(status, {"content-type": "application/json"}, json.dumps(body).encode())


def events(steps: Iterable[tuple[str, Json]]) -> Answer:
    """Return *steps*, names and data, as a streamed reply of version 2."""
    chunks = [event(name, {"type": name, **data}) for name, data in steps]
    return Answer(headers={"content-type": "text/event-stream"}, chunks=[*chunks, event(None, "[DONE]")])


def _usage(usage: Usage) -> Json:
    if usage is None:
        return {}
    tokens = {"input_tokens": float(usage[0]), "output_tokens": float(usage[1])}
    return {"usage": {"billed_units": {"input_tokens": 1.0, "output_tokens": 1.0}, "tokens": tokens}}


def _first(text: str, finish: str, usage: Usage, tool_calls: int) -> Json:
    body = {"response_id": new_id("r-"), "generation_id": new_id("g-"), "text": text, "finish_reason": finish}
    calls: Json = {"tool_calls": [_FIRST_CALL] * tool_calls} if tool_calls else {}
    history = [{"role": "USER", "message": "hi"}, {"role": "CHATBOT", "message": text}]
    counted = {"meta": {"api_version": {"version": "1"}, **_usage(usage)["usage"]}} if usage else {}
    return {**body, **calls, "chat_history": history, **counted}


def _start(index: int, content: Json) -> tuple[str, Json]:
    return "content-start", {"index": index, "delta": {"message": {"content": content}}}


def _delta(index: int, **content: str) -> tuple[str, Json]:
    return "content-delta", {"index": index, "delta": {"message": {"content": content}}}


def _end(index: int) -> tuple[str, Json]:
    return "content-end", {"index": index}


def _calls(count: int) -> list[tuple[str, Any]]:
    steps: list[tuple[str, Any]] = []
    for index in range(count):
        more = {"function": {"arguments": '"}'}}
        steps += [
            ("tool-call-start", {"index": index, "delta": {"message": {"tool_calls": _CALL}}}),
            ("tool-call-delta", {"index": index, "delta": {"message": {"tool_calls": more}}}),
            ("tool-call-end", {"index": index}),
        ]
    return steps
