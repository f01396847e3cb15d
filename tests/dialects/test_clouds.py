"""Bedrock's InvokeModel and Vertex's rawPredict: whose format a body is in, and what its answers say."""

import base64
import json
from typing import Any

import pytest

from otel_dispatch.demo.provider import chat, chat_stream, error, messages, messages_stream
from otel_dispatch.dialects import Dialect, dialect_at
from otel_dispatch.dialects.bedrock_invoke import INVOKE
from otel_dispatch.dialects.vertex_raw_predict import RAW_PREDICT
from otel_dispatch.gateways import hear_headers
from otel_dispatch.outcome import outcome_of_reply
from otel_dispatch.record import UNKNOWN_THINKING, Reply, Request, Thinking
from otel_dispatch.vocabulary import ThinkingMode, ToolFormat, WireFormat
from tests.dialects.heard import Landing, end_of, hear, heard, heard_body, heard_events, said
from tests.wires.bedrock import (
    STREAM,
    chunk,
    converse,
    converse_events,
    event,
    exception,
    invoke_stream,
    metrics,
    unwrapped,
)

SERVED, EMPTY = ("served", None), ("empty_completion_terminal", None)
MALFORMED = ("provider_error", "malformed_response")
CLAUDE, OPEN, NOVA = WireFormat.ANTHROPIC_NATIVE, WireFormat.OPENAI_COMPAT, WireFormat.BEDROCK_CONVERSE
HI: Any = [{"role": "user", "content": "hi"}]
VERSION = {"anthropic_version": "bedrock-2023-05-31"}


def asked(dialect: Dialect, body: Any, path: str) -> Request | None:
    return dialect.request(body if isinstance(body, bytes) else json.dumps(body).encode(), path)


@pytest.mark.parametrize(
    ("path", "dialect"),
    [
        ("/model/m/invoke", INVOKE),
        ("/model/m/invoke-with-response-stream", INVOKE),
        ("/v1/projects/p/locations/l/publishers/anthropic/models/m:rawPredict", RAW_PREDICT),
        ("/v1/projects/p/locations/l/publishers/anthropic/models/m@20250514:streamRawPredict", RAW_PREDICT),
        ("/model/m/invoke-with-bidirectional-stream", None),
        ("/async-invoke", None),
        ("/model/m/count-tokens", None),
    ],
)
def test_it_answers_where_models_of_many_makers_do(path: str, dialect: Dialect | None) -> None:
    assert dialect_at(path) is dialect


BODIES: list[tuple[Any, Request]] = [
    ({**VERSION, "messages": HI, "max_tokens": 50}, Request(CLAUDE, "chat", "m", max_tokens=50)),
    (
        {**VERSION, "messages": HI, "tools": [{"name": "f"}], "thinking": {"type": "enabled", "budget_tokens": 9}},
        Request(CLAUDE, "chat", "m", Thinking(ThinkingMode.ENABLED, True, 9), ToolFormat.NATIVE),
    ),
    ({**VERSION, "messages": HI, "model": "another"}, Request(CLAUDE, "chat", "m")),
    ({"messages": HI, "max_tokens": 50}, Request(OPEN, "chat", "m", max_tokens=50)),
    (
        {"model": "another", "messages": HI, "reasoning_effort": "low", "tools": [{"type": "function"}]},
        Request(OPEN, "chat", "m", Thinking(ThinkingMode.EFFORT, True, None, "low"), ToolFormat.NATIVE),
    ),
    ({"messages": HI, "inferenceConfig": {"maxTokens": 50}}, Request(NOVA, "chat", "m", max_tokens=50)),
    ({"messages": HI, "schemaVersion": "messages-v1"}, Request(NOVA, "chat", "m")),
    (
        {"messages": HI, "inferenceConfig": {"reasoningConfig": {"type": "enabled", "maxReasoningEffort": "low"}}},
        Request(NOVA, "chat", "m", Thinking(ThinkingMode.ENABLED, True, None, "low")),
    ),
    (
        {"messages": HI, "schemaVersion": "messages-v1", "reasoningConfig": {"type": "disabled"}},
        Request(NOVA, "chat", "m", Thinking(ThinkingMode.OFF, False)),
    ),
    (
        {"messages": HI, "toolConfig": {"tools": [{"toolSpec": {}}]}},
        Request(NOVA, "chat", "m", tool_format=ToolFormat.NATIVE),
    ),
]


