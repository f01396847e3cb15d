"""A typed program of a user's passes mypy --strict against the package as the wheel installs it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent

PROGRAM = """
import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping
from typing import Any

import otel_dispatch as od
from otel_dispatch import testing
from otel_dispatch.hosts import Beginning, Ending, Seam, entry_at, heard_at


@od.entry_point("run_skill", name="implement", definition="skill.md")
def implement(model: str, *, tries: int = 3) -> list[str]:
    with od.scope("primary", provider="minimax", model=None), od.provenance(provider="operator_pin"), od.attempts():
        chosen: Any = od.resolve("model", operator_pin=None, pipeline_input=model)
    return [str(chosen)] * tries


@od.entry_point("agent")
async def ask(question: str) -> bytes:
    return question.encode()


@od.entry_point("agent")
def pieces() -> Iterator[int]:
    yield 1


@od.entry_point("agent")
async def later() -> AsyncIterator[int]:
    yield 1


class Fleet:
    @od.entry_point("fleet_dispatch")
    def dispatch(self, recipe: str) -> None: ...


answer: list[str] = implement("m", tries=2)
told: bytes = asyncio.run(ask("?"))
number: int = next(pieces())
Fleet().dispatch("nightly")
child: dict[str, str] = od.propagation_env({"A": "b"})
od.instrument(tracer_provider=None)
od.uninstrument()
version: str = od.__version__


def begun(_: Any, given: Mapping[str, Any]) -> Beginning | None:
    return Beginning("agent", given["name"], attributes={"mine.steps": 2})


def ended(result: Any) -> Ending:
    return Ending("refused" if result is None else None)


def seams() -> list[Seam]:
    return [entry_at("frame", "Runner.run", begun, ended), heard_at("frame", "f", lambda _, __, ___: None)]


def test_mine() -> None:
    with testing.recorded() as records:
        implement("m")
    testing.assert_none_inherited(records)
    record: testing.Record = records.only()
    assert record.kind == "run_skill" and record.outcome == "served"
    assert record.provenance.model == "unknown" and record.thinking.mode == "effort"
    tokens: int | None = record.usage.output
    calls: list[testing.Record] = records.calls + records.below(record) + records[1:]
    calls[0].rollup is None or calls[0].rollup.calls
"""

WRONG = """
import otel_dispatch as od
from otel_dispatch import testing

@od.entry_point("agent")
def run(model: str) -> int:
    return 1

run(3)
word: str = run("m")
od.propagation_env(["A"])
with testing.recorded() as records:
    records.only().nothing
"""


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment that the wheel is installed in, and nothing else."""
    wheels, home = tmp_path_factory.mktemp("wheels"), tmp_path_factory.mktemp("user") / "venv"
    run("hatchling", "build", "-t", "wheel", "-d", str(wheels))
    (wheel,) = wheels.glob("*.whl")
    run("uv", "venv", "--quiet", "--offline", "--python", sys.executable, str(home))
    found = home / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    run("uv", "pip", "install", "--quiet", "--offline", "--no-deps", "--no-cache", "--python", str(found), str(wheel))
    return found


def run(*command: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", *command], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr


def checked(python: Path, folder: Path, program: str) -> subprocess.CompletedProcess[str]:
    (folder / "program.py").write_text(program)
    command = [sys.executable, "-m", "mypy", "--strict", "--config-file=", "--python-executable", str(python)]
    env = {name: value for name, value in os.environ.items() if name not in ("MYPYPATH", "PYTHONPATH")}
    return subprocess.run(
        [*command, "program.py"], cwd=folder, env=env, capture_output=True, text=True, timeout=110, check=False
    )


def test_a_typed_program_passes(python: Path, tmp_path: Path) -> None:
    done = checked(python, tmp_path, PROGRAM)
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    assert done.stdout.startswith("Success")


def test_what_is_wrong_in_a_program_is_seen(python: Path, tmp_path: Path) -> None:
    done = checked(python, tmp_path, WRONG)
    found = [(line.split(":")[1], line.rpartition("[")[2].rstrip("]")) for line in done.stdout.splitlines()[:-1]]
    assert found == [("9", "arg-type"), ("10", "assignment"), ("11", "arg-type"), ("13", "attr-defined")]
