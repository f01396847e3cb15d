"""Tell what was inherited, what came back wrong, and where two facts disagree.

SOURCE is a record file, or the URL of a Jaeger or a Tempo; what several of them
tell counts once.

Model calls and launches are counted, each attempt by itself. A run of an entry
point sums up the calls below it, so of what is found on the run itself only that
is counted, once, which nothing below it shows. Each row has what was found for
one entry (the innermost run around the call), provider and model. Names need
memory: an entry is not known where over 20,000 other traces lie between its line
and the call's; the counts are right even so.

--json prints one object: "sources" (as they may be shown), "since" (Unix seconds
or null), "fail_on" (words, sorted), "calls" and "runs" (how many were looked at),
"failing" (how many findings fail), and "findings", those that fail first, then
the most frequent. A finding has "entry", "field" (provider, model, wire_format,
thinking, tool_format or outcome), "found" (inherited_from_primary, mismatch, or
the outcome's kind), "detail" (which mismatch, or the outcome's class),
"provider", "model", "count", "first" and "last" (when the dispatch ended, Unix
seconds), "trace_id" (of the last) and "fails". What is not known is null. Later
versions may add keys and take none away.

The exit code is 0 where nothing that fails was found, 1 where something was, and
2 where a source cannot be read or the command line is wrong.
"""

import heapq
import json
import sys
from argparse import ArgumentParser, Namespace, RawDescriptionHelpFormatter
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from itertools import repeat
from typing import Any, Final

from . import DONE, FOUND_WRONG, since
from .asking import VARIABLE, shown
from .counted import counted
from .ledger import Group, Ledger, Sum
from .runs import limit
from .seen import Seen
from .sighting import Sighting, sightings
from .table import Cell, show
from .watch import KNOWN, USUAL, Watch, watch

_TITLES: Final = ("entry", "field", "found", "provider", "model", "count", "first", "last", "trace", "verdict")

Row = tuple[Group, Sum]


def add_arguments(parser: ArgumentParser) -> None:
    """Declare what ``audit`` takes."""
    parser.formatter_class = RawDescriptionHelpFormatter
    what = f"a record file, or the URL of a Jaeger or a Tempo, asked with the headers in {VARIABLE}"
    parser.add_argument("sources", metavar="SOURCE", nargs="+", help=what)
    parser.add_argument("--since", type=since.moment, metavar="WHEN", help=f"only what ended since then: {since.FORMS}")
    known = f"words joined with commas that make it fail (default: {USUAL}): {', '.join(KNOWN)}"
    parser.add_argument("--fail-on", type=watch, default=USUAL, metavar="WORDS", help=known)
    parser.add_argument("--limit", type=limit, metavar="N", help="show the first N rows only; all are counted")
    parser.add_argument("--json", action="store_true", help="print a JSON object")


def run(arguments: Namespace) -> int:
    """Print what was found; give `FOUND_WRONG` where some of it is watched for."""
    watched: Watch = arguments.fail_on
    ledger = audited(arguments.sources, watched, arguments.since)
    rows = sorted(ledger.sums.items(), key=lambda row: _rank(row, watched))
    failing = sum(how.count for group, how in rows if watched.fails(group.found))
    if arguments.json:
        print(json.dumps(_as_json(arguments, ledger, rows, failing), indent=2))
    elif rows:
        show(_TITLES, [_row(row, watched) for row in rows[: arguments.limit]])
    sys.stderr.write(_summary(arguments.sources, ledger, rows, failing))
    return FOUND_WRONG if failing else DONE


def audited(sources: Sequence[str], watched: Watch, start: float | None = None) -> Ledger:
    """The sums over *sources* of what ended at or after *start*; raises `recordfile.UnreadableError`."""
    ledger, seen = Ledger(watched), Seen(len(sources))
    for source, told in _together(sources, start):
        if seen.is_new(told, source):
            ledger.add(told)
    ledger.close()
    return ledger


def _together(sources: Sequence[str], start: float | None) -> Iterator[tuple[int, Sighting]]:
    # In order of time, so that what several sources tell of one trace comes close together.
    streams = [zip(repeat(number), sightings(each, start)) for number, each in enumerate(sources)]
    return streams[0] if len(streams) == 1 else heapq.merge(*streams, key=lambda pair: pair[1].ended or 0.0)


def _rank(row: Row, watched: Watch) -> tuple[Any, ...]:
    (entry, found, provider, model), how = row
    words = (entry, *found, provider, model)
    return not watched.fails(found), -how.count, *(word or "" for word in words)


def _row(row: Row, watched: Watch) -> list[Cell]:
    (entry, found, provider, model), how = row
    fails = watched.fails(found)
    return [
        Cell(entry or "", "bold"),
        Cell(found.field or "not known"),
        Cell(" ".join(filter(None, (found.word, found.detail))), "bold yellow" if fails else "yellow"),
        Cell(provider or ""),
        Cell(model or ""),
        Cell(f"{how.count:,}", "bold"),
        Cell(_instant(how.first)),
        Cell(_instant(how.last)),
        Cell(how.trace or ""),
        Cell("fails" if fails else "", "red"),
    ]


def _as_json(arguments: Namespace, ledger: Ledger, rows: Sequence[Row], failing: int) -> dict[str, Any]:
    watched: Watch = arguments.fail_on
    return {
        "sources": [shown(each) for each in arguments.sources],
        "since": arguments.since,
        "fail_on": sorted(watched.words),
        "calls": ledger.calls,
        "runs": ledger.entries,
        "failing": failing,
        "findings": [_finding(row, watched) for row in rows[: arguments.limit]],
    }


def _finding(row: Row, watched: Watch) -> dict[str, Any]:
    (entry, found, provider, model), how = row
    return {
        "entry": entry,
        "field": found.field,
        "found": found.word,
        "detail": found.detail,
        "provider": provider,
        "model": model,
        "count": how.count,
        "first": how.first,
        "last": how.last,
        "trace_id": how.trace,
        "fails": watched.fails(found),
    }


def _summary(sources: Sequence[str], ledger: Ledger, rows: Sequence[Row], failing: int) -> str:
    if not ledger.calls + ledger.entries:
        return f"No dispatches in {', '.join(map(shown, sources))}: there was nothing to look at.\n"
    found = sum(how.count for _, how in rows)
    looked = f"{counted(ledger.calls, 'call')} and {counted(ledger.entries, 'run')} looked at"
    return f"{looked}: {counted(found, 'finding')}, {failing:,} failing.\n" if found else f"{looked}: clean.\n"


def _instant(seconds: float | None) -> str:
    try:
        return "" if seconds is None else f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%SZ}"
    except (ValueError, OverflowError, OSError):
        return ""
