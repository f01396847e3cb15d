"""Replies in the shape that Anthropic's messages API documents, with made-up content."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence

from otel_dispatch.demo.answer import TOOL, Answer, Json, Usage, arguments, event, halves, new_id, streamed, whole


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
    return whole("anthropic", _message(model, content, _stop(stop, tool_calls), counted))


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
    return streamed("anthropic", (event(part["type"], part) for part in events))


def _stop(stop: str | None, tool_calls: int) -> str:
    return stop or ("tool_use" if tool_calls else "end_turn")


def _message(model: str, content: list[Json], stop: str | None, usage: Json) -> Json:
    return {
        "id": new_id("msg_01"),
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
        blocks.append({"type": "thinking", "thinking": thinking, "signature": new_id("Eq")})
    if redacted:
        blocks.append({"type": "redacted_thinking", "data": new_id("Em")})
    if text:
        blocks.append({"type": "text", "text": text})
    inputs = (json.loads(arguments(n)) for n in range(tool_calls))
    blocks += [{"type": "tool_use", "id": new_id("toolu_01"), "name": TOOL, "input": given} for given in inputs]
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
    for piece in halves(block["thinking"]):
        yield {"type": "thinking_delta", "thinking": piece}
    yield {"type": "signature_delta", "signature": block["signature"]}


def _input_deltas(block: Json, _texts: Sequence[str]) -> Iterator[Json]:
    for piece in ("", *halves(json.dumps(block["input"]))):
        yield {"type": "input_json_delta", "partial_json": piece}
