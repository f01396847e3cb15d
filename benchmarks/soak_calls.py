"""A great many calls in one process over a transport in memory: whether memory grows with them, in a table's rows."""

import json
import subprocess
import sys
from statistics import linear_regression
from typing import Any, Final

from .soak_processes import ROOT, SilentError
from .soak_verdict import BROKEN, KEPT, Row

FEWEST: Final = 1_000
BYTES: Final = 2.0
"""The most bytes that a call may leave behind; what the allocator keeps for itself wanders by as much."""

_LOOKS: Final = 20
_WARM: Final = 4
_ROOM: Final = 256 * 1024
_CALLS_A_SECOND: Final = 300


def rows(calls: int) -> list[Row]:
    """The rows of so many calls, made in a process of their own."""
    command = [sys.executable, "-m", "benchmarks.soak_calls", str(calls)]
    try:
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60 + calls / _CALLS_A_SECOND)
    except subprocess.TimeoutExpired as error:
        raise SilentError(f"{calls:,} calls were not made within {error.timeout:.0f} s.") from None
    if done.returncode:
        raise SilentError(f"the calls failed: {done.stderr[-500:]}")
    return rows_of(json.loads(done.stdout))


def rows_of(told: dict[str, Any]) -> list[Row]:
    """What was *told* of the calls, as rows."""
    looks = told["memory"][_WARM:]
    step = told["calls"] / _LOOKS
    slope = linear_regression([step * number for number in range(len(looks))], looks).slope
    grown = looks[-1] - looks[0]
    said = f"{slope:+.3f} bytes a call; {looks[0] / 1e6:.1f} MB, then {looks[-1] / 1e6:.1f} MB"
    # Of few calls one page more or less makes many bytes a call.
    is_flat = slope <= BYTES or grown <= _ROOM
    return [
        Row("a span a call", f"{told['spans']:,} spans of {told['calls']:,} calls", "equal", _verdict(told, "spans")),
        Row("open spans", str(told["open"]), "0", KEPT if told["open"] == 0 else BROKEN),
        Row("memory", said, f"at most {BYTES:.0f} bytes a call", KEPT if is_flat else BROKEN),
        Row("time", f"{told['seconds']:.1f} s", "", ""),
    ]


def _verdict(told: dict[str, Any], name: str) -> str:
    return KEPT if told[name] == told["calls"] else BROKEN


def main(calls: int) -> dict[str, Any]:
    """Make the calls, a third of them streamed, and look at the memory now and then."""
    import gc
    import time

    import httpx2
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor

    import otel_dispatch
    from otel_dispatch import aloft

    from .soak_worker import Counted, resident
    from .wire import pieces, whole
    from .wires import CHAT

    counted, provider = Counted(), TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(counted))
    otel_dispatch.instrument(tracer_provider=provider)
    answers = [whole(CHAT.answer), whole(CHAT.answer), pieces(CHAT.chunks(12), CHAT.stream_headers())]
    clients = [httpx2.Client(transport=transport) for transport in answers]
    bodies = [CHAT.body(1_000), CHAT.body(1_000), CHAT.body(1_000, stream=True)]
    memory, began = [], time.perf_counter()
    for number in range(calls):
        kind = number % 3
        with clients[kind].stream("POST", CHAT.url, content=bodies[kind]) as response:
            response.read()
        if (number + 1) % (calls // _LOOKS) == 0:
            memory.append(resident())
    seconds = time.perf_counter() - began
    gc.collect()
    spans = sum(counted.take().values())
    return {"calls": calls, "spans": spans, "open": aloft.count(), "memory": memory, "seconds": seconds}


if __name__ == "__main__":
    print(json.dumps(main(int(sys.argv[1]))))
