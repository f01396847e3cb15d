"""What the environment makes of the SDK where the host has set up nothing."""

import logging
import os
import sys

import pytest

from otel_dispatch import refusals, sdk


def test_our_variable_stands_for_opentelemetrys_only_while_the_sdk_reads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_SERVICE_NAME", "theirs")
    monkeypatch.setenv("DISPATCH_OTEL_SERVICE_NAME", "ours")
    monkeypatch.setenv("DISPATCH_OTEL_ENTRYPOINTS", "x")
    before = dict(os.environ)
    with sdk.overlay():
        assert os.environ["OTEL_SERVICE_NAME"] == "ours"
        assert os.environ["OTEL_EXPORTER_OTLP_TIMEOUT"] == "2"
        assert "OTEL_ENTRYPOINTS" not in os.environ
    assert dict(os.environ) == before


def test_a_timeout_that_the_user_set_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "7")
    with sdk.overlay():
        assert os.environ["OTEL_EXPORTER_OTLP_TIMEOUT"] == "7"


@pytest.mark.parametrize(
    ("variables", "url"),
    [
        ({}, "http://localhost:4318"),
        ({"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}, "http://localhost:4317"),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "https://user:secret@host:1/secret?key=secret"}, "https://host:1"),
        ({"DISPATCH_OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://h/v1/traces"}, "http://h"),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "user:secret@host:4317"}, "host:4317"),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "host/secret"}, "host"),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "https://[::1]:1/secret"}, "https://[::1]:1"),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://["}, "an endpoint that is no URL"),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://host:secret"}, "an endpoint that is no URL"),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http:///secret"}, "an endpoint that is no URL"),
        ({"OTEL_TRACES_EXPORTER": "console"}, "console"),
    ],
)
def test_where_spans_go_is_told_without_secrets(
    variables: dict[str, str], url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert sdk.endpoint() == url


@pytest.mark.parametrize(
    ("argv", "name"),
    [
        (["/a/b/tool.py"], "tool"),
        (["/usr/bin/autoskillit", "x"], "autoskillit"),
        (["/x/pkg/__main__.py"], "pkg"),
        (["-c"], os.path.basename(sys.executable).split(".")[0]),
    ],
)
def test_a_program_without_a_service_name_goes_by_its_own(argv: list[str], name: str) -> None:
    assert sdk.service_name(argv).split(".")[0] == name


@pytest.mark.parametrize(
    ("logger", "message", "args", "is_told"),
    [
        ("opentelemetry.exporter.otlp.proto.http.trace_exporter", "Failed to export", (), True),
        ("opentelemetry.exporter.otlp.proto.http.metric_exporter", "Failed to export, code: %s", (404,), False),
        ("opentelemetry.exporter.otlp.proto.http._log_exporter", "Failed to export", (), False),
        ("opentelemetry.exporter.otlp.proto.grpc.exporter", "Failed to export %s to %s", ("traces", "h"), True),
        ("opentelemetry.exporter.otlp.proto.grpc.exporter", "Failed to export %s to %s", ("logs", "h"), False),
    ],
)
def test_a_backend_that_takes_spans_alone_is_no_fault(
    logger: str, message: str, args: tuple[object, ...], is_told: bool, caplog: pytest.LogCaptureFixture
) -> None:
    record = logging.LogRecord(logger, logging.ERROR, "", 0, message, args, None)
    for _ in range(2):
        refusals.Undelivered("http://h").handle(record)
    said = ["Our spans do not arrive at http://h; `otel-dispatch doctor` tells more."] if is_told else []
    assert [r.getMessage() for r in caplog.records] == said


@pytest.mark.parametrize(
    ("refused", "told"),
    [
        ({"OTEL_BSP_B"}, "OTEL_BSP_B"),
        ({"OTEL_BSP_A", "OTEL_BSP_B"}, "OTEL_BSP_A or OTEL_BSP_B or OTEL_SPAN_C"),
    ],
)
def test_what_the_sdk_refuses_is_left_out_for_that_once_and_named_without_its_value(
    refused: set[str], told: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    for name in ("OTEL_BSP_A", "OTEL_BSP_B", "OTEL_SPAN_C"):
        monkeypatch.setenv(name, "sk-CANARY")
    before = dict(os.environ)

    def made() -> str:
        if refused & os.environ.keys():
            raise ValueError("sk-CANARY")
        return "made"

    assert refusals.tuned(made) == "made"
    assert dict(os.environ) == before
    assert [r.getMessage() for r in caplog.records] == [f"OpenTelemetry's SDK refuses {told} and is set up without."]


def test_what_no_variable_is_the_reason_of_is_raised_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_BSP_A", "1")
    error = ValueError("anything")

    def made() -> None:
        raise error

    with pytest.raises(ValueError, match="anything") as caught:
        refusals.tuned(made)
    assert caught.value is error


def test_what_opentelemetry_says_of_anything_but_a_variable_is_left_as_it_is(caplog: pytest.LogCaptureFixture) -> None:
    with refusals.unquoted():
        logging.getLogger("opentelemetry.trace").warning("there is a provider already")
        logging.getLogger("opentelemetry.exporter.otlp").warning("not so: %s", "sk-CANARY")
    logging.getLogger("opentelemetry.exporter.otlp").warning("and later")
    said = [record.getMessage() for record in caplog.records]
    assert said[0] == "there is a provider already"
    assert said[1].startswith("OpenTelemetry's SDK (opentelemetry.exporter.otlp) does not take")
    assert said[2:] == ["and later"]
