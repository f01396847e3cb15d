"""Bodies and streams of every wire format that are well formed and say as much as they can."""

import json
from collections.abc import Iterator
from typing import Any

from otel_dispatch.demo.provider import (
    Answer,
    chat,
    chat_stream,
    error,
    messages,
    messages_stream,
    responses,
    responses_stream,
)

TEXT = "Once upon a time, in a prompt."
_THOUGHT = {"type": "thinking", "thinking": TEXT, "signature": TEXT}

REQUESTS: dict[str, list[Any]] = {
    "openai_compat": [
        {
            "model": "m",
            "messages": [
                {"role": "system", "content": TEXT, "name": TEXT},
                {
                    "role": "user",
                    "content": [{"type": "text", "text": TEXT}, {"type": "image_url", "image_url": {"url": TEXT}}],
                },
                {"role": "assistant", "tool_calls": [{"id": "c", "function": {"name": TEXT, "arguments": TEXT}}]},
            ],
            "tools": [{"type": "function", "function": {"name": TEXT, "description": TEXT, "parameters": {"x": TEXT}}}],
            "stream": True,
            "max_completion_tokens": 50,
            "reasoning_effort": "high",
            "reasoning": {"effort": "high", "max_tokens": 5},
            "thinking": {"type": "enabled", "budget_tokens": 5},
            "chat_template_kwargs": {"enable_thinking": True, "note": TEXT},
            "google": {"thinking_config": {"thinking_budget": 5}},
            "metadata": {"x": TEXT},
            "user": TEXT,
            "stop": [TEXT],
            "prediction": {"type": "content", "content": TEXT},
        }
    ],
    "anthropic_native": [
        {
            "model": "m",
            "max_tokens": 50,
            "system": [{"type": "text", "text": TEXT}],
            "messages": [
                {"role": "user", "content": TEXT},
                {"role": "assistant", "content": [_THOUGHT, {"type": "tool_use", "name": TEXT, "input": {"x": TEXT}}]},
                {"role": "user", "content": [{"type": "tool_result", "content": TEXT}]},
            ],
            "tools": [{"name": TEXT, "description": TEXT, "input_schema": {"x": TEXT}}],
            "mcp_servers": [{"type": "url", "url": TEXT, "authorization_token": TEXT}],
            "thinking": {"type": "enabled", "budget_tokens": 5},
            "output_config": {"effort": "high", "format": {"schema": {"x": TEXT}}},
            "metadata": {"user_id": TEXT},
            "stop_sequences": [TEXT],
            "stream": True,
        }
    ],
    "openai_responses": [
        {
            "model": "m",
            "instructions": TEXT,
            "input": [{"role": "user", "content": [{"type": "input_text", "text": TEXT}]}],
            "prompt": {"id": "pmpt_1", "variables": {"x": TEXT}},
            "tools": [{"type": "function", "name": TEXT, "description": TEXT, "parameters": {"x": TEXT}}],
            "reasoning": {"effort": "high", "summary": "auto"},
            "max_output_tokens": 50,
            "stream": True,
            "metadata": {"x": TEXT},
        }
    ],
}

_WORDS = TEXT.split(" ")
_ALL: Any = {"model": "m", "tool_calls": 2}
_WHOLE: dict[str, list[Answer]] = {
    "openai_compat": [
        chat(TEXT, **_ALL, reasoning=TEXT, refusal=TEXT, reasoning_tokens=3, cached_tokens=4),
        chat("", model="m"),
        error("openai", 429, "requests", "rate_limit_exceeded", TEXT),
    ],
    "anthropic_native": [
        messages(TEXT, **_ALL, thinking=TEXT, redacted=True, cache_read=3, cache_write=4, thinking_tokens=5),
        messages("", model="m"),
        error("anthropic", 529, "overloaded_error", None, TEXT),
    ],
    "openai_responses": [
        responses(TEXT, **_ALL, reasoning_summary=TEXT, reasoning_effort="low", reasoning_tokens=3, cached_tokens=4),
        responses("", model="m"),
        responses(TEXT, model="m", status="failed"),
        responses(TEXT, model="m", status="incomplete", incomplete_reason="max_output_tokens"),
    ],
}
_STREAMED: dict[str, list[Answer]] = {
    "openai_compat": [
        chat_stream(_WORDS, **_ALL, reasoning=TEXT, refusal=TEXT, reasoning_tokens=3, cached_tokens=4),
        chat_stream([], model="m", done=False),
    ],
    "anthropic_native": [
        messages_stream(_WORDS, **_ALL, thinking=TEXT, redacted=True, cache_read=3, cache_write=4, thinking_tokens=5),
        messages_stream([], model="m"),
    ],
    "openai_responses": [
        responses_stream(["Once ", "upon."], **_ALL, reasoning_summary="Hm.", reasoning_effort="low", cached_tokens=4),
        responses_stream([], model="m", status="failed"),
    ],
}
ANSWERS = {name: [json.loads(answer.body) for answer in answers] for name, answers in _WHOLE.items()}
STREAMS = {name: [b"".join(answer.chunks or ()) for answer in answers] for name, answers in _STREAMED.items()}  # type: ignore[arg-type]

Path = tuple[str | int, ...]


def events_in(stream: bytes) -> list[Any]:
    """The events of a stream, as JSON has them; what is no JSON is left out."""
    data = [line.removeprefix(b"data: ") for line in stream.split(b"\n") if line.startswith(b"data: ")]
    return [json.loads(each) for each in data if each != b"[DONE]"]


def paths_in(value: Any, at: Path = ()) -> Iterator[Path]:
    """Where the parts of a JSON value are, itself not."""
    parts = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, part in parts:
        yield (*at, name)
        yield from paths_in(part, (*at, name))


def part_at(value: Any, path: Path) -> Any:
    """The part of a JSON value at *path*."""
    for name in path:
        value = value[name]
    return value


def changed(value: Any, path: Path, text: str) -> bytes:
    """A JSON value with the JSON *text* at *path*."""
    mark = "\u2020 here \u2020"
    copy = json.loads(json.dumps(value))
    part_at(copy, path[:-1])[path[-1]] = mark
    return json.dumps(copy).replace(json.dumps(mark), text).encode("utf-8", "surrogatepass")


def as_stream(*events: bytes) -> bytes:
    """Events, each given as its data, as a stream."""
    return b"".join(b"data: " + event + b"\n\n" for event in events)
