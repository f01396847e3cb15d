"""Text completions and embeddings, OpenAI's and those shaped like them."""

import json
from typing import Any

import pytest

from otel_dispatch.demo.provider import chat, chat_stream, error
from otel_dispatch.dialects import dialect_at
from otel_dispatch.dialects.openai_compat import CHAT
from otel_dispatch.dialects.openai_legacy import COMPLETIONS, EMBEDDINGS
from otel_dispatch.record import Request, Thinking
from otel_dispatch.vocabulary import ThinkingMode, WireFormat
from tests.dialects.heard import end_of, heard, heard_body, heard_events, said
from tests.wires.openai import completion, completion_stream, embeddings

SERVED, EMPTY = ("served", None), ("empty_completion_terminal", None)
MALFORMED = ("provider_error", "malformed_response")
FORMAT = WireFormat.OPENAI_COMPAT
OFF = Thinking(ThinkingMode.OFF, False)


@pytest.mark.parametrize(
    ("path", "dialect"),
    [
        ("/v1/completions", COMPLETIONS),
        ("/completions", COMPLETIONS),
        ("/beta/completions", COMPLETIONS),
        ("/openai/deployments/d/completions", COMPLETIONS),
        ("/v1/embeddings", EMBEDDINGS),
        ("/openai/deployments/d/embeddings", EMBEDDINGS),
        ("/v1/chat/completions", CHAT),
        ("/openai/deployments/d/chat/completions", CHAT),
        ("/v1/completions/x", None),
        ("/v1/embeddings/x", None),
        ("/v1/textcompletions", None),
    ],
)
def test_the_longest_ending_wins(path: str, dialect: Any) -> None:
    assert dialect_at(path) is dialect


COMPLETION_REQUESTS: list[tuple[str, dict[str, Any], Request | None]] = [
    ("", {"model": "m", "prompt": "p"}, Request(FORMAT, "text_completion", "m")),
    ("", {"model": "m", "prompt": ["p", "q"]}, Request(FORMAT, "text_completion", "m")),
    ("", {"model": "m", "prompt": "p", "suffix": "s"}, Request(FORMAT, "text_completion", "m")),
    (
        "",
        {"model": "m", "prompt": "p", "stream": True, "max_tokens": 3},
        Request(FORMAT, "text_completion", "m", stream=True, max_tokens=3),
    ),
    (
        "",
        {"model": "m", "prompt": "p", "reasoning": {"enabled": False}},
        Request(FORMAT, "text_completion", "m", OFF),
    ),
    (
        "",
        {"models": ["m", "n"], "prompt": "p", "provider": {"order": ["one"]}},
        Request(FORMAT, "text_completion", "m", fallbacks=("n",), upstreams=("one",)),
    ),
    (
        "/openai/deployments/my%20own/completions",
        {"prompt": "p"},
        Request(FORMAT, "text_completion", "my own", deployment=True),
    ),
    ("", {"model": "m"}, None),
    ("", {"prompt": "p"}, None),
    ("", {"model": 3, "prompt": "p"}, None),
    ("", {"model": "m", "messages": []}, None),
    ("", {"model": "m", "input": "p"}, None),
]
EMBEDDING_REQUESTS: list[tuple[str, dict[str, Any], Request | None]] = [
    ("", {"model": "m", "input": "p"}, Request(FORMAT, "embeddings", "m")),
    ("", {"model": "m", "input": [1, 2], "dimensions": 3}, Request(FORMAT, "embeddings", "m")),
    ("/openai/deployments/d/embeddings", {"input": "p"}, Request(FORMAT, "embeddings", "d", deployment=True)),
    ("", {"model": "m", "prompt": "p"}, None),
    ("", {"model": "m"}, None),
    ("", {"input": "p"}, None),
]


@pytest.mark.parametrize(
    ("dialect", "path", "body", "expected"),
    [
        *((COMPLETIONS, *row) for row in COMPLETION_REQUESTS),
        *((EMBEDDINGS, *row) for row in EMBEDDING_REQUESTS),
    ],
)
def test_a_request_is_read_where_it_is_one(
    dialect: Any, path: str, body: dict[str, Any], expected: Request | None
) -> None:
    assert dialect.request(json.dumps(body).encode(), path) == expected


@pytest.mark.parametrize("dialect", [COMPLETIONS, EMBEDDINGS])
@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"3", b"null", b"\xff\xfe", b'{"model":"m"'])
def test_what_cannot_be_read_is_no_call(dialect: Any, body: bytes) -> None:
    assert dialect.request(body, "/openai/deployments/d/completions") is None


