"""Where the time of one call goes: ``python -m benchmarks.parts [--wire chat] [--size "1 kB"] [--enriching]``.

Each step is timed where it runs, without the steps within it. A clock in so short a step takes as long as the step, so
that only the shares of the steps are taken from there; the whole that they share is measured without any clock in it.
"""

import argparse
import gc
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import replace
from statistics import median
from typing import Any, Final
from unittest.mock import patch

import httpx2
from opentelemetry.sdk.trace import Span, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import SpanKind

import otel_dispatch
from otel_dispatch import context, emit, foreign, outcome, store, transit
from otel_dispatch.transports import httpx as seam

from . import race
from .floor import Floored, Plain, Watched, recorded
from .nowhere import Nowhere
from .wire import SIZES, Wire, whole
from .wires import WIRES

_CALLS: Final = 20

_STEPS: Final[tuple[tuple[str, Any, str], ...]] = (
    ("tell request, host and options apart", seam, "_depart"),
    ("see whether anybody listens, and where we are", transit, "take_off"),
    ("tell provider and origins", transit, "told_of"),
    ("read what the environment pins", transit, "pins"),
    ("look for somebody's span", emit, "foreign_inference"),
    ("start the span", store, "start"),
    ("write on the span", store, "put"),
    ("write on somebody's span", foreign.Foreign, "write"),
    ("enter the span's context", emit.Flight, "enter"),
    ("leave it", context, "detach"),
    ("look at status and headers", emit.Flight, "answered"),
    ("judge the outcome", outcome, "outcome_of_reply"),
    ("put the answer in words", emit.Flight, "_final_words"),
    ("count, and tell the entries above", emit.Flight, "_tell"),
    ("end the span", Span, "end"),
)


class Clock:
    """What each step took in one call, and the steps that are being timed."""

    def __init__(self) -> None:
        self.taken: dict[str, list[int]] = {}
        self._within: list[int] = []

    def timed(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """*function*, timed as *name*."""
        taken, within, clock = self.taken.setdefault(name, []), self._within, time.perf_counter_ns

        def call(*args: Any, **kwargs: Any) -> Any:
            within.append(0)
            began = clock()
            try:
                return function(*args, **kwargs)
            finally:
                whole_ns = clock() - began
                taken.append(whole_ns - within.pop())
                if within:
                    within[-1] += whole_ns

        return call


def main(arguments: list[str] | None = None) -> int:
    """Measure, and print the table."""
    given = _arguments(arguments)
    wire = next(wire for wire in WIRES if wire.name == given.wire)
    race.pin()
    said = recorded([wire])[wire.name]
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(Nowhere()))
    otel_dispatch.instrument(tracer_provider=provider)
    transport, tracer = whole(wire.answer), provider.get_tracer("owner")
    words = {name: value for name, value in said.start.items() if not name.startswith("dispatch.")}

    def owned() -> Any:
        return tracer.start_as_current_span(said.name, kind=SpanKind.CLIENT, attributes=words)

    around = owned if given.enriching else nullcontext
    lanes = {
        "base": (Plain(transport=transport), around),
        "floor": (Floored(provider.get_tracer("floor"), said, transport=transport), nullcontext),
        "alone": (Plain(transport=transport), nullcontext),
        "ours": (Watched(transport=transport), around),
    }
    try:
        took = _took(lanes, given, wire, provider.force_flush)
        with _clocked(wire, given.enriching) as clock:
            _took({"ours": lanes["ours"]}, given, wire, provider.force_flush)
    finally:
        otel_dispatch.uninstrument()
        provider.shutdown()
    print(_table(took["ours"] - took["base"], took["floor"] - took["alone"], clock, given.rounds * _CALLS))
    return 0


def _arguments(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.parts", description=__doc__)
    parser.add_argument("--wire", default="chat", choices=[wire.name for wire in WIRES], help="which call (chat)")
    parser.add_argument("--size", default="1 kB", choices=list(SIZES), help="of the request's body (1 kB)")
    parser.add_argument("--rounds", type=int, default=60, help="of 20 calls each (60)")
    parser.add_argument("--enriching", action="store_true", help="on somebody's own span")
    return parser.parse_args(arguments)


def _took(
    lanes: dict[str, tuple[httpx2.Client, Callable[[], Any]]],
    given: argparse.Namespace,
    wire: Wire,
    settle: Callable[[], object],
) -> dict[str, float]:
    """The nanoseconds of one call in each lane; rounds of all lanes, so that a slow machine slows them all."""
    taken: dict[str, list[float]] = {name: [] for name in lanes}
    gc.collect()
    gc.disable()
    try:
        for _ in range(given.rounds):
            for name, (client, around) in lanes.items():
                taken[name].append(median(_times(client, around, wire, given.size)))
            settle()
            gc.collect()
    finally:
        gc.enable()
    return {name: median(times) for name, times in taken.items()}


def _times(client: httpx2.Client, around: Callable[[], Any], wire: Wire, size: str) -> Iterator[int]:
    headers = {"content-type": "application/json"}
    request = client.build_request("POST", wire.url, content=wire.body(SIZES[size]), headers=headers)
    for _ in range(_CALLS):
        began = time.perf_counter_ns()
        with around():
            client.send(request)
        yield time.perf_counter_ns() - began


@contextmanager
def _clocked(wire: Wire, is_enriching: bool) -> Iterator[Clock]:
    """A clock around each step; the seam looks each of them up when it needs it."""
    clock = Clock()
    route = transit.route_at(wire.path)
    if route is None:
        raise ValueError(f"{wire.path} is nobody's path")
    dialect, path = route
    timed = replace(
        dialect,
        request=clock.timed("read the request", dialect.request),
        reply=clock.timed("read the answer", dialect.reply),
    )
    with ExitStack() as stack:
        stack.enter_context(patch.object(seam, "route_at_raw", lambda _: (timed, path)))
        for name, owner, attribute in _STEPS:
            if is_enriching and owner is Span:
                continue  # It is its owner who ends it.
            function = getattr(owner, attribute)
            stack.enter_context(patch.object(owner, attribute, clock.timed(name, function)))
        yield clock


def _table(added: float, floor: float, clock: Clock, calls: int) -> str:
    nothing = _own_time()
    steps = {name: max(0.0, sum(times) / calls - nothing) for name, times in clock.taken.items()}
    share = added / sum(steps.values())
    parts = sorted(((name, ns * share) for name, ns in steps.items() if ns), key=lambda each: -each[1])
    return "\n".join(_lines([*parts, ("one call", added), ("the floor", floor)], floor))


def _lines(parts: Sequence[tuple[str, float]], floor: float) -> Iterator[str]:
    width = max(len(name) for name, _ in parts)
    yield f"{'':{width}}  {'µs':>6}  {'floors':>6}"
    for name, ns in parts:
        yield f"{name:{width}}  {ns / 1e3:6.2f}  {ns / floor:6.3f}"


def _own_time() -> float:
    """The nanoseconds that a clock around nothing says."""
    clock = Clock()
    nothing = clock.timed("", lambda: None)
    for _ in range(10_000):
        nothing()
    return median(clock.taken[""])


if __name__ == "__main__":
    sys.exit(main())
