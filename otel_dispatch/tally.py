"""The sums over everything dispatched below one entry."""

import threading
from dataclasses import dataclass, field

from .record import Dispatch, Outcome, Rollup
from .vocabulary import OutcomeKind

_DISTINCT = 256


@dataclass(slots=True)
class Tally:
    """Everything dispatched below one entry; written from many threads."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    calls: int = 0
    inherited: int = 0
    dispatches: dict[Dispatch, int] = field(default_factory=dict)
    outcomes: set[Outcome] = field(default_factory=set)
    kinds: dict[OutcomeKind, int] = field(default_factory=dict)
    tokens: int | None = None
    all_tokens: bool = True

    def began(self, dispatch: Dispatch) -> None:
        """Count a call that was sent."""
        with self.lock:
            self.calls += 1
            self.inherited += bool(dispatch.provenance.inherited)
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
