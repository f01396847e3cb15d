"""Bedrock's Converse: requests, whole answers, every event of a stream, and the errors of an AWS service."""

import json
from typing import Any

import pytest

from otel_dispatch.demo.provider import Answer
from otel_dispatch.departure import arrived, dispatch_of
from otel_dispatch.dialects import dialect_at
from otel_dispatch.dialects.bedrock import CONVERSE as DIALECT
from otel_dispatch.dialects.bedrock import model_in
from otel_dispatch.gateways import hear_headers
from otel_dispatch.origins import Known
from otel_dispatch.outcome import outcome_of_status
from otel_dispatch.pins import Pins
from otel_dispatch.providers import endpoint_at
from otel_dispatch.record import UNKNOWN_THINKING, Reply, Request, Requested, Thinking
from otel_dispatch.thinking import bedrock_thinking
from otel_dispatch.vocabulary import ThinkingMode, ToolFormat, WireFormat
from tests.dialects.heard import Landing, end_of, hear, heard, heard_body, said
from tests.wires.bedrock import (
    STREAM,
    converse,
    converse_events,
    converse_stream,
    event,
    exception,
    refused,
    unmodelled,
)

SERVED, EMPTY = ("served", None), ("empty_completion_terminal", None)
MALFORMED = ("provider_error", "malformed_response")
PATH = "/model/m/converse"
DEFAULT = Request(WireFormat.BEDROCK_CONVERSE, "chat", "m")
TOOLS = {"tools": [{"toolSpec": {"name": "f", "inputSchema": {"json": {}}}}]}


def heard_events(*events: tuple[str, Any]) -> Landing:
    return hear(DIALECT, [event(name, data) for name, data in events], STREAM)


def heard_messages(*messages: bytes) -> Landing:
    return hear(DIALECT, messages, STREAM)


@pytest.mark.parametrize(
    ("path", "answers"),
    [
        ("/model/m/converse", True),
        ("/model/m/converse-stream", True),
        ("/bedrock/model/m/converse", True),
        ("/model/m/count-tokens", False),
        ("/guardrail/g/version/1/apply", False),
        ("/async-invoke", False),
        ("/agents/a/agentAliases/b/sessions/c/text", False),
        ("/retrieveAndGenerate", False),
        ("/", False),
    ],
)
def test_it_answers_at_converse(path: str, answers: bool) -> None:
    assert (dialect_at(path) is DIALECT) == answers


PROFILE = "arn:aws:bedrock:us-east-1:123456789012:inference-profile/us.anthropic.claude-opus-5-v1:0"
PATHS = [
    ("/model/anthropic.claude-3-haiku-20240307-v1%3A0/converse", "anthropic.claude-3-haiku-20240307-v1:0"),
    ("/model/us.amazon.nova-pro-v1:0/converse-stream", "us.amazon.nova-pro-v1:0"),
    (f"/model/{PROFILE.replace(':', '%3A').replace('/', '%2F')}/converse", PROFILE),
    (f"/model/{PROFILE}/converse", PROFILE),
    (f"/proxy/model/{'x' * 300}/invoke", "x" * 256),
    ("/model//converse", None),
    ("/models/m/converse", None),
    ("/converse", None),
    ("/model/%20/converse", " "),
    ("/model/%ff%0a/converse", "\ufffd"),
]


@pytest.mark.parametrize(("path", "model"), PATHS)
def test_the_model_stands_in_the_path(path: str, model: str | None) -> None:
    assert model_in(path) == model
    request = DIALECT.request(b"{}", path)
    assert (request.model if request else None) == model


