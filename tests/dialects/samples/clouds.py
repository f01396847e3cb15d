"""What the dialects of bedrock_invoke.py and vertex_raw_predict.py read."""

from typing import Any

from otel_dispatch.demo.provider import chat, error, messages, messages_stream
from tests.dialects.samples import TEXT, Samples, streamed, whole
from tests.wires.bedrock import STREAM, chunk, converse, invoke_stream, metrics, unwrapped

_ALL: Any = {"model": "m", "tool_calls": 2, "thinking": TEXT, "redacted": True, "cache_read": 3, "cache_write": 4}
_WORDS = TEXT.split(" ")
_MESSAGES = [
    {"role": "user", "content": TEXT},
    {"role": "assistant", "content": [{"type": "tool_use", "name": TEXT, "input": {"x": TEXT}}]},
    {"role": "user", "content": [{"type": "tool_result", "content": TEXT}]},
]
_CLAUDE = {
    "anthropic_version": "bedrock-2023-05-31",
    "max_tokens": 50,
    "system": TEXT,
    "messages": _MESSAGES,
    "tools": [{"name": TEXT, "description": TEXT, "input_schema": {"x": TEXT}}],
    "thinking": {"type": "enabled", "budget_tokens": 5},
    "output_config": {"effort": "high"},
    "stop_sequences": [TEXT],
}
_NOVA = {
    "schemaVersion": "messages-v1",
    "system": [{"text": TEXT}],
    "messages": [{"role": "user", "content": [{"text": TEXT}]}],
    "inferenceConfig": {"maxTokens": 50, "stopSequences": [TEXT]},
    "toolConfig": {"tools": [{"toolSpec": {"name": TEXT, "inputSchema": {"json": {"x": TEXT}}}}]},
}
_OPEN = {
    "messages": [{"role": "system", "content": TEXT}, {"role": "user", "content": TEXT}],
    "tools": [{"type": "function", "function": {"name": TEXT, "description": TEXT}}],
    "max_completion_tokens": 50,
    "reasoning_effort": "high",
    "user": TEXT,
}
_CLAUDE_SAYS = [
    messages(TEXT, **_ALL, thinking_tokens=5),
    messages("", model="m"),
    error("anthropic", 529, "overloaded_error", None, TEXT),
]
_CLAUDE_STREAMS = messages_stream(_WORDS, **_ALL), messages_stream([], model="m")
_PIECES = [[*unwrapped(stream)[:-1], {"type": "message_stop", **metrics()}] for stream in _CLAUDE_STREAMS]

SAMPLES = {
    "bedrock_invoke": Samples(
        requests=[_CLAUDE, _NOVA, _OPEN],
        answers=whole(*_CLAUDE_SAYS, converse(TEXT, tool_calls=2, reasoning=TEXT), chat(TEXT, model="m", refusal=TEXT)),
        streams=[*streamed(*map(invoke_stream, _PIECES)), chunk({"error": {"code": "x", "message": TEXT}})],
        path="/model/m/invoke-with-response-stream",
        content_type=STREAM,
        needed=frozenset({"messages"}),
    ),
    "vertex_raw_predict": Samples(
        requests=[{**_CLAUDE, "anthropic_version": "vertex-2023-10-16", "stream": True}],
        answers=whole(*_CLAUDE_SAYS, chat(TEXT, model="m")),
        streams=streamed(*_CLAUDE_STREAMS),
        path="/v1/projects/p/locations/l/publishers/anthropic/models/m:streamRawPredict",
        needed=frozenset({"messages"}),
    ),
}
