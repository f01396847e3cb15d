"""OpenAI's responses: requests, whole answers and every event of a stream."""

import json
from typing import Any

import pytest

from otel_dispatch.demo.provider import error, responses, responses_stream
from otel_dispatch.dialects import dialect_at
from otel_dispatch.dialects.openai_responses import RESPONSES as DIALECT
from otel_dispatch.record import UNKNOWN_THINKING, Request, Thinking
from otel_dispatch.vocabulary import ThinkingMode, ToolFormat, WireFormat
from tests.dialects.heard import end_of, heard, heard_body, heard_events, said

SERVED, EMPTY = ("served", None), ("empty_completion_terminal", None)
MALFORMED = ("provider_error", "malformed_response")
DEFAULT = Request(WireFormat.OPENAI_RESPONSES, "chat", "m", api_type="responses")
HIGH = Thinking(ThinkingMode.EFFORT, True, None, "high")


@pytest.mark.parametrize(
    ("path", "answers"), [("/v1/responses", True), ("/v1/responses/r_1", False), ("/v1/responses/compact", True)]
)
def test_it_answers_at_responses(path: str, answers: bool) -> None:
    assert (dialect_at(path) is DIALECT) == answers


STORED = {"thinking": UNKNOWN_THINKING, "tool_format": ToolFormat.UNKNOWN}
REQUESTS: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({}, {}),
    ({"stream": True}, {"stream": True}),
    ({"max_output_tokens": 5}, {"max_tokens": 5}),
    ({"max_output_tokens": -5}, {}),
    ({"tools": [{"type": "function", "name": "f"}]}, {"tool_format": ToolFormat.NATIVE}),
    ({"tools": [{"type": "web_search"}]}, {"tool_format": ToolFormat.NATIVE}),
    ({"tools": []}, {}),
    ({"reasoning": {"effort": "high", "summary": "auto"}}, {"thinking": HIGH}),
    ({"reasoning": {"effort": "none"}}, {"thinking": Thinking(ThinkingMode.OFF, False, None, "none")}),
    ({"reasoning": {"summary": "auto"}}, {}),
    ({"reasoning": "high"}, {"thinking": UNKNOWN_THINKING}),
    # OpenRouter, Volcengine, DashScope
    ({"reasoning": {"max_tokens": 2000}}, {"thinking": Thinking(ThinkingMode.ENABLED, True, 2000)}),
    ({"thinking": {"type": "disabled"}}, {"thinking": Thinking(ThinkingMode.OFF, False)}),
    (
        {"thinking": {"type": "enabled"}, "reasoning": {"effort": "low"}},
        {"thinking": Thinking(ThinkingMode.ENABLED, True, None, "low")},
    ),
    ({"enable_thinking": False}, {"thinking": Thinking(ThinkingMode.OFF, False)}),
    # A stored prompt has a model, tools and an effort of its own.
    ({"model": None, "prompt": {"id": "pmpt_1"}}, {"model": None, **STORED}),
    ({"prompt": {"id": "pmpt_1", "version": "2"}}, STORED),
    ({"prompt": {"id": "pmpt_1"}, "reasoning": {"effort": "high"}}, {**STORED, "thinking": HIGH}),
    ({"prompt": {"id": "pmpt_1"}, "tools": [{"type": "web_search"}]}, {**STORED, "tool_format": ToolFormat.NATIVE}),
    ({"prompt": {}}, {}),
    # Perplexity
    ({"model": None, "preset": "low"}, {"model": None, **STORED}),
    ({"model": None, "models": ["m", "n"], "max_steps": 3}, {"fallbacks": ("n",)}),
    ({"preset": ""}, {}),
    # OpenRouter
    ({"models": ["n"], "provider": {"order": ["one", "two"]}}, {"fallbacks": ("n",), "upstreams": ("one", "two")}),
    ({"input": "half an emoji: \ud83d"}, {}),
]


