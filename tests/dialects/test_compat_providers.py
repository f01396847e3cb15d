"""What each provider whose API is shaped like OpenAI's adds to answers, and how each says that it failed."""

import json
from typing import Any

import pytest

from otel_dispatch.dialects.openai_compat import CHAT
from otel_dispatch.record import Request
from otel_dispatch.vocabulary import WireFormat
from tests.dialects.heard import STREAM, WHOLE, end_of, hear, heard, heard_body, heard_events, said
from tests.wires.openai import azure_chat_stream, azure_refusal, gateway_chat_stream

SERVED, MALFORMED = ("served", None), ("provider_error", "malformed_response")
RATE, QUOTA, BILLING = ("usage_limit", "rate_limit"), ("usage_limit", "quota"), ("usage_limit", "billing")
MESSAGE = {"role": "assistant", "content": "hi"}
HI = {"finish": ["stop"], "content_len": 2, "blank": False}


def failed(cls: str) -> tuple[str, str]:
    return ("provider_error", cls)


def answer(message: Any = MESSAGE, finish: str = "stop", **told: Any) -> dict[str, Any]:
    choice = {"index": 0, "message": message, "finish_reason": finish}
    return {"object": "chat.completion", "model": "m", "choices": [choice], **told}


def error(**told: Any) -> dict[str, Any]:
    return {"error": {"message": "429 quota timeout", **told}}


GATEWAY = {"gateway": {"routing": {"resolvedProvider": "one", "finalProvider": "two"}, "cost": "0"}}
TIMINGS = {"prompt_n": 5, "predicted_n": 7, "predicted_per_second": 99.5}
THOUGHT = {"content": "hm", "extra_content": {"google": {"thought": True}}}
SIGNED = {"content": "hi", "extra_content": {"google": {"thought_signature": "x"}}}

