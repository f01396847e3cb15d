"""Ollama's own API: what is a call of it, and what its lines say."""

import json
from typing import Any

import pytest

from otel_dispatch.demo.provider import Answer
from otel_dispatch.dialects import Dialect, dialect_at
from otel_dispatch.dialects.ollama import CHAT, GENERATE
from otel_dispatch.dialects.ollama_embed import EMBED
from otel_dispatch.record import UNKNOWN_THINKING, Request, Thinking
from otel_dispatch.vocabulary import ThinkingMode, ToolFormat, WireFormat
from tests.dialects.heard import end_of, hear, heard, heard_body, said
from tests.wires.ollama import (
    NDJSON,
    ollama_chat,
    ollama_chat_stream,
    ollama_embed,
    ollama_error,
    ollama_generate,
    ollama_generate_stream,
    streamed,
)

SERVED, EMPTY = ("served", None), ("empty_completion_terminal", None)
MALFORMED, FAILED = ("provider_error", "malformed_response"), ("provider_error", "unknown")
HI = [{"role": "user", "content": "hi"}]
DEFAULT = Request(WireFormat.OLLAMA, "chat", "m", stream=True)
TOOL = {"type": "function", "function": {"name": "f"}}
BOTH = pytest.mark.parametrize(
    ("dialect", "whole", "stream"),
    [(CHAT, ollama_chat, ollama_chat_stream), (GENERATE, ollama_generate, ollama_generate_stream)],
    ids=["chat", "generate"],
)


def asked(dialect: Dialect, body: dict[str, Any]) -> Request | None:
    return dialect.request(json.dumps(body).encode(), "")


@pytest.mark.parametrize(
    ("path", "dialect"),
    [
        ("/api/chat", CHAT),
        ("/ollama/api/chat", CHAT),
        ("/api/generate", GENERATE),
        ("/api/embed", EMBED),
        ("/api/embeddings", EMBED),
        ("/api/chat/completions", None),
        ("/api/pull", None),
        ("/api/show", None),
        ("/api/chat/1", None),
    ],
)
def test_it_answers_at_ollamas_paths(path: str, dialect: Dialect | None) -> None:
    found = dialect_at(path)
    assert found is dialect if dialect is not None else found not in (CHAT, GENERATE, EMBED)


def test_nobody_else_serves_it_so_a_local_host_is_ollama() -> None:
    assert {CHAT.home, GENERATE.home, EMBED.home} == {"ollama"}


REQUESTS: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({}, {}),
    ({"stream": None}, {}),
    ({"stream": True}, {}),
    ({"stream": False}, {"stream": False}),
    ({"tools": []}, {}),
    ({"tools": [TOOL]}, {"tool_format": ToolFormat.NATIVE}),
    ({"think": None}, {}),
    ({"think": True}, {"thinking": Thinking(ThinkingMode.ENABLED, True)}),
    ({"think": False}, {"thinking": Thinking(ThinkingMode.OFF, False)}),
    ({"think": "high"}, {"thinking": Thinking(ThinkingMode.EFFORT, True, None, "high")}),
    ({"think": ""}, {"thinking": UNKNOWN_THINKING}),
    ({"think": 3}, {"thinking": UNKNOWN_THINKING}),
    ({"options": {"num_predict": 7}}, {"max_tokens": 7}),
    ({"options": {"num_predict": -1}}, {}),
    ({"options": {"num_predict": -2, "num_ctx": 9}}, {}),
    ({"options": [7]}, {}),
    ({"keep_alive": "5m", "format": "json", "logprobs": True, "a field of tomorrow": 1}, {}),
]


@pytest.mark.parametrize(("more", "expected"), REQUESTS)
def test_a_request_is_read(more: dict[str, Any], expected: dict[str, Any]) -> None:
    fields = {name: getattr(DEFAULT, name) for name in Request.__dataclass_fields__}
    assert asked(CHAT, {"model": "m", "messages": HI, **more}) == Request(**{**fields, **expected})
    of_a_text = Request(**{**fields, "operation": "text_completion", **expected})
    assert asked(GENERATE, {"model": "m", "prompt": "hi", **more}) == of_a_text


