"""The benchmark of the overhead: it runs, it compares like with like, and its base is really without us."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import httpx2
import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from benchmarks import parts
from benchmarks.floor import Floored, Plain, Watched, Words, recorded
from benchmarks.wire import Wire, pieces, whole
from benchmarks.wires import STREAMED, WIRES
from otel_dispatch.dialects import dialect_at, dialects
from tests.conftest import Told

ROOT = Path(__file__).parents[1]
CALLS = (*(f"send {wire.name}" for wire in WIRES), "chat", "async chat", "responses", "messages")
STREAMS = (*(f"send {wire.name}" for wire in STREAMED), "chat", "messages")
ROWS = {
    *(f"{call} {size}" for call in CALLS for size in ("1 kB", "100 kB")),
    *(f"{call} {size}, enriching" for call in ("send messages", "messages") for size in ("1 kB", "100 kB")),
    *(f"{call} stream, a chunk" for call in STREAMS),
    "GET /v1/models, not ours",
    "POST /v1/files, not ours",
}


def benchmark(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "benchmarks.overhead", *arguments]
    return subprocess.run(command, cwd=ROOT, env={**os.environ, **variables}, capture_output=True, text=True)


def call(client: httpx2.Client, wire: Wire) -> None:
    client.send(client.build_request("POST", wire.url, content=wire.body(1000))).raise_for_status()


def test_it_measures_every_row_and_start_up() -> None:
    done = benchmark("--rounds", "2", "--json")
    assert done.returncode == 0, done.stderr
    told: dict[str, Any] = json.loads(done.stdout)
    assert {row["name"] for row in told["rows"]} == ROWS
    assert all(row["base"] > 0 and row["floor"] != 0 for row in told["rows"])
    assert [start["name"] for start in told["starts"]][:3] == ["not installed", "unset", "set"]
    assert told["rounds"] == 2
    assert set(told["machine"]) >= {"processors", "python", "packages"}


@pytest.mark.parametrize("way", [[], ["--enriching"], ["--wire", "gemini", "--size", "100 kB"]])
def test_the_parts_of_a_call_are_told(way: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert parts.main(["--rounds", "2", *way]) == 0
    lines = capsys.readouterr().out.splitlines()
    told = {line[: line.index("  ")]: float(line.split()[-2]) for line in lines[1:]}
    steps = set(told) - {"one call", "the floor"}
    assert {"read the request", "read the answer", "judge the outcome"} <= steps
    assert ("write on somebody's span" in steps) == ("--enriching" in way)
    assert sum(told[step] for step in steps) == pytest.approx(told["one call"], abs=0.1)


def test_it_refuses_a_base_that_is_instrumented() -> None:
    done = benchmark(DISPATCH_OTEL="1", OTEL_TRACES_EXPORTER="none")
    assert done.returncode == 2
    assert "unset DISPATCH_OTEL" in done.stderr


@pytest.fixture(scope="module")
def said() -> dict[str, Words]:
    return recorded(WIRES)


@pytest.mark.parametrize("wire", WIRES, ids=lambda wire: wire.name)
def test_the_floor_says_what_we_say(said: dict[str, Words], told: Told, wire: Wire) -> None:
    call(Watched(transport=whole(wire.answer)), wire)
    ours = told.only()

    exporter = InMemorySpanExporter()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    call(Floored(provider.get_tracer("floor"), said[wire.name], transport=whole(wire.answer)), wire)
    (floor,) = exporter.get_finished_spans()

    assert floor.attributes == ours.attributes
    assert (floor.name, floor.kind, floor.status.status_code) == (ours.name, ours.kind, ours.status.status_code)


def test_every_dialect_is_measured() -> None:
    answering = [dialect_at(unquote(urlsplit(wire.url).path)) for wire in WIRES]
    assert {dialect.name for dialect in answering if dialect} == {dialect.name for dialect in dialects()}


@pytest.mark.parametrize("wire", WIRES, ids=lambda wire: wire.name)
def test_what_is_measured_is_a_call_that_is_served(told: Told, wire: Wire) -> None:
    call(Watched(transport=whole(wire.answer)), wire)
    assert (told.only().attributes or {})["dispatch.outcome.kind"] == "served"


@pytest.mark.parametrize("wire", STREAMED, ids=lambda wire: wire.name)
def test_a_stream_that_is_measured_has_as_many_chunks_as_it_says_and_is_served(told: Told, wire: Wire) -> None:
    chunks = wire.chunks(50)
    client = Watched(transport=pieces(chunks, wire.stream_headers()))
    body = wire.body(1000, stream=True)
    with client.stream("POST", wire.streamed_url, content=body) as response:
        assert list(response.iter_raw()) == list(chunks)
    assert len(chunks) == 50
    assert (told.only().attributes or {})["dispatch.outcome.kind"] == "served"


def test_the_base_is_without_us(told: Told) -> None:
    for wire in WIRES:
        call(Plain(transport=whole(wire.answer)), wire)
    assert not told.spans()
