"""What crosses a process boundary in the environment: the trace's parent, and the scope of the dispatch."""

import json
import os
import re
from collections.abc import Mapping
from typing import Any

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from . import context
from .context import RESOLVED_LIMIT, Frame
from .guard import warn
from .origins import Known, origin_of
from .record import Primary, Requested
from .vocabulary import Field, text_of

SCOPE_VARIABLE = "DISPATCH_OTEL_SCOPE"

_TRACE = ("TRACEPARENT", "TRACESTATE")
_LIMIT = 4096
_REQUESTED = ("provider", "model")
_MOST_STATES = 32
_STATE = re.compile(
    r"([a-z][_0-9a-z*/-]{0,255}|[a-z0-9][_0-9a-z*/-]{0,240}@[a-z][_0-9a-z*/-]{0,13})"
    r"=[\x20-\x2b\x2d-\x3c\x3e-\x7e]{0,255}[\x21-\x2b\x2d-\x3c\x3e-\x7e]"
)


def receive(environ: Mapping[str, str]) -> None:
    """Take up TRACEPARENT and the scope that a parent process left in *environ*; both are untrusted."""
    carrier = _fit({name.lower(): environ[name] for name in _TRACE if name in environ})
    parent = TraceContextTextMapPropagator().extract(carrier, context=Context()) if carrier else None
    is_valid = parent is not None and trace.get_current_span(parent).get_span_context().is_valid
    context.begin(_frame_from(environ.get(SCOPE_VARIABLE, "")), parent if is_valid else None)


def caller_in(meta: object) -> Context | None:
    """The context of the caller that *meta*, what MCP carries beside a request's arguments, names; None without one."""
    told = {name.lower(): getattr(meta, name.lower(), None) for name in _TRACE}
    carrier = _fit({name: value for name, value in told.items() if isinstance(value, str)})
    if not carrier:
        return None
    found = TraceContextTextMapPropagator().extract(carrier, context=context.here())
    return found if trace.get_current_span(found).get_span_context().is_remote else None


def _fit(carrier: dict[str, str]) -> dict[str, str]:
    # OpenTelemetry logs a state that it refuses, as it is: the environment's values are nobody's to print.
    states = [word for each in carrier.get("tracestate", "").split(",") if (word := each.strip(" \t"))]
    is_fit = len(states) <= _MOST_STATES and all(map(_STATE.fullmatch, states))
    return carrier if is_fit else {name: value for name, value in carrier.items() if name != "tracestate"}


def hand_on(env: Mapping[str, str], below: trace.Span | None = None) -> dict[str, str]:
    """A copy of *env* with the TRACEPARENT and scope of this place, and without stale ones, for a child process.

    The child's spans are to lie below the current span, or *below* another one.
    """
    copy = {name: value for name, value in env.items() if os.fsdecode(name) not in (*_TRACE, SCOPE_VARIABLE)}
    span = (below or trace.get_current_span(context.parent_context())).get_span_context()
    if span.is_valid:
        # Root spans of the Python SDK carry flags 03; readers of version 00 may refuse more than 01.
        copy["TRACEPARENT"] = f"00-{span.trace_id:032x}-{span.span_id:016x}-{span.trace_flags & 1:02x}"
        if span.trace_state:
            copy["TRACESTATE"] = span.trace_state.to_header()
    if scope := _written(_told(context.current())):
        copy[SCOPE_VARIABLE] = scope
    return copy


def _written(told: dict[str, Any]) -> str:
    # An environment that grows too large makes the start of the child fail; origins of single values go first.
    for parts in (told, {name: told[name] for name in told if name != "resolved"}):
        text = json.dumps(parts, separators=(",", ":")) if parts else ""
        if len(text) <= _LIMIT:
            return text
    warn("The scope is too large for %s; the child process starts without it.", SCOPE_VARIABLE)
    return ""


def _told(frame: Frame) -> dict[str, Any]:
    known, told = frame.known, dict[str, Any]()
    if known.escalating:
        told["role"] = "escalation"
    if known.primary is not None:
        told["primary"] = _present({name: getattr(known.primary, name) for name in Field})
    if known.declared:
        told["provenance"] = dict(known.declared)
    if known.resolved:
        told["resolved"] = [[name, value, origin] for (name, value), origin in known.resolved.items()]
    if requested := _present({name: getattr(frame.requested, name) for name in _REQUESTED}):
        told["requested"] = requested
    return told


def _present(values: dict[Any, str | None]) -> dict[str, str]:
    return {str(name): value for name, value in values.items() if value is not None}


def _frame_from(text: str) -> Frame:
    if not text:
        return Frame()
    try:
        told = json.loads(text) if len(text) <= _LIMIT else None
    except (ValueError, RecursionError):
        told = None
    if not isinstance(told, dict):
        warn("%s is not the JSON object that propagation_env() writes and is left out.", SCOPE_VARIABLE)
        return Frame()
    primary = _words(told.get("primary"), tuple(Field))
    declared = context.origins_of(_words(told.get("provenance"), tuple(Field)), SCOPE_VARIABLE)
    known = Known(
        declared,
        _resolved(told.get("resolved")),
        Primary(**primary) if primary else None,
        told.get("role") == "escalation",
    )
    return Frame(known, Requested(**_words(told.get("requested"), _REQUESTED)))


def _words(value: object, names: tuple[str, ...]) -> dict[str, str]:
    given = value if isinstance(value, dict) else {}
    return {str(name): word for name in names if (word := text_of(given.get(name))) is not None}


def _resolved(value: object) -> dict[tuple[str, str], Any]:
    rows = value[:RESOLVED_LIMIT] if isinstance(value, list) else []
    whole = [row for row in rows if isinstance(row, list) and len(row) == 3 and all(isinstance(w, str) for w in row)]
    return {(name, held): origin for name, held, word in whole if (origin := origin_of(word)) is not None}
