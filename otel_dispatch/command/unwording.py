"""A span's attributes as the line of a record file: the way back from what `wording` and `publish` write."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from .. import attributes as a
from ..recordfile import TYPE
from ..vocabulary import ENTRY_KINDS, LIMIT, Kind, count_of, text_of
from ..wording import USAGE
from .otlp import Span

Words = Mapping[str, Any]
Record = dict[str, Any]

_TEXTS: Final = {
    "kind": a.KIND,
    "provider": a.PROVIDER,
    "model": a.MODEL,
    "wire_format": a.WIRE_FORMAT,
    "tool_format": a.TOOL_FORMAT,
    "base_url_host": a.BASE_URL_HOST,
    "outcome_kind": a.OUTCOME_KIND,
    "response_model": a.RESPONSE_MODEL,
}
_LISTS: Final = {"inherited_fields": a.INHERITED_FIELDS, "mismatch": a.MISMATCH}
_PROVENANCE: Final = {
    "provider": a.PROVENANCE_PROVIDER,
    "model": a.PROVENANCE_MODEL,
    "wire_format": a.PROVENANCE_WIRE_FORMAT,
    "thinking": a.PROVENANCE_THINKING,
    "tool_format": a.PROVENANCE_TOOL_FORMAT,
}
_REQUESTED: Final = {"provider": a.REQUESTED_PROVIDER, "model": a.REQUESTED_MODEL}
_PRIMARY: Final = {
    "provider": a.PRIMARY_PROVIDER,
    "model": a.PRIMARY_MODEL,
    # These are told to the file alone.
    "wire_format": "",
    "thinking": "",
    "tool_format": "",
}
_NAMES: Final = {
    "agent": a.AGENT_NAME,
    "skill": a.SKILL_NAME,
    "workflow": a.WORKFLOW_NAME,
    "conversation": a.CONVERSATION_ID,
}
_ROLLUP: Final = {
    "calls": a.ROLLUP_CALLS,
    "inherited_calls": a.ROLLUP_INHERITED,
    "empty_terminal_calls": a.ROLLUP_EMPTY,
    "output_tokens": a.ROLLUP_TOKENS,
}
_ROLLUP_LISTS: Final = {"models": a.ROLLUP_MODELS, "providers": a.ROLLUP_PROVIDERS}
_FIGURES: Final = {"completion_tokens": a.OUTCOME_TOKENS, "content_len": a.OUTCOME_CONTENT_LEN}
_MILLION: Final = 1_000_000


def records_of(spans: Iterable[Span]) -> list[Record]:
    """The dispatches among *spans*, oldest first, each with the nearest entry above it.

    Spans of others between the two are passed over; a span that is told twice counts once.
    """
    known = {(span.trace_id, span.span_id): span for span in spans}
    dispatches = sorted(filter(_is_dispatch, known.values()), key=lambda span: span.end_ns)
    return [{**record_of(span), "otel_entry_id": _entry_above(span, known)} for span in dispatches]


def record_of(span: Span) -> Record:
    """The line that tells of the dispatch of *span*; what a span does not hold is null."""
    words = span.words
    record: Record = {"type": TYPE, **_texts(words, _TEXTS), **_lists(words, _LISTS)}
    if record["base_url_host"] == "unknown":
        record["base_url_host"] = ""
    seconds, millis = divmod(span.end_ns // _MILLION, 1000)
    iteration, harn_call = count_of(words.get(a.HARN_ITERATION)), text_of(words.get(a.HARN_CALL_ID))
    return record | {
        "iteration": iteration or 0,
        "call_id": harn_call or span.span_id,
        "span_id": count_of(words.get(a.HARN_SPAN_ID)),
        "timestamp": f"{seconds}.{millis:03d}",
        "thinking": _thinking(words),
        "provenance": _texts(words, _PROVENANCE),
        "outcome": _outcome(words, record["outcome_kind"]),
        "requested": _texts(words, _REQUESTED),
        "primary": _known(_texts(words, _PRIMARY)),
        "names": {**_texts(words, _NAMES), "label": _label(span, record["kind"])},
        "rollup": _rollup(words),
        # Empty is what a host reports that names nobody.
        "reported_provider": words.get(a.REPORTED_PROVIDER),
        "usage": _known(_counts(words, USAGE), are_all=False),
        "name": _name(span, record["kind"]),
        "trace_id": span.trace_id,
        "otel_span_id": span.span_id,
        "otel_parent_id": span.parent_id,
        "started": span.start_ns / 1e9,
        "duration_s": max(0, span.end_ns - span.start_ns) / 1e9,
        "resend_count": count_of(words.get(a.HTTP_RESEND_COUNT)) or 0,
        **_definition(words),
    }


def _is_dispatch(span: Span) -> bool:
    return text_of(span.words.get(a.KIND)) is not None


def _entry_above(span: Span, known: Mapping[tuple[str, str], Span]) -> str | None:
    # Bad data may go round in circles.
    seen: set[str] = {span.span_id}
    above = span.parent_id
    while above is not None and above not in seen:
        seen.add(above)
        if (owner := known.get((span.trace_id, above))) is None:
            return None
        if owner.words.get(a.KIND) in ENTRY_KINDS:
            return above
        above = owner.parent_id
    return None


def _texts(words: Words, table: Mapping[str, str]) -> Record:
    return {name: text_of(words.get(key)) for name, key in table.items()}


def _counts(words: Words, table: Mapping[str, str]) -> Record:
    return {name: count_of(words.get(key)) for name, key in table.items()}


def _lists(words: Words, table: Mapping[str, str]) -> Record:
    return {name: _split(words.get(key)) for name, key in table.items()}


def _split(value: object) -> list[str]:
    joined = text_of(value) or ""
    parts = joined.split(",") if joined else []
    # The last word of a value that was cut is none.
    return parts[:-1] if len(joined) >= LIMIT else parts


def _known(told: Record, *, are_all: bool = True) -> Record | None:
    known = {name: value for name, value in told.items() if value is not None}
    return (told if are_all else known) if known else None


def _thinking(words: Words) -> Record:
    enabled = words.get(a.THINKING_ENABLED)
    told = {"mode": text_of(words.get(a.THINKING_MODE)), "enabled": enabled if isinstance(enabled, bool) else None}
    more = {"budget_tokens": count_of(words.get(a.THINKING_BUDGET)), "level": text_of(words.get(a.THINKING_LEVEL))}
    return {**told, **(_known(more, are_all=False) or {})}


def _outcome(words: Words, kind: str | None) -> Record | None:
    if kind is None:
        return None
    if (cls := text_of(words.get(a.OUTCOME_CLASS))) is not None:
        return {"kind": kind, "class": cls}
    told = {"kind": kind, **_counts(words, _FIGURES)}
    retries = count_of(words.get(a.OUTCOME_EMPTY_RETRIES))
    return {**told, "empty_retries": retries} if retries else told


def _rollup(words: Words) -> Record | None:
    counts = _counts(words, _ROLLUP)
    return None if counts["calls"] is None else {**counts, **_lists(words, _ROLLUP_LISTS)}


def _definition(words: Words) -> Record:
    # Where it lies is told to the local file alone.
    found = text_of(words.get(a.DEFINITION_HASH))
    return {} if found is None else {"definition": {"path": None, "hash": found}}


def _name(span: Span, kind: str | None) -> str:
    if kind != Kind.LLM_CALL:
        return span.name
    # Somebody else's span has a name of its own.
    operation, model = text_of(span.words.get(a.OPERATION)), text_of(span.words.get(a.MODEL))
    return " ".join(word for word in (operation or "call", model) if word and word != "unknown")


def _label(span: Span, kind: str | None) -> str | None:
    return None if kind == Kind.LLM_CALL else text_of(span.name.partition(" ")[2])
