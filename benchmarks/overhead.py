"""Measures what an instrumented call costs: python -m benchmarks.overhead [--rounds N] [--json]."""

import argparse
import asyncio
import json
import os
import platform
import sys
from dataclasses import asdict
from importlib.metadata import version
from typing import Any

from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

import otel_dispatch

from . import race
from .floor import recorded
from .lanes import Lanes
from .nowhere import Nowhere
from .report import Report, rows_of, table_of
from .startup import starts
from .wires import WIRES

_PACKAGES = ("otel-dispatch", "opentelemetry-sdk", "wrapt", "msgspec", "httpx2", "openai", "anthropic")
_START_ROUNDS = 15


def main(arguments: list[str] | None = None) -> int:
    """Measure, and print a table or JSON."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.overhead", description=__doc__)
    parser.add_argument("--rounds", type=int, default=100, help="how often each lane is run (100)")
    parser.add_argument("--json", action="store_true", help="print JSON in place of the table")
    given = parser.parse_args(arguments)
    if os.environ.get("DISPATCH_OTEL"):
        parser.error("unset DISPATCH_OTEL: the base has to be a process without us.")
    report = measure(max(2, given.rounds))
    print(json.dumps(asdict(report), indent=2) if given.json else table_of(report))
    return 0


def measure(rounds: int) -> Report:
    """Measure everything; start-up first, while this process is still quiet."""
    pinned = race.pin()
    found = starts(min(rounds, _START_ROUNDS))
    said = recorded(WIRES)
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(Nowhere()))
    otel_dispatch.instrument(tracer_provider=provider)
    try:
        with asyncio.Runner() as runner:
            times = race.run(Lanes(provider, said, runner).cases(), rounds, provider.force_flush)
    finally:
        otel_dispatch.uninstrument()
        provider.shutdown()
    return Report(machine_of(pinned), rounds, rows_of(times), found)


def machine_of(pinned: bool) -> dict[str, Any]:
    """Where and with what is measured."""
    return {
        "processors": os.cpu_count(),
        "model": _processor(),
        "pinned": pinned,
        "system": platform.system(),
        "python": platform.python_version(),
        "packages": {name: version(name) for name in _PACKAGES},
    }


def _processor() -> str:
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as lines:
            return next(line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


if __name__ == "__main__":
    sys.exit(main())
