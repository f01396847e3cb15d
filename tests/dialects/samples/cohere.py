"""What the dialects of cohere.py and cohere_v1.py read."""

from typing import Any

from tests.dialects.samples import TEXT, Samples, streamed, whole
from tests.wires.cohere import (
    FIRST,
    cohere_chat,
    cohere_chat_stream,
    cohere_embed,
    cohere_error,
    cohere_first_chat,
    cohere_first_chat_stream,
)

_WORDS = TEXT.split(" ")
_ALL: Any = {"thinking": TEXT, "tool_calls": 2, "plan": TEXT}
_REQUEST = {
    "model": "m",
    "messages": [
        {"role": "system", "content": TEXT},
        {"role": "user", "content": [{"type": "text", "text": TEXT}]},
        {"role": "assistant", "tool_plan": TEXT, "tool_calls": [{"id": "c", "function": {"name": TEXT}}]},
        {"role": "tool", "tool_call_id": "c", "content": [{"type": "document", "document": {"data": TEXT}}]},
    ],
    "tools": [{"type": "function", "function": {"name": TEXT, "description": TEXT, "parameters": {"x": TEXT}}}],
    "documents": [TEXT, {"data": {"x": TEXT}}],
    "max_tokens": 50,
    "stop_sequences": [TEXT],
    "thinking": {"type": "enabled", "token_budget": 5},
    "stream": True,
}
_FIRST_REQUEST = {
    "model": "m",
    "message": TEXT,
    "preamble": TEXT,
    "chat_history": [{"role": "USER", "message": TEXT}],
    "tools": [{"name": TEXT, "description": TEXT, "parameter_definitions": {"x": {"type": TEXT}}}],
    "conversation_id": TEXT,
    "max_tokens": 50,
    "stream": True,
}
_EMBED = {"model": "m", "texts": [TEXT, TEXT, TEXT], "input_type": "search_query", "embedding_types": ["float"]}

SAMPLES = {
    "cohere_chat": Samples(
        requests=[_REQUEST],
        answers=whole(cohere_chat(TEXT, **_ALL), cohere_chat(""), cohere_error(401, TEXT)),
        streams=streamed(cohere_chat_stream(_WORDS, **_ALL), cohere_chat_stream([])),
        served_model=None,
    ),
    "cohere_chat_v1": Samples(
        requests=[_FIRST_REQUEST],
        answers=whole(cohere_first_chat(TEXT, tool_calls=2), cohere_first_chat(""), cohere_error(401, TEXT)),
        streams=streamed(cohere_first_chat_stream(_WORDS, tool_calls=1), cohere_first_chat_stream([])),
        content_type=FIRST,
        needed=frozenset({"model", "message", "stream"}),
        heads=frozenset({"meta"}),
        served_model=None,
    ),
    "cohere_embed": Samples(
        requests=[_EMBED],
        answers=[*whole(cohere_embed(), cohere_error(401, TEXT)), {"id": "e", "texts": [TEXT, TEXT], "message": TEXT}],
        needed=frozenset({"model", "texts"}),
        served_model=None,
        output_tokens=None,
        streamed=False,
    ),
}
