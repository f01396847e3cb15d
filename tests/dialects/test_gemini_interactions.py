"""Google's interactions: requests, whole answers and every event of a stream, of both revisions."""

import json
from typing import Any

import pytest

from otel_dispatch.dialects import dialect_at
from otel_dispatch.dialects.gemini_interactions import INTERACTIONS as DIALECT
from otel_dispatch.record import Request, Thinking
from otel_dispatch.vocabulary import ThinkingMode, ToolFormat, WireFormat
from tests.dialects.heard import end_of, heard, heard_body, heard_events, said
from tests.wires import gemini as wire

SERVED, EMPTY = ("served", None), ("empty_completion_terminal", None)
MALFORMED = ("provider_error", "malformed_response")
DEFAULT = Request(WireFormat.GEMINI_INTERACTIONS, "generate_content", "m")
HIGH = Thinking(ThinkingMode.EFFORT, True, None, "high")


@pytest.mark.parametrize(
    ("path", "answers"),
    [
        ("/v1beta/interactions", True),
        ("/v1/interactions", True),
        ("/v1beta1/projects/p/locations/global/interactions", True),
        ("/v1beta/interactions/v1_a/cancel", False),
    ],
)
def test_it_answers_at_interactions(path: str, answers: bool) -> None:
    assert (dialect_at(path) is DIALECT) == answers


REQUESTS: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({}, {}),
    ({"stream": True}, {"stream": True}),
    ({"stream": 1}, {}),
    ({"generation_config": {"max_output_tokens": 5}}, {"max_tokens": 5}),
    ({"generation_config": {"thinking_level": "high"}}, {"thinking": HIGH}),
    ({"generation_config": {"thinking_summaries": "auto"}}, {}),
    ({"generation_config": "high"}, {}),
    ({"tools": [{"type": "google_search"}]}, {"tool_format": ToolFormat.NATIVE}),
    ({"tools": []}, {}),
    ({"cached_content": "cachedContents/c"}, {"tool_format": ToolFormat.UNKNOWN}),
    ({"model": None, "agent": "deep-research"}, {"model": "deep-research", "tool_format": ToolFormat.UNKNOWN}),
    ({"background": True, "agent": None}, {}),
    ({"input": "half an emoji: \ud83d"}, {}),
]


@pytest.mark.parametrize(("change", "expected"), REQUESTS)
def test_a_request_is_read(change: dict[str, Any], expected: dict[str, Any]) -> None:
    fields = {name: getattr(DEFAULT, name) for name in Request.__dataclass_fields__}
    body = {"model": "m", "input": "hi", **change}
    assert DIALECT.request(json.dumps(body).encode(), "") == Request(**{**fields, **expected})


def test_what_is_continued_needs_no_input() -> None:
    assert DIALECT.request(b'{"model":"m","previous_interaction_id":"v1_a"}', "") == DEFAULT


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"null",
        b'{"type":1}',
        b'{"model":3,"input":"x"}',
        b'{"model":"m"}',
        b'{"input":"x"}',
        b'{"model":"m"',
    ],
)
def test_other_interactions_are_no_model_call(body: bytes) -> None:
    assert DIALECT.request(body, "") is None


USAGE = {"input": 9, "output": 12}
TEXT = {"model": "m", "finish": ["completed"], "content_len": 5, "blank": False, **USAGE}
QUIET = {"model": "m", "finish": ["completed"], **USAGE}
SPENT = {"thought_tokens": 4, "cached": 3, "tool_tokens": 5}
ASKED = {"committed": True, "finish": ["requires_action"]}
LOST = {"failed": True, "code": "failed", "finish": ["failed"]}
CANCELLED = {"failed": True, "code": "cancelled", "finish": ["cancelled"]}

ANSWERS: list[tuple[dict[str, Any], str, dict[str, Any], tuple[str, str | None]]] = [
    ({}, "Done.", TEXT, SERVED),
    ({"usage": None}, "Done.", {k: v for k, v in TEXT.items() if k not in USAGE}, SERVED),
    (SPENT, "Done.", {**TEXT, "input": 9 + 5, "output": 12 + 4, "reasoning": 4, "cache_read": 3}, SERVED),
    ({"thought": "hm"}, "", {**QUIET, "committed": True}, SERVED),
    ({"tool_calls": 2, "status": "requires_action"}, "", {**QUIET, **ASKED}, SERVED),
    *(
        ({"status": status}, "", {**QUIET, "finish": [status]}, SERVED)
        for status in ("incomplete", "budget_exceeded", "requires_continuation")
    ),
    ({}, "", QUIET, EMPTY),
    ({}, " \n", {**QUIET, "content_len": 2}, EMPTY),
    ({"usage": None}, "", {"model": "m", "finish": ["completed"]}, EMPTY),
    ({"status": "failed"}, "", {**QUIET, **LOST}, ("provider_error", "unknown")),
    ({"status": "cancelled"}, "", {**QUIET, **CANCELLED}, ("cancelled", "cancelled")),
]  # fmt: skip


