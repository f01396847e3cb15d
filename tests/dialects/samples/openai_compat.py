"""What the dialects of openai_compat.py read."""

from typing import Any

from otel_dispatch.demo.provider import chat, chat_stream, error
from tests.dialects.samples import TEXT, Samples, streamed, whole

_ALL: Any = {"model": "m", "tool_calls": 2}
_WORDS = TEXT.split(" ")
_REQUEST = {
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

SAMPLES = {
    "openai_chat": Samples(
        path="/v1/chat/completions",
        requests=[_REQUEST],
        answers=whole(
            chat(TEXT, **_ALL, reasoning=TEXT, refusal=TEXT, reasoning_tokens=3, cached_tokens=4),
            chat("", model="m"),
            error("openai", 429, "requests", "rate_limit_exceeded", TEXT),
        ),
        streams=streamed(
            chat_stream(_WORDS, **_ALL, reasoning=TEXT, refusal=TEXT, reasoning_tokens=3, cached_tokens=4),
            chat_stream([], model="m", done=False),
        ),
    )
}
