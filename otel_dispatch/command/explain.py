"""Tell what a call would dispatch and where each value would come from, without sending it.

The request is made as an SDK would make it, and read by the very code that reads a real one. The exit code is 1 where
the call would raise the alarm: a value that nobody chose is inherited from the primary.
"""

import json
import sys
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from ..definition import reason_of
from ..legible import LINE, clean
from ..recordfile import UnreadableError
from . import DONE, FOUND_WRONG
from .table import Cell, show

if TYPE_CHECKING:
    from .explained import Explained

_TITLES = ("field", "value", "where from", "why")
_STYLES = {"inherited_from_primary": "bold yellow", "unknown": "dim"}


def add_arguments(parser: ArgumentParser) -> None:
    """Declare what ``explain`` takes."""
    parser.add_argument("--base-url", metavar="URL", help="where the client is to go (default: as the SDK decides)")
    parser.add_argument("--model", metavar="MODEL", help="the model that is asked for")
    parser.add_argument("--wire-format", metavar="FORMAT", help="what is spoken (default: what the host speaks)")
    parser.add_argument("--thinking", metavar="HOW", help="off, on, adaptive, a level such as high, or a budget")
    parser.add_argument("--body", metavar="FILE", help="the JSON body to send (-: standard input)")
    parser.add_argument("--env", metavar="NAME=VALUE", type=_pair_of("="), action="append", default=[])
    parser.add_argument(
        "--header",
        metavar="NAME:VALUE",
        type=_pair_of(":"),
        action="append",
        default=[],
        help="a header of the answer, which may prove who answers; or the SDK's own count of its retries",
    )
    parser.add_argument("--primary-provider", metavar="NAME", help="explain it inside an escalation from this provider")
    parser.add_argument("--primary-model", metavar="MODEL", help="explain it inside an escalation from this model")
    parser.add_argument("--json", action="store_true", help="print a JSON object, with the attributes of the span")


def run(arguments: Namespace) -> int:
    """Print what the call would dispatch."""
    from .explained import explained
    from .likely import Asked

    primary = {"provider": arguments.primary_provider, "model": arguments.primary_model}
    told = explained(
        Asked(arguments.base_url, arguments.model, arguments.wire_format, arguments.thinking, _body(arguments.body)),
        dict(arguments.env),
        arguments.header,
        {name: value for name, value in primary.items() if value is not None},
    )
    if arguments.json:
        print(json.dumps(asdict(told), indent=2))
    else:
        _print(told)
    return FOUND_WRONG if told.inherited else DONE


def _print(told: "Explained") -> None:
    rows = []
    for each in told.fields:
        origin = Cell(each.origin, _STYLES.get(each.origin, ""))
        rows.append((Cell(each.field, "bold"), Cell(each.value, "cyan"), origin, Cell(each.why)))
    show(_TITLES, rows)
    print(f"\n{told.operation} at {told.host}, read as {told.dialect}")
    for note in told.notes:
        print(clean(note, LINE))


def _body(path: str | None) -> bytes | None:
    if path is None:
        return None
    try:
        return sys.stdin.buffer.read() if path == "-" else Path(path).read_bytes()
    except (OSError, ValueError) as error:
        raise UnreadableError(f"{path} cannot be read: {reason_of(error)}.") from error


def _pair_of(mark: str) -> Callable[[str], tuple[str, str]]:
    def pair(word: str) -> tuple[str, str]:
        name, found, value = word.partition(mark)
        if not found or not name.strip():
            # Without the word, which may hold a key.
            raise ArgumentTypeError(f"it is not of the form NAME{mark}VALUE")
        return name.strip(), value.strip() if mark == ":" else value

    return pair
