"""Bedrock's runtime through boto3: one span a call with a true record, and a call that stays as it was."""

import gc
import json
from collections.abc import Callable
from contextlib import closing
from typing import Any

import boto3
import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials
from botocore.exceptions import ClientError, EndpointConnectionError, EventStreamError, ReadTimeoutError
from opentelemetry.trace import SpanKind, StatusCode

from otel_dispatch.demo import provider as demo
from otel_dispatch.demo.provider import HANGUP, Answer, Provider, Seen
from tests.conftest import Told, eventually
from tests.wires import bedrock as wire

MODEL = "us.anthropic.claude-opus-5-v1:0"
HI: Any = [{"role": "user", "content": [{"text": "hi"}]}]
CLAUDE = {"anthropic_version": "bedrock-2023-05-31", "max_tokens": 50, "messages": [{"role": "user", "content": "hi"}]}
KEYS = ("AKIDEXAMPLE", "wJalrXUtnFEMI")


def client_at(url: str, attempts: int = 1, **options: Any) -> Any:
    retries: Any = {"total_max_attempts": attempts, "mode": "standard"}
    return boto3.client(
        "bedrock-runtime",
        region_name="us-east-1",
        aws_access_key_id=KEYS[0],
        aws_secret_access_key=KEYS[1],
        endpoint_url=url,
        config=Config(retries=retries, proxies={}, **options),
    )


def attributes_of(told: Told) -> dict[str, Any]:
    return dict(told.only().attributes or {})


def whole_span(provider: Provider, **more: Any) -> dict[str, Any]:
    """The attributes of a plain call, with what is *more* or otherwise in it; None takes one away."""
    span = {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "local",
        "gen_ai.request.model": MODEL,
        "gen_ai.request.stream": False,
        "gen_ai.response.finish_reasons": ("end_turn",),
        "gen_ai.usage.input_tokens": 9,
        "gen_ai.usage.output_tokens": 12,
        "peer.service": "local",
        "service.peer.name": "local",
        "server.address": "127.0.0.1",
        "server.port": provider.port,
        "http.response.status_code": 200,
        "dispatch.kind": "llm_call",
        "dispatch.provider": "local",
        "dispatch.model": MODEL,
        "dispatch.wire_format": "bedrock_converse",
        "dispatch.tool_format": "none",
        "dispatch.base_url_host": "127.0.0.1",
        "dispatch.thinking.mode": "provider_default",
        "dispatch.provenance.provider": "unknown",
        "dispatch.provenance.model": "unknown",
        "dispatch.provenance.wire_format": "unknown",
        "dispatch.provenance.thinking": "catalog_default",
        "dispatch.provenance.tool_format": "unknown",
        "dispatch.inherited": False,
        "dispatch.inherited_fields": "",
        "dispatch.outcome.kind": "served",
        "dispatch.outcome.completion_tokens": 12,
        "dispatch.outcome.content_len": 6,
        **{name.replace("__", "."): value for name, value in more.items()},
    }
    return {name: value for name, value in span.items() if value is not None}


def test_converse_is_one_span_with_the_whole_record(told: Told, provider: Provider) -> None:
    provider.script(wire.converse("Hello.", cache=(20, 30), reasoning="hm"))
    answer = client_at(provider.url).converse(
        modelId=MODEL,
        messages=HI,
        inferenceConfig={"maxTokens": 50},
        toolConfig={"tools": [{"toolSpec": {"name": "f", "inputSchema": {"json": {}}}}]},
        additionalModelRequestFields={"thinking": {"type": "enabled", "budget_tokens": 2000}},
    )
    assert answer["output"]["message"]["content"][-1] == {"text": "Hello."}
    assert attributes_of(told) == whole_span(
        provider,
        gen_ai__request__max_tokens=50,
        gen_ai__usage__input_tokens=9 + 20 + 30,
        gen_ai__usage__cache_read__input_tokens=20,
        gen_ai__usage__cache_write__input_tokens=30,
        dispatch__tool_format="native",
        dispatch__thinking__mode="enabled",
        dispatch__thinking__enabled=True,
        dispatch__thinking__budget_tokens=2000,
        dispatch__provenance__thinking="unknown",
    )
    span = told.only()
    assert (span.name, span.kind, span.status.status_code) == (f"chat {MODEL}", SpanKind.CLIENT, StatusCode.UNSET)


