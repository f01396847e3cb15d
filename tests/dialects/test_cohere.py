"""Cohere's own API: requests, whole replies and streams of its two versions."""

import json
from typing import Any

import pytest

from otel_dispatch.dialects import Dialect, dialect_at
from otel_dispatch.dialects.cohere import CHAT, EMBED
from otel_dispatch.dialects.cohere_v1 import FIRST_CHAT
from otel_dispatch.record import UNKNOWN_THINKING, Request, Thinking
from otel_dispatch.vocabulary import ThinkingMode, ToolFormat, WireFormat
from tests.dialects.heard import end_of, hear, heard, heard_body, heard_events, said
from tests.wires.cohere import (
    FIRST,
    cohere_chat,
    cohere_chat_stream,
    cohere_embed,
    cohere_error,
    cohere_first_chat,
    cohere_first_chat_stream,
)

SERVED, EMPTY = ("served", None), ("empty_completion_terminal", None)
MALFORMED, FAILED = ("provider_error", "malformed_response"), ("provider_error", "unknown")
HI = [{"role": "user", "content": "hi"}]
DEFAULT = Request(WireFormat.COHERE, "chat", "m")
BODY: dict[str, Any] = {"model": "m", "messages": HI}
FIRST_BODY: dict[str, Any] = {"model": "m", "message": "hi", "stream": False}


def asked(dialect: Dialect, body: dict[str, Any]) -> Request | None:
    return dialect.request(json.dumps(body).encode(), "")


def with_defaults(**expected: Any) -> Request:
    return Request(**{**{name: getattr(DEFAULT, name) for name in Request.__dataclass_fields__}, **expected})


@pytest.mark.parametrize(
    ("path", "dialect"),
    [
        ("/v2/chat", CHAT),
        ("/proxy/v2/chat", CHAT),
        ("/v1/chat", FIRST_CHAT),
        ("/v2/embed", EMBED),
        ("/v1/embed", EMBED),
        ("/v2/rerank", None),
        ("/v1/classify", None),
        ("/v1/tokenize", None),
        ("/v1/embed-jobs", None),
        ("/v2/audio/transcriptions", None),
    ],
)
def test_it_answers_at_coheres_paths(path: str, dialect: Dialect | None) -> None:
    assert dialect_at(path) is dialect


REQUESTS: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({}, {}),
    ({"stream": True}, {"stream": True}),
    ({"stream": False}, {}),
    ({"max_tokens": 7}, {"max_tokens": 7}),
    ({"tools": []}, {}),
    ({"tools": [{"type": "function", "function": {"name": "f"}}]}, {"tool_format": ToolFormat.NATIVE}),
    ({"documents": ["d"]}, {}),
    ({"thinking": None}, {}),
    ({"thinking": {"type": "enabled"}}, {"thinking": Thinking(ThinkingMode.ENABLED, True)}),
    (
        {"thinking": {"type": "enabled", "token_budget": 500}},
        {"thinking": Thinking(ThinkingMode.ENABLED, True, 500)},
    ),
    ({"thinking": {"type": "disabled"}}, {"thinking": Thinking(ThinkingMode.OFF, False)}),
    ({"thinking": {"token_budget": 5}}, {"thinking": Thinking(ThinkingMode.UNKNOWN, None, 5)}),
    ({"thinking": "on"}, {"thinking": UNKNOWN_THINKING}),
    ({"messages": [{"role": "user", "content": "half an emoji: \ud83d"}]}, {}),
]


@pytest.mark.parametrize(("more", "expected"), REQUESTS)
def test_a_request_is_read(more: dict[str, Any], expected: dict[str, Any]) -> None:
    assert asked(CHAT, {**BODY, **more}) == with_defaults(**expected)


@pytest.mark.parametrize("change", [{"model": None}, {"model": ""}, {"messages": []}, {"messages": "hi"}])
def test_a_chat_without_a_model_or_messages_is_none_of_coheres(change: dict[str, Any]) -> None:
    assert asked(CHAT, {**BODY, **change}) is None


FIRST_REQUESTS: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({}, {}),
    ({"stream": True}, {"stream": True}),
    ({"max_tokens": 7, "message": ""}, {"max_tokens": 7}),
    ({"tools": [{"name": "f", "description": "", "parameter_definitions": {}}]}, {"tool_format": ToolFormat.NATIVE}),
]


@pytest.mark.parametrize(("more", "expected"), FIRST_REQUESTS)
def test_a_request_of_version_1_is_read(more: dict[str, Any], expected: dict[str, Any]) -> None:
    assert asked(FIRST_CHAT, {**FIRST_BODY, **more}) == with_defaults(**expected)


