"""Switched on by the environment, in programs of their own: the real start-up file, and what starts us."""

import subprocess
import sys
from pathlib import Path

import pytest

from otel_dispatch.demo.provider import Provider
from tests.programs import CALL, PIPELINE, by_id, environment, run
from tests.programs import sink as sink
from tests.sinks import HttpSink


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
