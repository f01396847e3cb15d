"""Replies in the shape that OpenAI's responses API documents, with made-up content."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence

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


def responses(
    text: str = "Done.",
    *,
    model: str,
    tool_calls: int = 0,
    status: str = "completed",
    incomplete_reason: str | None = None,
    usage: Usage = (9, 12),
    reasoning_summary: str | None = None,
    reasoning_effort: str | None = None,
    reasoning_tokens: int = 0,
    cached_tokens: int = 0,
) -> Answer:
    """Return a whole response, without a message item if tool calls come with an empty text."""
    counted = _response_usage(usage, reasoning_tokens, cached_tokens)
    output = _items(text, reasoning_summary, tool_calls, status)
    head = _response_head(model, reasoning_effort)
    return whole("openai", {**head, **_outcome(status, incomplete_reason, output, counted)})


def responses_stream(
    texts: Sequence[str] = ("Done", "."),
    *,
    model: str,
    tool_calls: int = 0,
    status: str = "completed",
    incomplete_reason: str | None = None,
    usage: Usage = (9, 12),
    reasoning_summary: str | None = None,
    reasoning_effort: str | None = None,
    reasoning_tokens: int = 0,
    cached_tokens: int = 0,
) -> Answer:
    """Return a streamed response, whose last event is named after its status."""
    counted = _response_usage(usage, reasoning_tokens, cached_tokens)
    output = _items("".join(texts), reasoning_summary, tool_calls, status)
    head = _response_head(model, reasoning_effort)
    begun = {**head, **_outcome("in_progress", None, [], None)}
    ended = {**head, **_outcome(status, incomplete_reason, output, counted)}
    opening = ("response.created", "response.in_progress")
    events: list[Json] = [{"type": name, "response": begun} for name in opening]
    for index, item in enumerate(output):
        events += [{"output_index": index, **part} for part in _item_events(item, texts)]
    events.append({"type": f"response.{status}", "response": ended})
    numbered = ({**part, "sequence_number": n} for n, part in enumerate(events))
    return streamed("openai", (event(part["type"], part) for part in numbered))


def _response_head(model: str, effort: str | None) -> Json:
    return {
        "id": new_id("resp_"),
        "object": "response",
        "created_at": int(time.time()),
        "background": False,
        "instructions": None,
        "max_output_tokens": None,
        "metadata": {},
        "model": model,
        "parallel_tool_calls": True,
        "previous_response_id": None,
        "reasoning": {"effort": effort, "summary": None},
        "service_tier": "default",
        "store": True,
        "temperature": 1.0,
        "text": {"format": {"type": "text"}, "verbosity": "medium"},
        "tool_choice": "auto",
        "tools": [],
        "top_p": 1.0,
        "truncation": "disabled",
        "user": None,
    }


def _outcome(status: str, incomplete_reason: str | None, output: list[Json], usage: Json | None) -> Json:
    failure = {"code": "server_error", "message": "The model failed to generate a response."}
    return {
        "status": status,
        "error": failure if status == "failed" else None,
        "incomplete_details": {"reason": incomplete_reason} if incomplete_reason else None,
        "output": output,
        "usage": usage,
    }


def _response_usage(usage: Usage, reasoning_tokens: int, cached_tokens: int) -> Json | None:
    if usage is None:
        return None
    return {
        "input_tokens": usage[0],
        "input_tokens_details": {"cached_tokens": cached_tokens, "cache_write_tokens": 0},
        "output_tokens": usage[1],
        "output_tokens_details": {"reasoning_tokens": reasoning_tokens},
        "total_tokens": sum(usage),
    }


def _items(text: str, summary: str | None, tool_calls: int, status: str) -> list[Json]:
    items: list[Json] = []
    if summary is not None:
        parts = [{"type": "summary_text", "text": summary}]
        items.append({"id": new_id("rs_"), "type": "reasoning", "summary": parts})
    ending = "incomplete" if status == "incomplete" else "completed"
    if (text or not tool_calls) and status != "failed":
        part = {"type": "output_text", "text": text, "annotations": [], "logprobs": []}
        message = {"type": "message", "role": "assistant", "status": ending, "content": [part]}
        items.append({"id": new_id("msg_"), **message})
    for n in range(tool_calls):
        call = {"call_id": new_id("call_"), "name": TOOL, "arguments": arguments(n), "status": "completed"}
        items.append({"id": new_id("fc_"), "type": "function_call", **call})
    return items


def _item_events(item: Json, texts: Sequence[str]) -> Iterator[Json]:
    emptied = {"status": "in_progress", "content": [], "summary": [], "arguments": ""}
    yield {"type": "response.output_item.added", "item": {k: emptied.get(k, v) for k, v in item.items()}}
    parts = {"message": _text_events, "reasoning": _summary_events, "function_call": _call_events}
    for part in parts[item["type"]](item, texts):
        yield {"item_id": item["id"], **part}
    yield {"type": "response.output_item.done", "item": item}


def _text_events(item: Json, texts: Sequence[str]) -> Iterator[Json]:
    part = item["content"][0]
    at = {"content_index": 0}
    yield {"type": "response.content_part.added", **at, "part": {**part, "text": ""}}
    for piece in texts:
        yield {
            "type": "response.output_text.delta",
            **at,
            "delta": piece,
            "logprobs": [],
            "obfuscation": padding(piece),
        }
    yield {"type": "response.output_text.done", **at, "text": part["text"], "logprobs": []}
    yield {"type": "response.content_part.done", **at, "part": part}


def _summary_events(item: Json, _texts: Sequence[str]) -> Iterator[Json]:
    part = item["summary"][0]
    at = {"summary_index": 0}
    yield {"type": "response.reasoning_summary_part.added", **at, "part": {**part, "text": ""}}
    for piece in halves(part["text"]):
        yield {"type": "response.reasoning_summary_text.delta", **at, "delta": piece}
    yield {"type": "response.reasoning_summary_text.done", **at, "text": part["text"]}
    yield {"type": "response.reasoning_summary_part.done", **at, "part": part}


def _call_events(item: Json, _texts: Sequence[str]) -> Iterator[Json]:
    for piece in halves(item["arguments"]):
        yield {"type": "response.function_call_arguments.delta", "delta": piece}
    whole = {"name": item["name"], "arguments": item["arguments"]}
    yield {"type": "response.function_call_arguments.done", **whole}
