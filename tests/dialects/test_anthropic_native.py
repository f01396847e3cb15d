"""Anthropic's messages: requests, whole answers and every event of a stream."""

import json
from typing import Any

import pytest

from otel_dispatch.demo.provider import error, messages, messages_stream
from otel_dispatch.dialects import dialect_at
from otel_dispatch.dialects.anthropic_native import MESSAGES as DIALECT
from otel_dispatch.record import Request, Thinking
from otel_dispatch.vocabulary import Field, ThinkingMode, ToolFormat, WireFormat
from tests.dialects.heard import end_of, heard, heard_body, heard_events, said

SERVED, EMPTY = ("served", None), ("empty_completion_terminal", None)
MALFORMED = ("provider_error", "malformed_response")
DEFAULT = Request(WireFormat.ANTHROPIC_NATIVE, "chat", "m", max_tokens=100)
BODY: dict[str, Any] = {"model": "m", "max_tokens": 100, "messages": [{"role": "user", "content": "hi"}]}


@pytest.mark.parametrize(
    ("path", "answers"),
    [("/v1/messages", True), ("/anthropic/v1/messages", True), ("/v1/messages/count_tokens", False), ("/", False)],
)
def test_it_answers_at_messages(path: str, answers: bool) -> None:
    assert (dialect_at(path) is DIALECT) == answers


REQUESTS: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({}, {}),
    ({"stream": True}, {"stream": True}),
    ({"stream": 1}, {}),
    ({"max_tokens": "100"}, {"max_tokens": None}),
    ({"tools": [{"name": "f", "input_schema": {}}]}, {"tool_format": ToolFormat.NATIVE}),
    ({"mcp_servers": [{"type": "url"}]}, {"tool_format": ToolFormat.NATIVE}),
    ({"tools": [], "mcp_servers": None}, {}),
    ({"thread": {"type": "create"}}, {}),
    ({"thread": {"type": "continue"}}, {"tool_format": ToolFormat.UNKNOWN}),
    ({"thread": {"type": "continue"}, "messages": []}, {"tool_format": ToolFormat.UNKNOWN}),
    ({"thread": {"type": "continue"}, "tools": [{"name": "f"}]}, {"tool_format": ToolFormat.NATIVE}),
    ({"thread": "continue"}, {}),
    ({"fallbacks": [{"model": "n"}, {"model": "o", "max_tokens": 5}]}, {"fallbacks": ("n", "o")}),
    ({"fallbacks": "default"}, {}),
    ({"fallbacks": ["n", {"model": 3}, {"model": ""}, {}]}, {}),
    ({"fallbacks": [{"model": str(n)} for n in range(99)]}, {"fallbacks": tuple(str(n) for n in range(16))}),
    ({"thinking": {"type": "enabled", "budget_tokens": 50}}, {"thinking": Thinking(ThinkingMode.ENABLED, True, 50)}),
    ({"output_config": {"effort": "low"}}, {"thinking": Thinking(ThinkingMode.EFFORT, None, None, "low")}),
    ({"output_config": "low"}, {}),
    ({"model": "x" * 999}, {"model": "x" * 256}),
    ({"messages": [{"role": "user", "content": "half an emoji: \ud83d"}]}, {}),
    ({"metadata": {"user_id": float("inf")}}, {}),
]


@pytest.mark.parametrize(("change", "expected"), REQUESTS)
def test_a_request_is_read(change: dict[str, Any], expected: dict[str, Any]) -> None:
    fields = {name: getattr(DEFAULT, name) for name in Request.__dataclass_fields__}
    assert DIALECT.request(json.dumps({**BODY, **change}).encode(), "") == Request(**{**fields, **expected})


@pytest.mark.parametrize(
    "body",
    [b"", b"[]", b"null", b"{}", b'{"model":"m"', *(json.dumps(body).encode() for body in (
        {"room": 3, "text": "hi"},
        {"messages": [{"text": "hi"}]},
        {"model": "m", "messages": []},
        {"model": "m", "messages": [], "thread": {"type": "create"}},
        {"messages": [], "thread": {"type": "continue"}},
        {"model": "m", "messages": "hi"},
        {"model": 3, "messages": [{}]},
    ))],
)  # fmt: skip
def test_the_messages_of_a_chat_server_are_no_model_call(body: bytes) -> None:
    assert DIALECT.request(body, "") is None


