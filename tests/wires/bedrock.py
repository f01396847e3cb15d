"""Replies in the shapes that Amazon Bedrock's runtime documents, with made-up content, in our own encoder's bytes."""

import base64
import json
import struct
from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from zlib import crc32

from otel_dispatch.demo.answer import Answer, Hangup, Json, Usage, halves, new_id

STREAM = "application/vnd.amazon.eventstream"
TOOL: Json = {"toolUseId": "tooluse_1", "name": "read_file", "input": {"path": "step_1.md"}}


def message(headers: Mapping[str, str], payload: bytes = b"") -> bytes:
    """One message whose *headers* are all text."""
    return framed(b"".join(header(name, 7, sized(value.encode())) for name, value in headers.items()), payload)


def framed(block: bytes, payload: bytes = b"") -> bytes:
    """One message with this *block* of headers."""
    lengths = struct.pack("!II", 16 + len(block) + len(payload), len(block))
    body = lengths + struct.pack("!I", crc32(lengths)) + block + payload
    return body + struct.pack("!I", crc32(body))


def header(name: str, kind: int, value: bytes) -> bytes:
    """One header, its value as it is on the wire."""
    return bytes([len(name.encode())]) + name.encode() + bytes([kind]) + value


def sized(value: bytes) -> bytes:
    """*value* with its length before it."""
    return struct.pack("!H", len(value)) + value


def event(name: str, data: Any) -> bytes:
    """The message of one event, padded as the service pads it."""
    payload = json.dumps({**data, "p": "abcdefghijk"} if isinstance(data, dict) else data).encode()
    return message({":event-type": name, ":content-type": "application/json", ":message-type": "event"}, payload)


def exception(name: str, text: str = "Something went wrong.") -> bytes:
    """The message of an exception that the service declares."""
    headers = {":exception-type": name, ":content-type": "application/json", ":message-type": "exception"}
    return message(headers, json.dumps({"message": text}).encode())


def unmodelled(code: str, text: str = "Something went wrong.") -> bytes:
    """The message of an error that the service does not declare."""
    return message({":error-code": code, ":error-message": text, ":message-type": "error"})


def streamed(*messages: bytes | float | Hangup) -> Answer:
    """*messages* as a streamed answer, one chunk each."""
    return Answer(headers={"content-type": STREAM, **_request_id()}, chunks=messages)


def whole(body: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Answer:
    """*body* as a whole answer."""
    named = {"content-type": "application/json", **_request_id(), **(headers or {})}
    return Answer(status, named, json.dumps(body).encode())


def refused(status: int, code: str, text: str = "The request failed.") -> Answer:
    """A request that is refused as AWS's REST services refuse one."""
    return whole({"message": text}, status, {"x-amzn-ErrorType": f"{code}:http://internal.amazon.com/coral/"})


def converse(text: str = "Done.", **told: Any) -> Answer:
    """A whole answer of Converse."""
    return whole(conversed(text, **told))


def conversed(
    text: str = "Done.",
    *,
    tool_calls: int = 0,
    stop: str | None = None,
    usage: Usage = (9, 12),
    reasoning: str | None = None,
    cache: tuple[int, int] | None = None,
    router: str | None = None,
) -> Json:
    """The body of a whole answer of Converse."""
    blocks: list[Json] = []
    if reasoning is not None:
        blocks.append({"reasoningContent": {"reasoningText": {"text": reasoning, "signature": "Eq"}}})
    if text:
        blocks.append({"text": text})
    blocks += [{"toolUse": TOOL}] * tool_calls
    return {
        "metrics": {"latencyMs": 100},
        "output": {"message": {"role": "assistant", "content": blocks}},
        "stopReason": _stop(stop, tool_calls),
        **_counted(usage, cache),
        **_routed(router),
    }


def converse_events(
    texts: Sequence[str] = ("Done", "."),
    *,
    tool_calls: int = 0,
    stop: str | None = None,
    usage: Usage = (9, 12),
    reasoning: str | None = None,
    cache: tuple[int, int] | None = None,
    router: str | None = None,
) -> list[tuple[str, Json]]:
    """The events of a streamed answer of Converse, the usage after the stop."""
    parts: list[list[Json]] = []
    if reasoning is not None:
        parts.append([{"reasoningContent": {"text": half}} for half in halves(reasoning)])
        parts[-1].append({"reasoningContent": {"signature": "Eq"}})
    parts += [[{"text": text} for text in texts]] if texts else []
    events: list[tuple[str, Json]] = [("messageStart", {"role": "assistant"})]
    for index, deltas in enumerate(parts):
        events += [("contentBlockDelta", {"contentBlockIndex": index, "delta": delta}) for delta in deltas]
        events.append(("contentBlockStop", {"contentBlockIndex": index}))
    for index in range(len(parts), len(parts) + tool_calls):
        start = {"toolUse": {"toolUseId": TOOL["toolUseId"], "name": TOOL["name"]}}
        events.append(("contentBlockStart", {"contentBlockIndex": index, "start": start}))
        for half in ("", *halves(json.dumps(TOOL["input"]))):
            events.append(("contentBlockDelta", {"contentBlockIndex": index, "delta": {"toolUse": {"input": half}}}))
        events.append(("contentBlockStop", {"contentBlockIndex": index}))
    events.append(("messageStop", {"stopReason": _stop(stop, tool_calls)}))
    events.append(("metadata", {**_counted(usage, cache), "metrics": {"latencyMs": 100}, **_routed(router)}))
    return events


def converse_stream(texts: Sequence[str] = ("Done", "."), **told: Any) -> Answer:
    """A streamed answer of Converse."""
    return streamed(*(event(name, data) for name, data in converse_events(texts, **told)))


def chunk(inner: Any) -> bytes:
    """The message of one piece of a model's own stream."""
    text = inner if isinstance(inner, bytes) else json.dumps(inner).encode()
    return event("chunk", {"bytes": base64.b64encode(text).decode()})


def invoke_stream(inner: Iterable[Any]) -> Answer:
    """The events of a model's own stream as InvokeModelWithResponseStream hands them on."""
    return streamed(*map(chunk, inner))


def unwrapped(answer: Answer) -> list[Json]:
    """The events of a streamed answer of the demo's provider, without their framing."""
    data = b"".join(answer.chunks or ()).split(b"\n\n")  # type: ignore[arg-type]
    texts = (each.partition(b"data: ")[2] for each in data)
    return [json.loads(text) for text in texts if text[:1] == b"{"]


def metrics(count: tuple[int, int] = (9, 12)) -> Json:
    """What the service adds to the last event of a model's own stream."""
    counted = {"inputTokenCount": count[0], "outputTokenCount": count[1]}
    return {"amazon-bedrock-invocationMetrics": {**counted, "invocationLatency": 100, "firstByteLatency": 50}}


def _stop(stop: str | None, tool_calls: int) -> str:
    return stop or ("tool_use" if tool_calls else "end_turn")


def _counted(usage: Usage, cache: tuple[int, int] | None) -> Json:
    if usage is None:
        return {}
    cached = dict(zip(("cacheReadInputTokens", "cacheWriteInputTokens"), cache or (), strict=False))
    total = sum(usage) + sum(cached.values())
    return {"usage": {"inputTokens": usage[0], "outputTokens": usage[1], "totalTokens": total, **cached}}


def _routed(router: str | None) -> Json:
    return {} if router is None else {"trace": {"promptRouter": {"invokedModelId": router}}}


def _request_id() -> dict[str, str]:
    return {"x-amzn-RequestId": new_id("")}
