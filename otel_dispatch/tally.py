"""The sums over everything dispatched below one entry."""

import threading
from dataclasses import dataclass, field, replace
from typing import TypeVar

from .record import UNKNOWN_THINKING, Dispatch, Outcome, Provenance, Rollup
from .vocabulary import FAILED, Origin, OutcomeKind, ToolFormat, WireFormat

T = TypeVar("T")

_DISTINCT = 256


@dataclass(slots=True)
class Tally:
    """Everything dispatched below one entry, whose span has the id ``span_id``; written from many threads."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    calls: int = 0
    inherited: int = 0
    dispatches: dict[Dispatch, int] = field(default_factory=dict)
    outcomes: set[Outcome] = field(default_factory=set)
    kinds: dict[OutcomeKind, int] = field(default_factory=dict)
    tokens: int | None = None
    all_tokens: bool = True
    span_id: int = 0

    def began(self, dispatch: Dispatch) -> None:
        """Count a call that was sent."""
        with self.lock:
            self.calls += 1
            self.inherited += bool(dispatch.provenance.inherited)
            self._add(dispatch)

    def began_anew(self, before: Dispatch, dispatch: Dispatch) -> None:
        """Take *dispatch* for what was counted as *before*."""
        with self.lock:
            self.inherited += bool(dispatch.provenance.inherited) - bool(before.provenance.inherited)
            self._drop(before)
            self._add(dispatch)

    def ended(self, outcome: Outcome, tokens: int | None, departed: Dispatch, arrived: Dispatch) -> None:
        """Add what came back, and to what that changed the record of the call."""
        with self.lock:
            if arrived is not departed:
                self._drop(departed)
                self._add(arrived)
            self.kinds[outcome.kind] = self.kinds.get(outcome.kind, 0) + 1
            if outcome.kind is not OutcomeKind.SUPERSEDED:
                self.outcomes.add(Outcome(outcome.kind, outcome.cls))
            if tokens is None:
                self.all_tokens = False
            else:
                self.tokens = (self.tokens or 0) + tokens

    def rollup(self) -> Rollup:
        """The sums so far."""
        with self.lock:
            return Rollup(
                self.calls,
                tuple(sorted({d.model for d in self.dispatches})),
                tuple(sorted({d.provider for d in self.dispatches})),
                self.inherited,
                self.kinds.get(OutcomeKind.EMPTY_TERMINAL, 0),
                self.tokens,
            )

    def _add(self, dispatch: Dispatch) -> None:
        if len(self.dispatches) < _DISTINCT or dispatch in self.dispatches:
            self.dispatches[dispatch] = self.dispatches.get(dispatch, 0) + 1

    def _drop(self, dispatch: Dispatch) -> None:
        count = self.dispatches.pop(dispatch, 0)
        if count > 1:
            self.dispatches[dispatch] = count - 1


def agreed(dispatch: Dispatch, tally: Tally) -> Dispatch:
    """*dispatch* with what everything below it agrees on; where that differs, it is unknown."""
    below = tally.dispatches
    if not below:
        return dispatch
    return replace(
        dispatch,
        provider=_one({d.provider for d in below}, "unknown"),
        model=_one({d.model for d in below}, "unknown"),
        wire_format=_one({d.wire_format for d in below}, WireFormat.UNKNOWN),
        thinking=_one({d.thinking for d in below}, UNKNOWN_THINKING),
        tool_format=_one({d.tool_format for d in below}, ToolFormat.UNKNOWN),
        base_url_host=_one({d.base_url_host for d in below}, ""),
        provenance=_one_provenance([d.provenance for d in below]),
        mismatch=tuple(sorted(set(dispatch.mismatch).union(*(d.mismatch for d in below)))),
    )


def agreed_outcome(tally: Tally) -> Outcome:
    """The outcome of what raised nothing: the failure that everything below it shares, else served."""
    found = tally.outcomes
    if len(found) == 1 and (only := next(iter(found))).kind in (*FAILED, OutcomeKind.REFUSED):
        return only
    return Outcome(OutcomeKind.SERVED)


def with_tokens(found: Outcome, tally: Tally) -> Outcome:
    """*found* with the sum of the tokens, where every call told its own."""
    return found._replace(completion_tokens=tally.tokens) if tally.all_tokens else found


def _one_provenance(origins: list[Provenance]) -> Provenance:
    names = ("provider", "model", "wire_format", "thinking", "tool_format")
    return Provenance(*(_one({getattr(o, name) for o in origins}, Origin.UNKNOWN) for name in names))


def _one(values: set[T], otherwise: T) -> T:
    return next(iter(values)) if len(values) == 1 else otherwise