def test_a_conversed_stream_is_one_span_that_ends_with_its_usage(told: Told, provider: Provider) -> None:
    provider.script(wire.converse_stream(["Hel", "lo."], tool_calls=1))
    stream = client_at(provider.url).converse_stream(modelId=MODEL, messages=HI)["stream"]
    seen = [(*event, len(told.spans())) for event in stream]
    assert seen[-2:] == [("messageStop", 0), ("metadata", 1)]
    attributes = attributes_of(told)
    assert attributes.pop("gen_ai.response.time_to_first_chunk") > 0
    assert attributes == whole_span(
        provider, gen_ai__request__stream=True, gen_ai__response__finish_reasons=("tool_use",)
    )


def converse_stream(client: Any) -> Any:
    return client.converse_stream(modelId=MODEL, messages=HI)["stream"]


def invoke_stream(client: Any) -> Any:
    body = json.dumps(CLAUDE)
    return client.invoke_model_with_response_stream(modelId=MODEL, body=body)["body"]


def claude_stream(*texts: str) -> Answer:
    return wire.invoke_stream(demo_events(*texts))


def demo_events(*texts: str) -> list[Any]:
    events = wire.unwrapped(demo.messages_stream(texts, model="claude-opus-5"))
    return [*events[:-1], {**events[-1], **wire.metrics()}]


STREAMS = [(converse_stream, wire.converse_stream(["Hel", "lo."])), (invoke_stream, claude_stream("Hel", "lo."))]
BOTH = pytest.mark.parametrize(("call", "answer"), STREAMS, ids=["converse", "invoke"])
Call = Callable[[Any], Any]


@BOTH
@pytest.mark.parametrize("ending", ["break and close", "close", "drop"])
@pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")  # of botocore's own, for the stream that is dropped
def test_a_stream_that_is_left_is_abandoned(
    told: Told, provider: Provider, call: Call, answer: Answer, ending: str
) -> None:
    provider.script(answer)
    client = client_at(provider.url)
    stream = call(client)
    if ending == "break and close":
        for _ in stream:
            break
    if ending == "drop":
        del stream
        gc.collect()
    else:
        stream.close()
        stream.close()
    eventually(lambda: len(told.spans()) == 1)
    attributes = attributes_of(told)
    assert (attributes["dispatch.outcome.kind"], attributes["dispatch.outcome.class"]) == ("cancelled", "abandoned")
    assert told.only().status.status_code is StatusCode.UNSET


@BOTH
def test_a_stream_that_breaks_off_is_a_connection_error(
    told: Told, provider: Provider, call: Call, answer: Answer
) -> None:
    assert answer.chunks is not None
    provider.script(Answer(headers=answer.headers, chunks=[*answer.chunks[:2], HANGUP]))
    with closing(call(client_at(provider.url))) as stream, pytest.raises(Exception) as caught:
        list(stream)
    assert caught.type.__module__.startswith(("urllib3", "botocore"))
    attributes = attributes_of(told)
    assert (attributes["dispatch.outcome.kind"], attributes["dispatch.outcome.class"]) == (
        "provider_error",
        "connection",
    )


@BOTH
def test_a_stream_that_ends_too_soon_is_malformed(told: Told, provider: Provider, call: Call, answer: Answer) -> None:
    assert answer.chunks is not None
    provider.script(Answer(headers=answer.headers, chunks=[*answer.chunks[:2], bytes(answer.chunks[2])[:9]]))  # type: ignore[arg-type]
    assert len(list(call(client_at(provider.url)))) == 2
    assert attributes_of(told)["dispatch.outcome.class"] == "malformed_response"


