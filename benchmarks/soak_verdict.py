"""What the soak has measured, held against what we promise: a row a promise, kept, broken or not to be told."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import linear_regression, median, quantiles
from typing import Any, Final

KEPT, BROKEN, UNTOLD = "kept", "BROKEN", "untold"
EXIT_SECONDS: Final = 1.5
SLOWER: Final = 1.05
KILOBYTES: Final = 50.0
"""The most that memory may grow in 1,000 calls beyond what it grows without us; garbage alone makes it wander."""

_ENOUGH_SLICES: Final = 8
_ENOUGH_CALLS: Final = 200
_WARM: Final = 2

Slice = dict[str, Any]


@dataclass(frozen=True)
class Row:
    """One promise, what was found, what was promised, and the verdict."""

    promise: str
    found: str
    limit: str
    verdict: str


@dataclass(frozen=True)
class Found:
    """All that one soak has measured: the slices of both workers, in order, and how they left."""

    ours: list[Slice]
    plain: list[Slice]
    arrived: int
    was_away: bool
    complaints: str
    exits: tuple[float, float]


def rows_of(found: Found) -> list[Row]:
    """A row for each promise."""
    return [*_counts(found), *_leaks(found), *_memory(found), *_speed(found), *_losses(found), *_exit(found)]


def is_broken(rows: Sequence[Row]) -> bool:
    """Whether any promise is."""
    return any(row.verdict == BROKEN for row in rows)


def table_of(rows: Sequence[Row]) -> str:
    """*rows* as people read them."""
    widths = [max(len(getattr(row, name)) for row in rows) for name in ("promise", "found", "limit")]
    lines = [
        "  ".join(f"{text:{width}}" for text, width in zip((row.promise, row.found, row.limit), widths, strict=True))
        for row in rows
    ]
    return "\n".join(f"{line}  {row.verdict}" for line, row in zip(lines, rows, strict=True))


def _judged(is_kept: bool) -> str:
    return KEPT if is_kept else BROKEN


def _counts(found: Found) -> Iterator[Row]:
    calls, spans = _sum(found.ours, "calls"), _sum(found.ours, "spans")
    odd, wrong = Counter[str](), Counter[str]()
    for each in found.ours:
        odd.update(each["odd"])
        wrong.update({way: ended - sent for way, (sent, ended) in each["miscounted"].items()})
    yield Row("a span a call", f"{spans:,} spans of {calls:,} calls", "equal", _judged(spans == calls))
    yield Row("a span a call, each way", _said(wrong) or "equal", "equal", _judged(not any(wrong.values())))
    yield Row("outcomes are those of the fault", _said(odd) or "all", "all", _judged(not odd))


def _said(counts: Counter[str]) -> str:
    return ", ".join(f"{name} {count:+d}" for name, count in sorted(counts.items()) if count)


def _leaks(found: Found) -> Iterator[Row]:
    last = found.ours[-1]
    yield Row("open spans", str(last["open"]), "0", _judged(last["open"] == 0))
    yield Row("tasks left", str(_sum(found.ours, "tasks")), "0", _judged(_sum(found.ours, "tasks") == 0))
    for name, promise in (("threads", "threads"), ("files", "file descriptors")):
        # The exporters keep a connection open for each signal while the collector is there, and none while it is not.
        most = [max(each[name] for each in half) for half in _halves(found.ours)]
        yield Row(promise, f"at most {most[0]}, later {most[1]}", "no more", _judged(most[1] <= most[0] + 1))


def _halves(slices: Sequence[Slice]) -> tuple[Sequence[Slice], Sequence[Slice]]:
    middle = (len(slices) + 1) // 2
    return slices[:middle], slices[middle:] or slices


def _memory(found: Found) -> Iterator[Row]:
    ours, plain = _growth(found.ours), _growth(found.plain)
    limit = f"at most {KILOBYTES:.0f} kB more"
    if ours is None or plain is None:
        yield Row("memory per 1,000 calls", "too short a run", limit, UNTOLD)
        return
    said = f"{ours / 1e3:+.1f} kB with us, {plain / 1e3:+.1f} kB without"
    yield Row("memory per 1,000 calls", said, limit, _judged((ours - plain) / 1e3 <= KILOBYTES))


def _growth(slices: Sequence[Slice]) -> float | None:
    warm = slices[_WARM:]
    if len(warm) < _ENOUGH_SLICES:
        return None
    made, calls = 0, []
    for each in warm:
        made += each["calls"]
        calls.append(made)
    return 1_000 * linear_regression(calls, [each["memory"] for each in warm]).slope


def _speed(found: Found) -> Iterator[Row]:
    for name, share in (("median", 50), ("p99", 99)):
        ours, plain = _quantiles(found.ours, share), _quantiles(found.plain, share)
        limit = f"at most {SLOWER:.2f}" if name == "p99" else ""
        if min(len(ours), len(plain)) < _ENOUGH_SLICES:
            yield Row(f"{name} of a call, with us to without", "too short a run", limit, UNTOLD)
            continue
        ratio, noise = median(a / b for a, b in zip(ours, plain, strict=False)), _noise(plain)
        times = f"{median(ours) / 1e6:.2f} ms / {median(plain) / 1e6:.2f} ms = {ratio:.3f}"
        verdict = _judged(ratio <= SLOWER) if name == "p99" else ""
        if verdict == BROKEN and abs(ratio - 1) <= noise:
            verdict = UNTOLD
        yield Row(f"{name} of a call, with us to without", f"{times}; noise {noise:.3f}", limit, verdict)


def _quantiles(slices: Sequence[Slice], share: int) -> list[float]:
    return [quantiles(each["taken"], n=100)[share - 1] for each in slices[1:] if len(each["taken"]) >= _ENOUGH_CALLS]


def _noise(plain: Sequence[float]) -> float:
    """How far the ratio of a slice without us to the next without us is from 1, as a standard error of its median."""
    ratios = [after / before for before, after in pairwise(plain)]
    middle = median(ratios)
    spread = 1.4826 * median(abs(ratio - middle) for ratio in ratios)
    return float(2 * 1.2533 * spread / len(ratios) ** 0.5)


def _losses(found: Found) -> Iterator[Row]:
    # The call that has the SDK set up is in no slice.
    ended = _sum(found.ours, "spans") + 1
    lost = ended - found.arrived
    said = found.complaints.count("do not arrive")
    lines = len(found.complaints.splitlines())
    yield Row(
        "spans that did not arrive", f"{lost:,} of {ended:,}", "only while away", _judged(not lost or found.was_away)
    )
    limit = "once" if lost > 0 else "at most once"
    yield Row(
        "told of losses",
        f"{said} times in {lines} lines",
        limit,
        _judged(said <= 1 and lines <= 1 and said >= (lost > 0)),
    )


def _exit(found: Found) -> Iterator[Row]:
    ours, plain = found.exits
    said = f"{ours:.2f} s with us, {plain:.2f} s without"
    limit = f"at most {EXIT_SECONDS} s more"
    yield Row("exit while the collector hangs", said, limit, _judged(ours - plain <= EXIT_SECONDS))


def _sum(slices: Sequence[Slice], name: str) -> int:
    return sum(int(each[name]) for each in slices)