REQUESTS: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({}, {}),
    ({"inferenceConfig": {"maxTokens": 50, "temperature": 0.5}}, {"max_tokens": 50}),
    ({"inferenceConfig": {"maxTokens": "50"}}, {}),
    ({"inferenceConfig": [50]}, {}),
    ({"toolConfig": TOOLS}, {"tool_format": ToolFormat.NATIVE}),
    ({"toolConfig": {"tools": []}}, {}),
    ({"toolConfig": {"toolChoice": {"auto": {}}}}, {}),
    ({"toolConfig": None}, {}),
    ({"toolConfig": [TOOLS]}, {}),
    ({"outputConfig": {"effort": "low"}}, {"thinking": Thinking(ThinkingMode.EFFORT, None, None, "low")}),
    (
        {"additionalModelRequestFields": {"thinking": {"type": "enabled", "budget_tokens": 9}}},
        {"thinking": Thinking(ThinkingMode.ENABLED, True, 9)},
    ),
    ({"additionalModelRequestFields": "thinking"}, {}),
    (
        {"additionalModelRequestFields": {"tools": [{"type": "computer_20250124", "name": "computer"}]}},
        {"tool_format": ToolFormat.NATIVE},
    ),
    ({"toolConfig": {"tools": []}, "additionalModelRequestFields": {"tools": []}}, {}),
    (
        {"additionalModelRequestFields": {"inferenceConfig": {"reasoningConfig": {"type": "enabled"}, "topK": 5}}},
        {"thinking": Thinking(ThinkingMode.ENABLED, True)},
    ),
    ({"messages": [{"role": "user", "content": [{"text": "half an emoji: \ud83d"}]}]}, {}),
]


@pytest.mark.parametrize(("change", "expected"), REQUESTS)
def test_a_request_is_read(change: dict[str, Any], expected: dict[str, Any]) -> None:
    fields = {name: getattr(DEFAULT, name) for name in Request.__dataclass_fields__}
    body = {"messages": [{"role": "user", "content": [{"text": "hi"}]}], **change}
    assert DIALECT.request(json.dumps(body).encode(), PATH) == Request(**{**fields, **expected})
    streamed = DIALECT.request(json.dumps(body).encode(), f"{PATH}-stream")
    assert streamed == Request(**{**fields, **expected, "stream": True})


@pytest.mark.parametrize("body", [b"", b"[]", b"null", b"{"])
def test_of_a_body_that_cannot_be_read_the_path_tells(body: bytes) -> None:
    assert DIALECT.request(body, PATH) == Request(
        WireFormat.BEDROCK_CONVERSE, "chat", "m", UNKNOWN_THINKING, ToolFormat.UNKNOWN
    )


def test_a_prompt_that_the_service_keeps_has_a_config_that_nobody_sees() -> None:
    request = DIALECT.request(b"{}", "/model/arn%3Aaws%3Abedrock%3Aus-east-1%3A123456789012%3Aprompt%2FP%3A1/converse")
    assert request is not None
    assert (request.thinking, request.tool_format) == (UNKNOWN_THINKING, ToolFormat.UNKNOWN)


ADAPTIVE = Thinking(ThinkingMode.ADAPTIVE, True)
THINKING: list[tuple[dict[str, Any], object, Thinking]] = [
    ({}, None, Thinking()),
    ({"top_k": 5}, None, Thinking()),
    ({"thinking": {"type": "enabled", "budget_tokens": 9}}, None, Thinking(ThinkingMode.ENABLED, True, 9)),
    ({"thinking": {"type": "disabled"}}, None, Thinking(ThinkingMode.OFF, False)),
    ({"thinking": {"type": "adaptive"}}, None, ADAPTIVE),
    ({"thinking": None, "reasoning_config": {"type": "adaptive"}}, None, ADAPTIVE),
    ({"reasoning_config": {"type": "enabled", "budget_tokens": 9}}, None, Thinking(ThinkingMode.ENABLED, True, 9)),
    (
        {"reasoningConfig": {"type": "enabled", "maxReasoningEffort": "low"}},
        None,
        Thinking(ThinkingMode.ENABLED, True, None, "low"),
    ),
    ({"reasoningConfig": {"type": "disabled"}}, None, Thinking(ThinkingMode.OFF, False)),
    ({"output_config": {"effort": "max"}}, None, Thinking(ThinkingMode.EFFORT, None, None, "max")),
    ({"output_config": {"effort": "max"}}, "low", Thinking(ThinkingMode.EFFORT, None, None, "max")),
    ({"thinking": {"type": "adaptive"}}, "low", Thinking(ThinkingMode.ADAPTIVE, True, None, "low")),
    ({"reasoning_effort": "high"}, None, Thinking(ThinkingMode.EFFORT, True, None, "high")),
    ({"reasoning_effort": "none"}, None, Thinking(ThinkingMode.OFF, False, None, "none")),
    ({"enable_thinking": False}, None, Thinking(ThinkingMode.OFF, False)),
    ({"thinking": "on"}, None, UNKNOWN_THINKING),
    ({"output_config": 3}, 3, Thinking()),
]


