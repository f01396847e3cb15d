"""How long ``audit`` takes for a record file of so many lines, and how much memory: ``python -m benchmarks.audit``."""

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from otel_dispatch.record import Dispatch, Names, Outcome, Provenance, Requested, Rollup, Thinking
from otel_dispatch.recordfile import append_all
from otel_dispatch.vocabulary import Field, Kind, Origin, OutcomeKind, ThinkingMode, ToolFormat, WireFormat
from otel_dispatch.wording import Words, line_of, span_name

LINES: Final = 1_000_000

_CALLS: Final = 7
"""How many calls each run of the file has."""

_AT_ONCE: Final = 4_000
_BEGIN: Final = 1_789_000_000_000_000_000
_ORIGINS: Final = {str(name): Origin.CATALOG_DEFAULT for name in Field}


def main() -> int:
    """Make the file, audit it in a process of its own, and print what that took."""
    arguments = _arguments()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "records.jsonl"
        _write(path, arguments.lines, arguments.inherited)
        size = path.stat().st_size / 1e6
        seconds, cpu, megabytes, code = _audited(path)
    told = {
        "lines": arguments.lines,
        "file_mb": round(size, 1),
        "seconds": round(seconds, 2),
        "cpu_seconds": round(cpu, 2),
        "peak_mb": round(megabytes, 1),
        "exit_code": code,
    }
    if arguments.json:
        print(json.dumps(told))
    else:
        print("  ".join(f"{name} {value:,}" for name, value in told.items()))
    return 0 if code == (1 if arguments.inherited else 0) else 2


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lines", type=int, default=LINES)
    parser.add_argument("--inherited", type=int, default=50, metavar="N", help="one call in N inherits; 0: none does")
    parser.add_argument("--json", action="store_true")
    return parser.parse_args()


def _write(path: Path, count: int, inherited: int) -> None:
    lines: list[Words] = []
    for line in _lines(count, inherited):
        lines.append(line)
        if len(lines) == _AT_ONCE:
            append_all(str(path), lines)
            lines.clear()
    append_all(str(path), lines)


def _lines(count: int, inherited: int) -> Iterator[Words]:
    """Calls and, after every so many of them, the run that they were made in: each run a trace of its own."""
    names = Names(skill="implement", conversation="b7a1f0e2c4d94e5f", label="implement")
    rollup = Rollup(_CALLS, ("claude-sonnet-4-6",), ("anthropic",), 0, 0, 20 * _CALLS)
    for number in range(count):
        trace, step = divmod(number, _CALLS + 1)
        is_run = step == _CALLS
        is_inherited = bool(inherited) and not is_run and number % inherited == 0
        origins = {**_ORIGINS, "provider": Origin.INHERITED} if is_inherited else _ORIGINS
        dispatch = Dispatch(
            Kind.RUN_SKILL if is_run else Kind.LLM_CALL,
            "invoke_agent" if is_run else "chat",
            "anthropic",
            "claude-sonnet-4-6",
            WireFormat.ANTHROPIC_NATIVE,
            Thinking(ThinkingMode.EFFORT, True, None, "high"),
            ToolFormat.NATIVE,
            "api.anthropic.com",
            Provenance(**origins),
            Requested(None, "sonnet"),
            names=names if is_run else Names(),
            outcome=Outcome(OutcomeKind.SERVED, None, 20, 80),
            rollup=rollup if is_run else None,
        )
        end_ns = _BEGIN + number * 1_000_000
        yield line_of(
            dispatch, call_id=f"{end_ns:x}-{number:x}", end_ns=end_ns, extra=_extra(dispatch, trace, step, end_ns)
        )


def _extra(dispatch: Dispatch, trace: int, step: int, end_ns: int) -> Words:
    entry = f"{trace + 1:08x}{_CALLS:08x}"
    is_run = dispatch.rollup is not None
    return {
        "name": span_name(dispatch),
        "trace_id": f"{trace + 1:032x}",
        "otel_span_id": f"{trace + 1:08x}{step:08x}",
        "otel_parent_id": None if is_run else entry,
        "otel_entry_id": None if is_run else entry,
        "started": end_ns / 1e9 - 1.5,
        "duration_s": 1.5,
        "response_model": "claude-sonnet-4-6",
        "resend_count": 0,
        "usage": {"input": 1200, "output": 20, "cache_read": 1000},
    }


def _audited(path: Path) -> tuple[float, float, float, int]:
    began = time.perf_counter()
    arguments = [sys.executable, "-m", "otel_dispatch", "audit", str(path)]
    process = os.posix_spawn(sys.executable, arguments, os.environ)
    _, status, used = os.wait4(process, 0)
    # The unit is a kilobyte, and a byte on macOS.
    unit = 1 if sys.platform == "darwin" else 1024
    cpu = used.ru_utime + used.ru_stime
    return time.perf_counter() - began, cpu, used.ru_maxrss * unit / 1e6, os.waitstatus_to_exitcode(status)


if __name__ == "__main__":
    sys.exit(main())
