"""The benchmark of the neighbours: it runs, and each lane is what it says it is."""

import os
import subprocess
import sys
from typing import Any

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from benchmarks.floor import Words, recorded
from benchmarks.wires import WIRES
from benchmarks.worker import Bench
from tests.conftest import Told

from .harness import ROOT

ROWS = [
    ("OpenAI chat, 1 kB", "floor"),
    ("OpenAI chat, 1 kB", "ours"),
    ("Anthropic messages, 1 kB", "floor"),
    ("Anthropic messages, 1 kB", "ours"),
    ("Anthropic messages, 1 kB", "native"),
    ("Anthropic messages, 1 kB", "ours on native"),
    ("OpenAI chat, a chunk", "ours"),
    ("Anthropic messages, a chunk", "ours"),
    ("Anthropic messages, a chunk", "native"),
    ("Anthropic messages, a chunk", "ours on native"),
]


def test_it_measures_every_row_without_any_neighbour() -> None:
    command = [sys.executable, "-m", "benchmarks.peers", "--rounds", "1", "--peers"]
    done = subprocess.run(command, cwd=ROOT, env=dict(os.environ), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    table = [line.strip("|").split("|") for line in done.stdout.splitlines() if line.startswith("| ")]
    assert [(row[0].strip(), row[1].strip()) for row in table[1:]] == ROWS
    assert all(float(row[2]) > 0 for row in table[1:])
    assert "openai " in done.stdout


@pytest.fixture(scope="module")
def said() -> dict[str, Words]:
    return recorded(WIRES)


@pytest.mark.parametrize("length", ["", " short"])
@pytest.mark.parametrize(
    ("case", "lane", "scope"),
    [
        ("chat", "plain", None),
        ("chat", "floor", "floor"),
        ("chat", "ours", "otel_dispatch"),
        ("messages", "plain", None),
        ("messages", "floor", "floor"),
        ("messages", "ours", "otel_dispatch"),
        ("messages", "native", "com.anthropic.sdk.python"),
        ("messages", "enriched", "com.anthropic.sdk.python"),
    ],
)
def test_a_lane_opens_the_span_it_is_named_after(
    said: dict[str, Words],
    told: Told,
    monkeypatch: pytest.MonkeyPatch,
    case: str,
    length: str,
    lane: str,
    scope: str | None,
) -> None:
    monkeypatch.setenv("ANTHROPIC_OPEN_TELEMETRY", "false")
    exporter: Any = InMemorySpanExporter()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    assert len(Bench(provider, said).run(f"{case}{length}", lane, 2)) == 2
    spans = [*told.spans(), *exporter.get_finished_spans()]
    assert [span.instrumentation_scope.name for span in spans] == ([scope] * 2 if scope else [])
    assert all(("dispatch.kind" in span.attributes) is (lane != "native") for span in spans)
