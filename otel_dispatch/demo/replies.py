"""Replies in the wire shapes that the OpenAI and Anthropic APIs document, with made-up content."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal, TypeAlias

Wire: TypeAlias = Literal["openai", "anthropic"]
Usage: TypeAlias = tuple[int, int] | None
Json: TypeAlias = dict[str, Any]

TOOL: Final = "read_file"

_REQUEST_ID: Final[Mapping[str, str]] = {"openai": "x-request-id", "anthropic": "request-id"}


@dataclass(frozen=True)
class Hangup:
    """Ends a streamed body by closing the connection before the body is complete."""


HANGUP: Final = Hangup()


@dataclass(frozen=True)
class Answer:
    """What the provider does with one request."""

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    chunks: Sequence[bytes | float | Hangup] | None = None
    delay: float = 0
    drop: bool = False
    gzip: bool = False


def event(name: str | None, data: Mapping[str, Any] | str) -> bytes:
    """Return one server-sent event, without an event line if the name is None."""
    text = data if isinstance(data, str) else json.dumps(data)
    return (f"event: {name}\n" if name else "").encode() + f"data: {text}\n\n".encode()


def error(
    wire: Wire,
    status: int,
    type: str,  # noqa: A002 - the providers' name
    code: str | None = None,
    message: str = "The request failed.",
    *,
    headers: Mapping[str, str] | None = None,
) -> Answer:
    """Return a refused request in the provider's documented error body."""
    body: Json = {"error": {"message": message, "type": type, "param": None, "code": code}}
    if wire == "anthropic":
        body = {"type": "error", "error": {"type": type, "message": message}, "request_id": _id("req_")}
    return _whole(wire, body, status, headers or {})


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
    return _whole("openai", body if counted is None else {**body, "usage": counted})


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
    deltas += [{"reasoning_content": piece} for piece in _halves(reasoning or "")]
    deltas += [{"content": piece} for piece in texts]
    deltas += [{"refusal": piece} for piece in _halves(refusal or "")]
    for n in range(tool_calls):
        call = _function(n)
        function = call["function"]
        opened = {**call, "index": n, "function": {**function, "arguments": ""}}
        pieces = ({"index": n, "function": {"arguments": piece}} for piece in _halves(function["arguments"]))
        deltas += [{"tool_calls": [part]} for part in (opened, *pieces)]
    steps = [*((delta, None) for delta in deltas), ({}, _finish(finish, tool_calls))]
    counted = _chat_usage(usage, reasoning_tokens, cached_tokens)
    head = _chat_head(model, "chat.completion.chunk")
    if counted is not None:
        head["usage"] = None
    chunks = [
        {**head, "choices": [{"index": 0, "delta": delta, "logprobs": None, "finish_reason": reason}]}
        for delta, reason in steps
    ]
    if counted is not None:
        chunks.append({**head, "choices": [], "usage": counted})
    last = [event(None, "[DONE]")] if done else []
    return _streamed("openai", [*(event(None, chunk) for chunk in chunks), *last])


def messages(
    text: str = "Done.",
    *,
    model: str,
    tool_calls: int = 0,
    stop: str | None = None,
    usage: Usage = (9, 12),
    thinking: str | None = None,
    redacted: bool = False,
    cache_read: int = 0,
    cache_write: int = 0,
    thinking_tokens: int | None = None,
) -> Answer:
    """Return a whole message, without a text block if the text is empty."""
    content = _blocks(text, thinking, redacted, tool_calls)
    counted = _message_usage(usage, cache_read, cache_write, thinking_tokens)
    return _whole("anthropic", _message(model, content, _stop(stop, tool_calls), counted))


def messages_stream(
    texts: Sequence[str] = ("Done", "."),
    *,
    model: str,
    tool_calls: int = 0,
    stop: str | None = None,
    usage: Usage = (9, 12),
    thinking: str | None = None,
    redacted: bool = False,
    cache_read: int = 0,
    cache_write: int = 0,
    thinking_tokens: int | None = None,
) -> Answer:
    """Return a streamed message, whose last usage holds the output tokens only."""
    counted = _message_usage(usage, cache_read, cache_write, thinking_tokens)
    opened = {k: v for k, v in counted.items() if k != "output_tokens_details"}
    if opened:
        opened["output_tokens"] = 1
    closed = {k: v for k, v in counted.items() if k in ("output_tokens", "output_tokens_details")}
    events: list[Json] = [{"type": "message_start", "message": _message(model, [], None, opened)}]
    for index, block in enumerate(_blocks("".join(texts), thinking, redacted, tool_calls)):
        events += [{"index": index, **part} for part in _block_events(block, texts)]
    events.insert(2 if len(events) > 1 else 1, {"type": "ping"})
    delta = {"stop_reason": _stop(stop, tool_calls), "stop_sequence": None}
    events.append({"type": "message_delta", "delta": delta, **({"usage": closed} if closed else {})})
    events.append({"type": "message_stop"})
    return _streamed("anthropic", (event(part["type"], part) for part in events))


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
    return _whole("openai", {**head, **_outcome(status, incomplete_reason, output, counted)})


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
    return _streamed("openai", (event(part["type"], part) for part in numbered))


def _whole(wire: Wire, body: Json, status: int = 200, headers: Mapping[str, str] | None = None) -> Answer:
    named = {"content-type": "application/json", _REQUEST_ID[wire]: _id("req_"), **(headers or {})}
    return Answer(status, named, json.dumps(body).encode())


def _streamed(wire: Wire, events: Iterable[bytes]) -> Answer:
    headers = {
        "content-type": "text/event-stream; charset=utf-8",
        "cache-control": "no-cache",
        _REQUEST_ID[wire]: _id("req_"),
    }
    return Answer(headers=headers, chunks=tuple(events))


