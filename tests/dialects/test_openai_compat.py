"""Chat completions, OpenAI's and those shaped like it."""

import json
from typing import Any

import pytest

from otel_dispatch.demo.provider import Answer, chat, chat_stream, error
from otel_dispatch.dialects import dialect_at
from otel_dispatch.dialects.openai_compat import CHAT as DIALECT
from otel_dispatch.dialects.openai_legacy import COMPLETIONS
from otel_dispatch.record import Request, Thinking
from otel_dispatch.vocabulary import ThinkingMode, ToolFormat, WireFormat
from tests.dialects.heard import end_of, heard, heard_body, heard_events, said

SERVED, EMPTY = ("served", None), ("empty_completion_terminal", None)
RATE_LIMIT = ("usage_limit", "rate_limit")
DEFAULT = Request(WireFormat.OPENAI_COMPAT, "chat", "m", api_type="chat_completions")
TOOL = {"type": "function", "function": {"name": "f"}}


def asked(**body: Any) -> Request | None:
    return DIALECT.request(json.dumps({"model": "m", "messages": [], **body}).encode(), "")


@pytest.mark.parametrize(
    "path", ["/v1/chat/completions", "/chat/completions", "/openai/deployments/d/chat/completions"]
)
def test_it_answers_at_chat_completions(path: str) -> None:
    assert dialect_at(path) is DIALECT
    assert dialect_at(f"{path}/x") is None
    assert dialect_at(path.replace("/chat", "/xchat")) is COMPLETIONS


REQUESTS: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({}, {}),
    ({"stream": True}, {"stream": True}),
    ({"stream": "true"}, {}),
    ({"stream": None}, {}),
    ({"max_tokens": 5}, {"max_tokens": 5}),
    ({"max_completion_tokens": 7}, {"max_tokens": 7}),
    ({"max_tokens": 5, "max_completion_tokens": 7}, {"max_tokens": 7}),
    ({"max_tokens": -1}, {}),
    ({"tools": [TOOL]}, {"tool_format": ToolFormat.NATIVE}),
    ({"functions": [{"name": "f"}]}, {"tool_format": ToolFormat.NATIVE}),
    ({"tools": []}, {}),
    ({"tools": None, "functions": None}, {}),
    ({"tools": "all of them"}, {}),
    ({"reasoning_effort": "low"}, {"thinking": Thinking(ThinkingMode.EFFORT, True, None, "low")}),
    ({"chat_template_kwargs": {"enable_thinking": False}}, {"thinking": Thinking(ThinkingMode.OFF, False)}),
    ({"model": None}, {"model": None}),
    ({"model": 3}, {"model": None}),
    ({"model": ""}, {"model": None}),
    ({"model": "m\x00\n" + "x" * 999}, {"model": "m  " + "x" * 253}),
    ({"messages": [{"role": "user", "content": "half an emoji: \ud83d"}]}, {}),
]


@pytest.mark.parametrize(("body", "expected"), REQUESTS)
def test_a_request_is_read(body: dict[str, Any], expected: dict[str, Any]) -> None:
    fields = {name: getattr(DEFAULT, name) for name in Request.__dataclass_fields__}
    assert asked(**body) == Request(**{**fields, **expected})


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"3", b"null", b"\xff\xfe", b'{"model":"m"'])
def test_of_a_request_that_cannot_be_read_nothing_is_claimed(body: bytes) -> None:
    assert DIALECT.request(body, "") == Request(
        WireFormat.OPENAI_COMPAT,
        thinking=Thinking(ThinkingMode.UNKNOWN),
        tool_format=ToolFormat.UNKNOWN,
        api_type="chat_completions",
    )


USAGE = {"input": 9, "output": 12, "cache_read": 0, "reasoning": 0}
TEXT = {"model": "m", "finish": ["stop"], "content_len": 5, "blank": False, **USAGE}
QUIET = {"model": "m", **USAGE}
# Without usage, the text alone.
BARE = {name: value for name, value in TEXT.items() if name not in USAGE}