@pytest.mark.parametrize(("body", "expected"), BODIES)
def test_the_body_tells_whose_format_it_is_in_and_the_path_the_model(body: Any, expected: Request) -> None:
    fields = {name: getattr(expected, name) for name in Request.__dataclass_fields__}
    assert asked(INVOKE, body, "/model/m/invoke") == expected
    streamed = asked(INVOKE, body, "/model/m/invoke-with-response-stream")
    assert streamed == Request(**{**fields, "stream": True})


def test_novas_least_body_is_known_by_its_name() -> None:
    request = asked(INVOKE, {"messages": HI}, "/model/us.amazon.nova-pro-v1%3A0/invoke")
    assert request == Request(NOVA, "chat", "us.amazon.nova-pro-v1:0")


UNKNOWN = {"wire_format": WireFormat.UNKNOWN, "thinking": UNKNOWN_THINKING, "tool_format": ToolFormat.UNKNOWN}
OTHERS: list[tuple[dict[str, Any], str, dict[str, Any]]] = [
    ({"prompt": "hi", "max_gen_len": 50}, "meta.llama3", {"operation": "text_completion", "max_tokens": 50}),
    ({"prompt": "hi", "max_tokens": 50}, "mistral.mixtral", {"operation": "text_completion", "max_tokens": 50}),
    (
        {"prompt": "\n\nHuman: hi", "max_tokens_to_sample": 50},
        "anthropic.claude-v2",
        {"operation": "text_completion", "max_tokens": 50},
    ),
    ({"prompt": "hi", "temperature": 0}, "meta.llama3", {"operation": "text_completion"}),
    (
        {"inputText": "hi", "textGenerationConfig": {"maxTokenCount": 50}},
        "amazon.titan-text",
        {"operation": "text_completion", "max_tokens": 50},
    ),
    (
        {"message": "hi", "chat_history": [], "max_tokens": 50},
        "cohere.command-r",
        {"operation": "chat", "max_tokens": 50},
    ),
    ({"prompt": "hi"}, "us.meta.llama3-3-70b-instruct-v1:0", {"operation": "text_completion"}),
    ({"prompt": "hi", "stop": ["."]}, "mistral.mistral-7b-instruct-v0:2", {"operation": "text_completion"}),
    ({"prompt": "hi"}, "cohere.command-text-v14", {"operation": "text_completion"}),
    ({"inputText": "hi"}, "amazon.titan-text-express-v1", {"operation": "text_completion"}),
    ({"message": "hi"}, "cohere.command-r-v1:0", {"operation": "chat"}),
    ({"messages": HI, "max_tokens": 50}, "cohere.command-a-v1:0", {"operation": "chat", "max_tokens": 50}),
    (
        {"inputPrompt": "hi", "mediaSource": {"s3Location": {"uri": "s3://b/v"}}},
        "us.twelvelabs.pegasus-1-2-v1:0",
        {"operation": "text_completion"},
    ),
]
EMBEDDINGS: list[tuple[dict[str, Any], str]] = [
    ({"inputText": "hi"}, "amazon.titan-embed-text-v1"),
    ({"inputText": "hi", "dimensions": 512, "normalize": True}, "arn:aws:x:provisioned-model/p"),
    ({"inputImage": "AAAA", "embeddingConfig": {"outputEmbeddingLength": 256}}, "m"),
    ({"texts": ["hi"], "input_type": "search_query"}, "m"),
    ({"images": ["AAAA"], "input_type": "image"}, "m"),
    ({"taskType": "SINGLE_EMBEDDING", "singleEmbeddingParams": {"text": {"value": "hi"}}}, "m"),
    ({"schemaVersion": "nova-multimodal-embed-v1"}, "amazon.nova-2-multimodal-embeddings-v1:0"),
]


@pytest.mark.parametrize(("body", "model", "expected"), OTHERS)
def test_a_format_that_is_not_ours_is_unknown_and_its_operation_is_not(
    body: dict[str, Any], model: str, expected: dict[str, Any]
) -> None:
    assert asked(INVOKE, body, f"/model/{model}/invoke") == Request(**{**UNKNOWN, "model": model, **expected})
    streamed = asked(INVOKE, body, f"/model/{model}/invoke-with-response-stream")
    assert streamed == Request(**{**UNKNOWN, "model": model, **expected, "stream": True})


