"""The real backends that the tests ask, the runs that they are sent, and when the tests' turn comes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from .jaeger import AbsentError, Jaeger, program
from .tempo import Tempo

BACKENDS: dict[str, type[Jaeger] | type[Tempo]] = {"jaeger": Jaeger, "tempo": Tempo}


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put these tests last, whatever the order of the others, so that a Jaeger that is still being built is there."""
    items.sort(key=lambda item: item.path.is_relative_to(Path(__file__).parent))


@pytest.fixture(scope="session")
def jaeger(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Jaeger]:
    """Give the Jaeger at hand, or skip with the reason."""
    yield from at_hand("jaeger", tmp_path_factory)


@pytest.fixture(scope="session", params=BACKENDS)
def backend(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Jaeger | Tempo]:
    """Give each backend at hand, or skip with the reason."""
    if request.param == "jaeger":
        yield request.getfixturevalue("jaeger")
    else:
        yield from at_hand(request.param, tmp_path_factory)


def at_hand(name: str, folders: pytest.TempPathFactory) -> Iterator[Any]:
    """Give the backend of this name, or skip with the reason."""
    try:
        with BACKENDS[name].at_hand(folders.mktemp(name) / "log") as found:
            yield found
    except AbsentError as reason:
        pytest.skip(str(reason))


@pytest.fixture(scope="session")
def own_jaeger(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Any]:
    """Give what starts a Jaeger of the test's own, or skip with the reason."""
    try:
        binary = program()
    except AbsentError as reason:
        pytest.skip(str(reason))

    def start(*overlays: str, **variables: str) -> Any:
        return Jaeger.started(binary, tmp_path_factory.mktemp("own") / "log", overlays, variables)

    return start


@pytest.fixture
def service() -> str:
    """Name a service that no other run uses, so that a shared backend does not confuse the tests."""
    return unused()


def unused() -> str:
    """Return the name of a service that nobody uses."""
    return f"otel-dispatch-test-{uuid.uuid4().hex[:12]}"


@dataclass(frozen=True)
class Demo:
    """What the demonstration sent: its service, the records it wrote to a file, and that file."""

    service: str
    records: list[dict[str, Any]]
    path: Path

    @property
    def spans(self) -> set[str]:
        """The ids of its spans."""
        return {record["otel_span_id"] for record in self.records}

    @property
    def traces(self) -> set[str]:
        """The ids of its traces."""
        return {record["trace_id"] for record in self.records}


@pytest.fixture(scope="session")
def demo_on(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Jaeger | Tempo], Demo]:
    """Give what sends the demonstration's run to a backend, once to each."""

    @cache
    def run(backend: Jaeger | Tempo) -> Demo:
        service, path = unused(), tmp_path_factory.mktemp("demo") / "records.jsonl"
        command(backend.otlp_url, service, "demo", "--record", str(path))
        lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        return Demo(service, [line for line in lines if "trace_id" in line], path)

    return run


@pytest.fixture
def demo(backend: Jaeger | Tempo, demo_on: Callable[[Jaeger | Tempo], Demo]) -> Demo:
    """Give the demonstration's run, sent to the backend."""
    return demo_on(backend)


def command(otlp_url: str, service: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run one of our commands, its spans sent to the backend; it must succeed."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("OTEL_", "DISPATCH_OTEL"))}
    told = {"OTEL_SERVICE_NAME": service, "OTEL_EXPORTER_OTLP_ENDPOINT": otlp_url, "NO_PROXY": "*"}
    done = subprocess.run(
        [sys.executable, "-m", "otel_dispatch", *arguments],
        env={**kept, **told},
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done