@pytest.mark.parametrize(
    "messages",
    [
        HI * 9,
        [{"role": "user", "content": "half an emoji: \ud83d"}],
        [{"role": "user", "content": "", "images": ["aGk="]}],
        [{"role": "assistant", "tool_calls": [{"function": {"name": "f", "arguments": {}}}]}],
    ],
)
def test_any_dialogue_is_a_call(messages: Any) -> None:
    assert asked(CHAT, {"model": "m", "messages": messages}) == DEFAULT


@pytest.mark.parametrize(
    "body",
    [
        {"model": "m"},
        {"model": "m", "messages": []},
        {"model": "m", "messages": [], "keep_alive": 0},
        {"messages": HI},
        {"model": "", "messages": HI},
        {"model": 3, "messages": HI},
        {"model": {"id": "m"}, "messages": HI},
        {"model": "m", "messages": "hi"},
        {"model": "m", "messages": {"role": "user"}},
        {"model": "m", "messages": ["hi"]},
        {"model": "m", "messages": [{"text": "hi"}]},
        {"model": "m", "messages": [{"role": "user", "parts": [{"type": "text", "text": "hi"}]}]},
        {"model": "m", "messages": [{"role": "user", "content": "hi", "id": "msg_1"}]},
        {"model": "m", "messages": [{"role": "user", "parts": ["half an emoji: \ud83d"]}]},
        {"model": "m", "messages": HI, "id": "chat_1"},
        {"model": "m", "messages": HI, "chatId": "1"},
        {"model": "m", "messages": HI, "session_id": None},
    ],
)
def test_what_loads_a_model_or_is_an_applications_own_chat_is_none(body: dict[str, Any]) -> None:
    assert asked(CHAT, body) is None


@pytest.mark.parametrize(
    "body",
    [
        {"model": "m"},
        {"model": "m", "prompt": ""},
        {"model": "m", "prompt": "", "keep_alive": 0},
        {"model": "m", "prompt": None},
        {"model": "m", "prompt": {"text": "hi"}},
        {"prompt": "hi"},
        {"model": "m", "prompt": "hi", "conversationId": "1"},
    ],
)
def test_what_has_no_prompt_or_no_model_is_no_generation(body: dict[str, Any]) -> None:
    assert asked(GENERATE, body) is None


def test_a_blank_prompt_is_a_prompt() -> None:
    assert asked(GENERATE, {"model": "m", "prompt": "\n"}) is not None


@pytest.mark.parametrize(
    ("body", "is_call"),
    [
        ({"model": "m", "input": "hi"}, True),
        ({"model": "m", "input": ["hi"]}, True),
        ({"model": "m", "prompt": "hi"}, True),
        ({"model": "m", "input": ""}, False),
        ({"model": "m", "input": []}, False),
        ({"model": "m"}, False),
        ({"input": "hi"}, False),
    ],
)
def test_embeddings_are_of_something(body: dict[str, Any], is_call: bool) -> None:
    assert asked(EMBED, body) == (Request(WireFormat.OLLAMA, "embeddings", "m") if is_call else None)


@pytest.mark.parametrize("dialect", [CHAT, GENERATE, EMBED], ids=lambda dialect: dialect.name)
@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"3", b"null", b"\xff\xfe", b'{"model":"m"'])
def test_what_cannot_be_read_is_no_call(dialect: Dialect, body: bytes) -> None:
    assert dialect.request(body, "") is None


USAGE = {"input": 9, "output": 12}
QUIET = {"model": "m", "finish": ["stop"], "done": True}
TEXT = {**QUIET, "content_len": 5, "blank": False}

ANSWERS: list[tuple[dict[str, Any], str, dict[str, Any], tuple[str, str | None]]] = [
    ({}, "Done.", {**TEXT, **USAGE}, SERVED),
    ({"usage": None}, "Done.", TEXT, SERVED),
    ({"finish": "length"}, "Done.", {**TEXT, **USAGE, "finish": ["length"]}, SERVED),
    ({"thinking": "hm"}, "", {**QUIET, **USAGE, "committed": True}, SERVED),
    ({}, "", {**QUIET, **USAGE}, EMPTY),
    ({"usage": None}, "", QUIET, EMPTY),
    ({}, " \n", {**QUIET, **USAGE, "content_len": 2}, EMPTY),
    ({"finish": "length"}, "", {**QUIET, **USAGE, "finish": ["length"]}, SERVED),
]