USAGE = {"input": 9, "output": 12, "cache_read": 0, "cache_write": 0}
TEXT = {"model": "m", "finish": ["end_turn"], "content_len": 5, "blank": False, **USAGE}
QUIET = {"model": "m", "finish": ["end_turn"], **USAGE}
BARE = {name: value for name, value in TEXT.items() if name not in USAGE}
CACHED = {"input": 9 + 20 + 30, "cache_read": 20, "cache_write": 30}

ANSWERS: list[tuple[dict[str, Any], str, dict[str, Any], tuple[str, str | None]]] = [
    ({}, "Done.", TEXT, SERVED),
    ({"usage": None}, "Done.", BARE, SERVED),
    ({"cache_read": 20, "cache_write": 30}, "Done.", {**TEXT, **CACHED}, SERVED),
    ({"thinking": "hm", "thinking_tokens": 4}, "Done.", {**TEXT, "committed": True, "reasoning": 4}, SERVED),
    ({"stop": "max_tokens"}, "Done.", {**TEXT, "finish": ["max_tokens"]}, SERVED),
    ({"tool_calls": 2}, "", {**QUIET, "finish": ["tool_use"], "committed": True}, SERVED),
    ({"thinking": "hm"}, "", {**QUIET, "committed": True}, SERVED),
    ({"thinking": ""}, "", {**QUIET, "committed": True}, SERVED),  # its signature is not empty
    ({"redacted": True}, "", {**QUIET, "committed": True}, SERVED),
    ({"stop": "refusal"}, "", {**QUIET, "finish": ["refusal"]}, SERVED),
    ({"stop": "pause_turn"}, "", {**QUIET, "finish": ["pause_turn"]}, SERVED),
    ({"stop": "max_tokens"}, "", {**QUIET, "finish": ["max_tokens"]}, SERVED),
    ({}, " \n", {**QUIET, "content_len": 2}, EMPTY),
    ({"stop": "stop_sequence"}, "", {**QUIET, "finish": ["stop_sequence"]}, EMPTY),
    ({}, "", QUIET, EMPTY),
    ({"usage": None}, "", {"model": "m", "finish": ["end_turn"]}, EMPTY),
    ({"usage": (9, 0)}, "", {**QUIET, "output": 0}, SERVED),
]


@pytest.mark.parametrize(("told", "text", "expected", "end"), ANSWERS)
def test_a_whole_answer_and_the_same_streamed_say_the_same(
    told: dict[str, Any], text: str, expected: dict[str, Any], end: tuple[str, str | None]
) -> None:
    whole = heard(DIALECT, messages(text, model="m", **told))
    streamed = heard(DIALECT, messages_stream(list(text), model="m", **told))
    assert (said(whole), end_of(whole)) == (expected, end)
    assert (said(streamed), end_of(streamed)) == ({**expected, "done": True}, end)
    assert str(whole.reply.id).startswith("msg_01")
    assert str(streamed.reply.id).startswith("msg_01")


BLOCKS: list[tuple[Any, dict[str, Any]]] = [
    ({"type": "text", "text": "é"}, {"content_len": 2, "blank": False}),
    ({"type": "text", "text": ""}, {}),
    ({"type": "text", "text": None}, {}),
    ({"type": "text", "text": "\ud83d"}, {"content_len": 1, "blank": False}),
    ({"type": "thinking", "thinking": "hm", "signature": ""}, {"committed": True}),
    ({"type": "thinking", "thinking": "", "signature": "Eq"}, {"committed": True}),
    ({"type": "thinking", "thinking": " ", "signature": ""}, {}),
    ({"type": "redacted_thinking", "data": "Em"}, {"committed": True}),
    ({"type": "tool_use", "id": "t", "name": "f", "input": {}}, {"committed": True}),
    ({"type": "server_tool_use", "name": "web_search", "input": {}}, {"committed": True}),
    ({"type": "web_search_tool_result", "content": []}, {"committed": True}),
    ({"type": "a_new_one"}, {"committed": True}),
    ({"type": "fallback", "from": "a", "to": "b"}, {"overridden": {Field.MODEL}}),
    ({"type": "fallback", "to": {"model": "b"}}, {"model": "b", "overridden": {Field.MODEL}}),
    ({"type": "fallback", "to": {"model": ["b"]}}, {"overridden": {Field.MODEL}}),
    ({"type": ["tool_use"]}, {}),
    ({}, {}),
    ("text", {}),
    (None, {}),
]


