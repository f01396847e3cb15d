"""Decisions, OpenAI's, Gemini's and System One's: requests, and answers of probabilities."""

import json
from typing import Any

import pytest

from otel_dispatch.demo.provider import Answer, error
from otel_dispatch.dialects import Dialect, dialect_at
from otel_dispatch.dialects.decisions import DECISIONS, SYSTEM_ONE
from otel_dispatch.record import Request, Thinking
from otel_dispatch.vocabulary import ThinkingMode, WireFormat
from tests.dialects.heard import end_of, heard, heard_body, said
from tests.wires import gemini, openai
from tests.wires.ollama import ollama_error, systemone

ALL = pytest.mark.parametrize("dialect", [DECISIONS, SYSTEM_ONE], ids=lambda dialect: dialect.name)
SERVED, MALFORMED = ("served", None), ("provider_error", "malformed_response")
FILTERED = ("provider_error", "content_filter")
REFUSAL = {"type": "refusal", "name": "a"}

PREDICATE = {"type": "predicate", "instructions": "is it?"}
NOUL = {"type": "noul", "instructions": "is it?"}
INPUT: dict[str, Any] = {"model": "m", "input": "hi"}
STATE: dict[str, Any] = {"model": "m", "state": {"a": 1}}
COMPAT = Request(WireFormat.OPENAI_COMPAT, "decisions", "m")
GOOGLE = Request(WireFormat.GEMINI, "decisions", "m")
ONE = Request(WireFormat.UNKNOWN, "decisions", "m")


@pytest.mark.parametrize(
    ("path", "dialect"),
    [
        ("/v1/decisions", DECISIONS),
        ("/decisions", DECISIONS),
        ("/v3/compat/decisions", DECISIONS),
        ("/v1beta1/projects/p/locations/global/decisions", DECISIONS),
        ("/v1/systemone", SYSTEM_ONE),
        ("/systemone", SYSTEM_ONE),
        ("/v1/decisions/d_1", None),
        ("/v1/mydecisions", None),
    ],
)
def test_each_answers_at_its_own_paths(path: str, dialect: Dialect | None) -> None:
    assert dialect_at(path) is dialect


@ALL
def test_a_local_host_that_decides_may_be_anybodys(dialect: Dialect) -> None:
    assert dialect.home is None


@pytest.mark.parametrize(
    ("dialect", "body", "expected"),
    [
        (DECISIONS, {**INPUT, "questions": [PREDICATE]}, COMPAT),
        (DECISIONS, {**INPUT, "input": [{"role": "user", "content": "\ud83d"}], "questions": [PREDICATE]}, COMPAT),
        (DECISIONS, {**INPUT, "questions": [{"type": "new"}, {"type": "choice"}]}, COMPAT),
        (DECISIONS, {**INPUT, "questions": [{"type": "score"}], "tools": []}, COMPAT),
        (DECISIONS, {**INPUT, "questions": {"a": NOUL}}, GOOGLE),
        (DECISIONS, {**INPUT, "model": "models/m", "questions": {"a": NOUL, "b": {"type": []}}}, GOOGLE),
        (SYSTEM_ONE, {**STATE, "questions": {"a": NOUL}}, ONE),
        (DECISIONS, {**STATE, "questions": {"a": NOUL}}, ONE),
        (SYSTEM_ONE, {**INPUT, "questions": [PREDICATE]}, COMPAT),
        (SYSTEM_ONE, {**STATE, "state": "\udc00", "questions": {"a": {"type": "score"}}, "keep_alive": 0}, ONE),
    ],
)
def test_a_request_is_read(dialect: Dialect, body: Any, expected: Request) -> None:
    assert dialect.request(json.dumps(body).encode(), "") == expected


def test_what_a_gateway_is_asked_for_besides_is_read_as_in_chats() -> None:
    body = {**INPUT, "models": ["m", "n"], "reasoning": {"effort": "low"}, "questions": [PREDICATE]}
    thinking = Thinking(ThinkingMode.EFFORT, True, None, "low")
    expected = Request(WireFormat.OPENAI_COMPAT, "decisions", "m", thinking, fallbacks=("n",))
    assert DECISIONS.request(json.dumps(body).encode(), "/v1/decisions") == expected
    body = {**STATE, "questions": {"a": NOUL}, "models": ["m", "n"], "provider": {"order": ["one"]}}
    expected = Request(WireFormat.UNKNOWN, "decisions", "m", fallbacks=("n",), upstreams=("one",))
    assert DECISIONS.request(json.dumps(body).encode(), "/api/alpha/decisions") == expected


