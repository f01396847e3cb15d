"""Show the runs of entry points that a record file holds, newest last; its model calls where it holds no run."""

import json
import sys
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Sequence

from .. import recordfile
from ..vocabulary import FAILED, OutcomeKind
from . import DONE
from .run import Run, run_of
from .table import Cell, show

_TITLES = ("run", "kind", "agent or skill", "model", "provider", "status", "time", "inherited")
_STYLES = {**{str(kind): "red" for kind in FAILED}, str(OutcomeKind.SERVED): "green"}


def add_arguments(parser: ArgumentParser) -> None:
    """Declare what ``runs`` takes."""
    parser.add_argument("source", metavar="SOURCE", help="the record file (DISPATCH_OTEL_RECORD_FILE)")
    parser.add_argument("--json", action="store_true", help="print a JSON array")
    parser.add_argument("--limit", type=_limit, metavar="N", help="show the newest N only")


def run(arguments: Namespace) -> int:
    """Print the runs."""
    found = runs_in(arguments.source)
    shown = found[-arguments.limit :] if arguments.limit else found
    if arguments.json:
        print(json.dumps([each.as_json() for each in shown], indent=2))
    elif not shown:
        print(f"No runs in {arguments.source} yet.")
    else:
        print_runs(shown)
        if not shown[0].is_entry:
            print("No entry point ran here: these are single model calls.", file=sys.stderr)
    return DONE


def runs_in(source: str) -> list[Run]:
    """The runs of entry points in the file *source*, or its calls where there are none, oldest first."""
    everything = [run_of(record) for record in recordfile.read(source)]
    return [each for each in everything if each.is_entry] or everything


def print_runs(runs: Sequence[Run]) -> None:
    """Print *runs* as a table."""
    show(_TITLES, [_row(each) for each in runs])


def duration(seconds: float | None) -> str:
    """*seconds* for people: ``12 ms``, ``1.2 s``, ``3 min 05 s``, ``2 h 05 min``; "" where not known."""
    if seconds is None:
        return ""
    if round(seconds * 1000) < 1000:
        return f"{seconds * 1000:.0f} ms"
    if round(seconds, 1) < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02} min"


def inheritance(each: Run) -> str:
    """The inherited fields, joined; or how many of the calls below inherited, where some did and some did not."""
    some, calls = each.inherited_calls or 0, each.calls or 0
    if some and (some < calls or not each.inherited_fields):
        return f"{some} of {calls} calls"
    return ", ".join(each.inherited_fields)


def _row(each: Run) -> list[Cell]:
    inherited = inheritance(each)
    return [
        Cell(each.name, "bold yellow" if inherited else "bold"),
        Cell(each.kind or ""),
        Cell(each.who),
        Cell(_several(each.models, "models")),
        Cell(_several(each.providers, "providers")),
        Cell(" ".join(filter(None, (each.outcome, each.outcome_class))), _STYLES.get(each.outcome or "", "yellow")),
        Cell(duration(each.duration_s)),
        Cell(inherited, "bold yellow"),
    ]


def _several(values: Sequence[str], what: str) -> str:
    return f"{len(values)} {what}" if len(values) > 1 else "".join(values)


def _limit(word: str) -> int:
    if not word.isdecimal() or int(word) == 0:
        raise ArgumentTypeError(f"{word!r} is not a whole number above 0")
    return int(word)