ANSWERS: list[tuple[dict[str, Any], str, dict[str, Any], tuple[str, str | None]]] = [
    ({}, "Done.", TEXT, SERVED),
    ({"usage": None}, "Done.", BARE, SERVED),
    ({"cached_tokens": 3, "reasoning_tokens": 4}, "Done.", {**TEXT, "cache_read": 3, "reasoning": 4}, SERVED),
    ({"finish": "length"}, "Done.", {**TEXT, "finish": ["length"]}, SERVED),
    ({"tool_calls": 2}, "", {**QUIET, "finish": ["tool_calls"], "committed": True}, SERVED),
    ({"tool_calls": 1}, "Done.", {**TEXT, "finish": ["tool_calls"], "committed": True}, SERVED),
    ({"reasoning": "hm"}, "", {**QUIET, "finish": ["stop"], "committed": True}, SERVED),
    ({"refusal": "no"}, "", {**QUIET, "finish": ["stop"], "committed": True}, SERVED),
    ({}, " \n", {**QUIET, "finish": ["stop"], "content_len": 2}, EMPTY),
    ({}, "", {**QUIET, "finish": ["stop"]}, EMPTY),
    ({"usage": None}, "", {"model": "m", "finish": ["stop"]}, EMPTY),
    ({"usage": (9, 0)}, "", {**QUIET, "output": 0, "finish": ["stop"]}, SERVED),
    ({"finish": "length"}, "", {**QUIET, "finish": ["length"]}, SERVED),
    ({"finish": "content_filter"}, "", {**QUIET, "finish": ["content_filter"]}, SERVED),
    ({"reasoning": " \n"}, "", {**QUIET, "finish": ["stop"]}, EMPTY),
]


@pytest.mark.parametrize(("told", "text", "expected", "end"), ANSWERS)
def test_a_whole_answer_and_the_same_streamed_say_the_same(
    told: dict[str, Any], text: str, expected: dict[str, Any], end: tuple[str, str | None]
) -> None:
    whole = heard(DIALECT, chat(text, model="m", **told))
    streamed = heard(DIALECT, chat_stream(list(text), model="m", **told))
    assert (said(whole), end_of(whole)) == (expected, end)
    assert (said(streamed), end_of(streamed)) == ({**expected, "done": True}, end)
    assert str(whole.reply.id).startswith("chatcmpl-")
    assert str(streamed.reply.id).startswith("chatcmpl-")


def test_a_stream_without_done_is_whole_once_its_finish_was_heard() -> None:
    landing = heard(DIALECT, chat_stream(["Done."], model="m", done=False))
    assert (said(landing), end_of(landing)) == (TEXT, SERVED)


def whole(message: Any, finish: Any = "stop", **told: Any) -> Any:
    return {"object": "chat.completion", "choices": [{"message": message, "finish_reason": finish}], **told}


MESSAGES: list[tuple[Any, dict[str, Any], tuple[str, str | None]]] = [
    ({"content": "é"}, {"content_len": 2, "blank": False}, SERVED),
    ({"content": None}, {}, EMPTY),
    ({}, {}, EMPTY),
    ({"content": 3}, {}, EMPTY),
    ({"content": [{"type": "text", "text": "ab"}, {"text": "c"}]}, {"content_len": 3, "blank": False}, SERVED),
    ({"content": [{"type": "text", "text": ""}]}, {}, EMPTY),
    ({"content": [{"type": "text", "text": 3}, "x", None]}, {}, EMPTY),
    ({"content": [{"type": "thinking", "thinking": [{"type": "text", "text": "t"}]}]}, {"committed": True}, SERVED),
    ({"content": [{"type": "refusal", "refusal": "no"}]}, {"committed": True}, SERVED),
    ({"content": "", "function_call": {"name": "f", "arguments": "{}"}}, {"committed": True}, SERVED),
    ({"content": "", "audio": {"id": "a"}}, {"committed": True}, SERVED),
    ({"content": "", "images": [{"image_url": {}}]}, {"committed": True}, SERVED),
    ({"content": "", "reasoning": "hm"}, {"committed": True}, SERVED),
    ({"content": "", "reasoning_details": [{"type": "reasoning.encrypted"}]}, {"committed": True}, SERVED),
    ({"content": "", "tool_calls": [], "reasoning_details": [], "refusal": "", "audio": None}, {}, EMPTY),
    ({"content": "\ud83d"}, {"content_len": 1, "blank": False}, SERVED),
    ("text", {}, EMPTY),
    (None, {}, EMPTY),
]