USAGE = {"input": 9, "output": 12}
TEXT = {"model": "m", "finish": ["stop"], "content_len": 5, "blank": False, **USAGE}
ANSWERS: list[tuple[dict[str, Any], str, dict[str, Any], tuple[str, str | None]]] = [
    ({}, "Done.", TEXT, SERVED),
    ({"finish": "length"}, "Done.", {**TEXT, "finish": ["length"]}, SERVED),
    ({"usage": None}, "Done.", {name: told for name, told in TEXT.items() if name not in USAGE}, SERVED),
    ({}, " \n", {**TEXT, "content_len": 2, "blank": True}, EMPTY),
    ({}, "", {"model": "m", "finish": ["stop"], **USAGE}, EMPTY),
    ({"usage": (9, 0)}, "", {"model": "m", "finish": ["stop"], "input": 9, "output": 0}, SERVED),
]


@pytest.mark.parametrize(("told", "text", "expected", "end"), ANSWERS)
def test_a_whole_completion_and_the_same_streamed_say_the_same(
    told: dict[str, Any], text: str, expected: dict[str, Any], end: tuple[str, str | None]
) -> None:
    expected = {name: value for name, value in expected.items() if (name, value) != ("blank", True)}
    whole = heard(COMPLETIONS, completion(text, model="m", **told))
    streamed = heard(COMPLETIONS, completion_stream(list(text), model="m", **told))
    assert (said(whole), end_of(whole)) == (expected, end)
    assert (said(streamed), end_of(streamed)) == ({**expected, "done": True}, end)


def test_a_middle_that_is_filled_in_may_come_in_the_shape_of_chat() -> None:
    for answer in (chat("Done.", model="m"), chat_stream(["Done."], model="m")):
        landing = heard(COMPLETIONS, answer)
        assert (landing.reply.content_len, end_of(landing)) == (5, SERVED)


def test_every_choice_of_a_completion_counts() -> None:
    choices = [{"text": "a", "finish_reason": "stop"}, {"text": "é", "finish_reason": "length"}, {"text": None}, 3]
    landing = heard_body(COMPLETIONS, {"choices": choices})
    assert said(landing) == {"finish": ["stop", "length"], "content_len": 3, "blank": False}


def test_a_stream_of_text_that_breaks_off_is_malformed_and_one_that_fails_is_failed() -> None:
    piece = {"model": "m", "choices": [{"text": "a"}]}
    assert end_of(heard_events(COMPLETIONS, piece)) == MALFORMED
    failed = {"error": {"code": "rate_limit_exceeded", "type": "requests"}}
    assert end_of(heard_events(COMPLETIONS, piece, failed)) == ("usage_limit", "rate_limit")


VECTORS: list[tuple[Any, dict[str, Any]]] = [
    (embeddings(model="m"), {"input": 9}),
    (embeddings(model="m", vectors=["AACAPg=="]), {"input": 9}),
    (embeddings(model="m", usage={"total_tokens": 4}), {"input": 4}),
    (embeddings(model="m", usage={"prompt_tokens": 3, "total_tokens": 4}), {"input": 3}),
    (embeddings(model="m", usage={}), {}),
]


@pytest.mark.parametrize(("answer", "usage"), VECTORS)
def test_embeddings_are_no_text_and_not_empty(answer: Any, usage: dict[str, Any]) -> None:
    landing = heard(EMBEDDINGS, answer)
    assert (said(landing), end_of(landing)) == ({"model": "m", "committed": True, **usage}, SERVED)


@pytest.mark.parametrize("body", [b"", b"{}", b'{"data":[]}', b'{"data":null}', b'{"data":"x"}', b"[]", b'{"data":['])
def test_a_body_without_embeddings_is_malformed(body: bytes) -> None:
    assert end_of(heard_body(EMBEDDINGS, body)) == MALFORMED


@pytest.mark.parametrize("dialect", [COMPLETIONS, EMBEDDINGS])
def test_an_error_is_heard_with_and_without_its_status(dialect: Any) -> None:
    refused = error("openai", 429, "insufficient_quota", "insufficient_quota")
    assert end_of(heard(dialect, refused)) == end_of(heard_body(dialect, refused.body)) == ("usage_limit", "quota")
    missing = {"base_resp": {"status_code": 1004}, "data": None}
    assert end_of(heard_body(dialect, missing)) == ("provider_error", "auth")
