"""Where spans go, read as the exporter reads it, and who answers there."""

import pytest

from otel_dispatch.command.destination import Destination, Word, answer_of, destination
from otel_dispatch.demo.provider import Provider, error
from tests.sinks import BlackHole, GrpcSink


def where(url: str, **variables: str) -> Destination:
    return destination({"OTEL_EXPORTER_OTLP_ENDPOINT": url, **variables})


def test_grpc_is_answered_by_a_connection() -> None:
    with GrpcSink() as sink:
        grpc = where(sink.endpoint, OTEL_EXPORTER_OTLP_PROTOCOL="grpc")
        assert answer_of(grpc).word is Word.ANSWERS
        # The usual mistake: the protocol for HTTP at the port for gRPC.
        url = sink.endpoint if "://" in sink.endpoint else f"http://{sink.endpoint}"
        mistaken = answer_of(where(url))
    assert mistaken.word is not Word.ANSWERS


def test_a_server_that_says_nothing_does_not_answer() -> None:
    with BlackHole() as hole:
        assert str(answer_of(where(hole.url))) == "does not answer (within 1 s)"


def test_a_server_that_says_no_refuses(provider: Provider) -> None:
    provider.script(error("openai", 401, "nope"))
    headers = "authorization=Bearer%20key,x-team=a"
    assert str(answer_of(where(provider.url, OTEL_EXPORTER_OTLP_HEADERS=headers))) == "refuses (HTTP 401)"
    (seen,) = provider.seen
    assert (seen.method, seen.path, seen.body) == ("POST", "/v1/traces", b"")
    assert seen.headers["authorization"] == "Bearer key"
    assert seen.headers["content-type"] == "application/x-protobuf"


@pytest.mark.parametrize("url", ["nonsense", "http://", "http://x:port", "http://[", "ftp://x", "http://h/%zz\n"])
def test_what_is_no_url_does_not_answer(url: str) -> None:
    assert answer_of(where(url)).word is Word.SILENT


@pytest.mark.parametrize(
    ("variables", "url", "origin"),
    [
        ({}, "http://localhost:4318/v1/traces", "http://localhost:4318"),
        ({"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}, "http://localhost:4317", "http://localhost:4317"),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "https://u:p@h/x/"}, "https://u:p@h/x/v1/traces", "https://h:443"),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://h:1/x"}, "http://h:1/x", "http://h:1"),
        (
            {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://a", "DISPATCH_OTEL_EXPORTER_OTLP_ENDPOINT": "http://b"},
            "http://b/v1/traces",
            "http://b:80",
        ),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://[::1]:4318"}, "http://[::1]:4318/v1/traces", "http://[::1]:4318"),
        ({"OTEL_EXPORTER_OTLP_PROTOCOL": "http/json"}, "http://localhost:4318/v1/traces", "http://localhost:4318"),
    ],
)
def test_the_destination_is_read_as_the_exporter_reads_it(variables: dict[str, str], url: str, origin: str) -> None:
    found = destination(variables)
    assert (found.url, found.origin) == (url, origin)
