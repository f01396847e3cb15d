"""What the dialects of mistral.py read."""

from typing import Any

from otel_dispatch.demo.provider import error
from tests.dialects.samples import TEXT, Samples, streamed, whole
from tests.wires.mistral import mistral_chat, mistral_chat_stream, mistral_turn, mistral_turn_stream

_THOUGHT = {"type": "thinking", "thinking": [{"type": "text", "text": TEXT}]}
_CONTENT: Any = [_THOUGHT, {"type": "text", "text": TEXT}, {"type": "reference", "reference_ids": [1]}]
_AGENT = {
    # No field of theirs; what the agents of others than Mistral may be told.
    "model": "m",
    "agent_id": "ag_1",
    "messages": [{"role": "user", "content": TEXT}, {"role": "assistant", "content": _CONTENT}],
    "tools": [{"type": "function", "function": {"name": TEXT, "parameters": {"x": TEXT}}}],
    "max_tokens": 50,
    "stream": True,
    "metadata": {"x": TEXT},
}
_MIDDLE = {
    "model": "m",
    "prompt": TEXT,
    "suffix": TEXT,
    "max_tokens": 50,
    "stop": [TEXT],
    "metadata": {"x": TEXT},
    "stream": True,
}
_TURN = {
    "model": "m",
    "inputs": [{"role": "user", "content": TEXT, "type": "message.input"}],
    "instructions": TEXT,
    "name": TEXT,
    "tools": [{"type": "function", "function": {"name": TEXT, "parameters": {"x": TEXT}}}],
    "completion_args": {"max_tokens": 50, "reasoning_effort": "high", "stop": [TEXT]},
    "stream": True,
}
_COMPLETIONS: Any = {
    "answers": whole(mistral_chat(_CONTENT, tool_calls=2), mistral_chat(""), error("openai", 429, "x", None, TEXT)),
    "streams": streamed(mistral_chat_stream([_CONTENT, *TEXT.split(" ")]), mistral_chat_stream([], done=False)),
}

SAMPLES = {
    "mistral_agents": Samples(requests=[_AGENT], needed=frozenset({"model", "agent_id", "messages"}), **_COMPLETIONS),
    "mistral_fim": Samples(requests=[_MIDDLE], needed=frozenset({"model", "prompt"}), **_COMPLETIONS),
    "mistral_conversations": Samples(
        requests=[_TURN],
        answers=[*whole(mistral_turn(_CONTENT, model=None, calls=True), mistral_turn("")), {"detail": [{"msg": TEXT}]}],
        streams=streamed(
            mistral_turn_stream([*_CONTENT, *TEXT.split(" ")], calls=True), mistral_turn_stream([], error=500)
        ),
        needed=frozenset({"model", "inputs"}),
        heads=frozenset({"usage", "outputs"}),
        served_model=None,
    ),
}
