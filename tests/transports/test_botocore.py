"""botocore: what it signed is sent as it signed it, its retries are counted, its bodies and errors are its own."""

import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import botocore.exceptions
import botocore.session
import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials
from botocore.httpsession import URLLib3Session
from botocore.response import StreamingBody

from otel_dispatch.demo import provider as wire
from otel_dispatch.demo.provider import Provider
from otel_dispatch.outcome import outcome_of_exception
from tests.conftest import Told

PATH = "/v1/chat/completions"
BODY = json.dumps({"model": "m", "stream": True})
HI: Any = [{"role": "user", "content": [{"text": "hi"}]}]
CONVERSED = {
    "output": {"message": {"role": "assistant", "content": [{"text": "Hello."}]}},
    "stopReason": "end_turn",
    "usage": {"inputTokens": 3, "outputTokens": 4, "totalTokens": 7},
    "metrics": {"latencyMs": 1},
}
WHOLE = wire.Answer(headers={"content-type": "application/json"}, body=json.dumps(CONVERSED).encode())
THROTTLED = wire.Answer(
    status=429, headers={"x-amzn-errortype": "ThrottlingException"}, body=b'{"message": "Too many tokens"}'
)
GONE = wire.Answer(drop=True)


@pytest.fixture
def raw() -> Iterator[tuple[str, list[bytes]]]:
    """A server that keeps every byte of what it is sent, and the address of it."""
    seen: list[bytes] = []
    answer = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}"
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                with connection:
                    seen.append(_received(connection))
                    connection.sendall(answer)

        threading.Thread(target=serve, daemon=True).start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}", seen
        server.shutdown(socket.SHUT_RDWR)


def _received(connection: socket.socket) -> bytes:
    found = b""
    while b"\r\n\r\n" not in found or len(found.partition(b"\r\n\r\n")[2]) < len(BODY):
        found += connection.recv(65536)
    return found


@pytest.fixture
def session() -> Iterator[URLLib3Session]:
    made = URLLib3Session()
    yield made
    made.close()


def signed(url: str, **options: Any) -> Any:
    request = AWSRequest("POST", f"{url}{PATH}", data=BODY, headers={"X-Amz-Own": "1"}, **options)
    SigV4Auth(Credentials("key", "secret", "token"), "bedrock", "us-east-1").add_auth(request)
    return request.prepare()


def client(provider: Provider, attempts: int = 3, **config: Any) -> Any:
    session = botocore.session.Session()
    session.set_credentials("key", "secret")
    made = Config(retries={"mode": "standard", "total_max_attempts": attempts}, **config)
    return closing(session.create_client("bedrock-runtime", "us-east-1", endpoint_url=provider.url, config=made))


def facts(told: Told) -> list[tuple[Any, ...]]:
    names = ("dispatch.outcome.kind", "dispatch.outcome.class", "http.request.resend_count")
    return [tuple((span.attributes or {}).get(name) for name in names) for span in told.spans()]


def test_what_was_signed_is_sent_byte_by_byte(
    make_told: Callable[[], Told], raw: tuple[str, list[bytes]], session: URLLib3Session
) -> None:
    url, seen = raw
    request = signed(url)
    session.send(request)
    told = make_told()
    session.send(request)
    told.only()
    assert len(seen) == 2
    assert b"Authorization: AWS4-HMAC-SHA256" in seen[0]
    assert seen[1] == seen[0]


def test_a_call_is_one_span_of_what_was_sent(told: Told, provider: Provider) -> None:
    provider.script(WHOLE)
    with client(provider) as bedrock:
        answer = bedrock.converse(modelId="us.amazon.nova-pro-v1:0", messages=HI)
    assert answer["output"]["message"]["content"] == [{"text": "Hello."}]
    attributes = told.only().attributes or {}
    assert attributes["dispatch.wire_format"] == "bedrock_converse"
    assert attributes["dispatch.model"] == "us.amazon.nova-pro-v1:0"
    assert attributes["dispatch.outcome.kind"] == "served"
    assert attributes["dispatch.outcome.content_len"] == 6
    assert (attributes["server.address"], attributes["server.port"]) == ("127.0.0.1", provider.port)
    assert "http.request.resend_count" not in attributes