@pytest.mark.parametrize("missing", ["model", "message", "stream"])
@pytest.mark.parametrize("instead", [None, 3, {}, ["hi"]])
def test_a_chat_of_somebody_elses_is_left_alone(missing: str, instead: Any) -> None:
    assert asked(FIRST_CHAT, {**FIRST_BODY, missing: instead}) is None
    assert asked(FIRST_CHAT, {name: value for name, value in FIRST_BODY.items() if name != missing}) is None


@pytest.mark.parametrize(
    ("body", "is_call"),
    [
        ({"model": "m", "texts": ["hi"]}, True),
        ({"model": "m", "images": ["data:"]}, True),
        ({"model": "m", "inputs": [{"content": []}]}, True),
        ({"model": "m", "texts": ["hi"], "max_tokens": 5}, True),  # a limit of what goes in
        ({"model": "m", "texts": []}, False),
        ({"model": "m", "texts": "hi"}, False),
        ({"texts": ["hi"]}, False),
    ],
)
def test_embeddings_are_of_something(body: dict[str, Any], is_call: bool) -> None:
    assert asked(EMBED, body) == (Request(WireFormat.COHERE, "embeddings", "m") if is_call else None)


@pytest.mark.parametrize("dialect", [CHAT, FIRST_CHAT, EMBED], ids=lambda dialect: dialect.name)
@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"3", b"null", b"\xff\xfe", b'{"model":"m"'])
def test_what_cannot_be_read_is_no_call(dialect: Dialect, body: bytes) -> None:
    assert dialect.request(body, "") is None


USAGE = {"input": 9, "output": 12}
QUIET = {"finish": ["COMPLETE"], **USAGE}
TEXT = {**QUIET, "content_len": 5, "blank": False}
BARE = {name: value for name, value in TEXT.items() if name not in USAGE}

ANSWERS: list[tuple[dict[str, Any], str, dict[str, Any], tuple[str, str | None]]] = [
    ({}, "Done.", TEXT, SERVED),
    ({"usage": None}, "Done.", BARE, SERVED),
    ({"finish": "STOP_SEQUENCE"}, "", {**QUIET, "finish": ["STOP_SEQUENCE"]}, EMPTY),
    ({"finish": "MAX_TOKENS"}, "Done.", {**TEXT, "finish": ["MAX_TOKENS"]}, SERVED),
    ({"finish": "MAX_TOKENS"}, "", {**QUIET, "finish": ["MAX_TOKENS"]}, SERVED),
    ({"tool_calls": 2, "finish": "TOOL_CALL"}, "", {**QUIET, "finish": ["TOOL_CALL"], "committed": True}, SERVED),
    ({}, "", QUIET, EMPTY),
    ({"usage": None}, "", {"finish": ["COMPLETE"]}, EMPTY),
    ({"usage": (9, 0)}, "", {**QUIET, "output": 0}, SERVED),
]
SECOND = [
    ({"thinking": "hm"}, "", {**QUIET, "committed": True}, SERVED),
    ({"thinking": " "}, "", QUIET, EMPTY),
]


@pytest.mark.parametrize(("told", "text", "expected", "end"), [*ANSWERS, *SECOND])
def test_a_whole_reply_and_the_same_streamed_say_the_same(
    told: dict[str, Any], text: str, expected: dict[str, Any], end: Any
) -> None:
    whole, streamed = heard(CHAT, cohere_chat(text, **told)), heard(CHAT, cohere_chat_stream(list(text), **told))
    assert (said(whole), end_of(whole)) == (expected, end)
    assert (said(streamed), end_of(streamed)) == ({**expected, "done": True}, end)
    assert str(whole.reply.id).startswith("c-")
    assert str(streamed.reply.id).startswith("c-")


@pytest.mark.parametrize(("told", "text", "expected", "end"), ANSWERS)
def test_a_whole_reply_of_version_1_and_the_same_streamed_say_the_same(
    told: dict[str, Any], text: str, expected: dict[str, Any], end: Any
) -> None:
    whole = heard(FIRST_CHAT, cohere_first_chat(text, **told))
    assert (said(whole), end_of(whole)) == (expected, end)
    stream = cohere_first_chat_stream(list(text), **told)
    assert stream.chunks is not None
    for content_type in (FIRST, "application/json", "text/plain"):
        landing = hear(FIRST_CHAT, stream.chunks, content_type)  # type: ignore[arg-type]
        assert (said(landing), end_of(landing)) == ({**expected, "done": True}, end)
        assert str(landing.reply.id).startswith("r-")


def test_the_plan_for_calls_of_tools_is_counted_once() -> None:
    whole = heard(FIRST_CHAT, cohere_first_chat("I will.", tool_calls=1))
    streamed = heard(FIRST_CHAT, cohere_first_chat_stream(["I ", "will."], tool_calls=1))
    assert whole.reply.content_len == streamed.reply.content_len == 7
    assert whole.reply.committed is streamed.reply.committed is True


