"""The findings of an audit, summed as they come, in bounded memory."""

from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final, NamedTuple

from ..vocabulary import Origin, text_of
from .sighting import MISMATCH, Found, Sighting
from .watch import Watch

TRACES: Final = 20_000
"""How many traces are open at once: the one that was silent longest is closed for a further one."""

FINDINGS: Final = 50_000
"""How many findings and entries wait at most for their traces to be closed."""

GROUPS: Final = 50_000
"""How many groups are told apart; what is found beyond is summed without the names of entry, provider and model."""

_INHERITED: Final = str(Origin.INHERITED)
_Gist = tuple[str | None, ...]


class Group(NamedTuple):
    """What is summed together."""

    entry: str | None
    found: Found
    provider: str | None
    model: str | None


@dataclass(slots=True)
class Sum:
    """How often something was found, first and last when (Unix seconds), and the trace it was last found in."""

    count: int = 0
    first: float | None = None
    last: float | None = None
    trace: str | None = None

    def add(self, count: int, first: float | None, last: float | None, trace: str | None) -> None:
        """Add what was found *count* times between *first* and *last*."""
        self.count += count
        if first is not None and (self.first is None or first < self.first):
            self.first = first
        if last is not None and (self.last is None or last >= self.last):
            self.last, self.trace = last, trace or self.trace
        self.trace = self.trace or trace


@dataclass(slots=True)
class _Entry:
    """An entry's line: its name, what it ran below, and what is found on itself."""

    told: Sighting
    shown: set[_Gist] = field(default_factory=set)


@dataclass(slots=True)
class _Trace:
    """What is known of a trace so far, and what was found on calls whose entry may still come."""

    entries: dict[str, _Entry] = field(default_factory=dict)
    launches: dict[str, str | None] = field(default_factory=dict)
    waiting: dict[tuple[str | None, bool, Group], Sum] = field(default_factory=dict)

    @property
    def size(self) -> int:
        """How much it holds."""
        return len(self.entries) + len(self.launches) + len(self.waiting)


class Ledger:
    """The sums of everything found; calls are counted, and entries for what no call below them shows."""

    def __init__(self, watch: Watch) -> None:
        self.sums: dict[Group, Sum] = {}
        self.calls = self.entries = 0
        self._shows, self._size = lru_cache(1024)(watch.shows), 0
        self._open: OrderedDict[str, _Trace] = OrderedDict()

    def add(self, told: Sighting) -> None:
        """Take in one record."""
        if told.is_entry:
            self.entries += 1
        else:
            self.calls += 1
        found = tuple(filter(self._shows, told.found))
        if told.is_entry or told.is_launch or found:
            self._keep(told._replace(found=found))

    def close(self) -> None:
        """Close every trace: nothing more comes."""
        while self._open:
            self._close(self._open.popitem(last=False)[1])

    def _keep(self, told: Sighting) -> None:
        if told.trace is None or (told.is_entry and told.span is None):
            for each in told.found:
                self._count(told, each)
            return
        trace = self._open.get(told.trace)
        if trace is None:
            trace = self._open[told.trace] = _Trace()
        else:
            self._open.move_to_end(told.trace)
        before = trace.size
        _enter(trace, told)
        self._size += trace.size - before
        while len(self._open) > TRACES or self._size > FINDINGS:
            self._close(self._open.popitem(last=False)[1])

    def _close(self, trace: _Trace) -> None:
        self._size -= trace.size
        for (above, is_placed, group), found in trace.waiting.items():
            # What does not say where it ran, ran below an entry of its trace; which, is known where there is but one.
            chain = _chain(trace, above) if is_placed else list(trace.entries.values())
            for entry in chain:
                entry.shown.update(_gists(group.found))
            is_known = bool(chain) and (is_placed or len(chain) == 1)
            self._sum(group._replace(entry=chain[0].told.name if is_known else None), found)
        for entry in _innermost_first(trace):
            self._close_entry(trace, entry)

    def _close_entry(self, trace: _Trace, entry: _Entry) -> None:
        told = entry.told
        hidden = [each for each in told.found if _gist(each) not in entry.shown]
        for each in hidden:
            self._count(told, each)
        for outer in _chain(trace, told.above):
            for each in hidden:
                outer.shown.update(_gists(each))

    def _count(self, told: Sighting, found: Found) -> None:
        once = Sum(1, told.ended, told.ended, told.trace)
        self._sum(Group(told.name, found, told.provider, told.model), once)

    def _sum(self, group: Group, found: Sum) -> None:
        entry, told, provider, model = group
        # Its word is never empty.
        tidy = Group(text_of(entry), Found(*map(text_of, told)), text_of(provider), text_of(model))  # type: ignore[arg-type]
        if tidy not in self.sums and len(self.sums) >= GROUPS:
            tidy = Group(None, tidy.found, None, None)
        self.sums.setdefault(tidy, Sum()).add(found.count, found.first, found.last, found.trace)


def _enter(trace: _Trace, told: Sighting) -> None:
    if told.is_entry and told.span is not None:
        trace.entries[told.span] = _Entry(told)
        return
    if told.is_launch and told.span is not None:
        trace.launches[told.span] = told.above
    for each in told.found:
        key = told.above, told.is_placed, Group(None, each, told.provider, told.model)
        trace.waiting.setdefault(key, Sum()).add(1, told.ended, told.ended, told.trace)


def _chain(trace: _Trace, above: str | None) -> list[_Entry]:
    """The entries above, innermost first; bad data may go round in circles."""
    chain: list[_Entry] = []
    seen: set[str] = set()
    while above is not None and above not in seen:
        seen.add(above)
        if (entry := trace.entries.get(above)) is not None:
            chain.append(entry)
            above = entry.told.above
        else:
            above = trace.launches.get(above)
    return chain


def _innermost_first(trace: _Trace) -> Iterator[_Entry]:
    depths = {span: len(_chain(trace, span)) for span in trace.entries}
    return (trace.entries[span] for span in sorted(depths, key=lambda span: -depths[span]))


def _gists(found: Found) -> Iterator[_Gist]:
    yield _gist(found)
    if found.word == _INHERITED:
        # What a roll-up says of no field is shown by any.
        yield (None, _INHERITED)


def _gist(found: Found) -> _Gist:
    return tuple(found) if found.word == MISMATCH else (found.field, found.word)
