"""What the dialects of openai_compat.py read."""

from typing import Any

from otel_dispatch.demo.provider import chat, chat_stream, error
from tests.dialects.samples import TEXT, Samples, streamed, whole
from tests.wires.openai import azure_chat_stream, gateway_chat_stream

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
    "models": ["m", TEXT],
    "provider": {"order": [TEXT], "only": [TEXT]},
    "providerOptions": {"gateway": {"order": [TEXT], "models": [TEXT]}},
    "metadata": {"x": TEXT},
    "user": TEXT,
    "stop": [TEXT],
    "prediction": {"type": "content", "content": TEXT},
}

# What gateways and others add to an answer, and to an error.
_METADATA = {"gateway": {"routing": {"finalProvider": "one", "planningReasoning": TEXT}}}
_EXTRAS: Any = {
    "provider": "One",
    "provider_metadata": _METADATA,
    "base_resp": {"status_code": 0, "status_msg": TEXT},
    "x_groq": {"id": "req_1", "usage": {"prompt_tokens": 9}},
    "choices": [
        {
            "message": {"content": TEXT, "provider_metadata": _METADATA, "reasoning_details": [{"text": TEXT}]},
            "finish_reason": "stop",
            "native_finish_reason": TEXT,
        }
    ],
    "prompt_filter_results": [{"content_filter_results": {"jailbreak": {"detected": False, "x": TEXT}}}],
}
_FLAGGED = {"provider_name": "One", "raw": TEXT, "flagged_input": TEXT, "reasons": [TEXT], "model_slug": TEXT}
_ERRORS: Any = [
    {"error": {"code": 403, "message": TEXT, "metadata": _FLAGGED}, "user_id": TEXT},
    {"base_resp": {"status_code": 1002, "status_msg": TEXT}, "choices": None},
    {"error": TEXT, "error_type": "overloaded"},
    {"errors": [{"code": 10000, "message": TEXT}], "success": False, "messages": [TEXT]},
    {"x_groq": {"error": TEXT}, "choices": []},
]

SAMPLES = {
    "openai_chat": Samples(
        path="/v1/chat/completions",
        requests=[_REQUEST],
        answers=[
            *whole(
                chat(TEXT, **_ALL, reasoning=TEXT, refusal=TEXT, reasoning_tokens=3, cached_tokens=4),
                chat("", model="m"),
                error("openai", 429, "requests", "rate_limit_exceeded", TEXT),
            ),
            {**whole(chat(TEXT, model="m"))[0], **_EXTRAS},
            *_ERRORS,
        ],
        streams=[
            *streamed(
                chat_stream(_WORDS, **_ALL, reasoning=TEXT, refusal=TEXT, reasoning_tokens=3, cached_tokens=4),
                chat_stream([], model="m", done=False),
            ),
            *streamed(azure_chat_stream(_WORDS), gateway_chat_stream(_WORDS, {"raw": TEXT})),
        ],
    )
}
