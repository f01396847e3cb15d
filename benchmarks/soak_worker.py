"""A worker of the soak, with us or without: makes slices of calls when it is told to, and says what is left of them."""

import gc
import json
import os
import sys
import threading
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExporter, SpanExportResult

from . import soak_clients as clients
from .soak_ways import OUTCOMES, body_of

_SETTLES_WITHIN: Final = 5.0
_MODEL: Final = "gen_ai.request.model"
_OUTCOME: Final = "dispatch.outcome.kind"


class Counted(SpanExporter):
    """Counts the spans that have ended, by model and outcome."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.spans: Counter[tuple[str, str]] = Counter()

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Count them."""
        with self._lock:
            for span in spans:
                told = span.attributes or {}
                self.spans[str(told.get(_MODEL)), str(told.get(_OUTCOME))] += 1
        return SpanExportResult.SUCCESS

    def take(self) -> dict[tuple[str, str], int]:
        """Give the counts so far, and begin anew."""
        with self._lock:
            found, self.spans = self.spans, Counter()
        return found


def main() -> None:
    """Answer each line of standard input, the arguments of a slice, with a line of standard output."""
    url = sys.argv[1]
    counted = _with_us(url) if os.environ.get("DISPATCH_OTEL") else None
    for line in sys.stdin:
        sent = clients.run_slice(url, **json.loads(line))
        print(json.dumps(_left(sent, counted)), flush=True)


def _with_us(url: str) -> Counted:
    import httpx2

    # The first call has the SDK set up; it is counted by nobody.
    httpx2.post(f"{url}/v1/chat/completions", content=body_of("whole")).raise_for_status()
    counted = Counted()
    provider: Any = trace.get_tracer_provider()
    provider.add_span_processor(SimpleSpanProcessor(counted))
    return counted


def _left(sent: clients.Tally, counted: Counted | None) -> dict[str, Any]:
    spans = _spans(sent, counted) if counted is not None else {}
    return {
        "calls": sum(sent.calls.values()),
        "ways": dict(sent.calls),
        "taken": sent.taken,
        "tasks": clients.LEFT.pop(),
        "threads": threading.active_count(),
        "files": open_files(),
        "memory": resident(),
        **spans,
    }


def _spans(sent: clients.Tally, counted: Counted) -> dict[str, Any]:
    from otel_dispatch import aloft

    deadline = time.monotonic() + _SETTLES_WITHIN
    gc.collect()
    while aloft.count() and time.monotonic() < deadline:
        time.sleep(0.01)
    found = counted.take()
    by_way = Counter[str]()
    for (way, _), count in found.items():
        by_way[way] += count
    wrong = {f"{way} {kind}": n for (way, kind), n in found.items() if kind not in OUTCOMES.get(way, ())}
    return {
        "spans": sum(found.values()),
        "miscounted": {way: [n, by_way[way]] for way, n in sent.calls.items() if by_way[way] != n},
        "open": aloft.count(),
        "odd": wrong,
    }


def resident() -> int:
    """The memory that this process has, in bytes."""
    gc.collect()
    if sys.platform == "linux":
        return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    import resource

    # The most there was; the unit is a kilobyte, and a byte on macOS.
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def open_files() -> int:
    """How many file descriptors this process has open."""
    return len(os.listdir("/proc/self/fd" if sys.platform == "linux" else "/dev/fd"))


if __name__ == "__main__":
    main()