@pytest.mark.parametrize(("extra", "effort", "expected"), THINKING)
def test_the_thinking_is_what_the_models_own_fields_say(
    extra: dict[str, Any], effort: object, expected: Thinking
) -> None:
    assert bedrock_thinking(extra, effort) == expected


USAGE = {"input": 9, "output": 12}
TEXT = {"finish": ["end_turn"], "content_len": 5, "blank": False, **USAGE}
QUIET = {"finish": ["end_turn"], **USAGE}
CACHED = {"input": 9 + 20 + 30, "cache_read": 20, "cache_write": 30}
ROUTED = "arn:aws:bedrock:us-east-1::foundation-model/anthropic.claude-3-haiku-20240307-v1:0"

ANSWERS: list[tuple[dict[str, Any], str, dict[str, Any], tuple[str, str | None]]] = [
    ({}, "Done.", TEXT, SERVED),
    ({"usage": None}, "Done.", {n: v for n, v in TEXT.items() if n not in USAGE}, SERVED),
    ({"cache": (20, 30)}, "Done.", {**TEXT, **CACHED}, SERVED),
    ({"cache": (0, 0)}, "Done.", {**TEXT, "cache_read": 0, "cache_write": 0}, SERVED),
    ({"reasoning": "hm"}, "Done.", {**TEXT, "committed": True}, SERVED),
    ({"reasoning": "hm"}, "", {**QUIET, "committed": True}, SERVED),
    ({"reasoning": ""}, "", {**QUIET, "committed": True}, SERVED),  # its signature is not empty
    ({"tool_calls": 2}, "", {**QUIET, "finish": ["tool_use"], "committed": True}, SERVED),
    ({"stop": "max_tokens"}, "Done.", {**TEXT, "finish": ["max_tokens"]}, SERVED),
    ({"stop": "guardrail_intervened"}, "No.", {**TEXT, "content_len": 3, "finish": ["guardrail_intervened"]}, SERVED),
    ({"stop": "guardrail_intervened"}, "", {**QUIET, "finish": ["guardrail_intervened"]}, SERVED),
    ({"stop": "content_filtered"}, "", {**QUIET, "finish": ["content_filtered"]}, SERVED),
    ({"stop": "model_context_window_exceeded"}, "", {**QUIET, "finish": ["model_context_window_exceeded"]}, SERVED),
    ({"router": ROUTED}, "Done.", {**TEXT, "model": ROUTED}, SERVED),
    ({}, "", QUIET, EMPTY),
    ({}, " \n", {**QUIET, "content_len": 2}, EMPTY),
    ({"stop": "stop_sequence"}, "", {**QUIET, "finish": ["stop_sequence"]}, EMPTY),
    ({"usage": (9, 0)}, "", {**QUIET, "output": 0}, SERVED),
    *(
        ({"stop": stop}, "x", {**TEXT, "content_len": 1, "finish": [stop], "failed": True, "code": stop}, MALFORMED)
        for stop in ("malformed_model_output", "malformed_tool_use")
    ),
]


