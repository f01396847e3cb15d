"""Programs of their own that start an agent program: what starts us, one trace over all, settings that are forced."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from otel_dispatch.demo.provider import Provider
from tests.fakes import install
from tests.sinks import HttpSink

CHILD = """
import openai
with openai.OpenAI() as client:
    client.chat.completions.create(model="gpt-6-luna", messages=[{"role": "user", "content": "hi"}])
"""
HOST = """
import subprocess
argv = ["claude", "-p", "hi", "--model", "sonnet", "--output-format", "stream-json"]
subprocess.run(argv, capture_output=True, check=True)
"""


def program(tmp_path: Path, code: str, **more: str) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("OTEL_", "DISPATCH_OTEL"))}
    env = {**kept, **install(tmp_path), "DISPATCH_OTEL": "1", **more}
    return subprocess.run(
        [sys.executable, "-c", code], env=env, capture_output=True, text=True, timeout=60, check=False
    )


def test_a_program_that_only_starts_an_agent_is_observed_and_its_grandchildren_are_in_its_trace(
    tmp_path: Path, provider: Provider
) -> None:
    with HttpSink() as sink:
        done = program(
            tmp_path,
            HOST,
            FAKE_NESTED=CHILD,
            OPENAI_API_KEY="k",
            OPENAI_BASE_URL=f"{provider.url}/v1",
            # As a host forces it on its children, for a receiver of its own that speaks JSON.
            OTEL_EXPORTER_OTLP_PROTOCOL="http/json",
            OTEL_EXPORTER_OTLP_ENDPOINT="http://127.0.0.1:1",
            DISPATCH_OTEL_EXPORTER_OTLP_PROTOCOL="http/protobuf",
            DISPATCH_OTEL_EXPORTER_OTLP_ENDPOINT=sink.url,
        )
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
        spans = {span.name: span for span in sink.wait(2)}
    launch, call = spans["invoke_agent claude"], spans["chat gpt-6-luna"]
    assert (call.trace_id, call.parent_id) == (launch.trace_id, launch.span_id)
    assert launch.attributes["dispatch.model"] == "claude-sonnet-5-5"


def test_a_protocol_that_we_do_not_speak_breaks_nothing(tmp_path: Path) -> None:
    done = program(tmp_path, HOST, OTEL_EXPORTER_OTLP_PROTOCOL="http/json")
    assert done.returncode == 0
    assert "Traceback" not in done.stderr


IN_ASYNCIO = """
import asyncio, subprocess
async def main():
    await (await asyncio.create_subprocess_exec("claude", "-p", "x", stdout=-3)).wait()
asyncio.run(main())
"""
TELL = """
import sys, inspect
parameters = list(inspect.signature(subprocess.Popen).parameters)[:2]
print("opentelemetry" in sys.modules, subprocess.Popen.__init__.__name__, parameters)
print(type(subprocess.__spec__.loader).__name__)
"""
STARTS = [
    ("import subprocess", False),
    ("import asyncio, subprocess", False),
    ("import subprocess; subprocess.run(['true'])", False),
    ("import subprocess; subprocess.run(['claude', '-p', 'hi'], capture_output=True)", True),
    ("import subprocess; subprocess.run('claude -p hi', shell=True, capture_output=True)", True),
    ("import os, subprocess; subprocess.Popen(args=[b'claude'], stdout=-3).wait()", True),
    (IN_ASYNCIO, True),
]


@pytest.mark.parametrize(("code", "starts"), STARTS)
def test_only_an_agent_program_starts_us_and_its_first_launch_is_seen(code: str, starts: bool, tmp_path: Path) -> None:
    record = tmp_path / "records.jsonl"
    done = program(tmp_path, code + TELL, DISPATCH_OTEL_RECORD_FILE=str(record), DISPATCH_OTEL_TRACES_EXPORTER="none")
    assert done.stdout == f"{starts} __init__ ['args', 'bufsize']\nSourceFileLoader\n", done.stderr
    lines = record.read_text().splitlines() if record.exists() else []
    assert [json.loads(each)["kind"] for each in lines] == ["cli_launch"] * starts


OVER_IT = """
import subprocess
seen, before = [], subprocess.Popen.__init__
def theirs(self, *args, **kwargs):
    seen.append(1)
    return before(self, *args, **kwargs)
subprocess.Popen.__init__ = theirs
for _ in range(2):
    subprocess.run(["claude", "-p", "hi"], capture_output=True, check=True)
print(len(seen))
"""


def test_a_wrapper_that_somebody_puts_over_the_sentry_is_run_once_a_launch(tmp_path: Path) -> None:
    record = tmp_path / "records.jsonl"
    done = program(tmp_path, OVER_IT, DISPATCH_OTEL_RECORD_FILE=str(record), DISPATCH_OTEL_TRACES_EXPORTER="none")
    assert (done.stdout, done.returncode) == ("2\n", 0), done.stderr
    # Going in anew for the first would run theirs twice: only the second is seen.
    assert len(record.read_text().splitlines()) == 1
