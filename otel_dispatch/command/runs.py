"""Show the runs of entry points that a record file, a Jaeger or a Tempo holds, newest last; else its model calls."""

import json
import sys
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Final

from ..vocabulary import FAILED, OutcomeKind
from . import DONE, since
from .asking import VARIABLE, shown
from .counted import only_or_count
from .run import Run, compared, run_of
from .source import records
from .table import Cell, show

_TITLES: Final = (
    *("run", "kind", "agent or skill", "model", "provider", "status", "time", "inherited", "mismatch", "definition"),
)
_SUMS: Final = ("provider", "model", "status", "calls", "inherited", "mismatch")
_CHANGED: Final = "changed since this run"
_STYLES = {**{str(kind): "red" for kind in FAILED}, str(OutcomeKind.SERVED): "green"}


@dataclass(frozen=True, slots=True)
class Sum:
    """How many calls ended alike: the same provider, model and outcome."""

    provider: str | None
    model: str | None
    outcome: str | None
    outcome_class: str | None
    calls: int
    inherited_calls: int
    mismatch_calls: int


def add_arguments(parser: ArgumentParser) -> None:
    """Declare what ``runs`` takes."""
    told = f"a record file, or the URL of a Jaeger or a Tempo, asked with the headers in {VARIABLE}"
    parser.add_argument("source", metavar="SOURCE", help=told)
    parser.add_argument("--since", type=since.moment, metavar="WHEN", help=f"only what ended since then: {since.FORMS}")
    parser.add_argument("--json", action="store_true", help="print a JSON array")
    parser.add_argument("--limit", type=limit, metavar="N", help="show the newest N only")
    parser.add_argument("--inherited", action="store_true", help="only where a field was inherited")
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--calls", action="store_true", help="show the single model calls")
    what.add_argument("--outcomes", action="store_true", help="count the calls by provider, model and outcome")


def run(arguments: Namespace) -> int:
    """Print the runs, the calls, or how the calls ended."""
    if arguments.outcomes:
        return _print_sums(arguments)
    read = calls_in if arguments.calls else runs_in
    found = read(arguments.source, arguments.since)
    wanted = (each for each in found if inheritance(each) or not arguments.inherited)
    told = [compared(each) for each in deque(wanted, arguments.limit)]
    if arguments.json:
        print(json.dumps([each.as_json() for each in told], indent=2))
    elif not told:
        _say_nothing(arguments)
    else:
        print_runs(told)
        if not arguments.calls and not told[0].is_entry:
            print("No entry point ran here: these are single model calls.", file=sys.stderr)
    return DONE


def runs_in(source: str, start: float | None = None) -> list[Run]:
    """The runs of entry points in *source*, or its calls where there are none, oldest first."""
    everything = [run_of(record) for record in records(source, since=start)]
    return [each for each in everything if each.is_entry] or everything


def calls_in(source: str, start: float | None = None) -> Iterator[Run]:
    """The model calls and launches in *source*, oldest first."""
    return (each for each in map(run_of, records(source, since=start)) if not each.is_entry)


def sums_of(calls: Iterator[Run]) -> list[Sum]:
    """How the *calls* ended, by provider and model, the most frequent outcome first."""
    counts: Counter[tuple[str | None, str | None, str | None, str | None]] = Counter()
    inherited, mismatched = Counter(counts), Counter(counts)
    for each in calls:
        key = (each.provider, each.model, each.outcome, each.outcome_class)
        counts[key] += 1
        inherited[key] += bool(each.inherited_fields)
        mismatched[key] += bool(each.mismatch)
    alike = sorted(counts, key=lambda key: (key[0] or "", key[1] or "", -counts[key], key[2] or "", key[3] or ""))
    return [Sum(*key, counts[key], inherited[key], mismatched[key]) for key in alike]


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


def _print_sums(arguments: Namespace) -> int:
    calls = (
        each for each in calls_in(arguments.source, arguments.since) if each.inherited_fields or not arguments.inherited
    )
    sums = sums_of(calls)[-(arguments.limit or 0) :]
    if arguments.json:
        print(json.dumps([asdict(each) for each in sums], indent=2))
    elif not sums:
        _say_nothing(arguments)
    else:
        show(_SUMS, [_sum_row(each) for each in sums])
    return DONE


def _say_nothing(arguments: Namespace) -> None:
    what = "calls" if arguments.calls or arguments.outcomes else "runs"
    which = f"{what} that inherited anything" if arguments.inherited else what
    print(f"No {which} in {shown(arguments.source)} yet.")


def _row(each: Run) -> list[Cell]:
    inherited = inheritance(each)
    return [
        Cell(each.name, "bold yellow" if inherited else "bold"),
        Cell(each.kind or ""),
        Cell(each.who),
        Cell(only_or_count(each.models, "model")),
        Cell(only_or_count(each.providers, "provider")),
        Cell(each.status, _style(each.outcome)),
        Cell(duration(each.duration_s)),
        Cell(inherited, "bold yellow"),
        Cell(", ".join(_mismatch(each)), "yellow"),
        Cell(_CHANGED if each.definition_changed else "", "yellow"),
    ]


def _mismatch(each: Run) -> list[str]:
    # Who served may be told wrongly by the run's own host; the rest is only ever a call's, which tells it itself.
    return [word for word in each.mismatch if not each.is_entry or word.startswith("provider.")]


def _sum_row(each: Sum) -> list[Cell]:
    status = " ".join(filter(None, (each.outcome, each.outcome_class))) or "not known"
    return [
        Cell(each.provider or "", "bold"),
        Cell(each.model or ""),
        Cell(status, _style(each.outcome)),
        Cell(f"{each.calls:,}"),
        Cell(f"{each.inherited_calls:,}" if each.inherited_calls else "", "bold yellow"),
        Cell(f"{each.mismatch_calls:,}" if each.mismatch_calls else "", "yellow"),
    ]


def _style(outcome: str | None) -> str:
    return _STYLES.get(outcome or "", "yellow")


def limit(word: str) -> int:
    """The number above 0 that *word* is; raises `ArgumentTypeError` where it is none."""
    if not word.isdecimal() or int(word) == 0:
        raise ArgumentTypeError(f"{word!r} is not a whole number above 0")
    return int(word)
