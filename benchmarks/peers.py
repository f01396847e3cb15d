"""Measures the neighbours and us in one run, each in its own environment: python -m benchmarks.peers [--rounds N]."""

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from statistics import median
from typing import Any, Self

import matrix
from tests.conftest import VARIABLES

from . import race
from .lanes import Case
from .overhead import machine_of
from .race import Times
from .timing import LONG, SHORT, Timer

NEIGHBOURS = {
    "openllmetry": "OpenLLMetry",
    "openinference": "OpenInference",
    "genai": "OpenTelemetry GenAI",
    "logfire": "Logfire",
    "openlit": "OpenLIT",
    "langfuse": "Langfuse",
}
PACKAGES = {
    "openllmetry": "opentelemetry-instrumentation-openai",
    "openinference": "openinference-instrumentation-openai",
    "genai": "opentelemetry-instrumentation-genai-openai",
}
WITHOUT_ANTHROPIC = ("langfuse",)
CASES = {
    "chat": "OpenAI chat, 1 kB",
    "messages": "Anthropic messages, 1 kB",
    "chat stream": "OpenAI chat, a chunk",
    "messages stream": "Anthropic messages, a chunk",
}
_QUIET = {"ANTHROPIC_OPEN_TELEMETRY": "false", "OPENLIT_DISABLE_METRICS": "true", "OPENLIT_DISABLE_EVENTS": "true"}


class Worker:
    """A process that makes calls when it is told to."""

    def __init__(self, python: str, peer: str) -> None:
        env = {name: value for name, value in os.environ.items() if not name.startswith(VARIABLES)}
        self._process = subprocess.Popen(
            [python, "-m", "benchmarks.worker", peer],
            cwd=matrix.ROOT,
            env={**env, **_QUIET},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.versions: dict[str, str] = self._answer()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.communicate()

    def timer(self, case: str, lane: str) -> Timer:
        """What has it make the calls of *case* in *lane*, and one before them, as another process ran until then."""
        more = 1 if "long" in case else 4
        return lambda times: self._ask([case, lane, times * more + 1])[1:]

    def _ask(self, question: list[Any]) -> list[int]:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(question) + "\n")
        self._process.stdin.flush()
        return self._answer()

    def _answer(self) -> Any:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError("A worker has ended; what it said stands above.")
        return json.loads(line)


@dataclass(frozen=True)
class Lane:
    """One competitor: who makes its calls, and whose calls without it they are compared with."""

    name: str
    worker: Worker
    way: str
    base: str


@dataclass(frozen=True)
class Row:
    """What a competitor adds to a call or a chunk, in microseconds, and how that compares."""

    case: str
    name: str
    base: float
    added: float
    ratio: float
    beyond: float
    """What it adds beyond what we add; below zero it is faster."""


def main(arguments: list[str] | None = None) -> int:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.peers", description=__doc__)
    parser.add_argument("--rounds", type=int, default=40, help="how often each lane is run (40)")
    parser.add_argument("--peers", nargs="*", choices=list(NEIGHBOURS), default=list(NEIGHBOURS), help="all by default")
    given = parser.parse_args(arguments)
    prepared = {row.name: row for row in matrix.rows() if row.name in given.peers and matrix.prepare(row)}
    if missing := set(given.peers) - prepared.keys():
        parser.error(f"no environment for {', '.join(sorted(missing))}")
    pinned = race.pin()
    with ExitStack() as workers:
        lanes = _lanes(prepared.values(), workers)
        times = race.run(_cases(lanes), given.rounds, lambda: None)
        versions = _versions(prepared.values())
    print("\n".join([*_head(machine_of(pinned), versions, given.rounds), "", *_table(_rows(lanes, times))]))
    return 0


def _lanes(rows: Iterable[matrix.Row], workers: ExitStack) -> list[Lane]:
    here = workers.enter_context(Worker(sys.executable, "ours"))
    ways = {"base": "plain", "floor": "floor", "ours": "ours", "native": "native", "ours on native": "enriched"}
    lanes = [Lane(name, here, way, "native" if way == "enriched" else "base") for name, way in ways.items()]
    bases = {_sdks(here): "base"}
    for row in rows:
        worker = workers.enter_context(Worker(str(row.python), row.name))
        if _sdks(worker) not in bases:
            # Other SDKs take another time without anybody.
            name = bases[_sdks(worker)] = f"base of {row.name}"
            lanes.append(Lane(name, workers.enter_context(Worker(str(row.python), "nothing")), "plain", name))
        lanes.append(Lane(row.name, worker, "plain", bases[_sdks(worker)]))
    return lanes