@pytest.mark.parametrize(("block", "expected"), BLOCKS)
def test_every_block_counts(block: Any, expected: dict[str, Any]) -> None:
    landing = heard_body(DIALECT, {"type": "message", "content": [block], "stop_reason": "end_turn"})
    assert said(landing) == {"finish": ["end_turn"], **expected}
    assert end_of(landing) == (SERVED if "committed" in expected or "blank" in expected else EMPTY)
    started = heard_events(DIALECT, {"type": "content_block_start", "content_block": block}, {"type": "message_stop"})
    assert said(started) == {"done": True, **expected}


DELTAS: list[tuple[Any, dict[str, Any]]] = [
    ({"type": "text_delta", "text": "é"}, {"content_len": 2, "blank": False}),
    ({"type": "text_delta", "text": 3}, {}),
    ({"type": "thinking_delta", "thinking": "hm"}, {"committed": True}),
    ({"type": "thinking_delta", "thinking": ""}, {}),
    ({"type": "signature_delta", "signature": "Eq"}, {"committed": True}),
    ({"type": "input_json_delta", "partial_json": ""}, {"committed": True}),
    ({"type": "citations_delta", "citation": {"cited_text": "x"}}, {}),
    ({"type": {}}, {}),
    ("text_delta", {}),
    (None, {}),
]


@pytest.mark.parametrize(("delta", "expected"), DELTAS)
def test_every_delta_counts(delta: Any, expected: dict[str, Any]) -> None:
    landing = heard_events(DIALECT, {"type": "content_block_delta", "delta": delta}, {"type": "message_stop"})
    assert said(landing) == {"done": True, **expected}


def test_the_output_tokens_at_the_start_are_a_placeholder_and_those_at_the_end_add_up() -> None:
    start = {"type": "message_start", "message": {"model": "m", "usage": {"input_tokens": 5, "output_tokens": 1}}}
    usage = {"cache_read_input_tokens": 2, "cache_creation_input_tokens": 3}
    assert said(heard_events(DIALECT, start)) == {"model": "m", "input": 5, "malformed": True}
    delta = {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {**usage, "output_tokens": 0}}
    more = {**delta, "usage": {"input_tokens": 6, "cache_read_input_tokens": None, "output_tokens": 8}}
    assert said(heard_events(DIALECT, start, delta, more)) == {
        "model": "m",
        "finish": ["end_turn"],
        "input": 6 + 2 + 3,
        "output": 8,
        "cache_read": 2,
        "cache_write": 3,
    }


@pytest.mark.parametrize(
    ("usage", "expected"),
    [
        ({"input_tokens": 2**63 - 1, "cache_read_input_tokens": 1}, {"cache_read": 1}),
        ({"input_tokens": -1, "output_tokens": 1.5, "cache_creation_input_tokens": True}, {}),
        ({"output_tokens_details": {"thinking_tokens": 4}}, {"reasoning": 4}),
        ({"output_tokens_details": 4}, {}),
        (["input_tokens"], {}),
        (None, {}),
    ],
)
def test_usage_is_what_was_reported_and_nothing_else(usage: Any, expected: dict[str, Any]) -> None:
    landing = heard_body(DIALECT, {"content": [{"type": "text", "text": "x"}], "usage": usage})
    assert said(landing) == {"content_len": 1, "blank": False, **expected}


ITERATIONS: list[tuple[Any, dict[str, Any]]] = [
    ([{"type": "message", "model": "a"}], {}),
    ([{"type": "compaction"}, {"type": "advisor_message", "model": "b"}], {}),
    ([{"type": "message", "model": "a"}, {"type": "fallback_message", "model": "b"}], {"model": "b"}),
    ([{"type": "fallback_message", "model": 3}], {"model": "a"}),
    ([{"type": "fallback_message"}], {"model": "a"}),
    ([{"type": ["fallback_message"]}, 3, None], {}),
    ({"type": "fallback_message"}, {}),
    ("fallback_message", {}),
]