@pytest.mark.parametrize(("told", "text", "expected", "end"), ANSWERS)
def test_a_whole_answer_and_the_same_streamed_say_the_same(
    told: dict[str, Any], text: str, expected: dict[str, Any], end: tuple[str, str | None]
) -> None:
    whole = heard(DIALECT, wire.whole(wire.interaction(text, model="m", **told)))
    streamed = heard(DIALECT, wire.streamed(*wire.interactions(list(text), model="m", **told), name="event_type"))
    assert (said(whole), end_of(whole)) == (expected, end)
    assert (said(streamed), end_of(streamed)) == ({**expected, "done": True}, end)
    assert str(whole.reply.id).startswith("v1_")
    assert str(streamed.reply.id).startswith("v1_")


def test_the_revision_before_is_heard_too() -> None:
    events = wire.streamed(*wire.outputs(["Do", "ne."], model="m"), name="event_type")
    assert said(heard(DIALECT, events)) == {**TEXT, "done": True}
    outputs = [{"type": "thought", "signature": "Eq"}, {"type": "text", "text": "Done."}]
    assert said(heard_body(DIALECT, {"status": "completed", "outputs": outputs})) == {
        "finish": ["completed"],
        "content_len": 5,
        "blank": False,
        "committed": True,
    }


def output(*contents: Any) -> Any:
    return {"type": "model_output", "content": list(contents)}


STEPS: list[tuple[Any, dict[str, Any]]] = [
    (output({"type": "text", "text": "é"}), {"content_len": 2, "blank": False}),
    (output({"type": "text", "text": ""}), {}),
    (output({"type": "image", "data": "x"}), {"committed": True}),
    (output("text", None, 3), {}),
    ({"type": "model_output", "content": "text"}, {}),
    ({"type": "model_output"}, {}),
    ({"type": "thought"}, {}),
    ({"type": "thought", "signature": "", "summary": []}, {}),
    ({"type": "thought", "signature": "Eq"}, {"committed": True}),
    ({"type": "thought", "summary": [{"type": "text", "text": "hm"}]}, {"committed": True}),
    ({"type": "user_input", "content": [{"type": "text", "text": "hi"}]}, {}),
    ({"type": "function_result", "result": "x"}, {}),
    *(
        ({"type": kind}, {"committed": True})
        for kind in (
            "function_call",
            "google_search_call",
            "code_execution_result",
            "mcp_server_tool_call",
            "a_new_one",
        )
    ),
    ({"type": ["function_call"]}, {}),
    ({}, {}),
    ("text", {}),
    (None, {}),
]


@pytest.mark.parametrize(("step", "expected"), STEPS)
def test_every_step_counts(step: Any, expected: dict[str, Any]) -> None:
    landing = heard_body(DIALECT, {"status": "completed", "steps": [step]})
    assert said(landing) == {"finish": ["completed"], **expected}
    assert end_of(landing) == (SERVED if expected else EMPTY)
    started = heard_events(DIALECT, {"event_type": "step.start", "step": step}, "[DONE]")
    assert said(started) == {"done": True, **expected}
    last = {"event_type": "interaction.completed", "interaction": {"status": "completed", "steps": [step]}}
    assert said(heard_events(DIALECT, last)) == {"done": True, "finish": ["completed"], **expected}


DELTAS: list[tuple[Any, dict[str, Any]]] = [
    ({"type": "text", "text": "é"}, {"content_len": 2, "blank": False}),
    ({"type": "text", "text": 3}, {}),
    ({"type": "thought_summary", "content": {"type": "text", "text": "hm"}}, {"committed": True}),
    ({"type": "thought_summary"}, {}),
    ({"type": "thought_signature", "signature": "Eq"}, {"committed": True}),
    ({"type": "thought_signature", "signature": ""}, {}),
    ({"type": "arguments_delta", "arguments": ""}, {"committed": True}),
    ({"type": "function_call", "arguments": {}}, {"committed": True}),
    ({"type": "image", "data": "x"}, {"committed": True}),
    ({"type": "text_annotation_delta", "annotations": []}, {}),
    ({"type": "text_annotation", "annotations": []}, {}),
    ({"type": {}}, {}),
    ("text", {}),
    (None, {}),
]


@pytest.mark.parametrize(("delta", "expected"), DELTAS)
@pytest.mark.parametrize("name", ["step.delta", "content.delta"])
def test_every_delta_counts(name: str, delta: Any, expected: dict[str, Any]) -> None:
    landing = heard_events(DIALECT, {"event_type": name, "index": 0, "delta": delta}, "[DONE]")
    assert said(landing) == {"done": True, **expected}