def _sdks(worker: Worker) -> tuple[str, str]:
    return worker.versions["openai"], worker.versions["anthropic"]


def _cases(lanes: Sequence[Lane]) -> list[Case]:
    found = []
    for case in CASES:
        named, _, streams = case.partition(" ")
        timers = {}
        for lane in lanes:
            if not _runs(lane, case):
                continue
            for length in ("long", "short") if streams else ("",):
                timers[f"{lane.name} {length}".strip()] = lane.worker.timer(f"{named} {length}".strip(), lane.way)
        found.append(Case(case, timers))
    return found


def _runs(lane: Lane, case: str) -> bool:
    if "messages" in case:
        return lane.name not in WITHOUT_ANTHROPIC and not (lane.way == "floor" and "stream" in case)
    return lane.way not in ("native", "enriched") and not (lane.way == "floor" and "stream" in case)


def _rows(lanes: Sequence[Lane], times: Times) -> list[Row]:
    floor = race.differences(times, "chat", "floor", "base")
    found = []
    for case in CASES:
        ours = _added(times, case, "ours", "base")
        for lane in lanes:
            if lane.name == lane.base or not _runs(lane, case):
                continue
            added = _added(times, case, lane.name, lane.base)
            least = race.differences(times, case, "floor", "base") if "stream" not in case else floor
            ratio = median(added) / median(least)
            beyond = median(theirs - mine for theirs, mine in zip(added, ours, strict=True))
            base = median(_base(times, case, lane.base))
            found.append(Row(case, lane.name, base / 1e3, median(added) / 1e3, ratio, beyond / 1e3))
    return found


def _added(times: Times, case: str, lane: str, base: str) -> list[float]:
    if "stream" not in case:
        return race.differences(times, case, lane, base)
    long, short = (
        race.differences(times, case, f"{lane} {length}", f"{base} {length}") for length in ("long", "short")
    )
    return [(more - less) / (LONG - SHORT) for more, less in zip(long, short, strict=True)]


def _base(times: Times, case: str, base: str) -> list[float]:
    return [time / LONG for time in times[case, f"{base} long"]] if "stream" in case else times[case, base]


def _versions(rows: Iterable[matrix.Row]) -> dict[str, str]:
    code = "import sys; from importlib.metadata import version; print(version(sys.argv[1]))"
    found = {}
    for row in rows:
        command = [str(row.python), "-c", code, PACKAGES.get(row.name, row.name)]
        found[row.name] = subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()
    return found


def _head(machine: dict[str, Any], versions: dict[str, str], rounds: int) -> Iterator[str]:
    where = "pinned to one" if machine["pinned"] else "not pinned"
    packages = ", ".join(f"{name} {number}" for name, number in machine["packages"].items())
    yield f"{datetime.now(UTC).date()}, {machine['model']}, {machine['processors']} processors ({where})"
    yield f"Python {machine['python']}, {packages}"
    yield ", ".join(f"{NEIGHBOURS[name]} {number}" for name, number in versions.items())
    yield f"{rounds} rounds; medians of paired differences; a chunk is one of {LONG} of a stream."
    yield "Ratio: to the span that is written by hand with our attributes. Each neighbour with its defaults."


def _table(rows: Iterable[Row]) -> Iterator[str]:
    yield "| call | with | base µs | added µs | ratio | against us |"
    yield "|---|---|---:|---:|---:|---|"
    for row in rows:
        name = NEIGHBOURS.get(row.name, row.name)
        yield f"| {CASES[row.case]} | {name} | {row.base:.1f} | {row.added:.2f} | {row.ratio:.3f} | {_verdict(row)} |"


def _verdict(row: Row) -> str:
    if row.name not in NEIGHBOURS and row.name != "native":
        return ""
    return f"**faster** by {-row.beyond:.2f} µs" if row.beyond < 0 else f"{row.beyond:.2f} µs slower"


if __name__ == "__main__":
    sys.exit(main())
