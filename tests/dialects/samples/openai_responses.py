"""What the dialects of openai_responses.py read."""

from typing import Any

from otel_dispatch.demo.provider import responses, responses_stream
from tests.dialects.samples import TEXT, Samples, streamed, whole

_ALL: Any = {"model": "m", "tool_calls": 2}
_REQUEST = {
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

SAMPLES = {
    "openai_responses": Samples(
        path="/v1/responses",
        requests=[_REQUEST],
        answers=whole(
            responses(
                TEXT, **_ALL, reasoning_summary=TEXT, reasoning_effort="low", reasoning_tokens=3, cached_tokens=4
            ),
            responses("", model="m"),
            responses(TEXT, model="m", status="failed"),
            responses(TEXT, model="m", status="incomplete", incomplete_reason="max_output_tokens"),
        ),
        streams=streamed(
            responses_stream(
                ["Once ", "upon."], **_ALL, reasoning_summary="Hm.", reasoning_effort="low", cached_tokens=4
            ),
            responses_stream([], model="m", status="failed"),
        ),
    )
}
