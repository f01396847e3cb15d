"""Switched on by the environment, in programs of their own: real start-up file, real OTLP, real exits."""

import os
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from otel_dispatch.demo.provider import Provider
from tests.sinks import BlackHole, GrpcSink, HttpSink, SinkSpan, dead_endpoint

ROOT = Path(__file__).parent.parent
PIPELINE = ROOT / "examples" / "pipeline.py"
CALL = """
import openai
with openai.OpenAI() as client:
    client.chat.completions.create(model="gpt-6-luna", messages=[{"role": "user", "content": "hi"}])
"""


def environment(provider: Provider | None = None, **more: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("OTEL_", "DISPATCH_OTEL"))}
    if provider is not None:
        kept |= {"OPENAI_BASE_URL": f"{provider.url}/v1", "ANTHROPIC_BASE_URL": provider.url}
    return {**kept, "OPENAI_API_KEY": "k", "ANTHROPIC_API_KEY": "k", **more}


def run(
    code: str | Path, env: dict[str, str], cwd: Path | None = None, *options: str
) -> subprocess.CompletedProcess[str]:
    program = [str(code)] if isinstance(code, Path) else ["-c", textwrap.dedent(code)]
    return subprocess.run(
        [sys.executable, *options, *program], env=env, cwd=cwd, capture_output=True, text=True, timeout=60, check=False
    )


@pytest.fixture
def sink() -> Iterator[HttpSink]:
    with HttpSink() as server:
        yield server


def by_id(spans: list[SinkSpan]) -> dict[str, SinkSpan]:
    return {span.span_id: span for span in spans}


def test_one_variable_puts_every_call_and_entry_of_an_unmodified_program_on_a_span(
    provider: Provider, sink: HttpSink
) -> None:
    done = run(
        PIPELINE,
        environment(
            provider,
            DISPATCH_OTEL="1",
            OTEL_EXPORTER_OTLP_ENDPOINT=sink.url,
            DISPATCH_OTEL_ENTRYPOINTS="run_skill=pipeline:run_skill, report_bug=pipeline:report_bug,"
            "fleet_dispatch=pipeline:Fleet.dispatch",
        ),
    )
    plain = run(PIPELINE, environment(provider))
    assert (done.returncode, done.stderr) == (0, "")
    assert sorted(done.stdout.splitlines()) == sorted(plain.stdout.splitlines())
    spans = sink.wait(8)
    entries = {span.attributes["dispatch.kind"]: span for span in spans if span.kind == "INTERNAL"}
    calls = [span for span in spans if span.kind == "CLIENT"]
    assert sorted(entries) == ["fleet_dispatch", "report_bug", "run_skill"]
    assert len(calls) == 5
    ids = by_id(spans)
    for call in calls:
        assert ids[call.parent_id].kind == "INTERNAL"
        assert call.attributes["dispatch.outcome.kind"] == "served"
        assert call.attributes["dispatch.provenance.provider"] == "operator_pin"
        assert call.attributes["peer.service"] == "local"
    scopes = sorted(call.scope for call in calls)
    assert scopes == ["com.anthropic.sdk.python"] * 3 + ["otel_dispatch"] * 2
    assert entries["fleet_dispatch"].attributes["dispatch.rollup.models"].count(",") == 1
    assert {span.resource["service.name"] for span in spans} == {"pipeline"}
    assert len(sink.wait(8, kind="logs")) == 8
    assert "dispatch.calls" in {point.name for point in sink.metrics()}


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


@pytest.mark.parametrize("value", ["", "0", "false", "no"])
def test_switched_off_nothing_of_ours_is_imported(value: str) -> None:
    env = environment()
    if value:
        env["DISPATCH_OTEL"] = value
    done = run(
        "import sys; print([m for m in sys.modules if m.startswith(('opentelemetry', 'wrapt', 'msgspec'))])", env
    )
    assert done.stdout == "[]\n"
    if not value:
        done = run("import sys; print([m for m in sys.modules if m.startswith('otel_dispatch')])", env)
        assert done.stdout == "[]\n"


def test_switched_on_no_sdk_is_imported_before_the_program_does_it() -> None:
    names = ("openai", "anthropic", "httpx", "httpx2", "opentelemetry", "wrapt", "msgspec")
    done = run(
        f"import sys; print([m for m in sys.modules if m.split('.')[0] in {names!r}])", environment(DISPATCH_OTEL="1")
    )
    assert (done.stdout, done.stderr) == ("[]\n", "")


