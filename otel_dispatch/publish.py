"""Tells the log and the record file of a dispatch that has ended."""

from collections.abc import Callable, Sequence
from typing import Any

from opentelemetry.trace import Span

from . import attributes as a
from . import recordfile
from .definition import shown
from .guard import swallow
from .instruments import Instruments, record_file
from .legible import LINE, clean
from .record import Dispatch
from .tally import Tally
from .wording import USAGE, Words, line_of, span_name

listeners: list[Callable[[Words], object]] = []
"""Who is told each record within the process: the tests of a program (see `testing`)."""


def is_wanted(tools: Instruments) -> bool:
    """Whether anybody listens beyond spans and counts: a log of the host's, a record file, or a test."""
    return tools.tells() or bool(record_file()) or bool(listeners)


def publish(
    tools: Instruments,
    dispatch: Dispatch,
    words: Words,
    span: Span,
    start_ns: int,
    end_ns: int,
    above: Sequence[Tally] = (),
) -> None:
    """Tell all who listen of a dispatch that has ended; *above* it ran these entries, innermost last."""
    if tools.tells():
        tools.tell(dispatch, words, end_ns, span)
    if (path := record_file()) or listeners:
        told = span.get_span_context()
        extra: dict[str, Any] = {
            "name": span_name(dispatch),
            "trace_id": f"{told.trace_id:032x}",
            "otel_span_id": f"{told.span_id:016x}",
            "otel_parent_id": _hex(getattr(getattr(span, "parent", None), "span_id", 0)),
            # Spans of others lie between, which this file does not hold; and what is not sampled has no parent.
            "otel_entry_id": _hex(next((tally.span_id for tally in reversed(above) if tally.span_id), 0)),
            "started": start_ns / 1e9,
            "duration_s": (end_ns - start_ns) / 1e9,
            "response_model": words.get(a.RESPONSE_MODEL),
            "resend_count": words.get(a.HTTP_RESEND_COUNT, 0),
            "reported_provider": dispatch.reported_provider,
            "usage": {name: words[key] for name, key in USAGE.items() if key in words} or None,
        }
        if dispatch.definition is not None:
            # Where it lies is told to the local file alone.
            extra["definition"] = {"path": clean(shown(dispatch.definition), LINE), "hash": dispatch.definition_hash}
        line = line_of(dispatch, call_id=f"{start_ns:x}-{id(span):x}", end_ns=end_ns, extra=extra)
        for tell in tuple(listeners):
            swallow("publish", tell, line)
        if path:
            recordfile.append(path, line)


def _hex(span_id: int) -> str | None:
    return f"{span_id:016x}" if span_id else None
