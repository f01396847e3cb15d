"""Where dispatches are read from: a record file, or the address of a Jaeger or a Tempo."""

import time
from collections.abc import Iterator, Mapping
from typing import Any, Final

from .. import recordfile
from ..vocabulary import text_of
from .asking import backend_at, is_address
from .jaeger import Jaeger, jaeger_at
from .otlp import hex_id
from .run import ended_in
from .tempo import Tempo, tempo_at

Record = Mapping[str, Any]

BACK: Final = 7 * 86_400
"""How far back a backend is asked where nobody says, in seconds."""

LONGEST: Final = 2 * 3600
"""How long before it ended a dispatch may have begun: a backend is asked by when things began."""

_AHEAD: Final = 60


def records(source: str, *, since: float | None = None, trace: str | None = None) -> Iterator[Record]:
    """The records in *source*, oldest first, in the shape of a record file's lines.

    *since* leaves out what ended before that moment (Unix seconds), *trace* all but the trace of that id. What is read
    from a backend has ``otel_parent_id`` and ``otel_entry_id`` (the nearest entry above, if its trace holds one), too.
    A backend is asked for the last seven days where *since* is None. Raises `recordfile.UnreadableError` where *source*
    cannot be read.
    """
    found = _told_by(source, since, trace) if is_address(source) else recordfile.read(source)
    return (record for record in found if is_wanted(record, since, trace))


def is_wanted(record: Record, since: float | None, trace: str | None = None) -> bool:
    """Whether *record* ended at or after *since* and belongs to *trace*, where these are given."""
    if trace is not None and text_of(record.get("trace_id")) != trace.lower():
        return False
    return since is None or ended_in(record) >= since


def _told_by(address: str, since: float | None, trace: str | None) -> Iterator[Record]:
    backend = _backend(address)
    if trace is not None:
        yield from backend.trace(trace.lower()) if trace and hex_id(trace) == trace.lower() else ()
        return
    now = time.time()
    began = now - BACK if since is None else max(0.0, since - LONGEST)
    if began < now + _AHEAD:
        yield from backend.between(began, now + _AHEAD)


def _backend(address: str) -> Jaeger | Tempo:
    backend = backend_at(address)
    if (found := jaeger_at(backend) or tempo_at(backend)) is None:
        raise backend.unreadable("what answers there is neither Jaeger's query API (api/v3) nor Tempo's")
    return found
