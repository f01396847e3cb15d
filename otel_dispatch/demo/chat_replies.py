"""Replies in the shape that OpenAI's chat API documents, with made-up content."""

from __future__ import annotations

import time
from collections.abc import Sequence

from otel_dispatch.demo.answer import (
    TOOL,
    Answer,
    Json,
    Usage,
    arguments,
    event,
    halves,
    new_id,
    padding,
    streamed,
    whole,
)


def chat(
    text: str = "Done.",
    *,
    model: str,
    tool_calls: int = 0,
    finish: str | None = None,
    usage: Usage = (9, 12),
    reasoning: str | None = None,
    refusal: str | None = None,
    reasoning_tokens: int = 0,
    cached_tokens: int = 0,
) -> Answer:
    """Return a whole chat completion, which by default finishes as its tool calls suggest."""
    message: Json = {"role": "assistant", "content": text, "refusal": refusal, "annotations": []}
    if not text and (tool_calls or refusal):
        message["content"] = None
    if reasoning is not None:
        message["reasoning_content"] = reasoning
    if tool_calls:
        message["tool_calls"] = [_function(n) for n in range(tool_calls)]
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": _finish(finish, tool_calls)}
    body = {**_chat_head(model, "chat.completion"), "choices": [choice]}
    counted = _chat_usage(usage, reasoning_tokens, cached_tokens)
    return whole("openai", body if counted is None else {**body, "usage": counted})


def chat_stream(
    texts: Sequence[str] = ("Done", "."),
    *,
    model: str,
    tool_calls: int = 0,
    finish: str | None = None,
    usage: Usage = (9, 12),
    reasoning: str | None = None,
    refusal: str | None = None,
    reasoning_tokens: int = 0,
    cached_tokens: int = 0,
    done: bool = True,
) -> Answer:
    """Return a streamed chat completion, with a usage chunk unless the usage is None."""
    deltas: list[Json] = [{"role": "assistant", "content": "", "refusal": None}]
    deltas += [{"reasoning_content": piece} for piece in halves(reasoning or "")]
    deltas += [{"content": piece} for piece in texts]
    deltas += [{"refusal": piece} for piece in halves(refusal or "")]
    for n in range(tool_calls):
        call = _function(n)
        function = call["function"]
        opened = {**call, "index": n, "function": {**function, "arguments": ""}}
        pieces = ({"index": n, "function": {"arguments": piece}} for piece in halves(function["arguments"]))
        deltas += [{"tool_calls": [part]} for part in (opened, *pieces)]
    steps = [*((delta, None) for delta in deltas), ({}, _finish(finish, tool_calls))]
    counted = _chat_usage(usage, reasoning_tokens, cached_tokens)
    head = _chat_head(model, "chat.completion.chunk")
    if counted is not None:
        head["usage"] = None
    chunks = [
        {
            **head,
            "choices": [{"index": 0, "delta": delta, "logprobs": None, "finish_reason": reason}],
            "obfuscation": padding(str(delta.get("content") or "")),
        }
        for delta, reason in steps
    ]
    if counted is not None:
        chunks.append({**head, "choices": [], "usage": counted})
    last = [event(None, "[DONE]")] if done else []
    return streamed("openai", [*(event(None, chunk) for chunk in chunks), *last])


def _function(n: int) -> Json:
    return {"id": new_id("call_"), "type": "function", "function": {"name": TOOL, "arguments": arguments(n)}}


def _finish(finish: str | None, tool_calls: int) -> str:
    return finish or ("tool_calls" if tool_calls else "stop")


def _chat_head(model: str, kind: str) -> Json:
    return {
        "id": new_id("chatcmpl-"),
        "object": kind,
        "created": int(time.time()),
        "model": model,
        "service_tier": "default",
        "system_fingerprint": new_id("fp_")[:13],
    }


def _chat_usage(usage: Usage, reasoning_tokens: int, cached_tokens: int) -> Json | None:
    if usage is None:
        return None
    output = {"reasoning_tokens": reasoning_tokens, "audio_tokens": 0}
    predicted = {"accepted_prediction_tokens": 0, "rejected_prediction_tokens": 0}
    return {
        "prompt_tokens": usage[0],
        "completion_tokens": usage[1],
        "total_tokens": sum(usage),
        "prompt_tokens_details": {"cached_tokens": cached_tokens, "audio_tokens": 0},
        "completion_tokens_details": {**output, **predicted},
    }
