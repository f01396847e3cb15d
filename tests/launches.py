"""A launch that a test makes: its command line, what it says, and what is told of it."""

import json
from collections.abc import Sequence
from typing import Any

from opentelemetry.sdk.trace import ReadableSpan

from otel_dispatch.launch import Launch, begin
from tests.conftest import Told

STREAM = ["claude", "-p", "hi", "--output-format", "stream-json"]
Attributes = dict[str, Any]


def facts(span: ReadableSpan) -> Attributes:
    return dict(span.attributes or {})


def line(**record: Any) -> bytes:
    return json.dumps(record).encode() + b"\n"


INIT = line(type="system", subtype="init", model="claude-sonnet-5-5", session_id="s-1")
TEXT = line(
    type="assistant", message={"id": "m-1", "model": "claude-sonnet-5-5", "content": [{"type": "text", "text": "hi"}]}
)
USAGE = {"input_tokens": 9, "output_tokens": 12}
DONE = line(type="result", subtype="success", is_error=False, result="hi", stop_reason="end_turn", usage=USAGE)
EMPTY = line(type="result", subtype="success", is_error=False, result="", usage={"output_tokens": 812})


def launched(argv: Sequence[str] | str = STREAM, env: dict[str, str] | None = None) -> Launch:
    found = begin(argv, {} if env is None else env)
    assert found is not None
    return found


def told_of(told: Told, argv: Sequence[str] = STREAM, env: dict[str, str] | None = None, *heard: bytes) -> Attributes:
    """The attributes of a whole launch."""
    launch = launched(argv, env)
    for chunk in heard or (INIT, TEXT, DONE):
        launch.hear(chunk)
    launch.exited(0)
    return facts(told.spans()[-1])


def served(model: str) -> bytes:
    return line(type="assistant", message={"id": "m", "model": model, "content": [{"type": "text", "text": "x"}]})