ADDED: list[tuple[dict[str, Any], dict[str, Any]]] = [
    # DeepSeek, Z.AI, DashScope, vLLM; Groq, Cerebras, Together; OpenRouter; Mistral
    (answer({**MESSAGE, "reasoning_content": "hm"}), {**HI, "committed": True}),
    (answer({**MESSAGE, "reasoning": "hm"}), {**HI, "committed": True}),
    (answer({**MESSAGE, "reasoning_details": [{"type": "reasoning.summary"}]}), {**HI, "committed": True}),
    (answer({**MESSAGE, "reasoning_content": "", "reasoning": None, "reasoning_details": []}), HI),
    (
        answer({"content": [{"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]}, {"text": "hi"}]}),
        {**HI, "committed": True},
    ),
    # OpenRouter, Vercel
    (answer(provider="Amazon Bedrock"), {**HI, "upstream": "Amazon Bedrock"}),
    (answer({**MESSAGE, "provider_metadata": GATEWAY}), {**HI, "upstream": "two"}),
    (answer(provider_metadata=GATEWAY), {**HI, "upstream": "two"}),
    (answer(provider_metadata={"gateway": {"routing": {"resolvedProvider": "one"}}}), HI),
    (answer(provider={"name": "one"}, provider_metadata=[3]), HI),
    # MiniMax
    (answer(base_resp={"status_code": 0, "status_msg": ""}, input_sensitive=False), HI),
    # llama.cpp, Perplexity, Cerebras
    (answer(timings=TIMINGS, prompt_progress={"total": 9, "processed": 3}), HI),
    (answer(citations=["x"], search_results=[{"title": "x"}]), HI),
    (answer(time_info={"queue_time": 0.1}), HI),
    # Gemini
    (answer(THOUGHT), {"finish": ["stop"], "committed": True}),
    (answer(SIGNED), HI),
    # Groq and Moonshot, in streams
    (
        answer(x_groq={"id": "r", "usage": {"prompt_tokens": 3, "completion_tokens": 4}}),
        {**HI, "input": 3, "output": 4},
    ),
    (
        {**answer(), "choices": [{"message": MESSAGE, "finish_reason": "stop", "usage": {"completion_tokens": 4}}]},
        {**HI, "output": 4},
    ),
    # Together, vLLM
    (answer(prompt=[], warnings=None, kv_transfer_params=None, prompt_logprobs=None), HI),
]


@pytest.mark.parametrize(("body", "expected"), ADDED)
def test_what_providers_add_is_heard_whole_and_streamed(body: dict[str, Any], expected: dict[str, Any]) -> None:
    landing = heard_body(CHAT, body)
    assert (said(landing), end_of(landing)) == ({"model": "m", **expected}, SERVED)
    chunk = json.loads(json.dumps(body).replace('"message":', '"delta":'))
    landing = heard_events(CHAT, {"model": "m", "choices": []}, chunk, "[DONE]")
    assert (said(landing), end_of(landing)) == ({"model": "m", "done": True, **expected}, SERVED)


def used(prompt: int = 32, completion: int = 9, **more: Any) -> dict[str, Any]:
    return {"prompt_tokens": prompt, "completion_tokens": completion, **more}


def thought(count: int) -> dict[str, Any]:
    return {"completion_tokens_details": {"reasoning_tokens": count}}


def taken(**counts: int) -> dict[str, Any]:
    return {"prompt_tokens_details": counts}


USED: list[tuple[dict[str, Any], dict[str, int]]] = [
    # Moonshot; DeepSeek; LiteLLM with Anthropic's models; DashScope
    (used(cached_tokens=5), {"cache_read": 5}),
    (used(cached_tokens=5, **taken(cached_tokens=6)), {"cache_read": 6}),
    (used(prompt_cache_hit_tokens=5, prompt_cache_miss_tokens=27), {"cache_read": 5}),
    (used(cache_read_input_tokens=4, cache_creation_input_tokens=3), {"cache_read": 4, "cache_write": 3}),
    (used(cache_creation_input_tokens=0, **taken(cached_tokens=4)), {"cache_read": 4, "cache_write": 0}),
    (used(**taken(cached_tokens=4, cache_creation_input_tokens=3)), {"cache_read": 4, "cache_write": 3}),
    # SGLang, Perplexity
    (used(reasoning_tokens=7), {"reasoning": 7}),
    (used(reasoning_tokens=7, total_tokens=41), {"reasoning": 7}),
    (used(reasoning_tokens=0, total_tokens=41), {"reasoning": 0}),
    (used(reasoning_tokens=7, completion_tokens_details={"reasoning_tokens": None}), {"reasoning": 7}),
    # xAI counts the tokens of reasoning beside those of the answer, others among them
    (used(total_tokens=135, **thought(94)), {"reasoning": 94, "output": 103}),
    (used(completion=0, total_tokens=126, **thought(94)), {"reasoning": 94, "output": 94}),
    (used(completion=103, total_tokens=135, **thought(94)), {"reasoning": 94, "output": 103}),
    (used(total_tokens=41, **thought(94)), {"reasoning": 94}),
    (used(total_tokens="135", **thought(94)), {"reasoning": 94}),
    (used(**thought(94)), {"reasoning": 94}),
    ({"completion_tokens": 9, "total_tokens": 103, **thought(94)}, {"reasoning": 94}),
]


@pytest.mark.parametrize("beside", [{}, {"refusal": None, "provider_specific_fields": {}}])
@pytest.mark.parametrize(("usage", "expected"), USED)
def test_usage_is_read_as_each_provider_spells_it(
    usage: dict[str, Any], expected: dict[str, int], beside: dict[str, Any]
) -> None:
    named = {"input": usage["prompt_tokens"]} if "prompt_tokens" in usage else {}
    expected = {**HI, **named, "output": usage["completion_tokens"], **expected}
    landing = heard_body(CHAT, answer({**MESSAGE, **beside}, usage=usage))
    assert said(landing) == {"model": "m", **expected}
    text = {"model": "m", "choices": [{"delta": {"content": "hi"}, "finish_reason": "stop"}]}
    landing = heard_events(CHAT, text, {"model": "m", "choices": [], "usage": usage}, "[DONE]")
    assert said(landing) == {"model": "m", "done": True, **expected}


def test_an_answer_of_nothing_that_was_paid_for_in_reasoning_is_empty() -> None:
    body = answer({"content": ""}, usage=used(completion=0, total_tokens=126, **thought(94)))
    assert end_of(heard_body(CHAT, body)) == ("empty_completion_terminal", None)


FAILURES: list[tuple[Any, str | None, tuple[str, str | None]]] = [
    # MiniMax
    *(
        ({"choices": None, "base_resp": {"status_code": code, "status_msg": "x"}}, f"base_resp.{code}", end)
        for code, end in {
            1001: failed("timeout"), 1002: RATE, 1004: failed("auth"), 1008: BILLING, 1024: failed("server_error"),
            1026: failed("content_filter"), 1027: failed("content_filter"), 1033: failed("server_error"), 1039: RATE,
            1041: RATE, 1042: failed("bad_request"), 2013: failed("bad_request"), 2045: RATE, 2049: failed("auth"),
            2056: QUOTA, 1000: failed("unknown"), 9999: failed("unknown"),
        }.items()
    ),
    ({"choices": [], "base_resp": {"status_code": 1027}}, "base_resp.1027", failed("content_filter")),
    ({"type": "error", **error(type="insufficient_balance_error", http_code="429")}, "insufficient_balance_error",
     BILLING),
    ({"type": "error", **error(type="authorized_error", http_code="401")}, "authorized_error", failed("auth")),
    # Z.AI
    *(
        (error(code=code), code, end)
        for code, end in {
            "1000": failed("auth"), "1002": failed("auth"), "1113": BILLING, "1211": failed("not_found"),
            "1214": failed("bad_request"), "1220": failed("permission"), "1234": failed("server_error"),
            "1301": failed("content_filter"), "1302": RATE, "1303": RATE, "1304": QUOTA, "1305": RATE, "1308": QUOTA,
            "1310": QUOTA, "500": failed("server_error"), "1999": failed("unknown"),
        }.items()
    ),
    (answer(finish="network_error"), "network_error", failed("server_error")),
    # Mistral, whose numbers are others
    ({"object": "error", "type": "rate_limited", "param": None, "code": "1300"}, "rate_limited", RATE),
    ({"object": "error", "type": "invalid_model", "code": "1500"}, "invalid_model", failed("bad_request")),
    ({"object": "error", "type": "invalid_request_error", "code": "1302"}, "invalid_request_error",
     failed("bad_request")),
    (answer(finish="error"), "error", failed("unknown")),
    # DashScope
    (error(code="invalid_api_key", type="invalid_request_error"), "invalid_api_key", failed("auth")),
    (error(code="limit_requests", type="limit_requests"), "limit_requests", RATE),
    (error(code="data_inspection_failed"), "data_inspection_failed", failed("content_filter")),
    (error(code="Arrearage", type="Arrearage"), "Arrearage", BILLING),
    ({"code": "InvalidApiKey", "message": "x", "request_id": "r"}, "InvalidApiKey", failed("auth")),
    ({"code": "Throttling.RateQuota", "message": "x", "request_id": "r"}, "Throttling.RateQuota", RATE),
    # Qianfan; Baidu of old, SiliconFlow
    (error(code="invalid_iam_token", type="invalid_request_error"), "invalid_iam_token", failed("auth")),
    (error(code="tpm_rate_limit_exceeded", type="x"), "tpm_rate_limit_exceeded", RATE),
    ({"error_code": 336003, "error_msg": "x", "id": "as-1"}, None, failed("unknown")),
    ({"code": 20012, "message": "x", "data": None}, None, failed("unknown")),
    # Moonshot, Volcengine
    (error(type="exceeded_current_quota_error"), "exceeded_current_quota_error", QUOTA),
    (error(type="rate_limit_reached_error"), "rate_limit_reached_error", RATE),
    (error(type="invalid_authentication_error"), "invalid_authentication_error", failed("auth")),
    (error(code="ServerOverloaded", type="TooManyRequests"), "ServerOverloaded", failed("overloaded")),
    (error(code="InputTextSensitiveContentDetected", type="BadRequest"), "InputTextSensitiveContentDetected",
     failed("content_filter")),
    # DeepSeek, xAI, Perplexity
    (answer(finish="insufficient_system_resource"), "insufficient_system_resource", failed("overloaded")),
    ({"code": "The caller may not", "error": "Incorrect key"}, None, failed("unknown")),
    (error(type="invalid_model", code=400), "invalid_model", failed("bad_request")),
    # Cerebras; Together; Groq
    ({"message": "x", "type": "too_many_requests_error", "param": "quota", "code": "request_quota_exceeded"},
     "request_quota_exceeded", RATE),
    ({"id": "r", **error(type="invalid_request_error", code="invalid_api_key")}, "invalid_api_key", failed("auth")),
    (error(type="tokens", code="rate_limit_exceeded"), "rate_limit_exceeded", RATE),
    ({"choices": [], "x_groq": {"id": "r", "error": "over capacity"}}, None, failed("unknown")),
    # llama.cpp, vLLM, TGI, LM Studio
    (error(code=400, type="exceed_context_size_error", n_ctx=9), "exceed_context_size_error",
     failed("context_overflow")),
    (error(code=503, type="unavailable_error"), "unavailable_error", failed("overloaded")),
    ({"object": "error", "type": "BadRequestError", "param": None, "code": 400}, "BadRequestError",
     failed("bad_request")),
    (error(type="NotFoundError", code=404), "NotFoundError", failed("not_found")),
    ({"error": "Model is overloaded", "error_type": "overloaded"}, "overloaded", failed("overloaded")),
    ({"error": "x", "error_type": "validation"}, "validation", failed("bad_request")),
    ({"error": "No models loaded"}, None, failed("unknown")),
    # OpenRouter
    (error(code=429, metadata={"raw": "x"}), None, RATE),
    (error(code=402), None, BILLING),
    (error(code=403, metadata={"reasons": ["x"], "flagged_input": "y"}), "flagged_input", failed("content_filter")),
    (error(code=502), None, failed("server_error")),
    # Gemini, Cloudflare
    ([error(code=400, status="INVALID_ARGUMENT")], "INVALID_ARGUMENT", failed("bad_request")),
    ({"success": False, "errors": [{"code": 10000, "message": "x"}], "result": None}, None, failed("unknown")),
    # Azure
    (error(code="content_filter", innererror={"code": "ResponsibleAIPolicyViolation"}, status=400),
     "ResponsibleAIPolicyViolation", failed("content_filter")),
    (error(code="DeploymentNotFound", status=404), "DeploymentNotFound", failed("not_found")),
]  # fmt: skip


@pytest.mark.parametrize(("body", "code", "end"), FAILURES)
def test_a_body_that_looks_fine_and_reports_a_failure_has_failed(
    body: Any, code: str | None, end: tuple[str, str | None]
) -> None:
    landing = heard_body(CHAT, body)
    assert (landing.reply.failed, landing.reply.code, end_of(landing)) == (True, code, end)
    chunk = json.loads(json.dumps(body).replace('"message": {', '"delta": {'))
    landing = heard_events(CHAT, {"model": "m", "choices": [{"delta": {"content": "so f"}}]}, chunk, "[DONE]")
    assert (landing.reply.failed, landing.reply.code, end_of(landing)) == (True, code, end)
    assert "quota timeout" not in repr(landing.reply)


@pytest.mark.parametrize(
    ("status", "body", "end"),
    [
        (429, error(code="1113"), BILLING),
        (429, error(code="1302"), RATE),
        (429, error(code="1308"), QUOTA),
        (429, error(type="insufficient_balance_error", http_code="429"), BILLING),
        (400, error(code="Arrearage"), BILLING),
        (400, error(code=400, type="exceed_context_size_error"), failed("context_overflow")),
        (403, error(code=403, metadata={"flagged_input": "x"}), failed("content_filter")),
        (429, {"object": "error", "type": "rate_limited", "code": "1300"}, RATE),
        (401, {"object": "error", "type": "x", "code": "1308"}, failed("auth")),
    ],
)
def test_a_status_is_sharpened_by_the_code_beside_it(status: int, body: Any, end: tuple[str, str]) -> None:
    assert end_of(heard_body(CHAT, body, status)) == end


@pytest.mark.parametrize(
    "told",
    [
        {"base_resp": {"status_code": "x"}},
        {"base_resp": {"status_code": -1}},
        {"base_resp": 1002},
        {"x_groq": {"error": None}},
        {"x_groq": "x"},
        {"code": 20012, "type": "x", "error_code": 3, "errors": [{"code": 1}], "error_type": "validation"},
        {"errors": [], "error": [], "code": 0},
    ],
)
def test_an_answer_with_choices_fails_only_by_what_surely_is_an_error(told: dict[str, Any]) -> None:
    assert end_of(heard_body(CHAT, answer(**told))) == SERVED


@pytest.mark.parametrize("body", [{"detail": "x"}, {"data": {}}, {"code": 0, "data": {}}, {"errors": "x"}])
def test_a_body_of_no_known_shape_is_malformed(body: Any) -> None:
    assert end_of(heard_body(CHAT, body)) == MALFORMED


def test_an_answer_that_is_to_be_fetched_later_is_not_empty() -> None:
    """xAI gives a ticket where a call is deferred."""
    landing = heard_body(CHAT, {"request_id": "r"})
    assert (said(landing), end_of(landing)) == ({"unread": True}, SERVED)


def test_a_gateway_that_fails_midway_tells_who_failed() -> None:
    landing = heard(CHAT, gateway_chat_stream(["so", " far"], {"raw": "secret"}))
    expected = {"model": "m", "finish": ["error"], "content_len": 6, "blank": False, "failed": True, "status": 502}
    assert (said(landing), end_of(landing)) == ({**expected, "upstream": "Two"}, failed("server_error"))
    assert "secret" not in repr(landing.reply)


def test_azure_tells_of_its_filters_before_the_answer() -> None:
    landing = heard(CHAT, azure_chat_stream(["hi"], finish="content_filter"))
    assert said(landing)["finish"] == ["content_filter"]
    assert (landing.reply.model, landing.reply.content_len, end_of(landing)) == ("m", 2, SERVED)
    nothing = heard(CHAT, azure_chat_stream([], finish="content_filter"))
    assert (nothing.reply.content_len, end_of(nothing)) == (0, SERVED)
    assert end_of(heard(CHAT, azure_refusal())) == failed("content_filter")


NULLS = {"reasoning_content": None, "reasoning": None, "tool_calls": None, "function_call": None, "refusal": None}


@pytest.mark.parametrize(("name", "value"), [("reasoning_content", "hm"), ("reasoning", "hm"), ("tool_calls", [{}])])
def test_a_text_with_nulls_beside_it_is_heard_as_one_without_and_as_one_with_more(name: str, value: Any) -> None:
    first = {"model": "m", "choices": []}
    plain = {"choices": [{"delta": {"content": "hi", **NULLS}, "finish_reason": None}], "usage": None}
    assert said(heard_events(CHAT, first, plain)) == {
        "model": "m",
        "content_len": 2,
        "blank": False,
        "malformed": True,
    }
    more = {"choices": [{"delta": {"content": "hi", **NULLS, name: value}}]}
    assert heard_events(CHAT, first, plain, more, "[DONE]").reply.committed


@pytest.mark.parametrize(
    "lost", [{"base_resp": {"status_code": 1002}}, {"x_groq": {"error": "x"}}, {"error": {"code": "x"}}]
)
def test_an_error_beside_a_plain_text_is_not_lost(lost: dict[str, Any]) -> None:
    chunk = {"choices": [{"delta": {"content": "hi"}}], **lost}
    assert heard_events(CHAT, {"model": "m", "choices": []}, chunk).reply.failed


def test_a_comment_and_a_keep_alive_say_nothing() -> None:
    pieces = [b": ping\n\n", b":\n\n", b"\n", b"event: ping\n\n", b'data: {"choices":[{"delta":{"content":"hi"}}]}\n\n']
    landing = hear(CHAT, [*pieces, b": ping\n\n", b"data: [DONE]\n\n"])
    assert said(landing) == {"content_len": 2, "blank": False, "done": True}


HELLO = b'data: {"model":"m","choices":[{"delta":{"content":"hi"},"finish_reason":"stop"}]}\n\n'


@pytest.mark.parametrize("size", [1 << 20, len(HELLO)])
@pytest.mark.parametrize("kind", [STREAM, WHOLE, ""])
@pytest.mark.parametrize(
    "first", [b"", b": OPENROUTER PROCESSING\n\n", b"id: 1\nevent: result\n", b"retry: 9\n", b":\n"]
)
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_a_stream_is_known_by_whatever_it_may_begin_with(mark: bytes, first: bytes, kind: str, size: int) -> None:
    body = mark + first + HELLO
    landing = hear(CHAT, [body[at : at + size] for at in range(0, len(body), size)], kind)
    assert (said(landing), end_of(landing)) == ({"model": "m", **HI}, SERVED)


@pytest.mark.parametrize(
    ("path", "body", "model", "deployment"),
    [
        ("/openai/deployments/d/chat/completions", {}, "d", True),
        ("/openai/deployments/my%20own%2Fone/chat/completions", {}, "my own/one", True),
        ("/openai/deployments/d/chat/completions", {"model": "m"}, "m", True),
        ("/openai/v1/chat/completions", {"model": "m"}, "m", False),
        ("/v1/chat/completions", {"model": None}, None, False),
    ],
)
def test_azures_path_names_the_deployment_where_the_body_names_no_model(
    path: str, body: dict[str, Any], model: str | None, deployment: bool
) -> None:
    request = CHAT.request(json.dumps({"messages": [], **body}).encode(), path)
    assert isinstance(request, Request)
    assert (request.model, request.deployment) == (model, deployment)
    assert (request.wire_format, request.api_type) == (WireFormat.OPENAI_COMPAT, "chat_completions")


@pytest.mark.parametrize("body", [{}, {"request": {"model": "m", "messages": []}}, {"model": 3}, {"metadata": {}}])
def test_what_names_neither_a_model_nor_messages_is_no_call(body: dict[str, Any]) -> None:
    assert CHAT.request(json.dumps(body).encode(), "/async/chat/completions") is None