@pytest.mark.parametrize(("message", "expected", "end"), MESSAGES)
def test_every_part_of_a_message_counts(message: Any, expected: dict[str, Any], end: tuple[str, str | None]) -> None:
    landing = heard_body(DIALECT, whole(message))
    assert (said(landing), end_of(landing)) == ({"finish": ["stop"], **expected}, end)
    chunk = {"choices": [{"delta": message, "finish_reason": "stop"}]}
    landing = heard_events(DIALECT, chunk, "[DONE]")
    assert (said(landing), end_of(landing)) == ({"finish": ["stop"], "done": True, **expected}, end)


def test_every_choice_counts() -> None:
    choices = [{"message": {"content": text}, "finish_reason": why} for text, why in (("", "stop"), ("b", "length"))]
    landing = heard_body(DIALECT, {"choices": choices})
    assert said(landing) == {"finish": ["stop", "length"], "content_len": 1, "blank": False}


USAGES = [
    ({"prompt_tokens": 1, "completion_tokens": 2}, {"input": 1, "output": 2}),
    ({"prompt_tokens": 1, "prompt_cache_hit_tokens": 5}, {"input": 1, "cache_read": 5}),
    ({"prompt_cache_hit_tokens": 5, "prompt_tokens_details": {"cached_tokens": None}}, {"cache_read": 5}),
    ({"prompt_cache_hit_tokens": 5, "prompt_tokens_details": {"cached_tokens": 6}}, {"cache_read": 6}),
    ({"prompt_tokens_details": {"cache_write_tokens": 3}}, {"cache_write": 3}),
    ({"completion_tokens": 2.0}, {"output": 2}),
    ({"completion_tokens": -1, "prompt_tokens": 2**63}, {}),
    ({"completion_tokens": True, "prompt_tokens": "3", "completion_tokens_details": [1]}, {}),
    ({}, {}),
    (None, {}),
    ([3], {}),
]


@pytest.mark.parametrize(("usage", "expected"), USAGES)
def test_usage_is_what_was_reported_and_nothing_else(usage: Any, expected: dict[str, Any]) -> None:
    landing = heard_body(DIALECT, whole({"content": "x"}, usage=usage))
    assert said(landing) == {"finish": ["stop"], "content_len": 1, "blank": False, **expected}


def test_a_later_chunk_without_usage_does_not_take_the_usage_back() -> None:
    landing = heard_events(DIALECT, {"choices": [], "usage": {"completion_tokens": 3}}, {"usage": {}}, "[DONE]")
    assert said(landing) == {"output": 3, "done": True}


