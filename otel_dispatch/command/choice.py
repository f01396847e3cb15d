"""Which run of a source is meant: the newest, a trace by its id or the beginning of that, or a run by its name."""

import re
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from ..vocabulary import ENTRY_KINDS
from . import UsageError
from .asking import shown
from .run import Record, run_of
from .source import records
from .step import step_span, trace_of

_WHOLE: Final = re.compile(r"[0-9a-fA-F]{32}")
_BEGINNING: Final = re.compile(r"[0-9a-fA-F]{4,31}")
_TOLD: Final = 5


@dataclass(frozen=True, slots=True)
class Choice:
    """A trace, None where the records are of none, and the span of the run in it, None where all of it is meant."""

    trace: str | None
    span: str | None = None


@dataclass(slots=True)
class _Found:
    """The newest that fits so far, and what else there is."""

    choice: Choice | None = None
    ended: float = -1.0
    traces: set[str] = field(default_factory=set)
    names: deque[str] = field(default_factory=lambda: deque(maxlen=_TOLD))

    def take(self, choice: Choice, ended: float | None) -> None:
        # Of two that ended alike, or whose end nobody knows, the later record is the newer.
        if (ended or 0.0) >= self.ended:
            self.choice, self.ended = choice, ended or 0.0


def choice_in(source: str, wanted: str | None, since: float | None = None) -> Choice | None:
    """The run of *source* that is *wanted*, the newest where that is None; None where there is no run at all.

    *since* leaves out what ended before that moment, but for a trace whose whole id is given.
    Raises `UsageError` where nothing or too much fits, and `recordfile.UnreadableError` where it cannot be read.
    """
    if wanted is None:
        return _newest(records(source, since=since))
    if _WHOLE.fullmatch(wanted) and any(True for _ in records(source, trace=wanted.lower())):
        return Choice(wanted.lower())
    found = _named(records(source, since=since), wanted)
    if found.choice is not None:
        return found.choice
    if len(found.traces) > 1:
        raise UsageError(f"{len(found.traces):,} traces in {shown(source)} begin with {wanted}; give more of the id.")
    if found.traces:
        return Choice(found.traces.pop())
    raise UsageError(_nothing(source, wanted, found))


def _newest(found: Iterable[Record]) -> Choice | None:
    entry, other = _Found(), _Found()
    for record in found:
        run = run_of(record)
        (entry if run.is_entry else other).take(Choice(trace_of(record)), run.ended)
    return entry.choice or other.choice


def _named(found: Iterable[Record], wanted: str) -> _Found:
    state, beginning = _Found(), wanted.lower() if _BEGINNING.fullmatch(wanted) else None
    for record in found:
        trace = trace_of(record)
        if beginning is not None and trace is not None and trace.startswith(beginning):
            state.traces.add(trace)
        if record.get("kind") in ENTRY_KINDS:
            run = run_of(record)
            if run.name not in state.names:
                state.names.append(run.name)
            if wanted in (run.name, run.skill, run.workflow, run.agent, run.span_name):
                state.take(Choice(trace, step_span(record)), run.ended)
    return state


def _nothing(source: str, wanted: str, found: _Found) -> str:
    known = f"; the newest runs are {', '.join(reversed(found.names))}" if found.names else ""
    return f"No run in {shown(source)} has the name or the trace id {wanted!r}{known}."