@pytest.mark.parametrize(("body", "model"), EMBEDDINGS)
def test_what_embeds_is_known_by_its_fields_or_its_models_name(body: dict[str, Any], model: str) -> None:
    assert asked(INVOKE, body, f"/model/{model}/invoke") == Request(WireFormat.UNKNOWN, "embeddings", model)


NO_CALLS: list[tuple[Any, str]] = [
    ({"prompt": "a cat", "aspect_ratio": "1:1"}, "/model/stability.sd3/invoke"),
    ({"taskType": "TEXT_IMAGE", "textToImageParams": {"text": "a cat"}}, "/model/amazon.nova-canvas-v1:0/invoke"),
    ({"query": "hi", "documents": ["a"], "api_version": 2}, "/model/cohere.rerank-v3-5:0/invoke"),
    ({"prompt": "a cat"}, "/model/stability.sd3-large-v1:0/invoke"),
    ({"inputText": "hi"}, "/model/m/invoke"),
    ({"message": "hi"}, "/model/m/invoke"),
    ({**VERSION, "messages": []}, "/model/m/invoke"),
    ({}, "/model/amazon.titan-embed-text-v1/invoke"),
    (b"", "/model/m/invoke"),
    (b"[]", "/model/m/invoke"),
    # LangServe's, and others'.
    ({"input": {"topic": "cats"}, "config": {}, "kwargs": {}}, "/joke/invoke"),
    ({"input": {"topic": "cats"}, "config": {}, "kwargs": {}}, "/model/joke/invoke"),
    ({**VERSION, "messages": HI}, "/invoke"),
    ({"messages": HI}, "/agent/invoke"),
    ({"messages": HI}, "/guardrail-checks/invoke"),
]


@pytest.mark.parametrize(("body", "path"), NO_CALLS)
def test_what_has_no_shape_that_we_know_is_left_alone(body: Any, path: str) -> None:
    assert asked(INVOKE, body, path) is None


HERE = "/v1/projects/p/locations/l/publishers"
RAW: list[tuple[str, Any, Request | None]] = [
    (
        "anthropic/models/claude-opus-5@20260101:rawPredict",
        {"anthropic_version": "vertex-2023-10-16", "messages": HI, "max_tokens": 50},
        Request(CLAUDE, "chat", "claude-opus-5@20260101", max_tokens=50),
    ),
    (
        "anthropic/models/claude-opus-5%4020260101:streamRawPredict",
        {"anthropic_version": "vertex-2023-10-16", "messages": HI, "stream": True},
        Request(CLAUDE, "chat", "claude-opus-5@20260101", stream=True),
    ),
    ("anthropic/models/m:rawPredict", {"messages": HI, "stream": True}, Request(CLAUDE, "chat", "m", stream=True)),
    ("anthropic/models/count-tokens:rawPredict", {"model": "m", "messages": HI}, None),
    ("anthropic/models/m:rawPredict", {"messages": []}, None),
    ("anthropic/models/m:rawPredict", b"", None),
    (
        "mistralai/models/mistral-medium-3:streamRawPredict",
        {"model": "mistral-medium", "messages": HI, "stream": True},
        Request(OPEN, "chat", "mistral-medium-3", stream=True),
    ),
    ("ai21/models/jamba-2:rawPredict", {"messages": HI}, Request(OPEN, "chat", "jamba-2")),
    (
        "mistralai/models/codestral-2:rawPredict",
        {"model": "codestral", "prompt": "def f", "suffix": "return", "max_tokens": 50},
        Request(OPEN, "text_completion", "codestral-2", max_tokens=50),
    ),
    (
        "mistralai/models/codestral-2:streamRawPredict",
        {"model": "codestral", "prompt": "def f", "stream": True},
        Request(OPEN, "text_completion", "codestral-2", stream=True),
    ),
    ("stability/models/sd:rawPredict", {"prompt": "a cat"}, None),
]