def _id(prefix: str) -> str:
    return prefix + uuid.uuid4().hex[:24]


def _halves(text: str) -> list[str]:
    middle = len(text) // 2
    return [part for part in (text[:middle], text[middle:]) if part]


def _arguments(n: int) -> str:
    return json.dumps({"path": f"step_{n + 1}.md"})


def _function(n: int) -> Json:
    return {"id": _id("call_"), "type": "function", "function": {"name": TOOL, "arguments": _arguments(n)}}


def _finish(finish: str | None, tool_calls: int) -> str:
    return finish or ("tool_calls" if tool_calls else "stop")


def _chat_head(model: str, kind: str) -> Json:
    return {
        "id": _id("chatcmpl-"),
        "object": kind,
        "created": int(time.time()),
        "model": model,
        "service_tier": "default",
        "system_fingerprint": _id("fp_")[:13],
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


def _stop(stop: str | None, tool_calls: int) -> str:
    return stop or ("tool_use" if tool_calls else "end_turn")


def _message(model: str, content: list[Json], stop: str | None, usage: Json) -> Json:
    return {
        "id": _id("msg_01"),
        "type": "message",
        "role": "assistant",
        "model": model,
        "content": content,
        "stop_reason": stop,
        "stop_sequence": None,
        **({"usage": usage} if usage else {}),
    }


def _message_usage(usage: Usage, cache_read: int, cache_write: int, thinking_tokens: int | None) -> Json:
    if usage is None:
        return {}
    counted: Json = {
        "input_tokens": usage[0],
        "cache_creation_input_tokens": cache_write,
        "cache_read_input_tokens": cache_read,
        "cache_creation": {"ephemeral_5m_input_tokens": cache_write, "ephemeral_1h_input_tokens": 0},
        "output_tokens": usage[1],
        "service_tier": "standard",
    }
    if thinking_tokens is not None:
        counted["output_tokens_details"] = {"thinking_tokens": thinking_tokens}
    return counted


def _blocks(text: str, thinking: str | None, redacted: bool, tool_calls: int) -> list[Json]:
    blocks: list[Json] = []
    if thinking is not None:
        blocks.append({"type": "thinking", "thinking": thinking, "signature": _id("Eq")})
    if redacted:
        blocks.append({"type": "redacted_thinking", "data": _id("Em")})
    if text:
        blocks.append({"type": "text", "text": text})
    inputs = (json.loads(_arguments(n)) for n in range(tool_calls))
    blocks += [{"type": "tool_use", "id": _id("toolu_01"), "name": TOOL, "input": given} for given in inputs]
    return blocks


def _block_events(block: Json, texts: Sequence[str]) -> Iterator[Json]:
    emptied: Json = {"text": "", "thinking": "", "signature": "", "input": {}}
    deltas = {"text": _text_deltas, "thinking": _thinking_deltas, "tool_use": _input_deltas}.get(block["type"])
    yield {"type": "content_block_start", "content_block": {k: emptied.get(k, v) for k, v in block.items()}}
    for delta in deltas(block, texts) if deltas else ():
        yield {"type": "content_block_delta", "delta": delta}
    yield {"type": "content_block_stop"}


def _text_deltas(_block: Json, texts: Sequence[str]) -> Iterator[Json]:
    for piece in texts:
        yield {"type": "text_delta", "text": piece}


def _thinking_deltas(block: Json, _texts: Sequence[str]) -> Iterator[Json]:
    for piece in _halves(block["thinking"]):
        yield {"type": "thinking_delta", "thinking": piece}
    yield {"type": "signature_delta", "signature": block["signature"]}


def _input_deltas(block: Json, _texts: Sequence[str]) -> Iterator[Json]:
    for piece in ("", *_halves(json.dumps(block["input"]))):
        yield {"type": "input_json_delta", "partial_json": piece}


def _response_head(model: str, effort: str | None) -> Json:
    return {
        "id": _id("resp_"),
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
        items.append({"id": _id("rs_"), "type": "reasoning", "summary": parts})
    ending = "incomplete" if status == "incomplete" else "completed"
    if (text or not tool_calls) and status != "failed":
        part = {"type": "output_text", "text": text, "annotations": [], "logprobs": []}
        message = {"type": "message", "role": "assistant", "status": ending, "content": [part]}
        items.append({"id": _id("msg_"), **message})
    for n in range(tool_calls):
        call = {"call_id": _id("call_"), "name": TOOL, "arguments": _arguments(n), "status": "completed"}
        items.append({"id": _id("fc_"), "type": "function_call", **call})
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
        yield {"type": "response.output_text.delta", **at, "delta": piece, "logprobs": []}
    yield {"type": "response.output_text.done", **at, "text": part["text"], "logprobs": []}
    yield {"type": "response.content_part.done", **at, "part": part}


def _summary_events(item: Json, _texts: Sequence[str]) -> Iterator[Json]:
    part = item["summary"][0]
    at = {"summary_index": 0}
    yield {"type": "response.reasoning_summary_part.added", **at, "part": {**part, "text": ""}}
    for piece in _halves(part["text"]):
        yield {"type": "response.reasoning_summary_text.delta", **at, "delta": piece}
    yield {"type": "response.reasoning_summary_text.done", **at, "text": part["text"]}
    yield {"type": "response.reasoning_summary_part.done", **at, "part": part}


def _call_events(item: Json, _texts: Sequence[str]) -> Iterator[Json]:
    for piece in _halves(item["arguments"]):
        yield {"type": "response.function_call_arguments.delta", "delta": piece}
    whole = {"name": item["name"], "arguments": item["arguments"]}
    yield {"type": "response.function_call_arguments.done", **whole}