@BOTH
@pytest.mark.parametrize(("told", "text", "expected", "end"), ANSWERS)
def test_a_whole_answer_and_the_same_streamed_say_the_same(
    dialect: Dialect, whole: Any, stream: Any, told: dict[str, Any], text: str, expected: dict[str, Any], end: Any
) -> None:
    for answer in (whole(text, **told), stream(list(text), **told)):
        landing = heard(dialect, answer)
        assert (said(landing), end_of(landing)) == (expected, end)


def test_calls_of_tools_are_an_answer() -> None:
    for answer in (ollama_chat("", tool_calls=2), ollama_chat_stream([], tool_calls=2)):
        landing = heard(CHAT, answer)
        assert (said(landing), end_of(landing)) == ({**QUIET, **USAGE, "committed": True}, SERVED)


def test_a_picture_is_an_answer() -> None:
    landing = heard_body(GENERATE, {"model": "m", "image": "aGk=", "done": True, "done_reason": "stop"})
    assert (said(landing), end_of(landing)) == ({**QUIET, "committed": True}, SERVED)


@BOTH
@pytest.mark.parametrize("content_type", [NDJSON, "application/json", "text/plain; charset=utf-8", "", "text/html"])
def test_a_stream_is_heard_under_any_content_type(dialect: Dialect, whole: Any, stream: Any, content_type: str) -> None:
    chunks = stream(["Done", "."]).chunks
    for pieces in (chunks, [b"".join(chunks)], [b"\r\n".join(b"".join(chunks).split(b"\n"))]):
        landing = hear(dialect, pieces, content_type)
        assert (said(landing), end_of(landing)) == ({**TEXT, **USAGE}, SERVED)


@BOTH
@pytest.mark.parametrize("content_type", [NDJSON, "application/json"])
def test_a_stream_that_ends_with_an_error_has_failed(
    dialect: Dialect, whole: Any, stream: Any, content_type: str
) -> None:
    lines = [*stream(["so f"]).chunks[:1], {"error": "an error was encountered while running the model"}]
    landing = heard(dialect, streamed(lines, content_type))
    assert (landing.reply.failed, landing.reply.code, end_of(landing)) == (True, None, FAILED)


@BOTH
@pytest.mark.parametrize("content_type", [NDJSON, "application/json"])
def test_a_stream_without_its_last_line_is_malformed(
    dialect: Dialect, whole: Any, stream: Any, content_type: str
) -> None:
    landing = hear(dialect, stream(["Done", "."]).chunks[:-1], content_type)
    assert (end_of(landing), landing.reply.content_len) == (MALFORMED, 5)


@BOTH
@pytest.mark.parametrize("body", [b"", b"{}", b"[]", b"3", b"<html>", b'{"status":"success"}', b'{"done":true'])
def test_a_body_that_is_no_answer_is_malformed(dialect: Dialect, whole: Any, stream: Any, body: bytes) -> None:
    assert end_of(heard_body(dialect, body)) == MALFORMED


@pytest.mark.parametrize(
    ("status", "cls"),
    [(400, "bad_request"), (401, "auth"), (404, "not_found"), (500, "server_error"), (503, "overloaded")],
)
def test_a_refusal_is_classed_by_its_status(status: int, cls: str) -> None:
    for dialect in (CHAT, GENERATE, EMBED):
        assert end_of(heard(dialect, ollama_error(status, "429 quota"))) == ("provider_error", cls)
    assert end_of(heard(CHAT, ollama_error(429))) == ("usage_limit", "rate_limit")


def test_embeddings_are_an_answer_without_text() -> None:
    landing = heard(EMBED, ollama_embed(vectors=2))
    assert (said(landing), end_of(landing)) == ({"model": "m", "committed": True, "input": 9}, SERVED)
    landing = heard_body(EMBED, {"embedding": [0.5, -0.5]})
    assert (said(landing), end_of(landing)) == ({"committed": True}, SERVED)


@pytest.mark.parametrize(
    ("body", "end"), [(b"{}", MALFORMED), (b"[", MALFORMED), (b'{"error":"no such model"}', FAILED)]
)
def test_what_holds_no_embeddings_has_failed(body: bytes, end: tuple[str, str]) -> None:
    assert end_of(heard(EMBED, Answer(200, {"content-type": "application/json"}, body))) == end