@pytest.mark.parametrize(("path", "body", "expected"), RAW)
def test_a_raw_prediction_is_in_its_publishers_format(path: str, body: Any, expected: Request | None) -> None:
    assert asked(RAW_PREDICT, body, f"{HERE}/{path}") == expected


def test_an_endpoint_of_the_users_own_may_be_anything() -> None:
    body = {"anthropic_version": "vertex-2023-10-16", "messages": HI}
    assert asked(RAW_PREDICT, body, "/v1/projects/p/locations/l/endpoints/e:rawPredict") is None


def heard_pieces(*pieces: Any) -> Landing:
    return hear(INVOKE, [chunk(piece) for piece in pieces], STREAM)


TEXT = {"content_len": 5, "blank": False}
USAGE = {"input": 9, "output": 12}
CLAUDE_SAID = {"model": "m", "finish": ["end_turn"], "cache_read": 0, "cache_write": 0, **TEXT, **USAGE}
OPEN_SAID = {"model": "m", "finish": ["stop"], "cache_read": 0, "reasoning": 0, **TEXT, **USAGE}
NOVA_SAID = {"finish": ["end_turn"], **TEXT, **USAGE}


def test_an_answer_is_read_in_the_format_that_it_is_in() -> None:
    for dialect in (INVOKE, RAW_PREDICT):
        assert said(heard(dialect, messages("Done.", model="m"))) == CLAUDE_SAID
        assert said(heard(dialect, chat("Done.", model="m", usage=(9, 12)))) == OPEN_SAID
        assert said(heard(dialect, converse("Done."))) == NOVA_SAID
        assert end_of(heard(dialect, messages("", model="m"))) == EMPTY
        assert end_of(heard(dialect, chat("", model="m"))) == EMPTY


def test_a_stream_is_read_in_the_format_that_it_is_in() -> None:
    claude = heard(INVOKE, invoke_stream(unwrapped(messages_stream(list("Done."), model="m"))))
    assert said(claude) == {**CLAUDE_SAID, "done": True}
    opened = heard(INVOKE, invoke_stream(unwrapped(chat_stream(list("Done."), model="m", usage=(9, 12)))))
    assert said(opened) == OPEN_SAID
    nova = heard(INVOKE, invoke_stream({name: data} for name, data in converse_events(list("Done."))))
    assert said(nova) == {**NOVA_SAID, "done": True}
    for answer, expected in (
        (messages_stream(list("Done."), model="m"), {**CLAUDE_SAID, "done": True}),
        (chat_stream(list("Done."), model="m", usage=(9, 12)), {**OPEN_SAID, "done": True}),
    ):
        assert said(heard(RAW_PREDICT, answer)) == expected


def test_the_services_own_count_stands_in_where_the_model_told_none() -> None:
    finish = {"choices": [{"delta": {"content": "x"}, "finish_reason": "stop"}], **metrics((9, 12))}
    assert said(heard_pieces(finish)) == {"finish": ["stop"], "content_len": 1, "blank": False, **USAGE}
    counts = {"inputTokenCount": 9, "cacheReadInputTokenCount": 20, "cacheWriteInputTokenCount": 30}
    cached = {"amazon-bedrock-invocationMetrics": counts}
    assert said(heard_pieces({"choices": []}, cached)) == {
        "input": 59,
        "cache_read": 20,
        "cache_write": 30,
        "malformed": True,
    }
    told = [*unwrapped(messages_stream(["x"], model="m"))[:-1], {"type": "message_stop", **metrics((1, 2))}]
    assert said(heard_pieces(*told)) == {**CLAUDE_SAID, "content_len": 1, "done": True}
    for odd in (3, None, {"inputTokenCount": "9", "outputTokenCount": -1}):
        assert said(heard_pieces({"amazon-bedrock-invocationMetrics": odd, "choices": []})) == {"malformed": True}


OTHER_ANSWERS = [
    {"generation": "hi", "prompt_token_count": 9, "generation_token_count": 12, "stop_reason": "stop"},
    {"results": [{"tokenCount": 12, "outputText": "hi", "completionReason": "FINISH"}]},
    {"embedding": [0.1, 0.2], "inputTextTokenCount": 9},
    {"outputs": [{"text": "hi", "stop_reason": "stop"}]},
    {"choices": [{"text": "hi", "stop_reason": "stop"}]},
    {"output": "hi"},
    {"text": "hi", "finish_reason": "COMPLETE"},
]