@pytest.mark.parametrize(
    ("dialect", "body"),
    [
        # Of rules, of loans, of people.
        *((DECISIONS, each) for each in ({}, {"input": {"age": 30}}, {"model": "loans", "input": {"age": 30}})),
        (DECISIONS, {**INPUT, "questions": [{"id": "age", "type": "number"}]}),
        (DECISIONS, {**INPUT, "questions": ["is it?"]}),
        (DECISIONS, {**INPUT, "questions": []}),
        (DECISIONS, {**INPUT, "questions": {"a": PREDICATE}}),
        (DECISIONS, {**INPUT, "questions": "choice"}),
        (DECISIONS, {"model": "m", "questions": [PREDICATE]}),
        (DECISIONS, {"input": "hi", "questions": [PREDICATE]}),
        (DECISIONS, {**INPUT, "model": 3, "questions": [PREDICATE]}),
        (DECISIONS, {**INPUT, "questions": [NOUL]}),
        (DECISIONS, {**INPUT, "questions": {"a": {"type": "number"}}}),
        (DECISIONS, {**INPUT, "questions": {}}),
        (DECISIONS, {**INPUT, "model": "models/", "questions": {"a": NOUL}}),
        (DECISIONS, {"model": "m", "questions": {"a": NOUL}}),
        (SYSTEM_ONE, {**STATE, "questions": [NOUL]}),
        (SYSTEM_ONE, {"model": "m", "questions": {"a": NOUL}}),
        (DECISIONS, {**STATE, "questions": [PREDICATE]}),
        (SYSTEM_ONE, {"state": "hi", "questions": {"a": NOUL}}),
    ],
)
def test_a_decision_that_no_model_is_asked_for_is_left_alone(dialect: Dialect, body: Any) -> None:
    assert dialect.request(json.dumps(body).encode(), "/v1/decisions") is None


@ALL
@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"3", b"null", b"\xff\xfe", b'{"model":"m"'])
def test_what_cannot_be_read_is_no_call(dialect: Dialect, body: bytes) -> None:
    assert dialect.request(body, "/openai/deployments/d/decisions") is None


ZEROS = {"cache_read": 0, "cache_write": 0, "reasoning": 0}
ANSWERS: list[tuple[Dialect, Answer, dict[str, Any]]] = [
    (DECISIONS, openai.decision(model="m"), {"model": "m", "input": 9, "output": 12, **ZEROS}),
    (DECISIONS, openai.decision(REFUSAL, openai.PREDICATE, model="m", usage=None), {"model": "m"}),
    (DECISIONS, gemini.whole(gemini.decision()), {"input": 9, "output": 0}),
    (SYSTEM_ONE, systemone(), {"model": "m", "input": 9, "output": 1}),
    (SYSTEM_ONE, systemone(usage=None), {"model": "m"}),
]


@pytest.mark.parametrize(("dialect", "answer", "expected"), ANSWERS)
def test_probabilities_are_no_text_and_not_empty(dialect: Dialect, answer: Answer, expected: dict[str, Any]) -> None:
    landing = heard(dialect, answer)
    assert (said(landing), end_of(landing)) == ({"committed": True, **expected}, SERVED)


def test_where_every_question_is_declined_the_answer_ends_with_a_refusal() -> None:
    landing = heard(DECISIONS, openai.decision(REFUSAL, REFUSAL, model="m", usage=None))
    assert (said(landing), end_of(landing)) == ({"committed": True, "finish": ["refusal"], "model": "m"}, SERVED)


@pytest.mark.parametrize(
    ("reason", "code"), [("safety", "safety"), ("blocklist", "blocklist"), ("other", "content_filter")]
)
def test_an_input_that_is_blocked_is_a_failure_of_the_filter(reason: str, code: str) -> None:
    landing = heard_body(DECISIONS, gemini.undecided(reason))
    assert (landing.reply.code, landing.reply.usage.input, end_of(landing)) == (code, 9, FILTERED)


@ALL
@pytest.mark.parametrize(
    "body",
    [
        *(b"", b"{}", b"[]", b"3", b"<html>", b'{"answers":', b'{"answers":null}', b'{"answers":"x"}'),
        *(b'{"answers":[],"usage":{"output_tokens":0}}', b'{"answers":{},"usage":{"total_output_tokens":0}}'),
        *(b'{"answers":[3]}', b'{"answers":{"a":{"type":[]}}}'),
    ],
)
def test_an_answer_to_no_question_is_malformed(dialect: Dialect, body: bytes) -> None:
    assert end_of(heard_body(dialect, body)) == MALFORMED


@pytest.mark.parametrize(
    ("dialect", "answer", "end"),
    [
        (DECISIONS, error("openai", 429, "insufficient_quota", "insufficient_quota"), ("usage_limit", "quota")),
        (DECISIONS, error("openai", 400, "invalid_request_error", None), ("provider_error", "bad_request")),
        (
            DECISIONS,
            gemini.whole(gemini.failure(400, "INVALID_ARGUMENT", "API_KEY_INVALID"), 400),
            ("provider_error", "auth"),
        ),
        (SYSTEM_ONE, ollama_error(404), ("provider_error", "not_found")),
        (SYSTEM_ONE, ollama_error(429, "200 OK"), ("usage_limit", "rate_limit")),
    ],
)
def test_an_error_is_heard_by_its_status_and_code(dialect: Dialect, answer: Answer, end: tuple[str, str]) -> None:
    assert end_of(heard(dialect, answer)) == end