@pytest.mark.parametrize(("change", "expected"), REQUESTS)
def test_a_request_is_read(change: dict[str, Any], expected: dict[str, Any]) -> None:
    fields = {name: getattr(DEFAULT, name) for name in Request.__dataclass_fields__}
    body = {"model": "m", "input": "hi", **change}
    assert DIALECT.request(json.dumps(body).encode(), "") == Request(**{**fields, **expected})


@pytest.mark.parametrize(
    "body",
    [
        *(b"", b"[]", b"null", b'{"form":3}', b'{"model":3}', b'{"prompt":"hi"}', b'{"prompt":{}}', b'{"model":"m"'),
        *(b'{"preset":"low"}', b'{"preset":3,"input":"hi"}'),
    ],
)
def test_the_responses_of_a_form_are_no_model_call(body: bytes) -> None:
    assert DIALECT.request(body, "") is None


USAGE = {"input": 9, "output": 12, "cache_read": 0, "cache_write": 0, "reasoning": 0}
TEXT = {"model": "m", "finish": ["completed"], "content_len": 5, "blank": False, **USAGE}
QUIET = {"model": "m", "finish": ["completed"], **USAGE}
BARE = {name: value for name, value in TEXT.items() if name not in USAGE}
SUMMARY = {"reasoning_summary": "hm"}
CUT = {"status": "incomplete", "incomplete_reason": "max_output_tokens"}

ANSWERS: list[tuple[dict[str, Any], str, dict[str, Any], tuple[str, str | None]]] = [
    ({}, "Done.", TEXT, SERVED),
    ({"usage": None}, "Done.", BARE, SERVED),
    ({"cached_tokens": 3, "reasoning_tokens": 4}, "Done.", {**TEXT, "cache_read": 3, "reasoning": 4}, SERVED),
    ({"reasoning_effort": "high"}, "Done.", {**TEXT, "thinking": HIGH}, SERVED),
    (SUMMARY, "Done.", {**TEXT, "committed": True}, SERVED),
    (CUT, "Done.", {**TEXT, "finish": ["max_output_tokens"]}, SERVED),
    ({"tool_calls": 2}, "", {**QUIET, "committed": True}, SERVED),
    (SUMMARY, "", {**QUIET, "committed": True}, SERVED),
    (CUT, "", {**QUIET, "finish": ["max_output_tokens"]}, SERVED),
    ({"status": "incomplete"}, "", {**QUIET, "finish": ["incomplete"]}, SERVED),
    ({}, " \n", {**QUIET, "content_len": 2}, EMPTY),
    ({}, "", QUIET, EMPTY),
    ({"usage": None}, "", {"model": "m", "finish": ["completed"]}, EMPTY),
    ({"usage": (9, 0)}, "", {**QUIET, "output": 0}, SERVED),
    (
        {"status": "failed"},
        "",
        {**QUIET, "finish": ["failed"], "failed": True, "code": "server_error"},
        ("provider_error", "server_error"),
    ),
]


@pytest.mark.parametrize(("told", "text", "expected", "end"), ANSWERS)
def test_a_whole_answer_and_the_same_streamed_say_the_same(
    told: dict[str, Any], text: str, expected: dict[str, Any], end: tuple[str, str | None]
) -> None:
    whole = heard(DIALECT, responses(text, model="m", **told))
    streamed = heard(DIALECT, responses_stream(list(text), model="m", **told))
    thinking = {"thinking": whole.reply.thinking} if "thinking" in expected else {}
    assert ({**said(whole), **thinking}, end_of(whole)) == (expected, end)
    assert ({**said(streamed), **thinking}, end_of(streamed)) == ({**expected, "done": True}, end)
    assert str(whole.reply.id).startswith("resp_")
    assert str(streamed.reply.id).startswith("resp_")


def message(*parts: Any) -> Any:
    return {"type": "message", "content": list(parts)}


