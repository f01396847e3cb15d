"""The steps of one trace as trees: what ran below what, whatever is missing or wrong in what was recorded."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from ..vocabulary import FAILED
from .run import Run
from .step import Step


class Place(StrEnum):
    """How surely it is known where a step belongs."""

    SAID = "said"
    OUTERMOST = "outermost"
    BELOW_ENTRY = "below_entry"
    PARENT_MISSING = "parent_missing"
    CYCLE = "cycle"
    NOT_SAID = "not_said"


@dataclass(slots=True, eq=False)
class Node:
    """A step, why it stands where it stands, and the steps below it, first started first."""

    step: Step
    place: Place
    below: list["Node"] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Sums:
    """How many steps there are, of which calls and launches, and how many of these inherited and failed."""

    steps: int = 0
    calls: int = 0
    inherited: int = 0
    failed: int = 0


def trees_of(steps: Iterable[Step]) -> list[Node]:
    """The *steps* of one trace, each once, as trees whose roots stand in the order in which they started.

    A step is below its parent; where that is not recorded, below the nearest entry that ran around it. Where that is
    not known either, or the parents go in a circle, it is a root. Clocks are compared between siblings alone.
    """
    nodes = [Node(step, Place.OUTERMOST) for step in _once(steps)]
    by_span: dict[str, Node] = {}
    for node in nodes:
        if node.step.span is not None:
            by_span.setdefault(node.step.span, node)
    above = {node: _above(node, by_span) for node in nodes}
    for node in _first_of_circles(nodes, above):
        above[node], node.place = None, Place.CYCLE
    for node, parent in above.items():
        if parent is not None:
            parent.below.append(node)
    for node in nodes:
        node.below.sort(key=_start)
    return sorted((node for node in nodes if above[node] is None), key=_start)


def walk(roots: Sequence[Node]) -> Iterator[tuple[Node, int]]:
    """Every node below *roots* and the roots themselves, each before what is below it, with its depth from 0 on."""
    waiting = [(node, 0) for node in reversed(roots)]
    while waiting:
        node, depth = waiting.pop()
        yield node, depth
        waiting.extend((each, depth + 1) for each in reversed(node.below))


def sums_of(roots: Sequence[Node]) -> Sums:
    """The sums over everything in the trees of *roots*."""
    found = [node.step for node, _ in walk(roots)]
    calls = [step.run for step in found if not step.run.is_entry]
    return Sums(
        len(found),
        len(calls),
        sum(bool(run.inherited_fields) for run in calls),
        sum(run.outcome in FAILED for run in calls),
    )


def span_of_time(roots: Sequence[Node]) -> tuple[float | None, float | None]:
    """When the first step of the trees started and the last ended, in Unix seconds, as the clocks of each tell it."""
    runs = [node.step.run for node, _ in walk(roots)]
    started = [run.started for run in runs if run.started is not None]
    ended = [end for run in runs if (end := _end(run)) is not None]
    return min(started, default=None), max(ended, default=None)


def _end(run: Run) -> float | None:
    # The moment of its end is told in whole milliseconds.
    return run.ended if run.started is None or run.duration_s is None else run.started + run.duration_s


def _once(steps: Iterable[Step]) -> list[Step]:
    # Several attempts may share somebody else's span; each has a call id of its own.
    found: dict[object, Step] = {}
    for step in steps:
        key = object() if step.span is None else (step.span, step.call_id)
        found.setdefault(key, step)
    return list(found.values())


def _above(node: Node, by_span: dict[str, Node]) -> Node | None:
    step = node.step
    if step.parent is not None and (parent := by_span.get(step.parent)) is not None:
        node.place = Place.SAID
        return parent
    if step.entry is not None and (entry := by_span.get(step.entry)) is not None:
        node.place = Place.BELOW_ENTRY
        return entry
    if step.parent is not None or step.entry is not None:
        node.place = Place.PARENT_MISSING
    elif not step.places:
        node.place = Place.NOT_SAID
    return None


def _first_of_circles(nodes: Sequence[Node], above: dict[Node, Node | None]) -> list[Node]:
    found, done = [], set[Node]()
    for node in nodes:
        path: dict[Node, None] = {}
        here: Node | None = node
        while here is not None and here not in done and here not in path:
            path[here] = None
            here = above[here]
        if here is not None and here in path:
            circle = list(path)[list(path).index(here) :]
            found.append(min(circle, key=_start))
        done.update(path)
    return found


def _start(node: Node) -> float:
    run = node.step.run
    if run.started is not None:
        return run.started
    return run.ended if run.ended is not None else float("inf")
