"""Tempo's query API: a search by windows of time for traces that hold a dispatch, and each of them by its id."""

import math
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

from .. import attributes as a
from ..thinking import as_map
from .asking import Backend
from .otlp import hex_id, spans_in
from .run import ended_in
from .unwording import Record, records_of
from .window import in_order, windows

LIMIT: Final = 500
"""How many traces are searched for at once."""

MOST: Final = 10_000
"""How many traces may lie within the smallest window, a second."""

_BUILD: Final = "/api/status/buildinfo"
_ECHO: Final = "/api/echo"
_SEARCH: Final = "/api/search"
_TRACES: Final = ("/api/v2/traces/", "/api/traces/")
_OURS: Final = f'{{ span.{a.KIND} != "" }}'
_AT_ONCE: Final = 4
_LEAST: Final = 1.0
_PARTIAL: Final = "PARTIAL"


class Tempo:
    """A Tempo that answers."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend

    def trace(self, trace_id: str) -> list[Record]:
        """The dispatches of one trace, oldest first."""
        for path in _TRACES:
            # What is told of many spans as of one cannot be counted.
            answer = self._backend.ask(f"{path}{trace_id}", {"span_pruning": "false"})
            if answer is not None:
                return self._records(as_map(answer))
        return []

    def between(self, begin: float, end: float) -> Iterator[Record]:
        """The dispatches of the traces of which something lies between *begin* and *end*, oldest first."""
        return in_order(self._pages(begin, end), ended_in)

    def _records(self, answer: Any) -> list[Record]:
        if answer.get("status") == _PARTIAL:
            raise self._backend.unreadable("it gives a trace that is too large for it in part only")
        return records_of(spans_in(answer.get("trace", answer)))

    def _pages(self, begin: float, end: float) -> Iterator[tuple[float, list[Record]]]:
        told: set[str] = set()
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            for stop, found in windows(self._search, begin, end, _LEAST):
                fresh = [each for each in found if each not in told]
                told.update(fresh)
                yield stop, [record for records in pool.map(self.trace, fresh) for record in records]

    def _search(self, begin: float, end: float, is_last: bool) -> list[str] | None:
        limit = MOST if is_last else LIMIT
        # It takes whole seconds, and the end must lie behind the start.
        start, stop = math.floor(begin), max(math.ceil(end), math.floor(begin) + 1)
        query = {"q": _OURS, "start": start, "end": stop, "limit": limit, "spss": 1}
        traces = as_map(self._backend.ask(_SEARCH, query)).get("traces")
        found = {hex_id(as_map(each).get("traceID")) for each in traces if each} if isinstance(traces, list) else set()
        if len(found) < limit:
            return sorted(found - {""})
        if is_last:
            raise self._backend.unreadable(f"{MOST:,} or more of its traces lie within a second")
        return None


def tempo_at(backend: Backend) -> Tempo | None:
    """The Tempo at *backend*, or None where something else answers."""
    told = backend.look(_BUILD)
    # An older one tells nothing of its build.
    is_tempo = (isinstance(told, dict) and "version" in told) or backend.fetch(_ECHO) == b"echo"
    return Tempo(backend) if is_tempo else None
