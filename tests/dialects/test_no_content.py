"""No prompt, completion, thought, tool argument or message text is told, wherever in a body it stands."""

import json
from dataclasses import replace
from typing import Any

import msgspec
import pytest

from otel_dispatch.dialects import Dialect, dialects
from otel_dispatch.origins import Known, provenance_of
from otel_dispatch.outcome import error_type_of, outcome_of_reply, outcome_of_status
from otel_dispatch.record import Dispatch, Endpoint, Reply, Request
from otel_dispatch.vocabulary import Kind, WireFormat
from otel_dispatch.wording import line_of, words_of, words_of_outcome, words_of_reply, words_of_request
from tests.dialects.samples import TEXT, changed, part_at, paths_in, samples

ALL = pytest.mark.parametrize("dialect", dialects(), ids=lambda dialect: dialect.name)
ALL_SAMPLES = samples()
HERE = Endpoint("h.example", 443, "mine")
# A sentence, and one in a script that writes no spaces.
MARKS = ["zebra quagga okapi.", "\u6591\u9a6c\u6591\u9a6c"]
# What is told as it was sent or answered.
TOLD = {"model", "id", "effort", "reasoning_effort", "finish_reason", "stop_reason", "status", "reason"}
TOLD |= {"provider", "provider_name", "finalProvider"}  # whom a gateway names
TOLD |= {"modelVersion", "responseId", "finishReason", "thinkingLevel", "thinking_level"}  # Gemini's
TOLD |= {"stopReason"}  # Bedrock's
TOLD |= {"done_reason", "response_id"}  # Ollama's, Cohere's


def everything_told(request: Request | None, *replies: Reply) -> str:
    request = request or Request(WireFormat.UNKNOWN)
    dispatch = Dispatch(
        Kind.LLM_CALL,
        request.operation,
        HERE.provider,
        request.model or "unknown",
        request.wire_format,
        request.thinking,
        request.tool_format,
        HERE.host,
        provenance_of(request, HERE, Known()),
    )
    words = [words_of(dispatch), words_of_request(request, HERE, 0)]
    for reply in replies:
        for outcome in (outcome_of_reply(reply), outcome_of_status(reply.status or 400, reply.code)):
            words += [words_of_reply(reply), words_of_outcome(outcome)]
            words.append({"error.type": error_type_of(outcome, None, 400, reply.code)})
            words.append(line_of(replace(dispatch, outcome=outcome), call_id="c", end_ns=0, extra={}))
    return msgspec.json.encode(words).decode()


def texts_in(body: Any) -> list[Any]:
    return [
        path
        for path in paths_in(body)
        if isinstance(part_at(body, path), str) and TOLD.isdisjoint(str(name) for name in path[-1:])
    ]


def test_the_samples_are_full_of_text() -> None:
    for name, mine in ALL_SAMPLES.items():
        for bodies in (mine.requests, mine.answers):
            assert sum(json.dumps(body).count(TEXT) for body in bodies) > 2, name


@ALL
@pytest.mark.parametrize("mark", MARKS)
def test_no_text_of_a_request_is_told(dialect: Dialect, mark: str) -> None:
    mine = ALL_SAMPLES[dialect.name]
    for body in mine.requests:
        assert len(texts_in(body)) > 3
        for path in texts_in(body):
            request = dialect.request(changed(body, path, json.dumps(mark)), mine.path)
            assert mark not in everything_told(request), path
            assert request is not None


@ALL
@pytest.mark.parametrize("mark", MARKS)
def test_no_text_of_an_answer_is_told(dialect: Dialect, mark: str) -> None:
    for body in ALL_SAMPLES[dialect.name].answers:
        for path in texts_in(body):
            reply = Reply()
            dialect.reply(changed(body, path, json.dumps(mark)), reply)
            assert mark not in everything_told(None, reply), path


@ALL
@pytest.mark.parametrize("mark", MARKS)
def test_no_text_of_a_stream_is_told(dialect: Dialect, mark: str) -> None:
    mine = ALL_SAMPLES[dialect.name]
    for stream in mine.streams:
        reply = Reply()
        for event in (json.loads(data) for data in mine.events(stream) if data[:1] == b"{"):
            for path in texts_in(event):
                dialect.event(changed(event, path, json.dumps(mark)), reply)
        assert mark not in everything_told(None, reply)


@ALL
def test_the_samples_themselves_tell_no_text(dialect: Dialect) -> None:
    for mark in (TEXT, *TEXT.split()[3:]):
        mine = ALL_SAMPLES[dialect.name]
        for body in mine.requests:
            assert mark not in everything_told(dialect.request(json.dumps(body).encode(), mine.path)).split('"')
        for body in mine.answers:
            reply = Reply()
            dialect.reply(json.dumps(body).encode(), reply)
            assert mark not in everything_told(None, reply).split('"')