@pytest.mark.parametrize(("iterations", "expected"), ITERATIONS)
def test_an_iteration_of_a_fallback_overrides_the_model(iterations: Any, expected: dict[str, Any]) -> None:
    usage, text = {"output_tokens": 3, "iterations": iterations}, {"type": "text", "text": "x"}
    told = {"model": "a", "content_len": 1, "blank": False, "output": 3}
    overridden = {**told, **expected, **({"overridden": {Field.MODEL}} if expected else {})}
    assert said(heard_body(DIALECT, {"model": "a", "content": [text], "usage": usage})) == overridden
    events = (
        {"type": "message_start", "message": {"model": "a"}},
        {"type": "content_block_start", "content_block": text},
        {"type": "message_delta", "usage": usage},
        {"type": "message_stop"},
    )
    assert said(heard_events(DIALECT, *events)) == {**overridden, "done": True}


FAILED = [
    ("invalid_request_error", ("provider_error", "bad_request")),
    ("authentication_error", ("provider_error", "auth")),
    ("billing_error", ("usage_limit", "billing")),
    ("permission_error", ("provider_error", "permission")),
    ("not_found_error", ("provider_error", "not_found")),
    ("rate_limit_error", ("usage_limit", "rate_limit")),
    ("timeout_error", ("provider_error", "timeout")),
    ("api_error", ("provider_error", "server_error")),
    ("overloaded_error", ("provider_error", "overloaded")),
    ("a_new_one", ("provider_error", "unknown")),
]


@pytest.mark.parametrize(("kind", "end"), FAILED)
def test_an_error_inside_a_stream_or_a_200_is_classed_by_its_type(kind: str, end: tuple[str, str]) -> None:
    told = {"type": "error", "error": {"type": kind, "message": "429 quota"}, "request_id": "req_1"}
    text = {"type": "content_block_delta", "delta": {"type": "text_delta", "text": "so f"}}
    for landing in (heard_body(DIALECT, told), heard_events(DIALECT, text, told, {"type": "message_stop"})):
        assert (landing.reply.code, end_of(landing)) == (kind, end)
    untyped = heard_events(DIALECT, {"error": told["error"]})
    assert end_of(untyped) == end


def test_an_answer_that_is_an_error_is_classed_by_status_and_code() -> None:
    assert end_of(heard(DIALECT, error("anthropic", 529, "overloaded_error"))) == ("provider_error", "overloaded")
    assert end_of(heard(DIALECT, error("anthropic", 429, "rate_limit_error"))) == ("usage_limit", "rate_limit")
    limit = {
        "type": "error",
        "error": {"type": "rate_limit_error", "details": {"error_code": "enforced_spend_limit_reached"}},
    }
    assert end_of(heard_body(DIALECT, limit, 429)) == ("usage_limit", "billing")
    for body in (b"", b"<html>", b"{}", b'{"type":"error"}'):
        assert end_of(heard_body(DIALECT, body, 500)) == ("provider_error", "server_error")


@pytest.mark.parametrize(
    "body", [b"", b"{}", b"[]", b"x", b'{"content":"text","stop_reason":"end_turn"}', b'{"content":[']
)
def test_a_body_that_is_no_message_is_malformed(body: bytes) -> None:
    assert end_of(heard_body(DIALECT, body)) == MALFORMED


def test_a_stream_is_whole_once_its_finish_was_heard() -> None:
    text = {"type": "content_block_delta", "delta": {"type": "text_delta", "text": "x"}}
    finish = {"type": "message_delta", "delta": {"stop_reason": "end_turn"}}
    stop = {"type": "message_stop"}
    ends = [end_of(heard_events(DIALECT, *events)) for events in ((text,), (text, finish), (text, stop), ("{", finish))]
    assert ends == [MALFORMED, SERVED, SERVED, EMPTY]
    unknown = [{"type": "ping"}, {"type": "a_new_one", "message": {"model": "x"}}, {"type": 3}, {}, "", "[]", "\ufffd"]
    assert said(heard_events(DIALECT, *unknown, finish, stop)) == {"finish": ["end_turn"], "done": True}