FAILED: list[tuple[Any, str | None, tuple[str, str | None]]] = [
    ({"error": {"type": "requests", "code": "rate_limit_exceeded"}}, "rate_limit_exceeded", RATE_LIMIT),
    ({"error": {"type": "server_error", "code": None}}, "server_error", ("provider_error", "server_error")),
    ({"error": {"code": 502, "message": "x"}}, None, ("provider_error", "server_error")),
    ({"error": {"code": 429, "status": "RESOURCE_EXHAUSTED"}}, "RESOURCE_EXHAUSTED", RATE_LIMIT),
    ({"error": "rate limit reached"}, None, ("provider_error", "unknown")),
    ({"error": "Incorrect key", "code": "invalid_api_key"}, "invalid_api_key", ("provider_error", "auth")),
    (
        {"error": {"code": "content_filter", "innererror": {"code": "ResponsibleAIPolicyViolation"}}},
        "ResponsibleAIPolicyViolation",
        ("provider_error", "content_filter"),
    ),
    ({"object": "error", "type": "BadRequestError", "code": 400}, "BadRequestError", ("provider_error", "bad_request")),
    ([{"error": {"code": 503, "status": "UNAVAILABLE"}}], "UNAVAILABLE", ("provider_error", "overloaded")),
    ({"error": {"code": "the sum of prompt and completion"}}, None, ("provider_error", "unknown")),
    ({"error": {"code": "\u53c2\u6570\u9519\u8bef"}}, None, ("provider_error", "unknown")),
    (whole({"content": "x"}, "error"), "error", ("provider_error", "unknown")),
    (whole({"content": "x"}, "insufficient_system_resource"), "insufficient_system_resource",
     ("provider_error", "overloaded")),
    ({"choices": [{"message": {}, "error": {"code": 429}, "finish_reason": "error"}]}, None, RATE_LIMIT),
]  # fmt: skip


@pytest.mark.parametrize(("body", "code", "end"), FAILED)
def test_an_error_in_a_body_or_an_event_is_heard_whatever_the_status(
    body: Any, code: str | None, end: tuple[str, str | None]
) -> None:
    landing = heard_body(DIALECT, body)
    assert (landing.reply.failed, landing.reply.code, end_of(landing)) == (True, code, end)
    event = json.loads(json.dumps(body).replace('"message": {', '"delta": {'))
    landing = heard_events(DIALECT, {"choices": [{"delta": {"content": "so f"}}]}, event, "[DONE]")
    assert (landing.reply.failed, landing.reply.code, end_of(landing)) == (True, code, end)


@pytest.mark.parametrize(
    ("answer", "end"),
    [
        (error("openai", 429, "requests", "rate_limit_exceeded"), ("usage_limit", "rate_limit")),
        (error("openai", 429, "insufficient_quota", "insufficient_quota"), ("usage_limit", "quota")),
        (
            error("openai", 400, "invalid_request_error", "context_length_exceeded"),
            ("provider_error", "context_overflow"),
        ),
        (error("openai", 500, "server_error"), ("provider_error", "server_error")),
        (Answer(502, {"content-type": "text/html"}, b"<html>429</html>"), ("provider_error", "server_error")),
        (Answer(200, {"content-type": "text/html"}, b"<html>"), ("provider_error", "malformed_response")),
    ],
)
def test_an_answer_that_is_an_error_is_classed_by_status_and_code(answer: Answer, end: tuple[str, str]) -> None:
    assert end_of(heard(DIALECT, answer)) == end


@pytest.mark.parametrize("silent", [None, False, "", {}, []])
def test_an_error_that_says_nothing_is_none(silent: Any) -> None:
    assert end_of(heard_body(DIALECT, whole({"content": "x"}, error=silent))) == SERVED


@pytest.mark.parametrize(
    "body", [b"", b"{}", b'{"choices":null}', b'{"choices":{}}', b"[]", b"3", b'{"choices":[', b"x"]
)
def test_a_body_that_is_no_completion_is_malformed(body: bytes) -> None:
    assert end_of(heard_body(DIALECT, body)) == ("provider_error", "malformed_response")


def test_one_bad_chunk_does_not_spoil_a_stream_that_ends_well() -> None:
    chunk = {"choices": [{"delta": {"content": "x"}, "finish_reason": "stop"}]}
    for bad in ("", "{", "\ufffd", "[]", "3"):
        assert end_of(heard_events(DIALECT, bad, chunk)) == SERVED
    assert end_of(heard_events(DIALECT, "{")) == ("provider_error", "malformed_response")
