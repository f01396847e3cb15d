"""Runs lanes side by side: every round in a new order, so that a machine that slows down slows them all."""

import gc
import os
import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from statistics import median, quantiles

from .lanes import Case

Times = dict[tuple[str, str], list[float]]
"""(case, lane) → nanoseconds per call, one figure a round."""

_SLICES = 5
_SLICE_NS = 800_000
_MOST_CALLS = 40


def run(cases: Sequence[Case], rounds: int, settle: Callable[[], object]) -> Times:
    """Run *cases* for *rounds*; *settle* runs after each slice, outside the clock."""
    order = random.Random(1)
    blocks = {(case.name, lane): _block(case, lane) for case in cases for lane in case.lanes}
    settle()
    times: Times = {key: [] for key in blocks}
    with _quiet():
        for _ in range(rounds):
            for case in order.sample(cases, len(cases)):
                gc.collect()
                for lane, taken in _round(case, blocks, order, settle).items():
                    times[case.name, lane].append(median(taken))
    return times


def differences(times: Times, case: str, lane: str, base: str) -> list[float]:
    """What *lane* takes longer than *base*, round by round."""
    return [late - early for late, early in zip(times[case, lane], times[case, base], strict=True)]


def low(values: Sequence[float]) -> float:
    """The tenth percentile: what a call takes when nothing disturbs it."""
    return quantiles(values, n=10)[0] if len(values) > 1 else values[0]


def pin() -> bool:
    """Keep this process on one processor where the system lets us; give whether it does."""
    if not hasattr(os, "sched_setaffinity"):
        return False
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    return True


def _round(
    case: Case, blocks: dict[tuple[str, str], int], order: random.Random, settle: Callable[[], object]
) -> dict[str, list[int]]:
    taken: dict[str, list[int]] = {lane: [] for lane in case.lanes}
    for _ in range(_SLICES):
        for lane in order.sample(list(case.lanes), len(case.lanes)):
            taken[lane] += case.lanes[lane](blocks[case.name, lane])
            settle()
    return taken


def _block(case: Case, lane: str) -> int:
    timer = case.lanes[lane]
    timer(3)
    return int(min(_MOST_CALLS, max(1, _SLICE_NS // median(timer(5)))))


@contextmanager
def _quiet() -> Iterator[None]:
    gc.collect()
    gc.freeze()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
        gc.unfreeze()