@BOTH
@pytest.mark.parametrize(
    ("name", "kind", "cls"),
    [
        ("throttlingException", "usage_limit", "rate_limit"),
        ("modelStreamErrorException", "provider_error", "server_error"),
        ("internalServerException", "provider_error", "server_error"),
    ],
)
def test_an_exception_inside_a_stream_is_raised_and_classed(
    told: Told, provider: Provider, call: Call, answer: Answer, name: str, kind: str, cls: str
) -> None:
    assert answer.chunks is not None
    provider.script(Answer(headers=answer.headers, chunks=[*answer.chunks[:2], wire.exception(name, "429 quota")]))
    with closing(call(client_at(provider.url))) as stream, pytest.raises(EventStreamError) as caught:
        list(stream)
    assert caught.value.response["Error"] == {"Code": name, "Message": "429 quota"}
    attributes = attributes_of(told)
    assert (attributes["dispatch.outcome.kind"], attributes["dispatch.outcome.class"]) == (kind, cls)
    assert attributes["error.type"] == name
    assert attributes["http.response.status_code"] == 200
    assert told.only().status.description is None
    assert "quota" not in repr(attributes)


COUNTS = {
    "X-Amzn-Bedrock-Input-Token-Count": "9",
    "X-Amzn-Bedrock-Output-Token-Count": "12",
    "X-Amzn-Bedrock-Invocation-Latency": "100",
}


def test_claudes_own_format_is_read_through_invoke_model(told: Told, provider: Provider) -> None:
    answer = demo.messages("Hello.", model="claude-opus-5", usage=(9, 12), cache_read=20)
    provider.script(Answer(200, {**answer.headers, **COUNTS}, answer.body))
    given = client_at(provider.url).invoke_model(modelId=MODEL, body=json.dumps(CLAUDE))
    assert given["body"].read() == answer.body
    attributes = attributes_of(told)
    assert attributes.pop("gen_ai.response.id")
    assert attributes == whole_span(
        provider,
        dispatch__wire_format="anthropic_native",
        gen_ai__request__max_tokens=50,
        gen_ai__response__model="claude-opus-5",
        gen_ai__usage__input_tokens=29,
        gen_ai__usage__cache_read__input_tokens=20,
        gen_ai__usage__cache_write__input_tokens=0,
    )


def test_claudes_own_stream_is_read_through_invoke_model(told: Told, provider: Provider) -> None:
    provider.script(claude_stream("Hel", "lo."))
    assert len(list(invoke_stream(client_at(provider.url)))) == len(demo_events("Hel", "lo."))
    attributes = attributes_of(told)
    assert attributes.pop("gen_ai.response.id")
    assert attributes.pop("gen_ai.response.time_to_first_chunk") > 0
    assert attributes == whole_span(
        provider,
        dispatch__wire_format="anthropic_native",
        gen_ai__request__max_tokens=50,
        gen_ai__request__stream=True,
        gen_ai__response__model="claude-opus-5",
        gen_ai__usage__cache_read__input_tokens=0,
        gen_ai__usage__cache_write__input_tokens=0,
    )


INVOKED: list[tuple[str, Any, Any, dict[str, Any]]] = [
    (
        "openai.gpt-oss-120b-1:0",
        {"messages": [{"role": "user", "content": "hi"}], "reasoning_effort": "low"},
        demo.chat("Hello.", model="gpt-oss-120b", usage=(9, 12)),
        {"dispatch.wire_format": "openai_compat", "dispatch.thinking.level": "low", "dispatch.outcome.content_len": 6},
    ),
    (
        "amazon.nova-pro-v1:0",
        {"schemaVersion": "messages-v1", "messages": HI},
        wire.converse("Hello."),
        {"dispatch.wire_format": "bedrock_converse", "dispatch.outcome.content_len": 6},
    ),
    (
        "meta.llama3-70b-instruct-v1:0",
        {"prompt": "hi", "max_gen_len": 50},
        wire.whole({"generation": "Hello.", "stop_reason": "stop"}, headers=COUNTS),
        {"dispatch.wire_format": "unknown", "gen_ai.operation.name": "text_completion"},
    ),
    (
        "amazon.titan-embed-text-v1",
        {"inputText": "hi"},
        wire.whole({"embedding": [0.1], "inputTextTokenCount": 9}, headers={**COUNTS, "X-Other": "x"}),
        {"dispatch.wire_format": "unknown", "gen_ai.operation.name": "embeddings"},
    ),
]


