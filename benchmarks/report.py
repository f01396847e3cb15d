"""From times to rows, and from rows to the table that people read."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from .race import Times, differences, low
from .startup import Start, facts
from .timing import LONG, SHORT
from .wire import SIZES
from .wires import STREAMED, WIRES

FLOOR = "send chat 1 kB"
"""The case whose floor is "one floor span" where a row has no floor of its own."""

_NAMES = (*(f"send {wire.name}" for wire in WIRES), "chat", "async chat", "responses", "messages")
_STREAMS = (*(f"send {wire.name} stream" for wire in STREAMED), "chat stream", "messages stream")
_REQUESTS = ("GET /v1/models", "POST /v1/files")


@dataclass(frozen=True)
class Row:
    """What one kind of call costs, in microseconds; ``ratio`` is to the floor, and ``target`` the most it may be."""

    name: str
    base: float
    floor: float
    added: float
    added_p10: float
    ratio: float
    target: float


@dataclass(frozen=True)
class Report:
    """Everything that one run measured, and where."""

    machine: dict[str, Any]
    rounds: int
    rows: list[Row]
    starts: list[Start]


def rows_of(times: Times) -> list[Row]:
    """The rows of the table, in its order."""
    sizes = [(name, size) for size in SIZES for name in _NAMES]
    calls = [_call(times, f"{name} {size}", "ours", "base", 2.0 if size == "1 kB" else 3.0) for name, size in sizes]
    enriched = [_call(times, f"{name} {size}", "enriched", "owner", 0.7) for name, size in sizes if "messages" in name]
    streams = [_chunk(times, name) for name in _STREAMS]
    return [*calls, *enriched, *streams, *(_request(times, name) for name in _REQUESTS)]


def table_of(report: Report) -> str:
    """*report* as people read it."""
    return "\n".join([*_head(report), "", *_calls(report.rows), "", *_starts(report.starts)])


def _call(times: Times, case: str, lane: str, base: str, target: float) -> Row:
    floor, added = differences(times, case, "floor", "base"), differences(times, case, lane, base)
    name = case if lane == "ours" else f"{case}, enriching"
    lows = low(times[case, lane]) - low(times[case, base])
    return _row(name, times[case, base], floor, added, lows, target)


def _chunk(times: Times, case: str) -> Row:
    long, short = (differences(times, case, f"ours {kind}", f"base {kind}") for kind in ("long", "short"))
    count = LONG - SHORT
    added = [(more - less) / count for more, less in zip(long, short, strict=True)]
    lows = [low(times[case, f"{who} {kind}"]) for who in ("ours", "base") for kind in ("long", "short")]
    base = [time / LONG for time in times[case, "base long"]]
    floor = differences(times, FLOOR, "floor", "base")
    return _row(f"{case}, a chunk", base, floor, added, (lows[0] - lows[1] - lows[2] + lows[3]) / count, 0.05)


def _request(times: Times, case: str) -> Row:
    floor, added = differences(times, FLOOR, "floor", "base"), differences(times, case, "ours", "base")
    lows = low(times[case, "ours"]) - low(times[case, "base"])
    return _row(f"{case}, not ours", times[case, "base"], floor, added, lows, 0.05)


def _row(name: str, base: list[float], floor: list[float], added: list[float], lows: float, target: float) -> Row:
    ratio = median(ours / least for ours, least in zip(added, floor, strict=True))
    return Row(name, median(base) / 1e3, median(floor) / 1e3, median(added) / 1e3, lows / 1e3, ratio, target)


def _head(report: Report) -> Iterator[str]:
    machine = report.machine
    where = "pinned to one" if machine["pinned"] else "not pinned"
    yield f"{machine['model']}, {machine['processors']} processors ({where}), {machine['system']}"
    packages = ", ".join(f"{name} {number}" for name, number in machine["packages"].items())
    yield f"Python {machine['python']}, {packages}"
    yield f"{report.rounds} rounds; microseconds, medians of paired differences; the ratio is to the floor's span"


def _calls(rows: Sequence[Row]) -> Iterator[str]:
    width = max(len(row.name) for row in rows)
    yield f"{'':{width}}  {'base':>8} {'floor':>8} {'added':>8} {'p10':>8} {'ratio':>7} {'target':>7}"
    for row in rows:
        figures = f"{row.base:8.1f} {row.floor:8.2f} {row.added:8.2f} {row.added_p10:8.2f}"
        yield f"{row.name:{width}}  {figures} {row.ratio:7.3f} {row.target:7.2f}"


def _starts(found: Sequence[Start]) -> Iterator[str]:
    width = max(len(start.name) for start in found)
    yield f"{'start-up':{width}}  {'ms':>8} {'p10':>8} {'modules':>8}  loaded"
    for start in found:
        figures = f"{start.median_ms:8.1f} {start.p10_ms:8.1f} {start.modules:8}"
        yield f"{start.name:{width}}  {figures}  {' '.join(start.loaded)}".rstrip()
    for fact, holds in facts(found).items():
        yield f"{'yes' if holds else 'NO '}  {fact}"
