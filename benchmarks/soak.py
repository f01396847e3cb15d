"""Whether we last: calls, faults and a collector that comes and goes, for as long as you like.

``python -m benchmarks.soak [--seconds 600] [--streams 200] [--threads 32] [--seed N]`` has two processes call in
turn, one with us and one without; ``--calls N`` makes so many calls in one process and looks at its memory.
"""

import argparse
import json
import math
import os
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import asdict
from itertools import cycle
from typing import Any, Final

from . import soak_calls, soak_memory
from .soak_processes import Child, Collector, SilentError
from .soak_verdict import Found, Row, is_broken, rows_of, table_of

_SLICE_SECONDS: Final = 10.0
_GRACE: Final = 90.0
_ARRIVES_WITHIN: Final = 3.0
_DONE, _FOUND_WRONG, _MISUSED = 0, 1, 2


def main(arguments: list[str] | None = None) -> int:
    """Soak, print the table, and give 1 where a promise is broken."""
    given = _arguments(arguments)
    try:
        rows = soak_calls.rows(given.calls) if given.calls else _soaked(given)
    except SilentError as error:
        sys.stderr.write(f"{error}\n")
        return _MISUSED
    rows += soak_memory.rows()
    print(json.dumps([asdict(row) for row in rows], indent=2) if given.json else table_of(rows))
    return _FOUND_WRONG if is_broken(rows) else _DONE


def _arguments(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.soak", description=__doc__)
    parser.add_argument("--seconds", type=float, default=600.0, help="how long all of it takes, about (600)")
    parser.add_argument("--streams", type=int, default=200, help="asynchronous clients (200)")
    parser.add_argument("--threads", type=int, default=32, help="clients on a thread each (32)")
    parser.add_argument("--rate", type=float, default=150.0, help="calls a second of all clients together (150)")
    parser.add_argument("--seed", type=int, default=1, help="of what is random (1)")
    parser.add_argument("--calls", type=int, default=0, metavar="N", help="make N calls in one process instead")
    parser.add_argument("--json", action="store_true", help="print JSON in place of the table")
    given = parser.parse_args(arguments)
    if os.environ.get("DISPATCH_OTEL"):
        parser.error("unset DISPATCH_OTEL: one of the two processes has to be without us.")
    if sys.platform == "win32":
        parser.error("this needs signals that Windows does not have.")
    if not (
        math.isfinite(given.seconds) and given.seconds > 0 and given.rate > 0 and min(given.streams, given.threads) > 0
    ):
        parser.error("--seconds, --rate, --streams and --threads are numbers above 0.")
    if given.calls and given.calls < soak_calls.FEWEST:
        parser.error(f"--calls is at least {soak_calls.FEWEST}.")
    return given


def _soaked(given: argparse.Namespace) -> list[Row]:
    with ExitStack() as stack:
        provider = stack.enter_context(Child("soak_provider"))
        url = f"http://127.0.0.1:{provider.answer()}"
        collector = stack.enter_context(Collector())
        ours = stack.enter_context(Child("soak_worker", url, **_switched_on(collector)))
        plain = stack.enter_context(Child("soak_worker", url))
        slices = _slices(given, collector, ours, plain)
        return rows_of(_ended(slices, collector, ours, plain))


def _switched_on(collector: Collector) -> dict[str, str]:
    return {"DISPATCH_OTEL": "1", "OTEL_EXPORTER_OTLP_ENDPOINT": collector.url}


def _slices(
    given: argparse.Namespace, collector: Collector, ours: Child, plain: Child
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Have both call in turn, and meanwhile the collector come and go, half-way through each slice of ours."""
    moves = cycle((collector.stay, collector.kill, collector.restart, collector.hang, collector.go_on))
    seconds = min(_SLICE_SECONDS, given.seconds / 4)
    found: tuple[list[dict[str, Any]], list[dict[str, Any]]] = ([], [])
    until, number = time.monotonic() + given.seconds, 0
    while not number or time.monotonic() + 2 * seconds <= until:
        what = {"seed": given.seed * 1_009 + number, "seconds": seconds, "rate": given.rate}
        what |= {"streams": given.streams, "threads": given.threads}
        # Whoever is first in one pair is second in the next.
        for is_ours in (number % 2 == 0, number % 2 == 1):
            child = ours if is_ours else plain
            child.ask(**what)
            if is_ours:
                _half_way(next(moves), seconds)
            found[not is_ours].append(child.answer(seconds + _GRACE))
        number += 1
    return found


def _half_way(move: Callable[[], None], seconds: float) -> None:
    time.sleep(seconds / 2)
    move()


def _ended(
    slices: tuple[list[dict[str, Any]], list[dict[str, Any]]], collector: Collector, ours: Child, plain: Child
) -> Found:
    """Have both leave, with spans waiting to be sent and a collector that does not answer."""
    last = {"seed": 0, "seconds": 1.0, "rate": 60.0, "streams": 4, "threads": 2}
    was_away = collector.was_away
    collector.restart()
    # What has waited for it comes now.
    time.sleep(_ARRIVES_WITHIN)
    collector.hang()
    ours.ask(**last)
    ours.answer(_GRACE)
    exits = ours.leave(), plain.leave()
    collector.go_on()
    return Found(*slices, collector.count(), was_away, ours.complaints(), exits)


if __name__ == "__main__":
    sys.exit(main())
