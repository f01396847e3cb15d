"""What the dialects of gemini_interactions.py read."""

from typing import Any

from tests.dialects.samples import TEXT, Samples, streamed
from tests.wires import gemini as wire

_ALL: Any = {"model": "m", "thought_tokens": 5, "usage": (9, 7), "cached": 3, "tool_tokens": 4}
_REQUEST = {
    "model": "m",
    "agent_config": {"type": "dynamic", "note": TEXT},
    "input": [
        {"type": "user_input", "content": [{"type": "text", "text": TEXT}]},
        {"type": "function_result", "call_id": "c", "name": TEXT, "result": [{"type": "text", "text": TEXT}]},
    ],
    "system_instruction": TEXT,
    "previous_interaction_id": "v1_p",
    "generation_config": {"thinking_level": "low", "max_output_tokens": 50, "stop_sequences": [TEXT]},
    "tools": [{"type": "function", "name": TEXT, "description": TEXT, "parameters": {"x": TEXT}}],
    "cached_content": "cachedContents/c",
    "labels": {"x": TEXT},
    "stream": True,
}
_WORDS = TEXT.split(" ")

SAMPLES = {
    "gemini_interactions": Samples(
        requests=[_REQUEST],
        path="/v1beta/interactions",
        answers=[
            wire.interaction(TEXT, **_ALL, tool_calls=2, thought=TEXT, input=TEXT, system_instruction=TEXT),
            wire.interaction("", model="m"),
            wire.interaction("", model="m", status="failed", errors=[{"code": "gateway_timeout", "message": TEXT}]),
            wire.failure(429, "RESOURCE_EXHAUSTED", TEXT, TEXT),
        ],
        streams=streamed(
            wire.streamed(*wire.interactions(_WORDS, **_ALL, tool_calls=2, thought=TEXT), name="event_type"),
            wire.streamed(*wire.outputs(_WORDS, **_ALL), name="event_type"),
            wire.streamed(*wire.interactions([], model="m", status="failed"), name="event_type"),
        ),
        needed=frozenset({"model", "input"}),
        heads=frozenset({"usage", "error", "errors", "status"}),
    )
}