ITEMS: list[tuple[Any, dict[str, Any]]] = [
    (message({"type": "output_text", "text": "é"}), {"content_len": 2, "blank": False}),
    (message({"type": "output_text", "text": ""}), {}),
    (message({"type": "refusal", "refusal": "no"}), {"committed": True}),
    (message(), {}),
    (message("text", None, 3), {}),
    ({"type": "message", "content": "text"}, {}),
    ({"type": "reasoning", "summary": []}, {}),
    ({"type": "reasoning", "summary": [{"type": "summary_text", "text": "hm"}]}, {"committed": True}),
    ({"type": "reasoning", "summary": [], "content": [{"type": "reasoning_text"}]}, {"committed": True}),
    ({"type": "reasoning", "summary": [], "encrypted_content": "Eq"}, {"committed": True}),
    *(
        ({"type": kind}, {"committed": True})
        for kind in ("function_call", "web_search_call", "mcp_call", "image_generation_call", "a_new_one")
    ),
    ({"type": ["function_call"]}, {}),
    ({}, {}),
    ("text", {}),
    (None, {}),
]


@pytest.mark.parametrize(("item", "expected"), ITEMS)
def test_every_item_counts(item: Any, expected: dict[str, Any]) -> None:
    response = {"status": "completed", "output": [item]}
    expected = {"finish": ["completed"], **expected}
    assert said(heard_body(DIALECT, response)) == expected
    completed = {"type": "response.completed", "response": response}
    assert said(heard_events(DIALECT, completed)) == {**expected, "done": True}


def test_text_that_was_streamed_is_not_counted_again_at_the_end() -> None:
    response = {"status": "completed", "output": [message({"type": "output_text", "text": "Done."})]}
    events = [{"type": "response.output_text.delta", "delta": piece} for piece in ("Do", "ne.")]
    landing = heard_events(DIALECT, *events, {"type": "response.completed", "response": response})
    assert landing.reply.content_len == 5


EVENTS: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({"type": "response.output_text.delta", "delta": "é"}, {"content_len": 2, "blank": False}),
    ({"type": "response.output_text.delta", "delta": 3}, {}),
    *(
        ({"type": f"response.{kind}", "delta": "x"}, {"committed": True})
        for kind in (
            "refusal.delta",
            "function_call_arguments.delta",
            "custom_tool_call_input.delta",
            "mcp_call_arguments.delta",
            "code_interpreter_call_code.delta",
            "reasoning_summary_text.delta",
            "reasoning_text.delta",
            "audio.delta",
        )
    ),
    ({"type": "response.image_generation_call.partial_image", "partial_image_b64": "x"}, {"committed": True}),
    ({"type": "response.reasoning_text.delta", "delta": ""}, {}),
    ({"type": "response.output_item.added", "item": {"type": "function_call"}}, {"committed": True}),
    ({"type": "response.output_item.added", "item": {"type": "reasoning", "summary": []}}, {}),
    ({"type": "response.output_item.added", "item": "x"}, {}),
    *(
        ({"type": f"response.{kind}"}, {})
        for kind in (
            *("created", "in_progress", "queued", "content_part.added", "output_text.done", "output_item.done"),
            *("web_search_call.searching", "output_text.annotation.added", "a_new_one"),
        )
    ),
    ({"type": "response.in_progress", "response": {"id": "r", "model": "m", "status": "in_progress"}}, {"model": "m"}),
    ({"type": "response.in_progress", "response": None}, {}),
    ({"type": "response.in_progress", "response": [1]}, {}),
    ({"type": ["response.completed"]}, {}),
    ({"type": {"a": 1}, "delta": "x"}, {}),
    ({}, {}),
]


@pytest.mark.parametrize(("event", "expected"), EVENTS)
def test_every_event_counts_and_only_the_last_ends_it(event: dict[str, Any], expected: dict[str, Any]) -> None:
    landing = heard_events(DIALECT, event, "[DONE]", "{", "[]", "")
    assert (said(landing), end_of(landing)) == ({**expected, "malformed": True}, MALFORMED)