@pytest.mark.parametrize(
    ("module", "starts"),
    [
        ("urllib.parse", False),
        ("urllib.error", False),
        ("http.client", False),
        ("requests_oauthlib", False),
        ("urllib.request", True),
        ("urllib3", True),
        ("requests", True),
        ("httpx", True),
        ("httpx2", True),
        ("aiohttp", True),
    ],
)
def test_the_first_import_of_a_library_that_carries_calls_starts_us(module: str, starts: bool) -> None:
    code = f"""
    import contextlib, sys
    with contextlib.suppress(ImportError):
        import {module}
    print("opentelemetry" in sys.modules)
    """
    done = run(code, environment(DISPATCH_OTEL="1"))
    assert (done.stdout, done.stderr) == (f"{starts}\n", "")


@pytest.mark.parametrize(
    "post",
    [
        "import urllib.request; urllib.request.urlopen(url, body).read()",
        "from urllib.request import urlopen; urlopen(url, body).read()",
        "import urllib3; urllib3.PoolManager().request('POST', url, body=body)",
        "import requests; requests.post(url, data=body)",
        "from requests.sessions import Session; Session().post(url, data=body)",
    ],
)
def test_a_program_that_needs_no_sdk_is_heard_however_it_imports(post: str, provider: Provider, sink: HttpSink) -> None:
    env = environment(provider, DISPATCH_OTEL="1", OTEL_EXPORTER_OTLP_ENDPOINT=sink.url)
    code = f"""
    url, body = "{provider.url}/v1/chat/completions", b'{{"model": "m"}}'
    {post}
    """
    done = run(code, env)
    assert (done.returncode, done.stderr) == (0, "")
    (span,) = sink.wait(1)
    assert span.name == "chat m"


@pytest.mark.parametrize("option", ["-E", "-I", "-s", "-P"])
def test_the_variable_counts_under_every_isolation_that_keeps_site(
    option: str, provider: Provider, sink: HttpSink
) -> None:
    env = environment(provider, DISPATCH_OTEL="1", OTEL_EXPORTER_OTLP_ENDPOINT=sink.url)
    run(CALL, env, None, option)
    assert len(sink.wait(1)) == 1


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


def test_wrong_entry_points_are_named_and_the_right_ones_work(
    provider: Provider, sink: HttpSink, tmp_path: Path
) -> None:
    (tmp_path / "mine.py").write_text("def skill(): pass\nNOT_CALLABLE = 1\n")
    entries = [
        "run_skill=mine:skill",
        "run_skil=mine:skill",
        "run_skill",
        "agent=mine:missing",
        "agent=mine:NOT_CALLABLE",
        "agent=nowhere.at.all:x",
    ]
    env = environment(
        provider,
        DISPATCH_OTEL="1",
        OTEL_EXPORTER_OTLP_ENDPOINT=sink.url,
        DISPATCH_OTEL_ENTRYPOINTS=",".join(entries),
    )
    done = run("import mine; mine.skill()", env, tmp_path)
    said = done.stderr.splitlines()
    assert len(said) == 5
    for entry in entries[1:]:
        assert len([line for line in said if f"'{entry}'" in line]) == 1, (entry, said)
    assert [span.name for span in sink.wait(1)] == ["invoke_agent skill"]


def test_an_entry_point_works_whether_its_module_is_imported_before_or_after(
    provider: Provider, sink: HttpSink, tmp_path: Path
) -> None:
    (tmp_path / "mine.py").write_text("class Host:\n    async def go(self, recipe): return recipe\n")
    code = """
    import os, sys, asyncio, inspect
    import mine
    host = mine.Host()
    os.environ["DISPATCH_OTEL_ENTRYPOINTS"] = "fleet_dispatch=mine:Host.go"
    import otel_dispatch
    otel_dispatch.instrument()
    otel_dispatch.instrument()
    print(asyncio.run(host.go("r")), inspect.iscoroutinefunction(mine.Host.go))
    otel_dispatch.uninstrument()
    print(type(mine.Host.__dict__["go"]).__name__)
    """
    done = run(code, environment(OTEL_EXPORTER_OTLP_ENDPOINT=sink.url), tmp_path)
    assert (done.stdout, done.stderr) == ("r True\nfunction\n", "")
    assert [span.name for span in sink.wait(1)] == ["invoke_workflow r"]


