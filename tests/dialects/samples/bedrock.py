"""What the dialect of bedrock.py reads."""

from typing import Any

from tests.dialects.samples import TEXT, Samples, streamed, whole
from tests.wires.bedrock import STREAM, converse, converse_stream, exception, refused
from tests.wires.bedrock import streamed as messages_of

_ALL: Any = {"tool_calls": 2, "reasoning": TEXT, "cache": (3, 4)}
_REQUEST = {
    "messages": [
        {"role": "user", "content": [{"text": TEXT}, {"document": {"name": TEXT, "source": {"bytes": "AAAA"}}}]},
        {"role": "assistant", "content": [{"toolUse": {"toolUseId": "t", "name": TEXT, "input": {"x": TEXT}}}]},
        {"role": "user", "content": [{"toolResult": {"toolUseId": "t", "content": [{"text": TEXT}]}}]},
    ],
    "system": [{"text": TEXT}, {"cachePoint": {"type": "default"}}],
    "inferenceConfig": {"maxTokens": 50, "stopSequences": [TEXT]},
    "toolConfig": {
        "tools": [{"toolSpec": {"name": TEXT, "description": TEXT, "inputSchema": {"json": {"x": TEXT}}}}],
        "toolChoice": {"tool": {"name": TEXT}},
    },
    "additionalModelRequestFields": {"thinking": {"type": "enabled", "budget_tokens": 5}, "note": TEXT},
    "outputConfig": {"effort": "high", "textFormat": {"structure": {"jsonSchema": {"schema": TEXT, "name": TEXT}}}},
    "requestMetadata": {"x": TEXT},
    "promptVariables": {"x": {"text": TEXT}},
}

SAMPLES = {
    "bedrock_converse": Samples(
        requests=[_REQUEST],
        answers=whole(
            converse(TEXT, **_ALL),
            converse("", reasoning=TEXT),
            converse(TEXT, stop="guardrail_intervened"),
            refused(429, "ThrottlingException", TEXT),
        ),
        streams=streamed(
            converse_stream(TEXT.split(" "), **_ALL),
            converse_stream([], usage=None),
            messages_of(exception("throttlingException", TEXT)),
        ),
        path="/model/m/converse-stream",
        content_type=STREAM,
        needed=frozenset(),
        served_model=None,
    )
}