@pytest.mark.parametrize(("told", "text", "expected", "end"), ANSWERS)
def test_a_whole_answer_and_the_same_streamed_say_the_same(
    told: dict[str, Any], text: str, expected: dict[str, Any], end: tuple[str, str | None]
) -> None:
    whole = heard(DIALECT, converse(text, **told))
    streamed = heard(DIALECT, converse_stream(list(text), **told))
    assert (said(whole), end_of(whole)) == (expected, end)
    assert (said(streamed), end_of(streamed)) == ({**expected, "done": True}, end)


BLOCKS: list[tuple[Any, dict[str, Any]]] = [
    ({"text": "é"}, {"content_len": 2, "blank": False}),
    ({"text": ""}, {}),
    ({"text": None}, {}),
    ({"text": ["x"]}, {}),
    ({"reasoningContent": {"redactedContent": "AAAA"}}, {"committed": True}),
    ({"reasoningContent": {}}, {}),
    ({"reasoningContent": "hm"}, {}),
    ({"toolUse": {"toolUseId": "t"}}, {"committed": True}),
    ({"toolResult": [{"text": "x"}]}, {"committed": True}),
    ({"image": {"format": "png", "source": {"bytes": "AAAA"}}}, {"committed": True}),
    ({"a_new_one": {"x": 1}}, {"committed": True}),
    ({"toolUse": None}, {}),
    ({"cachePoint": {"type": "default"}}, {}),
    ({"guardContent": {"text": {"text": "x"}}}, {}),
    ({}, {}),
    ("text", {}),
    (None, {}),
]
WHOLE_BLOCKS: list[tuple[Any, dict[str, Any]]] = [
    ({"reasoningContent": {"reasoningText": {"text": "hm"}}}, {"committed": True}),
    ({"reasoningContent": {"reasoningText": {"text": " ", "signature": "Eq"}}}, {"committed": True}),
    ({"reasoningContent": {"reasoningText": {"text": ""}}}, {}),
    (
        {"citationsContent": {"content": [{"text": "ab"}, {"text": 3}, 4], "citations": [{"title": "x"}]}},
        {"content_len": 2, "blank": False},
    ),
    ({"citationsContent": "x"}, {}),
]
DELTAS: list[tuple[Any, dict[str, Any]]] = [
    ({"reasoningContent": {"text": "hm"}}, {"committed": True}),
    ({"reasoningContent": {"signature": "Eq"}}, {"committed": True}),
    ({"reasoningContent": {"text": ""}}, {}),
    ({"toolUse": {"input": ""}}, {"committed": True}),
    ({"citation": {"title": "x"}}, {}),
    ({"text": "\ud83d"}, {"content_len": 1, "blank": False}),
]


@pytest.mark.parametrize(("block", "expected"), BLOCKS + WHOLE_BLOCKS)
def test_every_block_counts(block: Any, expected: dict[str, Any]) -> None:
    landing = heard_body(DIALECT, {"output": {"message": {"content": [block]}}, "stopReason": "end_turn"})
    assert said(landing) == {"finish": ["end_turn"], **expected}
    assert end_of(landing) == (SERVED if expected else EMPTY)


@pytest.mark.parametrize(("block", "expected"), BLOCKS + DELTAS)
def test_every_start_and_delta_counts(block: Any, expected: dict[str, Any]) -> None:
    for part in (("contentBlockDelta", {"delta": block}), ("contentBlockStart", {"start": block})):
        assert said(heard_events(part, ("metadata", {}))) == {"done": True, **expected}


