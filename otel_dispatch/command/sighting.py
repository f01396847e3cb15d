"""What an audit looks at of one record, read as cheaply as can be."""

from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from itertools import compress
from typing import Any, Final, NamedTuple

import msgspec
from msgspec import UNSET, Struct, UnsetType

from .. import recordfile
from ..thinking import as_map
from ..vocabulary import ENTRY_KINDS, Origin, OutcomeKind, count_of, text_of
from .asking import is_address
from .run import run_of, seconds_of
from .source import records

MISMATCH: Final = "mismatch"
OUTCOME: Final = "outcome"

_INHERITED: Final = str(Origin.INHERITED)
_FIELDS: Final = ("model", "provider", "thinking", "tool_format", "wire_format")
_NO_LINE: Final = (msgspec.DecodeError, RecursionError, UnicodeDecodeError)


class Found(NamedTuple):
    """One thing that is found: on which field (None: not known), the word for it, and its detail or class."""

    field: str | None
    word: str
    detail: str | None = None


class Sighting(NamedTuple):
    """One record: what it is, where it belongs, and what is found on it; the time is in Unix seconds.

    ``above`` is the entry, or else the span, that it ran below; ``is_placed`` whether the record says where it ran.
    """

    is_entry: bool
    is_launch: bool
    name: str | None
    provider: str | None
    model: str | None
    ended: float | None
    trace: str | None
    span: str | None
    call: str | None
    above: str | None
    is_placed: bool
    found: tuple[Found, ...]


class _Outcome(Struct, gc=False):
    kind: str | None = None
    cls: str | None = msgspec.field(name="class", default=None)


class _Origins(Struct, gc=False):
    model: str | None = None
    provider: str | None = None
    thinking: str | None = None
    tool_format: str | None = None
    wire_format: str | None = None


class _Names(Struct, gc=False):
    label: str | None = None
    skill: str | None = None
    workflow: str | None = None
    agent: str | None = None


class _Rollup(Struct, gc=False):
    inherited_calls: int | None = None
    empty_terminal_calls: int | None = None


class _Line(Struct, gc=False):
    type: str | None = None
    kind: str | None = None
    name: str | None = None
    timestamp: str | float | None = None
    provider: str | None = None
    model: str | None = None
    outcome_kind: str | None = None
    outcome: _Outcome | None = None
    provenance: _Origins | None = None
    inherited_fields: tuple[str, ...] | None = None
    mismatch: tuple[str, ...] | None = None
    names: _Names | None = None
    rollup: _Rollup | None = None
    trace_id: str | None = None
    otel_span_id: str | None = None
    otel_parent_id: str | UnsetType | None = UNSET
    otel_entry_id: str | UnsetType | None = UNSET
    call_id: str | None = None


_decode: Final = msgspec.json.Decoder(_Line).decode
_NO_OUTCOME: Final = _Outcome()
_NO_NAMES: Final = _Names()


def sightings(source: str, since: float | None) -> Iterator[Sighting]:
    """The records in *source* that ended at or after *since*, oldest first; raises `recordfile.UnreadableError`."""
    told: Iterable[_Line | None]
    told = (
        map(_of_record, records(source, since=since)) if is_address(source) else map(_of_line, recordfile.lines(source))
    )
    for line in told:
        if line is not None:
            ended = seconds_of(line.timestamp)
            if since is None or (ended or 0.0) >= since:
                yield _sighting(line, ended)


def _of_line(data: bytes) -> _Line | None:
    try:
        line = _decode(data)
    except _NO_LINE:
        # A key of another type makes a record no less one.
        record = recordfile.record_in(data)
        return None if record is None else _of_record(record)
    return line if line.type == recordfile.TYPE else None


def _of_record(record: Mapping[str, Any]) -> _Line:
    try:
        return msgspec.convert(record, _Line)
    except msgspec.ValidationError:
        return _tidied(record)


def _tidied(record: Mapping[str, Any]) -> _Line:
    run, rollup = run_of(record), as_map(record.get("rollup"))
    return _Line(
        kind=run.kind,
        timestamp=run.ended,
        provider=run.provider,
        model=run.model,
        outcome_kind=run.outcome,
        outcome=_Outcome(cls=run.outcome_class),
        inherited_fields=run.inherited_fields,
        mismatch=run.mismatch,
        names=_Names(label=run.name),
        rollup=_Rollup(run.inherited_calls, count_of(rollup.get("empty_terminal_calls"))),
        trace_id=run.trace_id,
        otel_span_id=run.otel_span_id,
        call_id=text_of(record.get("call_id")),
        otel_parent_id=_place(record, "otel_parent_id"),
        otel_entry_id=_place(record, "otel_entry_id"),
    )


def _place(record: Mapping[str, Any], name: str) -> str | UnsetType | None:
    return text_of(record[name]) if name in record else UNSET


def _sighting(line: _Line, ended: float | None) -> Sighting:
    kind, names = line.kind, line.names or _NO_NAMES
    is_entry = kind in ENTRY_KINDS
    parent, entry = line.otel_parent_id, line.otel_entry_id
    return Sighting(
        is_entry,
        kind == "cli_launch",
        (names.label or names.skill or names.workflow or names.agent or line.name) if is_entry else None,
        line.provider,
        line.model,
        ended,
        _id(line.trace_id),
        _id(line.otel_span_id),
        line.call_id,
        _id(entry or None) or _id(parent or None),
        parent is not UNSET or entry is not UNSET,
        _found(line, is_entry),
    )


def _found(line: _Line, is_entry: bool) -> tuple[Found, ...]:
    told = line.outcome or _NO_OUTCOME
    kind = line.outcome_kind or told.kind
    inherited = line.inherited_fields or _inherited(line.provenance)
    found = [_outcome(kind, told.cls)] if kind else []
    if inherited or line.mismatch:
        found += [Found(each, _INHERITED) for each in inherited]
        found += [Found(each.partition(".")[0], MISMATCH, each) for each in line.mismatch or ()]
    if is_entry and line.rollup is not None:
        found += _summed(line.rollup, bool(inherited))
    return tuple(found)


def _summed(rollup: _Rollup, is_inherited: bool) -> Iterator[Found]:
    # Its calls may be in no source that is looked at.
    if rollup.inherited_calls and not is_inherited:
        yield Found(None, _INHERITED)
    if rollup.empty_terminal_calls:
        yield Found(OUTCOME, str(OutcomeKind.EMPTY_TERMINAL))


def _inherited(origins: _Origins | None) -> tuple[str, ...]:
    if origins is None:
        return ()
    told = (origins.model, origins.provider, origins.thinking, origins.tool_format, origins.wire_format)
    return tuple(compress(_FIELDS, (each == _INHERITED for each in told))) if _INHERITED in told else ()


@lru_cache(1024)
def _outcome(kind: str, cls: str | None) -> Found:
    return Found(OUTCOME, kind, cls or None)


def _id(told: str | UnsetType | None) -> str | None:
    # Nobody's span has the id 0: it says that there is none.
    return told if isinstance(told, str) and told.strip("0") else None
