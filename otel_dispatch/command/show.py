"""Show one run as a tree: what each step used, where that came from, and what came back."""

import json
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from . import DONE, since
from .asking import VARIABLE, shown
from .choice import Choice, choice_in
from .counted import counted
from .outline import Item, Row, draw
from .runs import duration, limit
from .source import records
from .step import step_of, trace_of
from .step_words import facts_of, head_of, hidden_row, remarks_of, sum_cells
from .table import Cell
from .tree import Node, Place, Sums, span_of_time, sums_of, trees_of, walk


def add_arguments(parser: ArgumentParser) -> None:
    """Declare what ``show`` takes."""
    what = f"a record file, or the URL of a Jaeger or a Tempo, asked with the headers in {VARIABLE}"
    parser.add_argument("source", metavar="SOURCE", help=what)
    parser.add_argument(
        "wanted",
        metavar="RUN",
        nargs="?",
        help="a trace id or the beginning of one, or a run's name, whose newest is shown (default: the newest run)",
    )
    parser.add_argument(
        "--since", type=since.moment, metavar="WHEN", help=f"look only at what ended since: {since.FORMS}"
    )
    parser.add_argument("--depth", type=limit, metavar="N", help="show N levels, and sums of what lies below")
    parser.add_argument("--brief", action="store_true", help="one row a step")
    parser.add_argument("--json", action="store_true", help="print the tree as nested objects")


def run(arguments: Namespace) -> int:
    """Print the tree of the run that is asked for."""
    choice = choice_in(arguments.source, arguments.wanted, arguments.since)
    roots, outer = ([], None) if choice is None else _asked(arguments.source, choice)
    trace = None if choice is None else choice.trace
    if arguments.json:
        sys.stdout.writelines(_json(trace, roots, arguments.depth))
    elif roots:
        draw(_title(trace, roots, outer), _items(roots, arguments.depth, arguments.brief))
    else:
        print(f"No runs in {shown(arguments.source)} yet.")
    return DONE


def _asked(source: str, choice: Choice) -> tuple[list[Node], str | None]:
    """The roots to show, and the name of the outermost run around them, where that is another."""
    found = (record for record in records(source, trace=choice.trace) if trace_of(record) == choice.trace)
    trees = trees_of(map(step_of, found))
    for root in trees if choice.span is not None else ():
        for node, depth in walk([root]):
            if node.step.span == choice.span:
                return [node], root.step.run.name if depth else None
    return trees, None


def _title(trace: str | None, roots: Sequence[Node], outer: str | None) -> Row:
    started, ended = span_of_time(roots)
    told = [Cell(f"trace {trace}" if trace else "records of no trace", "bold")]
    if started is not None:
        told.append(Cell(f"  {_instant(started)}"))
    if started is not None and ended is not None:
        told.append(Cell(f"  {duration(max(ended - started, 0.0))}"))
    told += _sums(sums_of(roots))
    if outer is not None:
        told.append(Cell(f"  part of {outer}", "dim"))
    if any(root.place is Place.NOT_SAID for root in roots) and len(roots) > 1:
        told.append(Cell("  not recorded: what ran below what", "dim"))
    return told


def _instant(seconds: float) -> str:
    try:
        return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%SZ}"
    except (ValueError, OverflowError, OSError):
        # No calendar has a day for it.
        return f"{seconds:g} s"


def _sums(sums: Sums) -> Iterator[Cell]:
    yield Cell(f"  {counted(sums.steps, 'step')}")
    for cell in sum_cells(sums):
        yield Cell(f", {cell.text}", cell.style)


def _items(roots: Sequence[Node], levels: int | None, is_brief: bool) -> Iterator[Item]:
    waiting = [(node, 0, node is roots[-1]) for node in reversed(roots)]
    while waiting:
        node, depth, is_last = waiting.pop()
        is_cut = levels is not None and depth + 1 >= levels
        yield Item(_rows(node, is_brief, is_cut), depth, is_last, bool(node.below))
        if is_cut and node.below:
            yield Item([hidden_row(sums_of(node.below))], depth + 1, True, False)
        elif node.below:
            waiting.extend((each, depth + 1, each is node.below[-1]) for each in reversed(node.below))


def _rows(node: Node, is_brief: bool, is_cut: bool) -> list[Row]:
    rows = [head_of(node.step)]
    if is_brief:
        return rows
    # An entry has most of its facts from its calls, which then tell them.
    if is_cut or not node.below or any(each.step.facts != node.step.facts for each in node.below):
        rows += facts_of(node.step)
    remarks = remarks_of(node)
    return [*rows, remarks] if remarks else rows


def _json(trace: str | None, roots: Sequence[Node], levels: int | None) -> Iterator[str]:
    """The trees as JSON in pieces: written without recursion, as a trace may be deeper than Python's stack."""
    started, ended = span_of_time(roots)
    head = {"trace_id": trace, "started": started, "ended": ended}
    yield f'{json.dumps(head)[:-1]}, "runs": ['
    before = -1
    for node, depth in walk(roots):
        if levels is not None and depth >= levels:
            continue
        yield "]}" * (before - depth + 1) + ("," if depth <= before else "") + "\n" + " " * min(depth + 1, 32)
        told = {**node.step.as_json(), "place": node.place}
        if levels is not None and depth + 1 == levels:
            told["steps_below"] = sums_of(node.below).steps
        yield f'{json.dumps(told)[:-1]}, "below": ['
        before = depth
    yield "]}" * (before + 1) + "]}\n"
