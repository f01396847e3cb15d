"""What the dialects of ollama.py and ollama_embed.py read."""

from typing import Any

from tests.dialects.samples import TEXT, Samples, streamed, whole
from tests.wires.ollama import (
    NDJSON,
    ollama_chat,
    ollama_chat_stream,
    ollama_embed,
    ollama_error,
    ollama_generate,
    ollama_generate_stream,
)

_WORDS = TEXT.split(" ")
_ALL: Any = {"thinking": TEXT, "tool_calls": 2}
_COMMON: Any = {
    "model": "m",
    "stream": True,
    "think": True,
    "format": {"type": "object", "description": TEXT},
    "options": {"num_predict": 50, "stop": [TEXT]},
    "keep_alive": "5m",
}
_CHAT = {
    **_COMMON,
    "messages": [
        {"role": "system", "content": TEXT},
        {"role": "user", "content": TEXT, "images": [TEXT]},
        {"role": "assistant", "content": TEXT, "thinking": TEXT, "tool_calls": [{"function": {"name": TEXT}}]},
        {"role": "tool", "tool_name": TEXT, "content": TEXT},
    ],
    "tools": [{"type": "function", "function": {"name": TEXT, "description": TEXT, "parameters": {"x": TEXT}}}],
}
_GENERATE = {**_COMMON, "prompt": TEXT, "suffix": TEXT, "system": TEXT, "template": TEXT, "images": [TEXT]}
_EMBED = {"model": "m", "input": [TEXT, TEXT], "options": {"stop": [TEXT]}, "keep_alive": "5m"}
_HEADS = frozenset({"error", "eval_count", "done"})

SAMPLES = {
    "ollama_chat": Samples(
        requests=[_CHAT],
        answers=whole(ollama_chat(TEXT, **_ALL), ollama_chat(""), ollama_error(404, TEXT)),
        streams=streamed(ollama_chat_stream(_WORDS, **_ALL), ollama_chat_stream([])),
        content_type=NDJSON,
        heads=_HEADS,
    ),
    "ollama_generate": Samples(
        requests=[_GENERATE],
        answers=whole(ollama_generate(TEXT, thinking=TEXT), ollama_generate(""), ollama_error(404, TEXT)),
        streams=streamed(ollama_generate_stream(_WORDS, thinking=TEXT), ollama_generate_stream([])),
        content_type=NDJSON,
        needed=frozenset({"model", "prompt"}),
        heads=_HEADS,
    ),
    "ollama_embed": Samples(
        requests=[_EMBED],
        answers=[*whole(ollama_embed()), *({"error": TEXT, "note": n} for n in (TEXT, 3))],
        needed=frozenset({"model", "input"}),
        output_tokens=None,
        streamed=False,
    ),
}