@pytest.mark.parametrize("body", OTHER_ANSWERS)
def test_of_an_answer_of_another_shape_only_what_its_headers_say_is_known(body: dict[str, Any]) -> None:
    reply = Reply()
    hear_headers(
        [("X-Amzn-Bedrock-Input-Token-Count", "9"), ("X-Amzn-Bedrock-Output-Token-Count", "12")],
        reply,
    )
    INVOKE.reply(json.dumps(body).encode(), reply)
    found = outcome_of_reply(reply)
    assert (reply.unread, reply.usage.input, reply.usage.output) == (True, 9, 12)
    assert (found.kind, found.completion_tokens, found.content_len) == ("served", 12, None)
    streamed = heard_pieces(body, metrics((9, 12)))
    assert said(streamed) == {"unread": True, **USAGE}
    assert end_of(streamed) == SERVED


@pytest.mark.parametrize("body", [b"", b"x", b"[]", b"3", b'{"content":[', b'{"type":"message"}', b'{"choices":[]'])
def test_a_body_that_is_no_answer_is_malformed(body: bytes) -> None:
    for dialect in (INVOKE, RAW_PREDICT):
        assert end_of(heard_body(dialect, body)) == MALFORMED


def test_an_error_is_classed_by_its_code_in_whichever_shape_it_comes() -> None:
    quota: Any = {"error": {"code": 429, "message": "secret", "status": "RESOURCE_EXHAUSTED"}}
    for dialect in (INVOKE, RAW_PREDICT):
        assert end_of(heard(dialect, error("anthropic", 529, "overloaded_error"))) == ("provider_error", "overloaded")
        for body in (quota, [quota]):
            landing = heard_body(dialect, body, 429)
            assert (landing.reply.code, end_of(landing)) == ("RESOURCE_EXHAUSTED", ("usage_limit", "rate_limit"))
        landing = heard_body(dialect, {"__type": "ServiceQuotaExceededException", "message": "secret"}, 400)
        assert end_of(landing) == ("usage_limit", "quota")


def test_an_error_inside_a_stream_is_classed_by_its_code() -> None:
    told = {"type": "error", "error": {"type": "overloaded_error", "message": "429 quota"}}
    text = {"type": "content_block_delta", "delta": {"type": "text_delta", "text": "so f"}}
    assert end_of(heard_events(RAW_PREDICT, text, told)) == ("provider_error", "overloaded")
    assert end_of(heard_events(RAW_PREDICT, {"error": {"code": 503}})) == ("provider_error", "overloaded")
    assert end_of(heard_pieces(text, told)) == ("provider_error", "overloaded")
    assert end_of(heard_pieces({"error": {"code": 503}})) == ("provider_error", "overloaded")
    landing = hear(INVOKE, [chunk(text), exception("modelTimeoutException", "429 quota")], STREAM)
    assert (landing.reply.code, end_of(landing)) == ("modelTimeoutException", ("provider_error", "timeout"))


def test_a_stream_is_whole_once_its_finish_was_heard() -> None:
    text = {"type": "content_block_delta", "delta": {"type": "text_delta", "text": "x"}}
    finish = {"type": "message_delta", "delta": {"stop_reason": "end_turn"}}
    stop = {"type": "message_stop"}
    ends = [end_of(heard_pieces(*pieces)) for pieces in ((text,), (text, finish), (text, stop))]
    assert ends == [MALFORMED, SERVED, SERVED]


ODD = [
    event("chunk", {}),
    event("chunk", {"bytes": "no base64!"}),
    event("chunk", {"bytes": 3}),
    event("chunk", None),
    event("a_new_one", {"bytes": base64.b64encode(b"{}").decode()}),
    chunk(b""),
    chunk(b"x"),
    chunk(b"[]"),
]


@pytest.mark.parametrize("odd", ODD)
def test_pieces_that_cannot_be_read_are_passed_over(odd: bytes) -> None:
    stream = [chunk(piece) for piece in unwrapped(messages_stream(list("Done."), model="m"))]
    assert said(hear(INVOKE, [stream[0], odd, *stream[1:]], STREAM)) == {**CLAUDE_SAID, "done": True}