@pytest.mark.parametrize(
    ("usage", "expected"),
    [
        ({"inputTokens": 2**63 - 1, "cacheReadInputTokens": 1}, {"cache_read": 1}),
        ({"inputTokens": -1, "outputTokens": 1.5, "cacheWriteInputTokens": True}, {}),
        (
            {"inputTokens": 1, "cacheReadInputTokenCount": 2, "cacheWriteInputTokenCount": 3},
            {"input": 6, "cache_read": 2, "cache_write": 3},
        ),
        (["inputTokens"], {}),
        (None, {}),
    ],
)
def test_usage_is_what_was_reported_and_nothing_else(usage: Any, expected: dict[str, Any]) -> None:
    landing = heard_body(DIALECT, {"output": {"message": {"content": [{"text": "x"}]}}, "usage": usage})
    assert said(landing) == {"content_len": 1, "blank": False, **expected}


def test_the_usage_that_comes_after_the_stop_ends_the_answer() -> None:
    events = converse_events(["x"])
    assert [name for name, _ in events[-2:]] == ["messageStop", "metadata"]
    stopped, whole = heard_events(*events[:-1]), heard_events(*events)
    assert (stopped.reply.done, stopped.reply.usage.output, end_of(stopped)) == (False, None, SERVED)
    assert (whole.reply.done, whole.reply.usage.output, end_of(whole)) == (True, 12, SERVED)
    assert end_of(heard_events(*events[:-2])) == MALFORMED


def test_events_that_say_nothing_are_passed_over() -> None:
    odd = [("initial-response", {}), ("a_new_one", {"x": 1}), ("messageStop", 3), ("contentBlockStop", None)]
    events = converse_events([])
    assert said(heard_events(*odd, ("contentBlockDelta", []), *events)) == {**QUIET, "done": True}


EXCEPTIONS = [
    ("throttlingException", ("usage_limit", "rate_limit")),
    ("validationException", ("provider_error", "bad_request")),
    ("internalServerException", ("provider_error", "server_error")),
    ("modelStreamErrorException", ("provider_error", "server_error")),
    ("serviceUnavailableException", ("provider_error", "overloaded")),
    ("modelTimeoutException", ("provider_error", "timeout")),
    ("aNewException", ("provider_error", "unknown")),
]


@pytest.mark.parametrize(("name", "end"), EXCEPTIONS)
def test_an_exception_inside_a_stream_is_classed_by_its_name(name: str, end: tuple[str, str]) -> None:
    text = [event("contentBlockDelta", {"delta": {"text": "so f"}})]
    for message in (exception(name, "429 quota"), unmodelled(name, "429 quota")):
        landing = heard_messages(*text, message, event("messageStop", {"stopReason": "end_turn"}))
        assert (landing.reply.code, end_of(landing)) == (name, end)


def test_a_garbled_stream_is_not_known_to_be_whole_or_cut() -> None:
    landing = heard_messages(event("messageStart", {}), b"\x00" * 16)
    assert said(landing) == {"unread": True}
    assert end_of(landing) == SERVED


# Every exception that the service declares, and those of AWS's own front door, with their HTTP status.
REFUSED = [
    (400, "ValidationException", ("provider_error", "bad_request")),
    (400, "ThrottlingException", ("usage_limit", "rate_limit")),
    (429, "ThrottlingException", ("usage_limit", "rate_limit")),
    (429, "TooManyRequestsException", ("usage_limit", "rate_limit")),
    (400, "ServiceQuotaExceededException", ("usage_limit", "quota")),
    (429, "ModelNotReadyException", ("provider_error", "overloaded")),
    (403, "AccessDeniedException", ("provider_error", "permission")),
    (403, "UnrecognizedClientException", ("provider_error", "auth")),
    (403, "ExpiredTokenException", ("provider_error", "auth")),
    (403, "InvalidSignatureException", ("provider_error", "auth")),
    (403, "MissingAuthenticationTokenException", ("provider_error", "auth")),
    (404, "ResourceNotFoundException", ("provider_error", "not_found")),
    (400, "ConflictException", ("provider_error", "bad_request")),
    (408, "ModelTimeoutException", ("provider_error", "timeout")),
    (424, "ModelErrorException", ("provider_error", "server_error")),
    (424, "ModelStreamErrorException", ("provider_error", "server_error")),
    (500, "InternalServerException", ("provider_error", "server_error")),
    (503, "ServiceUnavailableException", ("provider_error", "overloaded")),
    (418, "NeverHeardOfException", ("provider_error", "bad_request")),
]