@pytest.mark.parametrize(("model", "body", "answer", "expected"), INVOKED, ids=[each[0] for each in INVOKED])
def test_the_models_of_other_makers_are_read_as_far_as_their_format_is_known(
    told: Told, provider: Provider, model: str, body: Any, answer: Answer, expected: dict[str, Any]
) -> None:
    provider.script(answer)
    given = client_at(provider.url).invoke_model(modelId=model, body=json.dumps(body))
    assert given["body"].read() == answer.body
    attributes = attributes_of(told)
    assert {name: attributes[name] for name in expected} == expected
    assert (attributes["dispatch.model"], attributes["dispatch.outcome.kind"]) == (model, "served")
    assert (attributes["gen_ai.usage.input_tokens"], attributes["gen_ai.usage.output_tokens"]) == (9, 12)
    assert ("dispatch.outcome.content_len" in attributes) == ("dispatch.outcome.content_len" in expected)
    assert "dispatch.mismatch" not in attributes


def test_what_is_no_model_call_is_left_alone(told: Told, provider: Provider) -> None:
    client = client_at(provider.url)
    provider.script(wire.whole({"action": "NONE", "outputs": []}), wire.whole({"images": ["AAAA"]}))
    client.apply_guardrail(
        guardrailIdentifier="g", guardrailVersion="1", source="INPUT", content=[{"text": {"text": "hi"}}]
    )
    client.invoke_model(modelId="stability.sd3", body=json.dumps({"prompt": "a cat", "aspect_ratio": "1:1"}))
    assert len(provider.seen) == 2
    assert told.spans() == []


REFUSED = [
    (400, "ValidationException", "provider_error", "bad_request"),
    (429, "ThrottlingException", "usage_limit", "rate_limit"),
    (400, "ThrottlingException", "usage_limit", "rate_limit"),
    (400, "ServiceQuotaExceededException", "usage_limit", "quota"),
    (429, "ModelNotReadyException", "provider_error", "overloaded"),
    (403, "AccessDeniedException", "provider_error", "permission"),
    (403, "UnrecognizedClientException", "provider_error", "auth"),
    (403, "ExpiredTokenException", "provider_error", "auth"),
    (404, "ResourceNotFoundException", "provider_error", "not_found"),
    (408, "ModelTimeoutException", "provider_error", "timeout"),
    (424, "ModelErrorException", "provider_error", "server_error"),
    (500, "InternalServerException", "provider_error", "server_error"),
    (503, "ServiceUnavailableException", "provider_error", "overloaded"),
]


@pytest.mark.parametrize("call", [converse_stream, invoke_stream, lambda c: c.converse(modelId=MODEL, messages=HI)])
@pytest.mark.parametrize(("status", "code", "kind", "cls"), REFUSED)
def test_a_refusal_is_raised_as_ever_and_classed_by_its_code(
    told: Told, provider: Provider, call: Call, status: int, code: str, kind: str, cls: str
) -> None:
    provider.script(wire.refused(status, code, "429 quota"))
    with pytest.raises(ClientError) as caught:
        call(client_at(provider.url))
    assert caught.value.response["Error"]["Code"] == code
    span, attributes = told.only(), attributes_of(told)
    assert (attributes["dispatch.outcome.kind"], attributes["dispatch.outcome.class"]) == (kind, cls)
    assert (attributes["error.type"], attributes["http.response.status_code"]) == (code, status)
    assert (span.status.status_code, span.status.description, span.events) == (StatusCode.ERROR, None, ())
    assert "quota" not in repr(attributes).replace("'quota'", "")


