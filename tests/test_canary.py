"""No prompt, completion, header, key, URL userinfo, query or error text gets out, over all dialects and endings."""

import json
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

import otel_dispatch as od
from otel_dispatch.demo.provider import HANGUP, Answer, Provider
from otel_dispatch.dialects import Dialect, dialects
from tests.conftest import Told, eventually
from tests.dialects.samples import Samples, changed, part_at, paths_in, samples

ALL = pytest.mark.parametrize("dialect", dialects(), ids=lambda dialect: dialect.name)
ALL_SAMPLES = samples()
TEXT, KEY = "canary sings of the coal mine.", "sk-CANARY-0123456789abcdef"
# What is told as it was sent or answered, or decides what the body is.
TOLD = {"model", "id", "role", "object", "type", "event", "event_type", "stop_reason", "finish_reason", "status"}
TOLD |= {"effort", "reasoning_effort", "reason", "stopReason", "finishReason", "done_reason", "anthropic_version"}
TOLD |= {"modelVersion", "responseId", "modelId", "response_id", "generation_id"}
REFUSAL = {"error": {"message": TEXT, "param": TEXT, "type": TEXT, "code": TEXT, "status": TEXT}, "message": TEXT}


def laced(value: Any) -> bytes:
    """A JSON value with the canary in every place for text."""
    body = json.dumps(value).encode()
    for path in paths_in(value):
        part = part_at(json.loads(body), path)
        if isinstance(part, str) and path[-1] not in TOLD and not str(path[-1]).startswith("thinking_"):
            body = changed(json.loads(body), path, json.dumps(f"{TEXT} {KEY}"))
    return body


def whole_of(mine: Samples) -> Answer:
    return Answer(headers={"content-type": "application/json", "x-secret": KEY}, body=laced(mine.answers[0]))


def stream_of(mine: Samples, *, cut: bool = False) -> Answer:
    stream = mine.streams[0] if mine.streams else laced(mine.answers[0])
    kind = mine.content_type if mine.streams else "application/json"
    if kind == "text/event-stream":
        lines = [b"data: " + (laced(json.loads(d)) if d[:1] == b"{" else d) + b"\n\n" for d in mine.events(stream)]
        stream = b"".join(lines)
    if kind == "application/x-ndjson":
        stream = b"\n".join(laced(json.loads(data)) for data in mine.events(stream)) + b"\n"
    pieces = [stream[: len(stream) // 2], HANGUP] if cut else [stream[:99], stream[99:]]
    return Answer(headers={"content-type": kind, "x-secret": KEY}, chunks=pieces)


ENDINGS: dict[str, Callable[[Samples], Answer]] = {
    "whole": whole_of,
    "streamed": stream_of,
    "broken off": lambda mine: stream_of(mine, cut=True),
    "refused": lambda _: Answer(status=400, headers={"x-secret": KEY}, body=json.dumps(REFUSAL).encode()),
    "limited": lambda _: Answer(status=429, headers={"x-amzn-errortype": TEXT}, body=json.dumps([REFUSAL]).encode()),
    "an error in a 200": lambda _: Answer(body=json.dumps(REFUSAL).encode()),
    "an error in a stream": lambda mine: Answer(
        headers={"content-type": mine.content_type}, chunks=[b"data: " + json.dumps(REFUSAL).encode() + b"\n\n"]
    ),
    "a page": lambda _: Answer(status=502, headers={"server": KEY}, body=f"<html>{TEXT} {KEY}</html>".encode()),
    "text for JSON": lambda _: Answer(body=f"{TEXT} {KEY}".encode()),
    "dropped": lambda _: Answer(drop=True),
}


def call(provider: Provider, dialect: Dialect, body: bytes) -> None:
    path = ALL_SAMPLES[dialect.name].path or dialect.endings[0]
    url = f"http://user:{KEY}@127.0.0.1:{provider.port}{path}?key={KEY}"
    headers = {"authorization": f"Bearer {KEY}", "x-api-key": KEY, "x-stainless-retry-count": "1"}
    with httpx.Client(headers=headers) as client:
        try:
            with client.stream("POST", url, content=body) as response:
                response.read()
        except httpx.TransportError:
            pass


def everything_in(told: Told) -> str:
    """All that was told, in the words of the SDK's own JSON."""
    spans = [span.to_json() for span in told.spans()]
    metrics = told.reader.get_metrics_data()
    logs = [log.to_json() for log in told.logs_exporter.get_finished_logs()]
    return "\n".join([*spans, metrics.to_json() if metrics else "", *logs])


@ALL
@pytest.mark.parametrize("ending", ENDINGS)
def test_no_content_gets_out(
    ending: str,
    dialect: Dialect,
    told: Told,
    provider: Provider,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    record = tmp_path / "record.jsonl"
    monkeypatch.setenv("DISPATCH_OTEL_RECORD_FILE", str(record))
    mine = ALL_SAMPLES[dialect.name]
    with caplog.at_level(logging.DEBUG, "otel_dispatch"), od.attempts():
        for body in mine.requests:
            provider.script(ENDINGS[ending](mine))
            call(provider, dialect, laced(body))
    eventually(lambda: len(told.spans()) == len(mine.requests))
    out, err = capfd.readouterr()
    logged = "\n".join(entry.getMessage() for entry in caplog.records if entry.name.startswith("otel_dispatch"))
    eventually(lambda: record.exists() and len(record.read_text().splitlines()) == len(mine.requests))
    for where in (everything_in(told), record.read_text(), out, err, logged):
        assert "canary" not in where.lower()
        assert "0123456789abcdef" not in where
    for span in told.spans():
        assert not span.events
        assert span.status.description is None


def test_the_canary_is_everywhere_a_text_can_be() -> None:
    for name, mine in ALL_SAMPLES.items():
        assert all(KEY.encode() in laced(body) for body in mine.requests), name
        # Embeddings answer with numbers alone.
        assert KEY.encode() in laced(mine.answers[0]) or mine.output_tokens is None or not mine.streams, name
