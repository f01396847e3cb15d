"""What the dialects of gemini.py and gemini_embeddings.py read."""

from typing import Any

from tests.dialects.samples import TEXT, Samples, streamed
from tests.wires import gemini as wire

_ALL: Any = {"model": "m", "thought_tokens": 5, "usage": (9, 7), "cached": 3, "tool_tokens": 4}
_SCHEMA = {"type": "OBJECT", "description": TEXT}
_REQUEST = {
    "systemInstruction": {"parts": [{"text": TEXT}]},
    "contents": [
        {"role": "user", "parts": [{"text": TEXT}, {"inlineData": {"mimeType": "image/png", "data": TEXT}}]},
        {"role": "model", "parts": [{"functionCall": {"name": TEXT, "args": {"x": TEXT}}, "thoughtSignature": TEXT}]},
        {"role": "user", "parts": [{"functionResponse": {"name": TEXT, "response": {"x": TEXT}}}]},
    ],
    "tools": [{"functionDeclarations": [{"name": TEXT, "description": TEXT, "parameters": _SCHEMA}]}],
    "toolConfig": {"functionCallingConfig": {"allowedFunctionNames": [TEXT]}},
    "generationConfig": {
        "maxOutputTokens": 50,
        "thinkingConfig": {"thinkingBudget": 5, "thinkingLevel": "LOW", "include_thoughts": True},
        "responseSchema": _SCHEMA,
        "stopSequences": [TEXT],
    },
    "cachedContent": "cachedContents/c",
    "labels": {"x": TEXT},
}
_EMBEDDED = {"content": {"parts": [{"text": TEXT}]}, "title": TEXT, "taskType": "RETRIEVAL_DOCUMENT", "x": TEXT}
_LIMIT = wire.failure(429, "RESOURCE_EXHAUSTED", "RATE_LIMIT_EXCEEDED", TEXT)

SAMPLES = {
    "gemini_content": Samples(
        requests=[_REQUEST],
        path="/v1beta/models/m:streamGenerateContent",
        answers=[
            wire.content(TEXT, **_ALL, tool_calls=2, thought=TEXT, signature=TEXT),
            wire.content("", model="m"),
            wire.blocked("SAFETY", model="m"),
            _LIMIT,
        ],
        streams=streamed(
            wire.streamed(*wire.contents(TEXT.split(" "), **_ALL, tool_calls=2, thought=TEXT, signature=TEXT)),
            wire.streamed(*wire.contents([], model="m", finish="SAFETY")),
            wire.streamed(wire.blocked("BLOCKLIST", model="m")),
        ),
        needed=frozenset(),
        heads=frozenset({"usageMetadata", "error"}),
    ),
    "gemini_embeddings": Samples(
        requests=[_EMBEDDED, {"requests": [{"model": "models/m", **_EMBEDDED}] * 2}],
        path="/v1beta/models/m:embedContent",
        answers=[
            wire.embeddings(),
            wire.embeddings(2),
            wire.predictions(4),
            _LIMIT,
            wire.failure(400, "INVALID_ARGUMENT", TEXT, TEXT),
        ],
        needed=frozenset(),
        heads=frozenset({"error"}),
        served_model=None,
        output_tokens=None,
        streamed=False,
    ),
}
