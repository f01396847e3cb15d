"""Programs in a process of their own, and the collector that they send to."""

import os
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest

from otel_dispatch.demo.provider import Provider
from tests.sinks import HttpSink, SinkSpan

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