def test_functions_of_the_main_script_are_entry_points_too(provider: Provider, sink: HttpSink, tmp_path: Path) -> None:
    script = tmp_path / "app.py"
    script.write_text("def skill(): print('ran')\nclass A:\n    def b(self): pass\nskill()\nA().b()\n")
    env = environment(
        DISPATCH_OTEL="1",
        OTEL_EXPORTER_OTLP_ENDPOINT=sink.url,
        DISPATCH_OTEL_ENTRYPOINTS="run_skill=__main__:skill,agent=app:A.b,agent=app:nothing",
    )
    done = run(script, env)
    assert done.stdout == "ran\n"
    assert done.stderr == "DISPATCH_OTEL_ENTRYPOINTS: the main script defines no nothing.\n"
    assert sorted(span.name for span in sink.wait(2)) == ["invoke_agent b", "invoke_agent skill"]


def test_opentelemetry_instrument_loads_us(provider: Provider, sink: HttpSink) -> None:
    program = Path(sys.executable).parent / "opentelemetry-instrument"
    env = environment(
        provider,
        OTEL_EXPORTER_OTLP_ENDPOINT=sink.url,
        OTEL_EXPORTER_OTLP_PROTOCOL="http/protobuf",
        OTEL_METRICS_EXPORTER="none",
    )
    done = subprocess.run(
        [str(program), sys.executable, "-c", CALL], env=env, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    assert [span.name for span in sink.wait(1)] == ["chat gpt-6-luna"]


def test_spans_of_a_forked_worker_arrive(provider: Provider, sink: HttpSink) -> None:
    code = """
    import multiprocessing
    import openai
    def work(n):
        with openai.OpenAI() as client:
            client.chat.completions.create(model=f"m{n}", messages=[{"role": "user", "content": "hi"}])
    if __name__ == "__main__":
        work(0)
        context = multiprocessing.get_context("fork")
        workers = [context.Process(target=work, args=(n,)) for n in (1, 2)]
        for w in workers: w.start()
        for w in workers: w.join()
    """
    done = run(code, environment(provider, DISPATCH_OTEL="1", OTEL_EXPORTER_OTLP_ENDPOINT=sink.url))
    assert done.stderr == ""
    assert sorted(span.name for span in sink.wait(3)) == ["chat m0", "chat m1", "chat m2"]


def test_a_stream_that_is_open_at_exit_ends_as_abandoned(provider: Provider, sink: HttpSink) -> None:
    code = """
    import openai
    client = openai.OpenAI()
    stream = client.chat.completions.create(model="m", messages=[{"role": "user", "content": "hi"}], stream=True)
    next(stream)
    """
    done = run(code, environment(provider, DISPATCH_OTEL="1", OTEL_EXPORTER_OTLP_ENDPOINT=sink.url))
    # CPython 3.13 can crash on closing what the SDK left open at shutdown, with us and without.
    plain = run(code, environment(provider))
    # From 3.14 on it tells a traceback, in which a frame of ours is one more; the error is the library's own.
    assert done.returncode == plain.returncode
    assert done.stderr.splitlines()[-1:] == plain.stderr.splitlines()[-1:]
    (span,) = sink.wait(1)
    assert span.attributes["dispatch.outcome.class"] == "abandoned"


def test_a_span_of_the_hosts_own_arrives_where_nothing_is_dispatched(sink: HttpSink) -> None:
    code = """
        import openai
        from opentelemetry import trace
        with trace.get_tracer("mine").start_as_current_span("own"):
            pass
    """
    done = run(code, environment(DISPATCH_OTEL="1", OTEL_EXPORTER_OTLP_ENDPOINT=sink.url))
    assert (done.returncode, done.stderr) == (0, "")
    assert [(span.name, span.scope) for span in sink.wait(1)] == [("own", "mine")]


def test_an_entry_that_runs_on_a_thread_at_exit_ends_with_all_below_it(provider: Provider, sink: HttpSink) -> None:
    code = """
    import threading, time
    import openai
    import otel_dispatch
    @otel_dispatch.entry_point("run_skill", name="s")
    def skill():
        client = openai.OpenAI()
        stream = client.chat.completions.create(model="m", messages=[{"role": "user", "content": "hi"}], stream=True)
        next(stream)
        under_way.set()
        time.sleep(60)
    under_way = threading.Event()
    threading.Thread(target=skill, daemon=True).start()
    under_way.wait()
    """
    done = run(code, environment(provider, DISPATCH_OTEL="1", OTEL_EXPORTER_OTLP_ENDPOINT=sink.url))
    assert (done.returncode, done.stderr) == (0, "")
    call, entry = sink.wait(2)
    assert call.attributes["dispatch.outcome.class"] == "abandoned"
    assert entry.attributes["dispatch.outcome.kind"] == "cancelled"
    assert entry.attributes["dispatch.rollup.calls"] == 1
    assert call.parent_id == entry.span_id


def test_a_parents_traceparent_and_scope_are_taken_up(provider: Provider, sink: HttpSink) -> None:
    env = environment(
        provider,
        DISPATCH_OTEL="1",
        OTEL_EXPORTER_OTLP_ENDPOINT=sink.url,
        TRACEPARENT="00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        DISPATCH_OTEL_SCOPE='{"role":"escalation","primary":{"model":"gpt-6-luna"}}',
    )
    run(CALL, env)
    (span,) = sink.wait(1)
    assert (span.trace_id, span.parent_id) == ("0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331")
    assert span.attributes["dispatch.provenance.model"] == "inherited_from_primary"


@pytest.mark.parametrize("scope", ["not json", "[1]", '{"primary": 3, "provenance": {"model": "guess"}}', "{" * 5000])
def test_an_unreadable_scope_is_told_in_a_sentence(provider: Provider, sink: HttpSink, scope: str) -> None:
    env = environment(provider, DISPATCH_OTEL="1", OTEL_EXPORTER_OTLP_ENDPOINT=sink.url, DISPATCH_OTEL_SCOPE=scope)
    done = run(CALL, env)
    assert done.stderr.startswith("DISPATCH_OTEL_SCOPE")
    assert done.stderr.count("\n") == 1
    assert len(sink.wait(1)) == 1


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


def test_calls_that_start_while_the_sdk_is_set_up_are_all_observed(provider: Provider, sink: HttpSink) -> None:
    code = """
    import threading
    import openai
    client = openai.OpenAI()
    def call(n):
        client.chat.completions.create(model=f"m{n}", messages=[{"role": "user", "content": "hi"}])
    threads = [threading.Thread(target=call, args=(n,)) for n in range(8)]
    for thread in threads: thread.start()
    for thread in threads: thread.join()
    """
    done = run(code, environment(provider, DISPATCH_OTEL="1", OTEL_EXPORTER_OTLP_ENDPOINT=sink.url))
    assert done.stderr == ""
    assert sorted(span.name for span in sink.wait(8)) == [f"chat m{n}" for n in range(8)]


def test_an_endpoint_that_is_no_url_costs_the_spans_and_nothing_else(provider: Provider, tmp_path: Path) -> None:
    record = tmp_path / "records.jsonl"
    env = environment(
        provider, DISPATCH_OTEL="1", OTEL_EXPORTER_OTLP_ENDPOINT="http://[", DISPATCH_OTEL_RECORD_FILE=str(record)
    )
    done = run(CALL, env)
    assert done.returncode == 0
    assert "Traceback" not in done.stderr
    assert len(record.read_text().splitlines()) == 1


USES = {
    "entry_point": "@od.entry_point('run_skill', name='s')\ndef skill(): pass\nskill()",
    "scope": "with od.scope('primary', model='m'): pass",
    "provenance": "with od.provenance(model='operator_pin'): pass",
    "attempts": "with od.attempts(): pass",
    "resolve": "od.resolve('model', operator_pin='m')",
    "propagation_env": "od.propagation_env({})",
}


@pytest.mark.parametrize("name", USES)
def test_a_program_that_uses_a_function_of_ours_is_observed_from_there_on(name: str, sink: HttpSink) -> None:
    code = f"import sys, otel_dispatch as od\nprint('opentelemetry' in sys.modules)\n{USES[name]}\n"
    code += "print(od.activate.is_on())"
    env = environment(DISPATCH_OTEL="1", OTEL_EXPORTER_OTLP_ENDPOINT=sink.url)
    assert run(code, env).stdout == "False\nTrue\n"
    assert [span.name for span in sink.wait(name == "entry_point")] == ["invoke_agent s"] * (name == "entry_point")
    assert run(code, environment()).stdout == "False\nFalse\n"
