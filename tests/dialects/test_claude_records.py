"""What Claude Code says on stdout: every record that decides a fact, and how a session then ended."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otel_dispatch.claude_records import read_event
from otel_dispatch.session import Heard
from otel_dispatch.verdict import outcome_of_launch
from otel_dispatch.vocabulary import Field


def heard(*records: Any) -> Heard:
    found = Heard()
    for record in records:
        read_event(record if isinstance(record, bytes) else json.dumps(record).encode(), found)
    return found


def end(found: Heard, code: int | None = 0) -> tuple[str, str | None]:
    outcome = outcome_of_launch(found, code, None)
    return str(outcome.kind), outcome.cls and str(outcome.cls)


def message(*content: Any, model: str = "claude-sonnet-5-5", **more: Any) -> dict[str, Any]:
    return {"type": "assistant", "message": {"id": "m", "model": model, "content": list(content)}, **more}


INIT = {"type": "system", "subtype": "init", "model": "claude-sonnet-5-5[1m]", "session_id": "s"}
TEXT = {"type": "text", "text": "hé"}
DONE = {"type": "result", "subtype": "success", "is_error": False, "result": "hé", "stop_reason": "end_turn"}


def test_a_session_says_its_model_its_id_its_text_and_its_usage() -> None:
    usage = {"input_tokens": 1, "output_tokens": 2, "cache_read_input_tokens": 3, "cache_creation_input_tokens": 4}
    found = heard(INIT, message(TEXT), {**DONE, "usage": {**usage, "output_tokens_details": {"thinking_tokens": 1}}})
    assert (found.resolved, found.conversation, found.model) == ("claude-sonnet-5-5", "s", "claude-sonnet-5-5")
    assert (found.content_len, found.finish, found.records) == (3, ["end_turn"], 3)
    told = found.usage
    assert (told.input, told.output, told.cache_read, told.cache_write, told.reasoning) == (8, 2, 3, 4, 1)
    assert end(found) == ("served", None)


def test_usage_by_model_counts_everything_and_is_not_added_up_over_turns() -> None:
    row = {"inputTokens": 5, "outputTokens": 6, "cacheReadInputTokens": 1}
    turn = {**DONE, "usage": {"output_tokens": 1}, "modelUsage": {"a": row, "b": {"outputTokens": 4}}}
    for found in (heard(turn), heard(turn, turn)):
        assert (found.usage.input, found.usage.output, found.usage.cache_read) == (6, 10, 1)
    found = heard({**DONE, "usage": {"output_tokens": 1}}, {**DONE, "usage": {"output_tokens": 2}})
    assert (found.usage.output, found.usage.input) == (3, None)


def test_the_json_output_names_the_model_as_asked_for_and_no_served_one() -> None:
    for line in ({**DONE, "modelUsage": {"m": {}}}, [INIT, {**DONE, "modelUsage": {"m": {}}}]):
        found = heard(json.dumps(line).encode())
        assert found.model is None
        assert found.resolved == ("m" if isinstance(line, dict) else "claude-sonnet-5-5")
        assert (found.content_len, end(found)) == (3, ("served", None))


def failed(**more: Any) -> dict[str, Any]:
    return {"type": "result", "subtype": "success", "is_error": True, "result": "API Error: 529 overloaded", **more}


def synthetic(**more: Any) -> dict[str, Any]:
    return message({"type": "text", "text": "API Error: 401"}, model="<synthetic>", **more)


def retry(status: int | None, word: str) -> dict[str, Any]:
    return {"type": "system", "subtype": "api_retry", "error_status": status, "error": word}


REJECTED = {"type": "rate_limit_event", "rate_limit_info": {"status": "rejected"}}
OVERAGE = {"type": "rate_limit_event", "rate_limit_info": {"status": "rejected", "overageStatus": "allowed"}}
ENDS: list[tuple[list[Any], int, tuple[str, str | None]]] = [
    ([failed(api_error_status=429)], 1, ("usage_limit", "rate_limit")),
    ([failed(api_error_status=529, api_error_type="overloaded_error")], 1, ("provider_error", "overloaded")),
    ([failed(api_error_status=400, api_error_type="billing_error")], 1, ("usage_limit", "billing")),
    ([synthetic(error="rate_limit"), failed()], 1, ("usage_limit", "rate_limit")),
    ([synthetic(error="billing_error"), failed()], 1, ("usage_limit", "billing")),
    ([synthetic(error="authentication_failed"), failed()], 1, ("provider_error", "auth")),
    ([synthetic(error="model_not_found"), failed()], 1, ("provider_error", "not_found")),
    ([synthetic(error="invalid_request"), failed()], 1, ("provider_error", "bad_request")),
    ([synthetic(error="unknown"), failed()], 1, ("provider_error", "unknown")),
    ([synthetic(), failed()], 1, ("provider_error", "unknown")),
    ([REJECTED, failed(api_error_status=429)], 1, ("usage_limit", "quota")),
    ([REJECTED, synthetic(error="rate_limit"), failed()], 1, ("usage_limit", "quota")),
    ([OVERAGE, failed(api_error_status=429)], 1, ("usage_limit", "rate_limit")),
    ([REJECTED, message(TEXT), DONE], 0, ("served", None)),
    ([retry(529, "overloaded"), message(TEXT), DONE], 0, ("served", None)),
    ([INIT, retry(529, "overloaded")], 1, ("provider_error", "overloaded")),
    ([INIT, retry(None, "unknown")], 1, ("provider_error", "unknown")),
    ([INIT, retry(529, "overloaded"), message(TEXT)], 1, ("provider_error", "unknown")),
    ([INIT, message(TEXT)], 143, ("cancelled", "cancelled")),
    ([INIT, message(TEXT)], -2, ("cancelled", "cancelled")),
    ([INIT, message(TEXT)], 137, ("provider_error", "unknown")),
    ([], 127, ("refused", None)),
    ([INIT], 127, ("provider_error", "unknown")),
    ([failed(subtype="error_max_turns")], 1, ("cancelled", "cancelled")),
    ([failed(subtype="error_max_budget_usd")], 1, ("usage_limit", "quota")),
    ([failed(subtype="error_during_execution")], 1, ("provider_error", "unknown")),
    ([failed(subtype="error_during_execution", terminal_reason="aborted_tools")], 1, ("cancelled", "cancelled")),
    ([{**DONE, "terminal_reason": "aborted_streaming"}], 0, ("cancelled", "cancelled")),
    ([message(TEXT), DONE], -9, ("served", None)),
    ([INIT, {**DONE, "result": ""}], 0, ("empty_completion_terminal", None)),
    ([INIT, {**DONE, "result": " \n", "usage": {"output_tokens": 9}}], 0, ("empty_completion_terminal", None)),
    ([INIT, {**DONE, "result": "", "usage": {"output_tokens": 0}}], 0, ("served", None)),
    ([INIT, {**DONE, "result": "", "structured_output": {"a": 1}}], 0, ("served", None)),
    ([message({"type": "tool_use"}), {**DONE, "result": ""}], 0, ("served", None)),
    ([message({"type": "thinking", "thinking": "hm"}), {**DONE, "result": ""}], 0, ("served", None)),
    ([message({"type": "thinking", "thinking": ""}), {**DONE, "result": ""}], 0, ("empty_completion_terminal", None)),
    ([message(TEXT, parent_tool_use_id="t"), {**DONE, "result": ""}], 0, ("empty_completion_terminal", None)),
    ([failed(api_error_status=429), message(TEXT), DONE], 0, ("served", None)),
    ([], 0, ("served", None)),
]


@pytest.mark.parametrize(("records", "code", "expected"), ENDS)
def test_only_typed_facts_and_the_exit_decide(records: list[Any], code: int, expected: tuple[str, str | None]) -> None:
    assert end(heard(*records), code) == expected


def test_what_nobody_served_is_no_model_and_no_text() -> None:
    found = heard(INIT, synthetic(), failed())
    assert (found.model, found.content_len) == (None, 0)
    found = heard(INIT, message(TEXT), message(TEXT, model="claude-haiku-5-5", parent_tool_use_id="t"), DONE)
    assert (found.model, found.content_len) == ("claude-sonnet-5-5", 3)


def test_a_fallback_of_the_programs_is_no_choice_of_anybodys() -> None:
    told = {"type": "system", "subtype": "model_fallback", "original_model": "a", "fallback_model": "b"}
    assert heard(told).overridden == {Field.MODEL}


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=8,
)
TYPES = ("system", "assistant", "result", "rate_limit_event")
KEYS = ("message", "usage", "modelUsage", "rate_limit_info", "error", "model", "result", "subtype", "is_error")


@given(
    st.sampled_from(["system", "assistant", "result", "rate_limit_event"]), st.dictionaries(st.sampled_from(KEYS), JSON)
)
def test_any_record_is_read_without_raising(kind: str, record: dict[str, Any]) -> None:
    found = heard({"subtype": "init", **record, "type": kind})
    outcome_of_launch(found, 1, None)


@given(st.binary() | st.text().map(str.encode))
def test_any_bytes_are_read_without_raising(data: bytes) -> None:
    for line in (data, b"{" + data, b"[" + data + b"]"):
        heard(line)