@pytest.mark.parametrize(("status", "code", "end"), REFUSED)
def test_a_refusal_is_classed_by_its_name_wherever_that_stands(status: int, code: str, end: tuple[str, str]) -> None:
    headers = list(refused(status, code).headers.items())
    in_bytes = [(name.lower().encode(), value.encode()) for name, value in headers]
    bodies: list[Any] = [
        {"__type": name, "message": "429 quota"} for name in (code, f"com.amazon.coral.service#{code}")
    ]
    bodies += [{"code": code, "message": "429 quota"}, {"error": {"code": code, "message": "429 quota"}}]
    for each in (headers, in_bytes):
        reply = Reply()
        hear_headers(each, reply)
        DIALECT.reply(b'{"message":"429 quota"}', reply)
        found = outcome_of_status(status, reply.code)
        assert (reply.code, str(found.kind), str(found.cls)) == (code, *end)
    for body in bodies:
        landing = heard_body(DIALECT, body, status)
        assert (landing.reply.code, end_of(landing)) == (code, end)


@pytest.mark.parametrize(
    "body", [b"", b"{}", b"[]", b"x", b'{"output":"text","stopReason":"end_turn"}', b'{"output":{']
)
def test_a_body_that_is_no_answer_is_malformed(body: bytes) -> None:
    assert end_of(heard_body(DIALECT, body)) == MALFORMED
    assert end_of(heard_body(DIALECT, body, 500)) == ("provider_error", "server_error")


def mismatch_of(requested: str, answer: Answer, host: str = "bedrock-runtime.us-east-1.amazonaws.com") -> str:
    path = f"/model/{requested.replace(':', '%3A').replace('/', '%2F')}/converse"
    request = DIALECT.request(b"{}", path)
    assert request is not None
    endpoint = endpoint_at(host, 443)
    dispatch = dispatch_of(request, endpoint, Known(), Requested(), Pins())
    return ",".join(arrived(dispatch, request, heard(DIALECT, answer).reply).mismatch)


def test_a_prompt_router_that_chose_another_model_is_a_mismatch() -> None:
    router = "arn:aws:bedrock:us-east-1:123456789012:default-prompt-router/anthropic.claude:1"
    assert mismatch_of(router, converse(router=ROUTED)) == "model.served"
    assert mismatch_of("us.anthropic.claude-3-haiku-20240307-v1:0", converse(router=ROUTED)) == ""
    assert mismatch_of("anthropic.claude-3-haiku-20240307-v1:0", converse()) == ""


def test_a_name_of_the_users_own_names_no_model() -> None:
    for kind in ("application-inference-profile", "provisioned-model", "imported-model", "custom-model-deployment"):
        own = f"arn:aws:bedrock:us-east-1:123456789012:{kind}/abc123"
        assert mismatch_of(own, converse(router=ROUTED)) == ""


HOSTS = [
    "bedrock-runtime.us-east-1.amazonaws.com",
    "bedrock-runtime-fips.us-gov-west-1.amazonaws.com",
    "bedrock-runtime.cn-north-1.amazonaws.com.cn",
    "bedrock-runtime.us-east-1.api.aws",
    "bedrock-mantle.us-east-1.api.aws",
    "vpce-0abc-1def.bedrock-runtime.us-east-1.vpce.amazonaws.com",
]


@pytest.mark.parametrize("host", HOSTS)
def test_every_host_of_bedrock_is_known(host: str) -> None:
    assert endpoint_at(host, 443).provider == "bedrock"
    assert endpoint_at(f"{host}.evil.example", 443).provider == "unknown"
