"""Jaeger's query API of version 3: the services it knows, and the traces of each by windows of time."""

import heapq
import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, Final

from .. import attributes as a
from ..thinking import as_map
from .asking import Backend, TooLargeError
from .otlp import Span, spans_in
from .run import ended_in
from .unwording import Record, records_of
from .window import in_order, windows

DEPTH: Final = 100
"""How many traces are asked for at once: what Jaeger itself gives where nobody says."""

MOST: Final = 1000
"""How many traces may have begun within the smallest window."""

_LEAST: Final = 0.001
_SERVICES: Final = "/api/v3/services"
_TRACES: Final = "/api/v3/traces"
# Each span of ours has the one or the other.
_OURS: Final[tuple[Mapping[str, str], ...]] = ({a.INHERITED: "true"}, {a.INHERITED: "false"})
_NOBODYS: Final = {a.OURS + "nothing": "has this"}


class Jaeger:
    """A Jaeger that answers, and the names of its services."""

    def __init__(self, backend: Backend, services: list[str]) -> None:
        self._backend, self._services = backend, services

    def trace(self, trace_id: str) -> list[Record]:
        """The dispatches of one trace, oldest first."""
        answer = self._backend.ask(f"{_TRACES}/{trace_id}", {"rawTraces": "true", "raw_traces": "true"})
        return records_of(spans_in(_result(answer)))

    def between(self, begin: float, end: float) -> Iterator[Record]:
        """The dispatches of the traces of which something began between *begin* and *end*, oldest first."""
        told: set[str] = set()
        streams = [in_order(self._pages(each, begin, end, told), ended_in) for each in self._services]
        return heapq.merge(*streams, key=ended_in)

    def _pages(self, service: str, begin: float, end: float, told: set[str]) -> Iterator[tuple[float, list[Record]]]:
        # Before 2.19 it takes no notice of attributes, and one search finds everything.
        ignores = self._ask(_query(service, _NOBODYS, begin, end, 1)) is not None
        searches: tuple[Mapping[str, str], ...] = ({},) if ignores else _OURS

        def ask(start: float, stop: float, is_last: bool) -> list[Record] | None:
            found = [self._found(service, each, (start, stop), is_last=is_last) for each in searches]
            return None if None in found else _records(found)

        for stop, records in windows(ask, begin, end, _LEAST):
            fresh = [each for each in records if each["trace_id"] not in told]
            told.update({each["trace_id"] for each in fresh})
            yield stop, fresh

    def _found(
        self, service: str, attributes: Mapping[str, str], window: tuple[float, float], *, is_last: bool
    ) -> list[Span] | None:
        depth = MOST if is_last else DEPTH
        try:
            spans = list(spans_in(self._ask(_query(service, attributes, *window, depth))))
        except TooLargeError:
            if is_last:
                raise
            return None
        if len({span.trace_id for span in spans}) < depth:
            return spans
        if is_last:
            raise self._backend.unreadable(f"{MOST:,} or more of its traces began within {_LEAST * 1000:.0f} ms")
        return None

    def _ask(self, query: Mapping[str, Any]) -> object | None:
        answer = self._backend.ask(_TRACES, query)
        return None if answer is None else _result(answer)


def jaeger_at(backend: Backend) -> Jaeger | None:
    """The Jaeger at *backend*, or None where something else answers."""
    told = backend.look(_SERVICES)
    if not isinstance(told, dict) or not isinstance(services := told.get("services") or [], list):
        return None
    return Jaeger(backend, sorted({each for each in services if isinstance(each, str)}))


def _records(found: list[list[Span] | None]) -> list[Record]:
    return records_of(span for spans in found for span in spans or ())


def _result(answer: object) -> object:
    return as_map(answer).get("result", answer)


def _query(service: str, attributes: Mapping[str, str], begin: float, end: float, depth: int) -> dict[str, Any]:
    least, most = _instant(begin), _instant(end)
    return {
        "query.serviceName": service,
        "query.startTimeMin": least,
        "query.startTimeMax": most,
        "query.searchDepth": depth,
        "query.rawTraces": "true",
        "query.attributes": json.dumps(attributes),
        # The names before 2.19.
        "query.service_name": service,
        "query.start_time_min": least,
        "query.start_time_max": most,
        "query.num_traces": depth,
        "query.raw_traces": "true",
    }


def _instant(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