@pytest.mark.parametrize(
    ("reasoning", "expected"),
    [
        ({"effort": "low", "summary": None}, Thinking(ThinkingMode.EFFORT, True, None, "low")),
        ({"effort": None}, None),
        ({"effort": ["low"]}, None),
        (None, None),
    ],
)
def test_the_answer_says_how_much_was_thought(reasoning: Any, expected: Thinking | None) -> None:
    body = {"status": "completed", "output": [], "reasoning": reasoning}
    assert heard_body(DIALECT, body).reply.thinking == expected


FAILED: list[tuple[Any, str | None, tuple[str, str]]] = [
    ({"error": {"code": "rate_limit_exceeded"}}, "rate_limit_exceeded", ("usage_limit", "rate_limit")),
    ({"status": "failed", "error": {"code": "server_error"}}, "server_error", ("provider_error", "server_error")),
    ({"status": "failed", "error": {"code": "bio_policy"}}, "bio_policy", ("provider_error", "content_filter")),
    ({"status": "failed", "error": None, "output": []}, "failed", ("provider_error", "unknown")),
    ({"status": "cancelled", "output": []}, "cancelled", ("cancelled", "cancelled")),
    ({"error": "overloaded: 429"}, None, ("provider_error", "unknown")),
]


@pytest.mark.parametrize(("body", "code", "end"), FAILED)
def test_a_response_that_failed_is_classed_by_its_code(body: Any, code: str | None, end: tuple[str, str]) -> None:
    ended = heard_events(DIALECT, {"type": "response.failed", "response": {"model": "m", **body}})
    for landing in (heard_body(DIALECT, body), ended):
        assert (landing.reply.code, end_of(landing)) == (code, end)


@pytest.mark.parametrize(
    "event",
    [
        {"type": "error", "code": "rate_limit_exceeded", "message": "x"},
        {"type": "error", "error": {"type": "requests", "code": "rate_limit_exceeded"}},
        {"error": {"code": "rate_limit_exceeded"}},
    ],
)
def test_an_error_event_is_heard(event: Any) -> None:
    text = {"type": "response.output_text.delta", "delta": "so f"}
    landing = heard_events(DIALECT, text, event)
    assert (landing.reply.code, end_of(landing)) == ("rate_limit_exceeded", ("usage_limit", "rate_limit"))


def test_what_still_runs_in_the_background_is_not_empty() -> None:
    for status in ("queued", "in_progress"):
        landing = heard_body(DIALECT, {"model": "m", "status": status, "output": []})
        assert (said(landing), end_of(landing)) == ({"model": "m", "unread": True}, SERVED)


def test_an_answer_that_is_an_error_or_no_response_is_told_as_such() -> None:
    limit = error("openai", 429, "insufficient_quota", "insufficient_quota")
    assert end_of(heard(DIALECT, limit)) == ("usage_limit", "quota")
    for body in (b"", b"{}", b"[]", b"x", b'{"output":"text"}', b'{"output":[', b'{"status":3}'):
        assert end_of(heard_body(DIALECT, body)) == MALFORMED


def test_what_the_cache_gave_is_also_read_by_anthropics_names() -> None:
    details = {"cache_read_input_tokens": 4, "cache_creation_input_tokens": 3}
    usage = {"input_tokens": 9, "output_tokens": 2, "total_tokens": 11, "input_tokens_details": details}
    landing = heard_body(DIALECT, {"status": "completed", "output": [], "usage": usage})
    assert said(landing) == {"finish": ["completed"], "input": 9, "output": 2, "cache_read": 4, "cache_write": 3}


def test_a_failure_beside_no_response_is_heard() -> None:
    """Perplexity's ``response.failed`` holds the error itself."""
    created = {"type": "response.created", "response": {"id": "r", "model": "m", "status": "in_progress", "output": []}}
    failed = {"type": "response.failed", "error": {"type": "rate_limit_error", "message": "x"}}
    landing = heard_events(DIALECT, created, failed)
    assert (landing.reply.model, end_of(landing)) == ("m", ("usage_limit", "rate_limit"))
