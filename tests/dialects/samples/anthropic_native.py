"""What the dialects of anthropic_native.py read."""

from typing import Any

from otel_dispatch.demo.provider import error, messages, messages_stream
from tests.dialects.samples import TEXT, Samples, streamed, whole
from tests.wires.anthropic import fallen_back, fallen_back_stream

_ALL: Any = {"model": "m", "tool_calls": 2}
_WORDS = TEXT.split(" ")
_THOUGHT = {"type": "thinking", "thinking": TEXT, "signature": TEXT}
_REQUEST = {
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
    "thread": {"type": "continue", "previous_message_id": TEXT},
    "fallbacks": [{"model": "n", "output_config": {"format": {"schema": {"x": TEXT}}}}],
    "stream": True,
}

SAMPLES = {
    "anthropic_messages": Samples(
        path="/v1/messages",
        requests=[_REQUEST],
        answers=whole(
            messages(TEXT, **_ALL, thinking=TEXT, redacted=True, cache_read=3, cache_write=4, thinking_tokens=5),
            messages("", model="m"),
            fallen_back("n", "m"),
            error("anthropic", 529, "overloaded_error", None, TEXT),
        ),
        streams=streamed(
            messages_stream(
                _WORDS, **_ALL, thinking=TEXT, redacted=True, cache_read=3, cache_write=4, thinking_tokens=5
            ),
            messages_stream([], model="m"),
            fallen_back_stream("n", "m"),
        ),
    )
}