def test_each_attempt_of_botocores_own_retry_is_a_span(told: Told, provider: Provider) -> None:
    provider.script(wire.refused(429, "ThrottlingException"), wire.converse("Hello."))
    answer = client_at(provider.url, attempts=2).converse(modelId=MODEL, messages=HI)
    assert answer["ResponseMetadata"]["RetryAttempts"] == 1
    found = [
        ((s.attributes or {})["dispatch.outcome.kind"], (s.attributes or {}).get("http.request.resend_count"))
        for s in told.spans()
    ]
    assert found == [("usage_limit", None), ("served", 1)]


def test_an_endpoint_that_does_not_answer_is_a_connection_error(told: Told) -> None:
    with pytest.raises(EndpointConnectionError):
        client_at("http://127.0.0.1:9").converse(modelId=MODEL, messages=HI)
    assert attributes_of(told)["dispatch.outcome.class"] == "connection"


def test_a_read_that_takes_too_long_is_a_timeout(told: Told, provider: Provider) -> None:
    provider.script(Answer(body=b"{}", delay=2.0))
    with pytest.raises(ReadTimeoutError):
        client_at(provider.url, read_timeout=0.2).converse(modelId=MODEL, messages=HI)
    assert attributes_of(told)["dispatch.outcome.class"] == "timeout"


def signature_of(url: str, seen: Seen) -> str:
    """The signature that what arrived should bear."""
    signed = seen.headers["authorization"].partition("SignedHeaders=")[2].partition(",")[0].split(";")
    request = AWSRequest(
        "POST", f"{url}{seen.path}", headers={name: seen.headers[name] for name in signed}, data=seen.body
    )
    request.context["timestamp"] = seen.headers["x-amz-date"]
    auth = SigV4Auth(Credentials(*KEYS), "bedrock", "us-east-1")
    return str(auth.signature(auth.string_to_sign(request, auth.canonical_request(request)), request))


def test_what_is_sent_and_signed_is_the_same_with_and_without_us(
    make_told: Callable[[], Told], provider: Provider
) -> None:
    fresh = {"amz-sdk-invocation-id", "authorization", "x-amz-date"}
    sent: list[list[Any]] = []
    for prepare in (lambda: None, make_told):
        prepare()
        provider.seen.clear()
        client = client_at(provider.url)
        provider.script(wire.converse(), wire.converse_stream(), demo.messages(model="m"), claude_stream("x"))
        client.converse(modelId=MODEL, messages=HI)
        list(converse_stream(client))
        client.invoke_model(modelId=MODEL, body=json.dumps(CLAUDE))
        list(invoke_stream(client))
        for seen in provider.seen:
            assert seen.headers["authorization"].endswith(signature_of(provider.url, seen))
        headers = [{name: value for name, value in s.headers.items() if name not in fresh} for s in provider.seen]
        sent.append([(s.method, s.path, s.body, each) for s, each in zip(provider.seen, headers, strict=True)])
    assert len(sent[0]) == 4
    assert sent[0] == sent[1]


def test_what_is_given_back_is_the_same_with_and_without_us(make_told: Callable[[], Told], provider: Provider) -> None:
    answers = [wire.converse("Hi.", router="r"), wire.converse_stream(["H", "i."]), claude_stream("H", "i.")]
    given: list[list[Any]] = []
    for prepare in (lambda: None, make_told):
        prepare()
        provider.script(*answers)
        client = client_at(provider.url)
        whole = client.converse(modelId=MODEL, messages=HI)
        whole.pop("ResponseMetadata")
        given.append([whole, list(converse_stream(client)), list(invoke_stream(client))])
    assert given[0] == given[1]
