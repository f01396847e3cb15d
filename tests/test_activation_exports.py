"""Where a program that is switched on sends what it tells: real OTLP, consoles, files, and what is wrong with them."""

import textwrap
import time
from pathlib import Path

import pytest

from otel_dispatch.demo.provider import Provider
from tests.programs import CALL, environment, run
from tests.programs import sink as sink
from tests.sinks import BlackHole, GrpcSink, HttpSink, dead_endpoint


def test_grpc_is_spoken_where_it_is_asked_for(provider: Provider) -> None:
    with GrpcSink() as sink:
        env = environment(
            provider,
            DISPATCH_OTEL="1",
            OTEL_EXPORTER_OTLP_PROTOCOL="grpc",
            OTEL_EXPORTER_OTLP_ENDPOINT=sink.endpoint,
            OTEL_SERVICE_NAME="mine",
        )
        assert run(CALL, env).stderr == ""
        (span,) = sink.wait(1)
    assert span.name == "chat gpt-6-luna"
    assert span.resource["service.name"] == "mine"


def test_our_variables_win_over_opentelemetrys_own(provider: Provider, sink: HttpSink) -> None:
    env = environment(
        provider,
        DISPATCH_OTEL="1",
        OTEL_EXPORTER_OTLP_ENDPOINT=dead_endpoint(),
        OTEL_EXPORTER_OTLP_PROTOCOL="http/json",
        OTEL_TRACES_EXPORTER="none",
        DISPATCH_OTEL_EXPORTER_OTLP_ENDPOINT=sink.url,
        DISPATCH_OTEL_EXPORTER_OTLP_PROTOCOL="http/protobuf",
        DISPATCH_OTEL_TRACES_EXPORTER="otlp",
        DISPATCH_OTEL_SERVICE_NAME="ours",
    )
    done = run(CALL + "import os; print(os.environ['OTEL_TRACES_EXPORTER'], 'OTEL_SERVICE_NAME' in os.environ)", env)
    assert done.stdout == "none False\n"
    (span,) = sink.wait(1)
    assert span.resource["service.name"] == "ours"


def test_a_provider_that_the_host_sets_after_its_imports_is_used_and_nothing_else_set_up(
    provider: Provider, sink: HttpSink
) -> None:
    code = """
    import openai
    client = openai.OpenAI()
    from opentelemetry import metrics, trace
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
    exporter, mine = InMemorySpanExporter(), TracerProvider()
    mine.add_span_processor(SimpleSpanProcessor(exporter))
    trace.set_tracer_provider(mine)
    client.chat.completions.create(model="m", messages=[{"role": "user", "content": "hi"}])
    assert trace.get_tracer_provider() is mine
    assert "opentelemetry.sdk.metrics" not in type(metrics.get_meter_provider()).__module__
    print([span.name for span in exporter.get_finished_spans()])
    """
    done = run(code, environment(provider, DISPATCH_OTEL="1", OTEL_EXPORTER_OTLP_ENDPOINT=sink.url))
    assert (done.stdout, done.stderr) == ("['chat m']\n", "")
    assert sink.requests == 0


def test_meters_and_logs_that_the_host_has_set_are_used_and_none_beside_them(
    provider: Provider, sink: HttpSink
) -> None:
    code = """
    import threading
    from opentelemetry import _logs, metrics
    from opentelemetry.sdk._logs import LoggerProvider
    from opentelemetry.sdk._logs.export import InMemoryLogRecordExporter, SimpleLogRecordProcessor
    from opentelemetry.sdk.metrics import MeterProvider
    from opentelemetry.sdk.metrics.export import InMemoryMetricReader
    reader, events, logs = InMemoryMetricReader(), InMemoryLogRecordExporter(), LoggerProvider()
    logs.add_log_record_processor(SimpleLogRecordProcessor(events))
    metrics.set_meter_provider(MeterProvider([reader]))
    _logs.set_logger_provider(logs)
    """
    told = """
    scopes = reader.get_metrics_data().resource_metrics[0].scope_metrics
    print("dispatch.calls" in [metric.name for scope in scopes for metric in scope.metrics])
    print([event.log_record.event_name for event in events.get_finished_logs()])
    print(sorted(thread.name for thread in threading.enumerate() if thread.name.startswith("Otel")))
    """
    env = environment(provider, DISPATCH_OTEL="1", OTEL_EXPORTER_OTLP_ENDPOINT=sink.url)
    done = run(textwrap.dedent(code) + CALL + textwrap.dedent(told), env)
    assert done.stderr == ""
    assert done.stdout.splitlines() == ["True", "['dispatch.resolved']", "['OtelBatchSpanRecordProcessor']"]
    assert len(sink.wait(1)) == 1


@pytest.mark.parametrize("kind", ["dead", "black hole"])
@pytest.mark.parametrize("protocol", ["http/protobuf", "grpc"])
def test_a_dead_endpoint_costs_at_most_one_and_a_half_seconds_at_exit(
    provider: Provider, kind: str, protocol: str
) -> None:
    with BlackHole() as hole:
        url = hole.url if kind == "black hole" else dead_endpoint()
        env = environment(
            provider, DISPATCH_OTEL="1", OTEL_EXPORTER_OTLP_ENDPOINT=url, OTEL_EXPORTER_OTLP_PROTOCOL=protocol
        )
        # A busy machine takes long to end any interpreter: one run within the promise shows that it is kept.
        cost = [exit_seconds(env) - exit_seconds(environment(provider))]
        while min(cost) >= 1.5 + 0.4 and len(cost) < 4:
            cost.append(exit_seconds(env) - exit_seconds(environment(provider)))
    assert min(cost) < 1.5 + 0.4, cost


