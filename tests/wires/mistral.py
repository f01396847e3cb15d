"""Replies in the shape that Mistral documents where it is not OpenAI's, with made-up content."""

import json
from collections.abc import Sequence
from typing import Any

from otel_dispatch.demo.answer import TOOL, Answer, Json, Usage, event, new_id


def mistral_chat(content: Any = "Done.", *, model: str = "m", finish: str = "stop", tool_calls: int = 0) -> Answer:
    """Return a whole completion, whose content may be text or chunks."""
    calls = {"tool_calls": [_call(n) for n in range(tool_calls)]} if tool_calls else {}
    message = {"role": "assistant", "content": content, **calls}
    choice = {"index": 0, "message": message, "finish_reason": finish}
    return whole({**_head(model, "chat.completion"), "choices": [choice], "usage": _usage((9, 12))})


def mistral_chat_stream(
    contents: Sequence[Any] = ("Done", "."), *, model: str = "m", finish: str = "stop", done: bool = True
) -> Answer:
    """Return a streamed completion; the last chunk carries finish and usage."""
    head = _head(model, "chat.completion.chunk")
    chunks = [{**head, "choices": [_choice({"role": "assistant", "content": each}, None)]} for each in contents]
    chunks.append({**head, "choices": [_choice({"content": ""}, finish)], "usage": _usage((9, 12))})
    return streamed([*(event(None, chunk) for chunk in chunks), *([event(None, "[DONE]")] if done else [])])


def mistral_turn(
    content: Any = "Done.", *, model: str | None = "m", usage: Usage = (9, 12), calls: bool = False
) -> Answer:
    """Return a whole turn of a conversation."""
    outputs = [_entry("message.output", model=model, role="assistant", content=content)]
    if calls:
        outputs.append(_entry("function.call", tool_call_id="c1", name=TOOL, arguments='{"path": "step_1.md"}'))
    body = {"object": "conversation.response", "conversation_id": new_id("conv_"), "outputs": outputs}
    return whole({**body, "usage": _usage(usage)})


def mistral_turn_stream(
    contents: Sequence[Any] = ("Done", "."), *, model: str = "m", error: int | None = None, calls: bool = False
) -> Answer:
    """Return a streamed turn of a conversation, which ends as an *error* with this code where there is one."""
    steps: list[Json] = [{"type": "conversation.response.started", "conversation_id": new_id("conv_")}]
    message = _part("message.output.delta", model=model, role="assistant")
    steps += [{**message, "content": each} for each in contents]
    if calls:
        steps.append(_part("function.call.delta", name=TOOL, tool_call_id="c1", arguments="{}"))
    if error is None:
        steps.append({"type": "conversation.response.done", "usage": _usage((9, 12))})
    else:
        steps.append({"type": "conversation.response.error", "message": "secret words", "code": error})
    return streamed([event(step["type"], step) for step in steps])


def mistral_error(status: int, type: str = "invalid_request_error") -> Answer:  # noqa: A002 - Mistral's name
    """Return a refused request."""
    return whole({"object": "error", "message": "secret words", "type": type, "param": None, "code": "1500"}, status)


def whole(body: Json, status: int = 200) -> Answer:
    """Return *body* as a whole answer."""
    return Answer(status, {"content-type": "application/json"}, json.dumps(body).encode())


def streamed(events: Sequence[bytes]) -> Answer:
    """Return *events* as a streamed answer."""
    return Answer(headers={"content-type": "text/event-stream; charset=utf-8"}, chunks=events)


def _head(model: str, kind: str) -> Json:
    return {"id": new_id(""), "object": kind, "created": 1795262400, "model": model}


def _choice(delta: Json, finish: str | None) -> Json:
    return {"index": 0, "delta": delta, "finish_reason": finish}


def _call(n: int) -> Json:
    return {"id": f"call{n:05}", "function": {"name": TOOL, "arguments": '{"path": "step_1.md"}'}, "index": n}


def _entry(kind: str, **told: Any) -> Json:
    at = "2026-11-21T12:00:00Z"
    return {"object": "entry", "type": kind, "id": new_id("e_"), "created_at": at, "completed_at": at, **told}


def _part(kind: str, **told: Any) -> Json:
    return {"type": kind, "id": new_id("e_"), "created_at": "2026-11-21T12:00:00Z", "output_index": 0, **told}


def _usage(usage: Usage) -> Json:
    if usage is None:
        return {}
    return {"prompt_tokens": usage[0], "completion_tokens": usage[1], "total_tokens": sum(usage)}