def test_each_of_its_own_attempts_is_a_span_with_its_number(told: Told, provider: Provider) -> None:
    provider.script(GONE, wire.Answer(status=503, body=b"{}"), WHOLE)
    with client(provider) as bedrock:
        assert bedrock.converse(modelId="m", messages=HI)["stopReason"] == "end_turn"
    assert facts(told) == [
        ("provider_error", "connection", None),
        ("provider_error", "overloaded", 1),
        ("served", None, 2),
    ]


@pytest.mark.parametrize("is_gzip", [False, True])
@pytest.mark.parametrize(
    "read",
    [
        lambda r: r.content,
        lambda r: b"".join(r.raw.stream()),
        lambda r: StreamingBody(r.raw, None).read(),
        lambda r: b"".join(StreamingBody(r.raw, None).iter_chunks(7)),
        lambda r: b"".join(StreamingBody(r.raw, None).iter_lines(keepends=True)),
        lambda r: b"".join(StreamingBody(r.raw, None).readlines()),
    ],
)
def test_every_way_to_read_a_stream_is_overheard(
    make_told: Callable[[], Told],
    provider: Provider,
    session: URLLib3Session,
    read: Callable[[Any], bytes],
    is_gzip: bool,
) -> None:
    stream = wire.chat_stream(["a", "bc"], model="m")
    answer = wire.Answer(headers=stream.headers, chunks=stream.chunks, gzip=is_gzip)
    provider.script(answer, answer)
    request = signed(provider.url, stream_output=True)
    plain = read(session.send(request))
    told = make_told()
    assert read(session.send(request)) == plain
    attributes = told.only().attributes or {}
    assert attributes["dispatch.outcome.kind"] == "served"
    assert attributes["dispatch.outcome.content_len"] == 3


def test_what_botocore_raises_is_its_own_and_is_classed_by_type(told: Told, provider: Provider) -> None:
    provider.script(GONE, wire.Answer(delay=2.0), THROTTLED)
    calls: list[tuple[type[Exception], str, Any]] = [
        (botocore.exceptions.ConnectionClosedError, "connection", {}),
        (botocore.exceptions.ReadTimeoutError, "timeout", {"read_timeout": 0.1}),
        (botocore.exceptions.ClientError, "rate_limit", {}),
    ]
    for kind, cls, config in calls:
        with client(provider, 1, **config) as bedrock, pytest.raises(kind) as caught:
            bedrock.converse(modelId="m", messages=HI)
        assert outcome_of_exception(caught.value).cls == cls
        assert facts(told)[-1][1] == cls
    assert len(told.spans()) == 3


@pytest.mark.parametrize(
    ("error", "cls"),
    [
        (botocore.exceptions.EndpointConnectionError(endpoint_url="http://h"), "connection"),
        (botocore.exceptions.ConnectTimeoutError(endpoint_url="http://h"), "timeout"),
        (botocore.exceptions.ReadTimeoutError(endpoint_url="http://h"), "timeout"),
        (botocore.exceptions.ConnectionClosedError(endpoint_url="http://h"), "connection"),
        (botocore.exceptions.SSLError(endpoint_url="http://h", error="timed out"), "connection"),
        (botocore.exceptions.ProxyConnectionError(proxy_url="http://h"), "connection"),
        (botocore.exceptions.ResponseStreamingError(error="429"), "connection"),
        (botocore.exceptions.HTTPClientError(error="timed out"), "unknown"),
        (botocore.exceptions.ClientError({"Error": {"Message": "timed out"}}, "Converse"), "unknown"),
        (botocore.exceptions.ClientError({"Error": {"Code": "AccessDeniedException"}}, "Converse"), "permission"),
        (
            botocore.exceptions.ClientError(
                {"Error": {"Code": "ServiceQuotaExceededException"}, "ResponseMetadata": {"HTTPStatusCode": 400}},
                "Converse",
            ),
            "quota",
        ),
    ],
)
def test_no_text_of_what_botocore_raises_decides(error: BaseException, cls: str) -> None:
    assert outcome_of_exception(error).cls == cls