def exit_seconds(env: dict[str, str]) -> float:
    done = run(CALL + "import time; print(time.time(), flush=True)", env)
    ended = time.time()
    assert done.returncode == 0
    assert done.stderr.count("\n") <= 1
    return ended - float(done.stdout)


@pytest.mark.parametrize("signal", ["traces", "metrics", "logs"])
def test_a_console_exporter_writes_to_stderr(provider: Provider, signal: str) -> None:
    exporters = {f"OTEL_{name}_EXPORTER": "none" for name in ("TRACES", "METRICS", "LOGS")}
    exporters[f"OTEL_{signal.upper()}_EXPORTER"] = "console"
    done = run(CALL, environment(provider, DISPATCH_OTEL="1", **exporters))
    assert done.stdout == ""
    assert "gpt-6-luna" in done.stderr


def test_an_unknown_exporter_or_protocol_is_told_in_a_sentence(provider: Provider, sink: HttpSink) -> None:
    env = environment(
        provider,
        DISPATCH_OTEL="1",
        OTEL_EXPORTER_OTLP_ENDPOINT=sink.url,
        OTEL_EXPORTER_OTLP_TRACES_PROTOCOL="http/json",
        OTEL_LOGS_EXPORTER="carrier-pigeon",
    )
    done = run(CALL, env)
    assert done.stderr.splitlines() == [
        "OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json' is not one of http/protobuf, grpc; http/protobuf is used.",
        "OTEL_LOGS_EXPORTER: there is no exporter 'carrier-pigeon'; its data is not sent.",
    ]
    assert len(sink.wait(1)) == 1


@pytest.mark.parametrize(
    ("variables", "named"),
    [
        ({"OTEL_BSP_MAX_QUEUE_SIZE": "100"}, "OTEL_BSP_MAX_QUEUE_SIZE"),
        ({"DISPATCH_OTEL_BLRP_MAX_QUEUE_SIZE": "-1"}, "OTEL_BLRP_MAX_QUEUE_SIZE"),
        ({"OTEL_METRICS_EXEMPLAR_FILTER": "sk-CANARY"}, "OTEL_METRICS_EXEMPLAR_FILTER"),
        ({"OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT": "many"}, "OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT"),
    ],
)
def test_a_variable_that_the_sdk_refuses_is_named_and_costs_nothing_but_itself(
    variables: dict[str, str], named: str, provider: Provider, sink: HttpSink, tmp_path: Path
) -> None:
    record = tmp_path / "records.jsonl"
    ours = {"OTEL_EXPORTER_OTLP_ENDPOINT": sink.url, "DISPATCH_OTEL_RECORD_FILE": str(record)}
    done = run(CALL, environment(provider, DISPATCH_OTEL="1", **ours, **variables))
    assert done.returncode == 0
    assert done.stderr == f"OpenTelemetry's SDK refuses {named} and is set up without.\n"
    assert len(sink.wait(1)) == 1
    assert len(record.read_text().splitlines()) == 1


def test_a_record_file_that_cannot_be_written_costs_one_warning(provider: Provider, sink: HttpSink) -> None:
    env = environment(
        provider, DISPATCH_OTEL="1", OTEL_EXPORTER_OTLP_ENDPOINT=sink.url, DISPATCH_OTEL_RECORD_FILE="/no/such/dir/x"
    )
    done = run(CALL + CALL, env)
    assert done.stderr.count("\n") == 1
    assert "/no/such/dir/x" in done.stderr
    assert len(sink.wait(2)) == 2


def test_a_relative_record_file_stays_where_it_was_when_the_program_moves(provider: Provider, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    env = environment(
        provider, DISPATCH_OTEL="1", OTEL_TRACES_EXPORTER="none", DISPATCH_OTEL_RECORD_FILE="records.jsonl"
    )
    env |= {"OTEL_METRICS_EXPORTER": "none", "OTEL_LOGS_EXPORTER": "none"}
    done = run(f"{CALL}\nimport os\nos.chdir('elsewhere')\n{CALL}", env, tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert len((tmp_path / "records.jsonl").read_text().splitlines()) == 2
    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_in_a_folder_that_was_removed_calls_are_observed(provider: Provider, sink: HttpSink, tmp_path: Path) -> None:
    code = f"import os, shutil\nshutil.rmtree(os.getcwd())\n{CALL}"
    env = environment(provider, DISPATCH_OTEL="1", OTEL_EXPORTER_OTLP_ENDPOINT=sink.url)
    done = run(code, env, tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert len(sink.wait(1)) == 1


def test_the_sdk_switched_off_means_no_telemetry_and_no_harm(provider: Provider, sink: HttpSink) -> None:
    env = environment(provider, DISPATCH_OTEL="1", OTEL_EXPORTER_OTLP_ENDPOINT=sink.url, OTEL_SDK_DISABLED="true")
    done = run(CALL, env)
    assert (done.returncode, done.stderr) == (0, "")
    assert sink.spans() == []


def test_an_endpoint_that_is_no_url_costs_the_spans_and_nothing_else(provider: Provider, tmp_path: Path) -> None:
    record = tmp_path / "records.jsonl"
    env = environment(
        provider, DISPATCH_OTEL="1", OTEL_EXPORTER_OTLP_ENDPOINT="http://[", DISPATCH_OTEL_RECORD_FILE=str(record)
    )
    done = run(CALL, env)
    assert done.returncode == 0
    assert "Traceback" not in done.stderr
    assert len(record.read_text().splitlines()) == 1