FAILURES = [
    ("ERROR", ("provider_error", "unknown")),
    ("TIMEOUT", ("provider_error", "timeout")),
    ("ERROR_TOXIC", ("provider_error", "content_filter")),
    ("USER_CANCEL", ("cancelled", "cancelled")),
    ("ERROR_LIMIT", SERVED),
]


@pytest.mark.parametrize(("finish", "end"), FAILURES)
def test_a_finish_that_is_a_failure_is_one(finish: str, end: tuple[str, str]) -> None:
    for dialect, answers in (
        (CHAT, (cohere_chat("so f", finish=finish), cohere_chat_stream(["so f"], finish=finish))),
        (FIRST_CHAT, (cohere_first_chat("so f", finish=finish), cohere_first_chat_stream(["so f"], finish=finish))),
    ):
        for answer in answers:
            assert end_of(heard(dialect, answer)) == end


def test_an_error_that_the_last_event_tells_is_one() -> None:
    landing = heard_events(CHAT, {"type": "message-end", "delta": {"error": "secret words", "finish_reason": "ERROR"}})
    assert (landing.reply.code, end_of(landing)) == ("ERROR", FAILED)
    landing = heard_events(CHAT, {"type": "message-end", "delta": {"error": "secret words"}})
    assert (landing.reply.code, end_of(landing)) == (None, FAILED)


def test_a_stream_without_its_end_is_malformed() -> None:
    whole = cohere_chat_stream(["so f"], ends=False).chunks
    assert whole is not None
    landing = hear(CHAT, whole[:-1])  # type: ignore[arg-type]
    assert (end_of(landing), landing.reply.content_len) == (MALFORMED, 4)
    first = cohere_first_chat_stream(["so f"]).chunks
    assert first is not None
    for content_type in (FIRST, "application/json"):
        landing = hear(FIRST_CHAT, first[:-1], content_type)  # type: ignore[arg-type]
        assert (end_of(landing), landing.reply.content_len) == (MALFORMED, 4)


USAGES = [
    ({"tokens": {"input_tokens": 3.0, "output_tokens": 4.0}}, {"input": 3, "output": 4}),
    ({"tokens": {"input_tokens": 3}, "billed_units": {"input_tokens": 1, "output_tokens": 2}}, {"input": 3}),
    ({"billed_units": {"input_tokens": 1.0, "output_tokens": 2.0}}, {"input": 1, "output": 2}),
    ({"tokens": {"output_tokens": 2.5}}, {}),
    ({"cached_tokens": 5.0}, {"cache_read": 5}),
    ({}, {}),
    (None, {}),
]


@pytest.mark.parametrize(("usage", "expected"), USAGES)
def test_usage_is_what_was_reported_and_nothing_else(usage: Any, expected: dict[str, Any]) -> None:
    message = {"content": [{"type": "text", "text": "x"}]}
    text = {"content_len": 1, "blank": False}
    assert said(heard_body(CHAT, {"message": message, "usage": usage})) == {**text, **expected}
    assert said(heard_body(FIRST_CHAT, {"text": "x", "meta": usage})) == {**text, **expected}


@pytest.mark.parametrize(
    ("status", "end"),
    [
        (400, ("provider_error", "bad_request")),
        (401, ("provider_error", "auth")),
        (404, ("provider_error", "not_found")),
        (429, ("usage_limit", "rate_limit")),
        (498, ("provider_error", "overloaded")),
        (500, ("provider_error", "server_error")),
        (504, ("provider_error", "timeout")),
    ],
)
def test_a_refusal_is_classed_by_its_status(status: int, end: tuple[str, str]) -> None:
    for dialect in (CHAT, FIRST_CHAT, EMBED):
        assert end_of(heard(dialect, cohere_error(status, "429 quota"))) == end


@pytest.mark.parametrize("dialect", [CHAT, FIRST_CHAT, EMBED], ids=lambda dialect: dialect.name)
@pytest.mark.parametrize("body", [b"", b"{}", b"[]", b"3", b"<html>", b'{"message":"no"}'])
def test_a_body_that_is_no_answer_is_malformed(dialect: Dialect, body: bytes) -> None:
    assert end_of(heard_body(dialect, body)) == MALFORMED


def test_embeddings_are_an_answer_without_text() -> None:
    landing = heard(EMBED, cohere_embed())
    assert (said(landing), end_of(landing)) == ({"committed": True, "input": 9}, SERVED)
    landing = heard_body(EMBED, {"id": "e", "embeddings": [[0.5]], "response_type": "embeddings_floats"})
    assert (said(landing), end_of(landing)) == ({"committed": True}, SERVED)


def test_events_that_say_nothing_are_passed_over() -> None:
    landing = heard_events(CHAT, "{", "3", {"type": "debug", "prompt": "x"}, {"type": "new"}, "[DONE]")
    assert (said(landing), end_of(landing)) == ({"malformed": True}, MALFORMED)