def test_text_that_was_streamed_is_not_counted_again_at_the_end() -> None:
    events = [{"event_type": "step.delta", "delta": {"type": "text", "text": piece}} for piece in ("Do", "ne.")]
    last = {"event_type": "interaction.completed", "interaction": wire.interaction("Done.", model="m")}
    assert said(heard_events(DIALECT, *events, last)) == {**TEXT, "done": True}


def test_what_still_runs_in_the_background_is_neither_empty_nor_malformed() -> None:
    for status in ("in_progress", "queued"):
        landing = heard_body(DIALECT, {"id": "v1_a", "agent": "deep-research", "status": status})
        assert (said(landing), end_of(landing)) == ({"model": "deep-research", "unread": True}, SERVED)


def test_an_agent_answers_under_its_own_name() -> None:
    told = {"agent": "deep-research", "model": "gemini-3-pro", "status": "completed"}
    assert heard_body(DIALECT, told).reply.model == "deep-research"


def test_the_answer_says_how_much_was_thought() -> None:
    told = {"status": "completed", "generation_config": {"thinking_level": "high"}}
    assert heard_body(DIALECT, told).reply.thinking == HIGH
    assert heard_body(DIALECT, {**told, "generation_config": {"thinking_summaries": "auto"}}).reply.thinking is None


def test_a_stream_is_whole_once_its_end_was_heard() -> None:
    created = {
        "event_type": "interaction.created",
        "interaction": {"id": "v1_a", "status": "in_progress", "model": "m"},
    }
    text = {"event_type": "step.delta", "delta": {"type": "text", "text": "x"}}
    update = {"event_type": "interaction.status_update", "interaction_id": "v1_a", "status": "in_progress"}
    over = {**update, "status": "requires_continuation"}
    usage = {"event_type": "step.stop", "index": 0, "usage": {"total_output_tokens": 2}}
    last = {"event_type": "interaction.completed", "interaction": {"id": "v1_a", "status": "completed"}}
    ends = [
        end_of(heard_events(DIALECT, *events)) for events in ((created, update), (created, text), (text, over), (last,))
    ]
    assert ends == [MALFORMED, MALFORMED, SERVED, EMPTY]
    odd = ["{", "[]", "", {}, {"event_type": ["error"]}, {"event_type": "a_new_one"}, {"interaction": "x"}]
    assert said(heard_events(DIALECT, *odd, created, text, usage, last)) == {
        "model": "m",
        "finish": ["completed"],
        "content_len": 1,
        "blank": False,
        "output": 2,
        "done": True,
    }


FAILED: list[tuple[Any, str | None, tuple[str, str]]] = [
    ({"code": "gateway_timeout", "message": "429 quota"}, "gateway_timeout", ("provider_error", "timeout")),
    ({"code": "too_many_requests"}, "too_many_requests", ("usage_limit", "rate_limit")),
    ({"code": 503, "status": "UNAVAILABLE"}, "UNAVAILABLE", ("provider_error", "overloaded")),
    ({"code": 429}, None, ("usage_limit", "rate_limit")),
    ({"code": "https://example.com/errors/x"}, None, ("provider_error", "unknown")),
    ({"message": "overloaded: 429"}, None, ("provider_error", "unknown")),
    ("overloaded: 429", None, ("provider_error", "unknown")),
]


@pytest.mark.parametrize(("error", "code", "end"), FAILED)
def test_an_error_inside_a_stream_or_a_200_is_classed_by_its_code(error: Any, code: str | None, end: Any) -> None:
    text = {"event_type": "step.delta", "delta": {"type": "text", "text": "so f"}}
    event = {"event_type": "error", "error": error}
    for landing in (heard_body(DIALECT, {"error": error}), heard_events(DIALECT, text, event)):
        assert (landing.reply.code, end_of(landing)) == (code, end)


def test_an_interaction_that_failed_is_classed_by_the_first_of_its_errors() -> None:
    errors = [{"code": "too_many_requests", "message": "x"}, {"code": "gateway_timeout"}]
    told = {"status": "failed", "errors": errors}
    last = {"event_type": "interaction.completed", "interaction": told}
    for landing in (heard_body(DIALECT, told), heard_events(DIALECT, last)):
        assert (landing.reply.code, end_of(landing)) == ("too_many_requests", ("usage_limit", "rate_limit"))
    after = {"event_type": "interaction.status_update", "status": "failed"}
    late = heard_events(DIALECT, {"event_type": "error", "error": errors[1]}, after)
    assert (late.reply.code, end_of(late)) == ("gateway_timeout", ("provider_error", "timeout"))


def test_an_answer_that_is_an_error_or_no_interaction_is_told_as_such() -> None:
    assert end_of(heard_body(DIALECT, wire.failure(429, "RESOURCE_EXHAUSTED"), 429)) == ("usage_limit", "rate_limit")
    for body in (b"", b"{}", b"[]", b"x", b'{"steps":[]}', b'{"status":3}', b'{"status":"completed"'):
        assert end_of(heard_body(DIALECT, body)) == MALFORMED
